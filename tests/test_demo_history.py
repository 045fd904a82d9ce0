"""The simulation's past joins its present: the same curves, each byte once, and every sum in all tables alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cdn.model import Kind, Poll, Reading, Role, Timing
from collector.writer import Writer
from db import fleet as stored
from db import rollup
from db.backfill import Unready
from db.models import Annotation, Contract
from db.rolled import DIMENSIONS
from demo import curves
from demo.__main__ import main
from demo.curves import Floats
from demo.figures import Copies
from demo.fleet import DEFAULT_SIZE, Fleet, Size, plan
from demo.history import Extent, roll_up, write_history
from demo.season import season
from demo.server import Server
from demo.traffic import DAY, Audience, demand, match_factor
from demo.truth import truth
from demo.world import World

NOW = datetime(2026, 5, 20, 18, 47, 11, tzinfo=UTC)
SMALL = plan(Size(servers=4, streams=3, kinds={"srs": 1, "nginx_vts": 1, "nginx": 1}))
WEEK = Extent(days=4, stream_days=3)


def enter(engine: Engine, fleet: Fleet) -> dict[str, int]:
    """The fleet in the database; returns the ids by name."""
    ids: dict[str, int] = {}
    with Session(engine) as session, session.begin():
        for server in fleet.servers:
            draft = stored.Draft(
                server.name, Kind(server.kind), server.url, Role(server.role), provider=server.city.provider
            )
            row = stored.add(session, draft, "")
            session.flush()
            ids[server.name] = row.id
    return ids


def rows(engine: Engine, query: str, **parameters: object) -> list[dict[str, Any]]:
    with engine.begin() as connection:
        return [dict(row) for row in connection.execute(text(query), parameters).mappings()]


def value(engine: Engine, query: str, **parameters: object) -> Any:
    (row,) = rows(engine, query, **parameters)
    return next(iter(row.values()))


@pytest.fixture
def past(engine: Engine) -> Engine:
    """A database with a few days of history, all of them rolled up."""
    enter(engine, SMALL)
    assert write_history(engine, SMALL, NOW, WEEK)
    rollup.roll_up(engine, NOW + timedelta(hours=2))
    return engine


def test_whole_spans_follow_the_same_curves_as_single_moments() -> None:
    at = 1.77e9 + np.linspace(0, 14 * DAY, 500)
    assert curves.demand(-5, at) == pytest.approx([demand(-5, moment) for moment in at], rel=1e-9)
    assert curves.match_factor(at) == pytest.approx([match_factor(moment) for moment in at], rel=1e-9)
    phases = np.array([1.1, 4.0])
    means = curves.noise(at[:3], 300.0, (phases, phases[::-1]))
    for row, begin in enumerate(at[:3]):
        for column in (0, 1):
            one = Audience(1_000_000, phases[column], phases[1 - column], has_matches=False)
            seen = np.mean([one.viewers(1.0, begin + second + 0.5) for second in range(300)]) / 1_000_000
            assert means[row, column] == pytest.approx(seen, rel=1e-4)


def test_history_ends_where_the_simulation_begins_server_by_server() -> None:
    fleet = plan(replace(DEFAULT_SIZE, servers=20))
    begin = NOW.timestamp()
    world = World(fleet, begin)
    before = truth(world, begin)["servers"]
    for second in range(3, 301, 3):
        world.advance(begin + second)
    after = truth(world, begin + 300)["servers"]
    told = season(fleet, begin - 90 * DAY, begin)
    past = Copies(fleet).figures(told, np.array([begin - 300, begin]), 300.0)
    for number, server in enumerate(fleet.servers):
        grown = {
            name: after[server.name][name] - before[server.name][name] for name in ("egress_bytes", "internal_bytes")
        }
        uncounted = after[server.name]["uncounted_bytes"] - before[server.name]["uncounted_bytes"]
        sent = past.server_sent[:, number] * 300 / 8
        assert sent[1] == pytest.approx(grown["egress_bytes"] - uncounted, rel=0.02), server.name
        # The last five minutes of the past are as much as the audience changes in five minutes.
        assert sent[0] == pytest.approx(sent[1], rel=0.10), server.name
        if server.kind == "srs":
            own = grown["internal_bytes"] - uncounted
            assert past.server_internal[1, number] * 300 / 8 == pytest.approx(own, rel=0.02, abs=1e6), server.name


def test_every_sum_is_the_same_in_all_tables(past: Engine) -> None:
    end = value(past, "SELECT max(at) FROM traffic_1h")
    for name in ("egress_bytes", "ingress_bytes", "internal_bytes", "origin_bytes", "delivered_bytes", "home_bytes"):
        sums = [
            value(past, f"SELECT sum({name})::bigint FROM {table} WHERE at < :end", end=end)
            for table in ("traffic_5m", "traffic_1h", "group_5m", "group_1h")
        ]
        for table in ("sum_5m", "sum_1h"):
            asked = f"SELECT sum({name})::bigint FROM {table} WHERE at < :end AND dimension = "
            sums += [value(past, f"{asked}'{dimension}'", end=end) for dimension in DIMENSIONS]
        assert sums[0] > 0, name
        assert sums == sums[:1] * (4 + 2 * len(DIMENSIONS)), name
        whole = "at < date_trunc('day', CAST(:end AS timestamptz), 'UTC')"
        hours, days = (
            value(past, f"SELECT sum({name})::bigint FROM {table} WHERE {whole}", end=end)
            for table in ("traffic_1h", "traffic_1d")
        )
        assert hours == days > 0, name
    for name in ("viewer_seconds", "covered_seconds", "up_seconds", "counted_seconds"):
        sums = [value(past, f"SELECT sum({name}) FROM {table}") for table in ("traffic_5m", "traffic_1h", "group_1h")]
        assert sums[1:] == [pytest.approx(sums[0], rel=1e-5)] * 2, name
    day = "WHERE at >= (SELECT min(at) FROM traffic_1m)"
    for name in ("egress_bytes", "ingress_bytes"):
        polls = value(past, f"SELECT sum({name})::bigint FROM sample")
        assert polls == value(past, f"SELECT sum({name})::bigint FROM traffic_1m")
        assert polls == value(past, f"SELECT sum({name})::bigint FROM traffic_5m {day}")
    assert value(past, "SELECT sum(egress_bytes)::bigint FROM stream_sample") == value(
        past, f"SELECT sum(egress_bytes)::bigint FROM stream_5m {day}"
    )


def test_the_first_polls_of_the_last_day_go_on_where_the_five_minutes_end(past: Engine) -> None:
    found = rows(
        past,
        "SELECT server_id, at, egress_bytes::float8 AS bytes, covered_seconds, delivered_bytes::float8 AS delivered"
        " FROM traffic_5m WHERE egress_bytes IS NOT NULL AND at >= :begin AND at < :end ORDER BY server_id, at",
        begin=NOW - timedelta(hours=26),
        end=NOW - timedelta(minutes=10),
    )
    joint = value(past, "SELECT min(at) FROM traffic_1m")
    assert joint == NOW.replace(minute=0, second=0) - timedelta(days=1)
    steps: dict[bool, list[float]] = {True: [], False: []}
    for before, after in pairwise(found):
        if before["server_id"] == after["server_id"] and before["bytes"] and after["bytes"]:
            assert after["at"] - before["at"] == timedelta(minutes=5)
            assert after["covered_seconds"] == pytest.approx(300, abs=0.01)
            assert (before["delivered"] is None) == (after["delivered"] is None)
            steps[after["at"] == joint].append(abs(after["bytes"] / before["bytes"] - 1))
    assert len(steps[True]) == 3
    assert max(steps[True]) <= max(steps[False])


class Live:
    """A server that goes on with what its curve says, asked every 15 s."""

    def __init__(self, server: Server, server_id: int, rate: float) -> None:
        self.server, self.server_id, self.rate = server, server_id, rate

    def poll(self, seconds: float) -> Poll:
        at = NOW + timedelta(seconds=seconds)
        clock = at.timestamp()
        counters = {"egress_bytes": round(self.rate * seconds / 8)}
        reading = Reading(process="1", uptime=None, clock=clock, counters=counters, gauges={"viewers": 10.0})
        return Poll(self.server_id, at, 15.0, Timing(0.001, 0.001, 0.002), reading=reading, url=self.server.url)


def test_the_first_live_polls_add_nothing_twice_and_leave_no_gap(engine: Engine) -> None:
    ids = enter(engine, SMALL)
    told = season(SMALL, NOW.timestamp() - 3 * DAY, NOW.timestamp())
    figures = Copies(SMALL).figures(told, np.array([NOW.timestamp()]), 300.0)
    chosen = [number for number, server in enumerate(SMALL.servers) if server.kind == "srs"]
    writer = Writer(engine, "a")
    live = [Live(SMALL.servers[at], ids[SMALL.servers[at].name], float(figures.server_sent[0, at])) for at in chosen]
    # The collector is faster than the history: it polls each server at its own moment.
    for offset, one in zip((2.0, 9.5), live, strict=True):
        writer.write([one.poll(offset + 15 * number) for number in range(60)])
    assert write_history(engine, SMALL, NOW + timedelta(seconds=20), WEEK)
    rollup.roll_up(engine, NOW + timedelta(hours=2))
    for one in live:
        polls = rows(
            engine,
            "SELECT since, at, counted_seconds FROM sample WHERE server_id = :id ORDER BY at",
            id=one.server_id,
        )
        for before, after in pairwise(polls):
            assert abs((after["since"] - before["at"]).total_seconds()) < 0.01
        minutes = rows(
            engine,
            "SELECT at, egress_bytes::float8 AS bytes, covered_seconds, counted_seconds FROM traffic_1m"
            " WHERE server_id = :id AND at >= :begin AND at < :end ORDER BY at",
            id=one.server_id,
            begin=NOW - timedelta(minutes=5),
            end=NOW + timedelta(minutes=10),
        )
        assert len(minutes) == 15
        for row in minutes:
            assert row["covered_seconds"] == pytest.approx(60, abs=0.01)
            assert row["counted_seconds"] == pytest.approx(60, abs=0.01)
        five = rows(
            engine,
            "SELECT at, egress_bytes::float8 AS bytes FROM traffic_5m WHERE server_id = :id AND at >= :begin"
            " AND at < :end ORDER BY at",
            id=one.server_id,
            begin=NOW - timedelta(minutes=8),
            end=NOW + timedelta(minutes=5),
        )
        assert [row["at"].minute for row in five] == [40, 45, 50]
        number = SMALL.servers.index(one.server)
        past = Copies(SMALL).figures(told, np.array([five[0]["at"].timestamp()]), 300.0).server_sent[0, number]
        # Before, at and after the joint: the audience grows by as much as its curve says.
        expected = [past, (past + one.rate) / 2, one.rate]
        assert [row["bytes"] * 8 / 300 for row in five] == pytest.approx(expected, rel=0.03)


def test_history_is_written_once(past: Engine) -> None:
    before = rows(past, "SELECT count(*) AS n, sum(egress_bytes)::bigint AS total FROM traffic_5m")
    assert not write_history(past, SMALL, NOW + timedelta(days=1), WEEK)
    assert rows(past, "SELECT count(*) AS n, sum(egress_bytes)::bigint AS total FROM traffic_5m") == before
    with Session(past) as session:
        assert len(session.query(Contract).all()) == 1


def test_the_same_seed_writes_the_same_history(engine: Engine) -> None:
    told = [season(SMALL, NOW.timestamp() - 9 * DAY, NOW.timestamp()) for _ in range(2)]
    assert told[0] == told[1]
    other = season(replace(SMALL, seed=2), NOW.timestamp() - 9 * DAY, NOW.timestamp())
    assert other.drop_outs != told[0].drop_outs
    at: Floats = NOW.timestamp() - 300.0 * np.arange(12.0)[::-1]
    first, second = (Copies(SMALL).figures(each, at, 300.0).server_sent for each in told)
    assert (first == second).all()


def test_servers_that_nobody_imported_are_named(engine: Engine) -> None:
    with pytest.raises(Unready, match=r"4 of 4 servers are not in the database, origin-ams-1 among them"):
        write_history(engine, SMALL, NOW, WEEK)
    assert value(engine, "SELECT count(*) FROM traffic_5m") == 0


def test_what_is_cut_off_leaves_nothing_behind(engine: Engine) -> None:
    enter(engine, SMALL)

    def stop(done: float, _what: str) -> None:
        if done > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_history(engine, SMALL, NOW, WEEK, stop)
    assert value(engine, "SELECT count(*) FROM traffic_5m") == 0
    assert write_history(engine, SMALL, NOW, WEEK)


def test_outages_drop_outs_and_markers_are_in_the_figures(engine: Engine) -> None:
    enter(engine, SMALL)
    month = Extent(days=60, stream_days=4, wide_days=4)
    assert write_history(engine, SMALL, NOW, month)
    outages = rows(engine, "SELECT * FROM outage ORDER BY began_by")
    assert outages
    for row in outages:
        assert row["began_after"] < row["began_by"] <= row["ended_after"] < row["ended_by"]
        (lost,) = rows(
            engine,
            "SELECT sum(covered_seconds - up_seconds) AS seconds FROM traffic_5m WHERE server_id = :id"
            " AND at >= :begin AND at <= :end",
            id=row["server_id"],
            begin=row["began_by"] - timedelta(minutes=6),
            end=row["ended_by"],
        )
        away = (row["ended_by"] - row["began_by"]).total_seconds()
        assert lost["seconds"] == pytest.approx(away, abs=1)
    ends = rows(
        engine, "SELECT stream_id, end_reason, began_by, ended_by FROM publication ORDER BY stream_id, began_by"
    )
    assert {row["end_reason"] for row in ends} >= {"stopped", "restarted"}
    for before, after in pairwise(ends):
        if before["stream_id"] == after["stream_id"]:
            assert before["ended_by"] < after["began_by"]
    with Session(engine) as session:
        assert {marker.kind for marker in session.query(Annotation)} == {"deploy", "match", "incident"}


def test_the_command_says_why_it_writes_nothing(
    engine: Engine, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from db import engine as engines

    monkeypatch.setattr(engines, "shared", lambda: engine)
    options = ["history", "--servers", "4", "--streams", "3", "--days", "2"]
    assert main(options) == 1
    assert "are not in the database" in capsys.readouterr().err
    fleet = plan(Size(servers=4, streams=3))
    enter(engine, fleet)
    assert main(options) == 0
    assert "2 days of history are there" in capsys.readouterr().out
    assert main(options) == 1
    assert "There is history already" in capsys.readouterr().err
    assert main([*options, "--unless-there"]) == 0


def test_the_last_day_is_rolled_up_by_the_product(engine: Engine) -> None:
    enter(engine, SMALL)
    assert write_history(engine, SMALL, NOW, WEEK)
    assert value(engine, "SELECT max(at) FROM traffic_5m") < NOW - timedelta(hours=23)
    roll_up(engine, NOW)
    assert value(engine, "SELECT max(at) FROM traffic_5m") >= NOW - timedelta(minutes=11)
