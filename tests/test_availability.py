"""Uptime, outages and response times equal a slow, obvious computation, with blind times and odd zones."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from itertools import count, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cdn.model import Kind, Role
from cdn.months import Month, day_begins, span
from collector.writer import Writer
from db import availability, partitions, responses, rollup
from db.fleet import Draft, add
from db.models import Server
from db.rolled import outage, server_5m, traffic_1h, traffic_5m
from tests.readings import START, FakeServer, moment

_names = count(1)


def new_server(engine: Engine, created: datetime = START, region: str = "West") -> FakeServer:
    with Session(engine) as session, session.begin():
        draft = Draft(f"av-{next(_names)}", Kind.SRS, "http://127.0.0.1:1985", Role.EDGE, region=region)
        server = add(session, draft, "")
        session.flush()
        server.created_at = created
        return FakeServer(server.id)


def insert(engine: Engine, table: Any, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    partitions.ensure(engine, table.name, {row["at"].date() for row in rows})
    with engine.begin() as connection:
        connection.execute(table.insert(), rows)


def watch(engine: Engine, server_id: int, start: datetime, minutes: list[tuple[float, float]]) -> None:
    """Five minutes after `start` of (covered, up) seconds, and the hours they make up."""
    fives: list[dict[str, Any]] = [
        {
            "server_id": server_id,
            "at": start + number * availability.STEP,
            "covered_seconds": covered,
            "up_seconds": up,
            "counted_seconds": 0.0,
        }
        for number, (covered, up) in enumerate(minutes)
    ]
    hours: dict[datetime, dict[str, Any]] = {}
    for row in fives:
        hour = row["at"].replace(minute=0)
        cell = hours.setdefault(hour, {**row, "at": hour, "covered_seconds": 0.0, "up_seconds": 0.0})
        cell["covered_seconds"] += row["covered_seconds"]
        cell["up_seconds"] += row["up_seconds"]
    insert(engine, traffic_5m, fives)
    insert(engine, traffic_1h, list(hours.values()))


looks = st.sampled_from([(300.0, 300.0), (300.0, 300.0), (300.0, 0.0), (0.0, 0.0), (180.0, 120.0)])
zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
# Around changes of clocks, a leap day and the turn of the year.
begins = st.sampled_from(
    [datetime(*day, tzinfo=UTC) for day in ((2026, 3, 28), (2026, 10, 24), (2028, 2, 28), (2026, 12, 30))]
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(looks, st.integers(1, 60)), min_size=1, max_size=12), zones, begins, st.integers(0, 400))
def test_days_of_any_zone_equal_the_slow_sums(
    engine: Engine, plan: list[tuple[tuple[float, float], int]], zone_name: str, begin: datetime, offset: int
) -> None:
    zone = ZoneInfo(zone_name)
    minutes = [look for look, times in plan for _ in range(times)]
    first = begin + offset * availability.STEP
    end = first + len(minutes) * availability.STEP
    server = new_server(engine, created=first)
    watch(engine, server.server_id, first, minutes)
    bounds = days(begin.date(), end.date(), zone)
    found = availability.watched(engine, bounds, end + timedelta(minutes=1), [server.server_id])
    shown: dict[Any, Any] = {row.part: row for row in found.itertuples()}
    for part, (start, over) in enumerate(pairwise(bounds)):
        inside = [look for number, look in enumerate(minutes) if start <= first + number * availability.STEP < over]
        if not inside:
            assert part not in shown
            continue
        row: Any = shown[part]
        assert (row.expected, row.covered, row.up) == (
            300.0 * len(inside),
            sum(covered for covered, _ in inside),
            sum(up for _, up in inside),
        )
    total = availability.told(found).iloc[0]
    covered, up = sum(each for each, _ in minutes), sum(each for _, each in minutes)
    assert total["least"] == pytest.approx(up / (300 * len(minutes)))
    assert total["most"] == pytest.approx((up + 300 * len(minutes) - covered) / (300 * len(minutes)))
    assert total["up_ratio"] == pytest.approx(up / covered) if covered else math.isnan(total["up_ratio"])


def days(first: date, last: date, zone: ZoneInfo) -> list[datetime]:
    return [day_begins(first + timedelta(days=number), zone) for number in range(-1, (last - first).days + 3)]


def test_a_day_in_which_clocks_change_has_as_many_seconds_as_it_has(engine: Engine) -> None:
    zone = ZoneInfo("Europe/Berlin")
    server = new_server(engine, created=datetime(2026, 1, 1, tzinfo=UTC))
    for month, hours in ((Month(2026, 3), 743), (Month(2026, 10), 745), (Month(2026, 2), 672)):
        whole = span(month, zone)
        now = datetime(2027, 1, 1, tzinfo=UTC)
        found = availability.watched(engine, [whole.start, whole.end], now, [server.server_id])
        assert found["expected"].sum() == hours * 3600
    leap = span(Month(2028, 2), zone)
    now = datetime(2028, 4, 1, tzinfo=UTC)
    found = availability.watched(engine, [leap.start, leap.end], now, [server.server_id])
    assert found["expected"].sum() == 29 * 86_400


def test_blind_time_makes_a_range_and_nothing_seen_is_not_zero(engine: Engine) -> None:
    server = new_server(engine)
    watch(engine, server.server_id, START, [(300, 300), (300, 0), (0, 0), (0, 0)])
    bounds = [START, START + 4 * availability.STEP]
    row = availability.told(availability.watched(engine, bounds, bounds[1])).iloc[0]
    assert (row["up_ratio"], row["least"], row["most"], row["seen"]) == (0.5, 0.25, 0.75, 0.5)
    blind = [START + 2 * availability.STEP, bounds[1]]
    row = availability.told(availability.watched(engine, blind, bounds[1])).iloc[0]
    assert math.isnan(row["up_ratio"])
    assert (row["least"], row["most"]) == (0.0, 1.0)


def test_a_server_counts_only_while_it_exists(engine: Engine) -> None:
    server = new_server(engine, created=START + timedelta(minutes=30))
    with Session(engine) as session, session.begin():
        session.get_one(Server, server.server_id).retired_at = START + timedelta(minutes=40)
    bounds = [START, START + timedelta(hours=1), START + timedelta(hours=2)]
    found = availability.watched(engine, bounds, bounds[-1] + timedelta(hours=3))
    assert found[["part", "expected"]].values.tolist() == [[0, 600.0]]


def test_time_that_is_not_over_or_waits_for_its_roll_up_is_left_out(engine: Engine) -> None:
    server = new_server(engine)
    writer = Writer(engine, "a")
    for _ in range(60):
        server.grow(15, 100)
        writer.write([server.poll()])
    now = moment(901)
    assert availability.known_until(engine, now) == START
    rollup.roll_up(engine, now)
    # The last whole bucket still settles.
    assert availability.known_until(engine, now) == START + timedelta(minutes=10)
    found = availability.watched(engine, [START, START + timedelta(hours=1)], now)
    assert found["expected"].tolist() == [600.0]
    # Nobody looked before the first poll.
    assert found["up"].tolist() == [585.0]


def test_regions_are_sums_of_their_servers(engine: Engine) -> None:
    for region, up in (("North", 300.0), ("North", 0.0), ("South", 300.0)):
        watch(engine, new_server(engine, region=region).server_id, START, [(300.0, up)])
    bounds = [START, START + availability.STEP]
    found = availability.told(availability.watched(engine, bounds, bounds[1]), ["region"])
    assert dict(zip(found["region"], found["up_ratio"], strict=True)) == {"North": 0.5, "South": 1.0}


def add_outage(engine: Engine, server: FakeServer, began: tuple[int, int], ended: tuple[int, int]) -> None:
    row = {
        "server_id": server.server_id,
        "began_after": moment(began[0]),
        "began_by": moment(began[1]),
        "ended_after": moment(ended[0]),
        "ended_by": moment(ended[1]),
        "reason": "refused",
    }
    with engine.begin() as connection:
        connection.execute(outage.insert(), [row])


def test_outages_are_counted_in_every_window_they_reach_into_and_repaired_where_they_end(engine: Engine) -> None:
    server = new_server(engine)
    add_outage(engine, server, (85, 100), (200, 215))
    add_outage(engine, server, (985, 1_000), (2_000, 2_015))
    now = moment(10_000)
    early = availability.outages(engine, START, moment(1_500), now)
    assert early["began_by"].tolist() == [moment(1_000), moment(100)]
    assert early["lasted_least"].tolist() == [1_000.0, 100.0]
    assert early["lasted_most"].tolist() == [1_030.0, 130.0]
    told = availability.repairs(early, START, moment(1_500)).iloc[0]
    assert told[["outages", "down_least", "down_most"]].tolist() == [2, 600.0, 645.0]
    assert told[["repaired", "repair_least", "repair_most"]].tolist() == [1, 100.0, 130.0]
    assert told[["longest_least", "longest_most"]].tolist() == [1_000.0, 1_030.0]
    later = availability.repairs(availability.outages(engine, moment(1_500), moment(5_000), now), moment(1_500), now)
    assert later.iloc[0][["outages", "down_least", "repaired"]].tolist() == [1, 500.0, 1]


def test_an_outage_that_goes_on_lasts_from_its_last_failed_look_to_now(engine: Engine) -> None:
    server = new_server(engine)
    writer = Writer(engine, "a")
    writer.write([server.poll()])
    for _ in range(3):
        server.wait(15)
        writer.write([server.failed()])
    row = availability.outages(engine, START, moment(3_600), moment(600)).iloc[0]
    assert bool(row["goes_on"])
    assert (row["lasted_least"], row["lasted_most"]) == (30.0, 600.0)
    told = availability.repairs(availability.outages(engine, START, moment(3_600), moment(600)), START, moment(600))
    assert math.isnan(told["repair_most"].iloc[0])


def test_no_outage_is_none_and_no_error(engine: Engine) -> None:
    none = availability.outages(engine, START, moment(100), moment(100))
    told = availability.repairs(none, START, moment(100)).iloc[0]
    assert told["outages"] == 0
    assert told["down_most"] == 0
    assert math.isnan(told["longest_most"])
    assert availability.repairs(none, START, moment(100), ["server_id"]).empty


def test_response_times_are_means_over_known_time_and_the_longest_of_all(engine: Engine) -> None:
    one, two = new_server(engine), new_server(engine)
    rows = [
        (one, 0, 0.010, 0.500, 300.0),
        (two, 0, 0.030, 0.040, 100.0),
        (one, 2, 0.020, 0.020, 300.0),
    ]
    made = [
        {
            "server_id": server.server_id,
            "at": START + number * availability.STEP,
            "covered_seconds": 300.0,
            "up_seconds": 300.0,
            "counted_seconds": 300.0,
            "response_seconds": mean,
            "response_seconds_min": 0.001,
            "response_seconds_max": longest,
            "response_seconds_known": known,
        }
        for server, number, mean, longest, known in rows
    ]
    insert(engine, server_5m, made)
    end = START + 3 * availability.STEP
    found = responses.response_times(engine, START, end, end)
    assert found["mean"].fillna(-1).round(6).tolist() == [0.015, -1.0, 0.02]
    assert found["longest"].fillna(-1).round(6).tolist() == [0.5, -1.0, 0.02]
    alone = responses.response_times(engine, START, end, end, [two.server_id])
    assert alone["mean"].fillna(-1).round(6).tolist() == [0.03, -1.0, -1.0]


def test_response_times_have_no_more_points_than_a_chart_can_show() -> None:
    for length in (1, 2, 31, 90, 366, 800):
        step = responses.step_of(START, START + timedelta(days=length))
        assert length * 86_400 / step <= responses.MOST_POINTS


def test_what_the_collector_saw_is_what_is_told(engine: Engine) -> None:
    server = new_server(engine)
    writer = Writer(engine, "a")
    ups = ("+" * 30 + "-" * 10) * 6
    for each in ups:
        server.grow(15, 100)
        writer.write([server.poll() if each == "+" else server.failed()])
    now = moment(server.seconds + 600)
    rollup.roll_up(engine, now)
    bounds = [START, moment(3_600)]
    seconds = availability.watched(engine, bounds, now)
    # Out of the sums of alike servers the same comes.
    regions = availability.regions(engine, bounds, now)
    assert regions["region"].tolist() == ["West"]
    assert regions[list(availability.SECONDS)].values.tolist() == seconds[list(availability.SECONDS)].values.tolist()
    row = availability.told(seconds).iloc[0]
    assert row["covered"] == pytest.approx(3_585)
    assert row["up"] == pytest.approx(15 * (ups.count("+") - 1))
    outages = availability.outages(engine, START, moment(3_600), now)
    assert len(outages) == 6
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM outage WHERE ended_by IS NULL")) == 1
