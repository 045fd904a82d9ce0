"""Daily partitions of the big tables: made ahead, dropped when their day is no longer kept.

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

from db.measurements import PARTITIONED

TABLES: tuple[str, ...] = tuple(table.name for table in PARTITIONED)
AHEAD_DAYS = 3
LOCK_TIMEOUT = "500ms"
LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True, slots=True)
class Report:
    """What one run did: names of partitions made, dropped, and left for the next run because a reader held them."""

    made: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    postponed: tuple[str, ...] = ()


def name_of(table: str, day: date) -> str:
    """Name of the partition of `table` that holds `day` (UTC)."""
    return f"{table}_p{day:%Y%m%d}"


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
            if day < oldest:
                (dropped if _drop(engine, table, partition) else postponed).append(partition)
    return Report(tuple(made), tuple(dropped), tuple(postponed))


def ensure(engine: Engine, table: str, days: Iterable[date]) -> list[str]:
    """Make the partitions of `table` for `days` that do not exist yet; returns their names."""
    have = set(existing(engine, table).values())
    return [_make(engine, table, day) for day in sorted(set(days)) if day not in have]


def existing(engine: Engine, table: str) -> dict[str, date]:
    """Partitions of `table`: name → day."""
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


def _make(engine: Engine, table: str, day: date) -> str:
    partition = name_of(table, day)
    start, end = f"{day} 00:00:00+00", f"{day + timedelta(days=1)} 00:00:00+00"
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
