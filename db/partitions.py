"""Partitions of the big tables, a day or a month each: made ahead, dropped when all of it is no longer kept.

`CREATE … PARTITION OF` and a bare `DROP` wait for every open reader while writers queue behind them. So a
partition is made as a table of its own and attached, and everything that needs a lock on the parent gives
up after half a second and is tried again at the next run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from db import measurements, rolled

DAILY: frozenset[str] = frozenset(table.name for table in (*measurements.BY_DAY, *rolled.BY_DAY))
MONTHLY: frozenset[str] = frozenset(table.name for table in rolled.BY_MONTH)
TABLES: tuple[str, ...] = tuple(table.name for table in (*measurements.BY_DAY, *rolled.BY_DAY, *rolled.BY_MONTH))
# Those that polls are written to.
POLLED: tuple[str, ...] = tuple(table.name for table in measurements.BY_DAY)
AHEAD_DAYS = 3
LOCK_TIMEOUT = "500ms"
LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True, slots=True)
class Report:
    """What one run did: names of partitions made, dropped, and left for the next run because a reader held them."""

    made: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    postponed: tuple[str, ...] = ()


def first_day(table: str, day: date) -> date:
    """First day (UTC) of the partition of `table` that holds `day`."""
    return day.replace(day=1) if table in MONTHLY else day


def next_day(table: str, first: date) -> date:
    """First day of the partition after the one that begins on `first`."""
    return (first + timedelta(days=32)).replace(day=1) if table in MONTHLY else first + timedelta(days=1)


def name_of(table: str, first: date) -> str:
    """Name of the partition of `table` that begins on `first`."""
    return f"{table}_p{first:%Y%m%d}"


def maintain(engine: Engine, now: datetime, keep_days: Mapping[str, int]) -> Report:
    """Make the partitions of the next days and drop those older than `keep_days` (table → days).

    Raises nothing for a lock it could not get: that partition is postponed.
    """
    today = now.astimezone(UTC).date()
    made: list[str] = []
    dropped: list[str] = []
    postponed: list[str] = []
    for table in TABLES:
        days = [today + timedelta(days=offset) for offset in range(-1, AHEAD_DAYS + 1)]
        made += ensure(engine, table, days)
        oldest = today - timedelta(days=keep_days[table])
        for partition, day in existing(engine, table).items():
            if next_day(table, day) <= oldest:
                (dropped if _drop(engine, table, partition) else postponed).append(partition)
    return Report(tuple(made), tuple(dropped), tuple(postponed))


def ensure(engine: Engine, table: str, days: Iterable[date]) -> list[str]:
    """Make the partitions of `table` that hold `days` and do not exist yet; returns their names."""
    have = set(existing(engine, table).values())
    return [_make(engine, table, day) for day in sorted({first_day(table, day) for day in days}) if day not in have]


def existing(engine: Engine, table: str) -> dict[str, date]:
    """Partitions of `table`: name → first day."""
    with engine.begin() as connection:
        rows = connection.execute(
            text(
                "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
                " JOIN pg_class parent ON parent.oid = inhparent WHERE parent.relname = :table"
                " AND pg_table_is_visible(parent.oid) ORDER BY 1"
            ),
            {"table": table},
        )
        return {row.relname: datetime.strptime(row.relname[-8:], "%Y%m%d").date() for row in rows}


def ensure_all(engine: Engine, tables: Iterable[str], days: Iterable[date]) -> None:
    """`ensure` of many tables, that asks once which partitions there are."""
    wanted = set(days)
    with engine.begin() as connection:
        query = text("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND pg_table_is_visible(oid)")
        have = set(connection.scalars(query))
    for table in tables:
        if any(name_of(table, first_day(table, day)) not in have for day in wanted):
            ensure(engine, table, wanted)


def _make(engine: Engine, table: str, first: date) -> str:
    partition = name_of(table, first)
    start, end = f"{first} 00:00:00+00", f"{next_day(table, first)} 00:00:00+00"
    with engine.begin() as connection:
        # Two collectors may want the same day at once: one waits, then finds it there.
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": partition})
        if connection.scalar(text("SELECT to_regclass(:name)"), {"name": partition}) is not None:
            return partition
        connection.execute(text(f"CREATE TABLE {partition} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
        # The same bound as a constraint spares ATTACH a scan; it goes again once attached.
        connection.execute(text(f"ALTER TABLE {partition} ADD CONSTRAINT day CHECK (at >= '{start}' AND at < '{end}')"))
        connection.execute(
            text(f"ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES FROM ('{start}') TO ('{end}')")
        )
        connection.execute(text(f"ALTER TABLE {partition} DROP CONSTRAINT day"))
    return partition


def _drop(engine: Engine, table: str, partition: str) -> bool:
    """Detach and drop; False where somebody reads it just now."""
    try:
        with engine.begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.execute(text(f"ALTER TABLE {table} DETACH PARTITION {partition}"))
            connection.execute(text(f"DROP TABLE {partition}"))
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) == LOCK_NOT_AVAILABLE:
            return False
        raise
    return True
