"""Whether servers were up, and for how long they were not. Out of roll-ups and outages.

A server's time in a window is up, down or blind: nobody looked, or no roll-up tells. So every share is a range: least
as if it had been down whenever nobody looked, most as if it had been up. Windows are bounds in UTC on whole five
minutes; hours that a bound cuts, and those of late, are read by five minutes, all others by the hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine, text

from db.engine import reading
from db.frame import frame
from db.rolled import FIVE_MINUTES, HOUR

STEP = timedelta(seconds=FIVE_MINUTES)
_HOUR = timedelta(seconds=HOUR)
# Hours are formed by then; the roll-up of five minutes is at most so far behind.
_LATE = timedelta(hours=2)
SECONDS = ("expected", "covered", "up")
_COUNTED = ("covered", "up")


def floor(at: datetime) -> datetime:
    """The whole five minutes that `at` is in."""
    return at - timedelta(seconds=at.timestamp() % FIVE_MINUTES)


_WAITING = text("SELECT min(at) FROM rollup_due WHERE seconds = :five AND at > :recent")


def known_until(engine: Engine, now: datetime) -> datetime:
    """Up to when roll-ups tell everything: what is younger waits to be rolled up, or is not over."""
    with reading(engine) as connection:
        waiting = connection.scalar(_WAITING, {"five": FIVE_MINUTES, "recent": now - _LATE / 2})
    until = floor(now)
    return until if waiting is None else min(until, waiting)


_SERVERS = text(
    "SELECT server.id AS server_id, server.name AS server, server.role, server.region, server.provider,"
    " least(server.created_at, five.at, CASE WHEN hours.at < date_trunc('hour', five.at) OR five.at IS NULL"
    "  THEN hours.at END) AS since, server.retired_at AS until FROM server"
    " LEFT JOIN LATERAL (SELECT min(at) AS at FROM traffic_5m WHERE server_id = server.id) five ON true"
    " LEFT JOIN LATERAL (SELECT min(at) AS at FROM traffic_1h WHERE server_id = server.id) hours ON true"
    " WHERE (server.retired_at IS NULL OR server.retired_at > :start)"
    "  AND (CAST(:servers AS bigint[]) = '{}' OR server.id = ANY(CAST(:servers AS bigint[])))"
    " ORDER BY server.name, server.id"
)
_WATCHED = text(
    "WITH part AS (SELECT server_id, at, covered_seconds, up_seconds FROM traffic_1h"
    "  WHERE at >= :start AND at < :end AND at <> ALL(CAST(:cut AS timestamptz[]))"
    "  UNION ALL SELECT five.server_id, five.at, five.covered_seconds, five.up_seconds"
    "  FROM unnest(CAST(:cut AS timestamptz[])) AS cut(hour)"
    # Hour by hour: else all of the five minutes would be looked through.
    "  CROSS JOIN LATERAL (SELECT * FROM traffic_5m WHERE at >= cut.hour AND at < cut.hour + interval '1 hour'"
    "   AND at >= :start AND at < :end OFFSET 0) five)"
    " SELECT server_id, width_bucket(at, CAST(:bounds AS timestamptz[])) - 1 AS part,"
    " sum(covered_seconds::float8) AS covered, sum(up_seconds::float8) AS up FROM part"
    " WHERE CAST(:servers AS bigint[]) = '{}' OR server_id = ANY(CAST(:servers AS bigint[])) GROUP BY 1, 2"
)
_REGIONS = text(
    "WITH part AS (SELECT group_id, at, covered_seconds, up_seconds FROM group_1h"
    "  WHERE at >= :start AND at < :end AND at <> ALL(CAST(:cut AS timestamptz[]))"
    "  UNION ALL SELECT five.group_id, five.at, five.covered_seconds, five.up_seconds"
    "  FROM unnest(CAST(:cut AS timestamptz[])) AS cut(hour)"
    "  CROSS JOIN LATERAL (SELECT * FROM group_5m WHERE at >= cut.hour AND at < cut.hour + interval '1 hour'"
    "   AND at >= :start AND at < :end OFFSET 0) five)"
    " SELECT server_group.region, width_bucket(part.at, CAST(:bounds AS timestamptz[])) - 1 AS part,"
    " sum(part.covered_seconds) AS covered, sum(part.up_seconds) AS up"
    " FROM part JOIN server_group ON server_group.id = part.group_id GROUP BY 1, 2"
)


def watched(engine: Engine, bounds: Sequence[datetime], now: datetime, servers: Sequence[int] = ()) -> pd.DataFrame:
    """A row for each server and part of time (from one of `bounds` to the next) in which it existed.

    server_id, server, role, region, provider, part (0: the first), expected (seconds in which it existed and that are
    told), covered (of them somebody looked), up (of those it answered). servers: only these. Time that is not over or
    not rolled up is left out. Sums over parts or servers are figures of longer times or groups: see `told`.
    """
    edges, parameters = _asked(engine, bounds, now, servers)
    with reading(engine) as connection:
        known = frame(connection, _SERVERS, parameters, times=("since", "until"))
        found = frame(connection, _WATCHED, parameters, numbers=_COUNTED) if edges[0] < edges[-1] else None
    rows = _existed(known, edges)
    if found is None:
        return rows.assign(covered=0.0, up=0.0)
    return _within(rows.merge(found, on=["server_id", "part"], how="left"))


def regions(engine: Engine, bounds: Sequence[datetime], now: datetime) -> pd.DataFrame:
    """The same of regions, as they are now: region, part, expected, covered, up. Out of the sums of servers that are
    alike: many days of a large fleet are few rows."""
    edges, parameters = _asked(engine, bounds, now, ())
    with reading(engine) as connection:
        known = frame(connection, _SERVERS, parameters, times=("since", "until"))
        found = frame(connection, _REGIONS, parameters, numbers=_COUNTED) if edges[0] < edges[-1] else None
    rows: pd.DataFrame = _existed(known, edges).groupby(["region", "part"], as_index=False)[["expected"]].sum()
    if found is None:
        return rows.assign(covered=0.0, up=0.0)
    return _within(rows.merge(found, on=["region", "part"], how="left"))


def _asked(
    engine: Engine, bounds: Sequence[datetime], now: datetime, servers: Sequence[int]
) -> tuple[list[datetime], dict[str, Any]]:
    """Bounds as far as anything is told, and what the statements are asked."""
    last = known_until(engine, now)
    edges = [min(bound, last) for bound in bounds]
    cut = _cut(edges, last)
    return edges, {"start": edges[0], "end": edges[-1], "bounds": edges, "cut": cut, "servers": list(servers)}


def _existed(known: pd.DataFrame, edges: Sequence[datetime]) -> pd.DataFrame:
    """A row for each server of _SERVERS and part in which it existed."""
    parts = pd.DataFrame({"part": range(len(edges) - 1), "start": edges[:-1], "end": edges[1:]})
    for name in ("start", "end"):
        parts[name] = pd.to_datetime(parts[name], utc=True).astype("datetime64[us, UTC]")
    rows = known.merge(parts, how="cross")
    begin = rows["start"].where(rows["start"] > rows["since"], rows["since"])
    over = rows["end"].where(rows["until"].isna() | (rows["end"] < rows["until"]), rows["until"])
    rows["expected"] = (over - begin).dt.total_seconds().astype("float64")
    return rows[rows["expected"] > 0].drop(columns=["since", "until", "start", "end"]).reset_index(drop=True)


def _within(rows: pd.DataFrame) -> pd.DataFrame:
    """No more covered than expected, and no more up than covered; nothing stored is 0."""
    # Buckets hold floats of single precision, and a poll may reach a little over its bucket's end.
    rows["covered"] = np.minimum(rows["covered"].fillna(0.0), rows["expected"])
    rows["up"] = np.minimum(rows["up"].fillna(0.0), rows["covered"])
    return rows


def _cut(edges: Sequence[datetime], last: datetime) -> list[datetime]:
    """Hours that are read by five minutes: those that an edge cuts, and those that may not be formed yet."""
    late = [whole_hour(last) - number * _HOUR for number in range(3)]
    return sorted({whole_hour(edge) for edge in edges if edge != whole_hour(edge)} | set(late))


def whole_hour(at: datetime) -> datetime:
    """The whole hour, in UTC, that `at` is in."""
    return at - timedelta(seconds=at.timestamp() % HOUR)


def told(seconds: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Sums of `watched` by columns (none: all in one row), with what they mean.

    up_ratio: up ÷ covered; least and most: of the whole time, blind time as down and as up; blind: seconds in which
    nobody looked; seen: covered ÷ expected. NaN where there is nothing to divide by.
    """
    if by:
        found = seconds.groupby(list(by), as_index=False, sort=True)[list(SECONDS)].sum()
    else:
        found = pd.DataFrame([seconds[list(SECONDS)].sum()])
    found["blind"] = (found["expected"] - found["covered"]).clip(lower=0.0)
    whole, looked = found["expected"].where(found["expected"] > 0), found["covered"].where(found["covered"] > 0)
    found["up_ratio"] = found["up"] / looked
    found["least"] = found["up"] / whole
    found["most"] = (found["up"] + found["blind"]) / whole
    found["seen"] = found["covered"] / whole
    return found


