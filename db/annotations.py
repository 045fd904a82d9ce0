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
from db.asked import By, Only, source
from db.engine import reading
from db.frame import frame
from db.models import Annotation, Channel, Server

KINDS = ("deploy", "match", "incident", "other")
EVERYTHING = Only()
FIELDS = ("at", "until", "kind", "words", "region", "server_id", "channel_id")

_SELECT = (
    "SELECT a.id, a.at, a.until, a.kind, a.words, a.region, a.server_id, server.name AS server, a.channel_id,"
    " channel.name AS channel, a.created_by, a.created_at, a.version FROM annotation a"
    " LEFT JOIN server ON server.id = a.server_id LEFT JOIN channel ON channel.id = a.channel_id"
)
_NEWEST_FIRST = " ORDER BY a.at DESC, a.id DESC LIMIT :most"
_ONE = text(f"{_SELECT} WHERE a.id = :id")
_TIMES, _WHOLES = ("at", "until", "created_at"), ("server_id", "channel_id")


def within(engine: Engine, start: datetime, end: datetime, only: Only = EVERYTHING, *, most: int = 200) -> pd.DataFrame:
    """Markers that reach into [start, end), newest first, with the names of what they are about.

    id, at, until (NaT: a moment), kind (of KINDS), words, region, server_id, server, channel_id, channel, created_by,
    created_at, version. only: those about everything, and those about any of these servers, a region of theirs, or
    these channels; any server may carry any channel, so neither leaves out what is about the other. Raises Unavailable.
    """
    query = f"{_SELECT} WHERE a.at < :end AND coalesce(a.until, a.at) >= :start{_concern(only)}{_NEWEST_FIRST}"
    asked = {"start": start, "end": end, "most": most, **only.parameters()}
    with reading(engine) as connection:
        return frame(connection, text(query), asked, times=_TIMES, wholes=_WHOLES)


def _concern(only: Only) -> str:
    """SQL of what a marker must be about, beginning with AND; its parameters are those of `only`."""
    parts = []
    if only.is_of_servers:
        where = source(By.SERVER, Only(**{**only.fields(), "channels": ()})).where("dims.id")
        one = "EXISTS (SELECT FROM server dims WHERE dims.{} = a.{}{})"
        parts.append(f"(a.server_id IS NULL OR {one.format('id', 'server_id', where)})")
        # A region may have got its marker before its first server.
        named = " OR a.region = ANY(CAST(:only_region AS text[]))" if only.region else ""
        parts.append(f"(a.region = '' OR {one.format('region', 'region', where)}{named})")
    if only.channels:
        parts.append("(a.channel_id IS NULL OR a.channel_id = ANY(CAST(:only_channels AS bigint[])))")
    return "".join(f" AND {part}" for part in parts)


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
