"""Five-minute bytes of a contract's servers, and who they are: what its bills are made of.

Of a contract that names no servers those of its provider count, as they are now, and the sums kept of providers are
read; of others each server's own rows. The result is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, text

from cdn.months import INTERVAL, Span
from db.bill import Direction
from db.contracts import Stored
from db.frame import frame
from db.rolled import FIVE_MINUTES

_SUMS = (
    "sum(t.egress_bytes)::bigint AS out_bytes, sum(t.ingress_bytes)::bigint AS ingress,"
    " sum(t.origin_bytes)::bigint AS origin, sum(t.covered_seconds)::float8 AS covered_seconds"
)
_OF_SERVERS = text(
    f"SELECT t.at, {_SUMS} FROM traffic_5m t WHERE t.server_id = ANY(CAST(:servers AS bigint[]))"
    " AND t.at >= :start AND t.at < :end GROUP BY t.at ORDER BY t.at"
)
_OF_PROVIDER = text(
    f"SELECT t.at, {_SUMS} FROM sum_5m t WHERE t.dimension = 'provider' AND t.name = :provider"
    " AND t.at >= :start AND t.at < :end GROUP BY t.at ORDER BY t.at"
)
_OWN = "server.id = ANY(CAST(:servers AS bigint[]))"
_ALL = "server.provider = :provider"
# Hours reach over the ends of a month of a half-hour zone: here they only say whether bytes are known at all.
_SERVERS = (
    "SELECT server.id, server.name, server.kind, server.retired_at,"
    " least(server.created_at, (SELECT min(t.at) FROM traffic_1h t WHERE t.server_id = server.id)) AS since,"
    " EXISTS (SELECT FROM traffic_5m t WHERE t.server_id = server.id AND t.at >= :start AND t.at < :end"
    "  AND (t.egress_bytes IS NOT NULL OR t.ingress_bytes IS NOT NULL)) AS counted"
    " FROM server WHERE {which} ORDER BY server.name, server.id"
)


def servers(connection: Connection, contract: Stored, over: Span) -> pd.DataFrame:
    """id, name, kind, since, retired_at, counted of the servers the contract bills, by name.

    since: when it was first seen; counted: whether any bytes of it are known in `over`. Those gone before are left out.
    """
    which = _OWN if contract.server_ids else _ALL
    found = frame(connection, text(_SERVERS.format(which=which)), _asked(contract, over), times=("since", "retired_at"))
    was_there = found["retired_at"].isna() | (found["retired_at"] > over.start) | found["counted"]
    return found[was_there.astype(bool)].reset_index(drop=True)


def intervals(connection: Connection, contract: Stored, over: Span, *, by_server: bool = False) -> pd.DataFrame:
    """at, out_bytes, in_bytes (Int64, NA: nobody knows), covered_seconds: one row for each five minutes of `over`.

    in: what servers received from whomever, from their origin, too, where they count that. by_server: read each
    server's own rows in any case.
    """
    query, asked = _OF_SERVERS, _asked(contract, over)
    if not contract.server_ids:
        query = _OF_PROVIDER
        if by_server:
            asked["servers"] = list(
                connection.scalars(text(f"SELECT server.id FROM server WHERE {_ALL}"), {"provider": asked["provider"]})
            )
            query = _OF_SERVERS
    found = frame(
        connection,
        query,
        asked,
        times=("at",),
        wholes=("out_bytes", "ingress", "origin"),
        numbers=("covered_seconds",),
    )
    return _gridded(found, over)


def _gridded(found: pd.DataFrame, over: Span) -> pd.DataFrame:
    received = found["ingress"].fillna(0) + found["origin"].fillna(0)
    found["in_bytes"] = received.where(found["ingress"].notna() | found["origin"].notna())
    grid = pd.date_range(over.start, over.end, freq=INTERVAL, inclusive="left", unit="us", name="at")
    whole = found.set_index("at")[["out_bytes", "in_bytes", "covered_seconds"]].reindex(grid)
    whole["covered_seconds"] = whole["covered_seconds"].fillna(0.0)
    return whole.reset_index()


def coverage(found: pd.DataFrame, who: pd.DataFrame) -> pd.Series:
    """How much of each interval was watched, 0..1; NaN where the contract had no server yet."""
    at = _naive(found["at"])
    there = np.zeros(len(found), dtype=np.int64)
    for since, retired in zip(_naive(who["since"]), _naive(who["retired_at"]), strict=True):
        there += (at > since - np.timedelta64(FIVE_MINUTES, "s")) & ((at < retired) | np.isnat(retired))
    seconds = pd.Series(there * float(FIVE_MINUTES), index=found.index)
    return (found["covered_seconds"] / seconds.where(seconds > 0)).clip(upper=1.0)


def _naive(times: pd.Series) -> npt.NDArray[np.datetime64]:
    found: npt.NDArray[np.datetime64] = times.dt.tz_convert(None).to_numpy(dtype="datetime64[us]")
    return found


_BY_SERVER = (
    "SELECT t.server_id AS id, server.name, sum({bytes})::bigint AS bytes FROM traffic_5m t"
    " JOIN server ON server.id = t.server_id WHERE t.at = ANY(CAST(:at AS timestamptz[])) AND {which}"
    " GROUP BY 1, 2 HAVING sum({bytes}) > 0 ORDER BY 3 DESC, 2, 1"
)
BYTES = {Direction.OUT: "t.egress_bytes", Direction.IN: "coalesce(t.ingress_bytes, 0) + coalesce(t.origin_bytes, 0)"}


def by_server(connection: Connection, contract: Stored, at: Sequence[datetime], direction: Direction) -> pd.DataFrame:
    """id, name, bytes of each server in these intervals, the most first; those without any are left out."""
    query = _BY_SERVER.format(bytes=BYTES[direction], which=_OWN if contract.server_ids else _ALL)
    asked = {**_asked(contract, None), "at": list(at)}
    return frame(connection, text(query), asked, wholes=("bytes",))


_APART = (
    "SELECT server.id, server.name, percentile_disc(CAST(:ratio AS float8)) WITHIN GROUP (ORDER BY {bytes})::bigint"
    " AS bytes FROM traffic_5m t JOIN server ON server.id = t.server_id WHERE {which}"
    " AND t.at >= :start AND t.at < :end GROUP BY 1, 2"
)


def each_percentile(
    connection: Connection, contract: Stored, over: Span, direction: Direction, percentile: float
) -> pd.DataFrame:
    """id, name, bytes: the percentile of each server by itself, as carriers bill that bill ports one by one."""
    of = {**BYTES, Direction.LARGER_SAMPLE: f"greatest({BYTES[Direction.OUT]}, {BYTES[Direction.IN]})"}[direction]
    query = _APART.format(bytes=of, which=_OWN if contract.server_ids else _ALL)
    asked = {**_asked(contract, over), "ratio": percentile / 100}
    return frame(connection, text(query), asked, wholes=("bytes",))


def _asked(contract: Stored, over: Span | None) -> dict[str, object]:
    asked: dict[str, object] = {"servers": list(contract.server_ids), "provider": contract.draft.provider}
    if over is not None:
        asked |= {"start": over.start, "end": over.end}
    return asked
