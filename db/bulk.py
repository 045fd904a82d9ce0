"""Many rows in one statement: COPY for rows that are new, one upsert for rows that may exist.

Values are formatted here instead of by the driver: it is the collector's hottest code.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
import psycopg2
from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

Row = Sequence[Any]

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_ARRAY_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"'})


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


_PLAIN: dict[type, Callable[[Any], str]] = {
    int: str,
    float: repr,
    bool: lambda value: "t" if value else "f",
    datetime: datetime.isoformat,
}
_COPY: dict[type, Callable[[Any], str]] = {
    **_PLAIN,
    type(None): lambda _: "\\N",
    str: lambda value: value.translate(_COPY_ESCAPES),
    dict: lambda value: _json(value).translate(_COPY_ESCAPES),
    list: lambda value: _json(value).translate(_COPY_ESCAPES),
}
_ARRAY: dict[type, Callable[[Any], str]] = {
    **_PLAIN,
    datetime: lambda value: f'"{value.isoformat()}"',
    type(None): lambda _: "NULL",
    str: lambda value: f'"{value.translate(_ARRAY_ESCAPES)}"',
    dict: lambda value: f'"{_json(value).translate(_ARRAY_ESCAPES)}"',
    list: lambda value: f'"{_json(value).translate(_ARRAY_ESCAPES)}"',
}


def copy(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """COPY `rows` (values in the order of `columns`) into `table`. An existing key is an IntegrityError."""
    kinds = _COPY
    text = "".join("\t".join([kinds[type(value)](value) for value in row]) + "\n" for row in rows)
    if not text:
        return
    statement = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor:
            cursor.copy_expert(statement, io.StringIO(text))
    except psycopg2.Error as error:
        # COPY goes past SQLAlchemy: its errors have to become SQLAlchemy's, like those of any statement.
        lost = bool(driver.closed)
        if lost:
            connection.invalidate(error)
        raised = DBAPIError.instance(
            statement, None, error, psycopg2.Error, connection_invalidated=lost, dialect=connection.dialect
        )
        raise raised from error


def upsert(connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row], on_conflict: str) -> None:
    """INSERT `rows` into `table` in one statement; `on_conflict` is the clause after ON CONFLICT.

    Rows travel as one array a column: no temporary table, so nothing is left in the catalogues.
    """
    if not rows:
        return
    arrays = ["{" + ",".join(_array(column)) + "}" for column in zip(*rows, strict=True)]
    connection.exec_driver_sql(_upsert_statement(table, tuple(columns), on_conflict), tuple(arrays))


@lru_cache(maxsize=32)
def _upsert_statement(table: Table, columns: tuple[str, ...], on_conflict: str) -> str:
    types = [str(table.c[name].type.compile(_DIALECT)) for name in columns]
    values = ", ".join(f"%s::{each}[]" for each in types)
    return f"INSERT INTO {table.name} ({', '.join(columns)}) SELECT * FROM unnest({values}) ON CONFLICT {on_conflict}"


def _array(column: Row) -> Iterable[str]:
    """The values of one column as elements of an array literal. Most columns hold one type, few hold many times."""
    kinds = set(map(type, column))
    if len(kinds) > 1:
        return [_ARRAY[type(value)](value) for value in column]
    kind = kinds.pop()
    if kind is not datetime:
        return map(_ARRAY[kind], column)
    texts = {id(value): value for value in column}
    texts = {key: _ARRAY[datetime](value) for key, value in texts.items()}
    return [texts[id(value)] for value in column]


def replace_all(columns: Sequence[str], key: Sequence[str]) -> str:
    """The ON CONFLICT clause by which the new row replaces the old one."""
    changes = ", ".join(f"{name} = EXCLUDED.{name}" for name in columns if name not in key)
    return f"({', '.join(key)}) DO UPDATE SET {changes}"
