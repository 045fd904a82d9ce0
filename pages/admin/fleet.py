"""Fleet: which servers are watched; add, change, pause and retire them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from cdn.errors import Unavailable
from cdn.health import State
from pages.parts import told
from pages.parts.found_servers import found_servers
from pages.parts.server_file import server_file
from pages.parts.server_form import ServerForm
from ui import fleet, frames, links, numbers, tables
from ui.cards import card
from ui.headline import Headline, headline
from ui.html import fill
from ui.notices import empty, notice

ROWS = 100


def draw() -> None:
    """The page."""
    try:
        servers, pullers = frames.fleet(), frames.pullers()
        chosen = st.query_params.get("edit")
        stored = frames.stored(chosen) if chosen else None
    except Unavailable as error:
        headline(Headline("nodata", fill("The fleet cannot be shown"), fill("The database does not answer.")))
        st.html(notice("bad", "database_off", "Nothing can be changed just now", str(error)))
        return
    headline(_headline(servers))
    if chosen and stored is None:
        text = fill("It was renamed or retired. {link}", link=links.link(links.FLEET, "Add a new server instead"))
        st.html(notice("warn", "help", fill("No server is called {name}", name=chosen), text))
    told.tell_last()
    found_servers(pullers, servers)
    form, listing = st.columns([2, 3], gap="small")
    with form:
        ServerForm(servers, stored, st.query_params.get("url", "")).draw()
    with listing:
        draw_list(servers)


def _headline(servers: pd.DataFrame) -> Headline:
    paused = int((servers["state"] == State.PAUSED).sum())
    watched = len(servers) - paused
    below = fill("Add, change or pause servers. Passwords are stored encrypted and are never shown again.")
    if servers.empty:
        return Headline("planned", fill("No server is watched yet"), below)
    title = f"{numbers.many(watched, 'server')} {'is' if watched == 1 else 'are'} watched"
    if paused:
        title += f", {paused:,} {'is' if paused == 1 else 'are'} paused"
    return Headline("planned", fill("{title}", title=title), below, icon="lan")


def draw_list(servers: pd.DataFrame) -> None:
    """All servers that fit the search, and the way to read more of them from a file."""
    with card("fleet", "Fleet", numbers.many(len(servers), "server")):
        if servers.empty:
            st.html(empty("lan", "No servers yet", "The first one you add appears here."))
            server_file()
            return
        with st.container(horizontal=True, key="fleet-filters"):
            wanted = st.text_input(
                "Search",
                key="search",
                bind="query-params",
                placeholder="Name, address, region, tag",
                icon=":material/search:",
                label_visibility="collapsed",
            )
            with st.popover("Read from a file", icon=":material/upload_file:"):
                server_file()
        shown = fleet.matching(servers, wanted or "")
        if shown.empty:
            text = f"{numbers.many(len(servers), 'server')} in the fleet. Search for something else."
            st.html(empty("search_off", "No server fits this search", text))
            return
        rows = [tables.Row(fleet.cells(row)) for row in shown.head(ROWS).itertuples()]
        st.html(tables.table("All servers of the fleet; select one to change it", fleet.COLUMNS, rows))
        if len(shown) > ROWS:
            rest = f"{ROWS} of {len(shown):,} shown: search to see the others."
            st.html(fill('<p class="note">{rest}</p>', rest=rest))


draw()
