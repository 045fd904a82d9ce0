"""Bandwidth: how much, against before; when and by whom; and how much of it the origins were spared."""

from __future__ import annotations

from datetime import tzinfo

import streamlit as st

from cdn.errors import Unavailable
from pages.parts.markers import list_markers
from pages.parts.spared import draw_channels, draw_edges, draw_over_time
from ui import bandwidth, history, markers, numbers, past, period, questions, rankings, tables, theme
from ui.bandwidth import Answer, Question
from ui.cards import card, legend
from ui.chart import chart
from ui.download import offer
from ui.headline import Headline, headline
from ui.html import fill
from ui.notices import empty, notice
from ui.waiting import waiting

# Of the cards: the share of the width that each takes, row by row.
ROWS = ((5, 2), (1, 1), (1, 1), (1, 1))


def draw() -> None:
    """The page."""
    zone = theme.viewer_zone()
    above = st.container(key="first-lines")
    lines, wait = above.container(), above.empty()
    bar, cards = st.container(horizontal=True, key="asked", gap="small"), st.empty()
    try:
        with waiting(wait, cards, "Reading what was sent", ROWS):
            with bar:
                asked = ask(zone)
            shown = bandwidth.answer(asked, zone)
    except Unavailable as error:
        with lines:
            headline(
                Headline(
                    "nodata",
                    fill("The past cannot be read"),
                    fill("The database does not answer. Load the page again in a moment."),
                )
            )
            st.html(notice("bad", "database_off", "The past cannot be read just now", str(error)))
        return
    except bandwidth.Unknowable as error:
        with lines:
            headline(Headline("planned", fill("Nobody counts that"), fill("{why}.", why=error)))
        return
    with lines:
        headline(shown.headline(zone))
    with st.container(key="answer"):
        if shown.series.empty:
            nothing()
        else:
            draw_answer(shown, zone)


def ask(zone: tzinfo) -> Question:
    """The question bar."""
    flow = st.selectbox("Show", list(questions.FLOWS), key="flow", bind="query-params", width=180)
    by = st.selectbox("Split by", list(questions.BYS), key="by", bind="query-params", width=150)
    offered = questions.choices(past.known())
    chosen = st.multiselect("Only", list(offered), key="only", bind="query-params", placeholder="All", width=240)
    when = period.choose(past.ends()["at"].iloc[0].to_pydatetime(), zone)
    return Question(questions.FLOWS[flow], questions.BYS[by], questions.only_of(chosen, offered), when)


def nothing() -> None:
    """Nothing is known of this time."""
    with card("nothing", "Bandwidth"):
        text = "What servers send is kept in five minutes and hours from their first poll on. Choose another time, or"
        st.html(empty("query_stats", "Nothing was counted in this time", f"{text} take a filter away."))


def draw_answer(shown: Answer, zone: tzinfo) -> None:
    """The cards, as ROWS says."""
    main, side = st.columns(ROWS[0], gap="small")
    with main:
        draw_chart(shown, zone)
    with side:
        draw_numbers(shown, zone)
    days, hours = st.columns(ROWS[1], gap="small")
    with days:
        draw_days(shown, zone)
    with hours:
        draw_hours(shown, zone)
    groups, ratios = st.columns(ROWS[2], gap="small")
    with groups:
        draw_groups(shown, zone)
    with ratios:
        draw_over_time(shown.spared, zone)
    edges, channels = st.columns(ROWS[3], gap="small")
    with edges:
        draw_edges(shown.spared, zone)
    with channels:
        draw_channels(shown.spared, zone)


def draw_chart(shown: Answer, zone: tzinfo) -> None:
    """The chart, and what belongs to it."""
    scale, over = shown.scale, shown.over
    split = "" if len(shown.names) < 2 else f" by {shown.by_words.lower()}"
    note = f"{scale.word} · points of {history.span_words(over.seconds)}, mean"
    with card("bandwidth", f"{shown.flow_words}{split}", note, height="stretch"):
        st.html(legend(shown.legend()))
        alt = f"{shown.flow_words}{split}, {shown.asked.when.words}, in {scale.word}"
        chart(shown.figure(zone), "bandwidth", alt, scale.word)
        frame, columns = shown.series_file()
        offer("series", f"bandwidth {shown.asked.when.words}", frame, columns, period.zone_name(zone))


def draw_numbers(shown: Answer, zone: tzinfo) -> None:
    """The window in numbers, and its markers."""
    against = shown.asked.when.against_words
    with card("numbers", "In numbers", f"against {against}" if against else "", height="stretch"):
        rows = rankings.number_rows(shown.numbers(zone))
        st.html(tables.table("This time in numbers", rankings.NUMBERS, rows))
        length = history.span_words(shown.peaks_over.bucket)
        st.html(fill('<p class="made-of">A peak is the mean of {length}.</p>', length=length))
        list_markers(shown.markers, markers.proposed(shown.asked.only, shown.over.end), zone)


def draw_days(shown: Answer, zone: tzinfo) -> None:
    """What each day brought."""
    days = shown.days
    note = f"{days.scale.word}, days of {period.zone_name(zone)}"
    with card("days", "Every day", note, height="stretch"):
        alt = f"{shown.flow_words} on each day, {shown.asked.when.words}, in {days.scale.word}"
        chart(days.figure(zone), "days", alt, days.scale.word)
        text = "A pale bar is a day of which only a part is in this time or was seen; it holds what is known of it."
        st.html(fill('<p class="made-of">{text}</p>', text=text))
        frame, columns = days.file()
        offer("days", f"bandwidth by day {shown.asked.when.words}", frame, columns, period.zone_name(zone))


def draw_hours(shown: Answer, zone: tzinfo) -> None:
    """The hours of the week."""
    week = shown.week
    days = (week.over.end - week.over.start).days
    note = f"{week.scale.word}, mean of {days} days, {period.zone_name(zone)}"
    with card("hours", "Busiest hours", note, height="stretch"):
        if week.found.empty:
            st.html(empty("calendar_view_week", "Nothing was counted", "Hours appear as soon as they are over."))
            return
        st.html(week.heat())
        frame, columns = week.file()
        offer("week", "busiest hours", frame, columns, period.zone_name(zone))


def draw_groups(shown: Answer, zone: tzinfo) -> None:
    """Who carried it."""
    by = shown.asked.by
    note = f"share of {numbers.volume(shown.total)}"
    with card("groups", f"The most by {shown.by_words.lower()}", note, height="stretch"):
        columns = rankings.group_columns(shown.by_words, "Transferred", shown.asked.when.against_words)
        grown, peaks = questions.renamed(shown.grown, by), questions.renamed(shown.peaks, by)
        st.html(tables.table("The most traffic", columns, rankings.group_rows(grown, peaks, by, zone)))
        frame, named = shown.groups_file()
        offer("groups", f"bandwidth by {shown.by_words}", frame, named, period.zone_name(zone))


draw()
