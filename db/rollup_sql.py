"""The statements of `db/rollup.py`. Each rolls up a run of whole buckets, from :start to before :end.

Every one may be run again at any time: it forms its buckets anew from all that is stored, and changes a row only
where something changed.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Table, TextClause, text

from db.delivered import MINUTES_IN_STEPS, split
from db.rolled import (
    NARROW_BYTES,
    TOLD_BYTES,
    WATCHED_SECONDS,
    WIDE_COUNTERS,
    WIDE_GAUGES,
    channel_1h,
    channel_5m,
    gauge_columns,
    server_1h,
    server_5m,
    stream_1h,
    stream_5m,
    traffic_1d,
    traffic_1h,
    traffic_5m,
)

# One program at a time; until the end of its transaction.
TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('roll up'))")
# Five minutes of a large fleet are sorted and added up in memory.
ROOM = text("SET LOCAL work_mem = '64MB'")
# Notes are taken and buckets formed in one transaction: a crash loses both or none, and nobody waits for the disk.
LATER = text("SET LOCAL synchronous_commit = off")
# The newest rows are beyond what the planner knows of a table. It takes them for one, and would go through all of them
# once for each server.
HASHED, ANY_JOIN = text("SET LOCAL enable_nestloop = off"), text("SET LOCAL enable_nestloop = on")
# A stream's gauges are those of the end of its minute; nobody knows them for a longer time before.
STREAM_KNOWN_SECONDS = 150


def upsert(table: Table, columns: Iterable[str], query: str) -> TextClause:
    """INSERT … `query`, whose columns have the names of the table's; rows that stay the same are not touched."""
    names = list(columns)
    keys = [column.name for column in table.primary_key]
    values = [name for name in names if name not in keys]
    return text(
        f"INSERT INTO {table.name} AS old ({', '.join(names)}) {query}"
        f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(f'{name} = EXCLUDED.{name}' for name in values)}"
        f" WHERE ({', '.join(f'old.{name}' for name in values)})"
        f" IS DISTINCT FROM ({', '.join(f'EXCLUDED.{name}' for name in values)})"
    )


def names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _part(name: str, begin: str, end: str) -> str:
    """A count that grew evenly from `begin` to `end`: what of it grew in the bucket, in whole numbers that add up."""

    def until(moment: str) -> str:
        return (
            f"CASE WHEN {moment} >= {end} THEN {name} WHEN {moment} <= {begin} THEN 0"
            f" ELSE round({name} * (({moment} - {begin}) / ({end} - {begin})))::bigint END"
        )

    return f"CASE WHEN {begin} >= b0 AND {end} <= b1 THEN {name} ELSE {until('b1')} - {until('b0')} END"


def _within(begin: str, end: str) -> str:
    """Seconds from `begin` to `end` that lie in the bucket."""
    return f"greatest(0, least({end}, b1) - greatest({begin}, b0))"


def _epoch(moment: str) -> str:
    # Not extract(): that goes through numeric, at many times the price.
    return f"date_part('epoch', {moment})"


def _read(source: str, where: str, times: str, begin: str) -> str:
    """CTE `seen`: the rows of `source` that reach into the run; g0, e: seconds; first, last: numbers of its buckets."""
    return (
        f"seen AS (SELECT row.*, floor({begin} / 300)::bigint AS first, ceil(e / 300)::bigint - 1 AS last"
        f" FROM (SELECT {source}.*, {_epoch(f'{source}.since')} AS g0, {_epoch(f'{source}.at')} AS e, {times}"
        f"  FROM ends JOIN {source} ON {source}.server_id = ends.server_id"
        f"  WHERE {source}.at > :start AND {where}) row)"
    )


# Most rows lie in one bucket, as they are; the others are cut: once for each bucket, with its bounds b0 and b1.
_RUN = (
    f"{_epoch('CAST(:start AS timestamptz)')}::bigint / 300",
    f"{_epoch('CAST(:end AS timestamptz)')}::bigint / 300 - 1",
)
_IS_WHOLE = f"first = last AND first BETWEEN {_RUN[0]} AND {_RUN[1]}"
_CUT = (
    "(SELECT seen.*, number, number * 300.0::float8 AS b0, number * 300.0::float8 + 300 AS b1 FROM seen"
    f" CROSS JOIN LATERAL generate_series(greatest(first, {_RUN[0]}), least(last, {_RUN[1]})) AS number"
)


_ENDS = (
    "ends AS MATERIALIZED (SELECT * FROM unnest(CAST(:servers AS bigint[]), CAST(:until AS timestamptz[]))"
    " AS ends(server_id, until))"
)

