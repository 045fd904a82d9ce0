"""The words and figures of one server's page: its facts, its charts' figures, its streams. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pandas as pd

from cdn.health import State
from cdn.model import KIND_LABELS, Kind, Role
from ui import cards, links, numbers, tables
from ui.figures import Line
from ui.groups import RESPONSE, Group
from ui.headline import Headline, facts, since
from ui.html import NOTHING, Html, fill
from ui.status import LOOKS, Look, chip

ON_AIR = Look("check_circle", "On air", "ok")
NOT_SENT = Look("pause_circle", "Not sent", "nodata")
GONE = Look("close", "Gone", "nodata")
HOW = "How is this made?"
STILL = Look("pause_circle", "Stands still", "warn")
# Counters of streams step every few seconds; one that stands still for less may only look so.
STILL_SECONDS = 10.0
# Streams beyond those that are followed one by one are this one row.
OVERFLOW = "overflow"


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


# Further off than anybody plans: made without an end.
ENDLESS_DAYS = 365 * 200


def certificate(expires: Any, now: datetime, zone: tzinfo) -> str:
    """Until when a server's certificate is good; "" where it has none."""
    if numbers.missing(expires):
        return ""
    days = (pd.Timestamp(expires) - pd.Timestamp(now)).days
    if days > ENDLESS_DAYS:
        return "without an end"  # such dates may lie beyond the calendar of the viewer's zone
    if days < 0:
        return f"ended {numbers.when(expires, now, zone)}"
    return f"good until {numbers.when(expires, now, zone)}, {numbers.many(days, 'day')}"


def public_address(url: str) -> str:
    """`url` without user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def stream_columns(role: str) -> list[tables.Column]:
    """The columns of the streams on a server of that role: of an origin's clients some are own servers."""
    return [
        tables.Column("Stream"),
        tables.Column("State"),
        tables.Column("Viewers", number=True),
        *([tables.Column("Own servers", number=True)] if role == Role.ORIGIN else []),
        tables.Column("Sent, Mbit/s", number=True),
        tables.Column("Received, Mbit/s", number=True),
        tables.Column("Pictures/s", number=True),
        tables.Column("Picture and sound"),
    ]


def answers(row: Any) -> bool:
    """Whether what the server said last is true now; row: one of db.live.fleet."""
    return row.state in (State.FINE, State.NEARLY_FULL)


def stream_rows(streams: pd.DataFrame, role: str, now: datetime, zone: tzinfo, *, known: bool) -> Iterator[tables.Row]:
    """The streams on a server of that role as rows; streams: db.server.server_streams.

    known: the server answers; otherwise nobody knows what is on air, and numbers are only the last ones.
    """
    mega = numbers.MEGABIT
    is_origin = role == Role.ORIGIN
    for row in streams.itertuples():
        apart = "not told apart yet" if is_origin else "not counted here"
        values = [
            (numbers.count(row.viewers), apart),
            *([(numbers.count(row.pulls), apart)] if is_origin else []),
            (numbers.in_scale(row.egress_bps, mega), "not counted here"),
            (numbers.in_scale(row.ingress_bps, mega), "not counted here"),
            (numbers.plain(row.frame_rate), "not counted here"),
        ]
        seen = fill("last seen {age} ago", age=since(row.at, now, zone))
        yield tables.Row(
            [
                _stream_name(row),
                _stream_state(row, zone, is_origin=is_origin) if known else chip(LOOKS[State.NO_DATA]),
                *(_stream_cell(value, why, gone=bool(row.gone), known=known) for value, why in values),
                media(row) if known and not row.gone else seen,
            ]
        )


def _stream_name(row: Any) -> Html:
    if row.url == OVERFLOW:
        return fill("other streams, not followed one by one")
    return tables.under(f"{row.app}/{row.name}", _vhost(row))


def _stream_state(row: Any, zone: tzinfo, *, is_origin: bool) -> Html:
    still = still_since(row, is_origin=is_origin)
    if still is not None:
        return fill('<span title="since {at}">{chip}</span>', at=numbers.exact(still, zone), chip=chip(STILL))
    return chip(GONE if row.gone else ON_AIR if row.publishing else NOT_SENT)


def still_since(row: Any, *, is_origin: bool) -> Any:
    """Since when a stream's bytes stand still although somebody is there for them; None where they do not.

    Into an origin they come from its publisher; out of a server they go to whoever plays.
    """
    if row.gone or not row.publishing:
        return None
    viewers, pulls = numbers.known(row.viewers) or 0, numbers.known(row.pulls) or 0
    played = viewers + pulls > 0 if is_origin else max(viewers, numbers.known(row.clients) or 0) > 0
    found = [
        at
        for at, wanted in ((row.ingress_still_since, is_origin), (row.egress_still_since, played))
        if wanted and not numbers.missing(at) and (row.at - at).total_seconds() >= STILL_SECONDS
    ]
    return min(found, default=None)


def _stream_cell(value: str, why: str, *, gone: bool, known: bool) -> Html:
    if gone or value == numbers.DASH:
        return tables.unknown("not counted here" if gone else why)
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


def figure_row(figure: Html, group: Group, name: str, window: str, *, opened: bool) -> Html:
    """The newest value above a chart, and the link to how it is made. window: as in the address, "" for the usual."""
    words = fill('{shown}<span class="vh">: {title}</span>', shown="Hide" if opened else HOW, title=group.title)
    href = links.server(name, window=window, working="" if opened else group.key)
    return fill('<div class="fig">{figure}{link}</div>', figure=figure, link=links.link(href, words, "how"))


def share_now(group: Group, history: pd.DataFrame, window: str) -> Html:
    """The share of the whole window that belongs to a chart: "Hit ratio 94.2 % over 1 hour"."""
    if group.share is None or (counted := group.share.counted(history)) is None:
        return NOTHING
    part, whole = counted
    return fill(
        '<p class="share">{word} <b>{share}</b> over {window}</p>',
        word=group.share.word,
        share=numbers.percent(part / whole, 2 if part / whole < 0.01 else 1),
        window=window,
    )


def spoken(group: Group, shown: Sequence[Line], history: pd.DataFrame, window: str) -> str:
    """What a chart shows, in a sentence."""
    told = [
        f"{line.name} between {group.words(history[line.column].min())} and {group.words(history[line.column].max())}"
        for line in shown
    ]
    return f"{group.title} over {window}: {', '.join(told)}."
