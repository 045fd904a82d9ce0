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
    group_1h,
    group_5m,
    server_1h,
    server_5m,
    stream_1h,
    stream_5m,
    traffic_1h,
    traffic_5m,
)

# One program at a time; until the end of its transaction.
TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('roll up'))")
# A stream's gauges are those of the end of its minute; nobody knows them for a longer time before.
STREAM_KNOWN_SECONDS = 150
_GROUP_SUMS = (
    *(f"sum({name})::bigint AS {name}" for name in (*NARROW_BYTES, *TOLD_BYTES)),
    "sum(viewer_seconds / nullif(up_seconds, 0)) AS viewers",
    "sum(stream_seconds / nullif(up_seconds, 0)) AS streams",
    "sum(viewer_seconds) AS viewer_seconds",
    *(f"sum({name})::float8 AS {name}" for name in WATCHED_SECONDS[2:]),
)


def _upsert(table: Table, columns: Iterable[str], query: str) -> TextClause:
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


def _names(table: Table) -> list[str]:
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


def _cut(source: str, where: str, times: str, begin: str) -> str:
    """CTE `cut`: every row of `source` once for each bucket it reaches into, with its bounds b0 and b1."""
    return (
        f"cut AS (SELECT row.*, number * 300.0::float8 AS b0, number * 300.0::float8 + 300 AS b1,"
        " to_timestamp(number * 300) AS bucket"
        f" FROM (SELECT {source}.*, extract(epoch FROM {source}.since)::float8 AS g0,"
        f"  extract(epoch FROM {source}.at)::float8 AS e, {times}"
        f"  FROM ends JOIN {source} ON {source}.server_id = ends.server_id"
        f"  WHERE {source}.at > :start AND {where}) row"
        f" CROSS JOIN LATERAL generate_series("
        f"  greatest(floor({begin} / 300), extract(epoch FROM CAST(:start AS timestamptz)) / 300)::bigint,"
        "  least(ceil(e / 300), extract(epoch FROM CAST(:end AS timestamptz)) / 300)::bigint - 1) AS number)"
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


TRAFFIC_5M = _upsert(traffic_5m, _names(traffic_5m), _told_traffic())
TRAFFIC_1H = _upsert(
    traffic_1h,
    _names(traffic_1h),
    "SELECT server_id, date_trunc('hour', at, 'UTC') AS at,"
    f" {', '.join(f'sum({name})::bigint' for name in (*NARROW_BYTES, *TOLD_BYTES))},"
    f" {', '.join(f'sum({name})' for name in WATCHED_SECONDS)}"
    " FROM traffic_5m WHERE at >= :start AND at < :end GROUP BY 1, 2",
)


def _wide_5m() -> str:
    counters = ", ".join(
        f"(sum({_part(name, 'c0', 'e')}) FILTER (WHERE {_within('c0', 'e')} > 0))::bigint AS {name}"
        for name in WIDE_COUNTERS
    )
    gauges = ", ".join(
        f"sum({name} * w) FILTER (WHERE w > 0) / nullif(sum(w) FILTER (WHERE {name} IS NOT NULL), 0),"
        f" min({name}) FILTER (WHERE w > 0), max({name}) FILTER (WHERE w > 0),"
        f" nullif(sum(w) FILTER (WHERE {name} IS NOT NULL), 0)"
        for name in WIDE_GAUGES
    )
    times = "extract(epoch FROM sample.at)::float8 - coalesce(sample.counted_seconds, 0) AS c0"
    return (
        f"WITH {_ENDS}, {_cut('sample', 'sample.at <= ends.until AND sample.at <= :last', times, 'least(c0, g0)')},"
        f" weighed AS (SELECT cut.*, {_within('g0', 'e')} AS covered,"
        f"  CASE WHEN up THEN {_within('g0', 'e')} ELSE 0 END AS w FROM cut)"
        " SELECT server_id, bucket AS at, sum(covered) AS covered_seconds, sum(w) AS up_seconds,"
        f" coalesce(sum({_within('c0', 'e')}) FILTER (WHERE counted_seconds IS NOT NULL), 0) AS counted_seconds,"
        f" {counters}, {gauges} FROM weighed GROUP BY 1, 2"
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


SERVER_5M = _upsert(server_5m, _names(server_5m), _wide_5m())
SERVER_1H = _upsert(server_1h, _names(server_1h), _wide_1h())


def _streams_5m() -> str:
    last = "stream_sample.at <= ends.until + interval '150 seconds' AND stream_sample.at <= :last_stream"
    seen = f"greatest(g0, e - {STREAM_KNOWN_SECONDS})"
    return (
        f"WITH {_ENDS}, {_cut('stream_sample', last, 'true AS stream', 'g0')},"
        f" weighed AS (SELECT cut.*, {_within('g0', 'e')} AS covered, {_within(seen, 'e')} AS w FROM cut)"
        " SELECT server_id, stream_id, bucket AS at,"
        f" sum({_part('egress_bytes', 'g0', 'e')})::bigint AS egress_bytes,"
        f" sum({_part('ingress_bytes', 'g0', 'e')})::bigint AS ingress_bytes,"
        " sum(counted_seconds * covered / nullif(e - g0, 0)) AS counted_seconds,"
        " coalesce(sum(w) FILTER (WHERE publishing), 0) AS publishing_seconds,"
        " sum(viewers * w) / nullif(sum(w) FILTER (WHERE viewers IS NOT NULL), 0) AS viewers,"
        " max(viewers) FILTER (WHERE w > 0) AS viewers_max,"
        " coalesce(sum(w) FILTER (WHERE viewers IS NOT NULL), 0) AS viewers_known"
        " FROM weighed WHERE e > g0 GROUP BY 1, 2, 3"
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
STREAM_5M = _upsert(stream_5m, _STREAM, _streams_5m())
STREAM_1H = _upsert(
    stream_1h,
    _STREAM,
    "SELECT server_id, stream_id, date_trunc('hour', at, 'UTC') AS at, sum(egress_bytes)::bigint,"
    " sum(ingress_bytes)::bigint, sum(counted_seconds), sum(publishing_seconds),"
    " sum(viewers::float8 * viewers_known) / nullif(sum(viewers_known), 0), max(viewers_max), sum(viewers_known)"
    " FROM stream_5m WHERE server_id = ANY(CAST(:servers AS bigint[])) AND at >= :start AND at < :end GROUP BY 1, 2, 3",
)

_CHANNEL = ("channel_id", "at", "egress_bytes", "viewers", "viewers_max", "viewer_seconds", "publishing_seconds")
CHANNEL_5M = _upsert(
    channel_5m,
    _CHANNEL,
    "SELECT stream.channel_id, rolled.at,"
    " coalesce(sum(rolled.egress_bytes) FILTER (WHERE server.role = 'edge'), 0)::bigint,"
    " sum(rolled.viewers), sum(rolled.viewers), sum(rolled.viewers::float8 * rolled.viewers_known),"
    " max(rolled.publishing_seconds)"
    " FROM stream_5m rolled JOIN stream ON stream.id = rolled.stream_id JOIN server ON server.id = rolled.server_id"
    " WHERE rolled.at >= :start AND rolled.at < :end GROUP BY 1, 2",
)
CHANNEL_1H = _upsert(
    channel_1h,
    _CHANNEL,
    "SELECT channel_id, date_trunc('hour', at, 'UTC') AS at, sum(egress_bytes)::bigint, avg(viewers),"
    " max(viewers_max), sum(viewer_seconds), sum(publishing_seconds)"
    " FROM channel_5m WHERE at >= :start AND at < :end GROUP BY 1, 2",
)


def _grouped(table: Table, source: str, where: str) -> TextClause:
    sums = ", ".join(_GROUP_SUMS)
    return _upsert(
        table,
        _names(table),
        f"SELECT rolled.at, placed.group_id, count(*) AS servers, {sums} FROM {source} rolled"
        " JOIN server_in_group placed ON placed.server_id = rolled.server_id"
        f" WHERE rolled.at >= :start AND rolled.at < :end{where} GROUP BY 1, 2",
    )


GROUP_5M = _grouped(group_5m, "traffic_5m", "")
GROUP_1H = _grouped(group_1h, "traffic_1h", "")
_THESE = " AND placed.group_id = ANY(CAST(:groups AS bigint[]))"
# The same, of some groups alone.
REGROUP = {
    "5m": (
        text("DELETE FROM group_5m WHERE group_id = ANY(CAST(:groups AS bigint[])) AND at >= :start AND at < :end"),
        _grouped(group_5m, "traffic_5m", _THESE),
    ),
    "1h": (
        text("DELETE FROM group_1h WHERE group_id = ANY(CAST(:groups AS bigint[])) AND at >= :start AND at < :end"),
        _grouped(group_1h, "traffic_1h", _THESE),
    ),
}