# Up to when polls tell of this run: after its end a server's next good poll brings what grew meanwhile.
UNTIL = text(
    "SELECT asked.server_id, coalesce((SELECT later.at FROM sample later WHERE later.server_id = asked.server_id"
    "  AND later.at >= :end AND later.counted_seconds IS NOT NULL ORDER BY later.at LIMIT 1), :end) AS until"
    " FROM unnest(CAST(:servers AS bigint[])) AS asked(server_id)"
)


def _told_traffic() -> str:
    sums = ", ".join(f"sum({name})::bigint AS {name}" for name in NARROW_BYTES)
    seconds = ", ".join(f"sum({name}) AS {name}" for name in WATCHED_SECONDS)
    narrow = ", ".join(f"summed.{name}" for name in NARROW_BYTES)
    watched = ", ".join(f"summed.{name}" for name in WATCHED_SECONDS)
    return (
        f"WITH {split(MINUTES_IN_STEPS)}, summed AS (SELECT server_id,"
        f" date_bin(make_interval(secs => :step), traffic_1m.at, :start) AS at, {sums}, {seconds}"
        " FROM traffic_1m WHERE at >= :start AND at < :end GROUP BY 1, 2)"
        f" SELECT summed.server_id, summed.at, {narrow},"
        " round(split.delivered_bps * summed.counted_seconds / 8)::bigint AS delivered_bytes,"
        " round(split.from_home_bps * summed.counted_seconds / 8)::bigint AS home_bytes,"
        " CASE WHEN split.is_home AND split.internal_bps IS NULL THEN summed.egress_bytes END AS untold_bytes,"
        f" {watched} FROM summed LEFT JOIN split ON split.server_id = summed.server_id AND split.at = summed.at"
    )


TRAFFIC_5M = upsert(traffic_5m, names(traffic_5m), _told_traffic())


def _coarser(table: Table, source: str, unit: str) -> TextClause:
    return upsert(
        table,
        names(table),
        f"SELECT server_id, date_trunc('{unit}', at, 'UTC') AS at,"
        f" {', '.join(f'sum({name})::bigint' for name in (*NARROW_BYTES, *TOLD_BYTES))},"
        f" {', '.join(f'sum({name})' for name in WATCHED_SECONDS)}"
        f" FROM {source} WHERE at >= :start AND at < :end GROUP BY 1, 2",
    )


TRAFFIC_1H = _coarser(traffic_1h, "traffic_5m", "hour")
TRAFFIC_1D = _coarser(traffic_1d, "traffic_1h", "day")


def _wide_5m() -> str:
    counters = ", ".join(f"sum({name})::bigint AS {name}" for name in WIDE_COUNTERS)
    gauges = ", ".join(
        f"sum({name} * w) / sum(w) FILTER (WHERE {name} IS NOT NULL), min({name}), max({name}),"
        f" sum(w) FILTER (WHERE {name} IS NOT NULL)"
        for name in WIDE_GAUGES
    )
    times = f"{_epoch('sample.at')} - coalesce(sample.counted_seconds, 0) AS c0"
    where = "sample.at <= ends.until AND sample.at <= :last"
    grown = ", ".join(f"CASE WHEN counted > 0 THEN {_part(name, 'c0', 'e')} END" for name in WIDE_COUNTERS)
    known = ", ".join(f"CASE WHEN w > 0 THEN {name} END" for name in WIDE_GAUGES)
    whole = f"{_IS_WHOLE} AND up AND e > g0 AND counted_seconds > 0"
    return (
        f"WITH {_ENDS}, {_read('sample', where, times, 'least(c0, g0)')},"
        f" parts AS (SELECT server_id, first AS number, e - g0 AS covered, e - g0 AS w, counted_seconds AS counted,"
        f"  {', '.join((*WIDE_COUNTERS, *WIDE_GAUGES))} FROM seen WHERE {whole}"
        f" UNION ALL SELECT server_id, number, covered, w, counted, {grown}, {known} FROM (SELECT cut.*,"
        f"  {_within('g0', 'e')} AS covered, CASE WHEN up THEN {_within('g0', 'e')} ELSE 0 END AS w,"
        f"  CASE WHEN counted_seconds IS NOT NULL THEN {_within('c0', 'e')} ELSE 0 END AS counted"
        f"  FROM {_CUT} WHERE ({whole}) IS NOT TRUE) cut) weighed)"
        " SELECT server_id, to_timestamp(number * 300) AS at, sum(covered), sum(w), sum(counted),"
        f" {counters}, {gauges} FROM parts GROUP BY server_id, number"
    )


