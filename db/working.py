"""How a figure was made, and whether all of them add up: the two readings behind the newest increase, and the audit.

Every function returns a DataFrame as those of `db.live` do.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Engine, text

from cdn.metrics import COUNTERS
from db.engine import reading
from db.frame import frame

_READINGS = text(
    "SELECT metric.name, (status.previous -> 'counters' ->> metric.name)::bigint AS before,"
    " (status.counters ->> metric.name)::bigint AS now,"
    " (status.previous ->> 'at')::timestamptz AS before_at, status.counted_at AS now_at,"
    " (status.previous ->> 'clock')::float8 AS before_clock, status.clock AS now_clock,"
    " status.previous ->> 'process' AS before_process, status.process AS now_process,"
    " newest.increase, newest.counted_seconds::float8 AS counted_seconds, newest.restarted, newest.estimated,"
    " newest.since"
    " FROM server_status status"
    " CROSS JOIN unnest(CAST(:names AS text[])) AS metric(name)"
    " LEFT JOIN LATERAL (SELECT (to_jsonb(sample) ->> metric.name)::bigint AS increase, sample.counted_seconds,"
    "  sample.restarted, sample.estimated, sample.since FROM sample"
    "  WHERE sample.server_id = status.server_id AND sample.at = status.counted_at) newest ON true"
    " WHERE status.server_id = :id AND (status.counters ? metric.name OR newest.increase IS NOT NULL)"
)


def readings(engine: Engine, server_id: int) -> pd.DataFrame:
    """The newest increase of each counter of a server, and the two raw readings it was made from.

    name (cdn.metrics); before, now: the counter as read at before_at and now_at, which was true at before_clock and
    now_clock by the server's own clock (epoch seconds; NaN: it tells none), of the processes before_process and
    now_process; increase over counted_seconds; restarted, estimated: see `sample`; since: when this poll's span began.
    A counter made by the collector (internal_bytes) has an increase, but no readings.
    """
    names = [metric.name for metric in COUNTERS]
    with reading(engine) as connection:
        return frame(
            connection,
            _READINGS,
            {"id": server_id, "names": names},
            times=("before_at", "now_at", "since"),
            numbers=("before_clock", "now_clock", "counted_seconds"),
            wholes=("before", "now", "increase"),
        )


_COVERAGE = text(
    "SELECT count(*) AS polls, count(*) FILTER (WHERE up) AS good,"
    " coalesce(sum(extract(epoch FROM at - greatest(since, :start))), 0)::float8 AS covered_seconds,"
    " coalesce(sum(extract(epoch FROM at - greatest(since, :start))) FILTER (WHERE up), 0)::float8 AS up_seconds"
    " FROM sample WHERE server_id = :id AND at > :start AND at <= :now"
)


def coverage(engine: Engine, now: datetime, server_id: int) -> pd.DataFrame:
    """One row: of the last hour of a server, how many polls, how many of them good, seconds covered and seconds up."""
    with reading(engine) as connection:
        return frame(connection, _COVERAGE, {"id": server_id, "start": now - timedelta(hours=1), "now": now})


_SUMS = ", ".join(
    f"(sum(sample.{metric.name}))::bigint AS {metric.name}" for metric in COUNTERS if metric.name != "internal_bytes"
)
_AUDIT = text(
    "WITH audited AS (SELECT server.id, server.name, status.counters, status.audited -> 'counters' AS first,"
    "  (status.audited ->> 'at')::timestamptz AS since, status.counted_at AS until"
    "  FROM server JOIN server_status status ON status.server_id = server.id"
    "  WHERE server.retired_at IS NULL AND NOT server.paused),"
    " stored AS (SELECT audited.id, to_jsonb(sums) AS sums FROM audited CROSS JOIN LATERAL (SELECT "
    f"  {_SUMS} FROM sample WHERE sample.server_id = audited.id AND sample.at > audited.since"
    "   AND sample.at <= audited.until) sums)"
    " SELECT audited.id, audited.name, audited.since, audited.until, counter.name AS counter,"
    " (audited.counters ->> counter.name)::bigint - coalesce((audited.first ->> counter.name)::bigint, 0) AS grown,"
    " coalesce((stored.sums ->> counter.name)::bigint, 0) AS stored"
    " FROM audited JOIN stored USING (id)"
    " LEFT JOIN LATERAL jsonb_object_keys(audited.counters) AS counter(name) ON audited.since IS NOT NULL"
    " ORDER BY audited.name, counter.name"
)


def audit(engine: Engine) -> pd.DataFrame:
    """Whether all increases add up: one row a server and counter.

    id, name of the server; counter; grown: how far it went between `since` and `until`; stored: what the samples in
    between add up to; difference (stored - grown): 0, or something is wrong. A server whose workers answer in turn
    (by_worker), or that was polled only once, has one row without a counter: it cannot be audited so.
    """
    with reading(engine) as connection:
        found = frame(connection, _AUDIT, {}, times=("since", "until"), wholes=("grown", "stored"))
    found["difference"] = found["stored"] - found["grown"]
    return found


_COLLECTORS = text(
    "SELECT name, version, started_at, heartbeat_at, stopped_at, servers, polls, late_polls, spooled_polls,"
    " stopped_at IS NULL AND heartbeat_at > now() - make_interval(secs => 15) AS alive"
    " FROM collector ORDER BY heartbeat_at DESC LIMIT 50"
)


def collectors(engine: Engine) -> pd.DataFrame:
    """Every collector that ever ran, newest sign of life first: name, version, started_at, heartbeat_at, stopped_at,
    alive, servers, polls, late_polls, spooled_polls (waiting on its disk)."""
    with reading(engine) as connection:
        return frame(connection, _COLLECTORS, {}, times=("started_at", "heartbeat_at", "stopped_at"))


_SIZES = text(
    "SELECT parent.relname AS table, count(part.oid) AS parts,"
    " coalesce(sum(pg_total_relation_size(part.oid)), pg_total_relation_size(parent.oid))::bigint AS bytes"
    " FROM pg_class parent JOIN pg_namespace space ON space.oid = parent.relnamespace"
    " LEFT JOIN pg_inherits ON inhparent = parent.oid LEFT JOIN pg_class part ON part.oid = inhrelid"
    " WHERE space.nspname = current_schema() AND parent.relkind IN ('r', 'p') AND NOT parent.relispartition"
    " GROUP BY parent.oid, parent.relname ORDER BY bytes DESC, parent.relname"
)


def sizes(engine: Engine) -> pd.DataFrame:
    """What the database holds: table, parts (days it is split into, 0 where it is not) and bytes, indexes included."""
    with reading(engine) as connection:
        return frame(connection, _SIZES, {})
