"""Bandwidth of anything by anything: what `pages/history` and /analytics ask.

Figures of the fleet are read from its sums, of servers that are alike in several ways from those of groups, of one
server from its own rows, of channels from theirs, of a channel on some servers from its copies. A rate is bytes of a
step x 8 / its seconds, so the area under a curve is what was transferred. Every function returns a DataFrame: bytes
Int64 (NA: not known), rates bit/s, times UTC.
Raises Unavailable, and `Unknowable` for what nobody counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, text

from db import partitions
from db.asked import CHANNEL_NAME, By, Flow, Only, Source, source
from db.engine import reading
from db.frame import frame
from db.rolled import DAY, FIVE_MINUTES, HOUR
from db.steps import Steps, ceiling, floor, in_buckets

OTHER = -1
_KEYS = ["id", "name"]


def fine_since(engine: Engine, by: By, only: Only) -> datetime | None:
    """Since when five minutes are kept of what such a question reads; None: there are none."""
    found = partitions.existing(engine, source(by, only).table("5m")).values()
    return min((datetime.fromisoformat(f"{day}T00:00:00+00:00") for day in found), default=None)


def traffic(engine: Engine, over: Steps, *, flow: Flow, by: By, only: Only, most: int = 6) -> pd.DataFrame:
    """id (of the server or channel, else 0), name, place, at, bytes, bps; the `most` largest in the window, then OTHER.

    place: 0 is the largest; id and place of what all others carried together are OTHER, so the series add up to the
    total to the byte. Steps of which nobody knows anything have no row.
    """
    asked = source(by, only)
    with reading(engine) as connection:
        if asked.is_many:
            ranked = _ranked(connection, over, flow, by, only)
            shown = ranked.head(most) if len(ranked) > most + 1 else ranked
            found = _series(connection, over, flow, by, asked, ids=list(map(int, shown["id"])))
            total = _series(connection, over, flow, By.TOTAL, asked.of_total())
            rest = _rest(total, found)
            # Also what came to be known of the last hour since it was ranked.
            if rest["bytes"].ne(0).any():
                found = pd.concat([found, rest], ignore_index=True)
        else:
            found = _series(connection, over, flow, by, asked)
            ranked = _largest_first(found)
            if len(ranked) > most + 1:
                kept = found["name"].isin(ranked["name"].head(most))
                rest = found[~kept].groupby("at")["bytes"].sum(min_count=1).reset_index()
                found = pd.concat([found[kept], rest.assign(id=OTHER, name="")], ignore_index=True)
                ranked = ranked.head(most)
    places = {key: place for place, key in enumerate(zip(ranked["id"], ranked["name"], strict=True))}
    keys = zip(found["id"], found["name"], strict=True)
    found["place"] = [OTHER if key[0] == OTHER else places[key] for key in keys]
    found["bps"] = rates(found, over)
    order = found["place"].where(found["place"] != OTHER, len(places))
    found = found.assign(order=order).sort_values(["order", "at"], kind="stable").drop(columns="order")
    return found[["id", "name", "place", "at", "bytes", "bps"]].reset_index(drop=True)


def rates(found: pd.DataFrame, over: Steps) -> pd.Series:
    """`bytes` of each step (`at`) as bit/s."""
    lengths = dict(zip(map(pd.Timestamp, over.times), over.lengths, strict=True))
    return found["bytes"].astype("Float64").astype("float64") * 8 / found["at"].map(lengths).astype("float64")


def _rest(total: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """What of the total is not in the series shown."""
    named = shown.groupby("at")["bytes"].sum(min_count=1)
    left = total.set_index("at")["bytes"]
    rest = left.sub(named.reindex(left.index).fillna(0))
    return rest.reset_index().assign(id=OTHER, name="")


def totals(engine: Engine, over: Steps, *, flow: Flow, by: By, only: Only) -> pd.DataFrame:
    """id, name, bytes: what each group transferred in the window, the most first."""
    with reading(engine) as connection:
        return _ranked(connection, over, flow, by, only)


def growth(now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """`totals` of two windows side by side: id, name, bytes, before (NA: not known), the most of now first."""
    both = now.merge(before.rename(columns={"bytes": "before"}), on=_KEYS, how="outer")
    both = both.sort_values(["bytes", "before", "name"], ascending=[False, False, True], kind="stable")
    return both[["id", "name", "bytes", "before"]].reset_index(drop=True)


def peaks(engine: Engine, over: Steps, *, flow: Flow, by: By, only: Only, ids: list[int] | None = None) -> pd.DataFrame:
    """id, name, at, bps: the largest rate of each group in any bucket of `over`, and when it was first reached.

    ids: of which servers or channels (None: of all). How long that is, five minutes or an hour, is `over.bucket`.
    """
    asked = source(by, only)
    values = f"sum({asked.value(flow)})::bigint AS bytes"
    query = (
        f"SELECT DISTINCT ON (id, name) * FROM ({select(asked, by, over.level, values, 't.at', ids)}) told"
        " WHERE bytes IS NOT NULL ORDER BY id, name, bytes DESC, at"
    )
    with reading(engine) as connection:
        found = frame(connection, text(query), parameters(over, only, ids), times=("at",), wholes=("bytes",))
    found["bps"] = found["bytes"].astype("Float64").astype("float64") * 8 / over.bucket
    found = found.sort_values(["bps", "name"], ascending=[False, True], kind="stable")
    return found[["id", "name", "at", "bps"]].reset_index(drop=True)


def hours(engine: Engine, over: Steps, *, flow: Flow, only: Only) -> pd.DataFrame:
    """at, bytes: every bucket of the window, all together; what `busiest` and `daily` are made of."""
    with reading(engine) as connection:
        return _series(connection, in_buckets(over), flow, By.TOTAL, source(By.TOTAL, only))[["at", "bytes"]]


_EXPECTED = (
    "SELECT coalesce(sum(extract(epoch FROM least(coalesce(dims.retired_at, :end), CAST(:end AS timestamptz))"
    " - greatest(dims.created_at, CAST(:start AS timestamptz)))), 0)::float8 AS expected"
    " FROM server dims WHERE dims.created_at < :end AND (dims.retired_at IS NULL OR dims.retired_at > :start)"
)


def coverage(engine: Engine, over: Steps, only: Only) -> pd.DataFrame:
    """One row: covered_seconds, expected_seconds of servers that existed then, and `seen`, their ratio (NaN: of none).

    Of a channel: of all servers that might carry it.
    """
    on_servers = Only(**{**only.fields(), "channels": ()})
    asked = source(By.TOTAL, on_servers)
    query = select(asked, By.TOTAL, over.level, "sum(t.covered_seconds)::float8 AS covered", "NULL", None)
    where = source(By.SERVER, on_servers).where("dims.id")
    with reading(engine) as connection:
        bound = parameters(over, on_servers, None)
        covered = float(connection.execute(text(f"SELECT sum(covered) FROM ({query}) told"), bound).scalar() or 0)
        expected = float(connection.execute(text(f"{_EXPECTED}{where}"), bound).scalar() or 0)
    seen = min(1.0, covered / max(expected, covered)) if max(expected, covered) else float("nan")
    row = {"covered_seconds": covered, "expected_seconds": max(expected, covered), "seen": seen}
    return pd.DataFrame([row]).astype("float64")


def newest(engine: Engine, now: datetime, bucket: int, late: timedelta = timedelta(minutes=15)) -> datetime:
    """The end of the last bucket that is rolled up, or where that is longer ago than `late`, of the last one over."""
    level, formed = ("5m", FIVE_MINUTES) if bucket < HOUR else ("1h", HOUR)
    last = floor(now, bucket)
    with reading(engine) as connection:
        found = connection.execute(
            text(f"SELECT max(at) FROM sum_{level} WHERE dimension = 'total' AND at >= :since AND at < :last"),
            {"since": last - late - timedelta(seconds=2 * bucket), "last": last},
        ).scalar()
    if found is None:
        return last
    end = floor(found + timedelta(seconds=formed), bucket)
    return end if last - end <= late else last


_KNOWN = text(
    "SELECT 'role' AS dimension, 0::bigint AS id, role AS name FROM server_group"
    " UNION SELECT 'region', 0, region FROM server_group UNION SELECT 'provider', 0, provider FROM server_group"
    " UNION SELECT 'kind', 0, kind FROM server_group UNION SELECT 'tag', 0, unnest(tags) FROM server_group"
    " UNION SELECT 'servers', id, name FROM server"
    f" UNION SELECT 'channels', id, {CHANNEL_NAME} FROM channel ORDER BY 1, 3, 2 LIMIT 20000"
)


def known(engine: Engine) -> pd.DataFrame:
    """What can be asked for by name: dimension (a field of Only), id (of a server or channel, or 0), name."""
    with reading(engine) as connection:
        return frame(connection, _KNOWN, {})


def _series(
    connection: Connection, over: Steps, flow: Flow, by: By, asked: Source, ids: list[int] | None = None
) -> pd.DataFrame:
    step = "date_bin(make_interval(secs => :step), t.at, :start)"
    query = select(asked, by, over.level, f"sum({asked.value(flow)})::bigint AS bytes", step, ids)
    query = f"SELECT * FROM ({query}) told WHERE bytes IS NOT NULL ORDER BY id, name, at"
    return frame(connection, text(query), parameters(over, asked.only, ids), times=("at",), wholes=("bytes",))


def _ranked(connection: Connection, over: Steps, flow: Flow, by: By, only: Only) -> pd.DataFrame:
    """Totals of the window: its whole days out of days, whole hours out of hours, the rest out of five minutes."""
    asked = source(by, only)
    values = f"sum({asked.value(flow)})::bigint AS bytes"
    levels = [(over.level, over.bucket)]
    if over.level == "5m" and asked.is_many:
        levels.insert(0, ("1h", HOUR))
    if asked.rows == "traffic":
        levels.insert(0, ("1d", DAY))
    found = []
    for level, start, end in _parts(connection, asked, levels, over.start, over.end):
        part = Steps(start, end, over.seconds, over.bucket)
        query = text(select(asked, by, level, values, "NULL", None))
        found.append(frame(connection, query, parameters(part, only, None), wholes=("bytes",)))
    return _largest_first(pd.concat(found))


def _parts(
    connection: Connection, asked: Source, levels: list[tuple[str, int]], start: datetime, end: datetime
) -> Iterator[tuple[str, datetime, datetime]]:
    """(level, start, end) of [start, end): what fits into the coarsest level, and finer ones at both ends."""
    (level, seconds), *finer = levels
    if not finer:
        if start < end:
            yield level, start, end
        return
    first, last = ceiling(start, seconds), _formed(connection, asked.table(level), seconds, floor(end, seconds))
    if first >= last:
        yield from _parts(connection, asked, finer, start, end)
        return
    yield from _parts(connection, asked, finer, start, first)
    yield level, first, last
    yield from _parts(connection, asked, finer, last, end)


def _formed(connection: Connection, table: str, seconds: int, end: datetime) -> datetime:
    """Up to when, `end` at the latest, buckets of `seconds` are formed: one that is just over is not at once."""
    step = timedelta(seconds=seconds)
    query = text(f"SELECT max(at) FROM {table} WHERE at >= :since AND at < :end")
    found: datetime | None = connection.scalar(query, {"since": end - 3 * step, "end": end})
    return end - 3 * step if found is None else found + step


def _largest_first(found: pd.DataFrame) -> pd.DataFrame:
    added = found.groupby(_KEYS)["bytes"].sum(min_count=1).reset_index()
    return added.sort_values(["bytes", "name"], ascending=[False, True], kind="stable").reset_index(drop=True)


def select(asked: Source, by: By, level: str, values: str, at: str, ids: list[int] | None) -> str:
    """SQL of id, name, `at` (an expression) and `values` from :start to before :end."""
    id_, name = asked.key(by)
    these = "" if ids is None else f" AND {asked.id_column(by)} = ANY(CAST(:ids AS bigint[]))"
    return (
        f"SELECT {id_} AS id, {name} AS name, {at} AS at, {values} FROM {asked.tables(level)}"
        f" WHERE t.at >= :start AND t.at < :end{asked.where()}{these} GROUP BY 1, 2, 3"
    )


def parameters(over: Steps, only: Only, ids: list[int] | None) -> dict[str, Any]:
    asked = {"start": over.start, "end": over.end, "step": over.seconds, **only.parameters()}
    return asked if ids is None else {**asked, "ids": ids}
