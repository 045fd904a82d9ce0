"""The REST API over a test's own database, and those who ask it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from starlette.types import ASGIApp, Receive, Scope, Send

import web.api
import web.api.auth
from actions.tokens import make_token
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN
from cdn.settings import load
from db import engine as engines
from db.access import Visitor
from web.api.limits import windows

TOKEN = "t0ken-of-the-tests"
SIGNED_IN = {"Authorization": f"Bearer {TOKEN}"}
SCOPES = ("read", "operate", "admin")


def client(engine: Engine, monkeypatch: pytest.MonkeyPatch, app: ASGIApp = web.api.app, **chosen: Any) -> TestClient:
    """The API over `engine`, with the settings `chosen`. Nobody has asked it yet."""
    config = load(**{"api_token": TOKEN, **chosen})
    monkeypatch.setattr(engines, "shared", lambda: engine)
    monkeypatch.setattr(web.api.auth, "settings", lambda: config)
    windows.clear()
    return TestClient(app, raise_server_exceptions=False)


def token(engine: Engine, scope: str, **more: Any) -> dict[str, str]:
    """The header of a new token."""
    asked = {"expires_at": None, "user_id": None, "now": utc_now(), **more}
    made = make_token(engine, f"test {scope}", scope, by=LOCAL_ADMIN, **asked)
    return {"Authorization": f"Bearer {made.secret}"}


@dataclass
class Gate:
    """Stands where the gate stands: says who is signed in."""

    visitor: Visitor | None
    app: ASGIApp = field(default=web.api.app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "state": {**scope.get("state", {}), "visitor": self.visitor}}, receive, send)


@dataclass(frozen=True)
class Operation:
    """A route of the OpenAPI document, ready to be asked. scope None: needs no token."""

    method: str
    path: str
    scope: str | None
    body: Any

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


# What stands for the parameters in paths; the bodies' examples would knock at addresses of others.
PATH = {
    **dict.fromkeys(("server_id", "channel_id", "contract_id", "annotation_id", "token_id", "user_id"), "1"),
    "address": "192.0.2.7",
    "month": "2026-10",
}
NOBODY = "http://127.0.0.1:9"


def operations() -> list[Operation]:
    """Every route there is, out of the OpenAPI document."""
    return list(_operations())


def _operations() -> Iterator[Operation]:
    described = web.api.app.openapi()
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            scopes = [scope for each in route.get("security", ()) for scope in each["token"]]
            assert len(scopes) < 2, "a route has one scope"
            body = None
            if "requestBody" in route:
                reference = route["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                body = dict(described["components"]["schemas"][reference.rpartition("/")[2]]["examples"][0])
                if "url" in body:
                    body["url"] = NOBODY
            asked = path
            for name, value in PATH.items():
                asked = asked.replace(f"{{{name}}}", value)
            if path == "/metrics/query":
                asked += "?metric=delivered"
            if path == "/contracts/{contract_id}/invoice-check":
                asked += "?month=2026-10&bps=1000000"
            yield Operation(method.upper(), asked, scopes[0] if scopes else None, body)
