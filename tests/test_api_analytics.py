"""The API tells of the past what the pages show, as JSON and as CSV."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from cdn.model import Kind
from tests import asking, rolled_rows

START = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = {"since": "2026-03-02T00:00:00Z", "until": "2026-03-02T02:00:00Z"}


@pytest.fixture
def api(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    made = asking.client(engine, monkeypatch)
    made.headers.update(asking.SIGNED_IN)
    edges = [
        rolled_rows.server(engine, f"edge-{n}", region="West" if n < 2 else "=East", kind=Kind.NGINX_RTMP)
        for n in range(4)
    ]
    day = timedelta(days=1)
    rows = []
    for place, server in enumerate(edges):
        for number in range(24):
            at = START + timedelta(minutes=5 * number)
            given = {"delivered_bytes": 300 * (place + 1), "egress_bytes": 300 * (place + 1), "ingress_bytes": 30}
            rows.append(rolled_rows.traffic_row(server, at, **given, viewer_seconds=300.0 * place))
        rows.append(rolled_rows.traffic_row(server, START - day, delivered_bytes=100))
    rolled_rows.write(engine, "traffic_5m", rows)
    rolled_rows.roll_up(engine, START - day, START + day)
    return made


def told(api: TestClient, path: str, **more: Any) -> dict[str, Any]:
    answer = api.get(f"/analytics/{path}", params={**WINDOW, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_series_add_up_to_the_total_and_say_how_fine_they_are(api: TestClient) -> None:
    total = told(api, "traffic")
    assert (total["step_seconds"], total["bucket_seconds"], len(total["at"]), total["seen"]) == (300, 300, 24, 1)
    (series,) = total["series"]
    assert set(series["bps"]) == {80.0}
    assert series["bytes"] == 24 * 3_000
    parts = told(api, "traffic", by="server", most=2, compare="day")["series"]
    assert [(each["name"], each["is_rest"], each["bytes"]) for each in parts] == [
        ("edge-3", False, 24 * 1_200),
        ("edge-2", False, 24 * 900),
        ("", True, 24 * 900),
    ]
    assert [each["before_bytes"] for each in parts] == [100, 100, None]
    assert [each["name"] for each in told(api, "traffic", by="region")["series"]] == ["=East", "West"]
    assert told(api, "traffic", region="West")["series"][0]["bytes"] == 24 * 900


def test_peaks_say_how_long_they_are(api: TestClient) -> None:
    answer = told(api, "peaks", by="server")
    assert answer["bucket_seconds"] == 300
    assert [(each["name"], each["bps"]) for each in answer["peaks"]][:2] == [("edge-3", 32.0), ("edge-2", 24.0)]
    assert answer["peaks"][0]["at"] == "2026-03-02T00:00:00Z"


def test_hours_of_the_week_are_those_of_the_zone(api: TestClient) -> None:
    for zone, hours in (("UTC", {0, 1}), ("Asia/Kolkata", {5, 6, 7}), ("Europe/Berlin", {1, 2})):
        found = told(api, "busiest", zone=zone)["hours"]
        assert ({each["hour"] for each in found}, {each["weekday"] for each in found}) == (hours, {0})
        assert {each["mean_bps"] for each in found} == {80.0}


def test_the_audience_is_told_with_its_ranking(api: TestClient) -> None:
    answer = told(api, "audience", by="server")
    assert [(each["name"], each["viewer_seconds"], each["peak"]) for each in answer["ranking"]][:2] == [
        ("edge-3", 24 * 900, 3),
        ("edge-2", 24 * 600, 2),
    ]
    assert sum(each["viewers"][0] for each in answer["series"]) == 6


def test_what_the_origins_were_spared_comes_with_its_formula(api: TestClient) -> None:
    answer = told(api, "offload")
    assert answer["offload"] == [None] * 24  # no first origin told own servers apart
    assert [(each["name"], each["offload"]) for each in answer["edges"]][:1] == [("edge-3", pytest.approx(0.975))]
    assert "÷" in answer["formulas"]["offload"]
    assert told(api, "offload", server_id=1)["offload"][0] == pytest.approx(0.9)


@pytest.mark.parametrize("path", ["traffic", "peaks", "busiest", "audience", "offload"])
def test_all_of_it_comes_as_csv_too(api: TestClient, path: str) -> None:
    asked = {"params": {**WINDOW, "zone": "Europe/Berlin"}, "headers": {"Accept": "text/csv"}}
    by_header = api.get(f"/analytics/{path}", **asked)
    by_name = api.get(f"/analytics/{path}", params={**WINDOW, "zone": "Europe/Berlin", "format": "csv"})
    assert by_header.headers["content-type"].startswith("text/csv")
    assert by_header.content == by_name.content
    assert by_header.text.count("\r\n") >= 2
    if path == "traffic":
        assert by_header.text.startswith("\ufeffTime (UTC),Time (Europe/Berlin),Name,Bytes,Rate (bit/s)\r\n")
        named = api.get(f"/analytics/{path}", params={**WINDOW, "by": "region", "format": "csv"}).text
        assert ",'=East," in named  # no formula for a spreadsheet


@pytest.mark.parametrize(
    ("path", "wrong", "field"),
    [
        ("traffic", {"since": "2026-03-02T03:00:00Z"}, "query.since"),
        ("traffic", {"since": "1999-01-01T00:00:00Z", "until": "1999-02-01T00:00:00Z"}, "query.since"),
        ("traffic", {"since": "2019-03-02T00:00:00Z"}, "query.since"),
        ("traffic", {"since": "2024-03-02T00:00:00Z", "by": "server"}, "query.since"),
        ("traffic", {"by": "planet"}, "query.by"),
        ("traffic", {"flow": "in", "by": "channel"}, "query.flow"),
        ("peaks", {"flow": "own", "channel_id": 1, "by": "region"}, "query.flow"),
        ("busiest", {"zone": "Europe/Atlantis"}, "query.zone"),
        ("audience", {"most": 51}, "query.most"),
        ("offload", {"format": "xml"}, "query.format"),
    ],
)
def test_what_is_wrong_with_a_question_is_named(api: TestClient, path: str, wrong: dict[str, Any], field: str) -> None:
    answer = api.get(f"/analytics/{path}", params={**WINDOW, **wrong})
    assert (answer.status_code, list(answer.json()["faults"])) == (422, [field])


@pytest.mark.parametrize("path", ["traffic", "peaks", "busiest", "audience", "offload"])
def test_an_empty_database_has_answers_without_figures(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    empty = asking.client(engine, monkeypatch)
    answer = empty.get(f"/analytics/{path}", headers=asking.SIGNED_IN)
    assert answer.status_code == 200
    assert not any(answer.json().get(name) for name in ("series", "peaks", "hours", "ranking", "edges"))
