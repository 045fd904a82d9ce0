"""A small site behind the real gate, over a real database: what tests of the door knock at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from actions.users import add_user
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN
from cdn.networks import Network
from cdn.settings import load
from db import access
from db import engine as engines
from db.frame import records
from web import oidc, plain, signin, visitors, watched
from web.gate import Gate
from web.headers import Guarded
from web.proxies import Proxies
from web.signin import Door
from web.visitors import Visitors

PASSWORD = "seven green boats"
PAGE = {"accept": "text/html"}
API_TOKEN = "t0ken-of-the-environment"


def _who(request: Request) -> Response:
    """Everything the inside is told about who asks."""
    visitor = request.scope["state"].get("visitor")
    told = {name: value for name, value in request.headers.items() if name.startswith("x-cdn-") or name == "cookie"}
    return JSONResponse({"name": visitor and visitor.name, "role": visitor and visitor.role, "headers": told})


async def _socket(socket: WebSocket) -> None:
    """Says who is connected, then everything back that it hears."""
    await socket.accept("streamlit" if "streamlit" in socket.scope["subprotocols"] else None)
    await socket.send_text(socket.headers.get("x-cdn-role", ""))
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        return


class Behind:
    """The site: `engine` of its database, `people` who has an account, `visitors` of the gate."""

    def __init__(self, engine: Engine, base: str, trusted: tuple[Network, ...], tls: bool, config: Any) -> None:
        self.engine = engine
        self.base = base
        self.visitors = Visitors(engines.shared, timedelta(hours=1), API_TOKEN, closed_always=bool(config.oidc_issuer))
        inside: list[BaseRoute] = [
            *Door(base).routes(),
            *oidc.routes(Door(base)),
            WebSocketRoute("/_stcore/stream", _socket),
            Route("/page", lambda _: HTMLResponse("<h1>inside</h1>")),
            Route("/{path:path}", _who, methods=["GET", "POST", "PUT", "DELETE"]),
        ]
        self.app = Starlette(
            routes=[Mount(base, routes=inside), Route("/{path:path}", _who)] if base else inside,
            middleware=[
                Middleware(Proxies, trusted=trusted, tls=tls),
                Middleware(Guarded),
                Middleware(Gate, visitors=self.visitors, base=base, public_url=config.public_url),
            ],
        )

    def add(self, name: str = "ada", role: str = "admin", *, must_change: bool = False) -> int:
        """An account with PASSWORD."""
        return add_user(self.engine, name, role, PASSWORD, by=LOCAL_ADMIN, must_change=must_change)

    def account(self, name: str) -> dict[str, Any]:
        """What is stored of the account of that name."""
        return next(row for row in records(access.users(self.engine, utc_now())) if row["name"] == name)

    @contextmanager
    def browser(self, address: str = "127.0.0.1", url: str = "http://127.0.0.1:8501") -> Iterator[TestClient]:
        """Somebody at `address` who typed `url`."""
        with TestClient(self.app, url, client=(address, 5000), follow_redirects=False) as client:
            yield client


def site(
    engine: Engine,
    patch: pytest.MonkeyPatch,
    *,
    base: str = "",
    trusted: tuple[Network, ...] = (),
    tls: bool = False,
    **settings: Any,
) -> Behind:
    """A site whose program has these settings."""
    config = load(**settings)
    patch.setattr(engines, "shared", lambda: engine)
    for module in (signin, plain, oidc):
        patch.setattr(module, "settings", lambda: config)
    made = Behind(engine, base, trusted, tls, config)
    patch.setattr(visitors, "shared", lambda: made.visitors)
    return made


def site_of_two(engine: Engine, patch: pytest.MonkeyPatch) -> Behind:
    """A site of ada, an admin, and vi, a viewer. Open pages are looked at all the time."""
    patch.setattr(watched, "CHECK", 0.05)
    made = site(engine, patch)
    made.add()
    made.add("vi", "viewer")
    return made


def soon(patch: pytest.MonkeyPatch) -> None:
    """What the gate knows is looked up again after a moment, instead of after as long as people may wait for it."""
    assert visitors.FRESH + watched.CHECK < 5
    patch.setattr(visitors, "FRESH", 0.3)


def origin(client: TestClient) -> dict[str, str]:
    """What a browser adds to a form of this site."""
    return {"origin": str(client.base_url).rstrip("/")}


def form_of(page: str) -> str:
    """The secret in a form of ours."""
    found = re.search(r'name="form" value="([^"]+)"', page)
    assert found
    return found[1]


def sign_in(
    client: TestClient, name: str = "ada", password: str = PASSWORD, *, base: str = "", wanted: str = ""
) -> Any:
    """Fill in the form as a browser would; returns the answer."""
    page = client.get(f"{base}/sign-in", params={"next": wanted} if wanted else {}, headers=PAGE)
    fields = {"form": form_of(page.text), "name": name, "password": password, "next": wanted}
    return client.post(f"{base}/sign-in", data=fields, headers={**PAGE, **origin(client)})
