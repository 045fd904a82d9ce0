"""REST of channels: what programs read of them, over a real database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from cdn.clock import utc_now
from cdn.model import Role
from collector.writer import Writer
from db import engine as engines
from tests.asking import SIGNED_IN, client
from tests.scene import INTERVAL, Scene

STEPS = 8
PATHS = ("/channels", "/channels/1", "/publications", "/events")


@pytest.fixture
def api(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    return client(engine, monkeypatch)


@pytest.fixture
def scene(engine: Engine) -> Scene:
    """An origin with news and sport, on an edge. Until now news came in, its publisher came back once, its picture
    grew; sport ended while viewers stayed."""
    made = Scene(engine, at=utc_now() - timedelta(seconds=INTERVAL * STEPS))
    made.add("origin", Role.ORIGIN, "10.0.0.1")
    made.add("edge", Role.EDGE, "10.0.0.2")
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO server_origin VALUES (:edge, :origin)"),
            {"edge": made.ids["edge"], "origin": made.ids["origin"]},
        )
    for url in ("/live/news", "/live/sport"):
        made.copy("origin", url).publisher = "studio-1"
        made.copy("edge", url).clients = 10
    writer = Writer(engine, "c")
    for number in range(STEPS):
        made.wait()
        news, sport = made.copy("origin"), made.copy("origin", "/live/sport")
        if number == 3:
            news.publisher, news.width, news.height = "studio-2", 1280, 720
        if number == 5:
            sport.publishing, sport.publisher = False, None
        for copy in (news, *([sport] if sport.publishing else [])):
            copy.ingress += 1_000_000
            copy.egress += 2_000_000
            made.copy("edge", copy.url).egress += 10_000_000
        writer.write([made.poll(name) for name in made.ids])
    return made


def got(api: TestClient, path: str) -> Any:
    answer = api.get(path, headers=SIGNED_IN)
    assert answer.status_code == 200, answer.text
    return answer.json()


def by_name(api: TestClient) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in got(api, "/channels")}


def test_channels_are_listed_with_their_state_and_bounds(api: TestClient, scene: Scene) -> None:
    found = by_name(api)
    news, sport = found["news"], found["sport"]
    assert (news["state"], news["origin"], news["is_home"], news["copies"]) == ("on_air", "origin", True, 1)
    assert news["ingest_bps"] == pytest.approx(1_000_000 * 8 / INTERVAL, rel=0.01)
    assert news["frame_rate"] is None  # nobody counted pictures: null, not 0
    assert (news["width"], news["height"], news["viewers"]) == (1280, 720, 10)
    assert news["published_after"] < news["published_by"] < news["at"]
    assert (sport["state"], sport["viewers"], sport["published_by"]) == ("off_air", 10, None)


def test_channels_are_filtered_by_their_state(api: TestClient, scene: Scene) -> None:
    assert [each["name"] for each in got(api, "/channels?state=off_air")] == ["sport"]
    assert got(api, "/channels?state=stalled") == []


def test_one_channel_tells_every_server_that_carries_it(api: TestClient, scene: Scene) -> None:
    news = by_name(api)["news"]
    one = got(api, f"/channels/{news['id']}")
    assert {name: one[name] for name in ("id", "name", "state")} == {
        name: news[name] for name in ("id", "name", "state")
    }
    origin, edge = one["on_servers"]
    assert (origin["server"], origin["is_home"], origin["state"], origin["role"]) == (
        "origin",
        True,
        "on_air",
        "origin",
    )
    assert origin["viewers"] is None  # its clients were never listed
    assert (edge["server"], edge["is_home"], edge["state"], edge["viewers"]) == ("edge", False, "on_air", 10)
    assert edge["egress_bps"] == pytest.approx(10_000_000 * 8 / INTERVAL, rel=0.01)


def test_publications_tell_times_and_gaps_as_bounds(api: TestClient, scene: Scene) -> None:
    news, sport = by_name(api)["news"], by_name(api)["sport"]
    now, before = got(api, f"/publications?channel_id={news['id']}")
    assert (now["ended_by"], now["end_reason"], now["publisher"]) == (None, None, "studio-2")
    assert (now["off_air_least"], now["off_air_most"]) == (0, INTERVAL)
    assert (before["end_reason"], before["publisher"]) == ("reconnected", "studio-1")
    assert before["ended_after"] < before["ended_by"] == now["began_by"]
    (ended,) = got(api, f"/publications?channel_id={sport['id']}")
    assert (ended["end_reason"], ended["off_air_most"]) == ("stopped", None)
    assert {each["server"] for each in got(api, "/publications")} == {"origin"}
    assert got(api, f"/publications?server_id={scene.ids['edge']}") == []


def test_events_tell_what_changed_into_what(api: TestClient, scene: Scene) -> None:
    (changed,) = [each for each in got(api, f"/events?server_id={scene.ids['origin']}") if each["kind"] == "format"]
    assert (changed["name"], changed["channel_id"]) == ("news", by_name(api)["news"]["id"])
    assert changed["before"].startswith("1920 × 1080")
    assert changed["now"].startswith("1280 × 720")
    assert changed["after"] < changed["at"]
    assert got(api, f"/events?channel_id={by_name(api)['sport']['id']}") == []


def test_a_restart_is_an_event_of_no_channel(api: TestClient, scene: Scene, engine: Engine) -> None:
    scene.process["origin"] = 2
    scene.wait()
    Writer(engine, "d").write([scene.poll("origin")])
    scene_now = got(api, "/events?limit=1000")
    (restart,) = [each for each in scene_now if each["kind"] == "restart"]
    assert (restart["server"], restart["channel_id"], restart["name"]) == ("origin", None, None)


def test_how_far_back_and_how_many_can_be_asked(api: TestClient, scene: Scene) -> None:
    assert len(got(api, "/publications")) == 3
    assert len(got(api, "/publications?limit=1")) == 1
    # What goes on is always told; what ended before `since` is not.
    later = quote((utc_now() + timedelta(hours=1)).isoformat())
    assert [each["ended_by"] for each in got(api, f"/publications?since={later}")] == [None]
    assert got(api, f"/events?since={later}") == []
    assert len(got(api, "/publications?since=0001-01-01T00:00:00Z")) == 3
    assert len(got(api, "/publications?since=0001-01-01T00:00:00%2B14:00")) == 3
    assert len(got(api, "/publications?since=9999-12-31T23:59:59-14:00")) == 1


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_read_without_the_token(api: TestClient, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/channels/999", 404, None),
        ("/channels/x", 422, "path.channel_id"),
        ("/channels/0", 422, "path.channel_id"),
        (f"/channels/{2**63}", 422, "path.channel_id"),
        ("/channels?state=odd", 422, "query.state"),
        ("/publications?since=yesterday", 422, "query.since"),
        ("/publications?since=2026-03-01T12:00:00", 422, "query.since"),  # whose clock?
        ("/publications?limit=0", 422, "query.limit"),
        ("/publications?limit=1001", 422, "query.limit"),
        (f"/publications?channel_id={2**63}", 422, "query.channel_id"),
        ("/events?server_id=x", 422, "query.server_id"),
        ("/events?limit=many", 422, "query.limit"),
    ],
)
def test_errors_name_the_field_and_the_reason(api: TestClient, path: str, status: int, field: str | None) -> None:
    answer = api.get(path, headers=SIGNED_IN)
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert field is None or field in problem["faults"]


@pytest.mark.parametrize("path", PATHS)
def test_an_absent_database_is_said(api: TestClient, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    away = engines.create("postgresql://u:s3cret@127.0.0.1:1/none", wait=1)
    monkeypatch.setattr(engines, "shared", lambda: away)
    answer = api.get(path, headers=SIGNED_IN)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "s3cret" not in answer.text


def test_openapi_tells_what_every_bound_means(api: TestClient) -> None:
    described = api.get("/openapi.json").json()
    assert {"/channels", "/channels/{channel_id}", "/publications", "/events"} <= set(described["paths"])
    shapes = described["components"]["schemas"]
    for shape, fields in {
        "Channel": ("published_after", "published_by", "copies_unknown", "viewers"),
        "Publication": ("began_after", "ended_by", "off_air_least", "off_air_most"),
        "Event": ("after", "channel_id"),
    }.items():
        assert all(shapes[shape]["properties"][field]["description"] for field in fields)
