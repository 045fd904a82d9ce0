"""Overview: is anything wrong, whom does it touch, and how much is delivered?"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

import pandas as pd
import streamlit as st

from cdn.clock import utc_now
from cdn.health import State
from cdn.model import Role
from cdn.settings import settings
from ui import cards, figures, filters, frames, links, numbers, tables, theme, verdict
from ui.cards import card
from ui.chart import chart
from ui.headline import Headline, headline, live, since
from ui.html import Html, code, fill
from ui.notices import empty, notice, paragraphs, steps
from ui.status import LOOKS, NEEDS_A_LOOK, chip
from ui.tiles import Region, Tile, tiles

PROBLEMS_SHOWN = 6
# More rows only where somebody asks for them; on a phone fine servers are folded after the first few.
ROWS, ROWS_ON_PHONE = 50, 10
CHART_HEIGHT = 260
COUNTED = (State.FINE, State.NEARLY_FULL)


def draw(every: int | None) -> None:
    """The page; every: seconds between refreshes."""
    now, zone = utc_now(), theme.viewer_zone()
    seen = frames.latest(
        "overview",
        {
            "fleet": frames.fleet,
            "freshness": frames.freshness,
            "summary": frames.summary,
            "traffic": lambda: frames.traffic("1h"),
        },
    )
    if seen.trouble is not None:
        line, text = verdict.cut_off(seen.trouble, seen.at if seen.frames else None, now, zone)
        headline(line, live(seen.at if seen.frames else None, now, zone, silent=bool(seen.frames)))
        st.html(notice("bad", "database_off", "The numbers cannot be read", text))
        if seen.frames:
            numbers_of(seen.frames, seen.at, zone, old=True)
        return
    fleet, fresh = seen.frames["fleet"], seen.frames["freshness"]
    newest = fresh["newest_at"].iloc[0]
    if fleet.empty:
        first_run(fresh, now, zone)
    elif fresh["silent"].iloc[0]:
        line, text = verdict.blind(fresh, now, zone)
        headline(line, live(newest, now, zone, silent=True))
        st.html(notice("bad", "sensors_off", "The collector is silent", text))
        numbers_of(seen.frames, now if numbers.missing(newest) else newest.to_pydatetime(), zone, old=True)
    else:
        line = verdict.verdict(fleet, seen.frames["summary"], now, zone)
        headline(line, live(newest, now, zone, silent=False))
        numbers_of(seen.frames, now, zone, old=False)


def first_run(fresh: pd.DataFrame, now: datetime, zone: tzinfo) -> None:
    """Nothing to watch yet: how to begin."""
    interval = f"{settings().poll_interval:g}"
    below = fill("Add the first one; its numbers appear here within {interval} seconds.", interval=interval)
    headline(Headline("planned", fill("No servers yet"), below))
    start, file = st.columns([3, 2], gap="small")
    with start, card("start", "Start here", height="stretch"):
        st.html(
            steps(
                [
                    ("Add a server", "Give the address of an SRS or NGINX server. We look at it and tell what we found."),
                    ("Test the connection", "Where something is in the way, you read what, and what to do."),
                    ("Watch", "Keep this page open, on a desk or on a phone. It refreshes itself."),
                ]
            )
        )
        st.html(links.link(links.FLEET, "Add the first server", "btn primary"))
    with file, card("import", "Many servers at once?", height="stretch"):
        row = fresh.iloc[0]
        if row["collectors_alive"]:
            state = fill(
                "The collector is running and waits for its first server. It was started {age} ago.",
                age=since(row["collector_started_at"], now, zone),
            )
        else:
            state = fill("No collector is running yet. Start one with {start}.", start=code("python -m collector"))
        st.html(
            paragraphs(
                "Write them into a file and read it in one go. All faults of the file are shown together; nothing is half done.",
                code("python -m collector import servers.toml"),
                state,
            )
        )


def numbers_of(seen: dict[str, pd.DataFrame], at: datetime, zone: tzinfo, *, old: bool) -> None:
    """Everything below the headline, as of `at`; old: grey, because nobody knows what is so now."""
    fleet = seen["fleet"]
    as_of = f"as of {numbers.clock(at, zone)}" if old else ""
    with st.container(key="stale" if old else "fresh"):
        st.html(cards.kpis(kpis(seen, at, zone)))
        problems, servers = st.columns([2, 3], gap="small")
        with problems:
            draw_problems(fleet, at, zone, as_of)
        with servers, card("tiles", "Servers", as_of or "Bar = how full · select a server to open it", height="stretch"):
            st.html(tiles(regions(fleet)))
        draw_traffic(seen["traffic"], zone, as_of)
        draw_table(fleet, at, zone, as_of)


def kpis(seen: dict[str, pd.DataFrame], at: datetime, zone: tzinfo) -> list[cards.Kpi]:
    """The four numbers, each against an hour ago."""
    current, before = seen["summary"].loc["now"], seen["summary"].loc["hour_ago"]
    then = numbers.clock(at - timedelta(hours=1), zone)
    course = (
        seen["traffic"].groupby("at")[["egress_bps", "viewers", "servers_up"]].sum(min_count=1)
        if len(seen["traffic"])
        else pd.DataFrame(columns=["egress_bps", "viewers", "servers_up"])
    )
    fleet = seen["fleet"]
    counted = fleet[fleet["state"].isin(COUNTED) & (fleet["role"] == Role.EDGE)]
    scale = numbers.rate_scale([current["egress_bps"]])
    delivered = numbers.in_scale(current["egress_bps"], scale)
    return [
        cards.Kpi(
            "Delivered now",
            delivered,
            "" if delivered == numbers.DASH else scale.word,
            cards.change_in_percent(current["egress_bps"], before["egress_bps"], then),
            made_of(counted, "egress_bps", "reports no traffic", "report no traffic"),
            list(course["egress_bps"]),
        ),
        cards.Kpi(
            "Viewers",
            numbers.count(current["viewers"]),
            "",
            cards.change_in_percent(current["viewers"], before["viewers"], then),
            made_of(counted, "viewers", "does not count them", "do not count them"),
            list(course["viewers"]),
        ),
        cards.Kpi(
            "Streams on air",
            numbers.count(current["streams_on_air"]),
            "",
            cards.change_in_count(current["streams_on_air"], before["streams_on_air"], then),
            "each counted once",
        ),
        cards.Kpi(
            "Servers up",
            numbers.count(current["servers_up"]),
            f"of {numbers.count(current['servers_total'])}",
            cards.change_in_count(current["servers_up"], before["servers_up"], then),
            missing_servers(fleet),
            list(course["servers_up"]),
        ),
    ]


def made_of(counted: pd.DataFrame, column: str, lacks_one: str, lacks_more: str) -> str:
    """What a sum over the edges is made of: "sum of 15 edges; 3 report no traffic"."""
    lacking = int(counted[column].isna().sum())
    summed = len(counted) - lacking
    said = f"sum of {numbers.many(summed, 'edge')}" if summed else "no edge tells it"
    return f"{said}; {lacking} {lacks_one if lacking == 1 else lacks_more}" if lacking and summed else said


def missing_servers(fleet: pd.DataFrame) -> str:
    """What the others do: "1 down, 2 no data"."""
    states = fleet["state"].value_counts()
    said = [
        f"{states[state]:,} {LOOKS[state].word.lower()}"
        for state in (State.DOWN, State.NO_DATA, State.WAITING, State.PAUSED)
        if state in states
    ]
    return ", ".join(said) or "all answer"


def draw_problems(fleet: pd.DataFrame, at: datetime, zone: tzinfo, as_of: str) -> None:
    """What needs a person."""
    wanting = verdict.needing_a_look(fleet)
    with card("problems", "Needs attention", as_of or (f"{len(wanting):,}" if len(wanting) else "none"), height="stretch"):
        if wanting.empty:
            st.html(empty("task_alt", "No open problems", "Every server that is polled answers and has room.", "ok"))
            return
        shown = [verdict.problem(row, at, zone) for row in wanting.head(PROBLEMS_SHOWN).itertuples()]
        st.html(cards.problems(shown, len(wanting) - len(shown)))


def regions(fleet: pd.DataFrame) -> list[Region]:
    """The edges by region, busiest region first; origins are a row of their own."""
    place = fleet["region"].where(fleet["role"] == Role.EDGE, "Origins").replace("", "No region")
    rows = []
    for name, group in fleet.groupby(place, sort=False):
        up = group["state"].isin(COUNTED)
        sent = group.loc[up, "egress_bps"].sum(min_count=1)
        note = f"{up.sum():,} of {len(group):,} up" + ("" if numbers.missing(sent) else f" · {numbers.rate(sent)}")
        row = Region(
            str(name), note, [Tile(each.name, each.state, each.fullness) for each in group.sort_values("name").itertuples()]
        )
        rows.append((name == "Origins", -(0.0 if numbers.missing(sent) else float(sent)), str(name), row))
    return [row for *_, row in sorted(rows, key=lambda each: each[:3])]


def draw_traffic(traffic: pd.DataFrame, zone: tzinfo, as_of: str) -> None:
    """What the edges delivered in the last hour, by region."""
    totals = traffic.groupby("at")["egress_bps"].sum(min_count=1) if len(traffic) else pd.Series(dtype="float64")
    scale = numbers.rate_scale(totals)
    wide = figures.by_region(traffic, "egress_bps", scale.size)
    with card("traffic", "Delivered traffic, last hour", as_of or scale.word):
        if wide.empty:
            st.html(empty("show_chart", "No traffic counted yet", "The first minute appears when it is over."))
            return
        last = wide.iloc[-1]
        st.html(
            cards.legend(
                (figures.role(place), str(name) or "No region", numbers.in_scale(last[name], numbers.Scale("", 1.0)))
                for place, name in enumerate(wide.columns)
            )
        )
        peak = numbers.rate(totals.max())
        chart(
            figures.stacked_area(wide, zone, CHART_HEIGHT),
            "traffic",
            f"Delivered traffic of the last hour by region, in {scale.word}: highest {peak}, "
            f"last {numbers.rate(totals.iloc[-1])}.",
            scale.word,
        )


COLUMNS = (
    tables.Column("Server"),
    tables.Column("State"),
    tables.Column("Role"),
    tables.Column("Region"),
    tables.Column("Sent", number=True),
    tables.Column("Viewers", number=True),
    tables.Column("Streams", number=True),
    tables.Column("Response", number=True),
    tables.Column("Last answer", number=True),
)


def draw_table(fleet: pd.DataFrame, at: datetime, zone: tzinfo, as_of: str) -> None:
    """All servers, worst first, then busiest."""
    every = st.query_params.get("servers") == "all"
    ordered = verdict.worst_first(fleet)
    shown = ordered if every else ordered.head(ROWS)
    scale = numbers.rate_scale(ordered["egress_bps"])
    columns = [
        tables.Column(f"{column.heading}, {scale.word}", number=True) if column.heading == "Sent" else column
        for column in COLUMNS
    ]
    rows = [
        tables.Row(
            table_cells(row, scale, at, zone),
            folded=not every and place >= ROWS_ON_PHONE and row.state not in NEEDS_A_LOOK,
        )
        for place, row in enumerate(shown.itertuples())
    ]
    with card("table", numbers.many(len(fleet), "server"), as_of or "Those that need a look first, then the busiest"):
        st.html(tables.table("All servers", columns, rows))
        if every or len(ordered) > ROWS_ON_PHONE:
            st.html(more_rows(len(ordered), every))


def more_rows(total: int, every: bool) -> Html:
    """The link under the table to all of it, and back. Other answers in the URL stay."""
    query = {name: value for name, value in st.query_params.items() if name != "servers"}
    if every:
        return fill('<p class="foot">{link}</p>', link=links.link(links.overview(**query), "Only the first"))
    return fill(
        '<p class="foot {classes}">{link}</p>',
        classes="" if total > ROWS else "only-p",
        link=links.link(links.overview(**query, servers="all"), f"All {numbers.many(total, 'server')}"),
    )


def table_cells(row: object, scale: numbers.Scale, at: datetime, zone: tzinfo) -> list[object]:
    """One server as cells. Numbers of a server that does not answer are old: a dash, with the last one as its title."""
    counted = row.state in COUNTED
    seen_at = f" at {numbers.when(row.good_at, at, zone)}" if not numbers.missing(row.good_at) else ""

    def cell(text: str, value: object) -> Html:
        if numbers.missing(value):
            return tables.unknown("not counted here")
        return fill("{text}", text=text) if counted else tables.unknown(f"last {text}{seen_at}")

    return [
        links.link(links.server(row.name), row.name),
        chip(LOOKS[row.state]),
        row.role.capitalize(),
        row.region or tables.unknown("no region set"),
        cell(numbers.in_scale(row.egress_bps, scale), row.egress_bps),
        cell(numbers.count(row.viewers), row.viewers),
        cell(numbers.count(row.live_streams), row.live_streams),
        cell(numbers.duration(row.response_seconds), row.response_seconds),
        fill("{age} ago", age=since(row.good_at, at, zone)) if seen_at else tables.unknown("never answered"),
    ]


with st.container(key="refresh-corner"):
    chosen = filters.refresh()
st.fragment(draw, run_every=chosen)(chosen)
