"""The form that adds, changes or deletes a marker, in a dialog; for operators.

Its buttons act before anything is drawn again: a fault is shown in the dialog with what was typed, and only what was
done closes it and draws the page anew.
"""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import pandas as pd
import streamlit as st

from actions.annotations import EARLIEST, LATEST, add_annotation, change_annotation, remove_annotation
from cdn.errors import Changed, Forbidden, Unavailable, Unknown
from cdn.model import Invalid
from pages.parts.fields import Fields
from ui import frames, markers, past
from ui.form import fault
from ui.html import markdown
from ui.markers import Marker
from ui.notices import notice
from ui.rows import each
from ui.visitor import actor

_OPEN, _TURN, _FAULTS, _REFUSED, _TOLD = (f"marker-{word}" for word in ("open", "turn", "faults", "refused", "told"))
_TYPED = ("words", "kind", "day", "clock", "minutes", "region", "server_id", "channel_id")
_ABOUT = {"region": "Region", "server_id": "Server", "channel_id": "Channel"}


def begin(marker: Marker) -> None:
    """Open the form with `marker`; called by a button."""
    close()
    st.session_state[_TURN] = _turn() + 1
    st.session_state[_OPEN] = marker


def begin_with(id: int) -> None:
    """Open the form with a stored marker as it is now; called by a button."""
    try:
        found = past.marker(id)
    except Unavailable as error:
        st.session_state[_TOLD] = ("error", f"The marker cannot be read just now. {error}")
        return
    if found.empty:
        past.markers.clear()
        st.session_state[_TOLD] = ("info", "Somebody deleted this marker meanwhile")
        return
    begin(markers.stored(next(each(found))))


def close() -> None:
    """Close the form and forget what was typed."""
    for key in (_OPEN, _FAULTS, _REFUSED):
        st.session_state.pop(key, None)


def tell_last() -> None:
    """Tell what was done last."""
    icon, words = st.session_state.pop(_TOLD, ("", ""))
    if words:
        st.toast(markdown(words), icon=f":material/{icon}:")


def draw_open(known: pd.DataFrame, zone: tzinfo) -> None:
    """The form, while one is open. known: of db.history.known, what a marker may be about."""
    marker: Marker | None = st.session_state.get(_OPEN)
    if marker is not None:
        title = "Add a marker" if marker.id is None else "Change a marker"
        st.dialog(title, on_dismiss=close)(_form)(marker, known, zone)


def _form(marker: Marker, known: pd.DataFrame, zone: tzinfo) -> None:
    if _OPEN not in st.session_state:
        st.rerun()
    fields = Fields(f"marker-{_turn()}", st.session_state.get(_FAULTS, {}))
    fields.text("words", "What happened", marker.words, "Cup final")
    fields.choice("kind", "Kind", markers.KINDS, marker.kind)
    local = marker.at.astimezone(zone)
    with st.container(horizontal=True, gap="small"):
        oldest, newest = (at.astimezone(zone).date() for at in (EARLIEST, LATEST))
        st.date_input("Day", local.date(), min_value=oldest, max_value=newest, key=fields.name("day"))
        st.time_input("Time", markers.shown_time(local), step=300, key=fields.name("clock"))
        st.number_input("Minutes (0: a moment)", 0, value=marker.minutes, step=5, key=fields.name("minutes"))
    fault(fields.faults, "at")
    fault(fields.faults, "until")
    for field, label in _ABOUT.items():
        kept = getattr(marker, field)
        fields.choice(field, label, markers.offered(known, field, kept), "" if kept is None else str(kept))
    if refused := st.session_state.get(_REFUSED):
        st.html(notice("bad", "error", *refused))
    with st.container(horizontal=True, gap="small", key="marker-buttons"):
        names = {field: fields.name(field) for field in _TYPED}
        st.button(
            "Add" if marker.id is None else "Save",
            type="primary",
            icon=":material/save:",
            key="marker-save",
            on_click=_save,
            args=(marker, zone, names),
        )
        if marker.id is not None:
            st.button("Delete", icon=":material/delete:", key="marker-delete", on_click=_delete, args=(marker,))
        st.button("Cancel", type="tertiary", key="marker-cancel", on_click=close)


def _save(marker: Marker, zone: tzinfo, names: dict[str, str]) -> None:
    typed: dict[str, Any] = {field: st.session_state.get(name) for field, name in names.items()}
    at, until = markers.chosen(marker, typed["day"], typed["clock"], int(typed["minutes"] or 0), zone)
    fields: dict[str, Any] = {
        "at": at,
        "until": until,
        "kind": typed["kind"],
        "words": typed["words"],
        "region": typed["region"],
        **{field: int(typed[field]) if typed[field] else None for field in ("server_id", "channel_id")},
    }
    try:
        if marker.id is None:
            add_annotation(frames.engine(), fields, by=actor())
        else:
            change_annotation(frames.engine(), marker.id, marker.version, fields, by=actor())
    except Invalid as error:
        st.session_state[_FAULTS] = error.faults
        st.session_state.pop(_REFUSED, None)
    except (Changed, Forbidden, Unavailable, Unknown) as error:
        _refuse(error)
    else:
        _done("The marker is set" if marker.id is None else "The marker is changed")


def _delete(marker: Marker) -> None:
    try:
        remove_annotation(frames.engine(), int(marker.id or 0), by=actor(), version=marker.version)
    except (Changed, Forbidden, Unavailable) as error:
        _refuse(error)
        return
    except Unknown:
        _done("Somebody else deleted this marker already")
        return
    _done(f"Deleted: {marker.words}")


def _refuse(error: Changed | Forbidden | Unavailable | Unknown) -> None:
    """Say in the dialog why nothing was done; what was typed stays."""
    if isinstance(error, Changed):
        why = "Somebody else changed this marker meanwhile. Cancel, then open it again to see it."
    elif isinstance(error, Unknown):
        why = "Somebody else deleted this marker meanwhile. Cancel, and add it anew if it is still wanted."
    elif isinstance(error, Forbidden):
        why = f"{error}."
    else:
        why = f"The database does not answer; try again. {error}"
    st.session_state.pop(_FAULTS, None)
    st.session_state[_REFUSED] = ("Nothing was saved", why)
    past.markers.clear()


def _done(words: str) -> None:
    close()
    past.markers.clear()
    st.session_state[_TOLD] = ("check_circle", words)


def _turn() -> int:
    return int(st.session_state.get(_TURN, 0))