_OUTAGES = text(
    "SELECT outage.server_id, server.name AS server, server.role, server.region, server.provider,"
    " outage.began_after, outage.began_by, outage.ended_after, outage.ended_by, outage.reason,"
    " server.retired_at, CASE WHEN NOT status.up THEN status.at END AS down_at"
    " FROM outage JOIN server ON server.id = outage.server_id"
    " LEFT JOIN server_status status ON status.server_id = outage.server_id"
    " WHERE outage.began_by < :end AND (outage.ended_by IS NULL OR outage.ended_by > :start)"
    "  AND (server.retired_at IS NULL OR (server.retired_at > :start AND outage.began_by < server.retired_at))"
    "  AND (CAST(:servers AS bigint[]) = '{}' OR outage.server_id = ANY(CAST(:servers AS bigint[])))"
    " ORDER BY outage.began_by DESC, outage.server_id LIMIT :most"
)


def outages(
    engine: Engine, start: datetime, end: datetime, now: datetime, servers: Sequence[int] = (), most: int = 20_000
) -> pd.DataFrame:
    """Outages that reach into [start, end), newest first.

    server_id, server, role, region, provider, began_after (NaT: nobody knows), began_by, ended_after, ended_by (NaT:
    it goes on, or its server was taken out), reason (cdn.model.Reason), goes_on, down_from and down_to (for sure),
    away_from and away_to (at most), lasted_least, lasted_most: seconds in all. What was before the first look at a
    server is not counted.
    """
    parameters = {"start": start, "end": end, "servers": list(servers), "most": most}
    times = ("began_after", "began_by", "ended_after", "ended_by", "retired_at", "down_at")
    with reading(engine) as connection:
        found = frame(connection, _OUTAGES, parameters, times=times)
    moment = pd.Timestamp(now).as_unit("us")
    found["goes_on"] = found["ended_by"].isna() & found["retired_at"].isna()
    found["down_from"] = found["began_by"]
    found["down_to"] = found["ended_after"].fillna(found["down_at"]).fillna(found["began_by"])
    found["away_from"] = found["began_after"].fillna(found["began_by"])
    found["away_to"] = found["ended_by"].fillna(found["retired_at"]).fillna(moment)
    found["lasted_least"] = _length(found["down_from"], found["down_to"])
    found["lasted_most"] = _length(found["away_from"], found["away_to"])
    return found.drop(columns=["retired_at", "down_at"])


