"""Cards of how much the origins were spared: over time, by edge and by channel."""

from __future__ import annotations

from datetime import tzinfo

import streamlit as st

from ui import period, tables
from ui import spared as shown
from ui.cards import card, legend
from ui.chart import chart
from ui.download import offer
from ui.html import fill
from ui.notices import empty
from ui.spared import Spared


def draw_over_time(spared: Spared, zone: tzinfo) -> None:
    """Both ratios over time, and how they are made."""
    with card("ratios", "How much the origins were spared", "%", height="stretch"):
        if spared.names:
            st.html(legend(spared.legend()))
            alt = "Share of the traffic that did not leave the origins, and of answers from caches"
            chart(spared.figure(zone), "ratios", alt, "%")
        else:
            text = "It takes first origins that tell own servers from viewers, or caches that count their answers."
            st.html(empty("help", "Nobody knows for this time", text))
        st.html(spared.meaning())
        frame, columns = spared.file()
        offer("ratios", "spared the origins", frame, columns, period.zone_name(zone))


def draw_edges(spared: Spared, zone: tzinfo) -> None:
    """By edge."""
    with card("edges", "Edges", "spared the origins, the most sent first", height="stretch"):
        if spared.edges.empty:
            st.html(empty("dns", "No edge sent anything in this time", "Choose another time, or take a filter away."))
            return
        st.html(tables.table("Edges, and what they took in", shown.EDGES, spared.edge_rows()))
        _made_of("edge")
        st.html(fill('<p class="made-of">SRS does not count what an edge pulls: such edges have no ratio.</p>'))
        frame, columns = spared.edges_file()
        offer("edges", "spared the origins by edge", frame, columns, period.zone_name(zone))


def draw_channels(spared: Spared, zone: tzinfo) -> None:
    """By channel."""
    with card("channels", "Channels", "spared the origins, the most sent first", height="stretch"):
        if not spared.channels_are_told:
            text = (
                f"What each edge took in of a channel is asked of {shown.LONGEST_WORDS} at most: choose a shorter time."
            )
            st.html(empty("live_tv", "Not told of so long a time", text))
            return
        if spared.channels.empty:
            text = (
                "It takes edges that count what they take in of each stream, as nginx-rtmp does."
                " SRS does not count what an edge pulls, and caches count files."
            )
            st.html(empty("live_tv", "No edge told of channels in this time", text))
            return
        st.html(tables.table("Channels, and what edges took in of them", shown.CHANNELS, spared.channel_rows()))
        _made_of("channel")
        frame, columns = spared.channels_file()
        offer("channels", "spared the origins by channel", frame, columns, period.zone_name(zone))


def _made_of(formula: str) -> None:
    st.html(fill('<p class="made-of">Here: {formula}.</p>', formula=shown.FORMULAS[formula]))
