"""Markers on the time axis: a deploy, a match, an incident, of everything or of one region, server or channel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cdn.errors import Changed, Unknown
from cdn.model import Invalid
from db.engine import reading
from db.frame import frame
from db.models import Annotation, Channel, Server

KINDS = ("deploy", "match", "incident", "other")
FIELDS = ("at", "until", "kind", "words", "region", "server_id", "channel_id")

_SELECT = (
    "SELECT a.id, a.at, a.until, a.kind, a.words, a.region, a.server_id, server.name AS server, a.channel_id,"
    " channel.name AS channel, a.created_by, a.created_at, a.version FROM annotation a"
    " LEFT JOIN server ON server.id = a.server_id LEFT JOIN channel ON channel.id = a.channel_id"
)
_WITHIN = text(
    f"{_SELECT} WHERE a.at < :end AND coalesce(a.until, a.at) >= :start"
    " AND (CAST(:region AS text) IS NULL OR a.region IN ('', :region))"
    " AND (CAST(:server_id AS bigint) IS NULL OR a.server_id IS NULL OR a.server_id = :server_id)"
    " AND (CAST(:channel_id AS bigint) IS NULL OR a.channel_id IS NULL OR a.channel_id = :channel_id)"
    " ORDER BY a.at DESC, a.id DESC LIMIT :most"
)
_ONE = text(f"{_SELECT} WHERE a.id = :id")
_TIMES, _WHOLES = ("at", "until", "created_at"), ("server_id", "channel_id")


def within(
    engine: Engine,
    start: datetime,
    end: datetime,
    *,
    region: str | None = None,
    server_id: int | None = None,
    channel_id: int | None = None,
    most: int = 200,
) -> pd.DataFrame:
    """Markers that reach into [start, end), newest first, with the names of what they are about.

    id, at, until (NaT: a moment), kind (of KINDS), words, region, server_id, server, channel_id, channel, created_by,
    created_at, version. region, server_id, channel_id: only those about it or about everything. Raises Unavailable.
    """
    asked = {"start": start, "end": end, "region": region, "server_id": server_id, "channel_id": channel_id}
    with reading(engine) as connection:
        return frame(connection, _WITHIN, {**asked, "most": most}, times=_TIMES, wholes=_WHOLES)


def annotation(engine: Engine, id: int) -> pd.DataFrame:
    """One marker as `within` gives it; no row where there is none."""
    with reading(engine) as connection:
        return frame(connection, _ONE, {"id": id}, times=_TIMES, wholes=_WHOLES)


def facts(marker: Annotation) -> dict[str, Any]:
    """What people set of a marker, as plain JSON."""
    told = {name: getattr(marker, name) for name in FIELDS}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in told.items()}


def put(session: Session, marker: Annotation, fields: Mapping[str, Any]) -> None:
    """Make `marker` be as `fields` (checked already) say. Raises Invalid for a server or channel that is not there."""
    faults = {
        name: f"there is no {noun} {fields[name]}"
        for name, noun, kind in (("server_id", "server", Server), ("channel_id", "channel", Channel))
        if fields.get(name) is not None and session.get(kind, fields[name]) is None
    }
    if faults:
        raise Invalid(faults)
    for name in FIELDS:
        setattr(marker, name, fields[name])
    session.add(marker)
    session.flush()


def found(session: Session, id: int, version: int | None) -> Annotation:
    """The marker `id`. Raises Unknown, and Changed where it is not `version` any more (None: whatever it is)."""
    marker = session.get(Annotation, id)
    if marker is None:
        raise Unknown
    if version is not None and marker.version != version:
        raise Changed
    return marker
