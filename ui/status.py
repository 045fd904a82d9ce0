"""Status on the screen: glyph, word and tone, always together. Colour alone says nothing."""

from __future__ import annotations

from dataclasses import dataclass

from cdn.health import ChannelState, CopyState, State
from ui.html import Html, fill, icon


@dataclass(frozen=True, slots=True)
class Look:
    """How a state looks: Material Symbol, word, tone (ok, warn, bad, planned, nodata)."""

    icon: str
    word: str
    tone: str


LOOKS: dict[str, Look] = {
    State.DOWN: Look("cancel", "Down", "bad"),
    State.NO_DATA: Look("help", "No data", "nodata"),
    State.NEARLY_FULL: Look("warning", "Nearly full", "warn"),
    State.WAITING: Look("hourglass_empty", "Waiting", "nodata"),
    State.PAUSED: Look("pause_circle", "Paused", "nodata"),
    State.FINE: Look("check_circle", "Fine", "ok"),
}
# Worst first: the order in which State lists them.
ORDER: dict[str, int] = {state.value: place for place, state in enumerate(State)}
PROBLEMS = (State.DOWN, State.NO_DATA)
NEEDS_A_LOOK = (State.DOWN, State.NO_DATA, State.NEARLY_FULL)

_STALLED = Look("cancel", "Nothing comes in", "bad")
_FROZEN = Look("pause_circle", "Frozen", "warn")
_ON_AIR = Look("check_circle", "On air", "ok")
_GONE = Look("close", "Gone", "nodata")
CHANNEL_LOOKS: dict[str, Look] = {
    ChannelState.STALLED: _STALLED,
    ChannelState.FROZEN: _FROZEN,
    ChannelState.OFF_AIR: Look("stop_circle", "Off air", "nodata"),
    ChannelState.UNKNOWN: LOOKS[State.NO_DATA],
    ChannelState.ON_AIR: _ON_AIR,
    ChannelState.GONE: _GONE,
}
COPY_LOOKS: dict[str, Look] = {
    CopyState.FROZEN: _FROZEN,
    CopyState.STALLED: _STALLED,
    CopyState.UNKNOWN: LOOKS[State.NO_DATA],
    CopyState.ON_AIR: _ON_AIR,
    CopyState.WAITING: Look("hourglass_empty", "Waiting", "nodata"),
    CopyState.GONE: _GONE,
}
CHANNEL_ORDER: dict[str, int] = {state.value: place for place, state in enumerate(ChannelState)}
COPY_ORDER: dict[str, int] = {state.value: place for place, state in enumerate(CopyState)}

PAGE_ICONS = {"bad": "error", "warn": "warning", "ok": "check_circle", "nodata": "help", "planned": "info"}


def chip(look: Look, words: str = "") -> Html:
    """A status in a table or beside a name."""
    return fill(
        '<span class="chip {tone}">{icon}<span>{words}</span></span>',
        tone=look.tone,
        icon=icon(look.icon),
        words=words or look.word,
    )
