"""Access: who may come in and do what, which programs may, and who changed what."""

from __future__ import annotations

import streamlit as st

from cdn.clock import utc_now
from cdn.errors import Unavailable
from pages.parts.people import people
from pages.parts.tokens import tokens
from ui import access, tables, theme
from ui.cards import card
from ui.headline import Headline, headline
from ui.html import fill
from ui.notices import empty, notice

VIEWS = ("People", "Tokens", "Changes")


def draw() -> None:
    """The page."""
    try:
        found = access.people()
        headline(access.headline(found))
        view = st.segmented_control(
            "Show",
            VIEWS,
            default=VIEWS[0],
            required=True,
            key="view",
            bind="query-params",
            label_visibility="collapsed",
        )
        if view == "Tokens":
            tokens()
        elif view == "Changes":
            draw_changes()
        else:
            people(found)
    except Unavailable as error:
        headline(Headline("nodata", fill("Nobody knows who may come in"), fill("The database does not answer.")))
        st.html(notice("bad", "database_off", "Nothing can be changed just now", str(error)))


def draw_changes() -> None:
    """Who changed what, newest first."""
    now, zone = utc_now(), theme.viewer_zone()
    with card("changes", "Who changed what", "newest first; secrets are never in it"):
        wanted = st.text_input(
            "Search",
            key="wanted",
            bind="query-params",
            placeholder="Name, server, what was changed",
            icon=":material/search:",
            label_visibility="collapsed",
        )
        # How far one has read on, of this search.
        below: dict[str, int | None] = st.session_state.setdefault("access-below", {})
        found = access.trail(wanted or "", below.get(wanted or ""))
        if found.empty:
            text = "Search for something else." if wanted else "What people change from now on appears here."
            st.html(empty("history", "No change fits this search" if wanted else "Nothing was changed yet", text))
            return
        shown = found.head(access.PAGE)
        st.html(tables.table("Who changed what", access.CHANGES, access.change_rows(shown, now, zone)))
        with st.container(horizontal=True, key="changes-buttons", gap="small"):
            if len(found) > access.PAGE and st.button("Older", icon=":material/arrow_downward:", key="older"):
                below[wanted or ""] = int(shown["id"].iloc[-1])
                st.rerun()
            if below.get(wanted or "") and st.button("Newest", icon=":material/arrow_upward:", key="newest"):
                below.clear()
                st.rerun()


draw()
