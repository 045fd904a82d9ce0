"""Add a server that was found by what it pulls, or say that an address is none of ours."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from actions.add_server import add_server
from actions.permission import require
from cdn.errors import Unknown
from cdn.model import Actor, Role
from db import audit, pullers
from db.engine import Engine, editing
from db.frame import records


def adopt_puller(engine: Engine, address: str, *, now: datetime, key: str, by: Actor) -> str:
    """Add the server that answers at `address`, with the origins it pulls from; returns its name.

    Raises Unknown where nothing that we know answers there, Invalid where it cannot be added, Forbidden, Unavailable.
    """
    require(by, "admin")
    for row in records(pullers.pullers(engine, now)):
        if row["address"] == address and row["kind"] and row["url"]:
            wanted = fields(row)
            add_server(engine, wanted, key=key, by=by)
            return str(wanted["name"])
    raise Unknown


def fields(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of a server as `row` of db.pullers.pullers suggests them."""
    return {
        "name": f"edge-{row['address'].replace('.', '-').replace(':', '-')}",
        "kind": row["kind"],
        "url": row["url"],
        "role": Role.EDGE.value,
        "origins": list(row["origins"]),
    }


def dismiss_puller(engine: Engine, address: str, *, now: datetime, by: Actor) -> None:
    """Never again ask whether `address` is one of our servers. Raises Unknown, Forbidden, Unavailable."""
    require(by, "admin")
    with editing(engine) as session:
        if not pullers.dismiss(session, now, address):
            raise Unknown
        audit.record(session, by, "puller.dismiss", address)
