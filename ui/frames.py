"""What pages read, cached for all viewers together: the only st.cache_data of the program.

A question is asked of the database once in `FRESH` seconds, however many people look. "Now" is no
argument of a cached function, or nothing would ever be found in the cache; `at` is given only where time
stands still, since the last poll of a silent collector. Answers are DataFrames only.
Everything raises cdn.errors.Unavailable while the database is away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st

import db.billing
import db.channels
import db.contracts
import db.engine
import db.fleet
import db.invoice
import db.live
import db.pullers
import db.server
import db.working
from cdn import months
from cdn.clock import utc_now
from cdn.errors import Unavailable
from cdn.settings import settings
from db.engine import Engine

FRESH = 4.0
Draft = db.fleet.Draft
Stored = db.fleet.Stored
Contract = db.contracts.Stored
MonthBill = db.billing.MonthBill
InvoiceCheck = db.invoice.Check


def engine() -> Engine:
    """The engine of this program, for actions. Raises SettingsError without DATABASE_URL."""
    return db.engine.shared()


def stored(name: str) -> Stored | None:
    """See db.fleet.stored; never cached: a form begins with what is so now."""
    return db.fleet.stored(engine(), name)


@st.cache_data(ttl=FRESH, show_spinner=False)
def fleet(at: datetime | None = None) -> pd.DataFrame:
    """See db.live.fleet; at: as it looked then (None: now)."""
    return db.live.fleet(engine(), at or utc_now(), settings().poll_interval)


@st.cache_data(ttl=FRESH, show_spinner=False)
def freshness() -> pd.DataFrame:
    """See db.live.freshness."""
    return db.live.freshness(engine(), utc_now(), settings().poll_interval)


def stands_still_at(fresh: pd.DataFrame) -> datetime | None:
    """The last poll of a collector that is silent, at which time stands still; None while all is new.

    fresh: of `freshness`.
    """
    newest = fresh["newest_at"].iloc[0]
    return newest.to_pydatetime() if fresh["silent"].iloc[0] and not pd.isna(newest) else None


@st.cache_data(ttl=FRESH, show_spinner=False)
def summary(at: datetime | None = None) -> pd.DataFrame:
    """See db.live.summary; at: as it was then (None: now)."""
    return db.live.summary(engine(), at or utc_now(), settings().poll_interval)


@st.cache_data(ttl=FRESH, show_spinner=False)
def traffic(window: str, at: datetime | None = None) -> pd.DataFrame:
    """See db.live.traffic; at: end of the window (None: now)."""
    return db.live.traffic(engine(), at or utc_now(), window)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=500)
def server_history(server_id: int, window: str) -> pd.DataFrame:
    """See db.server.server_history."""
    return db.server.server_history(engine(), utc_now(), server_id, window)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=500)
def server_streams(server_id: int) -> pd.DataFrame:
    """See db.server.server_streams."""
    return db.server.server_streams(engine(), utc_now(), server_id)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=500)
def state_changes(server_id: int) -> pd.DataFrame:
    """See db.server.state_changes."""
    return db.server.state_changes(engine(), utc_now(), server_id)


@st.cache_data(ttl=FRESH, show_spinner=False)
def channels(at: datetime | None = None) -> pd.DataFrame:
    """See db.channels.channels; at: as it looked then (None: now)."""
    return db.channels.channels(engine(), at or utc_now(), settings().poll_interval)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=500)
def copies(channel_id: int, at: datetime | None = None) -> pd.DataFrame:
    """See db.channels.copies; at: as it looked then (None: now)."""
    return db.channels.copies(engine(), at or utc_now(), settings().poll_interval, channel_id)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=500)
def publications(*, channel_id: int | None = None, server_id: int | None = None, hours: int = 24) -> pd.DataFrame:
    """See db.channels.publications; hours: how far back."""
    now = utc_now()
    since = now - timedelta(hours=hours)
    return db.channels.publications(engine(), now, since=since, channel_id=channel_id, server_id=server_id)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=500)
def events(*, channel_id: int | None = None, server_id: int | None = None, hours: int = 24) -> pd.DataFrame:
    """See db.channels.events; hours: how far back."""
    now = utc_now()
    since = now - timedelta(hours=hours)
    return db.channels.events(engine(), now, since=since, channel_id=channel_id, server_id=server_id)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=500)
def readings(server_id: int) -> pd.DataFrame:
    """See db.working.readings."""
    return db.working.readings(engine(), server_id)


@st.cache_data(ttl=FRESH, show_spinner=False, max_entries=500)
def coverage(server_id: int) -> pd.DataFrame:
    """See db.working.coverage."""
    return db.working.coverage(engine(), utc_now(), server_id)


@st.cache_data(ttl=30.0, show_spinner=False)
def audit() -> pd.DataFrame:
    """See db.working.audit. It adds up the fleet's last hour: that is asked less often."""
    return db.working.audit(engine())


@st.cache_data(ttl=FRESH, show_spinner=False)
def collectors() -> pd.DataFrame:
    """See db.working.collectors."""
    return db.working.collectors(engine())


@st.cache_data(ttl=60.0, show_spinner=False)
def sizes() -> pd.DataFrame:
    """See db.working.sizes."""
    return db.working.sizes(engine())


@st.cache_data(ttl=FRESH, show_spinner=False)
def pullers() -> pd.DataFrame:
    """See db.pullers.pullers."""
    return db.pullers.pullers(engine(), utc_now())


@st.cache_data(ttl=FRESH, show_spinner=False)
def contracts() -> list[db.contracts.Stored]:
    """See db.contracts.contracts."""
    return db.contracts.contracts(engine())


@st.cache_data(ttl=60.0, show_spinner=False, max_entries=200)
def bill(contract: db.contracts.Stored, month: str) -> db.billing.MonthBill:
    """See db.billing.month."""
    return db.billing.month(engine(), contract, months.read(month), utc_now())


@st.cache_data(ttl=60.0, show_spinner=False, max_entries=200)
def invoice(contract: db.contracts.Stored, month: str, invoiced_bps: float) -> db.invoice.Check:
    """See db.invoice.check_invoice."""
    return db.invoice.check_invoice(engine(), contract, months.read(month), invoiced_bps)


def bill_choices() -> tuple[list[str], list[str]]:
    """Providers, and names of servers, that a contract can name; never cached."""
    return db.contracts.providers(engine()), db.contracts.servers(engine())


@dataclass(frozen=True, slots=True)
class Seen:
    """Frames by name, when they were read, and why no newer ones could be (None: they are new)."""

    frames: dict[str, pd.DataFrame]
    at: datetime
    trouble: str | None = None


# What was read last for each page, shared by all viewers: shown, marked as old, while the database is away.
_last: dict[str, Seen] = {}
LAST_PAGES = 200


def latest(page: str, read: Callable[[], dict[str, pd.DataFrame]]) -> Seen:
    """What `read` brings; while the database is away, what `page` saw last, and why it is old.

    Never raises Unavailable: `frames` is empty where nothing was ever read.
    """
    moment = utc_now()
    try:
        seen = Seen(read(), moment)
    except Unavailable as error:
        before = _last.get(page)
        return Seen(before.frames if before else {}, before.at if before else moment, str(error))
    _last.pop(page, None)
    _last[page] = seen
    while len(_last) > LAST_PAGES:
        _last.pop(next(iter(_last)))
    return seen


def forget() -> None:
    """Drop everything that was read."""
    st.cache_data.clear()
    _last.clear()
