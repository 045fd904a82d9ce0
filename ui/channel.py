"""The words and figures of one channel's page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from cdn.health import ChannelState, CopyState
from cdn.model import EventKind, PublicationEnd
from ui import links, numbers, tables
from ui.channels import begun_words, counted, label, look, media, moment, moment_words, span
from ui.headline import Headline, facts, since
from ui.html import NOTHING, Html, fill
from ui.notices import notice
from ui.status import COPY_LOOKS, COPY_ORDER, chip
from ui.timeline import Moment

MOMENTS = 40
_ENDED: dict[str, str] = {
    PublicationEnd.STOPPED: "Its publisher left",
    PublicationEnd.RECONNECTED: "The publisher came back over another connection",
    PublicationEnd.RESTARTED: "Its server started again",
}


def headline(row: Any, now: datetime, zone: tzinfo) -> Headline:
    """Name and state of the channel, and what is known of it. row: of db.channels.channels, with `begun`."""
    seen = look(row)
    words = fill("{word} {begun}", word=seen.word, begun=begun_words(row, now, zone))
    return Headline(
        seen.tone,
        fill("{name} {chip}", name=label(row), chip=chip(seen, words)),
        facts(known_facts(row, now, zone)),
        seen.icon,
    )


def known_facts(row: Any, now: datetime, zone: tzinfo) -> list[tuple[str, object]]:
    """Pairs of word and fact; what is not known is left out, and so is what is not so now."""
    on_air = row.state in (ChannelState.ON_AIR, ChannelState.FROZEN, ChannelState.STALLED)
    seen = row.state not in (ChannelState.UNKNOWN, ChannelState.GONE)
    pairs: list[tuple[str, object]] = [
        ("Origin", _origin(row) if row.is_home else ""),
        ("App", row.app),
        ("Vhost", "" if row.vhost == "__defaultVhost__" else row.vhost),
    ]
    if on_air and not numbers.missing(row.published_by):
        pairs.append(("On air since", moment(row.published_after, row.published_by, now, zone)))
    if seen:
        pairs.append(("Viewers", _known(numbers.count(row.viewers))))
    if on_air:
        pairs += [
            ("Comes in", _known(numbers.rate(row.ingest_bps))),
            ("Pictures", "" if numbers.missing(row.frame_rate) else f"{numbers.plain(row.frame_rate)}/s"),
        ]
    pairs.append(("Last seen", fill("{age} ago", age=since(row.at, now, zone))))
    return [(word, fact) for word, fact in pairs if not (numbers.missing(fact) or fact == "")]


def _origin(row: Any) -> Html:
    return fill('<span class="foot">{link}</span>', link=links.link(links.server(row.origin), row.origin))


def _known(text: str) -> str:
    return "" if text == numbers.DASH else text


def explained(row: Any, now: datetime, zone: tzinfo) -> Html:
    """What the state means and where to look, as a notice; nothing where the channel is on air."""
    origin = _origin(row)
    viewers = round(row.viewers) if numbers.known(row.viewers) else 0
    wait = f"{numbers.many(viewers, 'viewer')} {'waits' if viewers == 1 else 'wait'}. " if viewers else ""
    if row.state == ChannelState.STALLED:
        text = fill(
            "{wait}Its publisher is still connected to {origin}, but has sent nothing for {age}. Look at the encoder"
            " and at its way to the origin.",
            wait=wait,
            origin=origin,
            age=since(row.begun_by, now, zone),
        )
        return notice("bad", "cancel", "A publisher is there, but nothing comes in", text)
    if row.state == ChannelState.FROZEN:
        servers = int(row.copies_frozen)
        comes_in = "It comes in, but" if row.is_home else "It"
        title = f"{comes_in} stands still on {numbers.many(servers, 'server')}"
        text = fill(
            "Somebody watches there and gets no new bytes. The others carry it on: look at {those} below, and at"
            " {its} way to the origin.",
            those="that server" if servers == 1 else "those servers",
            its="its" if servers == 1 else "their",
        )
        return notice("warn", "pause_circle", title, text)
    if row.state == ChannelState.OFF_AIR and viewers:
        return notice("bad", "stop_circle", "Nobody publishes it", fill("{wait}Look at the encoder.", wait=wait))
    if row.state == ChannelState.UNKNOWN:
        text = fill("{origin}, where it was seen last, does not answer. What is on air is not seen now.", origin=origin)
        return notice("", "help", "Nobody knows whether it is on air", text)
    return NOTHING


# Copies that may be folded.
_CALM = (CopyState.ON_AIR, CopyState.WAITING, CopyState.GONE)
COPIES = (
    tables.Column("Server"),
    tables.Column("State"),
    tables.Column("Viewers", number=True),
    tables.Column("Own servers that pull", number=True),
    tables.Column("Sent, Mbit/s", number=True),
    tables.Column("Received, Mbit/s", number=True),
    tables.Column("Pictures/s", number=True),
    tables.Column("Picture and sound", phone=False),
)


def copy_rows(
    copies: pd.DataFrame, now: datetime, zone: tzinfo, *, most: int | None, on_phone: int | None
) -> Iterator[tables.Row]:
    """The servers that carry a channel, as rows: first origins first, then worst first. copies: db.channels.copies.

    most: so many at most; on_phone: further ones that are fine are left out there (None: no end).
    """
    homes = copies[copies["is_home"]]
    off_air = len(homes) > 0 and not homes["state"].isin((CopyState.ON_AIR, CopyState.STALLED)).any()
    place = (~copies["is_home"]) * (1 + copies["state"].map(COPY_ORDER))
    ordered = copies.iloc[place.argsort(kind="stable")]
    for number, row in enumerate(ordered.iloc[:most].itertuples()):
        folded = on_phone is not None and number >= on_phone and row.state in _CALM
        yield tables.Row(_copy_cells(row, now, zone, off_air=off_air), folded=folded)


def _copy_cells(row: Any, now: datetime, zone: tzinfo, *, off_air: bool) -> list[object]:
    known, gone = row.state not in (CopyState.UNKNOWN, CopyState.GONE), row.state == CopyState.GONE
    figures = (
        numbers.count(row.viewers),
        numbers.count(row.pulls),
        numbers.in_scale(row.egress_bps, numbers.MEGABIT),
        numbers.in_scale(row.ingress_bps, numbers.MEGABIT),
        numbers.plain(row.frame_rate),
    )
    place = "Publishers send to it" if row.is_home else row.region or str(row.role).capitalize()
    return [
        tables.under(links.link(links.server(row.server), row.server), place),
        tables.under(chip(COPY_LOOKS[row.state]), copy_words(row, now, zone, off_air=off_air)),
        *(tables.unknown("not listed any more") if gone else counted(text, known=known) for text in figures),
        media(row, now=row.state in (CopyState.ON_AIR, CopyState.FROZEN, CopyState.STALLED)),
    ]


def copy_words(row: Any, now: datetime, zone: tzinfo, *, off_air: bool) -> Html:
    """Since when a copy is in its state, or why it is; off_air: no origin has the channel on air."""
    if row.state == CopyState.FROZEN:
        return fill("for {age}", age=since(row.egress_still_since, now, zone))
    if row.state == CopyState.STALLED:
        return fill("for {age}", age=since(row.ingress_still_since, now, zone))
    if row.state == CopyState.UNKNOWN:
        return fill("last seen {age} ago", age=since(row.at, now, zone))
    if row.state == CopyState.GONE:
        return fill("not listed since {age} ago", age=since(row.gone_at, now, zone))
    if row.state == CopyState.ON_AIR:
        return NOTHING
    if row.is_home:
        return fill("nobody publishes it here")
    if off_air:
        return fill("nothing comes in at the origin")
    watched = max(numbers.known(row.clients) or 0, numbers.known(row.viewers) or 0)
    return fill("nothing is sent to it") if watched else fill("nobody watches it here")


def together(own: pd.DataFrame, of_servers: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The events of a channel and those of its origins that are about no channel, such as a restart."""
    return pd.concat([own, *(events[events["channel_id"].isna()] for events in of_servers)])


