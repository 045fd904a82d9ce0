"""Months of traffic to bill, written where roll-ups would have put them; and the slow, obvious bill of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from actions.contracts import add_contract
from cdn.model import LOCAL_ADMIN, Kind, Role
from db import contracts, group_sql, groups, partitions
from db.bulk import copy
from db.contracts import Stored
from db.fleet import Draft, add
from db.rolled import traffic_1h, traffic_5m

STEP = timedelta(minutes=5)
# out, in; None: nobody knows
Cell = tuple[int | None, int | None]
_COLUMNS = ("server_id", "at", "egress_bytes", "ingress_bytes", "covered_seconds", "up_seconds", "counted_seconds")
_names = count(1)


def new_server(engine: Engine, provider: str = "Nordlink", created: datetime | None = None, **more: Any) -> int:
    """A server; created: since when it is there."""
    name = more.pop("name", f"edge-{next(_names)}")
    with Session(engine) as session, session.begin():
        draft = Draft(name, more.pop("kind", Kind.SRS), "http://127.0.0.1:1985", Role.EDGE, provider=provider, **more)
        server = add(session, draft, "")
        session.flush()
        server.created_at = created or datetime(2000, 1, 1, tzinfo=UTC)
        return server.id


def contract(engine: Engine, **fields: Any) -> Stored:
    """A contract with Nordlink, or as `fields` say."""
    usual = {"name": f"contract {next(_names)}", "provider": "Nordlink", "price": "0.5", "starts_on": date(2000, 1, 1)}
    return contracts.stored(engine, add_contract(engine, {**usual, **fields}, by=LOCAL_ADMIN))


def write(engine: Engine, server_id: int, cells: Mapping[datetime, Cell], covered: float = 300.0) -> None:
    """What a server carried in each five minutes; those that are not named have no row."""
    for table in ("traffic_5m", "traffic_1h", "group_5m"):
        partitions.ensure(engine, table, {at.date() for at in cells})
    rows = [(server_id, at, *cell, covered, covered, covered) for at, cell in sorted(cells.items())]
    hours = sorted({at.replace(minute=0) for at in cells})
    with engine.begin() as connection:
        copy(connection, traffic_5m, _COLUMNS, rows)
        copy(connection, traffic_1h, _COLUMNS, [(server_id, at, 1, 1, 1.0, 1.0, 1.0) for at in hours])


def group(engine: Engine, start: datetime, end: datetime) -> None:
    """Form the sums of groups of servers, as roll-ups do."""
    groups.keep(engine)
    at = start
    while at < end:
        until = min(end, at + timedelta(days=1))
        for table in ("group_5m", "sum_5m"):
            partitions.ensure(engine, table, [at.date(), until.date()])
        with engine.begin() as connection:
            for statement in (group_sql.GROUP_5M, group_sql.SUM_5M):
                connection.execute(statement, {"start": at, "end": until})
        at = until


def every(start: datetime, end: datetime) -> list[datetime]:
    """When each five minutes begins."""
    return [start + number * STEP for number in range((end - start) // STEP)]


def obvious(cells: Sequence[Cell], direction: str, percentile: int = 95, *, as_zero: bool = False) -> int | None:
    """Bytes of the interval that bills, as one would work it out by hand."""
    if direction == "larger_direction":
        both = [obvious(cells, way, percentile, as_zero=as_zero) for way in ("out", "in")]
        return max((each for each in both if each is not None), default=None)
    amounts = []
    for out, incoming in cells:
        told = {"out": [out], "in": [incoming], "larger_sample": [out, incoming]}[direction]
        known = [each for each in told if each is not None]
        if known:
            amounts.append(max(known))
    if not amounts:
        return None
    if as_zero:
        amounts += [0] * (len(cells) - len(amounts))
    amounts.sort(reverse=True)
    free = len(amounts) * (100 - percentile) // 100
    return amounts[free]
