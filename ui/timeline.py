"""What happened, newest first, as a line of marks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ui.html import Html, fill, icon, join


@dataclass(frozen=True, slots=True)
class Moment:
    """time as shown, exact time for the title, tone and symbol of its mark, what happened, what is known of it."""

    time: str
    exact: str
    tone: str
    symbol: str
    title: object
    text: object


def timeline(moments: Iterable[Moment]) -> Html:
    """The line."""
    return fill(
        '<ol class="tl">{moments}</ol>',
        moments=join(
            fill(
                '<li><time title="{exact}">{time}</time><span class="mk {tone}">{icon}</span>'
                "<div><b>{title}</b><p>{text}</p></div></li>",
                exact=moment.exact,
                time=moment.time,
                tone=moment.tone,
                icon=icon(moment.symbol),
                title=moment.title,
                text=moment.text,
            )
            for moment in moments
        ),
    )
