"""Windows of time and their steps: how fine a question may be answered, and the same window of an earlier time. Pure.

Days, weeks, months and years are those of a time zone: a day of it may have 23 or 25 hours.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from db.rolled import FIVE_MINUTES, HOUR

# Points of one series.
MOST_POINTS = 1_500
# Up to so long five minutes are read; longer windows read hours.
FINE = timedelta(days=14)
# Up to so long five minutes are read where hours do not fit: their zone is not whole hours from UTC.
FINE_ODD = timedelta(days=100)
_DAY = 86_400
STEPS = (
    *(FIVE_MINUTES * factor for factor in (1, 2, 3, 6)),
    *(HOUR * factor for factor in (1, 2, 4, 6, 12)),
    *(_DAY * factor for factor in (1, 2, 7, 28)),
)


class Compared(StrEnum):
    """An earlier window to compare with; `BEFORE` is the one of the same length that ends where this one begins."""

    BEFORE = "before"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Steps:
    """[start, end) in steps of `seconds`, each made of whole buckets of `bucket` seconds; the last may be shorter."""

    start: datetime
    end: datetime
    seconds: int
    bucket: int

    @property
    def points(self) -> int:
        """How many steps."""
        return -int(-(self.end - self.start).total_seconds() // self.seconds)

    @property
    def times(self) -> list[datetime]:
        """When each step begins."""
        return [self.start + timedelta(seconds=self.seconds * number) for number in range(self.points)]

    @property
    def lengths(self) -> list[float]:
        """Seconds of each step."""
        return [min(self.seconds, (self.end - at).total_seconds()) for at in self.times]

    @property
    def level(self) -> str:
        """How the tables end that are read: "5m" or "1h"."""
        return "5m" if self.bucket == FIVE_MINUTES else "1h"


def steps(start: datetime, end: datetime, *, fine_since: datetime | None = None, fine: timedelta = FINE) -> Steps:
    """The steps of a window, at most MOST_POINTS, of five minutes as far back as they are kept and else of hours.

    fine_since: since when five minutes are kept (None: always). The window is widened to whole buckets.
    Raises ValueError where it does not begin before it ends.
    """
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if start >= end:
        raise ValueError("the window does not begin before it ends")
    is_kept = fine_since is None or start >= fine_since
    is_odd = any(at != floor(at, HOUR) for at in (start, end)) and end - start <= FINE_ODD
    bucket = FIVE_MINUTES if is_kept and (end - start <= fine or is_odd) else HOUR
    start, end = floor(start, bucket), ceiling(end, bucket)
    length = (end - start).total_seconds()
    fitting = (each for each in STEPS if each >= bucket and length / each <= MOST_POINTS)
    return Steps(start, end, next(fitting, STEPS[-1]), bucket)


def in_buckets(over: Steps) -> Steps:
    """The same window, a step a bucket."""
    return Steps(over.start, over.end, over.bucket, over.bucket)


def floor(at: datetime, seconds: int) -> datetime:
    """The beginning of the step of `seconds` by the clock (UTC) that `at` is in."""
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, UTC)


def ceiling(at: datetime, seconds: int) -> datetime:
    """The first step of `seconds` by the clock (UTC) that does not begin before `at`."""
    return datetime.fromtimestamp(-(-at.timestamp() // seconds) * seconds, UTC)


def earlier(start: datetime, end: datetime, compared: Compared, zone: tzinfo) -> tuple[datetime, datetime]:
    """The window a day, a week, a month, a year before, at the same times of `zone`'s clocks.

    A day that the earlier month has not is its last one. A time that the clocks left out is the one they went on to.
    """
    if compared is Compared.BEFORE:
        return start - (end - start), start
    before, until = (_moved(at.astimezone(zone).replace(tzinfo=None), compared) for at in (start, end))
    moved, ended = _at(before, zone), _at(until, zone)
    # A window within days that the shorter month has not.
    return moved, ended if ended > moved else moved + (end - start)


def _moved(wall: datetime, compared: Compared) -> datetime:
    if compared is Compared.DAY:
        return wall - timedelta(days=1)
    if compared is Compared.WEEK:
        return wall - timedelta(days=7)
    months = wall.year * 12 + wall.month - 1 - (1 if compared is Compared.MONTH else 12)
    year, month = months // 12, months % 12 + 1
    return wall.replace(year=year, month=month, day=min(wall.day, monthrange(year, month)[1]))


def _at(wall: datetime, zone: tzinfo) -> datetime:
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def days(start: datetime, end: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """The days of `zone` in [start, end), as they begin and end; the first and the last may be cut."""
    midnight = start.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    while (begin := _at(midnight, zone)) < end:
        midnight += timedelta(days=1)
        if _at(midnight, zone) > start:
            yield max(begin, start.astimezone(UTC)), min(_at(midnight, zone), end.astimezone(UTC))


def in_whole_hours(start: datetime, end: datetime, zone: tzinfo) -> bool:
    """Whether the clocks of `zone` are whole hours from UTC in all of the window."""
    middles = (start + timedelta(days=number) for number in range((end - start).days + 1))
    return not any((at.astimezone(zone).utcoffset() or timedelta()).total_seconds() % HOUR for at in (*middles, end))
