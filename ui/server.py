"""The words and figures of one server's page. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pandas as pd

from cdn.health import State
from cdn.model import KIND_LABELS, Kind, Role
from ui import cards, numbers, tables, verdict
from ui.figures import Line
from ui.groups import RESPONSE, Group
from ui.headline import Headline, facts, since
from ui.html import Html, fill
from ui.status import LOOKS, Look, chip
from ui.timeline import Moment

ON_AIR = Look("check_circle", "On air", "ok")
NOT_SENT = Look("pause_circle", "Not sent", "nodata")
GONE = Look("close", "Gone", "nodata")
MOMENTS = 30


def headline(row: Any, now: datetime, zone: tzinfo) -> Headline:
    """Name and state of the server, and what is known of it. row: one of db.live.fleet."""
    look = LOOKS[row.state]
    begun = row.at if row.state == State.NO_DATA else row.state_since
    for_long = row.state in (State.DOWN, State.NO_DATA) and not numbers.missing(begun)
    words = fill("{word} for {age}", word=look.word, age=since(begun, now, zone)) if for_long else look.word
    return Headline(
        look.tone,
        fill("{name} {chip}", name=row.name, chip=chip(look, words)),
        facts(known_facts(row, now, zone)),
        look.icon,
    )


def known_facts(row: Any, now: datetime, zone: tzinfo) -> list[tuple[str, object]]:
    """Pairs of word and fact; what is not known is left out."""
    answered: object = "never"
    if not numbers.missing(row.good_at):
        answered = fill(
            "{clock}, {age} ago",
            clock=numbers.clock(row.good_at, zone, seconds=True)
            if numbers.when(row.good_at, now, zone) == numbers.clock(row.good_at, zone)
            else numbers.when(row.good_at, now, zone),
            age=since(row.good_at, now, zone),
        )
    pairs: list[tuple[str, object]] = [
        ("Role", str(row.role).capitalize()),
        ("Region", row.region),
        ("Provider", row.provider),
        ("Software", row.software or KIND_LABELS[Kind(row.kind)]),
        ("Address", public_address(row.url)),
        ("Room", "" if numbers.missing(row.capacity_bps) else numbers.rate(row.capacity_bps)),
        ("Asked every", f"{row.interval:g} s"),
        ("Certificate", certificate(row.certificate_expires, now, zone)),
        ("Its clock", clock_words(row.clock_difference)),
        ("Last answer", answered),
    ]
    return [(word, fact) for word, fact in pairs if not (fact is None or fact == "" or numbers.missing(fact))]


# Less is within the time an answer takes and the steps in which servers tell their clock.
CLOCK_NOTICED_SECONDS = 2.0


def clock_words(difference: Any) -> str:
    """How far a server's clock is off; "" where it is right or unknown. difference: seconds ahead of ours."""
    if numbers.missing(difference) or abs(difference) < CLOCK_NOTICED_SECONDS:
        return ""
    return f"{numbers.age(abs(difference))} {'ahead' if difference > 0 else 'behind'}"


def certificate(expires: Any, now: datetime, zone: tzinfo) -> str:
    """Until when a server's certificate is good; "" where it has none."""
    if numbers.missing(expires):
        return ""
    days = (pd.Timestamp(expires) - pd.Timestamp(now)).days
    if days < 0:
        return f"ended {numbers.when(expires, now, zone)}"
    return f"good until {numbers.when(expires, now, zone)}, {numbers.many(days, 'day')}"


