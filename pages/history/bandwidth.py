"""Bandwidth: how much, against before; when and by whom; and how much of it the origins were spared."""

from __future__ import annotations

from datetime import tzinfo

import streamlit as st

from cdn.errors import Unavailable
from pages.parts.markers import add_marker, list_markers
from ui import bandwidth, history, numbers, past, period, tables, theme
from ui.bandwidth import Answer, Question
from ui.cards import card, legend
from ui.chart import chart
from ui.download import offer
from ui.headline import Headline, headline
from ui.html import fill
from ui.notices import empty, notice


def draw() -> None:
    """The page."""
    zone = theme.viewer_zone()
    first_lines = st.container()
    try:
        asked = ask(zone)
        shown = bandwidth.answer(asked, zone)
    except Unavailable as error:
        with first_lines:
            headline(Headline("nodata", fill("The past cannot be read"), fill("The database does not answer.")))
            st.html(notice("bad", "database_off", "The past cannot be read just now", str(error)))
        return
    except bandwidth.Unknowable as error:
        with first_lines:
            headline(Headline("planned", fill("Nobody counts that"), fill("{why}.", why=error)))
        return
    with first_lines:
        headline(shown.headline(zone))
    if shown.series.empty:
        nothing()
        return
    main, side = st.columns([5, 2], gap="small")
    with main:
        draw_chart(shown, zone)
    with side:
        draw_numbers(shown, zone)
    groups, hours = st.columns([1, 1], gap="small")
    with groups:
        draw_groups(shown, zone)
    with hours:
        draw_hours(shown, zone)
    draw_ratios(shown, zone)


def ask(zone: tzinfo) -> Question:
    """The question bar."""
    offered = history.choices(past.known())
    ends = past.ends()["at"].iloc[0].to_pydatetime()
    with st.container(horizontal=True, key="asked", gap="small"):
        flow = st.selectbox("Show", list(history.FLOWS), key="flow", bind="query-params", width=180)
        by = st.selectbox("Split by", list(history.BYS), key="by", bind="query-params", width=150)
        chosen = st.multiselect("Only", list(offered), key="only", bind="query-params", placeholder="All", width=240)
        when = period.choose(ends, zone)
    return Question(history.FLOWS[flow], history.BYS[by], history.only_of(chosen, offered), when)


def nothing() -> None:
    """Nothing is known of this time."""
    with card("nothing", "Bandwidth"):
        text = "What servers send is kept in five minutes and hours from their first poll on. Choose another time, or"
        st.html(empty("query_stats", "Nothing was counted in this time", f"{text} take a filter away."))


def draw_chart(shown: Answer, zone: tzinfo) -> None:
    """The chart, what belongs to it, and what can be done with it."""
    scale, over = shown.scale, shown.over
    split = "" if len(shown.names) < 2 else f" by {shown.by_words.lower()}"
    note = f"{scale.word} · points of {history.span_words(over.seconds)}, mean"
    with card("bandwidth", f"{shown.flow_words}{split}", note, height="stretch"):
        st.html(legend(shown.legend()))
        alt = f"{shown.flow_words}{split}, {shown.asked.when.words}, in {scale.word}"
        chart(shown.figure(zone), "bandwidth", alt, scale.word)
        with st.container(horizontal=True, key="chart-buttons", gap="small"):
            add_marker(over.end, zone)
            frame, columns = shown.series_file()
            offer("series", f"bandwidth {shown.asked.when.words}", frame, columns, period.zone_name(zone))


def draw_numbers(shown: Answer, zone: tzinfo) -> None:
    """The window in numbers, and its markers."""
    against = shown.asked.when.against_words
    with card("numbers", "In numbers", f"against {against}" if against else "", height="stretch"):
        rows = history.number_rows(shown.numbers(zone))
        st.html(tables.table("This time in numbers", history.NUMBERS, rows))
        length = history.span_words(shown.peaks_over.bucket)
        st.html(fill('<p class="made-of">A peak is the mean of {length}.</p>', length=length))
        list_markers(shown.markers, zone)


def draw_groups(shown: Answer, zone: tzinfo) -> None:
    """Who carried it."""
    by = shown.asked.by
    with card("groups", f"The most by {shown.by_words.lower()}", f"share of {numbers.volume(shown.total)}", "stretch"):
        columns = history.group_columns(shown.by_words, "Transferred", shown.asked.when.against_words)
        rows = history.group_rows(history.renamed(shown.grown, by), history.renamed(shown.peaks, by), by, zone)
        st.html(tables.table("The most traffic", columns, rows))
        frame, named = shown.groups_file()
        offer("groups", f"bandwidth by {shown.by_words}", frame, named, period.zone_name(zone))


def draw_hours(shown: Answer, zone: tzinfo) -> None:
    """The hours of the week."""
    days = (shown.week_over.end - shown.week_over.start).days
    unit = numbers.rate_scale(shown.week["mean_bps"]).word
    with card("hours", "Busiest hours", f"{unit}, mean of {days} days, {period.zone_name(zone)}", height="stretch"):
        if shown.week.empty:
            st.html(empty("calendar_view_week", "Nothing was counted", "Hours appear as soon as they are over."))
            return
        st.html(shown.heat())
        frame, columns = shown.week_file()
        offer("week", "busiest hours", frame, columns, period.zone_name(zone))


def draw_ratios(shown: Answer, zone: tzinfo) -> None:
    """How much the origins were spared, and how often caches had the answer."""
    figure, names = bandwidth.ratio_figure(shown.offload, shown.over, zone)
    left, right = st.columns([1, 1], gap="small")
    formulas = bandwidth.FORMULAS
    with left, card("ratios", "How much the origins were spared", "%", height="stretch"):
        if names:
            st.html(legend(shown.ratio_legend(names)))
            chart(
                figure, "ratios", "Share of the traffic that did not leave the origins, and of answers from caches", "%"
            )
        else:
            text = "It takes first origins that tell own servers from viewers, or caches that count their answers."
            st.html(empty("help", "Nobody knows for this time", text))
        fleet = formulas["edge"] if shown.is_of_servers else formulas["offload"]
        st.html(
            fill(
                '<p class="made-of">Spared the origins = {offload}, in bytes. Out of the cache = {hits}.</p>',
                offload=fleet,
                hits=formulas["hit_ratio"],
            )
        )
        frame, columns = shown.ratios_file()
        offer("ratios", "spared the origins", frame, columns, period.zone_name(zone))
    with right, card("edges", "Edges", "spared the origins, the most sent first", height="stretch"):
        rows = history.ratio_rows(shown.edges, bandwidth.ROWS)
        st.html(tables.table("Edges, and what they took in", history.RATIO_COLUMNS, rows))
        st.html(fill('<p class="made-of">Here: {formula}.</p>', formula=formulas["edge"]))
        frame, columns = shown.edges_file()
        offer("edges", "edges", frame, columns, period.zone_name(zone))


draw()
