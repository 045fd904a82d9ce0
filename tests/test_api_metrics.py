"""The monitor itself, as Prometheus reads it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from actions.add_server import add_server
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN, Role
from collector.writer import Writer
from db import engine as engines
from tests.asking import SIGNED_IN, client, token
from tests.scene import Scene
from web import metrics
from web.metrics import Family, written
from web.routes import routes

APP = Starlette(routes=[Route("/metrics", metrics.send)])
LINE = re.compile(r'^([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.e+-]+)$')


@pytest.fixture
def api(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    return client(engine, monkeypatch, APP)


def scraped(api: TestClient) -> dict[str, float]:
    """Every value by name and labels; every line is one that Prometheus takes."""
    answer = api.get("/metrics", headers=SIGNED_IN)
    assert (answer.status_code, answer.headers["content-type"]) == (200, metrics.CONTENT_TYPE)
    found, typed = {}, set()
    for line in answer.text.splitlines():
        if line.startswith("#"):
            typed |= {line.split()[2]}
            continue
        matched = LINE.match(line)
        assert matched, line
        assert matched[1] in typed
        found[f"{matched[1]}{{{matched[2]}}}" if matched[2] else matched[1]] = float(matched[3])
    assert answer.text.endswith("\n")
    return found


def test_the_monitor_tells_whether_it_polls(api: TestClient, engine: Engine) -> None:
    scene = Scene(engine, at=utc_now() - timedelta(seconds=4))
    for name in ("a", "b", "c"):
        scene.add(name, Role.EDGE, "10.0.0.1")
    Writer(engine, "c").write([scene.poll("a"), scene.failed("b")])
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO collector (name, version, started_at, heartbeat_at, servers, polls, late_polls, spooled_polls)"
            " VALUES ('one', '1', now(), now(), 3, 40, 2, 0),"
            " ('odd \"name\"\\', '1', now(), now() - interval '60 seconds', 2, 9, 1, 7)"
        )
    found = scraped(api)
    assert found["cdn_monitor_database_up"] == 1
    assert found["cdn_monitor_collectors_alive"] == 1
    assert found['cdn_monitor_collector_up{collector="one"}'] == 1
    assert found['cdn_monitor_polls_total{collector="one"}'] == 40
    assert found['cdn_monitor_late_polls_total{collector="one"}'] == 2
    odd = '{collector="odd \\"name\\"\\\\"}'
    assert (found[f"cdn_monitor_collector_up{odd}"], found[f"cdn_monitor_spooled_polls{odd}"]) == (0, 7)
    assert 59 <= found[f"cdn_monitor_collector_heartbeat_age_seconds{odd}"] < 90
    states = {name: found[f'cdn_monitor_servers{{state="{name}"}}'] for name in ("fine", "down", "waiting", "paused")}
    assert states == {"fine": 1, "down": 1, "waiting": 1, "paused": 0}
    assert 4 <= found["cdn_monitor_newest_poll_age_seconds"] < 30
    assert found["cdn_monitor_silent"] == 0


def test_what_nobody_knows_is_left_out(api: TestClient, engine: Engine) -> None:
    add_server(engine, {"name": "a", "kind": "srs", "url": "http://10.0.0.1", "role": "edge"}, key="", by=LOCAL_ADMIN)
    found = scraped(api)
    assert "cdn_monitor_newest_poll_age_seconds" not in found
    assert found["cdn_monitor_collectors_alive"] == 0


def test_a_database_that_is_away_is_told_as_a_figure(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    away = engines.create("postgresql://u:s3cret@127.0.0.1:1/none", wait=1)
    monkeypatch.setattr(engines, "shared", lambda: away)
    found = scraped(api)
    assert found["cdn_monitor_database_up"] == 0
    assert {name.partition("{")[0] for name in found} == {"cdn_monitor_info", "cdn_monitor_database_up"}
    stored = api.get("/metrics", headers={"Authorization": "Bearer cdn_whoever"})
    assert (stored.status_code, stored.headers["content-type"]) == (503, "application/problem+json")


def test_a_token_that_may_read_is_needed(api: TestClient, engine: Engine) -> None:
    refused = api.get("/metrics")
    assert (refused.status_code, refused.headers["content-type"]) == (401, "application/problem+json")
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert api.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert api.get("/metrics", headers=token(engine, "read")).status_code == 200
    assert api.get("/metrics?token=t0ken-of-the-tests").status_code == 401


def test_scrapes_are_limited_like_everything_else(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    api = client(engine, monkeypatch, APP, api_rate_per_minute=2)
    assert [api.get("/metrics", headers=SIGNED_IN).status_code for _ in range(3)] == [200, 200, 429]


def test_it_lies_beside_the_pages_below_any_base_path() -> None:
    assert "/metrics" in {getattr(route, "path", "") for route in routes()}
    assert {"/cdn/metrics", "/cdn/api/v1"} <= {getattr(route, "path", "") for route in routes("/cdn")}


def test_labels_cannot_break_the_text() -> None:
    text = written([Family("n", "gauge", "h", [({"l": 'a"b\\c\nd'}, 1.5), ({"l": "x"}, None)])])
    assert text == '# HELP n h\n# TYPE n gauge\nn{l="a\\"b\\\\c\\nd"} 1.5\n'
