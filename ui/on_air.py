"""The sentences of channels: which are not as they should be, whom it touches, since when. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from cdn.health import ChannelState
from ui import links, numbers
from ui.cards import Problem
from ui.channels import label, moment, moment_words, named, needs_a_look, uncounted, worst_first
from ui.headline import Headline, since
from ui.html import NOTHING, Html, fill, join
from ui.status import CHANNEL_LOOKS
from ui.verdict import NAMES_IN_HEADLINE, capital


def headline(channels: pd.DataFrame, fleet: pd.DataFrame, now: datetime, zone: tzinfo) -> Headline:
    """The first two lines of the list; channels: with `begun`, not empty. fleet: db.live.fleet."""
    states = channels["state"]
    on_air = int(states.isin((ChannelState.ON_AIR, ChannelState.FROZEN)).sum())
    unknown = int((states == ChannelState.UNKNOWN).sum())
    wanting = worst_first(channels[needs_a_look(channels)])
    if len(wanting):
        line = trouble(wanting, now, zone)
        said = [f"{on_air:,} of {int((states != ChannelState.GONE).sum()):,} on air"]
    elif unknown:
        title = fill(
            "Of {channels} nobody knows whether {they} on air",
            channels=numbers.many(unknown, "channel"),
            they="it is" if unknown == 1 else "they are",
        )
        line = Headline("nodata", title)
        said = [f"where {'it is' if unknown == 1 else 'they are'} published does not answer", f"{on_air:,} on air"]
    elif on_air:
        line = Headline("ok", fill("{channels} on air", channels=numbers.many(on_air, "channel")))
        said = []
    else:
        line = Headline("planned", fill("No channel is on air"))
        said = []
    return replace(line, below=_sentence([*said, *_below(channels, fleet)]))


def _below(channels: pd.DataFrame, fleet: pd.DataFrame) -> Iterable[str]:
    viewers = channels["viewers"].sum(min_count=1)
    if not numbers.missing(viewers):
        yield numbers.many(round(viewers), "viewer")
    yield uncounted(fleet)
    off_air = int(((channels["state"] == ChannelState.OFF_AIR) & ~needs_a_look(channels)).sum())
    if off_air:
        yield f"{off_air:,} off air, and nobody waits for {'it' if off_air == 1 else 'them'}"


def _sentence(parts: Iterable[str]) -> Html:
    text = capital("; ".join(part for part in parts if part))
    return fill("{text}.", text=text) if text else NOTHING


def trouble(wanting: pd.DataFrame, now: datetime, zone: tzinfo) -> Headline:
    """What is wrong with channels, in one line; wanting: those that need a look, with `begun`, not empty."""
    stalled, off_air, frozen = (
        wanting[wanting["state"] == state]
        for state in (ChannelState.STALLED, ChannelState.OFF_AIR, ChannelState.FROZEN)
    )
    parts: list[Html] = []
    if len(stalled):
        parts.append(
            fill("Nothing comes in for {names}{since}", names=_names(stalled), since=_since(stalled, now, zone))
        )
    if len(off_air):
        parts.append(_are(off_air, fill("off air{since}", since=_since(off_air, now, zone))))
    if len(frozen):
        servers = numbers.many(int(frozen["copies_frozen"].iloc[0]), "server")
        parts.append(_are(frozen, fill("frozen on {servers}", servers=servers) if len(frozen) == 1 else fill("frozen")))
    if len(frozen) == len(wanting):
        return Headline("warn", join(parts), icon=CHANNEL_LOOKS[ChannelState.FROZEN].icon)
    return Headline("bad", join(parts, "; "))


def _are(rows: pd.DataFrame, what: Html) -> Html:
    return fill("{names} {verb} {what}", names=_names(rows), verb="is" if len(rows) == 1 else "are", what=what)


def _names(rows: pd.DataFrame) -> Html:
    if len(rows) > NAMES_IN_HEADLINE:
        return fill("{channels}", channels=numbers.many(len(rows), "channel"))
    return join((named(row) for row in rows.itertuples()), " and ")


def _since(rows: pd.DataFrame, now: datetime, zone: tzinfo) -> str:
    """When it began, where that is one time for all of them."""
    first = rows.iloc[0]
    if len(rows) > 1 or numbers.missing(first["begun_by"]):
        return ""
    return f" since {moment_words(first['begun_after'], first['begun_by'], now, zone)}"


def with_channels(line: Headline, wanting: pd.DataFrame, now: datetime, zone: tzinfo) -> Headline:
    """`line`, which tells of the servers, and what is wrong with channels: the worse of the two comes first."""
    if wanting.empty:
        return line
    if line.tone == "bad":
        more = fill(
            "{channels} {verb} a look, too.",
            channels=numbers.many(len(wanting), "channel"),
            verb="needs" if len(wanting) == 1 else "need",
        )
        return replace(line, below=join((line.below, more), " "))
    first = trouble(wanting, now, zone)
    if line.tone == "ok":
        return replace(first, below=fill("All servers that are polled answer."))
    return replace(first, below=fill("{title}.", title=line.title))


def problem(row: Any, now: datetime, zone: tzinfo) -> Problem:
    """One channel that needs a look as an entry of the overview's list.

    row: of db.channels.channels with `begun`.
    """
    look = CHANNEL_LOOKS[row.state]
    touched = row.viewers_frozen if row.state == ChannelState.FROZEN else row.viewers
    number = "" if numbers.missing(touched) else numbers.many(round(touched), "viewer")
    if row.state == ChannelState.FROZEN:
        servers = numbers.many(int(row.copies_frozen), "server")
        words = f"{label(row)} is frozen on {servers}"
        known = "It comes in, but stands still there" if row.is_home else "It stands still there"
        lost = f" · {number} on {'it' if row.copies_frozen == 1 else 'them'}" if number else ""
    elif row.state == ChannelState.STALLED:
        words, known = (
            f"Nothing comes in for {label(row)}",
            f"Its publisher is connected to {row.origin}, but sends nothing",
        )
        lost = f" · {number}" if number else ""
    else:
        words, known = f"{label(row)} is off air", "Nobody publishes it"
        lost = f" · {number} {'waits' if number.startswith('1 ') else 'wait'}" if number else ""
    return Problem(
        look.icon,
        "warn" if row.state == ChannelState.FROZEN else "bad",
        links.link(links.channel(int(row.id)), words),
        fill("{known}", known=known),
        fill("{begun}{lost}", begun=_age(row, now, zone), lost=lost),
    )


def _age(row: Any, now: datetime, zone: tzinfo) -> Html:
    if numbers.missing(row.begun_by):
        return fill("since when is not known")
    if row.state == ChannelState.OFF_AIR:
        return fill("since <b>{moment}</b>", moment=moment(row.begun_after, row.begun_by, now, zone))
    return fill("<b>{age}</b> ago", age=since(row.begun_by, now, zone))
