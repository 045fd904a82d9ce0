"""Channel: is it fine from its origin to every edge, and when was it off the air?"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import pandas as pd
import streamlit as st

from cdn.clock import utc_now
from cdn.health import CopyState
from pages.parts import schedule
from ui import channel, channels, filters, frames, links, numbers, tables, theme, verdict
from ui.cards import card
from ui.headline import Headline, headline, live
from ui.html import fill
from ui.notices import empty, notice
from ui.timeline import timeline

# More rows only where somebody asks for them; on a phone fine servers are folded after the first few.
ROWS, ROWS_ON_PHONE = 50, 10
HOURS = 24


def draw(asked: str) -> None:
    """The page of the channel with the id `asked`."""
    now, zone = utc_now(), theme.viewer_zone()
    seen = frames.latest(f"channel {asked}", lambda: read(asked))
    if not seen.frames:
        line, text = verdict.cut_off(seen.trouble or "", None, now, zone)
        headline(line, live(None, now, zone, silent=False))
        st.html(notice("bad", "database_off", "The channel cannot be read", text))
        return
    if seen.frames["channel"].empty:
        unknown(asked)
        return
    row: Any = next(seen.frames["channel"].itertuples())
    fresh = seen.frames["freshness"]
    old = seen.trouble is not None or bool(fresh["silent"].iloc[0])
    at = seen.at if seen.trouble is not None else now
    headline(channel.headline(row, at, zone), live(fresh["newest_at"].iloc[0], now, zone, silent=old))
    if seen.trouble is not None:
        _, text = verdict.cut_off(seen.trouble, seen.at, now, zone)
        st.html(notice("bad", "database_off", "The database does not answer: what is below is old", text))
    elif old:
        _, text = verdict.blind(fresh, now, zone)
        st.html(notice("bad", "sensors_off", "The collector is silent: what is below is old", text))
    elif words := channel.explained(row, now, zone):
        st.html(words)
    with st.container(key="stale" if old else "fresh"):
        servers, happened = st.columns([7, 3], gap="small")
        with servers:
            draw_copies(int(row.id), seen.frames["copies"], at, zone)
        with happened:
            draw_story(seen.frames["publications"], seen.frames["events"], at, zone)


def read(asked: str) -> dict[str, pd.DataFrame]:
    """What the page shows; of an unknown channel an empty frame."""
    fresh = frames.freshness()
    at = frames.stands_still_at(fresh)
    found = frames.channels(at)
    found = channels.begun(found[found["id"].astype("str") == asked])
    seen = {"channel": found, "freshness": fresh}
    if found.empty:
        return seen
    id = int(found["id"].iloc[0])
    copies, publications = frames.copies(id, at), frames.publications(channel_id=id, hours=HOURS)
    homes = copies.loc[copies["is_home"], "server_id"]
    # What happened to the servers it is published on happened to it.
    events = channel.together(
        frames.events(channel_id=id, hours=HOURS), [frames.events(server_id=int(home), hours=HOURS) for home in homes]
    )
    return {
        **seen,
        "copies": copies,
        "publications": publications,
        "events": events,
    }


def unknown(asked: str) -> None:
    """No such channel: say so, and where they all are."""
    headline(
        Headline(
            "planned",
            fill("No server lists this channel") if asked else fill("Which channel?"),
            fill(
                "A channel is shown for a day after the last server stopped listing it. {all}.",
                all=links.link(links.CHANNELS, "All channels", "text"),
            ),
        )
    )


def draw_copies(id: int, copies: pd.DataFrame, at: datetime, zone: tzinfo) -> None:
    """Every server that carries it."""
    carry = int(copies["state"].isin((CopyState.ON_AIR, CopyState.FROZEN)).sum())
    every = st.query_params.get("servers") == "all"
    rows = channel.copy_rows(copies, at, zone, most=None if every else ROWS, on_phone=None if every else ROWS_ON_PHONE)
    with card("copies", numbers.many(len(copies), "server"), f"on air on {carry:,} of them", height="stretch"):
        st.html(tables.table("Servers that carry this channel", channel.COPIES, rows))
        if every:
            st.html(fill('<p class="foot">{link}</p>', link=links.link(links.channel(id), "Only the first")))
        elif len(copies) > ROWS_ON_PHONE:
            st.html(
                fill(
                    '<p class="foot {classes}">{link}</p>',
                    classes="" if len(copies) > ROWS else "only-p",
                    link=links.link(links.channel(id, servers="all"), f"All {numbers.many(len(copies), 'server')}"),
                )
            )


def draw_story(publications: pd.DataFrame, events: pd.DataFrame, at: datetime, zone: tzinfo) -> None:
    """When it was on the air, and what happened to it."""
    off_air = channel.off_air_in_all(publications)
    note = f"last {HOURS} hours" + (f" · {off_air}" if off_air else ", newest first")
    with card("story", "On and off the air", note, height="stretch"):
        moments = channel.moments(publications, events, at, zone)
        if moments:
            st.html(timeline(moments))
        else:
            text = f"No publication was seen on an origin of the fleet in the last {HOURS} hours."
            st.html(empty("history", "Nothing to tell", text))


st.fragment(draw, run_every=filters.refresh())(st.query_params.get("id", ""))
schedule.expected(st.query_params.get("id", ""), utc_now())
