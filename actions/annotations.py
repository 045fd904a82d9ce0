"""Markers on the time axis: set one, change it, take it away. Operators may."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from actions.permission import require
from cdn.model import Actor, Invalid
from db import annotations as stored
from db import audit
from db.annotations import FIELDS, KINDS
from db.engine import Engine, editing
from db.models import Annotation

LONGEST_WORDS, LONGEST_REGION = 200, 80
LONGEST = timedelta(days=366)
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def read(fields: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` as a marker is stored: at, until, kind, words, region, server_id, channel_id; what is empty is left out.

    at, until: aware datetimes. Raises Invalid with every fault, by field.
    """
    faults = {name: f"there is no such field; there are {', '.join(FIELDS)}" for name in fields if name not in FIELDS}
    made: dict[str, Any] = dict.fromkeys(FIELDS)
    made |= {name: value for name, value in fields.items() if name in FIELDS and value != ""}
    made["words"] = _text(made["words"], 1, LONGEST_WORDS, "words", faults)
    made["region"] = _text(made["region"] or "", 0, LONGEST_REGION, "region", faults)
    made["kind"] = made["kind"] or "other"
    if made["kind"] not in KINDS:
        faults["kind"] = f"want one of {', '.join(KINDS)}"
    _judge_times(made["at"], made["until"], faults)
    for name in ("server_id", "channel_id"):
        given = made[name]
        if given is not None and (isinstance(given, bool) or not isinstance(given, int) or not 0 < given < 2**63):
            faults[name] = "want an id, a whole number"
    if faults:
        raise Invalid(faults)
    return made


def _text(value: object, least: int, most: int, name: str, faults: dict[str, str]) -> str:
    text = unicodedata.normalize("NFC", value.strip()) if isinstance(value, str) else ""
    if not least <= len(text) <= most or not text.isprintable() or not isinstance(value, str):
        faults[name] = f"want {f'{least} to' if least else 'at most'} {most} characters that can be printed"
    return text


def _judge_times(at: Any, until: Any, faults: dict[str, str]) -> None:
    wanted = "want a time with its zone, between the years 2000 and 2100"
    if at is None:
        faults["at"] = "it is missing"
    elif not _is_moment(at):
        faults["at"] = wanted
    if until is None:
        return
    if not _is_moment(until):
        faults["until"] = wanted
    elif "at" not in faults and until < at:
        faults["until"] = "want an end that is not before the beginning"
    elif "at" not in faults and until - at > LONGEST:
        faults["until"] = f"want an end at most {LONGEST.days} days after the beginning"


def add_annotation(engine: Engine, fields: Mapping[str, Any], *, by: Actor) -> int:
    """Set a marker; returns its id. Raises Invalid, Forbidden, Unavailable."""
    require(by, "operator")
    wanted = read(fields)
    with editing(engine) as session:
        marker = Annotation(created_by=by.name)
        stored.put(session, marker, wanted)
        audit.record(session, by, "annotation.add", marker.words, after=stored.facts(marker))
        return marker.id


def change_annotation(engine: Engine, id: int, version: int, fields: Mapping[str, Any], *, by: Actor) -> None:
    """Make a marker be as `fields` say; `version`: the one they were made from.

    Raises Invalid, Forbidden, Unknown, Changed, Unavailable.
    """
    require(by, "operator")
    wanted = read(fields)
    with editing(engine) as session:
        marker = stored.found(session, id, version)
        before = stored.facts(marker)
        stored.put(session, marker, wanted)
        after = stored.facts(marker)
        if before != after:
            audit.record(session, by, "annotation.change", marker.words, before=before, after=after)


def remove_annotation(engine: Engine, id: int, *, by: Actor, version: int | None = None) -> None:
    """Take a marker away. Raises Forbidden, Unknown, Changed, Unavailable."""
    require(by, "operator")
    with editing(engine) as session:
        marker = stored.found(session, id, version)
        audit.record(session, by, "annotation.remove", marker.words, before=stored.facts(marker))
        session.delete(marker)


def _is_moment(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None and EARLIEST <= value < LATEST
