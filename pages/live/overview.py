"""Overview: is anything wrong, whom does it touch, and how much is delivered?"""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

import pandas as pd
import streamlit as st

from cdn.clock import utc_now
from cdn.settings import settings
from ui import cards, channels, figures, filters, frames, links, numbers, on_air, overview, tables, theme, verdict
from ui.cards import card
from ui.chart import chart
from ui.headline import Headline, headline, live, since
from ui.html import Html, code, fill
from ui.notices import empty, notice, paragraphs, steps
from ui.status import NEEDS_A_LOOK
from ui.tiles import tiles

PROBLEMS_SHOWN = 6
# So many of them may be channels where there are more servers than that.
CHANNELS_SHOWN = 3
# More rows only where somebody asks for them; on a phone fine servers are folded after the first few.
ROWS, ROWS_ON_PHONE = 50, 10
CHART_HEIGHT = 260
TRAFFIC_LENGTH = timedelta(hours=1)


def draw(every: int | None) -> None:
    """The page; every: seconds between refreshes."""
    now, zone = utc_now(), theme.viewer_zone()
    seen = frames.latest("overview", read)
    if seen.trouble is not None:
        known = bool(seen.frames) and not seen.frames["fleet"].empty
        line, text = verdict.cut_off(seen.trouble, seen.at if known else None, now, zone)
        headline(line, live(seen.frames["freshness"]["newest_at"].iloc[0] if known else None, now, zone, silent=known))
        st.html(notice("bad", "database_off", "The numbers cannot be read", text))
        if known:
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
        line = on_air.with_channels(
            verdict.verdict(fleet, seen.frames["summary"], now, zone), seen.frames["channels"], now, zone
        )
        headline(line, live(newest, now, zone, silent=False))
        numbers_of(seen.frames, now, zone, old=False)


def read() -> dict[str, pd.DataFrame]:
    """What the page shows. While the collector is silent that is the fleet as it was at the last poll."""
    fresh = frames.freshness()
    at = frames.stands_still_at(fresh)
    return {
        "freshness": fresh,
        "fleet": frames.fleet(at),
        "summary": frames.summary(at),
        "traffic": frames.traffic("1h", at),
        "channels": wanting_channels(at),
    }


def wanting_channels(at: datetime | None) -> pd.DataFrame:
    """The channels that need a look, worst first, with `begun`; at: as it looked then (None: now)."""
    found = frames.channels(at)
    return channels.begun(channels.worst_first(found[channels.needs_a_look(found)]))


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
                    (
                        "Add a server",
                        "Give the address of an SRS or NGINX server. We look at it and tell what we found.",
                    ),
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
                "Write them into a file and read it in one go, with “Read from a file” on the fleet page. All faults of"
                " the file are shown together; nothing is half done.",
                fill(
                    "Where DATABASE_URL is set, a command does the same: {command}",
                    command=code("python -m collector import servers.toml"),
                ),
                state,
            )
        )


def numbers_of(seen: dict[str, pd.DataFrame], at: datetime, zone: tzinfo, *, old: bool) -> None:
    """Everything below the headline, as of `at`; old: grey, because nobody knows what is so now."""
    fleet = seen["fleet"]
    as_of = f"as of {numbers.clock(at, zone)}" if old else ""
    with st.container(key="stale" if old else "fresh"):
        st.html(cards.kpis(overview.kpis(seen, at, zone)))
        problems, servers = st.columns([2, 3], gap="small")
        with problems:
            draw_problems(fleet, seen["channels"], at, zone, as_of)
        note = as_of or "Bar = how full · select a server to open it"
        with servers, card("tiles", "Servers", note, height="stretch"):
            st.html(tiles(overview.regions(fleet)))
        draw_traffic(seen["traffic"], at, zone, as_of)
        draw_table(fleet, at, zone, as_of)


def draw_problems(fleet: pd.DataFrame, broken: pd.DataFrame, at: datetime, zone: tzinfo, as_of: str) -> None:
    """What needs a person; broken: the channels that do, see `wanting_channels`."""
    wanting = verdict.needing_a_look(fleet)
    total = len(wanting) + len(broken)
    note = as_of or (f"{total:,}" if total else "none")
    with card("problems", "Needs attention", note, height="stretch"):
        if not total:
            # What was fine then is not called fine now.
            text = "Every server that is polled answers and has room, and no channel stands still."
            then = "Every server that was polled answered and had room, and no channel stood still."
            st.html(empty("task_alt", "No open problems", then if as_of else text, "" if as_of else "ok"))
            return
        servers = wanting.head(PROBLEMS_SHOWN - min(len(broken), CHANNELS_SHOWN))
        first = broken.head(PROBLEMS_SHOWN - len(servers))
        shown = [verdict.problem(row, at, zone) for row in servers.itertuples()]
        shown += [on_air.problem(row, at, zone) for row in first.itertuples()]
        st.html(cards.problems(shown, len(wanting) - len(servers)))
        if len(broken) > len(first):
            words = f"All {numbers.many(len(broken), 'channel')} that need a look"
            st.html(fill('<p class="foot">{link}</p>', link=links.link(links.channels(show=channels.WANTING), words)))


def draw_traffic(traffic: pd.DataFrame, at: datetime, zone: tzinfo, as_of: str) -> None:
    """What was delivered in the last hour, by region."""
    totals = traffic.groupby("at")["delivered_bps"].sum(min_count=1) if len(traffic) else pd.Series(dtype="float64")
    scale = numbers.rate_scale(totals)
    wide = figures.by_region(traffic, "delivered_bps", scale.size, figures.minutes(at, TRAFFIC_LENGTH))
    with card("traffic", "Delivered traffic, last hour", as_of or scale.word):
        if wide.empty:
            if traffic.empty:
                st.html(empty("show_chart", "No traffic counted yet", "The first minute appears when it is over."))
            else:
                st.html(empty("show_chart", "Not counted here", "None of these servers tells how much it sends."))
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


def draw_table(fleet: pd.DataFrame, at: datetime, zone: tzinfo, as_of: str) -> None:
    """All servers, worst first, then busiest."""
    every = st.query_params.get("servers") == "all"
    ordered = verdict.worst_first(fleet)
    shown = ordered if every else ordered.head(ROWS)
    scale = numbers.rate_scale(ordered["egress_bps"])
    rows = [
        tables.Row(
            overview.cells(row, scale, at, zone),
            folded=not every and place >= ROWS_ON_PHONE and row.state not in NEEDS_A_LOOK,
        )
        for place, row in enumerate(shown.itertuples())
    ]
    with card("table", numbers.many(len(fleet), "server"), as_of or "Those that need a look first, then the busiest"):
        st.html(tables.table("All servers", overview.columns(scale), rows))
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


chosen = filters.refresh()
st.fragment(draw, run_every=chosen)(chosen)
