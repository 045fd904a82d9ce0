"""What happened on a server, newest first: its state, its software, its streams' formats and publications. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from cdn.model import EventKind, PublicationEnd
from ui import numbers, verdict
from ui.timeline import Moment

MOMENTS = 30
NAMED = 3
_ENDED = {
    PublicationEnd.STOPPED: "its publisher left",
    PublicationEnd.RECONNECTED: "its publisher came back on another connection",
    PublicationEnd.RESTARTED: "the server started again",
}
_SEVERAL_ENDED = {
    PublicationEnd.STOPPED: "their publishers left",
    PublicationEnd.RECONNECTED: "their publishers came back on other connections",
    PublicationEnd.RESTARTED: "the server started again",
}
Told = tuple[pd.Timestamp, Moment]


def moments(
    changes: pd.DataFrame, events: pd.DataFrame, publications: pd.DataFrame | None, now: datetime, zone: tzinfo
) -> list[Moment]:
    """What happened to the server, newest first, at most MOMENTS.

    changes: db.server.state_changes; events, publications: those functions of db.channels, of this server
    (publications None: it only has copies of what is published elsewhere).
    """
    told = [*_changes(changes, now, zone), *_events(events, now, zone)]
    if publications is not None:
        told += _ends(publications, now, zone)
    told.sort(key=lambda each: each[0], reverse=True)
    return [moment for _, moment in told[:MOMENTS]]


def _changes(changes: pd.DataFrame, now: datetime, zone: tzinfo) -> Iterator[Told]:
    oldest = len(changes) - 1
    for place, row in enumerate(changes.head(MOMENTS).itertuples()):
        yield _at(row.at, now, zone, *_change(row, place, oldest, numbers.age(row.lasted_seconds)))


def _change(row: Any, place: int, oldest: int, lasted: str) -> tuple[str, str, str, str]:
    if not row.up:
        title = f"Does not answer, for {lasted} now" if place == 0 else f"Did not answer for {lasted}"
        text = verdict.capital(verdict.reason_words(row.reason))
        return "bad", "close", title, f"{text}. {row.detail}" if row.detail else text
    if row.restarted:
        return "planned", "restart_alt", "Started again", "Its counters began anew"
    if place == oldest:
        return "nodata", "check", "Answered", "The oldest poll of the last 24 hours"
    return "ok", "check", "Answers again", f"Fine for {lasted} now" if place == 0 else f"Fine for {lasted}"


def _events(events: pd.DataFrame, now: datetime, zone: tzinfo) -> Iterator[Told]:
    """Other software, other formats. That it started again is a change of its state already."""
    row: Any
    for row in events.head(MOMENTS).itertuples():
        before, after = ("not known" if numbers.missing(each) else each for each in (row.before, row.now))
        text = f"{before} → {after}"
        if row.kind == EventKind.VERSION:
            yield _at(row.at, now, zone, "planned", "upgrade", "Runs other software", text)
        elif row.kind == EventKind.FORMAT:
            yield _at(row.at, now, zone, "planned", "swap_horiz", f"{_stream(row)} changed its format", text)


def _ends(publications: pd.DataFrame, now: datetime, zone: tzinfo) -> Iterator[Told]:
    """The ends of publications; those that one look saw and that ended alike are told together."""
    together: dict[tuple[Any, Any], list[Any]] = {}
    row: Any
    for row in publications[publications["ended_by"].notna()].itertuples():
        together.setdefault((row.ended_by, row.end_reason), []).append(row)
    for (by, reason), rows in together.items():
        several = len(rows) > 1
        why = (_SEVERAL_ENDED if several else _ENDED).get(reason, "nobody knows why")
        after, until = rows[0].ended_after, numbers.clock(by, zone, seconds=True)
        seen = f"Seen at {until}"
        if not numbers.missing(after):
            seen = f"Between {numbers.clock(after, zone, seconds=True)} and {until}"
        broken = reason == PublicationEnd.RECONNECTED
        verb = "ended" if not broken else "were interrupted" if several else "was interrupted"
        tone, symbol = ("warn", "replay") if broken else ("nodata", "stop")
        title = f"{_few([_stream(row) for row in rows])} {verb}"
        yield _at(by, now, zone, tone, symbol, title, f"{verdict.capital(why)}. {seen}")


def _few(names: list[str]) -> str:
    if len(names) <= NAMED:
        return ", ".join(names)
    return f"{', '.join(names[: NAMED - 1])} and {len(names) - NAMED + 1:,} other streams"


def _stream(row: Any) -> str:
    return f"{row.app}/{row.name}"


def _at(at: Any, now: datetime, zone: tzinfo, tone: str, symbol: str, title: str, text: str) -> Told:
    return at, Moment(numbers.when(at, now, zone), numbers.exact(at, zone), tone, symbol, title, text)
