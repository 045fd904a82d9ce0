"""Rolled-up rows written straight into their tables, for tests: of invented servers, for any time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cdn.model import Kind, Role
from db import group_sql, groups, partitions, rollup, rollup_sql
from db.fleet import Draft, add
from db.rolled import NARROW_BYTES, TOLD_BYTES

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def server(engine: Engine, name: str, since: datetime = LONG_AGO, **fields: Any) -> int:
    """A server that exists since `since`; returns its id."""
    role, kind = fields.pop("role", Role.EDGE), fields.pop("kind", Kind.SRS)
    with Session(engine) as session, session.begin():
        made = add(session, Draft(name, kind, "http://127.0.0.1:1985", role, **fields), "")
        session.flush()
        made.created_at = since
        id_ = made.id
    groups.keep(engine)
    return id_


def channel(engine: Engine, name: str, app: str = "live", vhost: str = "") -> int:
    """A channel; returns its id."""
    with engine.begin() as connection:
        query = text("INSERT INTO channel (vhost, app, name) VALUES (:vhost, :app, :name) RETURNING id")
        return int(connection.execute(query, {"vhost": vhost, "app": app, "name": name}).scalar_one())


def copy(engine: Engine, server_id: int, channel_id: int) -> int:
    """A stream of a channel on a server; returns its id."""
    with engine.begin() as connection:
        query = text("INSERT INTO stream (server_id, channel_id, url) VALUES (:server, :channel, :url) RETURNING id")
        asked = {"server": server_id, "channel": channel_id, "url": f"/live/{channel_id}"}
        return int(connection.execute(query, asked).scalar_one())


def told(found: pd.DataFrame) -> Iterator[Any]:
    """The rows of a frame."""
    return iter(found.itertuples())


def traffic_row(server_id: int, at: datetime, **given: Any) -> dict[str, Any]:
    """A row of traffic_5m; of bytes only those `given` are known."""
    row = {"server_id": server_id, "at": at, **dict.fromkeys((*NARROW_BYTES, *TOLD_BYTES))}
    row |= {"viewer_seconds": None, "stream_seconds": None}
    return row | {"covered_seconds": 300.0, "up_seconds": 300.0, "counted_seconds": 300.0} | given


def clear(engine: Engine, *tables: str) -> None:
    """Empty the tables of traffic and of all that is formed of it, and `tables`."""
    formed = ("traffic_5m", "traffic_1h", "traffic_1d", "group_5m", "group_1h", "sum_5m", "sum_1h", *tables)
    with engine.begin() as connection:
        for table in formed:
            connection.execute(text(f"DELETE FROM {table}"))


def write(engine: Engine, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows into `table`; their partitions are made."""
    frame = pd.DataFrame(list(rows), dtype="object")
    if frame.empty:
        return
    partitions.ensure(engine, table, {at.astimezone(UTC).date() for at in frame["at"]})
    names = ", ".join(frame.columns)
    places = ", ".join(f":{name}" for name in frame.columns)
    with engine.begin() as connection:
        query = text(f"INSERT INTO {table} ({names}) VALUES ({places})")
        connection.execute(query, [{str(key): row[key] for key in row} for row in frame.to_dict("records")])


def roll_up(engine: Engine, start: datetime, end: datetime) -> None:
    """Hours and groups out of the five minutes that were written."""
    first = start.replace(minute=0, second=0, microsecond=0)
    last = end.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    days = {(first + timedelta(days=number)).date() for number in range((last - first).days + 2)}
    for table in ("traffic_1h", "traffic_1d", "group_5m", "group_1h", "sum_5m", "sum_1h", "channel_1h", "stream_1h"):
        partitions.ensure(engine, table, days)
    bounds: dict[str, Any] = {"start": first, "end": last}
    with engine.begin() as connection:
        ids = list(connection.execute(text("SELECT id FROM server")).scalars())
        for statement in (rollup_sql.TRAFFIC_1H, group_sql.GROUP_5M, group_sql.GROUP_1H, rollup_sql.CHANNEL_1H):
            connection.execute(statement, bounds)
        connection.execute(rollup_sql.STREAM_1H, {**bounds, "servers": ids})
        day = first.replace(hour=0)
        rollup.sum_up(connection, day, max(last, day + timedelta(days=1)))
