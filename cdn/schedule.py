"""When a channel is expected on air: what people write, and the times it means in a time zone. Pure.

    (nothing)                                    always
    never                                        never
    06:00-23:00                                  every day
    Mon-Fri 06:00-23:00; Sat,Sun 10:00-02:00     until two o'clock of the next day
    Mon 06:00-10:00,16:00-24:00                  twice a day

Times are those of the clock on the wall. One that a change of the clock skips is the moment of that change; one that
comes twice is the first of both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from cdn.intervals import Interval, clipped, union

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MINUTES_A_DAY = 24 * 60
LONGEST = 500
_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOURS = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")
_WANTED = 'want "Mon-Fri 06:00-23:00; Sat,Sun 10:00-02:00", "never", or nothing for always'


class ScheduleError(ValueError):
    """What was written is no schedule: what was tried, seen and wanted."""


@dataclass(frozen=True, slots=True)
class Span:
    """Expected from `start` to before `end` (minutes since midnight) of `weekday` (0: Monday); more than a day's
    minutes are those of the day after."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """`always` on air, or in `spans`; neither: never."""

    always: bool
    spans: tuple[Span, ...] = ()


ALWAYS, NEVER = Schedule(always=True), Schedule(always=False)


def parse(words: str) -> Schedule:
    """The schedule that `words` mean. Raises ScheduleError."""
    if len(words) > LONGEST:
        raise ScheduleError(f"the schedule has {len(words)} characters, want at most {LONGEST}")
    plain = words.strip()
    if not plain or plain.casefold() == "always":
        return ALWAYS
    if plain.casefold() == "never":
        return NEVER
    parts = [part.strip() for part in plain.split(";")]
    spans = [span for part in parts if part for span in _part(part)]
    if not spans:
        raise ScheduleError(f'"{plain}" names no time: {_WANTED}')
    return Schedule(
        always=False, spans=tuple(sorted(set(spans), key=lambda span: (span.weekday, span.start, span.end)))
    )


def _part(words: str) -> list[Span]:
    """Days, then hours: "Mon-Fri 06:00-10:00,16:00-23:00"; without days every day."""
    first = re.search(r"\d", words)
    if first is None:
        raise ScheduleError(f'"{words}" has no hours: {_WANTED}')
    days = _days(words[: first.start()].strip())
    hours = [_hours(each.strip(), words) for each in words[first.start() :].split(",")]
    return [Span(day, start, end) for day in days for start, end in hours]


def _days(words: str) -> list[int]:
    if words.casefold() in ("", "daily", "every day"):
        return list(range(7))
    found: list[int] = []
    for part in re.split(r"\s*,\s*", words):
        ends = re.split(r"\s*[-–]\s*", part)
        if len(ends) > 2:
            raise ScheduleError(f'"{part}" is no range of days: want one like Mon-Fri')
        first, last = _day(ends[0]), _day(ends[-1])
        found += [day % 7 for day in range(first, last + 1 if last >= first else last + 8)]
    return found


def _day(word: str) -> int:
    plain = word.casefold().rstrip(".")
    for number, name in enumerate(_NAMES):
        if len(plain) >= 3 and name.startswith(plain):
            return number
    raise ScheduleError(f'"{word}" is no day: want one of {", ".join(DAYS)}')


def _hours(words: str, part: str) -> tuple[int, int]:
    found = _HOURS.fullmatch(words)
    if found is None:
        raise ScheduleError(f'"{words}" in "{part}" are no hours: want them like 06:00-23:00')
    hour, minute, to_hour, to_minute = map(int, found.groups())
    start, end = _minutes(hour, minute, words), _minutes(to_hour, to_minute, words)
    if start == MINUTES_A_DAY:
        raise ScheduleError(f'"{words}" begins at 24:00: want 00:00 of the next day')
    if start == end:
        raise ScheduleError(f'"{words}" has no length: want 00:00-24:00 for a whole day')
    return start, end if end > start else end + MINUTES_A_DAY


def _minutes(hour: int, minute: int, words: str) -> int:
    total = hour * 60 + minute
    if minute > 59 or total > MINUTES_A_DAY:
        raise ScheduleError(f'"{words}": there is no {hour:02}:{minute:02} on the clock, want 00:00 to 24:00')
    return total


def expected(schedule: Schedule, zone: tzinfo, start: datetime, end: datetime) -> list[Interval]:
    """The times (in UTC, apart, in order) between `start` and `end` in which the channel is expected on air."""
    if start >= end:
        return []
    if schedule.always:
        return [(start.astimezone(UTC), end.astimezone(UTC))]
    day, last = start.astimezone(zone).date() - timedelta(days=2), end.astimezone(zone).date()
    found: list[Interval] = []
    while day <= last:
        for span in schedule.spans:
            if span.weekday == day.weekday():
                found.append((on_the_wall(day, span.start, zone), on_the_wall(day, span.end, zone)))
        day += timedelta(days=1)
    return union(clipped(found, start.astimezone(UTC), end.astimezone(UTC)))


def on_the_wall(day: date, minutes: int, zone: tzinfo) -> datetime:
    """In UTC: `minutes` after midnight of `day`, as the clock on the wall of `zone` shows it."""
    wall = datetime.combine(day + timedelta(days=minutes // MINUTES_A_DAY), time(), None)
    wall += timedelta(minutes=minutes % MINUTES_A_DAY)
    local = wall.replace(tzinfo=zone)
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    # Skipped: the clock changes between the two readings of it.
    before, after = local.replace(fold=1).astimezone(UTC), moment
    former = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == former:
            before = middle
        else:
            after = middle
    # Clocks change at whole seconds.
    return (
        (before + timedelta(seconds=1)).replace(microsecond=0) if before.microsecond else after.replace(microsecond=0)
    )


def in_words(words: str) -> str:
    """The schedule as a page says it."""
    schedule = parse(words)
    if schedule.always:
        return "always"
    return "never" if not schedule.spans else words.strip()
