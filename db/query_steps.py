"""Windows of /metrics/query and their steps, and which level of rows may answer them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from db.quantities import Quantity, Source
from db.query_sql import SECONDS, Level
from db.rolled import HOUR
from db.steps import FINE, MOST_POINTS

# Values of all series of an answer.
MOST_VALUES = 150_000
STEPS: dict[str, int] = {
    "15s": 15,
    "30s": 30,
    "1m": 60,
    "2m": 120,
    "5m": 300,
    "10m": 600,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "4h": 14_400,
    "12h": 43_200,
    "1d": 86_400,
    "7d": 604_800,
}
WINDOWS: dict[str, timedelta] = {
    **{f"{minutes}m": timedelta(minutes=minutes) for minutes in (15, 30)},
    **{f"{hours}h": timedelta(hours=hours) for hours in (1, 3, 6, 12, 24)},
    **{f"{days}d": timedelta(days=days) for days in (2, 3, 5, 7, 8, 14, 30, 60, 90, 180, 365, 730, 1_825)},
}
LONGEST = timedelta(days=1_830)
FINEST = {Source.MINUTES: 60, Source.POLLS: 15}
# Up to so long polls and minutes answer.
LONGEST_RAW = timedelta(days=14)
# A Monday: steps of a week begin on one.
_EPOCH = datetime(2000, 1, 3, tzinfo=UTC)
# A step of unasked fineness has about so many points.
_USUAL_POINTS = 300


class WrongStep(Exception):
    """The step does not go with the window or the source; the message says what would."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A time that is asked about: `length` up to `until`, or from `since`. step: its seconds, None: as is useful."""

    length: timedelta
    until: datetime
    step: int | None = None
    since: datetime | None = None

    @property
    def start(self) -> datetime:
        """From when, about."""
        return self.until - self.length if self.since is None else self.since


@dataclass(frozen=True, slots=True)
class Span:
    """Steps of `step` seconds from `start`, whole ones on the clock, up to `end` (not included), out of `level`."""

    start: datetime
    end: datetime
    step: int
    level: Level

    @property
    def points(self) -> int:
        """How many steps."""
        return round((self.end - self.start).total_seconds() / self.step)

    @property
    def times(self) -> list[datetime]:
        """When each step begins."""
        return [self.start + timedelta(seconds=self.step * number) for number in range(self.points)]


def finest(quantity: Quantity) -> Level:
    """The finest rows in which it is."""
    return Level.MINUTES if quantity.is_narrow else Level.POLLS


def span(quantity: Quantity, wanted: Wanted, series: int, level: Level | None = None) -> Span:
    """The steps of a question: as asked, or as fine as is useful and allowed. Raises WrongStep.

    They are whole ones before `wanted.until`; series: how many there may be; level: what is read (None: the finest).
    """
    level = level or finest(quantity)
    length, least = round(wanted.length.total_seconds()), SECONDS[level]
    allowed = min(MOST_POINTS, MOST_VALUES // series)
    seconds = wanted.step
    if seconds is None:
        seconds = _usual(length, least, min(allowed, _USUAL_POINTS))
    elif seconds < least:
        raise WrongStep(f"{quantity.name} is known by {quantity.source}: want {least} s or more")
    elif seconds > length:
        raise WrongStep(f"a window of {_name(length)} has no step of {_name(seconds)}")
    elif length // seconds > allowed:
        raise WrongStep(
            f"that is {length // seconds:,} points of each series; want a longer step for at most {allowed:,}"
        )
    end = _whole(wanted.until, seconds)
    if wanted.since is None:
        start = end - timedelta(seconds=max(1, length // seconds) * seconds)
    else:
        start = _whole(wanted.since, seconds)
    return Span(start, max(end, start + timedelta(seconds=seconds)), seconds, level)


def _name(seconds: int) -> str:
    names = {round(length.total_seconds()): name for name, length in WINDOWS.items()}
    names |= {each: name for name, each in STEPS.items()}
    return names.get(seconds, f"{seconds:,} s")


def _usual(length: float, least: int, points: int) -> int:
    return next((each for each in STEPS.values() if each >= least and length // each <= points), max(STEPS.values()))


def _whole(at: datetime, seconds: int) -> datetime:
    return _EPOCH + timedelta(seconds=(at - _EPOCH).total_seconds() // seconds * seconds)


def levels(wanted: Wanted, since: Mapping[Level, datetime]) -> list[Level]:
    """Which of the levels that are kept (`kept`, the finest first) may answer, the best first; never none.

    The finest where it is kept so long, five minutes up to db.steps.FINE or where steps are no whole hours, days where
    steps are whole days. Of a time before all that is kept, what reaches back the farthest.
    """
    raw, length = next(iter(since)), wanted.length.total_seconds()
    step = wanted.step or _usual(length, min(SECONDS.values()), _USUAL_POINTS)
    is_long = wanted.length > FINE

    def divides(level: Level) -> bool:
        return step % SECONDS[level] == 0 if wanted.step or level is Level.DAYS else SECONDS[level] <= length

    fits = {
        raw: wanted.length <= LONGEST_RAW,
        Level.FIVE_MINUTES: not is_long or (wanted.step or 0) % HOUR > 0,
        Level.DAYS: is_long,
        Level.HOURS: True,
    }
    fitting = [level for level in fits if level in since and fits[level] and (level is raw or divides(level))]
    # As short and as long ago as this is known by longer steps alone.
    longer = [level for level in since if wanted.step is None and level is not raw]
    reaching = [level for level in fitting if since[level] <= wanted.start]
    reaching = reaching or [level for level in longer if since[level] <= wanted.start][:1]
    return reaching or [min(fitting or longer or [raw], key=lambda level: since[level])]
