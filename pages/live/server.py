"""Server: what is wrong with it, since when, and everything it reports over time."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import pandas as pd
import streamlit as st

from cdn.clock import utc_now
from cdn.health import State
from cdn.model import Role
from pages.parts.clients import clients_card
from pages.parts.working import working_card
from ui import cards, figures, filters, frames, happened, links, numbers, server, tables, theme, verdict
from ui.cards import card
from ui.chart import chart
from ui.groups import GROUPS, Group
from ui.headline import Headline, headline, live
from ui.html import fill
from ui.notices import empty, notice, paragraphs
from ui.timeline import timeline

CHART_HEIGHT = 150
STREAMS_SHOWN = 50


def draw(name: str, opened: str) -> None:
    """The page of the server called `name`. opened: the chart whose working is shown, "" for none."""
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
    over_time(row, window, opened, now, zone, old=old)


def over_time(row: Any, window: str, opened: str, now: datetime, zone: tzinfo, *, old: bool) -> None:
    """Charts, streams, what happened, who is connected; row: the server, one of db.live.fleet."""
    seen = frames.latest(
        f"server {row.id} {window}",
        lambda: {
            "history": frames.server_history(row.id, filters.WINDOWS[window]),
            "streams": frames.server_streams(row.id),
            "changes": frames.state_changes(row.id),
            "events": frames.events(server_id=row.id),
            # Where a publication begins and ends; edges only have copies of it.
            **({"publications": frames.publications(server_id=row.id)} if row.role == Role.ORIGIN else {}),
        },
    )
    if not seen.frames:
        st.html(notice("bad", "database_off", "Its history cannot be read", seen.trouble or ""))
        return
    with st.container(key="stale" if old or seen.trouble is not None else "fresh"):
        draw_charts(row, seen.frames, window, opened, now, zone)
        streams, moments = st.columns([3, 2], gap="small")
        with streams:
            draw_streams(row, seen.frames["streams"], now, zone)
        with moments:
            draw_moments(seen.frames, now, zone)
        clients_card(row, zone)


def unknown(name: str) -> None:
    """No such server: say so, and where they all are."""
    headline(
        Headline(
            "planned",
            fill("No server is called “{name}”", name=name) if name else fill("Which server?"),
            fill("It may have been renamed or retired. {all}.", all=links.link(links.OVERVIEW, "All servers", "text")),
        )
    )


def draw_charts(row: Any, read: dict[str, pd.DataFrame], window: str, opened: str, now: datetime, zone: tzinfo) -> None:
    """A card for each group of metrics the server has ever reported in `window`, and the working of the opened one."""
    history = read["history"]
    groups = [group for group in GROUPS if group.reported(history)]
    if not groups:
        with card("charts-empty", "Over time"):
            st.html(empty("show_chart", "No numbers in this time", "Nothing was reported. A longer time may help."))
        return
    in_address = "" if window == filters.DEFAULT_WINDOW else window
    with st.container(key="charts"):
        for group in groups:
            is_opened = group.key == opened
            with card(f"chart-{group.key}"):
                draw_chart(group, row, history, window, now, zone, opened=is_opened)
            if is_opened:
                working_card(group, row, history, read["streams"], in_address, now, zone)


def draw_chart(
    group: Group, row: Any, history: pd.DataFrame, window: str, now: datetime, zone: tzinfo, *, opened: bool
) -> None:
    """One group: its title, the newest value, and its course."""
    shown = group.reported(history)
    scale = group.fitting(history)
    unit = group.unit or scale.word
    st.html(cards.card_head(group.title, unit))
    in_address = "" if window == filters.DEFAULT_WINDOW else window
    figure_now = server.value_now(group, row, now, zone)
    st.html(server.figure_row(figure_now, group, row.name, in_address, opened=opened))
    if share := server.share_now(group, history, window):
        st.html(share)
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
                    server.stream_rows(streams.head(STREAMS_SHOWN), row.role, now, zone, known=known),
                )
            )
            if len(streams) > STREAMS_SHOWN:
                rest = numbers.many(len(streams) - STREAMS_SHOWN, "stream")
                st.html(fill('<p class="note">and {rest} more, less busy</p>', rest=rest))


def draw_moments(read: dict[str, pd.DataFrame], now: datetime, zone: tzinfo) -> None:
    """What happened here."""
    with card("happened", "What happened here", "last 24 hours, newest first", height="stretch"):
        moments = happened.moments(read["changes"], read["events"], read.get("publications"), now, zone)
        if moments:
            st.html(timeline(moments))
        else:
            st.html(empty("history", "Nothing yet", "Its first poll is still to come."))


chosen = filters.refresh()
st.fragment(draw, run_every=chosen)(st.query_params.get("name", ""), st.query_params.get("working", ""))
