"""The fleet by minutes: what live pages show of the last hours, in all and by role, region, provider and kind.

A minute is formed when it is over and again after its five minutes were, so what comes late is in it. Servers count for
what they were when it was formed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from cdn.units import MINUTE
from db import partitions, rollup_sql
from db.bulk import copy
from db.delivered import OFFLOAD, split
from db.engine import reachable
from db.rolled import FIVE_MINUTES, LIVE_DIMENSIONS, TOTAL, fleet_1m, rollup_due

# A minute changes until the next poll of each server has told what grew in its last seconds.
STILL_CHANGING = timedelta(minutes=3)
# How far back minutes are formed that nobody formed, and how many in one transaction.
FARTHEST, AT_ONCE = timedelta(days=1), timedelta(hours=1)
# Five minutes that were noted, formed in one transaction.
MOST_NOTED = 24
_TAKE = text(
    "DELETE FROM rollup_due WHERE ctid = ANY(ARRAY(SELECT ctid FROM rollup_due WHERE seconds = :seconds ORDER BY at"
    " LIMIT :most)) RETURNING at"
)
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtext('minutes'))")
_NEWEST = text("SELECT max(at) FROM fleet_1m WHERE dimension = 'total' AND at >= :since")
_TRAFFIC = (
    "SELECT traffic.at, traffic.server_id, traffic.egress_bytes, traffic.internal_bytes, traffic.origin_bytes,"
    " traffic.counted_seconds FROM traffic_1m traffic WHERE traffic.at >= :start AND traffic.at < :end"
)
_VALUES = {TOTAL: "''"}
_NAMES = ", ".join(f"('{each}', {_VALUES.get(each, f'server.{each}')})" for each in LIVE_DIMENSIONS)
# An edge says "on air" long after its source is gone: a channel that a first origin lists is on air where that one
# says so; any other where a copy is published and its bytes grow.
IS_ON_AIR = "CASE WHEN has_home THEN at_home ELSE moving END"
# Of each stream there is about one row a minute.
_ON_AIR = (
    "carried AS (SELECT minute.at, stream.channel_id, bool_or(home.server_id IS NOT NULL) AS has_home,"
    "  bool_or(home.server_id IS NOT NULL AND sample.publishing) AS at_home,"
    "  bool_or(sample.publishing AND sample.egress_bytes + sample.ingress_bytes > 0) AS moving"
    "  FROM stream_sample sample JOIN stream ON stream.id = sample.stream_id"
    "  LEFT JOIN home ON home.server_id = sample.server_id CROSS JOIN LATERAL generate_series("
    "   date_trunc('minute', sample.at - interval '1 microsecond'), sample.at + interval '30 s', '1 minute') minute(at)"
    "  WHERE sample.at > CAST(:start AS timestamptz) - interval '30 s' AND sample.at <= :end"
    "   AND minute.at >= :start AND minute.at < :end GROUP BY 1, 2),"
    f" on_air AS (SELECT at, (count(*) FILTER (WHERE {IS_ON_AIR}))::integer AS streams FROM carried GROUP BY at)"
)
_FORM = rollup_sql.upsert(
    fleet_1m,
    [column.name for column in fleet_1m.columns],
    f"WITH {split(_TRAFFIC)}, {_ON_AIR}"
    " SELECT named.dimension, traffic.at, named.name, sum(split.egress_bps) AS egress_bps,"
    " sum(traffic.ingress_bytes::float8 * 8 / nullif(traffic.counted_seconds, 0)) AS ingress_bps,"
    " sum(split.delivered_bps) AS delivered_bps, sum(split.internal_bps) AS internal_bps,"
    f" CASE WHEN named.dimension = 'total' THEN {OFFLOAD} END AS origin_offload,"
    " sum(traffic.viewer_seconds / nullif(traffic.up_seconds, 0)) AS viewers,"
    " coalesce(sum(traffic.up_seconds / nullif(traffic.covered_seconds, 0)), 0) AS servers_up,"
    " count(nullif(traffic.covered_seconds, 0))::integer AS servers_seen,"
    " max(on_air.streams) FILTER (WHERE named.dimension = 'total') AS streams_on_air"
    " FROM traffic_1m traffic JOIN server ON server.id = traffic.server_id"
    " LEFT JOIN split ON split.server_id = traffic.server_id AND split.at = traffic.at"
    " LEFT JOIN on_air ON on_air.at = traffic.at"
    f" CROSS JOIN LATERAL (VALUES {_NAMES}) AS named(dimension, name)"
    " WHERE traffic.at >= :start AND traffic.at < :end GROUP BY 1, 2, 3",
)


def form(connection: Connection, start: datetime, end: datetime) -> None:
    """Form the minutes from `start` to before `end` anew from what is stored."""
    connection.execute(rollup_sql.HASHED)
    connection.execute(_FORM, {"start": start, "end": end})
    connection.execute(rollup_sql.ANY_JOIN)


def note(connection: Connection, starts: Iterable[datetime]) -> None:
    """Note that the minutes of the five minutes that begin at `starts` are to be formed again."""
    copy(connection, rollup_due, ("seconds", "server_id", "at"), ((MINUTE, 0, at) for at in starts))


def keep(engine: Engine, now: datetime) -> None:
    """Form the minutes that are over: the last ones, those of a day that nobody formed yet, and those that were noted.

    Does nothing while another program is at it. Raises Unavailable.
    """
    end = now.replace(second=0, microsecond=0)
    with reachable(engine), engine.begin() as connection:
        formed = connection.scalar(_NEWEST, {"since": end - FARTHEST})
    at = min(formed or end - FARTHEST, end - STILL_CHANGING)
    partitions.ensure(engine, fleet_1m.name, {at.date(), now.date()})
    while at < end:
        until = min(end, at + AT_ONCE)
        with reachable(engine), engine.begin() as connection:
            if not connection.scalar(_TRY_LOCK):
                return
            form(connection, at, until)
        at = until
    while _noted(engine):
        pass


def _noted(engine: Engine) -> bool:
    """Form some of the minutes that were noted; False where there are none, or another program is at it."""
    with reachable(engine), engine.begin() as connection:
        if not connection.scalar(_TRY_LOCK):
            return False
        starts = sorted(set(connection.scalars(_TAKE, {"seconds": MINUTE, "most": MOST_NOTED})))
        for start in starts:
            form(connection, start, start + timedelta(seconds=FIVE_MINUTES))
    return bool(starts)
