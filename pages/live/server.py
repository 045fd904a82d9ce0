"""Server: what is wrong with it, since when, and everything it reports over time."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import pandas as pd
import streamlit as st

from cdn.clock import utc_now
from cdn.health import State
from ui import cards, figures, filters, frames, links, numbers, server, tables, theme, verdict
from ui.cards import card
from ui.chart import chart
from ui.groups import Group, groups_of
from ui.headline import Headline, headline, live
from ui.html import fill
from ui.notices import empty, notice, paragraphs
from ui.timeline import timeline

CHART_HEIGHT = 150
STREAMS_SHOWN = 50


def draw(name: str) -> None:
    """The page of the server called `name`."""
    now, zone = utc_now(), theme.viewer_zone()
    seen = frames.latest("fleet", lambda: {"fleet": frames.fleet(), "freshness": frames.freshness()})
    if not seen.frames:
        line, text = verdict.cut_off(seen.trouble or "", None, now, zone)
        headline(line, live(None, now, zone, silent=False))
        st.html(notice("bad", "database_off", "The numbers cannot be read", text))
        return
    found = seen.frames["fleet"]
    found = found[found["name"] == name]
    if found.empty:
        unknown(name)
        return
    row = next(found.itertuples())
    fresh = seen.frames["freshness"]
    old = seen.trouble is not None or bool(fresh["silent"].iloc[0])
    headline(server.headline(row, now, zone), live(fresh["newest_at"].iloc[0], now, zone, silent=old))
    if seen.trouble is not None:
        _, text = verdict.cut_off(seen.trouble, seen.at, now, zone)
        st.html(notice("bad", "database_off", "The database does not answer: the numbers below are old", text))
    elif old:
        _, text = verdict.blind(fresh, now, zone)
        st.html(notice("bad", "sensors_off", "The collector is silent: the numbers below are old", text))
    elif row.state == State.DOWN:
        st.html(notice("bad", "cancel", verdict.capital(verdict.reason_words(row.reason)), row.detail or ""))
    if server.answers(row) and isinstance(row.notes, list) and row.notes:
        st.html(notice("", "info", "What its answers leave out", paragraphs(*row.notes)))
    with st.container(horizontal=True, key="filters"):
        window = filters.window()
    over_time(row, window, now, zone, old=old)


def over_time(row: Any, window: str, now: datetime, zone: tzinfo, *, old: bool) -> None:
    """Charts, streams and what happened; row: the server, one of db.live.fleet."""
    seen = frames.latest(
        f"server {row.id} {window}",
        lambda: {
            "history": frames.server_history(row.id, filters.WINDOWS[window]),
            "streams": frames.server_streams(row.id),
            "changes": frames.state_changes(row.id),
        },
    )
    if not seen.frames:
        st.html(notice("bad", "database_off", "Its history cannot be read", seen.trouble or ""))
        return
    with st.container(key="stale" if old or seen.trouble is not None else "fresh"):
        draw_charts(row, seen.frames["history"], window, now, zone)
        streams, happened = st.columns([3, 2], gap="small")
        with streams:
            draw_streams(row, seen.frames["streams"], now, zone)
        with happened, card("happened", "What happened here", "last 24 hours, newest first", height="stretch"):
            moments = list(server.moments(seen.frames["changes"], now, zone))
            if moments:
                st.html(timeline(moments))
            else:
                st.html(empty("history", "Nothing yet", "Its first poll is still to come."))


def unknown(name: str) -> None:
    """No such server: say so, and where they all are."""
    headline(
        Headline(
            "planned",
            fill("No server is called “{name}”", name=name) if name else fill("Which server?"),
            fill("It may have been renamed or retired. {all}.", all=links.link(links.OVERVIEW, "All servers", "text")),
        )
    )


def draw_charts(row: Any, history: pd.DataFrame, window: str, now: datetime, zone: tzinfo) -> None:
    """A card for each group of metrics the server has ever reported in `window`."""
    groups = [group for group in groups_of(row.role) if group.reported(history)]
    if not groups:
        with card("charts-empty", "Over time"):
            st.html(empty("show_chart", "No numbers in this time", "Nothing was reported. A longer time may help."))
        return
    with st.container(key="charts"):
        for group in groups:
            with card(f"chart-{group.key}"):
                draw_chart(group, row, history, window, now, zone)


def draw_chart(group: Group, row: Any, history: pd.DataFrame, window: str, now: datetime, zone: tzinfo) -> None:
    """One group: its title, the newest value, and its course."""
    shown = group.reported(history)
    scale = group.fitting(history)
    unit = group.unit or scale.word
    st.html(cards.card_head(group.title, unit))
    st.html(server.value_now(group, row, now, zone))
    if len(shown) > 1:
        st.html(
            cards.legend(
                (figures.role(place), line.name, server.legend_value(group, line, row, history))
                for place, line in enumerate(shown)
            )
        )
    limit = row.capacity_bps / scale.size if group.key == "sent" and not numbers.missing(row.capacity_bps) else None
    figure = figures.lines(
        history,
        shown,
        scale.size,
        zone,
        CHART_HEIGHT,
        filled=group.filled,
        digits=group.digits,
        limit=None if limit is None else (limit, f"full at {numbers.rate(row.capacity_bps)}"),
    )
    chart(figure, f"chart-{group.key}", server.spoken(group, shown, history, window), unit)


def draw_streams(row: Any, streams: pd.DataFrame, now: datetime, zone: tzinfo) -> None:
    """What it carries."""
    on_air = int((streams["publishing"].astype("bool") & ~streams["gone"].astype("bool")).sum()) if len(streams) else 0
    known = server.answers(row)
    note = f"{on_air:,} on air" if known else f"as of {numbers.when(row.good_at, now, zone)}"
    with card("streams", "Streams on this server", note if len(streams) else "", height="stretch"):
        if streams.empty and numbers.missing(row.live_streams) and not numbers.missing(row.good_at):
            st.html(empty("grid_off", "Not counted here", "This server does not tell which streams it carries."))
        elif streams.empty:
            st.html(empty("grid_off", "No streams", "Nobody publishes here, and no viewer asks for a stream."))
        else:
            st.html(
                tables.table(
                    "Streams on this server",
                    server.stream_columns(row.role),
                    server.stream_rows(streams.head(STREAMS_SHOWN), now, zone, known=known),
                )
            )
            if len(streams) > STREAMS_SHOWN:
                rest = numbers.many(len(streams) - STREAMS_SHOWN, "stream")
                st.html(fill('<p class="note">and {rest} more, less busy</p>', rest=rest))


chosen = filters.refresh()
st.fragment(draw, run_every=chosen)(st.query_params.get("name", ""))
