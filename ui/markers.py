"""Markers on the time axis: as people read them, and as a form begins and ends with them. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

import pandas as pd

from db.asked import Only
from ui.history import moment
from ui.html import Html
from ui.numbers import MONTHS, exact, missing
from ui.rows import each
from ui.timeline import Moment, timeline

_KINDS = {
    "deploy": ("rocket_launch", "warn", "Deploy"),
    "match": ("sports_soccer", "planned", "Match"),
    "incident": ("error", "bad", "Incident"),
    "other": ("flag", "", "Other"),
}
# field of a marker → dimension of db.history.known, and how all of it are called.
_ABOUT = {
    "region": ("region", "Every region"),
    "server_id": ("servers", "Every server"),
    "channel_id": ("channels", "Every channel"),
}
MINUTE = timedelta(minutes=1)
KINDS = {kind: words for kind, (_, _, words) in _KINDS.items()}


def told(row: Any, zone: tzinfo) -> Html:
    """A row of db.annotations as a moment of a timeline."""
    symbol, tone, kind = _KINDS.get(str(row.kind), _KINDS["other"])
    text = " · ".join(filter(None, (f"{kind}, {spell(row, zone)}", about(row), f"by {row.created_by}")))
    local = pd.Timestamp(row.at).tz_convert(zone)
    day = f"{local.day} {MONTHS[local.month - 1]}"
    return timeline([Moment(day, exact(row.at, zone), tone, symbol, str(row.words), text)])


def spell(row: Any, zone: tzinfo) -> str:
    """When it was: "Sun 22 Nov 20:45", "… to 22:30", with the day where that is another."""
    begins = moment(row.at, zone)
    if missing(row.until):
        return begins
    first, last = (pd.Timestamp(at).tz_convert(zone) for at in (row.at, row.until))
    same_day = first.date() == last.date()
    return f"{begins} to {f'{last:%H:%M}' if same_day else moment(row.until, zone)}"


def about(row: Any) -> str:
    """The region, the server and the channel it is about; nothing where that is everything."""
    named = ((word, getattr(row, word)) for word in ("region", "server", "channel"))
    return ", ".join(f"{word} {name}" for word, name in named if not missing(name) and name)


@dataclass(frozen=True, slots=True)
class Marker:
    """What a form begins with. id: None, it is a new one; version: the one that was read."""

    id: int | None
    version: int
    at: datetime
    until: datetime | None
    kind: str
    words: str
    region: str
    server_id: int | None
    channel_id: int | None

    @property
    def minutes(self) -> int:
        """How long it lasts, in whole minutes."""
        return 0 if self.until is None else round((self.until - self.at) / MINUTE)


def proposed(only: Only, ends: datetime) -> Marker:
    """A new one at `ends`, about what is asked for where that is one thing."""

    def one(values: tuple[Any, ...]) -> Any:
        return values[0] if len(values) == 1 else None

    return Marker(None, 0, ends, None, "other", "", one(only.region) or "", one(only.servers), one(only.channels))


def stored(row: Any) -> Marker:
    """A row of db.annotations as a form begins with it."""
    until = None if missing(row.until) else row.until.to_pydatetime()
    about = (None if missing(each) else int(each) for each in (row.server_id, row.channel_id))
    return Marker(
        int(row.id), int(row.version), row.at.to_pydatetime(), until, str(row.kind), str(row.words), row.region, *about
    )


def chosen(before: Marker, day: date | None, clock: time | None, minutes: int, zone: tzinfo) -> tuple[Any, Any]:
    """(at, until) of what the form says, which shows whole minutes: what nobody touched stays as exact as it was.

    A clock's hour that comes twice is meant as it was, or as the first.
    """
    local = before.at.astimezone(zone)
    if day is None or clock is None:
        at = None
    elif (day, clock) == (local.date(), shown_time(local)):
        at = before.at
    else:
        at = datetime.combine(day, clock, zone).astimezone(UTC)
    if not minutes or at is None:
        return at, None
    if before.until is not None and minutes == before.minutes:
        return at, at + (before.until - before.at)
    return at, at + minutes * MINUTE


def shown_time(local: datetime) -> time:
    """The time of day as the form shows it."""
    return local.time().replace(second=0, microsecond=0)


def offered(known: pd.DataFrame, field: str, kept: object) -> dict[str, str]:
    """What a marker may be about: value → words, "" for all. known: of db.history.known; kept: what it is about."""
    dimension, every = _ABOUT[field]
    rows = known[known["dimension"] == dimension]
    # A server and a channel are told by their number, a region by its name.
    values = {str(row.name if field == "region" else row.id): str(row.name) for row in each(rows)}
    often = Counter(values.values())
    told = {value: name if often[name] == 1 else f"{name} (number {value})" for value, name in values.items() if value}
    current = "" if kept is None else str(kept)
    gone = {} if not current or current in told else {current: current if field == "region" else f"number {current}"}
    return {"": every, **told, **gone}