def public_address(url: str) -> str:
    """`url` without user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def moments(changes: pd.DataFrame, now: datetime, zone: tzinfo) -> Iterator[Moment]:
    """What happened to the server, newest first; changes: db.server.state_changes."""
    oldest = len(changes) - 1
    for place, row in enumerate(changes.head(MOMENTS).itertuples()):
        lasted = numbers.age(row.lasted_seconds)
        tone, symbol, title, text = _told(row, place, oldest, lasted)
        yield Moment(numbers.when(row.at, now, zone), numbers.exact(row.at, zone), tone, symbol, title, text)


def _told(row: Any, place: int, oldest: int, lasted: str) -> tuple[str, str, str, str]:
    if not row.up:
        title = f"Does not answer, for {lasted} now" if place == 0 else f"Did not answer for {lasted}"
        text = verdict.capital(verdict.reason_words(row.reason))
        return "bad", "close", title, f"{text}. {row.detail}" if row.detail else text
    if row.restarted:
        return "planned", "restart_alt", "Started again", "Its counters began anew"
    if place == oldest:
        return "nodata", "check", "Answered", "The oldest poll of the last 24 hours"
    return "ok", "check", "Answers again", f"Fine for {lasted} now" if place == 0 else f"Fine for {lasted}"


def stream_columns(role: str) -> list[tables.Column]:
    """The columns of the streams on a server of that role: own edges are clients of an origin, not viewers."""
    return [
        tables.Column("Stream"),
        tables.Column("State"),
        tables.Column("Clients" if role == Role.ORIGIN else "Viewers", number=True),
        tables.Column("Sent, Mbit/s", number=True),
        tables.Column("Received, Mbit/s", number=True),
        tables.Column("Pictures/s", number=True),
        tables.Column("Picture and sound"),
    ]


def answers(row: Any) -> bool:
    """Whether what the server said last is true now; row: one of db.live.fleet."""
    return row.state in (State.FINE, State.NEARLY_FULL)


def stream_rows(streams: pd.DataFrame, now: datetime, zone: tzinfo, *, known: bool) -> Iterator[tables.Row]:
    """The streams on a server as rows; streams: db.server.server_streams.

    known: the server answers; otherwise nobody knows what is on air, and numbers are only the last ones.
    """
    mega = numbers.MEGABIT
    for row in streams.itertuples():
        look = GONE if row.gone else ON_AIR if row.publishing else NOT_SENT
        values = (
            numbers.count(row.viewers),
            numbers.in_scale(row.egress_bps, mega),
            numbers.in_scale(row.ingress_bps, mega),
            numbers.plain(row.frame_rate),
        )
        seen = fill("last seen {age} ago", age=since(row.at, now, zone))
        yield tables.Row(
            [
                tables.under(f"{row.app}/{row.name}", _vhost(row)),
                chip(look if known else LOOKS[State.NO_DATA]),
                *(_stream_cell(value, gone=bool(row.gone), known=known) for value in values),
                media(row) if known and not row.gone else seen,
            ]
        )


def _stream_cell(value: str, *, gone: bool, known: bool) -> Html:
    if gone or value == numbers.DASH:
        return tables.unknown("not counted here")
    return fill("{value}", value=value) if known else tables.unknown(f"last {value}")


def legend_value(group: Group, line: Line, row: Any, history: pd.DataFrame) -> str:
    """The newest value of one line beside its name; "" where the server does not answer: the chart shows the last."""
    if not answers(row):
        return ""
    newest = getattr(row, line.column, None)
    return group.words(history[line.column].dropna().iloc[-1] if numbers.missing(newest) else newest)


def _vhost(row: Any) -> str:
    return "" if numbers.missing(row.vhost) or row.vhost in ("", "__defaultVhost__") else f"on {row.vhost}"


def media(row: Any) -> Html:
    """Size of the picture and the codecs: "1920 × 1080, H264, AAC"."""
    size = "" if numbers.missing(row.width) or numbers.missing(row.height) else f"{row.width:.0f} × {row.height:.0f}"
    known = [str(part) for part in (size, row.video, row.audio) if part and not numbers.missing(part)]
    return fill("{known}", known=", ".join(known)) if known else tables.unknown("this server does not tell")


def value_now(group: Group, row: Any, now: datetime, zone: tzinfo) -> Html:
    """The newest value of a group's first metric; row: one of db.live.fleet. Old values are told as such."""
    first = next((line for line in group.lines if not numbers.missing(getattr(row, line.column, None))), None)
    if first is None:
        return cards.figure_now("No data", "", "no value in the last good answer")
    value = group.words(getattr(row, first.column))
    if answers(row):
        return cards.figure_now(value, first.name.lower() if len(group.lines) > 1 else "")
    # How long the failed poll took is true now; everything else is of the last good one.
    at = row.at if first.column == RESPONSE else row.good_at
    return cards.figure_now("No data", "", f"last {value} at {numbers.when(at, now, zone)}")


def spoken(group: Group, shown: Sequence[Line], history: pd.DataFrame, window: str) -> str:
    """What a chart shows, in a sentence."""
    told = [
        f"{line.name} between {group.words(history[line.column].min())} and {group.words(history[line.column].max())}"
        for line in shown
    ]
    return f"{group.title} over {window}: {', '.join(told)}."
