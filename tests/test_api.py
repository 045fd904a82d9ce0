"""REST: what programs read, who may, and errors that say what was wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import Engine

import web.api
import web.api.auth
from actions.add_server import add_server
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN, Poll
from cdn.settings import load
from collector.writer import Writer
from db import engine as engines
from tests.asking import SIGNED_IN, TOKEN, client
from tests.readings import START, FakeServer


@pytest.fixture
def api(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    return client(engine, monkeypatch)


def shifted(poll: Poll) -> Poll:
    """The poll as if the tests' start of time were two minutes ago."""
    at = poll.at - START + utc_now() - timedelta(seconds=100)
    return Poll(poll.server_id, at, poll.interval, poll.timing, poll.reading, poll.since, poll.reason, poll.detail)


@pytest.fixture
def fleet(engine: Engine) -> int:
    fields = {"name": "edge-1", "kind": "srs", "url": "http://10.0.0.1:1985", "role": "edge", "region": "West"}
    server_id = add_server(engine, fields, key="", by=LOCAL_ADMIN)
    add_server(engine, {**fields, "name": "edge-2", "region": "East"}, key="", by=LOCAL_ADMIN)
    server = FakeServer(server_id)
    server.streams = {"/live/alpha": 0}
    writer = Writer(engine, "c")
    for _ in range(7):
        writer.write([shifted(server.poll())])
        server.grow(15, 30_000)
    return server_id


def test_the_summary_tells_the_fleet_now(api: TestClient, fleet: int) -> None:
    answer = api.get("/summary", headers=SIGNED_IN).json()
    assert answer["now"]["viewers"] == 7.0
    assert answer["now"]["delivered_bps"] == pytest.approx(16_000, rel=0.02)
    assert (answer["now"]["servers_up"], answer["now"]["servers_total"]) == (1, 2)
    assert answer["hour_ago"]["delivered_bps"] is None  # nobody knows: null, not 0
    assert answer["states"] == {"fine": 1, "waiting": 1}
    assert answer["freshness"]["silent"] is False


def test_servers_are_listed_filtered_and_read(api: TestClient, fleet: int) -> None:
    listed = api.get("/servers", headers=SIGNED_IN).json()
    assert [each["name"] for each in listed] == ["edge-1", "edge-2"]
    assert [each["name"] for each in api.get("/servers?state=waiting", headers=SIGNED_IN).json()] == ["edge-2"]
    assert [each["name"] for each in api.get("/servers?region=West", headers=SIGNED_IN).json()] == ["edge-1"]
    one = api.get(f"/servers/{fleet}", headers=SIGNED_IN).json()
    assert (one["state"], one["software"], one["viewers"], one["load_1m"]) == ("fine", "SRS 6.0.157", 7.0, None)
    assert "auth_secret" not in one


def test_streams_are_listed(api: TestClient, fleet: int) -> None:
    (stream,) = api.get("/streams?on_air=true", headers=SIGNED_IN).json()
    assert (stream["server"], stream["url"], stream["name"]) == ("edge-1", "/live/alpha", "alpha")
    assert api.get("/streams?on_air=false", headers=SIGNED_IN).json() == []


@pytest.mark.parametrize("path", ["/summary", "/servers", "/servers/1", "/streams"])
@pytest.mark.parametrize(
    "header", [None, "Bearer wrong", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"]
)
def test_nothing_is_read_without_the_token(api: TestClient, path: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header.encode("latin-1")}
    answer = api.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert TOKEN not in answer.text


def test_without_a_token_set_the_api_is_shut(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.api.auth, "settings", lambda: load())
    assert api.get("/servers", headers={"Authorization": "Bearer "}).status_code == 503


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/servers/999", 404, None),
        ("/servers/x", 422, "path.server_id"),
        ("/servers?state=odd", 422, "query.state"),
        ("/streams?server_id=x", 422, "query.server_id"),
        ("/nothing", 404, None),
    ],
)
def test_errors_name_the_field_and_the_reason(api: TestClient, path: str, status: int, field: str | None) -> None:
    answer = api.get(path, headers=SIGNED_IN)
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert field is None or field in problem["faults"]


def test_an_absent_database_is_said(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    away = engines.create("postgresql://u:s3cret@127.0.0.1:1/none", wait=1)
    monkeypatch.setattr(engines, "shared", lambda: away)
    answer = api.get("/servers", headers=SIGNED_IN)
    assert answer.status_code == 503
    assert "s3cret" not in answer.text
    assert api.get("/readyz").status_code == 503
    assert api.get("/healthz").json() == {"status": "ok"}


def test_health_needs_no_token_and_openapi_describes_everything(api: TestClient) -> None:
    assert api.get("/readyz").json() == {"status": "ready"}
    described = api.get("/openapi.json").json()
    assert len(described["paths"]) == len(
        {route.path for route in web.api.app.routes if isinstance(route, APIRoute) and route.include_in_schema}
    )
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            assert route["description"], f"{method} {path} says nothing of itself"
