"""Roll-ups equal a slow, obvious computation over what is stored, whatever came late, twice or not at all."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cdn.model import Kind, Poll, Reading, Role
from cdn.settings import load
from collector.writer import Writer
from db import groups, partitions, rollup
from db.fleet import Draft, add
from db.models import Server
from db.retention import kept_days
from db.rolled import DIMENSIONS
from tests.readings import START, FakeServer, moment

LATER = START + timedelta(days=1)
_names = count(1)


class Counting(FakeServer):
    """It counts requests and knows its connections, too."""

    def reading(self) -> Reading:
        """What the server answers now."""
        plain = super().reading()
        return replace(
            plain,
            counters={**plain.counters, "requests": self.egress // 3},
            gauges={**plain.gauges, "connections": float(self.egress % 97)},
        )


def new_server(engine: Engine, region: str = "West", **fields: Any) -> Counting:
    with Session(engine) as session, session.begin():
        draft = Draft(f"edge-{next(_names)}", Kind.SRS, "http://127.0.0.1:1985", Role.EDGE, region=region, **fields)
        server = add(session, draft, "")
        session.flush()
        return Counting(server.id)


def rows(engine: Engine, query: str, **parameters: object) -> list[dict[str, Any]]:
    with engine.begin() as connection:
        return [dict(row) for row in connection.execute(text(query), parameters).mappings()]


def by_bucket(found: list[dict[str, Any]]) -> dict[datetime, dict[str, Any]]:
    return {row["at"]: row for row in found}


def slow(
    samples: list[dict[str, Any]],
    counters: tuple[str, ...],
    gauges: tuple[str, ...],
    known: Callable[[dict[str, Any]], float],
    begin: Callable[[dict[str, Any]], float],
) -> dict[datetime, dict[str, Any]]:
    """Every five minutes that any sample reaches into: counters by share of time, gauges weighted by seconds."""
    buckets: dict[int, dict[str, Any]] = defaultdict(lambda: defaultdict(float))
    for row in samples:
        end = row["at"].timestamp()
        for name in counters:
            if row[name] is None:
                continue
            start, before = begin(row), 0
            for number in range(math.floor(start / 300), math.ceil(end / 300)):
                edge = min(end, (number + 1) * 300)
                grown = row[name] if edge >= end else round(row[name] * ((edge - start) / (end - start)))
                buckets[number][name] += grown - before
                before = grown
        for number in range(math.floor(known(row) / 300), math.ceil(end / 300)):
            weight = min(end, number * 300 + 300) - max(known(row), number * 300)
            buckets[number]["seconds"] += weight
            for name in gauges:
                if row[name] is not None and weight > 0:
                    cell = buckets[number].setdefault(f"{name} seen", [])
                    cell.append((row[name], weight))
    return {datetime.fromtimestamp(number * 300, UTC): cell for number, cell in buckets.items()}


def mean(seen: list[tuple[float, float]]) -> float:
    return sum(value * weight for value, weight in seen) / sum(weight for _, weight in seen)


events = st.lists(
    st.tuples(
        st.sampled_from(["grow", "grow", "grow", "restart", "fail", "roll"]),
        st.integers(0, 10**9),
        st.sampled_from([15.0, 15.0, 40.0, 200.0, 1_000.0, 5_000.0]),
        st.sampled_from([0, 0, 0, 1, 4]),  # how many steps later it is written
    ),
    min_size=1,
    max_size=30,
)


def play(engine: Engine, server: FakeServer, plan: list[tuple[str, int, float, int]]) -> None:
    """What `plan` says happens to the server and its polls, rolled up now and then."""
    writer = Writer(engine, "a")
    due: list[tuple[int, Poll]] = []
    for step, (what, size, seconds, delay) in enumerate([("grow", 0, 1.0, 0), *plan]):
        if what == "roll":
            rollup.roll_up(engine, moment(server.seconds))
        if what == "restart":
            server.restart()
        server.grow(seconds, size)
        due.append((step + delay, server.failed() if what == "fail" else server.poll()))
        for _, poll in sorted((each for each in due if each[0] <= step), key=lambda each: each[1].at):
            writer.write([poll])
        due = [each for each in due if each[0] > step]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events)
def test_whatever_happens_roll_ups_equal_the_slow_computation(
    engine: Engine, plan: list[tuple[str, int, float, int]]
) -> None:
    server = new_server(engine)
    server.streams = {"/live/a": 500}
    play(engine, server, plan)
    rollup.roll_up(engine, LATER)
    compare_wide(engine, server.server_id)
    compare_streams(engine, server.server_id)
    for table, seconds in (("traffic_5m", 300), ("traffic_1h", 3_600), ("traffic_1d", 86_400)):
        compare_traffic(engine, server.server_id, table, seconds)


def compare_wide(engine: Engine, server_id: int) -> None:
    samples = rows(engine, "SELECT * FROM sample WHERE server_id = :id ORDER BY at", id=server_id)
    wide = by_bucket(rows(engine, "SELECT * FROM server_5m WHERE server_id = :id", id=server_id))
    grown = slow(
        samples,
        ("requests",),
        ("connections",),
        known=lambda row: row["since"].timestamp(),
        begin=lambda row: row["at"].timestamp() - row["counted_seconds"],
    )
    grown = {at: cell for at, cell in grown.items() if "requests" in cell or cell["seconds"]}
    assert grown.keys() == {at for at, row in wide.items() if row["requests"] is not None or row["covered_seconds"]}
    for at, cell in grown.items():
        row, seen = wide[at], cell.get("connections seen")
        assert row["requests"] == cell.get("requests")
        assert row["covered_seconds"] == pytest.approx(cell["seconds"], abs=1e-3)
        expected = (mean(seen), min(seen)[0], max(seen)[0]) if seen else (None, None, None)
        found = (row["connections"], row["connections_min"], row["connections_max"])
        assert found == (pytest.approx(expected, rel=1e-5, abs=1e-5) if seen else expected)


def compare_streams(engine: Engine, server_id: int) -> None:
    minutes = rows(engine, "SELECT * FROM stream_sample WHERE server_id = :id", id=server_id)
    copies = by_bucket(rows(engine, "SELECT * FROM stream_5m WHERE server_id = :id", id=server_id))
    grown = slow(
        minutes,
        ("egress_bytes",),
        (),
        known=lambda row: row["at"].timestamp(),
        begin=lambda row: row["since"].timestamp(),
    )
    assert {at: row["egress_bytes"] for at, row in copies.items()} == {
        at: cell["egress_bytes"] for at, cell in grown.items() if "egress_bytes" in cell
    }


def compare_traffic(engine: Engine, server_id: int, table: str, seconds: int) -> None:
    sums: dict[datetime, dict[str, Any]] = defaultdict(lambda: defaultdict(float))
    for row in rows(engine, "SELECT * FROM traffic_1m WHERE server_id = :id", id=server_id):
        at = datetime.fromtimestamp(row["at"].timestamp() // seconds * seconds, UTC)
        for name in ("egress_bytes", "ingress_bytes", "viewer_seconds", "covered_seconds", "up_seconds"):
            if row[name] is not None:
                sums[at][name] += row[name]
    rolled = by_bucket(rows(engine, f"SELECT * FROM {table} WHERE server_id = :id", id=server_id))
    assert rolled.keys() == sums.keys()
    for at, cell in sums.items():
        for name, value in cell.items():
            assert rolled[at][name] == pytest.approx(value, rel=1e-6), (at, name)


def conserved(engine: Engine, server: FakeServer, metric: str, *tables: str) -> set[Any]:
    return {
        rows(engine, f"SELECT sum({metric})::bigint AS total FROM {table} WHERE server_id = :id", id=server.server_id)[
            0
        ]["total"]
        for table in tables
    }


def busy(engine: Engine, server: FakeServer, writer: Writer, polls: int = 300) -> list[Poll]:
    """A busy hour and a quarter; every poll is stored."""
    done = []
    for number in range(polls):
        server.grow(15, 1_000_003 + number)
        done.append(server.poll())
    writer.write(done)
    return done


def test_bytes_are_conserved_through_every_level(engine: Engine) -> None:
    server = new_server(engine)
    server.streams = {"/live/a": 0}
    writer = Writer(engine, "a")
    busy(engine, server, writer)
    server.grow(9_000, 10**9)  # a gap of two and a half hours
    writer.write([server.poll()])
    rollup.roll_up(engine, LATER)
    assert (
        len(conserved(engine, server, "egress_bytes", "sample", "traffic_1m", "traffic_5m", "traffic_1h", "traffic_1d"))
        == 1
    )
    assert len(conserved(engine, server, "requests", "sample", "server_5m", "server_1h")) == 1
    assert len(conserved(engine, server, "egress_bytes", "stream_sample", "stream_5m", "stream_1h")) == 1
    total = "SELECT sum(egress_bytes)::bigint AS total FROM {}"
    assert rows(engine, total.format("group_5m")) == rows(engine, total.format("group_1h"))
    assert rows(engine, total.format("group_1h")) == rows(engine, total.format("traffic_1m"))
    for level in ("5m", "1h"):
        for dimension in DIMENSIONS:
            summed = f"SELECT sum(egress_bytes)::bigint AS total FROM sum_{level} WHERE dimension = '{dimension}'"
            assert rows(engine, summed) == rows(engine, total.format("traffic_1m")), dimension
    assert rows(engine, total.format("channel_5m")) == rows(engine, total.format("stream_1h"))


def test_a_late_poll_changes_exactly_the_buckets_it_touches(engine: Engine) -> None:
    first, other = new_server(engine), new_server(engine)
    writer = Writer(engine, "a")
    polls = []
    for number in range(200):
        for server in (first, other):
            server.grow(15, 1_000)
            if server is first and 100 <= number < 110:
                late = server.poll(since=moment(server.seconds - 15)) if number == 105 else None
                polls += [late] if late else []
            else:
                writer.write([server.poll()])
    rollup.roll_up(engine, LATER)
    everything = "SELECT xmin::text AS written, * FROM {} ORDER BY server_id, at"
    tables = ("traffic_5m", "server_5m", "traffic_1h", "server_1h", "traffic_1d")
    before = {table: rows(engine, everything.format(table)) for table in tables}
    writer.write(polls)
    assert rollup.roll_up(engine, LATER) == 3  # five minutes, their hour and day
    bucket = polls[0].at.replace(minute=polls[0].at.minute // 5 * 5, second=0)
    hour = bucket.replace(minute=0)
    for table, at in zip(tables, (bucket, bucket, hour, hour, hour.replace(hour=0)), strict=True):
        after = rows(engine, everything.format(table))
        changed = [new for old, new in zip(before[table], after, strict=True) if old != new]
        assert [(row["server_id"], row["at"]) for row in changed] == [(first.server_id, at)], table


def test_a_second_roll_up_finds_nothing_due_and_an_open_bucket_waits(engine: Engine) -> None:
    server = new_server(engine)
    writer = Writer(engine, "a")
    busy(engine, server, writer, polls=30)  # seven and a half minutes
    assert rollup.roll_up(engine, moment(server.seconds)) == 1
    assert rollup.roll_up(engine, moment(server.seconds)) == 0
    assert [row["at"] for row in rows(engine, "SELECT at FROM traffic_5m")] == [START]
    assert rollup.roll_up(engine, LATER) == 3
    assert rollup.roll_up(engine, LATER) == 0


def test_what_was_not_committed_when_it_was_taken_is_rolled_up_next_time(engine: Engine) -> None:
    server = new_server(engine)
    writer = Writer(engine, "a")
    busy(engine, server, writer, polls=10)
    with engine.connect() as other, other.begin():
        rollup.note(other, [(server.server_id, START)])
        assert rollup.roll_up(engine, LATER) > 0
    assert rows(engine, "SELECT server_id, at FROM rollup_due WHERE seconds = 300") == [
        {"server_id": server.server_id, "at": START}
    ]


def test_a_bucket_whose_polls_are_no_longer_kept_stays_as_it_is(engine: Engine) -> None:
    server = new_server(engine)
    writer = Writer(engine, "a")
    busy(engine, server, writer, polls=40)
    rollup.roll_up(engine, LATER)
    before = rows(engine, "SELECT * FROM traffic_5m ORDER BY at")
    partitions.maintain(engine, START + timedelta(days=30), kept_days(load()))
    assert rows(engine, "SELECT count(*) AS n FROM sample") == [{"n": 0}]
    with engine.begin() as connection:
        rollup.note(connection, [(server.server_id, START)])
    rollup.roll_up(engine, START + timedelta(days=30))
    assert rows(engine, "SELECT * FROM traffic_5m ORDER BY at") == before


def grouped(engine: Engine, table: str) -> dict[str, int]:
    found = rows(
        engine,
        f"SELECT region, sum(egress_bytes)::bigint AS total FROM {table} JOIN server_group ON id = group_id GROUP BY 1",
    )
    return {row["region"]: row["total"] for row in found}


def summed(engine: Engine, table: str, dimension: str) -> dict[str, int]:
    asked = f"SELECT name, sum(egress_bytes)::bigint AS total FROM {table} WHERE dimension = :dimension GROUP BY name"
    return {row["name"]: row["total"] for row in rows(engine, asked, dimension=dimension)}


def test_a_server_that_moves_takes_its_history_along(engine: Engine) -> None:
    first, second = new_server(engine, "West"), new_server(engine, "East")
    writer = Writer(engine, "a")
    for server in (first, second):
        busy(engine, server, writer, polls=280)
    rollup.roll_up(engine, LATER)
    before = grouped(engine, "group_5m")
    assert before == grouped(engine, "group_1h")
    with Session(engine) as session, session.begin():
        moved = session.get(Server, first.server_id)
        assert moved is not None
        moved.region, moved.tags = "East", ["b", "a"]
    assert groups.keep(engine) == 1
    assert groups.keep(engine) == 0
    assert rows(engine, "SELECT * FROM regroup_due") == []
    assert grouped(engine, "group_5m") == grouped(engine, "group_1h") == {"East": sum(before.values())}
    for table in ("sum_5m", "sum_1h"):
        assert summed(engine, table, "region") == {"East": sum(before.values())}
        assert summed(engine, table, "tag") == {"a, b": before["West"], "": before["East"]}
        assert summed(engine, table, "total") == {"": sum(before.values())}


def test_forming_sums_again_that_is_cut_off_is_gone_on_with(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = new_server(engine, "West"), new_server(engine, "East")
    writer = Writer(engine, "a")
    for server in (first, second):
        busy(engine, server, writer, polls=280)
    rollup.roll_up(engine, LATER)
    total = sum(grouped(engine, "group_1h").values())
    with Session(engine) as session, session.begin():
        moved = session.get(Server, first.server_id)
        assert moved is not None
        moved.region = "East"

    def cut_off(_engine: Engine) -> bool:
        raise RuntimeError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr(groups, "_month_again", cut_off)
        with pytest.raises(RuntimeError, match="cut off"):
            groups.keep(engine)
    assert groups.keep(engine) == 0  # nobody moves any more
    assert grouped(engine, "group_1h") == summed(engine, "sum_1h", "region") == {"East": total}
