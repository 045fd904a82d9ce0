"""Markers on the time axis: who may set them, what is wrong with one, and what two who change it at once are told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from actions.annotations import add_annotation, change_annotation, remove_annotation
from cdn.errors import Changed, Forbidden, Unknown
from cdn.model import LOCAL_ADMIN, Actor, Invalid, Role
from db import annotations as stored
from db import audit
from db.asked import Only
from tests import asking, rolled_rows

AT = datetime(2026, 3, 1, 20, 0, tzinfo=UTC)
OPERATOR, VIEWER = Actor("olga", "operator"), Actor("vera", "viewer")


def fields(**more: Any) -> dict[str, Any]:
    return {"at": AT, "kind": "match", "words": "Cup final", **more}


def told(engine: Engine, start: datetime = AT, length: timedelta = timedelta(hours=1), **only: Any) -> list[str]:
    return list(stored.within(engine, start, start + length, Only(**only))["words"])


def test_a_marker_is_told_wherever_its_time_reaches_into(engine: Engine) -> None:
    add_annotation(engine, fields(until=AT + timedelta(hours=2)), by=OPERATOR)
    add_annotation(engine, fields(words="deploy", kind="deploy", at=AT + timedelta(minutes=90)), by=OPERATOR)
    assert told(engine) == ["Cup final"]
    assert told(engine, AT + timedelta(hours=1)) == ["deploy", "Cup final"]
    assert told(engine, AT + timedelta(hours=3)) == []
    assert told(engine, AT - timedelta(hours=1)) == []


def test_one_about_something_else_is_left_out(engine: Engine) -> None:
    west = rolled_rows.server(engine, "edge", region="West", provider="Transit")
    east = rolled_rows.server(engine, "other", region="East", role=Role.ORIGIN)
    news, sport = rolled_rows.channel(engine, "news"), rolled_rows.channel(engine, "sport")
    markers: dict[str, dict[str, Any]] = {
        "all": {},
        "west": {"region": "West"},
        "edge": {"server_id": west},
        "news": {"channel_id": news},
        "north": {"region": "North"},
        "edge's news": {"region": "West", "server_id": west, "channel_id": news},
    }
    for words, about in markers.items():
        add_annotation(engine, fields(words=words, **about), by=OPERATOR)
    assert set(told(engine)) == set(markers)
    assert set(told(engine, region=("West",))) == {"all", "west", "edge", "news", "edge's news"}
    assert set(told(engine, region=("East", "North"))) == {"all", "north", "news"}
    assert set(told(engine, provider=("Transit",))) == {"all", "west", "edge", "news", "edge's news"}
    assert set(told(engine, role=("origin",))) == {"all", "news"}
    assert set(told(engine, servers=(east,))) == {"all", "news"}
    assert set(told(engine, servers=(west, east))) == {"all", "west", "edge", "news", "edge's news"}
    assert set(told(engine, channels=(sport,))) == {"all", "west", "edge", "north"}
    assert set(told(engine, channels=(sport, news), servers=(east,))) == {"all", "news"}
    (row,) = rolled_rows.told(stored.within(engine, AT, AT + timedelta(1), Only(servers=(west,)), most=1))
    assert (row.server, row.channel, row.created_by) == ("edge", "news", "olga")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"words": " "}, "words"),
        ({"words": "x" * 201}, "words"),
        ({"words": "a\nb"}, "words"),
        ({"at": None}, "at"),
        ({"at": AT.replace(tzinfo=None)}, "at"),
        ({"at": AT.replace(year=2101)}, "at"),
        ({"until": AT - timedelta(seconds=1)}, "until"),
        ({"until": AT + timedelta(days=400)}, "until"),
        ({"kind": "party"}, "kind"),
        ({"region": "x" * 81}, "region"),
        ({"server_id": 99}, "server_id"),
        ({"server_id": "1"}, "server_id"),
        ({"channel_id": True}, "channel_id"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(engine: Engine, wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        add_annotation(engine, fields(**wrong), by=OPERATOR)
    assert list(caught.value.faults) == [field]
    assert told(engine) == []


def test_two_who_change_one_at_once_are_told_and_all_of_it_is_in_the_trail(engine: Engine) -> None:
    id_ = add_annotation(engine, fields(), by=OPERATOR)
    change_annotation(engine, id_, 1, fields(words="Cup final, late"), by=LOCAL_ADMIN)
    with pytest.raises(Changed):
        change_annotation(engine, id_, 1, fields(words="other"), by=OPERATOR)
    change_annotation(engine, id_, 2, fields(words="Cup final, late"), by=OPERATOR)  # nothing differs
    remove_annotation(engine, id_, by=OPERATOR)
    with pytest.raises(Unknown):
        remove_annotation(engine, id_, by=OPERATOR)
    trail = audit.trail(engine)
    assert list(trail["action"]) == ["annotation.remove", "annotation.change", "annotation.add"]
    assert trail["after"].iloc[1] == {"words": "Cup final, late"}


def test_who_only_looks_changes_nothing(engine: Engine) -> None:
    id_ = add_annotation(engine, fields(), by=OPERATOR)
    with pytest.raises(Forbidden):
        add_annotation(engine, fields(), by=VIEWER)
    with pytest.raises(Forbidden):
        change_annotation(engine, id_, 1, fields(words="x"), by=VIEWER)
    with pytest.raises(Forbidden):
        remove_annotation(engine, id_, by=VIEWER)
    assert told(engine) == ["Cup final"]


def test_programs_set_change_and_take_away_markers(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    api: TestClient = asking.client(engine, monkeypatch)
    api.headers.update(asking.SIGNED_IN)
    made = api.post("/annotations", json={"at": "2026-03-01T20:00:00Z", "words": "Cup final"})
    assert (made.status_code, made.headers["location"]) == (201, f"annotations/{made.json()['id']}")
    path = f"/annotations/{made.json()['id']}"
    assert api.get("/annotations?since=2026-03-01T00:00:00Z&until=2026-03-02T00:00:00Z").json() == [made.json()]
    assert api.get("/annotations?since=2026-04-01T00:00:00Z").json() == []
    assert api.patch(path, json={"words": "x"}).status_code == 428
    etag = api.get(path).headers["etag"]
    changed = api.patch(path, json={"until": "2026-03-01T22:00:00Z", "kind": "match"}, headers={"If-Match": etag})
    assert (changed.status_code, changed.json()["words"], changed.json()["kind"]) == (200, "Cup final", "match")
    assert api.patch(path, json={"words": "x"}, headers={"If-Match": etag}).status_code == 412
    assert api.patch(path, json={"words": "x", "version": 1}).status_code == 409
    early = api.patch(path, json={"until": "2026-02-01T22:00:00Z", "version": 2})
    assert (early.status_code, list(early.json()["faults"])) == (422, ["body.until"])
    assert api.delete(path).status_code == 204
    assert [api.get(path).status_code, api.delete(path).status_code] == [404, 404]
    of_west = {"at": "2026-03-01T20:00:00Z", "words": "Works in the west", "region": "West"}
    assert api.post("/annotations", json=of_west).status_code == 201
    window = {"since": "2026-03-01T00:00:00Z", "until": "2026-03-02T00:00:00Z"}
    shown = [len(api.get("/annotations", params={**window, **only}).json()) for only in ({}, {"region": "West"})]
    hidden = [
        len(api.get("/annotations", params={**window, **only}).json())
        for only in ({"region": "East"}, {"server_id": 9})
    ]
    assert (shown, hidden, len(api.get("/annotations", params={**window, "channel_id": 9}).json())) == (
        [1, 1],
        [0, 0],
        1,
    )
    for text in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert api.get("/annotations", params={"until": text}).status_code == 200
