"""Statements that form sums over servers: of those that are alike (`group_*`), and of those of a name (`sum_*`).

As those of `db/rollup_sql.py`, from :start to before :end, whole buckets.
"""

from __future__ import annotations

from sqlalchemy import Table, TextClause, text

from db.rolled import DIMENSIONS, NARROW_BYTES, TOLD_BYTES, TOTAL, WATCHED_SECONDS, group_1h, group_5m, sum_1h, sum_5m
from db.rollup_sql import names, upsert

_GROUP_SUMS = (
    *(f"sum({name})::bigint AS {name}" for name in (*NARROW_BYTES, *TOLD_BYTES)),
    "sum(viewer_seconds / nullif(up_seconds, 0)) AS viewers",
    "sum(stream_seconds / nullif(up_seconds, 0)) AS streams",
    "sum(viewer_seconds) AS viewer_seconds",
    *(f"sum({name})::float8 AS {name}" for name in WATCHED_SECONDS[2:]),
)


# What a group counts for: one row for each of DIMENSIONS.
_VALUES = {TOTAL: "''", "tag": "array_to_string(dims.tags, ', ')"}
_PAIRS = ", ".join(f"('{each}', {_VALUES.get(each, f'dims.{each}')})" for each in DIMENSIONS)
_DIMENSIONS = f"(VALUES {_PAIRS}) AS told(dimension, name)"


def _grouped(table: Table, source: str, where: str) -> TextClause:
    sums = ", ".join(_GROUP_SUMS)
    return upsert(
        table,
        names(table),
        f"SELECT rolled.at, placed.group_id, count(*) AS servers, {sums} FROM {source} rolled"
        " JOIN server_in_group placed ON placed.server_id = rolled.server_id"
        f" WHERE rolled.at >= :start AND rolled.at < :end{where} GROUP BY 1, 2",
    )


def _summed(table: Table, source: str, where: str) -> TextClause:
    sums = ", ".join(
        f"sum({name}){'::bigint' if name.endswith('_bytes') else ''} AS {name}"
        for name in (*NARROW_BYTES, *TOLD_BYTES, "viewers", "streams", *WATCHED_SECONDS[:1], *WATCHED_SECONDS[2:])
    )
    return upsert(
        table,
        names(table),
        f"SELECT told.dimension, rolled.at, told.name, sum(rolled.servers)::integer AS servers, {sums}"
        f" FROM {source} rolled JOIN server_group dims ON dims.id = rolled.group_id CROSS JOIN LATERAL {_DIMENSIONS}"
        f" WHERE rolled.at >= :start AND rolled.at < :end{where} GROUP BY 1, 2, 3",
    )


GROUP_5M = _grouped(group_5m, "traffic_5m", "")
GROUP_1H = _grouped(group_1h, "traffic_1h", "")
SUM_5M = _summed(sum_5m, "group_5m", "")
SUM_1H = _summed(sum_1h, "group_1h", "")
_THESE = " AND placed.group_id = ANY(CAST(:groups AS bigint[]))"
_NAMES = "(dimension, name) IN (SELECT * FROM unnest(CAST(:dimensions AS text[]), CAST(:names AS text[])))"
# The names that groups count for.
NAMES = text(
    f"SELECT DISTINCT told.dimension, told.name FROM server_group dims CROSS JOIN LATERAL {_DIMENSIONS}"
    " WHERE dims.id = ANY(CAST(:groups AS bigint[]))"
)


def _regroup(level: str, group: Table, summed: Table) -> tuple[TextClause, ...]:
    return (
        text(f"DELETE FROM {group} WHERE group_id = ANY(CAST(:groups AS bigint[])) AND at >= :start AND at < :end"),
        _grouped(group, f"traffic_{level}", _THESE),
        text(f"DELETE FROM {summed} WHERE {_NAMES} AND at >= :start AND at < :end"),
        _summed(summed, group.name, f" AND {_NAMES.replace('(dimension, name)', '(told.dimension, told.name)')}"),
    )


# The same, of some groups and their names alone.
REGROUP = {"5m": _regroup("5m", group_5m, sum_5m), "1h": _regroup("1h", group_1h, sum_1h)}
