"""Availability: were servers up and channels on air when they should have been, and what went wrong?"""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cdn import months
from cdn.clock import utc_now
from cdn.months import Month
from ui import availability as shown
from ui import (
    availability_days,
    cards,
    download,
    figures,
    frames,
    history_figures,
    links,
    months_shown,
    numbers,
    strips,
    tables,
    theme,
    verdict,
    watched,
)
from ui import availability_rows as rows_of
from ui.availability_days import DAYS
from ui.cards import card
from ui.chart import chart
from ui.headline import Headline, headline
from ui.html import fill
from ui.notices import empty, notice
from ui.period import zone_name

# Rows as long as nobody asks for more, and then; on a phone the first few.
ROWS, EVERY, ROWS_ON_PHONE = 50, 200, 8
HIGH = 210
_OLDEST = date(2000, 1, 1)


class Asked(NamedTuple):
    """What the page is asked: a month of a zone, of what; the 90 days that end with it."""

    month: Month
    of: str
    start: datetime
    end: datetime
    first_day: date
    days: tuple[datetime, ...]
    before: tuple[datetime, datetime]
    rows: int


def draw() -> None:
    """The page."""
    now, zone = utc_now(), theme.viewer_zone()
    above = st.container()
    asked = ask(now, zone)
    seen = frames.latest(f"availability {asked.month} {asked.of} {zone} {asked.rows}", lambda: read(asked))
    if not seen.frames:
        line, text = verdict.cut_off(seen.trouble or "", None, now, zone)
        with above:
            headline(Headline(line.tone, line.title, fill("Load the page again in a moment.")))
        st.html(notice("bad", "database_off", "Availability cannot be read", text))
        return
    with above:
        if seen.trouble is not None:
            line, text = verdict.cut_off(seen.trouble, seen.at, now, zone)
            headline(Headline(line.tone, line.title, fill("Load the page again in a moment.")))
            st.html(notice("bad", "database_off", "The database does not answer: what is below is old", text))
    at = seen.at if seen.trouble is not None else now
    with st.container(key="stale" if seen.trouble else "shown"):
        if asked.of == shown.CHANNELS:
            draw_channels(asked, seen.frames, at, zone, above if seen.trouble is None else None)
        else:
            draw_servers(asked, seen.frames, at, zone, above if seen.trouble is None else None)


def ask(now: datetime, zone: tzinfo) -> Asked:
    """The questions of the page."""
    offered = {each.words: each for each in months_shown.offered(now, zone, _OLDEST, None)}
    with st.container(horizontal=True, key="filters"):
        of = st.segmented_control(
            "Of what",
            shown.VIEWS,
            default=shown.SERVERS,
            required=True,
            key="of",
            bind="query-params",
            label_visibility="collapsed",
        )
        words = st.selectbox(
            "Month", list(offered), key="month", bind="query-params", label_visibility="collapsed", width=200
        )
    month = offered[words]
    own: Any = zone if hasattr(zone, "key") else months.zone_of("UTC")
    whole, former = months.span(month, own), months.span(month.shifted(-1), own)
    last = min(month.last_day, now.astimezone(zone).date())
    first = last - timedelta(days=DAYS - 1)
    rows = EVERY if every() else ROWS
    days = availability_days.bounds(first, DAYS, own)
    return Asked(month, of or shown.SERVERS, whole.start, whole.end, first, days, (former.start, former.end), rows)


def read(asked: Asked) -> dict[str, pd.DataFrame]:
    """What the page shows."""
    if asked.of == shown.CHANNELS:
        return {
            "month": watched.airtime((asked.start, asked.end)),
            "days": watched.airtime_days(asked.days),
            "drop_outs": watched.drop_outs(asked.start, asked.end),
            "before": watched.drop_outs(*asked.before),
        }
    month = watched.watched((asked.start, asked.end))
    if asked.of == shown.REGIONS:
        days = watched.region_days(asked.days)
    else:
        worst = availability_days.worst(watched.uptime(month, ["server_id", "server"]), "server", asked.rows)
        days = watched.watched_days(asked.days, tuple(worst["server_id"].tolist())) if len(worst) else month
    return {
        "month": month,
        "days": days,
        "outages": watched.outages(asked.start, asked.end),
        "before": watched.outages(*asked.before),
        "responses": watched.response_times(asked.start, asked.end),
        "responses_before": watched.response_times(*asked.before),
        "markers": watched.markers(asked.start, asked.end),
    }


