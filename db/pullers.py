"""Addresses that pull from a server of ours and belong to none: perhaps servers nobody entered yet."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from db.engine import reading
from db.frame import frame

# Who pulled within this time pulls still: lists of clients come once a minute.
RECENT = timedelta(minutes=5)
# What did not answer as a server is tried again after this.
TRY_AGAIN = timedelta(hours=6)
FORGET = timedelta(days=7)

_UNKNOWN = (
    " FROM puller JOIN server ON server.id = puller.server_id WHERE server.retired_at IS NULL"
    " AND puller.dismissed_at IS NULL AND puller.at > :recent AND NOT EXISTS (SELECT FROM server own"
    "  LEFT JOIN server_status status ON status.server_id = own.id"
    "  LEFT JOIN server_address network ON network.server_id = own.id WHERE own.retired_at IS NULL"
    "  AND (status.address = puller.address OR network.network >>= puller.address::inet"
    "  OR own.url = puller.url))"
)
_PULLERS = text(
    "SELECT puller.address, array_agg(server.name ORDER BY server.name) AS origins, sum(puller.streams)::bigint"
    " AS streams, sum(puller.connections)::bigint AS connections, max(puller.connected_seconds) AS connected_seconds,"
    " min(puller.first_at) AS first_at, max(puller.tried_at) AS tried_at, max(puller.kind) AS kind,"
    " max(puller.url) AS url, max(puller.told) AS told" + _UNKNOWN + " GROUP BY puller.address"
    " ORDER BY max(puller.kind) IS NULL, sum(puller.streams) DESC, puller.address"
)


def pullers(engine: Engine, now: datetime) -> pd.DataFrame:
    """Addresses that pull now and are not monitored, those that answer as a server first.

    address, origins (names of the servers it pulls from), streams, connections, connected_seconds, first_at; tried_at
    (NaT: not tried), kind and url (of what answers there; None: nothing we know), told (what trying it saw).
    """
    with reading(engine) as connection:
        return frame(
            connection,
            _PULLERS,
            {"recent": now - RECENT},
            times=("first_at", "tried_at"),
            numbers=("connected_seconds",),
        )


def to_try(connection: Connection, now: datetime) -> dict[str, int]:
    """Addresses that were not tried yet, or long ago without success → how many streams they pull."""
    query = text(
        "SELECT puller.address, sum(puller.streams)::bigint AS streams" + _UNKNOWN + " AND puller.kind IS NULL"
        " AND (puller.tried_at IS NULL OR puller.tried_at < :again) GROUP BY puller.address ORDER BY 2 DESC, 1"
    )
    rows = connection.execute(query, {"recent": now - RECENT, "again": now - TRY_AGAIN})
    return {row.address: row.streams for row in rows}


def note_tried(
    connection: Connection, now: datetime, address: str, kind: str | None, url: str | None, told: str
) -> None:
    """Store what trying an address saw: the kind and url that answer, or neither, and a sentence."""
    connection.execute(
        text("UPDATE puller SET tried_at = :now, kind = :kind, url = :url, told = :told WHERE address = :address"),
        {"now": now, "address": address, "kind": kind, "url": url, "told": told},
    )


def dismiss(session: Session, now: datetime, address: str) -> int:
    """Note that an address is no server of ours; returns how many origins it pulls from."""
    query = text("UPDATE puller SET dismissed_at = :now WHERE address = :address")
    found = session.connection().execute(query, {"now": now, "address": address})
    return found.rowcount


def forget_old(connection: Connection, now: datetime) -> int:
    """Delete addresses that have not pulled for a week, unless somebody said what they are; returns how many."""
    query = text("DELETE FROM puller WHERE at < :before AND dismissed_at IS NULL")
    return connection.execute(query, {"before": now - FORGET}).rowcount
