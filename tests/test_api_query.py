"""Metrics of long and of earlier times by REST: which level answers, what it says of itself, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from cdn.clock import utc_now
from db import partitions, query
from db.quantities import QUANTITIES
from db.query_sql import Level
from db.query_steps import Wanted, levels
from db.steps import floor
from tests import rolled_rows
from tests.asking import SIGNED_IN, client

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG_AGO, NOW = datetime(2000, 1, 1, tzinfo=UTC), datetime(2026, 3, 4, 12, 34, tzinfo=UTC)


@pytest.fixture
def api(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    made = client(engine, monkeypatch)
    made.headers.update(SIGNED_IN)
    return made


def asked(api: TestClient, metric: str, **more: Any) -> dict[str, Any]:
    answer = api.get("/metrics/query", params={"metric": metric, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def refused(api: TestClient, **given: Any) -> dict[str, str]:
    answer = api.get("/metrics/query", params={"metric": "connections", **given})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    faults: dict[str, str] = answer.json()["faults"]
    return faults


def wide_row(server_id: int, at: datetime, seconds: float, **given: Any) -> dict[str, Any]:
    """A row of server_5m or server_1h; what is not given is not known."""
    watched = {"covered_seconds": seconds, "up_seconds": seconds, "counted_seconds": seconds}
    return {"server_id": server_id, "at": at, **watched, **given}


def gauge(name: str, mean: float, least: float, most: float, known: float) -> dict[str, float]:
    return {name: mean, f"{name}_min": least, f"{name}_max": most, f"{name}_known": known}


def told(answer: dict[str, Any], values: list[float | None]) -> dict[datetime, float]:
    """What is known of a series, by when it begins."""
    pairs = zip(answer["at"], values, strict=True)
    return {datetime.fromisoformat(at): value for at, value in pairs if value is not None}


def test_ninety_days_are_read_by_the_hour_and_say_so(api: TestClient, engine: Engine) -> None:
    edge, other = (rolled_rows.server(engine, name, region="West") for name in ("edge", "other"))
    day = floor(utc_now() - 60 * DAY, 86_400)
    rows = [wide_row(edge, day, 3_600, **gauge("system_cpu", 0.2, 0.1, 0.9, 3_600), requests=7_200)]
    rows += [wide_row(other, day + HOUR, 3_600, **gauge("system_cpu", 0.6, 0.5, 0.7, 1_200), requests=3_600)]
    rolled_rows.write(engine, "server_1h", rows)
    partitions.ensure(engine, "server_1h", [(utc_now() - 100 * DAY).date()])
    answer = asked(api, "system_cpu", window="90d", step="2h", group="region", extremes="true")
    assert (answer["level"], answer["bucket_seconds"], answer["step_seconds"]) == ("1h", 3_600, 7_200)
    assert datetime.fromisoformat(answer["kept_since"]) <= datetime.fromisoformat(answer["since"])
    assert len(answer["at"]) == 1_080
    (series,) = answer["series"]
    # Each weighs as long as it was known, whatever the other tells.
    assert told(answer, series["values"]) == {day: pytest.approx((0.2 * 3 + 0.6) / 4)}
    assert told(answer, series["least"]) == {day: pytest.approx(0.1)}
    assert told(answer, series["most"]) == {day: pytest.approx(0.9)}
    rate = asked(api, "requests", window="90d", step="2h")
    assert told(rate, rate["series"][0]["values"]) == {day: 3}
    each = asked(api, "requests", window="90d", step="1d", group="server")
    assert [(one["name"], told(each, one["values"])) for one in each["series"]] == [
        ("edge", {day: 2}),
        ("other", {day: 1}),
    ]
    assert "least" not in each["series"][0]


def test_minutes_that_are_no_longer_kept_are_answered_by_five_minutes(api: TestClient, engine: Engine) -> None:
    edge = rolled_rows.server(engine, "edge")
    at = floor(utc_now() - 12 * DAY, 3_600)
    rows = [
        rolled_rows.traffic_row(edge, at, egress_bytes=3_000, delivered_bytes=3_000, viewer_seconds=1_200.0),
        rolled_rows.traffic_row(edge, at + HOUR / 2, egress_bytes=6_000, delivered_bytes=6_000, up_seconds=0.0),
    ]
    rolled_rows.write(engine, "traffic_5m", rows)
    partitions.ensure(engine, "traffic_5m", [(utc_now() - 32 * DAY).date()])
    rolled_rows.roll_up(engine, at, at)
    answer = asked(api, "delivered", window="14d")
    assert (answer["level"], answer["step_seconds"], answer["source"]) == ("5m", 7_200, "minutes")
    (value,) = told(answer, answer["series"][0]["values"]).values()
    assert value == pytest.approx(9_000 * 8 / 600)
    fine = asked(api, "viewers", since=at.isoformat(), until=(at + HOUR).isoformat())
    assert (fine["level"], fine["step_seconds"], fine["window"]) == ("5m", 300, None)
    assert fine["series"][0]["values"] == [4, *[None] * 11]
    coarse = asked(api, "delivered", since=at.isoformat(), until=(at + HOUR).isoformat(), step="30m")
    assert coarse["series"][0]["values"] == [80, 160]
    assert coarse["seen"] == pytest.approx(600 / 3_600)
    # As fine as that only polls and minutes are: unknown, and not something else.
    (series,) = asked(api, "viewers", since=at.isoformat(), until=(at + HOUR).isoformat(), step="1m")["series"]
    assert series["values"] == [None] * 60


def test_what_was_told_apart_stays_so_in_roll_ups(api: TestClient, engine: Engine) -> None:
    edge, home = rolled_rows.server(engine, "edge"), rolled_rows.server(engine, "home")
    at = floor(utc_now() - 20 * DAY, 3_600)
    later = at + HOUR
    rows = [
        rolled_rows.traffic_row(edge, at, egress_bytes=9_000, delivered_bytes=9_000),
        rolled_rows.traffic_row(
            home, at, egress_bytes=1_500, delivered_bytes=600, internal_bytes=900, home_bytes=900, untold_bytes=None
        ),
        rolled_rows.traffic_row(edge, later, egress_bytes=9_000, delivered_bytes=9_000),
        rolled_rows.traffic_row(home, later, egress_bytes=1_500, untold_bytes=1_500),
    ]
    rolled_rows.write(engine, "traffic_5m", rows)
    partitions.ensure(engine, "traffic_5m", [(utc_now() - 62 * DAY).date()])
    times = {"since": at.isoformat(), "until": (at + 2 * HOUR).isoformat(), "step": "1h"}

    def values(metric: str) -> list[float | None]:
        found: list[float | None] = asked(api, metric, **times)["series"][0]["values"]
        return found

    assert values("delivered") == [pytest.approx(9_600 * 8 / 300), pytest.approx(9_000 * 8 / 300)]
    # Of an edge that nobody asked who reads from it, nothing is known, and nothing is not 0.
    assert values("internal") == [pytest.approx(900 * 8 / 300), None]
    assert values("origin_offload") == [pytest.approx(1 - 900 / 9_600), None]


def test_years_are_read_by_the_day_where_steps_are_days(api: TestClient, engine: Engine) -> None:
    edge = rolled_rows.server(engine, "edge")
    day = floor(utc_now() - 300 * DAY, 86_400)
    row = rolled_rows.traffic_row(edge, day, egress_bytes=864_000, covered_seconds=86_400.0)
    rolled_rows.write(engine, "traffic_1d", [{**row, "counted_seconds": 86_400.0}])
    partitions.ensure(engine, "traffic_1d", [(utc_now() - 380 * DAY).date()])
    answer = asked(api, "egress_bytes", window="365d", step="1d")
    assert (answer["level"], answer["bucket_seconds"]) == ("1d", 86_400)
    assert told(answer, answer["series"][0]["values"]) == {day: 80}
    whole = asked(api, "egress_bytes", window="365d")
    assert whole["step_seconds"] == 7 * 86_400
    assert all(datetime.fromisoformat(at).weekday() == 0 for at in whole["at"])


def test_who_asks_for_more_polls_than_may_be_read_gets_five_minutes(
    api: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = rolled_rows.server(engine, "edge")
    rolled_rows.write(engine, "server_5m", [wide_row(edge, floor(utc_now() - DAY, 300), 300, requests=600)])
    partitions.ensure(engine, "server_5m", [(utc_now() - 40 * DAY).date()])
    monkeypatch.setattr(query, "MOST_ROWS", 1_000)
    answer = asked(api, "requests", window="2d")
    assert answer["level"] == "5m"
    assert max(told(answer, answer["series"][0]["values"]).values()) == pytest.approx(2)
    assert asked(api, "requests", window="1h")["level"] == "polls"
    monkeypatch.setattr(query, "MOST_ROWS", 100)
    assert "five minutes of 1 servers" in refused(api, metric="requests", window="2d")["query.window"]


def test_a_wrong_question_is_told_what_was_seen_and_what_is_wanted(api: TestClient) -> None:
    assert "want one of them" in refused(api, since="2026-01-01T00:00:00Z", window="24h")["query.since"]
    later = {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    assert refused(api, **later)["query.since"].startswith("2026-01-02T00:00:00Z is not before 2026-01-01T00:00:00Z")
    assert "want at most 1,830" in refused(api, since="2001-01-01T00:00:00Z")["query.since"]
    assert "43,200 points" in refused(api, window="30d", step="1m")["query.step"]
    assert "want a metric of moments" in refused(api, metric="requests", extremes="true", window="1h")["query.extremes"]
    assert "group=server" in refused(api, extremes="true", window="1h")["query.extremes"]
    assert list(refused(api, extremes="maybe")) == ["query.extremes"]


@pytest.mark.parametrize(
    ("metric", "length", "step", "ago", "best"),
    [
        ("requests", 14 * DAY, None, timedelta(0), Level.POLLS),
        ("viewers", 8 * DAY, None, timedelta(0), Level.MINUTES),
        ("viewers", 14 * DAY, None, timedelta(0), Level.FIVE_MINUTES),
        ("requests", DAY, None, 15 * DAY, Level.FIVE_MINUTES),
        ("requests", 30 * DAY, None, timedelta(0), Level.HOURS),
        ("requests", 30 * DAY, 1_800, timedelta(0), Level.FIVE_MINUTES),
        ("requests", 30 * DAY, 86_400, timedelta(0), Level.HOURS),
        ("viewers", 30 * DAY, 86_400, timedelta(0), Level.DAYS),
        ("viewers", 365 * DAY, None, timedelta(0), Level.DAYS),
        ("viewers", DAY, None, 500 * DAY, Level.HOURS),
        ("viewers", HOUR / 2, None, 500 * DAY, Level.HOURS),
        ("viewers", HOUR / 2, 60, 500 * DAY, Level.MINUTES),
        ("viewers", 30 * DAY, None, 3_000 * DAY, Level.HOURS),
    ],
)
def test_the_level_is_the_finest_that_is_kept_so_long_and_fits_the_steps(
    metric: str, length: timedelta, step: int | None, ago: timedelta, best: Level
) -> None:
    raw, days = (Level.MINUTES, 8) if QUANTITIES[metric].is_narrow else (Level.POLLS, 14)
    since = {raw: NOW - days * DAY, Level.FIVE_MINUTES: NOW - 400 * DAY, Level.HOURS: NOW - 1_826 * DAY}
    if QUANTITIES[metric].is_narrow:
        since[Level.DAYS] = NOW - 1_826 * DAY
    assert levels(Wanted(length, NOW - ago, step), since)[0] is best
