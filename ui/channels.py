"""The words of channels, in the list of them and wherever one needs a look. Pure.

Bounds stay bounds: what happened between two looks is told as "21:03–21:04", "before 21:04" or "12 to 26 s".
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from cdn.health import ChannelState
from cdn.model import Kind, Role
from cdn.units import MINUTE
from ui import links, numbers, tables
from ui.headline import since
from ui.html import NOTHING, Html, fill
from ui.status import CHANNEL_LOOKS, CHANNEL_ORDER, Look, chip

NOT_COUNTED = "not counted here"
# What people may ask to see, as it stands in the address.
ALL, WANTING, ON_AIR, OFF_AIR = "All", "Needs a look", "On air", "Off air"
FILTERS = (ALL, WANTING, ON_AIR, OFF_AIR)
# Edges that deliver files and do not know who watches.
_UNCOUNTED = {
    Kind.NGINX: "NGINX",
    Kind.NGINX_VTS: "NGINX",
    Kind.NGINX_PLUS: "NGINX",
    Kind.ANGIE: "Angie",
}
_SECONDS_UNTIL = 90


def label(row: Any) -> str:
    """What a channel is called: its name, with its app where that is not the usual one."""
    name = str(row.name) or "(no name)"
    return name if row.app in ("", "live") else f"{row.app}/{name}"


def vhost(row: Any) -> str:
    """ "on cdn.example" where a channel is not on the default vhost, else ""."""
    return "" if numbers.missing(row.vhost) or row.vhost in ("", "__defaultVhost__") else f"on {row.vhost}"


def named(row: Any) -> Html:
    """Its name as a link to its page."""
    return links.link(links.channel(int(row.id)), label(row))


def moment_words(after: Any, by: Any, now: datetime, zone: tzinfo) -> str:
    """A moment between two looks: "21:04", "21:03–21:04", "before 21:04" where nobody looked before it."""
    if numbers.missing(by):
        return numbers.DASH
    latest = numbers.when(by, now, zone)
    if numbers.missing(after):
        return f"before {latest}"
    earliest = numbers.when(after, now, zone)
    return latest if earliest == latest else f"{earliest}–{latest}"


def moment(after: Any, by: Any, now: datetime, zone: tzinfo) -> Html:
    """The same with the exact bounds as its title."""
    exact = numbers.exact(by, zone)
    title = f"before {exact}" if numbers.missing(after) else f"between {numbers.exact(after, zone)} and {exact}"
    return fill('<span title="{title}">{words}</span>', title=title, words=moment_words(after, by, now, zone))


def span(least: Any, most: Any) -> str:
    """How long something lasted, between bounds in seconds: "12 to 26 s", "up to 15 s", "4 to 6 min"."""
    low, high = numbers.known(least), numbers.known(most)
    if high is None:
        return numbers.DASH
    low, high = math.floor(max(low or 0.0, 0.0)), math.ceil(max(high, 0.0))
    if high >= _SECONDS_UNTIL:
        high = math.ceil(high / MINUTE) * MINUTE
    shortest, longest = numbers.age(low), numbers.age(high)
    if low == 0:
        return f"up to {longest}"
    if shortest == longest:
        return longest
    number, _, unit = shortest.partition(" ")
    same = longest.partition(" ")[2] == unit
    return f"{number if same else shortest} to {longest}"


def begun(channels: pd.DataFrame) -> pd.DataFrame:
    """`channels` with the bounds between which their state began: begun_after, begun_by (NaT: not known)."""
    state, off_air = channels["state"], channels["state"] == ChannelState.OFF_AIR
    one_look = channels["stalled_since"].where(state == ChannelState.STALLED, channels["frozen_since"])
    one_look = one_look.where(state != ChannelState.GONE, channels["gone_at"])
    one_look = one_look.where(state != ChannelState.UNKNOWN, channels["at"])
    on_air = state == ChannelState.ON_AIR
    return channels.assign(
        begun_after=one_look.mask(on_air, channels["published_after"]).mask(off_air, channels["ended_after"]),
        begun_by=one_look.mask(on_air, channels["published_by"]).mask(off_air, channels["ended_by"]),
    )


def needs_a_look(channels: pd.DataFrame) -> pd.Series:
    """True for channels that need a person: nothing comes in, it stands still, or viewers wait for what is off air."""
    waited_for = (channels["state"] == ChannelState.OFF_AIR) & (channels["viewers"] > 0)
    return channels["state"].isin((ChannelState.STALLED, ChannelState.FROZEN)) | waited_for


def worst_first(channels: pd.DataFrame) -> pd.DataFrame:
    """Those that need a look first, and of them those that nobody sees; then by state, then the most watched."""
    return (
        channels.assign(
            fine=~needs_a_look(channels),
            partly=channels["state"] == ChannelState.FROZEN,
            place=channels["state"].map(CHANNEL_ORDER),
            watched=channels["viewers"].fillna(-1),
        )
        .sort_values(
            ["fine", "partly", "place", "watched", "app", "name", "id"],
            ascending=[True, True, True, False, True, True, True],
        )
        .drop(columns=["fine", "partly", "place", "watched"])
    )


def matching(channels: pd.DataFrame, chosen: str, wanted: str) -> pd.DataFrame:
    """The channels that `chosen`, one of FILTERS, lets through and in which every word of `wanted` occurs."""
    if chosen == WANTING:
        channels = channels[needs_a_look(channels)]
    elif chosen == ON_AIR:
        channels = channels[channels["state"].isin((ChannelState.ON_AIR, ChannelState.FROZEN))]
    elif chosen == OFF_AIR:
        channels = channels[channels["state"].isin((ChannelState.OFF_AIR, ChannelState.GONE))]
    words = wanted.lower().split()
    text = channels["app"] + "/" + channels["name"] + " " + channels["vhost"] + " " + channels["origin"].fillna("")
    return channels[[all(word in line for word in words) for line in text.str.lower()]]


def uncounted(fleet: pd.DataFrame) -> str:
    """ "viewers on 3 NGINX edges are not counted here"; "" where every edge counts them. fleet: db.live.fleet."""
    edges = fleet[(fleet["role"] == Role.EDGE) & ~fleet["paused"].astype("bool")]
    kinds = edges["kind"].map(_UNCOUNTED).dropna()
    if kinds.empty:
        return ""
    words = " and ".join(sorted(kinds.unique(), reverse=True))
    number = len(kinds)
    return f"viewers on {numbers.many(number, f'{words} edge')} are not counted here"


COLUMNS = (
    tables.Column("Channel"),
    tables.Column("State"),
    tables.Column("Origin"),
    tables.Column("Carried on by", number=True),
    tables.Column("Viewers", number=True),
    tables.Column("Comes in, Mbit/s", number=True),
    tables.Column("Pictures/s", number=True),
    tables.Column("Picture and sound", phone=False),
    tables.Column("On air since", number=True),
)


def cells(row: Any, now: datetime, zone: tzinfo) -> list[object]:
    """One channel as cells; row: of db.channels.channels, with `begun`."""
    known = row.state not in (ChannelState.UNKNOWN, ChannelState.GONE)
    on_air = row.state in (ChannelState.ON_AIR, ChannelState.FROZEN)
    origin = links.link(links.server(row.origin), row.origin)
    return [
        tables.under(named(row), vhost(row)),
        tables.under(chip(look(row)), begun_words(row, now, zone)),
        origin if row.is_home else tables.unknown(f"no origin of the fleet lists it; {row.origin} tells most of it"),
        _servers(row),
        counted(numbers.count(row.viewers), known=known),
        counted(numbers.in_scale(row.ingest_bps, numbers.MEGABIT), known=known),
        counted(numbers.plain(row.frame_rate), known=known),
        media(row, now=on_air or row.state == ChannelState.STALLED),
        moment(row.published_after, row.published_by, now, zone)
        if on_air and not numbers.missing(row.published_by)
        else tables.unknown("it is not on air" if known and not on_air else "nobody saw it begin"),
    ]


def look(row: Any) -> Look:
    """How the state of a channel looks; row: of db.channels.channels."""
    seen = CHANNEL_LOOKS[row.state]
    if row.state == ChannelState.FROZEN:
        return replace(seen, word=f"{seen.word} on {numbers.count(row.copies_frozen)}")
    if row.state == ChannelState.OFF_AIR and row.viewers > 0:
        # Viewers in front of a black picture are another matter than a channel that has ended.
        return replace(seen, tone="bad")
    return seen


def begun_words(row: Any, now: datetime, zone: tzinfo) -> Html:
    """Since when a channel is in its state; nothing where it is on air or nobody knows. row: with `begun`."""
    if row.state == ChannelState.ON_AIR or numbers.missing(row.begun_by):
        return NOTHING
    if row.state == ChannelState.OFF_AIR:
        return fill("since {moment}", moment=moment(row.begun_after, row.begun_by, now, zone))
    return fill("for {age}", age=since(row.begun_by, now, zone))


def _servers(row: Any) -> Html:
    """How many carry it, and how many of those that do not."""
    rest = [
        f"{numbers.count(number)} {word}"
        for number, word in ((row.copies_frozen, "frozen"), (row.copies_unknown, "not known"))
        if number > 0
    ]
    lost = row.copies == 0 and row.copies_unknown > 0
    return tables.under(
        tables.unknown("they do not answer") if lost else numbers.count(row.copies),
        ", ".join(rest),
    )


def counted(text: str, *, known: bool) -> Html:
    """A number in a table; known: it is so now, and not only the last one that was seen."""
    if text == numbers.DASH:
        return tables.unknown(NOT_COUNTED)
    return fill("{text}", text=text) if known else tables.unknown(f"last {text}")


def media(row: Any, *, now: bool) -> Html:
    """Size of the picture, and how picture and sound are coded: "1920 × 1080, H264 High, AAC LC 44.1 kHz".

    now: it is so now; otherwise it was so when it was seen last.
    """
    size = "" if numbers.missing(row.width) or numbers.missing(row.height) else f"{row.width:.0f} × {row.height:.0f}"
    told = ", ".join(str(part) for part in (size, row.video, row.audio) if not numbers.missing(part) and part)
    if not told:
        return tables.unknown("no server tells it")
    return fill("{told}", told=told) if now else tables.unknown(f"last {told}")
