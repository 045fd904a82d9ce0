"""What the page of availability reads, cached for all viewers together for a minute. Answers are DataFrames only.

Everything raises cdn.errors.Unavailable while the database is away.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import streamlit as st

import db.airtime
import db.annotations
import db.availability
import db.responses
from cdn.clock import utc_now
from db.asked import Only
from ui.frames import FRESH, engine

TTL, DAYS_TTL = 60.0, 300.0
ENTRIES = 100
Bounds = tuple[datetime, ...]


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def watched(bounds: Bounds) -> pd.DataFrame:
    """See db.availability.watched."""
    return db.availability.watched(engine(), bounds, utc_now())


@st.cache_data(ttl=DAYS_TTL, show_spinner=False, max_entries=ENTRIES)
def watched_days(bounds: Bounds, servers: tuple[int, ...]) -> pd.DataFrame:
    """The same of many days, which change little: asked less often, and of the servers shown alone."""
    return db.availability.watched(engine(), bounds, utc_now(), servers)


@st.cache_data(ttl=DAYS_TTL, show_spinner=False, max_entries=ENTRIES)
def region_days(bounds: Bounds) -> pd.DataFrame:
    """See db.availability.regions."""
    return db.availability.regions(engine(), bounds, utc_now())


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def outages(start: datetime, end: datetime) -> pd.DataFrame:
    """See db.availability.outages."""
    return db.availability.outages(engine(), start, end, utc_now())


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def airtime(bounds: Bounds) -> pd.DataFrame:
    """See db.airtime.airtime."""
    return db.airtime.airtime(engine(), bounds, utc_now())


@st.cache_data(ttl=DAYS_TTL, show_spinner=False, max_entries=ENTRIES)
def airtime_days(bounds: Bounds) -> pd.DataFrame:
    """The same of many days, which change little: asked less often."""
    return db.airtime.airtime(engine(), bounds, utc_now())


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def drop_outs(start: datetime, end: datetime) -> pd.DataFrame:
    """See db.airtime.drop_outs."""
    return db.airtime.drop_outs(engine(), start, end, utc_now())


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def response_times(start: datetime, end: datetime) -> pd.DataFrame:
    """See db.responses.response_times."""
    return db.responses.response_times(engine(), start, end, utc_now())


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=500)
def plan(channel_id: int) -> pd.DataFrame:
    """See db.airtime.plan."""
    return db.airtime.plan(engine(), channel_id)


def uptime(seconds: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """See db.availability.told; pure."""
    return db.availability.told(seconds, by)


def repairs(found: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
    """See db.availability.repairs; pure."""
    return db.availability.repairs(found, start, end)


def by_channel(found: pd.DataFrame) -> pd.DataFrame:
    """See db.airtime.told; pure."""
    return db.airtime.told(found)


def all_channels(found: pd.DataFrame) -> pd.DataFrame:
    """The same of all channels together."""
    return db.airtime.told(found, [])


@st.cache_data(ttl=TTL, show_spinner=False, max_entries=ENTRIES)
def markers(start: datetime, end: datetime) -> pd.DataFrame:
    """All of db.annotations.within."""
    return db.annotations.within(engine(), start, end, Only())
