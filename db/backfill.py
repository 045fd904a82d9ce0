"""Writing history in bulk that no poll brought: whole blocks of rows by binary COPY, all in one transaction.

For simulations and benchmarks: what is written here is made up, or comes from elsewhere, and is rolled up already.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import BigInteger, Boolean, DateTime, Double, Engine, Integer, Table, text
from sqlalchemy import Connection as Connection
from sqlalchemy.dialects.postgresql import REAL
from sqlalchemy.orm import Session

from db import partitions
from db.bulk import upsert
from db.engine import reachable
from db.models import Base

Block = Mapping[str, npt.NDArray[Any]]
"""Rows as one array a column, all of one length; times as epoch seconds; NaN and columns that are missing are null."""

_HEAD = b"PGCOPY\n\xff\r\n\x00" + struct.pack("!ii", 0, 0)
_END = struct.pack("!h", -1)
# PostgreSQL counts microseconds from the year 2000.
_EPOCH_2000 = 946_684_800
_FORMATS = ((BigInteger, ">i8"), (Integer, ">i4"), (REAL, ">f4"), (Double, ">f8"), (Boolean, "u1"), (DateTime, ">i8"))


class Unready(Exception):
    """There is something that history would be mixed with, or nothing that it could be of; the message says what."""


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that may take minutes: nothing of it is seen before its end. Raises Unavailable."""
    with reachable(engine), engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        yield connection


def ensure_days(engine: Engine, tables: Iterable[str], days: Sequence[date]) -> None:
    """Make the partitions of `tables` that hold `days`."""
    for table in tables:
        partitions.ensure(engine, table, days)


def has_history(connection: Connection) -> bool:
    """True where anything is rolled up of a time before the first poll that is kept."""
    oldest = text(
        "SELECT EXISTS (SELECT FROM traffic_5m WHERE at < coalesce((SELECT min(at) FROM sample), 'infinity')"
        " - interval '10 minutes')"
    )
    return bool(connection.scalar(oldest))


def lock(connection: Connection) -> bool:
    """Be the only one who writes history, until the end of the transaction; False where somebody does already."""
    return bool(connection.scalar(text("SELECT pg_try_advisory_xact_lock(hashtext('backfill'))")))


def servers(connection: Connection) -> dict[str, int]:
    """Name → id of every server that is not retired."""
    found = connection.execute(text("SELECT id, name FROM server WHERE retired_at IS NULL"))
    return {row.name: row.id for row in found}


def groups(connection: Connection) -> dict[int, int]:
    """Server → its group, of which `db.groups.keep` has told."""
    return {
        row.server_id: row.group_id
        for row in connection.execute(text("SELECT server_id, group_id FROM server_in_group"))
    }


def channels(connection: Connection, streams: Sequence[int]) -> dict[int, int]:
    """Stream → its channel."""
    query = text("SELECT id, channel_id FROM stream WHERE id = ANY(CAST(:streams AS bigint[]))")
    return {row.id: row.channel_id for row in connection.execute(query, {"streams": list(streams)})}


def existed_since(connection: Connection, servers: Sequence[int], at: datetime) -> None:
    """Let servers be as old as their history: what should have been covered is counted from there."""
    query = text("UPDATE server SET created_at = least(created_at, :at) WHERE id = ANY(CAST(:servers AS bigint[]))")
    connection.execute(query, {"at": at, "servers": list(servers)})


def first_polls(connection: Connection) -> dict[int, datetime]:
    """Server → when it was polled first, where it was."""
    found = connection.execute(text("SELECT server_id, min(at) AS at FROM sample GROUP BY server_id"))
    return {row.server_id: row.at for row in found}


def buckets_due(engine: Engine, before: datetime) -> int:
    """How many servers' five minutes before `before` are not rolled up yet. Raises Unavailable."""
    with reachable(engine), engine.begin() as connection:
        query = text("SELECT count(*) FROM rollup_due WHERE seconds = 300 AND at < :before")
        return int(connection.execute(query, {"before": before}).scalar_one())


def write(connection: Connection, table: Table, rows: Block) -> int:
    """COPY `rows` into `table`; returns how many. An existing key is an error."""
    columns = [column.name for column in table.columns]
    data = io.BytesIO(_HEAD + b"".join(_encoded(table, block) for block in _alike(rows)) + _END)
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        cursor.copy_expert(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN (FORMAT binary)", data, 1 << 20)
        return int(cursor.rowcount)


def insert(connection: Connection, nouns: Iterable[Base]) -> None:
    """Insert nouns of `db.models`."""
    with Session(bind=connection, join_transaction_mode="create_savepoint") as session, session.begin():
        session.add_all(nouns)


def add(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]], keys: int) -> None:
    """Add `rows`, whose first `keys` columns are the key, to the sums that may be stored already."""
    changes = ", ".join(
        f"{name} = coalesce({table.name}.{name} + EXCLUDED.{name}, {table.name}.{name}, EXCLUDED.{name})"
        for name in columns[keys:]
    )
    upsert(connection, table, columns, rows, f"({', '.join(columns[:keys])}) DO UPDATE SET {changes}")


def _alike(rows: Block) -> Iterator[Block]:
    """The rows as blocks in which a column is null in all rows or in none."""
    known: dict[str, npt.NDArray[Any]] = {}
    pattern: npt.NDArray[np.int64] | None = None
    mixed: list[str] = []
    for name, values in rows.items():
        missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(0, dtype=bool)
        if not missing.any():
            known[name] = values
        elif not missing.all():
            bits = missing.astype(np.int64) << len(mixed)
            pattern = bits if pattern is None else pattern | bits
            known[name] = values
            mixed.append(name)
    if pattern is None:
        yield known
        return
    for code in np.unique(pattern):
        chosen = pattern == code
        gone = {name for place, name in enumerate(mixed) if code >> place & 1}
        yield {name: values[chosen] for name, values in known.items() if name not in gone}


def _encoded(table: Table, block: Block) -> bytes:
    """Rows as COPY takes them: how many fields, then of each field its length and value."""
    names = tuple(block)
    count = len(block[names[0]])
    texts = tuple((name, values.dtype.str) for name, values in block.items() if values.dtype.kind == "S")
    rows = np.zeros(count, dtype=_layout(table, names, texts))
    rows["fields"] = len(table.columns)
    for column in table.columns:
        rows[f"{column.name} bytes"] = -1
        if column.name in block:
            values = block[column.name]
            if isinstance(column.type, DateTime):
                values = np.rint((np.asarray(values) - _EPOCH_2000) * 1e6)
            elif isinstance(column.type, Integer):
                values = np.rint(values)
            rows[column.name] = values
            rows[f"{column.name} bytes"] = rows.dtype[column.name].itemsize
    return rows.tobytes()


@lru_cache(maxsize=256)
def _layout(table: Table, names: tuple[str, ...], texts: tuple[tuple[str, str], ...]) -> np.dtype[np.void]:
    # All texts of a block are of one length.
    lengths = dict(texts)
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for column in table.columns:
        fields.append((f"{column.name} bytes", ">i4"))
        if column.name in names:
            fields.append((column.name, lengths.get(column.name) or _format(column.type)))
    return np.dtype(fields)


def _format(kind: object) -> str:
    # The first that fits: REAL is among the floating ones, BigInteger among the whole ones.
    for known, code in _FORMATS:
        if isinstance(kind, known):
            return code
    raise TypeError(f"blocks of {kind!r} cannot be written")
