"""Calendar months of a time zone, as the carrier who bills them sees them: bounds in UTC, five-minute intervals.

A month in which clocks change has twelve intervals more or fewer; midnight may be skipped or come twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

INTERVAL = timedelta(minutes=5)
NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
FIRST_YEAR, LAST_YEAR = 2000, 2200
_WRITTEN = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month, of no zone yet. As text it is "2026-11"."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"

    @property
    def words(self) -> str:
        """As people say it: "November 2026"."""
        return f"{NAMES[self.month - 1]} {self.year}"

    @property
    def first_day(self) -> date:
        """Its first day."""
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        """Its last day."""
        return self.shifted(1).first_day - timedelta(days=1)

    def shifted(self, months: int) -> Month:
        """The month so many months later; earlier where `months` is negative."""
        number = self.year * 12 + self.month - 1 + months
        return Month(number // 12, number % 12 + 1)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `end` (not included), in UTC, both on the clock of five minutes."""

    start: datetime
    end: datetime

    @property
    def intervals(self) -> int:
        """How many five minutes."""
        return max(0, (self.end - self.start) // INTERVAL)


def read(text: str) -> Month:
    """The month written as "2026-11". Raises ValueError with what was wanted."""
    found = _WRITTEN.fullmatch(text.strip())
    wanted = Month(int(found[1]), int(found[2])) if found else Month(0, 0)
    if not (FIRST_YEAR <= wanted.year <= LAST_YEAR and 1 <= wanted.month <= 12):
        raise ValueError("want a month like 2026-11")
    return wanted


def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises ValueError with what was wanted."""
    if name not in _zones():
        raise ValueError(f"{name[:60]!r} is no time zone; want one like Europe/Berlin or UTC")
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    # Not every name that a file of the system has is one: "posixrules" and "localtime" differ by machine.
    return frozenset(available_timezones()) - {"localtime", "posixrules", "Factory"}


def zones() -> list[str]:
    """All names that `zone_of` knows."""
    return sorted(_zones())


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """When `day` begins in `zone`, in UTC, on the next five minutes.

    A midnight that clocks skip is the moment they do; of one that comes twice it is the first.
    """
    begins = datetime.combine(day, time(), zone).astimezone(UTC)
    # Offsets of our time are whole quarters of an hour; older ones had odd seconds.
    odd = begins.timestamp() % INTERVAL.total_seconds()
    return begins + timedelta(seconds=INTERVAL.total_seconds() - odd) if odd else begins


def span(month: Month, zone: ZoneInfo) -> Span:
    """`month` as `zone` has it."""
    return Span(day_begins(month.first_day, zone), day_begins(month.shifted(1).first_day, zone))


def within(month: Month, zone: ZoneInfo, first: date, last: date | None) -> Span:
    """The part of `month` from the day `first` to the day `last`, both included; may be empty."""
    whole = span(month, zone)
    start = max(whole.start, day_begins(first, zone))
    end = whole.end if last is None else min(whole.end, day_begins(last + timedelta(days=1), zone))
    return Span(start, max(start, end))


def month_of(at: datetime, zone: ZoneInfo) -> Month:
    """The month that a moment is in."""
    local = at.astimezone(zone)
    return Month(local.year, local.month)
