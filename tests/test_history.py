"""Bandwidth of anything by anything equals a slow, obvious computation over the rows it is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, text

from cdn.model import Kind, Role
from collector.writer import Writer
from db import history, rollup
from db.asked import By, Flow, Only, Unknowable
from db.steps import steps
from tests import rolled_rows
from tests.readings import START as POLLED
from tests.readings import FakeServer, moment

START = datetime(2026, 3, 28, 21, 0, tzinfo=UTC)
SERVERS: tuple[dict[str, Any], ...] = (
    {"region": "West", "provider": "P1", "tags": ("hd", "live")},
    {"region": "West", "provider": "P2", "tags": ("live",)},
    {"region": "East", "provider": "P1", "kind": Kind.ANGIE},
    {"region": "", "provider": "P2", "role": Role.ORIGIN},
)
FLOWS = {
    Flow.DELIVERED: "delivered_bytes",
    Flow.OUT: "egress_bytes",
    Flow.IN: "ingress_bytes",
    Flow.OWN: "internal_bytes",
    Flow.ORIGIN: "origin_bytes",
}
GROUPS: dict[By, Callable[[str, dict[str, Any]], str]] = {
    By.TOTAL: lambda name, server: "",
    By.SERVER: lambda name, server: name,
    By.ROLE: lambda name, server: server.get("role", Role.EDGE).value,
    By.REGION: lambda name, server: server["region"],
    By.PROVIDER: lambda name, server: server["provider"],
    By.KIND: lambda name, server: server.get("kind", Kind.SRS).value,
    By.TAG: lambda name, server: ", ".join(sorted(server.get("tags", ()))),
}

counted = st.one_of(st.none(), st.integers(0, 10**12))
# (server, five minutes after START, bytes out, delivered)
cells = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 80), counted, counted),
    unique_by=lambda cell: cell[:2],
    min_size=1,
    max_size=40,
)


def fleet(engine: Engine) -> dict[int, tuple[str, dict[str, Any]]]:
    """The invented servers by id: name, and what each is."""
    made = {}
    for place, fields in enumerate(SERVERS):
        name = f"s{place}"
        made[rolled_rows.server(engine, name, **fields)] = name, fields
    return made


def fill(engine: Engine, rows: list[dict[str, Any]]) -> None:
    rolled_rows.clear(engine)
    rolled_rows.write(engine, "traffic_5m", rows)
    rolled_rows.roll_up(engine, min(row["at"] for row in rows), max(row["at"] for row in rows))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=cells, first=st.integers(0, 40), length=st.integers(1, 60), most=st.integers(1, 3), data=st.data())
def test_every_series_equals_the_slow_computation_and_stacks_are_the_total_to_the_byte(
    engine: Engine, cells: list[Any], first: int, length: int, most: int, data: st.DataObject
) -> None:
    with engine.begin() as connection:
        known = connection.execute(text("SELECT count(*) FROM server")).scalar()
    if not known:
        fleet(engine)
    ids = list(history_ids(engine))
    rows = [
        rolled_rows.traffic_row(
            ids[server], START + timedelta(minutes=5 * number), egress_bytes=out, delivered_bytes=told
        )
        for server, number, out, told in cells
    ]
    fill(engine, rows)
    over = steps(START + timedelta(minutes=5 * first), START + timedelta(minutes=5 * (first + length)))
    flow, by = data.draw(st.sampled_from([Flow.OUT, Flow.DELIVERED])), data.draw(st.sampled_from(list(GROUPS)))
    answered = history.traffic(engine, over, flow=flow, by=by, only=Only(), most=most)
    wanted: dict[tuple[str, datetime], int] = defaultdict(int)
    total: dict[datetime, int] = defaultdict(int)
    for row in rows:
        if over.start <= row["at"] < over.end and row[FLOWS[flow]] is not None:
            place = ids.index(row["server_id"])
            wanted[GROUPS[by](f"s{place}", SERVERS[place]), row["at"]] += row[FLOWS[flow]]
            total[row["at"]] += row[FLOWS[flow]]
    assert over.seconds == 300
    shown = answered[answered["place"] != history.OTHER]
    for each in rolled_rows.told(shown):
        assert each.bytes == wanted[each.name, each.at]
        assert each.bps == pytest.approx(each.bytes * 8 / 300)
    added = answered.groupby("at")["bytes"].sum()
    assert dict(zip(added.index, map(int, added), strict=True)) == total
    # The largest are shown, and what each carried in all is its total.
    sums: dict[str, int] = defaultdict(int)
    for (name, _), size in wanted.items():
        sums[name] += size
    totals = history.totals(engine, over, flow=flow, by=by, only=Only()).dropna()
    assert dict(zip(totals["name"], map(int, totals["bytes"]), strict=True)) == sums
    order = sorted(sums, key=lambda name: (-sums[name], name))
    assert set(shown["name"]) == set(order[:most] if len(order) > most + 1 else order)


def history_ids(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT id FROM server ORDER BY id")).scalars())


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=cells, data=st.data())
def test_peaks_are_the_largest_five_minutes_and_when_they_were_first_reached(
    engine: Engine, cells: list[Any], data: st.DataObject
) -> None:
    ids = history_ids(engine) or list(fleet(engine))
    rows = [
        rolled_rows.traffic_row(ids[server], START + timedelta(minutes=5 * number), egress_bytes=out)
        for server, number, out, _ in cells
    ]
    fill(engine, rows)
    by = data.draw(st.sampled_from(list(GROUPS)))
    over = steps(START, START + timedelta(hours=8))
    found = history.peaks(engine, over, flow=Flow.OUT, by=by, only=Only())
    sums: dict[tuple[str, datetime], int] = defaultdict(int)
    for row in rows:
        if row["egress_bytes"] is not None:
            place = ids.index(row["server_id"])
            sums[GROUPS[by](f"s{place}", SERVERS[place]), row["at"]] += row["egress_bytes"]
    wanted: dict[str, tuple[float, datetime]] = {}
    for (name, at), size in sorted(sums.items(), key=lambda item: item[0][1]):
        if name not in wanted or size * 8 / 300 > wanted[name][0]:
            wanted[name] = size * 8 / 300, at
    assert {row.name: (row.bps, row.at) for row in rolled_rows.told(found)} == wanted


@pytest.mark.parametrize(
    ("only", "places"),
    [
        (Only(), {0, 1, 2, 3}),
        (Only(role=("edge",)), {0, 1, 2}),
        (Only(region=("West",)), {0, 1}),
        (Only(region=("",)), {3}),
        (Only(provider=("P1",)), {0, 2}),
        (Only(kind=("angie",)), {2}),
        (Only(tag=("hd",)), {0}),
        (Only(tag=("live",), provider=("P2",)), {1}),
    ],
)
def test_what_is_left_out_is_left_out_of_every_figure(engine: Engine, only: Only, places: set[int]) -> None:
    ids = list(fleet(engine))
    rows = [rolled_rows.traffic_row(id_, START, egress_bytes=10**place) for place, id_ in enumerate(ids)]
    fill(engine, rows)
    over = steps(START, START + timedelta(hours=1))
    wanted = sum(10**place for place in places)
    for by in GROUPS:
        assert history.traffic(engine, over, flow=Flow.OUT, by=by, only=only)["bytes"].sum() == wanted
        assert history.totals(engine, over, flow=Flow.OUT, by=by, only=only)["bytes"].sum() == wanted
    seen = history.coverage(engine, over, only).iloc[0]
    assert (seen["covered_seconds"], seen["expected_seconds"]) == (300 * len(places), 3_600 * len(places))
    assert seen["seen"] == pytest.approx(1 / 12)
    few = Only(servers=tuple(ids[place] for place in places))
    assert history.traffic(engine, over, flow=Flow.OUT, by=By.REGION, only=few)["bytes"].sum() == wanted


def test_of_a_server_that_came_within_the_window_no_more_is_expected_than_there_was(engine: Engine) -> None:
    rolled_rows.server(engine, "new", since=START + timedelta(minutes=30))
    over = steps(START, START + timedelta(hours=1))
    seen = history.coverage(engine, over, Only()).iloc[0]
    assert (seen["covered_seconds"], seen["expected_seconds"], seen["seen"]) == (0, 1_800, 0)
    long_before = steps(START - timedelta(days=2), START - timedelta(days=1))
    assert pd.isna(history.coverage(engine, long_before, Only()).iloc[0]["seen"])


def test_steps_nobody_knows_have_no_row_and_are_not_zero(engine: Engine) -> None:
    (first, *_) = fleet(engine)
    later = START + timedelta(minutes=10)
    fill(engine, [rolled_rows.traffic_row(first, START, egress_bytes=0), rolled_rows.traffic_row(first, later)])
    found = history.traffic(engine, steps(START, START + timedelta(hours=1)), flow=Flow.OUT, by=By.TOTAL, only=Only())
    assert [(row.at, row.bytes) for row in rolled_rows.told(found)] == [(START, 0)]


def test_a_longer_step_holds_the_bytes_of_all_its_buckets_over_its_own_seconds(engine: Engine) -> None:
    (first, *_) = fleet(engine)
    rows = [rolled_rows.traffic_row(first, START + timedelta(hours=n), egress_bytes=7 + n) for n in range(91 * 24)]
    fill(engine, rows)
    over = steps(START, START + timedelta(days=90, hours=1))
    assert (over.seconds, over.bucket, over.lengths[-1]) == (7_200, 3_600, 3_600)
    found = history.traffic(engine, over, flow=Flow.OUT, by=By.SERVER, only=Only())
    assert len(found) == over.points
    area = sum(row.bps * length / 8 for row, length in zip(rolled_rows.told(found), over.lengths, strict=True))
    assert area == pytest.approx(sum(7 + n for n in range(90 * 24 + 1)))


def test_channels_are_what_edges_sent_of_them(engine: Engine) -> None:
    edge, east, _, origin = fleet(engine)
    over = steps(START, START + timedelta(hours=1))
    news, sport = rolled_rows.channel(engine, "news"), rolled_rows.channel(engine, "1", app="sport")
    for server, channel, sent in ((edge, news, 5), (east, news, 7), (origin, news, 100), (edge, sport, 11)):
        row = {"server_id": server, "stream_id": rolled_rows.copy(engine, server, channel), "at": START}
        row |= {"egress_bytes": sent, "ingress_bytes": 1, "counted_seconds": 300, "publishing_seconds": 300}
        rolled_rows.write(engine, "stream_5m", [{**row, "viewers_known": 0}])
    for channel, sent in ((news, 12), (sport, 11)):
        row = {"channel_id": channel, "at": START, "egress_bytes": sent, "publishing_seconds": 300}
        rolled_rows.write(engine, "channel_5m", [row])
    rolled_rows.roll_up(engine, START, START)

    def told(by: By, flow: Flow, **only: Any) -> dict[str, int]:
        found = history.traffic(engine, over, flow=flow, by=by, only=Only(**only))
        return {row.name: int(row.bytes) for row in rolled_rows.told(found)}

    assert told(By.CHANNEL, Flow.DELIVERED) == {"news": 12, "sport/1": 11}
    assert told(By.TOTAL, Flow.DELIVERED, channels=(news,)) == {"": 12}
    assert told(By.CHANNEL, Flow.DELIVERED, servers=(edge,)) == {"news": 5, "sport/1": 11}
    assert told(By.SERVER, Flow.OUT, channels=(news,)) == {"s0": 5, "s1": 7, "s3": 100}
    assert told(By.REGION, Flow.DELIVERED, channels=(news,)) == {"West": 12}
    with pytest.raises(Unknowable, match="only what edges sent"):
        told(By.CHANNEL, Flow.IN)
    with pytest.raises(Unknowable):
        told(By.SERVER, Flow.OWN, channels=(news,))


def test_growth_names_who_came_and_who_went(engine: Engine) -> None:
    first, second, third, _ = fleet(engine)
    week = timedelta(days=7)
    fill(
        engine,
        [
            rolled_rows.traffic_row(first, START, egress_bytes=30),
            rolled_rows.traffic_row(first, START - week, egress_bytes=20),
            rolled_rows.traffic_row(second, START, egress_bytes=5),
            rolled_rows.traffic_row(third, START - week, egress_bytes=9),
        ],
    )
    windows = [steps(at, at + timedelta(hours=1)) for at in (START, START - week)]
    now, before = (history.totals(engine, over, flow=Flow.OUT, by=By.SERVER, only=Only()) for over in windows)
    told = history.growth(now, before).astype("object")
    told = told.where(told.notna(), None)
    assert [tuple(row)[2:] for row in rolled_rows.told(told)] == [
        ("s0", 30, 20),
        ("s1", 5, None),
        ("s2", None, 9),
    ]


def test_from_polls_to_the_chart_no_byte_is_lost(engine: Engine) -> None:
    fake = FakeServer(rolled_rows.server(engine, "edge", region="West"))
    writer = Writer(engine, "a")
    for number in range(300):  # 75 minutes, with a gap of ten and a restart
        fake.grow(600 if number == 100 else 15, 1_000 * number)
        if number == 200:
            fake.restart()
        writer.write([fake.poll()])
    rollup.roll_up(engine, POLLED + timedelta(days=1))
    with engine.connect() as connection:
        grown = connection.execute(text("SELECT sum(egress_bytes)::bigint FROM sample")).scalar_one()
    over = steps(POLLED, moment(fake.seconds))
    for by in (By.TOTAL, By.SERVER, By.REGION):
        for flow in (Flow.OUT, Flow.DELIVERED):
            found = history.traffic(engine, over, flow=flow, by=by, only=Only())
            # What is delivered is a rate times its seconds, rounded in each five minutes.
            assert abs(int(found["bytes"].sum()) - grown) <= (0 if flow is Flow.OUT else over.points)


def statements(engine: Engine) -> list[tuple[str, Any]]:
    said: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _noted(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, _m: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            said.append((statement, parameters))

    return said


def plans(engine: Engine, said: list[tuple[str, Any]]) -> str:
    with engine.connect() as connection:
        return "\n".join(
            line
            for statement, parameters in list(said)
            for (line,) in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        )


def test_ninety_days_of_the_fleet_read_hours_of_sums_and_nothing_finer(engine: Engine) -> None:
    ids = list(fleet(engine))
    rolled_rows.write(engine, "traffic_5m", [rolled_rows.traffic_row(ids[0], START, egress_bytes=1)])
    rolled_rows.roll_up(engine, START - timedelta(days=200), START)
    said = statements(engine)
    for by in (By.TOTAL, By.REGION):
        over = steps(START - timedelta(days=90), START)
        history.traffic(engine, over, flow=Flow.OUT, by=by, only=Only())
        history.totals(engine, over, flow=Flow.OUT, by=by, only=Only(region=("West",)))
        history.coverage(engine, over, Only())
    plan = plans(engine, said)
    assert "sum_1h_p202602" in plan
    assert "sum_1h_p202510" not in plan  # before the window
    for table in ("traffic_5m", "traffic_1h", "traffic_1d", "group_5m", "group_1h", "sum_5m", "sample", "traffic_1m"):
        assert table not in plan, table


def test_one_server_is_read_by_its_key(engine: Engine) -> None:
    ids = list(fleet(engine))
    rows = [
        rolled_rows.traffic_row(id_, START + timedelta(minutes=5 * n), egress_bytes=1)
        for id_ in ids
        for n in range(500)
    ]
    fill(engine, rows)
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    said = statements(engine)
    over = steps(START, START + timedelta(days=1))
    history.traffic(engine, over, flow=Flow.OUT, by=By.SERVER, only=Only(servers=(ids[1],)))
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        statement, parameters = said[-1]
        plan = "\n".join(line for (line,) in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters))
    assert "server_id = " in plan.split("Index Cond:", 1)[1].splitlines()[0]
    assert "traffic_5m_p202603" in plan
    assert "group_" not in plan


def test_a_window_ends_with_what_is_rolled_up_unless_that_is_long_ago(engine: Engine) -> None:
    now = START + timedelta(hours=3, minutes=12, seconds=5)
    assert history.newest(engine, now, 300) == now.replace(minute=10, second=0)
    (first, *_) = fleet(engine)
    fill(engine, [rolled_rows.traffic_row(first, now.replace(minute=0, second=0), egress_bytes=1)])
    assert history.newest(engine, now, 300) == now.replace(minute=5, second=0)
    much_later = now + timedelta(hours=2)
    assert history.newest(engine, much_later, 300) == much_later.replace(minute=10, second=0)


def test_tables_that_keep_nothing_say_since_when_they_do(engine: Engine) -> None:
    assert history.fine_since(engine, By.TOTAL, Only()) is None
    (first, *_) = fleet(engine)
    fill(engine, [rolled_rows.traffic_row(first, START, egress_bytes=1)])
    assert history.fine_since(engine, By.REGION, Only()) == datetime(2026, 3, 1, tzinfo=UTC)
