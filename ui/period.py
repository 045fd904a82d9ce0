"""Which time a page of the past shows, and with which it is compared. The answers live in the URL.

A window ends with what is known last: the last five minutes, or the last hour where it is long.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

import streamlit as st

from db.rolled import FIVE_MINUTES, HOUR
from db.steps import FINE, Compared, earlier
from ui.numbers import MONTHS

WINDOWS: dict[str, timedelta] = {
    "24 hours": timedelta(days=1),
    "7 days": timedelta(days=7),
    "30 days": timedelta(days=30),
    "90 days": timedelta(days=90),
    "1 year": timedelta(days=365),
}
CHOOSE, DEFAULT = "Choose…", "7 days"
LONGEST = timedelta(days=1_827)
COMPARED: dict[str, Compared | None] = {
    "Time before": Compared.BEFORE,
    "Day before": Compared.DAY,
    "Week before": Compared.WEEK,
    "Month before": Compared.MONTH,
    "Year before": Compared.YEAR,
    "Nothing": None,
}


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end) and what it is called; against: the window it is compared with, and its name in a sentence."""

    start: datetime
    end: datetime
    words: str
    against: tuple[datetime, datetime] | None
    against_words: str

    @property
    def is_short(self) -> bool:
        """Whether times within it say the day by themselves."""
        return self.end - self.start <= timedelta(days=1)


def last(bucket: int, ends: datetime, length: timedelta) -> tuple[datetime, datetime]:
    """The window of `length` that ends with the last whole bucket before `ends`."""
    end = datetime.fromtimestamp(ends.timestamp() // bucket * bucket, UTC)
    return end - length, end


def choose(ends: datetime, zone: tzinfo) -> Period:
    """Ask for the time and for what it is compared with. ends: up to when anything is known."""
    asked = st.segmented_control(
        "Time", [*WINDOWS, CHOOSE], default=DEFAULT, required=True, key="time", bind="query-params"
    )
    words = asked or DEFAULT
    if words == CHOOSE:
        today = ends.astimezone(zone).date()
        first, until = _days(today)
        start, end = of_days(first, until, ends, zone)
        said = spoken_days(first, until)
    else:
        length = WINDOWS[words]
        start, end = last(FIVE_MINUTES if length <= FINE else HOUR, ends, length)
        said = f"last {words}"
    against = st.selectbox("Compare with", list(COMPARED), key="compare", bind="query-params", width=160)
    compared = COMPARED[against]
    name = {"24 hours": "the day before", "7 days": "the week before"}.get(words, "the time before")
    if compared is None:
        return Period(start, end, said, None, "")
    if compared is not Compared.BEFORE:
        name = f"the {against.lower()}"
    return Period(start, end, said, earlier(start, end, compared, zone), name)


def _days(today: date) -> tuple[date, date]:
    oldest = today - LONGEST
    first = st.date_input(
        "From", today - timedelta(days=6), min_value=oldest, max_value=today, key="from", bind="query-params", width=140
    )
    until = st.date_input(
        "To, this day too", today, min_value=oldest, max_value=today, key="to", bind="query-params", width=140
    )
    begins, ends = first if isinstance(first, date) else today, until if isinstance(until, date) else today
    return min(begins, ends), max(begins, ends)


def of_days(first: date, until: date, ends: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """From the beginning of `first` to the end of `until`, days of `zone`; not beyond `ends`."""
    start = datetime.combine(first, time(), zone).astimezone(UTC)
    end = datetime.combine(until + timedelta(days=1), time(), zone).astimezone(UTC)
    return start, max(min(end, ends), start + timedelta(seconds=FIVE_MINUTES))


def spoken_days(first: date, until: date) -> str:
    """ "19 Nov 2026", "12 Nov to 19 Nov 2026"."""

    def spoken(day: date, year: bool) -> str:
        return f"{day.day} {MONTHS[day.month - 1]}" + (f" {day.year}" if year else "")

    if first == until:
        return spoken(until, True)
    return f"{spoken(first, first.year != until.year)} to {spoken(until, True)}"


def zone_name(zone: tzinfo) -> str:
    """The name of a zone, as files and questions say it."""
    return str(getattr(zone, "key", "UTC"))
