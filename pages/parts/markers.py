"""Markers on the time axis: the list of those shown, the form for a new one, taking one away."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

import pandas as pd
import streamlit as st

from actions.annotations import add_annotation, remove_annotation
from cdn.errors import Changed, Forbidden, Unavailable, Unknown
from cdn.model import Invalid
from ui import frames, history, numbers
from ui.form import fault
from ui.html import fill, markdown
from ui.notices import notice
from ui.visitor import actor, may

_TURN, _FAULTS, _TOLD = "marker-turn", "marker-faults", "marker-told"


def list_markers(found: pd.DataFrame, zone: tzinfo) -> None:
    """The markers of this time, and for operators a way to take one away."""
    count = f"{numbers.many(len(found), 'marker')} in this time"
    st.html(fill('<div class="ch"><h2>Markers</h2><span>{count}</span></div>', count=count))
    if words := st.session_state.pop(_TOLD, ""):
        st.toast(markdown(words), icon=":material/check_circle:")
    if found.empty:
        return
    st.html(history.markers(found, zone))
    if may("operator"):
        with st.popover("Take one away", icon=":material/delete:", key="remove-marker"):
            named = {int(row.id): f"{row.words} ({history.moment(row.at, zone)})" for row in history.each(found)}
            chosen = st.selectbox("Marker", list(named), format_func=named.__getitem__, key=f"marker-{_turn()}")
            if st.button("Take it away", key="marker-remove"):
                _remove(chosen, named[chosen])


def add_marker(ends: datetime, zone: tzinfo) -> None:
    """A button that opens the form for a new marker; nothing for those who may only look."""
    if not may("operator"):
        return
    faults: dict[str, str] = st.session_state.get(_FAULTS, {})
    turn, local = _turn(), ends.astimezone(zone)
    with st.popover("Add a marker", icon=":material/flag:", key="add-marker"):
        words = st.text_input("What happened", key=f"marker-words-{turn}", placeholder="Cup final", autocomplete="off")
        fault(faults, "words")
        kinds = history.KIND_WORDS
        kind = st.selectbox("Kind", list(kinds), format_func=kinds.__getitem__, key=f"marker-kind-{turn}")
        day = st.date_input("Day", local.date(), key=f"marker-day-{turn}")
        clock = st.time_input("Time", local.time().replace(second=0, microsecond=0), step=300, key=f"marker-at-{turn}")
        fault(faults, "at")
        minutes = st.number_input("For how many minutes (0: a moment)", 0, 100_000, 0, step=5, key=f"marker-for-{turn}")
        fault(faults, "until")
        region = st.text_input("Region (empty: all)", key=f"marker-region-{turn}", autocomplete="off")
        fault(faults, "region")
        if not st.button("Add it", type="primary", icon=":material/flag:", key=f"marker-add-{turn}"):
            return
    at = datetime.combine(day, clock if isinstance(clock, time) else time(), zone)
    until = at + timedelta(minutes=minutes) if minutes else None
    _add({"at": at, "until": until, "kind": kind, "words": words, "region": region.strip()})


def _add(fields: dict[str, object]) -> None:
    try:
        add_annotation(frames.engine(), fields, by=actor())
    except Invalid as error:
        st.session_state[_FAULTS] = error.faults
        st.rerun()
    except (Forbidden, Unavailable) as error:
        st.html(notice("bad", "error", "No marker was added", str(error)))
        return
    _done("The marker is set")


def _remove(id: int, words: str) -> None:
    try:
        remove_annotation(frames.engine(), id, by=actor())
    except (Forbidden, Unavailable) as error:
        st.html(notice("bad", "error", "The marker stays", str(error)))
        return
    except (Changed, Unknown):
        words = f"{words}: somebody else did so already"
    _done(f"Taken away: {words}")


def _done(words: str) -> None:
    st.session_state.pop(_FAULTS, None)
    st.session_state[_TURN] = _turn() + 1
    st.session_state[_TOLD] = words
    frames.forget()
    st.rerun()


def _turn() -> int:
    return int(st.session_state.get(_TURN, 0))
