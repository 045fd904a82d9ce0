"""The fleet's minutes: what live pages show equals what the servers' own minutes add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from cdn.model import Kind, Role
from collector.writer import Writer
from db import live, minutes, partitions, rollup
from db.frame import records
from db.rolled import LIVE_DIMENSIONS
from tests import rolled_rows
from tests.readings import FakeServer, moment
from tests.scene import Scene

START = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SERVERS: tuple[dict[str, Any], ...] = (
    {"region": "West", "provider": "A"},
    {"region": "East", "provider": "A"},
    {"region": "East", "provider": "B", "role": Role.ORIGIN},
    {"region": "", "provider": "", "kind": Kind.NGINX_VTS},
)
COLUMNS = ("egress_bytes", "ingress_bytes", "internal_bytes", "viewer_seconds", "counted_seconds")


def rows(engine: Engine, query: str, **given: Any) -> list[dict[str, Any]]:
    with engine.begin() as connection:
        return [dict(row) for row in connection.execute(text(query), given).mappings()]


count = st.none() | st.integers(0, 10**9)
cells = st.dictionaries(
    st.tuples(st.integers(0, len(SERVERS) - 1), st.integers(0, 5)),
    st.tuples(count, count, count, st.none() | st.integers(0, 6_000), st.sampled_from([0.0, 20.0, 60.0])),
    min_size=1,
)


def fleet(engine: Engine) -> list[dict[str, Any]]:
    found = rows(engine, "SELECT * FROM server ORDER BY id")
    if found:
        return found
    for place, fields in enumerate(SERVERS):
        rolled_rows.server(engine, f"s{place}", **fields)
    return fleet(engine)


def added(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cells)
def test_every_name_has_the_sum_of_what_its_servers_carried(engine: Engine, told: dict[Any, Any]) -> None:
    servers = fleet(engine)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM traffic_1m"))
        connection.execute(text("DELETE FROM fleet_1m"))
    stored = [
        {"server_id": servers[place]["id"], "at": START + number * MINUTE, **dict(zip(COLUMNS, cell, strict=True))}
        | {"covered_seconds": 60.0, "up_seconds": min(60.0, cell[4] * 2), "stream_seconds": None, "origin_bytes": None}
        for (place, number), cell in told.items()
    ]
    rolled_rows.write(engine, "traffic_1m", stored)
    minutes.keep(engine, START + 6 * MINUTE)
    by_id = {server["id"]: server for server in servers}
    for found in rows(engine, "SELECT * FROM fleet_1m"):
        mine = [
            row
            for row in stored
            if row["at"] == found["at"]
            and (found["dimension"] == "total" or by_id[row["server_id"]][found["dimension"]] == found["name"])
        ]

        def rate(row: dict[str, Any], name: str) -> float | None:
            return None if row[name] is None or not row["counted_seconds"] else row[name] * 8 / row["counted_seconds"]

        assert found["servers_seen"] == len(mine) > 0
        assert found["servers_up"] == pytest.approx(sum(row["up_seconds"] / 60 for row in mine))
        assert found["egress_bps"] == pytest.approx(added([rate(row, "egress_bytes") for row in mine]))
        assert found["ingress_bps"] == pytest.approx(added([rate(row, "ingress_bytes") for row in mine]))
        own = [rate(row, "internal_bytes") for row in mine if row["counted_seconds"]]
        assert (found["internal_bps"] or 0) == pytest.approx(added(own) or 0)
        watching = [
            row["viewer_seconds"] / row["up_seconds"]
            if row["viewer_seconds"] is not None and row["up_seconds"]
            else None
            for row in mine
        ]
        assert found["viewers"] == pytest.approx(added(watching))
    kept = {(row["dimension"], row["at"]) for row in rows(engine, "SELECT dimension, at FROM fleet_1m")}
    assert kept == {(dimension, row["at"]) for dimension in LIVE_DIMENSIONS for row in stored}


def test_a_day_that_nobody_formed_is_formed_and_then_only_the_end_of_it(engine: Engine) -> None:
    (server, *_) = fleet(engine)
    now = START + timedelta(days=3, seconds=20)
    partitions.ensure(engine, "traffic_1m", {(START + timedelta(days=number)).date() for number in range(4)})
    minute = {"egress_bytes": 600, "covered_seconds": 60.0, "up_seconds": 60.0, "counted_seconds": 60.0}
    at = [now.replace(second=0) - number * MINUTE for number in range(1, 26 * 60)]
    rolled_rows.write(engine, "traffic_1m", [{"server_id": server["id"], "at": each, **minute} for each in at])
    minutes.keep(engine, now)
    formed = rows(engine, "SELECT at FROM fleet_1m WHERE dimension = 'total' ORDER BY at")
    assert [row["at"] for row in formed] == sorted(at)[-24 * 60 :]
    with engine.begin() as connection:
        connection.execute(text("UPDATE traffic_1m SET egress_bytes = 1200"))
    minutes.keep(engine, now)
    changed = rows(engine, "SELECT at FROM fleet_1m WHERE dimension = 'total' AND egress_bps = 160 ORDER BY at")
    assert [row["at"] for row in changed] == sorted(at)[-3:]


def test_late_polls_reach_their_minutes_with_the_five_minutes(engine: Engine) -> None:
    server = FakeServer(rolled_rows.server(engine, "edge"))
    writer = Writer(engine, "a")
    late = []
    for number in range(60):
        server.grow(15, 1_000)
        if 20 <= number < 30:
            late += [server.poll(since=moment(server.seconds - 15))] if number == 25 else []
        else:
            writer.write([server.poll()])
    end = moment(server.seconds) + timedelta(hours=1)
    minutes.keep(engine, end)
    rollup.roll_up(engine, end)
    minutes.keep(engine, end)
    with engine.begin() as connection:
        connection.execute(text("UPDATE fleet_1m SET egress_bps = 0"))
    writer.write(late)
    rollup.roll_up(engine, end)
    minutes.keep(engine, end)
    bucket = late[0].at.replace(minute=late[0].at.minute // 5 * 5, second=0)
    formed = {row["at"] for row in rows(engine, "SELECT at FROM fleet_1m WHERE dimension = 'total' AND egress_bps > 0")}
    # The newest minute there is may still change, and is always formed again.
    newest = rows(engine, "SELECT max(at) AS at FROM fleet_1m")[0]["at"]
    assert formed - {newest} == {bucket + number * MINUTE for number in range(5)}
    assert bucket + timedelta(minutes=5) < newest
    assert rows(engine, "SELECT * FROM rollup_due WHERE seconds = 60") == []


def test_a_channel_is_on_air_in_the_minutes_of_its_samples(engine: Engine) -> None:
    scene = Scene(engine)
    scene.at = (scene.at - timedelta(minutes=20)).replace(second=10, microsecond=0)
    scene.add("edge", Role.EDGE, "10.0.0.1")
    writer = Writer(engine, "a")
    for number in range(60):
        scene.wait()
        for url in ("/live/news", "/live/sport") if number < 30 else ("/live/news",):
            scene.copy("edge", url).egress += 15_000
        if number == 30:
            del scene.copies["edge"]["/live/sport"]
        writer.write([scene.poll("edge")])
    minutes.keep(engine, scene.at + timedelta(seconds=30))
    seen = [
        row["streams_on_air"] for row in rows(engine, "SELECT * FROM fleet_1m WHERE dimension = 'total' ORDER BY at")
    ]
    assert seen[1:6] == [2] * 5
    assert seen[9:14] == [1] * 5
    summary = live.summary(engine, scene.at + timedelta(minutes=52), 15.0)
    assert records(summary)[1]["streams_on_air"] in (1, 2)
    drawn = records(live.traffic(engine, scene.at + timedelta(seconds=30), "1h"))
    assert {row["region"] for row in drawn} == {"West"}
