"""Months to choose from, and the zone they are of."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo

from cdn import months
from cdn.months import Month

# Five minutes are kept for so long, if nobody says otherwise: a month more than a year.
MOST = 14


def zone(name: str) -> tzinfo:
    """The zone of that name; UTC where this system does not know it any more."""
    try:
        return months.zone_of(name)
    except ValueError:
        return UTC


def offered(now: datetime, own: tzinfo, first: date, last: date | None) -> list[Month]:
    """Months from the day `first` to `last`, the newest first; at most MOST, none of the future."""
    local = now.astimezone(own)
    newest = Month(local.year, local.month)
    if last is not None:
        newest = min(newest, Month(last.year, last.month))
    oldest = Month(first.year, first.month)
    wanted = [newest.shifted(-number) for number in range(MOST)]
    return [each for each in wanted if each >= oldest] or [newest]