def _length(begin: pd.Series, end: pd.Series) -> pd.Series:
    return (end - begin).dt.total_seconds().clip(lower=0.0).astype("float64")


def repairs(found: pd.DataFrame, start: datetime, end: datetime, by: Sequence[str] = ()) -> pd.DataFrame:
    """Rows of `outages` in a few figures, by columns (none: all in one row).

    outages: how many reach into [start, end); down_least, down_most: their seconds in it; longest_least, longest_most:
    of the longest, in all; repaired: how many ended in it; repair_least, repair_most: their mean length in all (NaN:
    none ended).
    """
    rows = found.copy()
    begin, over = pd.Timestamp(start).as_unit("us"), pd.Timestamp(end).as_unit("us")
    rows["outages"] = 1
    for name, from_, to in (("down_least", "down_from", "down_to"), ("down_most", "away_from", "away_to")):
        rows[name] = _length(rows[from_].where(rows[from_] > begin, begin), rows[to].where(rows[to] < over, over))
    ended = rows["ended_by"].notna() & (rows["ended_by"] < over)
    rows["repaired"] = ended.astype("int64")
    rows["repair_least"], rows["repair_most"] = rows["lasted_least"].where(ended), rows["lasted_most"].where(ended)
    sums = {
        "outages": ("outages", "sum"),
        "down_least": ("down_least", "sum"),
        "down_most": ("down_most", "sum"),
        "longest_least": ("lasted_least", "max"),
        "longest_most": ("lasted_most", "max"),
        "repaired": ("repaired", "sum"),
        "repair_least": ("repair_least", "mean"),
        "repair_most": ("repair_most", "mean"),
    }
    keys = list(by)
    if not keys:
        rows["all"] = 0
        grouped = rows.groupby("all").agg(**sums).reindex([0]).reset_index(drop=True)
        grouped[["outages", "repaired"]] = grouped[["outages", "repaired"]].fillna(0).astype("int64")
        grouped[["down_least", "down_most"]] = grouped[["down_least", "down_most"]].fillna(0.0)
        return grouped
    return rows.groupby(keys, as_index=False).agg(**sums)


_NO_OUTAGE = {"outages": 0, "down_least": 0.0, "down_most": 0.0, "repaired": 0}


def uptime(engine: Engine, start: datetime, end: datetime, now: datetime, by: Sequence[str] = ()) -> pd.DataFrame:
    """`told` and `repairs` of [start, end) side by side, by columns of both (none: all servers in one row)."""
    seconds = told(watched(engine, [start, end], now), by)
    gone = repairs(outages(engine, start, end, now), start, min(end, now), by)
    both = seconds.merge(gone, on=list(by), how="left") if by else seconds.join(gone.reset_index(drop=True))
    for name, none in _NO_OUTAGE.items():
        both[name] = both[name].fillna(none).astype(type(none))
    return both
