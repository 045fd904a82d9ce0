"""Channels: which is not as it should be, whom it touches, since when; and all of them, worst first."""

from __future__ import annotations

from datetime import datetime, tzinfo

import pandas as pd
import streamlit as st

from cdn.clock import utc_now
from ui import channels, filters, frames, links, numbers, on_air, tables, theme, verdict
from ui.cards import card
from ui.headline import Headline, headline, live
from ui.html import Html, fill
from ui.notices import empty, notice

# More rows only where somebody asks for them; on a phone fine channels are folded after the first few.
ROWS, ROWS_ON_PHONE = 50, 10


def draw() -> None:
    """The page."""
    now, zone = utc_now(), theme.viewer_zone()
    seen = frames.latest("channels", read)
    if not seen.frames:
        line, text = verdict.cut_off(seen.trouble or "", None, now, zone)
        headline(line, live(None, now, zone, silent=False))
        st.html(notice("bad", "database_off", "The channels cannot be read", text))
        return
    found, fleet, fresh = (seen.frames[name] for name in ("channels", "fleet", "freshness"))
    newest = fresh["newest_at"].iloc[0]
    if seen.trouble is not None:
        line, text = verdict.cut_off(seen.trouble, seen.at, now, zone)
        headline(line, live(newest, now, zone, silent=True))
        st.html(notice("bad", "database_off", "The channels cannot be read", text))
        draw_list(found, seen.at, zone, as_of=f"as of {numbers.clock(seen.at, zone)}")
    elif fresh["silent"].iloc[0]:
        line, text = verdict.blind(fresh, now, zone)
        headline(line, live(newest, now, zone, silent=True))
        st.html(notice("bad", "sensors_off", "The collector is silent", text))
        draw_list(found, now, zone, as_of=f"last poll at {numbers.when(newest, now, zone)}")
    elif found.empty:
        nothing(fleet, newest, now, zone)
    else:
        headline(on_air.headline(found, fleet, now, zone), live(newest, now, zone, silent=False))
        draw_list(found, now, zone)


def read() -> dict[str, pd.DataFrame]:
    """What the page shows."""
    fresh = frames.freshness()
    at = frames.stands_still_at(fresh)
    return {"channels": channels.begun(frames.channels(at)), "fleet": frames.fleet(at), "freshness": fresh}


def nothing(fleet: pd.DataFrame, newest: object, now: datetime, zone: tzinfo) -> None:
    """No server lists any channel: say why, and what to do."""
    if fleet.empty:
        text = fill("Add a server, and what it carries appears here.")
        button = links.link(links.FLEET, "Add the first server", "btn primary")
    else:
        text = fill(
            "As soon as somebody publishes to an SRS origin of the fleet, the channel appears here. Servers that only"
            " deliver files (NGINX, Angie) do not tell which channels they carry."
        )
        button = links.link(links.OVERVIEW, "Look at the servers", "btn")
    headline(Headline("planned", fill("No channels yet")), live(newest, now, zone, silent=False))
    with card("channels", "Channels"):
        st.html(empty("live_tv", "No server lists a channel", fill("{text}<br>{button}", text=text, button=button)))


def draw_list(found: pd.DataFrame, at: datetime, zone: tzinfo, as_of: str = "") -> None:
    """All channels that fit the questions; as_of: they are old, and grey."""
    if found.empty:
        return
    with st.container(horizontal=True, key="filters"):
        wanted = st.text_input(
            "Search",
            key="find",
            bind="query-params",
            placeholder="Name, app, vhost, origin",
            icon=":material/search:",
            label_visibility="collapsed",
            width=280,
        )
        chosen = st.segmented_control(
            "Which channels",
            channels.FILTERS,
            default=channels.ALL,
            required=True,
            key="show",
            bind="query-params",
            label_visibility="collapsed",
        )
    shown = channels.worst_first(channels.matching(found, chosen or channels.ALL, wanted or ""))
    every = st.query_params.get("channels") == "all"
    title = numbers.many(len(shown), "channel") + (f" of {len(found):,}" if len(shown) < len(found) else "")
    with (
        st.container(key="stale" if as_of else "fresh"),
        card("channels", title, as_of or "Those that need a look first, then the most watched"),
    ):
        if shown.empty:
            text = (
                f"{numbers.many(len(found), 'channel')} {'is' if len(found) == 1 else 'are'} known; take a filter away."
            )
            st.html(empty("search_off", "No channel fits these filters", text))
            return
        listed = shown if every else shown.head(ROWS)
        rows = [
            tables.Row(
                channels.cells(row, at, zone),
                folded=not every and place >= ROWS_ON_PHONE and not wanting,
            )
            for place, (row, wanting) in enumerate(zip(listed.itertuples(), channels.needs_a_look(listed), strict=True))
        ]
        st.html(tables.table("All channels", channels.COLUMNS, rows))
        if every or len(shown) > ROWS_ON_PHONE:
            st.html(more_rows(len(shown), every))


def more_rows(total: int, every: bool) -> Html:
    """The link under the table to all of it, and back. Other answers in the URL stay."""
    query = {name: value for name, value in st.query_params.items() if name != "channels"}
    if every:
        return fill('<p class="foot">{link}</p>', link=links.link(links.channels(**query), "Only the first"))
    return fill(
        '<p class="foot {classes}">{link}</p>',
        classes="" if total > ROWS else "only-p",
        link=links.link(links.channels(**query, channels="all"), f"All {numbers.many(total, 'channel')}"),
    )


st.fragment(draw, run_every=filters.refresh())()
