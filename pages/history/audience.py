"""Audience: how many watched, against before, and what most."""

from __future__ import annotations

from datetime import tzinfo

import streamlit as st

from cdn.errors import Unavailable
from pages.parts.markers import list_markers
from ui import audience, history, markers, past, period, questions, rankings, tables, theme
from ui.audience import Answer, Question
from ui.cards import card, legend
from ui.chart import chart
from ui.download import offer
from ui.headline import Headline, headline
from ui.html import fill
from ui.notices import empty, notice
from ui.waiting import waiting

# Of the cards: the share of the width that each takes, row by row.
ROWS = ((5, 2), (1, 1))


def draw() -> None:
    """The page."""
    zone = theme.viewer_zone()
    above = st.container(key="first-lines")
    lines, wait = above.container(), above.empty()
    bar, cards = st.container(horizontal=True, key="asked", gap="small"), st.empty()
    try:
        with waiting(wait, cards, "Reading who watched", ROWS):
            with bar:
                asked = ask(zone)
            shown = audience.answer(asked)
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
    with lines:
        headline(shown.headline(zone))
    with st.container(key="answer"):
        if shown.series.empty:
            nothing()
        else:
            draw_answer(shown, zone)


def ask(zone: tzinfo) -> Question:
    """The question bar."""
    by = st.selectbox("Split by", list(audience.BYS), key="by", bind="query-params", width=150)
    offered = questions.choices(past.known())
    chosen = st.multiselect("Only", list(offered), key="only", bind="query-params", placeholder="All", width=240)
    when = period.choose(past.ends()["at"].iloc[0].to_pydatetime(), zone)
    return Question(audience.BYS[by], questions.only_of(chosen, offered), when)


def nothing() -> None:
    """Nothing is known of this time."""
    with card("nothing", "Audience"):
        text = "Viewers are kept in five minutes and hours from the first poll of a server that counts them on."
        st.html(empty("groups", "Nobody was counted in this time", f"{text} Choose another time."))


def draw_answer(shown: Answer, zone: tzinfo) -> None:
    """The cards, as ROWS says."""
    main, side = st.columns(ROWS[0], gap="small")
    with main:
        draw_chart(shown, zone)
    with side:
        draw_numbers(shown, zone)
    channels, regions = st.columns(ROWS[1], gap="small")
    with channels:
        draw_ranking("channels", "The most watched channels", audience.CHANNEL, shown, zone)
    with regions:
        draw_ranking("regions", "Where they watched", audience.REGION, shown, zone)


def draw_chart(shown: Answer, zone: tzinfo) -> None:
    """Viewers at a time, over the time."""
    over = shown.over
    split = "" if len(shown.names) < 2 else f" by {shown.by_words.lower()}"
    note = f"points of {history.span_words(over.seconds)}, mean"
    with card("audience", f"Viewers at once{split}", note, height="stretch"):
        st.html(legend(shown.legend()))
        chart(shown.figure(zone), "audience", f"Viewers at once{split}, {shown.asked.when.words}", "viewers")
        frame, columns = shown.series_file()
        offer("series", f"audience {shown.asked.when.words}", frame, columns, period.zone_name(zone))


def draw_numbers(shown: Answer, zone: tzinfo) -> None:
    """The window in numbers, and its markers."""
    against = shown.asked.when.against_words
    with card("numbers", "In numbers", f"against {against}" if against else "", height="stretch"):
        rows = rankings.number_rows(shown.numbers(zone))
        st.html(tables.table("This time in numbers", rankings.NUMBERS, rows))
        length = history.span_words(shown.over.bucket)
        text = "Viewer-hours: viewers times the hours they watched. Most at once: the mean of {length}. Viewers of"
        rest = "servers that do not count them are not in it."
        st.html(fill('<p class="made-of">{text} {rest}</p>', text=text.replace("{length}", length), rest=rest))
        list_markers(shown.markers, markers.proposed(shown.asked.only, shown.over.end), zone)


def draw_ranking(key: str, title: str, by: str, shown: Answer, zone: tzinfo) -> None:
    """What was watched most, or where."""
    found = shown.rankings[by]
    with card(key, title, shown.asked.when.words, height="stretch"):
        if found.empty:
            text = "Servers that only deliver files do not tell channels."
            st.html(empty("live_tv", "None was counted in this time", text))
            return
        columns = rankings.audience_columns(by, shown.asked.when.against_words)
        st.html(tables.table(title, columns, rankings.audience_rows(found, audience.BYS[by], zone, audience.ROWS)))
        frame, named = audience.ranking_file(found, by)
        offer(key, f"audience by {by}", frame, named, period.zone_name(zone))


draw()
