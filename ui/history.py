"""The words of the pages of the past: how long a step is, when it was, how much more than before. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import Any

import pandas as pd

from cdn.units import DAY, HOUR, MINUTE
from db.steps import Steps
from ui.headline import Headline
from ui.html import fill, join
from ui.numbers import DASH, MONTHS, count, known, missing, percent, plain
from ui.period import Period

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SAME = 0.0005


def span_words(seconds: float) -> str:
    """How long a step is: "5 minutes", "an hour", "2 hours", "a day"."""
    for size, one, word in ((DAY, "a day", "days"), (HOUR, "an hour", "hours"), (MINUTE, "a minute", "minutes")):
        if seconds % size == 0:
            return one if seconds == size else f"{seconds // size:,.0f} {word}"
    return f"{seconds:g} seconds"


def moment(at: Any, zone: tzinfo) -> str:
    """ "Sun 22 Nov 21:25"."""
    if missing(at):
        return DASH
    local = pd.Timestamp(at).tz_convert(zone)
    return f"{DAYS[local.weekday()]} {local.day} {MONTHS[local.month - 1]} {local:%H:%M}"


def change(now: object, before: object) -> str:
    """ "+4.2 %", "−3.1 %", "same"; a dash where there is nothing to compare with."""
    current, former = known(now), known(before)
    if current is None or former is None or former == 0:
        return DASH
    grown = current / former - 1
    if abs(grown) < _SAME:
        return "same"
    return f"{'+' if grown > 0 else ''}{percent(grown)}"


def against_words(now: object, before: object, against: str) -> str:
    """ ", 4.2 % more than the week before"; nothing where there is nothing to compare with."""
    current, former = known(now), known(before)
    if current is None or not former or not against:
        return ""
    grown = current / former - 1
    if abs(grown) < _SAME:
        return f", the same as {against}"
    return f", {percent(abs(grown))} {'more' if grown > 0 else 'less'} than {against}"


def headline(
    period: Period, mean: float | None, before: float | None, spoken_mean: str, below: Iterable[object]
) -> Headline:
    """The first two lines: how much on average, and against when."""
    words = capital(period.words)
    if mean is None:
        return Headline("nodata", fill("{words}: nobody knows", words=words), fill("Nothing was counted in this time."))
    title = fill(
        "{words}: {mean} on average{change}",
        words=words,
        mean=spoken_mean,
        change=against_words(mean, before, period.against_words),
    )
    return Headline("planned", title, join(below, " "), icon="query_stats")


def seen_words(seen: object) -> str:
    """ "99.98 % of the time was seen."."""
    return "" if known(seen) is None else f"{percent(seen, 2)} of the time was seen."


def mean_rate(found: pd.DataFrame, over: Steps) -> float | None:
    """The mean rate of the window in bit/s: its bytes over the seconds of the steps that are known."""
    sums = found.groupby("at")["bytes"].sum(min_count=1).dropna()
    lengths = dict(zip(map(pd.Timestamp, over.times), over.lengths, strict=True))
    seconds = sum(lengths[at] for at in sums.index)
    return float(sum(map(int, sums))) * 8 / seconds if seconds else None


def hours_of(number: object) -> str:
    """Viewer-hours of viewer-seconds."""
    seconds = known(number)
    return DASH if seconds is None else count(seconds / HOUR)


def viewers_words(number: object) -> str:
    """A mean of viewers: whole from ten on."""
    value = known(number)
    if value is None:
        return DASH
    return count(value) if value >= 10 else plain(value)


def capital(text: str) -> str:
    """`text` as the beginning of a sentence."""
    return text[:1].upper() + text[1:]
