"""Status on the screen: glyph, word and tone, always together. Colour alone says nothing."""

from __future__ import annotations

from dataclasses import dataclass

from cdn.health import State
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

PAGE_ICONS = {"bad": "error", "warn": "warning", "ok": "check_circle", "nodata": "help", "planned": "info"}


def chip(look: Look, words: str = "") -> Html:
    """A status in a table or beside a name."""
    return fill(
        '<span class="chip {tone}">{icon}<span>{words}</span></span>',
        tone=look.tone,
        icon=icon(look.icon),
        words=words or look.word,
    )