def _wide_1h() -> str:
    counters = ", ".join(f"sum({name})::bigint" for name in WIDE_COUNTERS)
    gauges = ", ".join(
        f"sum({mean}::float8 * {known}) / sum({known}), min({least}), max({most}), sum({known})"
        for mean, least, most, known in map(gauge_columns, WIDE_GAUGES)
    )
    return (
        "SELECT server_id, date_trunc('hour', at, 'UTC') AS at, sum(covered_seconds), sum(up_seconds),"
        f" sum(counted_seconds), {counters}, {gauges} FROM server_5m"
        " WHERE server_id = ANY(CAST(:servers AS bigint[])) AND at >= :start AND at < :end GROUP BY 1, 2"
    )


SERVER_5M = upsert(server_5m, names(server_5m), _wide_5m())
SERVER_1H = upsert(server_1h, names(server_1h), _wide_1h())


def _streams_5m() -> str:
    where = (
        "stream_sample.at <= ends.until + interval '150 seconds' AND stream_sample.at <= :last_stream"
        " AND stream_sample.since < :end AND stream_sample.since < stream_sample.at"
    )
    known = f"greatest(g0, e - {STREAM_KNOWN_SECONDS})"
    return (
        f"WITH {_ENDS}, {_read('stream_sample', where, 'true AS stream', 'g0')},"
        " parts AS (SELECT server_id, stream_id, first AS number, egress_bytes, ingress_bytes, counted_seconds,"
        f"  e - {known} AS w, publishing, viewers FROM seen WHERE {_IS_WHOLE}"
        f" UNION ALL SELECT server_id, stream_id, number, {_part('egress_bytes', 'g0', 'e')},"
        f"  {_part('ingress_bytes', 'g0', 'e')}, counted_seconds * {_within('g0', 'e')} / (e - g0), w, publishing,"
        "  CASE WHEN w > 0 THEN viewers END FROM (SELECT cut.*,"
        f"  {_within(known, 'e')} AS w FROM {_CUT} WHERE NOT ({_IS_WHOLE})) cut) weighed)"
        " SELECT server_id, stream_id, to_timestamp(number * 300) AS at, sum(egress_bytes)::bigint AS egress_bytes,"
        " sum(ingress_bytes)::bigint AS ingress_bytes, sum(counted_seconds) AS counted_seconds,"
        " coalesce(sum(w) FILTER (WHERE publishing), 0) AS publishing_seconds,"
        " sum(viewers * w) / sum(w) FILTER (WHERE viewers IS NOT NULL) AS viewers, max(viewers) AS viewers_max,"
        " coalesce(sum(w) FILTER (WHERE viewers IS NOT NULL), 0) AS viewers_known"
        " FROM parts GROUP BY server_id, stream_id, number"
    )


_STREAM = (
    "server_id",
    "stream_id",
    "at",
    "egress_bytes",
    "ingress_bytes",
    "counted_seconds",
    "publishing_seconds",
    "viewers",
    "viewers_max",
    "viewers_known",
)
STREAM_5M = upsert(stream_5m, _STREAM, _streams_5m())
STREAM_1H = upsert(
    stream_1h,
    _STREAM,
    "SELECT server_id, stream_id, date_trunc('hour', at, 'UTC') AS at, sum(egress_bytes)::bigint,"
    " sum(ingress_bytes)::bigint, sum(counted_seconds), sum(publishing_seconds),"
    " sum(viewers::float8 * viewers_known) / nullif(sum(viewers_known), 0), max(viewers_max), sum(viewers_known)"
    " FROM stream_5m WHERE server_id = ANY(CAST(:servers AS bigint[])) AND at >= :start AND at < :end GROUP BY 1, 2, 3",
)

_CHANNEL = ("channel_id", "at", "egress_bytes", "viewers", "viewers_max", "viewer_seconds", "publishing_seconds")
CHANNEL_5M = upsert(
    channel_5m,
    _CHANNEL,
    "SELECT stream.channel_id, rolled.at,"
    " coalesce(sum(rolled.egress_bytes) FILTER (WHERE server.role = 'edge'), 0)::bigint,"
    " sum(rolled.viewers), sum(rolled.viewers), sum(rolled.viewers::float8 * rolled.viewers_known),"
    " max(rolled.publishing_seconds)"
    " FROM stream_5m rolled JOIN stream ON stream.id = rolled.stream_id JOIN server ON server.id = rolled.server_id"
    " WHERE rolled.at >= :start AND rolled.at < :end GROUP BY 1, 2",
)
CHANNEL_1H = upsert(
    channel_1h,
    _CHANNEL,
    "SELECT channel_id, date_trunc('hour', at, 'UTC') AS at, sum(egress_bytes)::bigint, avg(viewers),"
    " max(viewers_max), sum(viewer_seconds), sum(publishing_seconds)"
    " FROM channel_5m WHERE at >= :start AND at < :end GROUP BY 1, 2",
)
