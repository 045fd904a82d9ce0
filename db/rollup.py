"""Roll-ups: five minutes out of polls and minutes, hours out of those, days out of hours.

Whoever stores samples notes in the same transaction which buckets they touch (`note`); `roll_up` empties that list,
oldest first, and forms each bucket anew from all that is stored. So a replay hours later changes exactly the buckets
it touches, and a roll-up that is cut off is done again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, TextClause, text

from db import group_sql, groups, minutes, partitions, rollup_sql
from db.bulk import copy
from db.engine import reachable
from db.rolled import BY_DAY, BY_MONTH, DAY, FIVE_MINUTES, HOUR, rollup_due

# A bucket is formed once its last polls have been stored; what comes later forms it again.
SETTLE = timedelta(seconds=30)
# Servers' buckets in one transaction, and buckets in one statement.
MOST_DUE, MOST_IN_RUN = 20_000, 288
_TARGETS = tuple(table.name for table in (*BY_DAY, *BY_MONTH))

_TAKE = text(
    "WITH enough AS (SELECT at FROM rollup_due WHERE seconds = :seconds AND at < :closed ORDER BY at"
    "  OFFSET :most LIMIT 1),"
    " gone AS (DELETE FROM rollup_due WHERE seconds = :seconds AND at < :closed"
    "  AND at <= coalesce((SELECT at FROM enough), :closed) RETURNING server_id, at)"
    " SELECT DISTINCT server_id, at FROM gone"
)
_NOTE = text(
    "INSERT INTO rollup_due (seconds, server_id, at) SELECT :seconds, server_id, at"
    " FROM unnest(CAST(:servers AS bigint[]), CAST(:starts AS timestamptz[])) AS touched(server_id, at)"
)
# What is formed of buckets of so many seconds.
_COARSER = {FIVE_MINUTES: HOUR, HOUR: DAY}
_SOURCES = {FIVE_MINUTES: ("sample", "traffic_1m"), HOUR: ("traffic_5m", "server_5m"), DAY: ("traffic_1h",)}


@dataclass(frozen=True, slots=True)
class Run:
    """Whole buckets that follow each other, and the servers in which something changed."""

    start: datetime
    end: datetime
    servers: tuple[int, ...]

    @property
    def bounds(self) -> dict[str, object]:
        """As parameters."""
        return {"start": self.start, "end": self.end, "servers": list(self.servers)}


def buckets(start: datetime, end: datetime, seconds: int = FIVE_MINUTES) -> list[datetime]:
    """When each bucket begins that (start, end] reaches into; that of `end` where both are the same."""
    last = -int(-end.timestamp() // seconds) - 1
    first = min(int(start.timestamp() // seconds), last)
    return [datetime.fromtimestamp(number * seconds, UTC) for number in range(first, last + 1)]


def note(connection: Connection, touched: Iterable[tuple[int, datetime]]) -> None:
    """Note that something changed in the five minutes of (server id, when they begin)."""
    copy(
        connection,
        rollup_due,
        ("seconds", "server_id", "at"),
        ((FIVE_MINUTES, server_id, at) for server_id, at in sorted(set(touched))),
    )


def roll_up(engine: Engine, now: datetime) -> int:
    """Roll up everything that is due and over; returns how many servers' buckets that were.

    By one program at a time: returns 0 where another one is at it. Raises Unavailable.
    """
    groups.place(engine)
    done = 0
    for seconds in _SOURCES:
        closed = now - SETTLE - timedelta(seconds=seconds)
        while (count := _chunk(engine, seconds, closed)) > 0:
            done += count
    return done


def _chunk(engine: Engine, seconds: int, closed: datetime) -> int:
    oldest = _oldest(engine, seconds)
    with reachable(engine), engine.begin() as connection:
        if not connection.scalar(rollup_sql.TRY_LOCK):
            return 0
        connection.execute(rollup_sql.ROOM)
        connection.execute(rollup_sql.LATER)
        rows = connection.execute(_TAKE, {"seconds": seconds, "closed": closed, "most": MOST_DUE})
        due: dict[datetime, set[int]] = {}
        for row in rows:
            due.setdefault(row.at, set()).add(row.server_id)
        count = sum(map(len, due.values()))
        # What it was made of is no longer kept: it stays as it is.
        due = {at: servers for at, servers in due.items() if at >= oldest}
        for run in runs(due, seconds):
            _partitions(engine, run)
            _FORM[seconds](connection, run)
        if due and seconds in _COARSER:
            _note_coarser(connection, due, _COARSER[seconds])
    return count


def _note_coarser(connection: Connection, due: Mapping[datetime, set[int]], seconds: int) -> None:
    coarser = {
        (server, datetime.fromtimestamp(at.timestamp() // seconds * seconds, UTC))
        for at, servers in due.items()
        for server in servers
    }
    touched, starts = zip(*sorted(coarser), strict=True)
    connection.execute(_NOTE, {"seconds": seconds, "servers": list(touched), "starts": list(starts)})


def sum_up(connection: Connection, start: datetime, end: datetime) -> None:
    """Form sums and days of five minutes, hours and groups that were written by somebody else; whole days at a time."""
    bounds = {"start": start, "end": end}
    connection.execute(rollup_sql.HASHED)
    for statement in (group_sql.SUM_5M, group_sql.SUM_1H, rollup_sql.TRAFFIC_1D):
        connection.execute(statement, bounds)
    connection.execute(rollup_sql.ANY_JOIN)


def runs(due: Mapping[datetime, set[int]], seconds: int) -> list[Run]:
    """`due` as runs of buckets that follow each other, not too long ones."""
    found: list[Run] = []
    step, begin = timedelta(seconds=seconds), None
    servers: set[int] = set()
    for at in sorted(due):
        begin = begin or at
        servers |= due[at]
        if at + step not in due or (at - begin) / step >= MOST_IN_RUN:
            found.append(Run(begin, at + step, tuple(sorted(servers))))
            begin, servers = None, set()
    return found


def _five_minutes(connection: Connection, run: Run) -> None:
    bounds = run.bounds
    found = connection.execute(rollup_sql.UNTIL, bounds).all()
    last = max((row.until for row in found), default=run.end)
    ends = {
        **bounds,
        "servers": [row.server_id for row in found],
        "until": [row.until for row in found],
        "last": last,
        "last_stream": last + timedelta(seconds=rollup_sql.STREAM_KNOWN_SECONDS),
    }
    connection.execute(rollup_sql.TRAFFIC_5M, {**bounds, "step": FIVE_MINUTES})
    connection.execute(rollup_sql.SERVER_5M, ends)
    connection.execute(rollup_sql.STREAM_5M, ends)
    connection.execute(rollup_sql.CHANNEL_5M, bounds)
    _grouped(connection, group_sql.GROUP_5M, run)
    connection.execute(group_sql.SUM_5M, bounds)
    minutes.note(connection, buckets(run.start, run.end))


def _hours(connection: Connection, run: Run) -> None:
    for statement in (
        rollup_sql.TRAFFIC_1H,
        rollup_sql.SERVER_1H,
        rollup_sql.STREAM_1H,
        rollup_sql.CHANNEL_1H,
    ):
        connection.execute(statement, run.bounds)
    _grouped(connection, group_sql.GROUP_1H, run)
    connection.execute(group_sql.SUM_1H, run.bounds)


def _days(connection: Connection, run: Run) -> None:
    connection.execute(rollup_sql.TRAFFIC_1D, run.bounds)


_FORM = {FIVE_MINUTES: _five_minutes, HOUR: _hours, DAY: _days}


def _grouped(connection: Connection, statement: TextClause, run: Run) -> None:
    connection.execute(rollup_sql.HASHED)
    connection.execute(statement, run.bounds)
    connection.execute(rollup_sql.ANY_JOIN)


def _oldest(engine: Engine, seconds: int) -> datetime:
    """Since when everything is there that buckets of `seconds` are made of."""
    days = [min(partitions.existing(engine, table).values(), default=None) for table in _SOURCES[seconds]]
    known = [day for day in days if day is not None]
    return datetime.combine(max(known), datetime.min.time(), UTC) if known else datetime.min.replace(tzinfo=UTC)


def _partitions(engine: Engine, run: Run) -> None:
    days = {at.date() for at in (run.start, run.end - timedelta(seconds=1))}
    partitions.ensure_all(engine, _TARGETS, days)
