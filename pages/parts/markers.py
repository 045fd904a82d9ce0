"""Markers on the time axis: the list of those shown and, for operators, a way to add, change and delete them."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import pandas as pd
import streamlit as st

from pages.parts import marker_form
from ui import markers, past
from ui.cards import card_head
from ui.markers import Marker
from ui.numbers import many
from ui.rows import each
from ui.visitor import may

# Older ones are folded away.
SHOWN = 4


def list_markers(found: pd.DataFrame, new: Marker, zone: tzinfo) -> None:
    """Those of this time, newest first. found: of db.annotations; new: what is proposed for another one."""
    marker_form.tell_last()
    edits = may("operator")
    with st.container(key="markers", gap="xsmall"):
        st.html(card_head("Markers", f"{many(len(found), 'marker')} in this time"))
        for row in each(found.head(SHOWN)):
            _draw(row, zone, edits=edits)
        if len(found) > SHOWN:
            with st.expander(f"{len(found) - SHOWN} older"):
                for row in each(found.iloc[SHOWN:]):
                    _draw(row, zone, edits=edits)
        if edits:
            icon = ":material/flag:"
            st.button("Add a marker", icon=icon, key="marker-new", on_click=marker_form.begin, args=(new,))
    if edits:
        marker_form.draw_open(past.known(), zone)


def _draw(row: Any, zone: tzinfo, *, edits: bool) -> None:
    with st.container(horizontal=True, wrap=False, gap="small", vertical_alignment="top"):
        st.html(markers.told(row, zone))
        if edits:
            key = f"marker-change-{row.id}"
            st.button("Change", type="tertiary", key=key, on_click=marker_form.begin_with, args=(int(row.id),))