def moments(publications: pd.DataFrame, events: pd.DataFrame, now: datetime, zone: tzinfo) -> list[Moment]:
    """What happened to the channel, newest first.

    publications: db.channels.publications of it; events: db.channels.events of it and of its origins.
    """
    several = publications["server_id"].nunique() > 1
    newer: dict[int, Any] = {}
    told = [_publication(row, newer, now, zone, named=several) for row in publications.itertuples()]
    told += [_event(row, now, zone) for row in events[events["kind"].isin(list(_EVENTS))].itertuples()]
    # A publication that ended at the look at which the next was seen has the same time: the sort leaves it below.
    return [shown for _, shown in sorted(told, key=lambda each: -each[0])][:MOMENTS]


def _publication(row: Any, newer: dict[int, Any], now: datetime, zone: tzinfo, *, named: bool) -> tuple[float, Moment]:
    """When it was, and it in words; newer: of each server the publication after this one, which it replaces."""
    following = newer.get(row.server_id)
    newer[row.server_id] = row
    where = f" on {row.server}" if named else ""
    began = moment_words(row.began_after, row.began_by, now, zone)
    if numbers.missing(row.ended_by):
        return _at(row.began_by, now, zone, "ok", "play_arrow", f"On air since {began}{where}", row.format or "")
    until = moment_words(row.ended_after, row.ended_by, now, zone)
    title = (
        f"On air until {until}{where}" if numbers.missing(row.began_after) else f"On air from {began} to {until}{where}"
    )
    reason = _ENDED.get(row.end_reason, "It ended")
    if following is None:
        return _at(row.ended_by, now, zone, "bad", "stop", title, f"{reason}, and nobody has published it since")
    gap = span(following.off_air_least, following.off_air_most)
    return _at(row.ended_by, now, zone, "warn", "replay", title, f"Then off air for {gap}. {reason}")


_EVENTS: dict[str, tuple[str, str]] = {
    EventKind.FORMAT: ("swap_horiz", "Picture or sound changed"),
    EventKind.RESTART: ("restart_alt", "started again"),
    EventKind.VERSION: ("upgrade", "runs other software"),
}


def _event(row: Any, now: datetime, zone: tzinfo) -> tuple[float, Moment]:
    symbol, what = _EVENTS[row.kind]
    before, after = ("" if numbers.missing(each) else str(each) for each in (row.before, row.now))
    changed = f"From {before or 'not known'} to {after or 'not known'}" if before or after else ""
    title = f"{what} on {row.server}" if row.kind == EventKind.FORMAT else f"{row.server} {what}"
    return _at(row.at, now, zone, "planned", symbol, title, changed)


def _at(at: Any, now: datetime, zone: tzinfo, tone: str, symbol: str, title: str, text: str) -> tuple[float, Moment]:
    shown = Moment(numbers.when(at, now, zone), numbers.exact(at, zone), tone, symbol, title, text)
    return at.timestamp(), shown


def off_air_in_all(publications: pd.DataFrame) -> str:
    """How long it was off the air between its publications: "off air for 26 to 52 s in all"; "" where never.

    Only where one server takes it: of two, one may go on while the other starts again.
    """
    gaps = publications.dropna(subset=["off_air_most"])
    if gaps.empty or publications["server_id"].nunique() > 1:
        return ""
    return f"off air for {span(gaps['off_air_least'].sum(), gaps['off_air_most'].sum())} in all"
