"""System: is the monitor itself fine, do its figures add up, what does it keep?"""

from __future__ import annotations

from datetime import datetime, tzinfo

import streamlit as st

from cdn.clock import utc_now
from cdn.settings import settings
from ui import audit, cards, filters, frames, numbers, system, tables, theme, verdict
from ui.cards import card
from ui.headline import headline, live
from ui.html import fill
from ui.notices import empty, notice


def draw() -> None:
    """The page."""
    now, zone = utc_now(), theme.viewer_zone()
    seen = frames.latest(
        "system",
        lambda: {
            "collectors": frames.collectors(),
            "audit": frames.audit(),
            "sizes": frames.sizes(),
            "freshness": frames.freshness(),
        },
    )
    if not seen.frames:
        line, text = verdict.cut_off(seen.trouble or "", None, now, zone)
        headline(line, live(None, now, zone, silent=False))
        st.html(notice("bad", "database_off", "How the monitor does cannot be read", text))
        return
    read = seen.frames
    monitor = system.Monitor(read["collectors"], read["freshness"], read["sizes"], audit.audited(read["audit"]))
    fresh = read["freshness"]
    old = seen.trouble is not None or bool(fresh["silent"].iloc[0])
    line = system.headline(monitor, now, zone)
    if seen.trouble is not None:
        line, text = verdict.cut_off(seen.trouble, seen.at, now, zone)
    headline(line, live(fresh["newest_at"].iloc[0], now, zone, silent=old))
    if seen.trouble is not None:
        st.html(notice("bad", "database_off", "The database does not answer: the numbers below are old", text))
    elif old and int(fresh["servers"].iloc[0]):
        _, text = verdict.blind(fresh, now, zone)
        st.html(notice("bad", "sensors_off", "The collector is silent", text))
    with st.container(key="stale" if seen.trouble is not None else "fresh"):
        st.html(cards.kpis(system.kpis(monitor, settings().retain_samples_days, now, zone)))
        draw_audit(monitor.audit, now, zone)
        left, right = st.columns([3, 2], gap="small")
        with left:
            draw_collectors(monitor, now, zone)
        with right:
            draw_sizes(monitor)


def draw_audit(found: audit.Audit, now: datetime, zone: tzinfo) -> None:
    """Whether everything that was stored is what the counters grew."""
    with card("audit", "Do the figures add up?", "every increase stored in the last hour against the raw counters"):
        sentence = audit.audit_sentence(found, now, zone)
        if not found.servers:
            st.html(empty("rule", "Not audited yet", sentence))
        elif found.wrong.empty:
            st.html(notice("ok", "check_circle", sentence, "No byte is counted twice, and none is left out."))
        else:
            more = len(found.wrong) - audit.ROWS
            st.html(
                notice("bad", "error", sentence, "These do not; the difference is what was stored less what it grew.")
            )
            rows = audit.wrong_rows(found, now, zone)
            st.html(tables.table("Counters that do not add up", audit.WRONG_COLUMNS, rows))
            if more > 0:
                st.html(fill('<p class="note">and {more} more</p>', more=numbers.many(more, "counter")))
        if missed := audit.not_audited(found):
            st.html(fill('<p class="foot">{missed}</p>', missed=missed))


def draw_collectors(monitor: system.Monitor, now: datetime, zone: tzinfo) -> None:
    """The collectors, those at work first."""
    with card("collectors", "Collectors", "share the servers between them", height="stretch"):
        if monitor.collectors.empty:
            st.html(empty("sensors_off", "No collector ever ran", "Start one with python -m collector."))
            return
        rows = system.collector_rows(monitor.collectors, now, zone)
        st.html(tables.table("Collectors", system.COLLECTOR_COLUMNS, rows))


def draw_sizes(monitor: system.Monitor) -> None:
    """What the database holds."""
    with card("sizes", "What is kept", "size on disk, indexes included", height="stretch"):
        st.html(tables.table("What is kept", system.SIZE_COLUMNS, system.size_rows(monitor.sizes, settings())))


chosen = filters.refresh()
st.fragment(draw, run_every=chosen)()
