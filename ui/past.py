"""What pages of the past read, cached for all viewers together for a minute. Answers are DataFrames only.

Windows end on whole buckets, so the same question is the same until the next one is over.
Everything raises cdn.errors.Unavailable while the database is away.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

import db.annotations
import db.audience
import db.history
import db.offload
from cdn.clock import utc_now
from db.asked import By, Flow, Only
from db.rolled import FIVE_MINUTES
from db.steps import FINE, Steps, in_buckets, steps
from ui.frames import engine

TTL = 60.0
ENTRIES = 300
# Series of a chart; what is smaller is drawn together.
SERIES = 5


@st.cache_data(ttl=TTL, show_spinner=False)
def ends() -> pd.DataFrame:
    """One row: `at`, up to when five minutes are rolled up."""
    at = db.history.newest(engine(), utc_now(), FIVE_MINUTES)
    return pd.DataFrame({"at": pd.to_datetime([at], utc=True).astype("datetime64[us, UTC]")})


@st.cache_data(ttl=TTL, show_spinner=False)
def known() -> pd.DataFrame:
    """See db.history.known."""
    return db.history.known(engine())


@st.cache_data(ttl=600.0, show_spinner=False)
def _fine_since(by: str, only: Only) -> pd.DataFrame:
    at = db.history.fine_since(engine(), By(by), only)
    return pd.DataFrame({"at": pd.to_datetime(pd.Series([at]), utc=True).astype("datetime64[us, UTC]")})


def stepped(start: datetime, end: datetime, by: By, only: Only, fine: timedelta = FINE) -> Steps:
    """The steps in which such a question is answered: as fine as is kept and can be drawn; see db.steps.steps."""
    found = _fine_since(by.value, only)["at"].iloc[0]
    return steps(start, end, fine_since=end if pd.isna(found) else found.to_pydatetime(), fine=fine)


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def traffic(over: Steps, flow: str, by: str, only: Only) -> pd.DataFrame:
    """See db.history.traffic."""
    return db.history.traffic(engine(), over, flow=Flow(flow), by=By(by), only=only, most=SERIES)


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def growth(over: Steps, before: Steps | None, flow: str, by: str, only: Only) -> pd.DataFrame:
    """See db.history.growth; `before` is unknown where there is no window to compare with."""

    def totals(window: Steps) -> pd.DataFrame:
        return db.history.totals(engine(), window, flow=Flow(flow), by=By(by), only=only)

    now = totals(over)
    return db.history.growth(now, now.head(0) if before is None else totals(before))


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def peaks(over: Steps, flow: str, by: str, only: Only, ids: tuple[int, ...] | None = None) -> pd.DataFrame:
    """See db.history.peaks."""
    kept = None if ids is None else list(ids)
    return db.history.peaks(engine(), over, flow=Flow(flow), by=By(by), only=only, ids=kept)


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def hours(over: Steps, flow: str, only: Only) -> pd.DataFrame:
    """See db.history.hours."""
    return db.history.hours(engine(), in_buckets(over), flow=Flow(flow), only=only)


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def coverage(over: Steps, only: Only) -> pd.DataFrame:
    """See db.history.coverage."""
    return db.history.coverage(engine(), over, only)


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def offload(over: Steps, only: Only) -> pd.DataFrame:
    """See db.offload.over_time."""
    return db.offload.over_time(engine(), over, only)


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def offload_by_edge(over: Steps, only: Only) -> pd.DataFrame:
    """See db.offload.by_edge."""
    return db.offload.by_edge(engine(), over, only)


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def offload_by_channel(over: Steps, only: Only) -> pd.DataFrame:
    """See db.offload.by_channel."""
    return db.offload.by_channel(engine(), over, only)


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def viewers(over: Steps, by: str, only: Only) -> pd.DataFrame:
    """See db.audience.viewers."""
    return db.audience.viewers(engine(), over, by=By(by), only=only, most=SERIES)


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def ranking(over: Steps, before: Steps | None, by: str, only: Only) -> pd.DataFrame:
    """See db.audience.ranking; `before` is unknown where there is no window to compare with."""
    found = db.audience.ranking(engine(), over, before or over, by=By(by), only=only)
    return found if before is not None else found.assign(before=float("nan"))


@st.cache_data(ttl=10.0, show_spinner=False, max_entries=ENTRIES)
def markers(start: datetime, end: datetime, only: Only) -> pd.DataFrame:
    """See db.annotations.within."""
    return db.annotations.within(engine(), start, end, only)


def marker(id: int) -> pd.DataFrame:
    """See db.annotations.annotation; never cached: a form begins with what is so now."""
    return db.annotations.annotation(engine(), id)
