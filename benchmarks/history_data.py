"""A database as it is after 90 days of a large fleet, made in SQL: roll-ups of all that time, the polls of a day.

What is limited, as it would only take disk: five minutes of streams and of all metrics, and the minutes of streams, are
those of the last hours. Values are made up; how many rows there are, and how wide, is as the product leaves them.
"""

# ruff: noqa: S608 (names of tables and columns are from here)
from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

from actions.import_servers import import_servers
from cdn.model import LOCAL_ADMIN
from db import group_sql, groups, minutes, partitions, rollup, rollup_sql, samples
from db.rolled import BY_DAY, BY_MONTH
from demo.fleet import Size, plan, servers_toml

_EDGE = "CASE WHEN server.role = 'edge' THEN 1 ELSE 0.2 END"
# Share of an evening's traffic at an hour of the day, and by chance.
_SHARE = "(0.6 + 0.4 * sin(extract(epoch FROM at)::float8 / 13751)) * (0.9 + 0.2 * random())"
_TRAFFIC_5M = (
    "INSERT INTO traffic_5m (server_id, at, egress_bytes, ingress_bytes, internal_bytes, delivered_bytes, home_bytes,"
    " viewer_seconds, stream_seconds, covered_seconds, up_seconds, counted_seconds)"
    " SELECT id, at, sent, sent / 50, own, sent - coalesce(own, 0), own, 180000 * share, 6000, 300, 300, 300"
    " FROM (SELECT server.id, at, share, (2.2e11 * share)::bigint AS sent,"
    "  CASE WHEN server.role = 'origin' THEN (1.8e11 * share)::bigint END AS own"
    f"  FROM generate_series(CAST(:start AS timestamptz), :end, '300 s') at, server,"
    f"  LATERAL (SELECT {_SHARE} + 0 * server.id AS share) shared WHERE at < :end) made ORDER BY at, id"
)
_GAUGES = (
    "viewers, live_streams, connections, process_cpu, system_cpu, process_memory_peak, system_memory, system_swap,"
    " disk_busy, load_1m, load_5m, load_15m, processors, process_uptime"
)
_SEEN = "600, 20, 640, random(), random(), 3e8, random(), 0, random(), random(), random(), random(), 8, 1e5"
_LATE = "server.id % 1000 * interval '15 ms'"
_OWN = "CASE WHEN server.role = 'origin' THEN (8e9 * random())::bigint END"
_SAMPLES = (
    "INSERT INTO sample (server_id, at, since, counted_seconds, restarted, estimated, up, connect_seconds,"
    f" first_byte_seconds, response_seconds, egress_bytes, ingress_bytes, internal_bytes, {_GAUGES})"
    f" SELECT id, at + {_LATE}, at + {_LATE} - interval '15 s', 15, false, false, true, 0.001, 0.002, 0.01,"
    f" (1e10 * random())::bigint, (2e8 * random())::bigint, {_OWN}, {_SEEN}"
    " FROM generate_series(CAST(:start AS timestamptz), :end, '15 s') at, server WHERE at < :end ORDER BY at, id"
)
_MINUTES = (
    "INSERT INTO traffic_1m (server_id, at, egress_bytes, ingress_bytes, internal_bytes, viewer_seconds,"
    " stream_seconds, covered_seconds, up_seconds, counted_seconds) SELECT id, at, (4e10 * random())::bigint,"
    f" (8e8 * random())::bigint, {_OWN}, 36000, 1200, 60, 60, 60"
    " FROM generate_series(CAST(:start AS timestamptz), :end, '60 s') at, server WHERE at < :end ORDER BY at, id"
)
_STREAM_MINUTES = (
    "INSERT INTO stream_sample (server_id, at, stream_id, since, counted_seconds, publishing, viewers, egress_bytes,"
    " ingress_bytes, frames) SELECT server.id, at + " + _LATE + ", stream.id, at + " + _LATE + " - interval '60 s', 60,"
    " true, 30, (2e9 * random())::bigint, (4e7 * random())::bigint, 0"
    " FROM generate_series(CAST(:start AS timestamptz), :end, '60 s') at, server JOIN stream ON stream.server_id"
    " = server.id WHERE at < :end ORDER BY at, server.id"
)
_STATUS = (
    "INSERT INTO server_status (server_id, at, good_at, state_since, failures, up, notes, collector, url, counters,"
    f" counted_seconds, egress_bytes, ingress_bytes, internal_bytes, {_GAUGES}) SELECT id, :end, :end, :start, 0, true,"
    f" '[]', 'a', url, '{{}}', 15, (1e10 * random())::bigint, (2e8 * random())::bigint, {_OWN}, {_SEEN} FROM server"
)
_STREAM_STATUS = (
    "INSERT INTO stream_status (server_id, stream_id, at, incarnation, publishing, viewers, clients, counted_seconds,"
    " egress_bytes, ingress_bytes, pending_since, pending_seconds, pending_egress_bytes, pending_ingress_bytes,"
    " pending_frames) SELECT server_id, id, :end, 'a', true, 30, 31, 15, 1000000, 1000000, :end, 0, 0, 0, 0 FROM stream"
)


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is made: days of roll-ups, hours of polls, of minutes of servers and of minutes of streams."""

    servers: int
    streams: int
    days: int
    raw_hours: int = 24
    minute_hours: int = 24
    stream_hours: int = 2


def enter(engine: Engine, size: Amount) -> None:
    """The servers, with tags, kinds and streams."""
    kinds = {"srs": 10, "nginx_vts": 3, "nginx_rtmp": 2}
    fleet = plan(Size(servers=size.servers, streams=size.streams, kinds=kinds, open=True))
    import_servers(engine, servers_toml(fleet), key="", by=LOCAL_ADMIN)
    with engine.begin() as connection:
        connection.execute(text("UPDATE server SET tags = ARRAY['demo', 'rack-' || id % 4]"))
        ids = {row.name: row.id for row in connection.execute(text("SELECT id, name FROM server"))}
        pairs = [(server, channel) for server in fleet.servers for channel in server.channels]
        keys = {(ids[server.name], channel.url): ("", channel.app, channel.name) for server, channel in pairs}
        samples.stream_ids(connection, keys)
    groups.keep(engine)


def fill(engine: Engine, size: Amount, end: datetime) -> None:
    """All rows up to `end`, a whole hour; prints how long each table took."""
    start = end - timedelta(days=size.days)
    days = [start.date() + timedelta(days=number) for number in range(size.days + 2)]
    for table in (*BY_DAY, *BY_MONTH):
        partitions.ensure(engine, table.name, days)
    for name in partitions.POLLED:
        partitions.ensure(engine, name, days[-4:])
    _by_hours(engine, "polls", [_SAMPLES], end - timedelta(hours=size.raw_hours), end, 1)
    _by_hours(engine, "minutes of servers", [_MINUTES], end - timedelta(hours=size.minute_hours), end, 1)
    _by_hours(engine, "minutes of streams", [_STREAM_MINUTES], end - timedelta(hours=size.stream_hours), end, 1)
    _by_hours(engine, "newest polls", [_STATUS, _STREAM_STATUS], end - timedelta(hours=1), end, 1)
    rolled = [_TRAFFIC_5M, rollup_sql.TRAFFIC_1H, group_sql.GROUP_5M, group_sql.GROUP_1H]
    _by_hours(engine, "roll-ups", [str(each) for each in rolled], start, end - timedelta(hours=1), 24)
    _sum_up(engine, start, end)
    with engine.begin() as connection:
        connection.execute(text("UPDATE server SET created_at = :start"), {"start": start})
        servers = [row.id for row in connection.execute(text("SELECT id FROM server"))]
        hour = rollup.buckets(end - timedelta(hours=1), end)
        rollup.note(connection, [(server, at) for server in servers for at in hour])
    began = time.monotonic()
    rollup.roll_up(engine, end + timedelta(minutes=1))
    print(f"the last hour rolled up in {time.monotonic() - began:.1f} s", flush=True)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))


def _sum_up(engine: Engine, start: datetime, end: datetime) -> None:
    began = time.monotonic()
    for number in range((end - start).days + 1):
        day = (start + timedelta(days=number)).replace(hour=0)
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            rollup.sum_up(connection, day, day + timedelta(days=1))
    minutes.keep(engine, end)
    print(f"sums, days and the fleet's minutes in {time.monotonic() - began:.0f} s", flush=True)


def _by_hours(engine: Engine, what: str, statements: list[str], start: datetime, end: datetime, hours: int) -> None:
    began = time.monotonic()
    at = start
    while at < end:
        until = min(end, at + timedelta(hours=hours))
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL synchronous_commit = off"))
            connection.execute(rollup_sql.HASHED)
            for statement in statements:
                connection.execute(text(statement), {"start": at, "end": until})
        at = until
    print(f"{what} in {time.monotonic() - began:.0f} s", flush=True)
