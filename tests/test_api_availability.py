"""What programs are told of uptime, outages, drop-outs and schedules; and what they are told when they ask wrongly."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text

from collector.writer import Writer
from db import rollup
from tests.asking import SIGNED_IN, client, token
from tests.readings import moment
from tests.test_airtime import NOON, Published, new_channel, publish
from tests.test_availability import new_server

WINDOW = {"since": "2026-03-01T12:00:00Z", "until": "2026-03-01T13:00:00Z"}


@pytest.fixture
def api(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    made = client(engine, monkeypatch)
    made.headers.update(SIGNED_IN)
    return made


@pytest.fixture
def watched(engine: Engine) -> int:
    """A server, down twice in an hour, for two and for one poll."""
    server = new_server(engine)
    writer = Writer(engine, "a")
    for number in range(241):
        if number:
            server.grow(15, 100)
        writer.write([server.failed() if number in (100, 101, 200) else server.poll()])
    rollup.roll_up(engine, moment(4_000))
    return server.server_id


def test_uptime_is_told_of_all_of_regions_and_of_servers(api: TestClient, watched: int) -> None:
    total = api.get("/analytics/availability", params=WINDOW).json()["rows"][0]
    assert total["up_ratio"] == pytest.approx(1 - 45 / 3_600)
    assert (total["outages"], total["repaired"], total["server_id"]) == (2, 2, None)
    assert (total["down_least"], total["down_most"]) == (15.0, 75.0)
    region = api.get("/analytics/availability", params={**WINDOW, "by": "region"}).json()["rows"]
    assert [row["name"] for row in region] == ["West"]
    server = api.get("/analytics/availability", params={**WINDOW, "by": "server"}).json()["rows"]
    assert [(row["server_id"], row["up_seconds"]) for row in server] == [(watched, total["up_seconds"])]


def test_a_month_of_any_zone_may_be_asked_for(api: TestClient, watched: int) -> None:
    asked = {"month": "2026-03", "zone": "Asia/Kolkata", "by": "server"}
    answer = api.get("/analytics/availability", params=asked).json()
    assert (answer["since"], answer["until"]) == ("2026-02-28T18:30:00Z", "2026-03-31T18:30:00Z")
    row = answer["rows"][0]
    assert row["server_id"] == watched
    assert row["up_most"] > 0.99
    assert row["up_least"] < 0.01


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"month": "2026-13"}, "query.month"),
        ({"month": "2199-01"}, "query.month"),
        ({"zone": "Mars/Olympus"}, "query.zone"),
        ({"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, "query.since"),
        ({"since": "2025-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"}, "query.since"),
        ({"until": "2026-03-01T00:00:00Z"}, "query.since"),
        ({"month": "2026-03", **WINDOW}, "query.month"),
    ],
)
def test_a_wrong_window_is_told_by_its_field(api: TestClient, asked: dict[str, str], field: str) -> None:
    for path in ("availability", "airtime", "outages", "dropouts", "response-times"):
        answer = api.get(f"/analytics/{path}", params=asked)
        assert answer.status_code == 422
        assert field in answer.json()["faults"]


def test_outages_come_newest_first_in_pages(api: TestClient, watched: int) -> None:
    first = api.get("/analytics/outages", params={**WINDOW, "limit": 1})
    assert [row["began_by"] for row in first.json()] == ["2026-03-01T12:50:00Z"]
    assert (first.json()[0]["lasted_least"], first.json()[0]["lasted_most"]) == (0.0, 30.0)
    assert first.json()[0]["reason"] == "refused"
    following = first.headers["link"].partition(">")[0].removeprefix("<")
    second = api.get(f"/analytics/outages{following}")
    assert [row["began_by"] for row in second.json()] == ["2026-03-01T12:25:00Z"]
    assert "link" not in second.headers
    assert api.get("/analytics/outages", params={**WINDOW, "server_id": watched + 1}).json() == []


def test_response_times_are_told_in_even_steps(api: TestClient, watched: int) -> None:
    answer = api.get("/analytics/response-times", params=WINDOW).json()
    assert answer["step_seconds"] == 300
    assert len(answer["at"]) == len(answer["mean"]) == 12
    assert answer["mean"][0] == pytest.approx(0.003)


def test_channels_and_their_drop_outs_are_told(engine: Engine, api: TestClient) -> None:
    channel, homes = new_channel(engine)
    publish(engine, homes[0], [Published(None, 0, 100, 115), Published(200, 215, 4_000, 4_015)])
    window = {"since": NOON.isoformat(), "until": (NOON + timedelta(hours=1)).isoformat()}
    row = api.get("/analytics/airtime", params=window).json()["rows"][0]
    assert (row["channel_id"], row["expected_seconds"]) == (channel, 3_600.0)
    assert (row["off_least"], row["off_most"]) == (85.0, 115.0)
    drops = api.get("/analytics/dropouts", params={**window, "channel_id": channel}).json()
    assert [(each["began_after"], each["off_least"], each["goes_on"]) for each in drops] == [
        ("2026-03-02T12:01:40Z", 85.0, False)
    ]


def test_a_schedule_is_set_shown_and_written_down(engine: Engine, api: TestClient) -> None:
    channel, _ = new_channel(engine)
    wanted = {"schedule": "Mon-Fri  06:00-23:00", "zone": "Europe/Berlin"}
    answer = api.put(f"/channels/{channel}/schedule", json=wanted)
    assert answer.status_code == 200
    assert answer.json()["schedule"] == "Mon-Fri 06:00-23:00"
    assert api.get(f"/channels/{channel}/schedule").json() == answer.json()
    with engine.begin() as connection:
        trail = connection.execute(text("SELECT action, before, after FROM audit")).all()
    assert [tuple(row) for row in trail] == [
        (
            "channel.schedule",
            {"schedule": "", "zone": "UTC"},
            {"schedule": "Mon-Fri 06:00-23:00", "zone": "Europe/Berlin"},
        )
    ]


def test_a_wrong_schedule_names_each_fault(engine: Engine, api: TestClient) -> None:
    channel, _ = new_channel(engine)
    answer = api.put(f"/channels/{channel}/schedule", json={"schedule": "Mon 6-23", "zone": "Mars"})
    assert answer.status_code == 422
    assert set(answer.json()["faults"]) == {"body.schedule", "body.zone"}
    assert "06:00-23:00" in answer.json()["faults"]["body.schedule"]
    assert api.put("/channels/999/schedule", json={"schedule": ""}).status_code == 404
    assert api.get("/channels/999/schedule").status_code == 404


def test_only_admins_set_a_schedule(engine: Engine, api: TestClient) -> None:
    channel, _ = new_channel(engine)
    for scope, status in (("read", 403), ("operate", 403), ("admin", 200)):
        answer = api.put(f"/channels/{channel}/schedule", json={"schedule": "never"}, headers=token(engine, scope))
        assert answer.status_code == status


def test_without_anything_stored_nothing_is_known(api: TestClient) -> None:
    row = api.get("/analytics/availability").json()["rows"][0]
    assert (row["up_ratio"], row["outages"]) == (None, 0)
    assert api.get("/analytics/airtime").json()["rows"] == []
