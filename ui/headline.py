"""The first line of a page, which answers its question, and the facts below it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import streamlit as st

from ui.html import NOTHING, Html, fill, icon, join
from ui.numbers import age, clock, epoch, exact, missing
from ui.status import PAGE_ICONS


@dataclass(frozen=True, slots=True)
class Headline:
    """tone: ok, warn, bad, nodata or planned (information); `below` says whom it touches and since when."""

    tone: str
    title: Html
    below: Html = NOTHING
    icon: str = ""


def headline(line: Headline, right: Html = NOTHING) -> None:
    """Draw the headline; `right` (see `live`) changes by itself and stands in a block of its own."""
    row = st.container(horizontal=True, wrap=False, key="headline", vertical_alignment="center", gap="medium")
    row.html(
        fill(
            '<header class="hl"><span class="hl-ic {tone}">{icon}</span><div class="hl-t"><h1>{title}</h1>'
            '<p class="hl-b">{below}</p></div></header>',
            tone=line.tone,
            icon=icon(line.icon or PAGE_ICONS[line.tone]),
            title=line.title,
            below=line.below,
        )
    )
    if right:
        row.html(right, width="content")


def live(newest_at: Any, now: datetime, zone: tzinfo, *, silent: bool) -> Html:
    """The clock and the age of the newest poll, both ticking in the browser."""
    if missing(newest_at):
        words: Html = fill("No poll yet")
    elif silent:
        words = fill("Not live · last poll {age} ago", age=since(newest_at, now, zone))
    else:
        words = fill("Live · last poll {age} ago", age=since(newest_at, now, zone))
    return fill(
        '<div class="hl-r" data-now="{now}"><div class="clock" data-clock>{clock}</div>'
        '<div class="live {tone}"><i></i>{words}</div></div>',
        now=epoch(now),
        clock=clock(now, zone),
        tone="bad" if silent else "nodata" if missing(newest_at) else "ok",
        words=words,
    )


def since(at: Any, now: datetime, zone: tzinfo) -> Html:
    """An age that ticks in the browser; its title is the exact time. Without `at` a dash."""
    if missing(at):
        return fill("–")
    return fill(
        '<span data-since="{epoch}" title="{exact}">{age}</span>',
        epoch=epoch(at),
        exact=exact(at, zone),
        age=age(now.timestamp() - (epoch(at) or 0)),
    )


def facts(items: Iterable[tuple[str, object]]) -> Html:
    """Pairs of a word and what is so, in one line that wraps."""
    return fill(
        '<span class="facts">{items}</span>',
        items=join(fill("<span>{word} <b>{fact}</b></span>", word=word, fact=fact) for word, fact in items),
    )