def draw_servers(asked: Asked, seen: dict[str, pd.DataFrame], at: datetime, zone: tzinfo, above: Any) -> None:
    """Servers, or regions: figures, days, outages, response times."""
    month, outages = seen["month"], seen["outages"]
    if month.empty:
        nothing(above, "No server was watched then", "Add a server, and its history begins.")
        return
    total: Any = next(watched.uptime(month).itertuples())
    if above is not None:
        with above:
            headline(shown.headline(total, shown.month_words(asked.month, at, zone)))
    gone: Any = next(watched.repairs(outages, asked.start, asked.end).itertuples())
    before: Any = next(watched.repairs(seen["before"], *asked.before).itertuples())
    former = months.NAMES[asked.month.shifted(-1).month - 1]
    st.html(cards.kpis(shown.kpis(total, gone, before, outages, former, at, zone)))
    by = "server" if asked.of == shown.SERVERS else "region"
    sums = watched.uptime(month, [by])
    days = watched.uptime(seen["days"], [by, "part"])
    worst = availability_days.worst(sums, by, asked.rows)
    lines = list(availability_days.server_strips(days, worst, outages, by, DAYS))
    with draw_days(asked, lines, len(sums), strips.SERVERS, at, zone):
        download.offer("uptime", f"{asked.of}-{asked.month}", sums, rows_of.uptime_columns(by), zone_name(zone))
    listed, answered = st.columns([3, 2], gap="small")
    with listed, card("outages", f"Outages of {asked.month.words}", "newest first", height="stretch"):
        draw_outages(asked, outages, at, zone)
    with answered:
        draw_responses(asked, seen, zone)


def draw_days(
    asked: Asked,
    lines: list[tuple[strips.Strip, list[strips.Day]]],
    count: int,
    words: strips.Words,
    at: datetime,
    zone: tzinfo,
) -> DeltaGenerator:
    """A box a day of the worst of so many; returns the card."""
    last, today = asked.first_day + timedelta(days=DAYS - 1), at.astimezone(zone).date()
    title = f"The last {DAYS} days" if last == today else f"The {DAYS} days to {strips.spoken(last)}"
    framed = card("days", title, f"a box is a day · % of {shown.month_words(asked.month, at, zone)} · worst first")
    with framed:
        st.html(strips.strips((line for line, _ in lines), asked.first_day, words, on_phone()))
        st.html(strips.axis(asked.first_day, last, today))
        st.html(strips.legend(words, {day for _, days in lines for day in days}))
        if count > len(lines):
            more = f"These are the worst {len(lines):,} of {count:,}: the download has all."
            st.html(fill('<p class="note">{more}</p>', more=more))
        offer_more(asked, count, asked.of.lower())
    return framed


def every() -> bool:
    """Whether somebody asked for more rows."""
    return st.query_params.get("all") == "yes"


def on_phone() -> int:
    """So many rows are shown on a phone."""
    return EVERY if every() else ROWS_ON_PHONE


def offer_more(asked: Asked, count: int, what: str) -> None:
    """A link to more rows, where some are folded."""
    if every() or count <= ROWS_ON_PHONE:
        return
    link = links.link(
        links.availability(of=asked.of, month=asked.month.words, all="yes"), f"Show up to {min(count, EVERY):,} {what}"
    )
    st.html(fill('<p class="foot {classes}">{link}</p>', classes="" if count > ROWS else "only-p", link=link))


def draw_outages(asked: Asked, outages: pd.DataFrame, at: datetime, zone: tzinfo) -> None:
    """The list of outages."""
    if outages.empty:
        st.html(empty("check_circle", "No outage", "Every server answered whenever somebody looked.", "ok"))
        return
    rows = rows_of.outage_rows(outages.head(asked.rows), at, zone, on_phone())
    st.html(tables.table(f"Outages of {asked.month.words}", rows_of.OUTAGES, rows))
    offer_more(asked, len(outages), "outages; the download has all")
    download.offer("outages", f"outages-{asked.month}", outages, rows_of.OUTAGES_FILE, zone_name(zone))


def draw_responses(asked: Asked, seen: dict[str, pd.DataFrame], zone: tzinfo) -> None:
    """How fast servers answered, beside the month before, with the markers of the month."""
    responses = seen["responses"]
    note = f"ms, mean of all answers · {points(responses)}"
    with card("responses", "Response time, all servers", note, height="stretch"):
        if responses.empty or responses["mean"].isna().all():
            st.html(empty("timer_off", "No answer was timed", "Nobody asked any server then."))
            return
        drawn = rows_of.beside(responses, seen["responses_before"], asked.start - asked.before[0])
        longest = responses.iloc[int(responses["longest"].argmax())]
        told = f"{numbers.duration(longest['longest'])}, {numbers.exact(longest['at'], zone)}"
        legend = [("s0", "Mean, of the month", rows_of.mean_response(responses))]
        lines = [figures.Line("mean", "Mean")]
        if drawn["before"].notna().any():
            legend.append(("s1", "The month before", rows_of.mean_response(seen["responses_before"])))
            lines.append(figures.Line("before", "The month before", dotted=True))
        st.html(cards.legend([*legend, ("none", "Longest answer", told)]))
        figure = figures.lines(drawn.assign(up_ratio=1.0), lines, 0.001, zone, HIGH)
        history_figures.add_markers(figure, seen["markers"], asked.start, asked.end, zone)
        chart(figure, "responses", f"Response time of all servers in {asked.month.words}", "ms")
        download.offer("responses", f"response-times-{asked.month}", drawn, rows_of.RESPONSES_FILE, zone_name(zone))


def points(responses: pd.DataFrame) -> str:
    """How long a point of the chart is."""
    if len(responses) < 2:
        return "one point"
    seconds = (responses["at"].iloc[1] - responses["at"].iloc[0]).total_seconds()
    return {300: "points of 5 minutes", 3_600: "points of an hour"}.get(
        int(seconds), f"points of {numbers.age(seconds)}"
    )


def draw_channels(asked: Asked, seen: dict[str, pd.DataFrame], at: datetime, zone: tzinfo, above: Any) -> None:
    """Channels: figures, days, drop-outs."""
    if seen["month"].empty:
        nothing(above, "No channel was known then", "As soon as somebody publishes to an origin, its history begins.")
        return
    month = watched.by_channel(seen["month"])
    total: Any = next(watched.all_channels(seen["month"]).itertuples())
    if above is not None:
        with above:
            headline(shown.channels_headline(total, month, shown.month_words(asked.month, at, zone)))
    drops = seen["drop_outs"]
    former = months.NAMES[asked.month.shifted(-1).month - 1]
    st.html(cards.kpis(shown.channel_kpis(total, drops, seen["before"], former, at, zone)))
    worst = availability_days.worst_channels(month, asked.rows)
    lines = list(availability_days.channel_strips(seen["days"], worst, drops, DAYS))
    with draw_days(asked, lines, len(month), strips.CHANNELS, at, zone):
        download.offer("airtime", f"channels-{asked.month}", month, rows_of.AIRTIME_FILE, zone_name(zone))
    with card("drop-outs", f"Drop-outs of {asked.month.words}", "while on air was expected · newest first"):
        if drops.empty:
            st.html(empty("check_circle", "No drop-out", "Every channel was on air whenever it was expected.", "ok"))
            return
        rows = rows_of.drop_rows(drops.head(asked.rows), at, zone, on_phone())
        st.html(tables.table(f"Drop-outs of {asked.month.words}", rows_of.DROP_OUTS, rows))
        offer_more(asked, len(drops), "drop-outs; the download has all")
        download.offer("drop-outs", f"drop-outs-{asked.month}", drops, rows_of.DROP_OUTS_FILE, zone_name(zone))


def nothing(above: Any, title: str, text: str) -> None:
    """Nothing to judge: say why."""
    if above is not None:
        with above:
            headline(Headline("planned", fill("{title}", title=title)))
    with card("nothing", "Availability"):
        st.html(empty("event_busy", title, text))


draw()
