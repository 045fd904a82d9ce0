"""Base units become words for the screen: "181.5 Gbit/s", "96.0 %", "12 min". Pure, and the same in every locale.

A missing value (None, NaN, NaT, NA) is "–" everywhere; zero is "0". Minus is "−".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pandas as pd

from cdn.units import DAY, MINUTE

DASH = "–"
LARGEST = 1e24
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit for the screen: `word` and how many base units one of it is."""

    word: str
    size: float


MEGABIT = Scale("Mbit/s", 1e6)
GIGABIT = Scale("Gbit/s", 1e9)
_VOLUMES = (Scale("kB", 1e3), Scale("MB", 1e6), Scale("GB", 1e9), Scale("TB", 1e12), Scale("PB", 1e15))


def missing(value: Any) -> bool:
    """True for None, NaN, NaT and NA: nobody knows. Infinity is no number to show either."""
    return value is None or bool(pd.isna(value)) or value in (float("inf"), float("-inf"))


def known(value: Any) -> float | None:
    """`value` as float; None where it is missing, or too large to be anything that was counted."""
    return None if missing(value) or abs(value) > LARGEST else float(value)


def rate_scale(values: Iterable[Any]) -> Scale:
    """The one unit for a column or chart of rates in bit/s: Mbit/s below 1,000 of them, else Gbit/s."""
    highest = max((abs(number) for number in map(known, values) if number is not None), default=0.0)
    return GIGABIT if round(highest / MEGABIT.size, 1) >= 1_000 else MEGABIT


def in_scale(value: Any, scale: Scale) -> str:
    """The number alone, one decimal: "76.3". Less than a tenth of the unit, but not nothing, is "<0.1"."""
    number = known(value)
    if number is None:
        return DASH
    if number == 0:
        return "0"
    scaled = number / scale.size
    if 0 < scaled < 0.05:
        return "<0.1"
    return _sign(f"{scaled:,.1f}")


def rate(bps: Any) -> str:
    """A rate in bit/s: "181.5 Gbit/s"."""
    scale = rate_scale([bps])
    return DASH if known(bps) is None else f"{in_scale(bps, scale)} {scale.word}"


def volume_scale(values: Iterable[Any]) -> Scale:
    """The one unit for a column or chart of amounts of bytes: the largest that the highest of them fills."""
    highest = max((abs(number) for number in map(known, values) if number is not None), default=0.0)
    # The next unit begins where 1,000.0 of the one before would be written.
    fitting = [scale for scale in _VOLUMES if round(highest / scale.size * 1_000, 1) >= 1_000]
    return fitting[-1] if fitting else _VOLUMES[0]


def volume(count_bytes: Any) -> str:
    """An amount of bytes: "2.4 TB"; k is 1,000."""
    scale = volume_scale([count_bytes])
    return DASH if known(count_bytes) is None else f"{in_scale(count_bytes, scale)} {scale.word}"


def count(value: Any) -> str:
    """A whole number: "60,249"."""
    number = known(value)
    return DASH if number is None else _sign(f"{round(number):,}")


def per_second(value: Any) -> str:
    """How often something happens: "12.5/s", from 100 on without decimals."""
    number = known(value)
    if number is None:
        return DASH
    if number == 0:
        return "0/s"
    if 0 < number < 0.05:
        return "<0.1/s"
    return _sign(f"{number:,.0f}/s" if abs(number) >= 99.95 else f"{number:,.1f}/s")


def percent(ratio: Any, digits: int = 1) -> str:
    """A ratio 0..1 as "96.0 %"; availability has two digits, and never rounds up to 100 %."""
    number = known(ratio)
    if number is None:
        return DASH
    shown = round(number * 100, digits)
    if number < 1 and shown >= 100:
        shown = 100 - 10**-digits
    return _sign(f"{shown:,.{digits}f} %")


def plain(value: Any, digits: int = 1) -> str:
    """A number without unit, such as a load: "1.3"."""
    number = known(value)
    return DASH if number is None else _sign(f"{number:,.{digits}f}")


def duration(seconds: Any) -> str:
    """How long an answer took: "31 ms", from a second on "1.2 s"."""
    number = known(seconds)
    if number is None:
        return DASH
    if 0 < number < 0.0005:
        return "<1 ms"
    if round(number * 1_000) < 1_000:
        return _sign(f"{number * 1_000:.0f} ms")
    return f"{number:,.1f} s"


def age(seconds: Any) -> str:
    """How old something is: "4 s", "12 min", "2 h 10 min", "3 days". The future is "0 s": clocks differ a little."""
    number = known(seconds)
    if number is None:
        return DASH
    whole = max(0, int(number))
    if whole < 90:
        return f"{whole} s"
    if whole < 90 * MINUTE:
        return f"{whole // MINUTE} min"
    if whole < 2 * DAY:
        hours, minutes = divmod(whole // MINUTE, 60)
        return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"
    return f"{whole // DAY:,} days"


def clock(at: Any, zone: tzinfo, *, seconds: bool = False) -> str:
    """Time of day in `zone`, 24 hours: "21:04"."""
    local = _local(at, zone)
    return DASH if local is None else local.strftime("%H:%M:%S" if seconds else "%H:%M")


def when(at: Any, now: datetime, zone: tzinfo) -> str:
    """A moment as people say it: "20:52" today, "yesterday 18:42", else "19 Nov"; "19 Nov 2025" in another year."""
    local = _local(at, zone)
    if local is None:
        return DASH
    today = now.astimezone(zone).date()
    if local.date() == today:
        return clock(at, zone)
    if local.date() == today - timedelta(days=1):
        return f"yesterday {clock(at, zone)}"
    day = f"{local.day} {MONTHS[local.month - 1]}"
    return day if local.year == today.year else f"{day} {local.year}"


def exact(at: Any, zone: tzinfo) -> str:
    """A moment to the second with its zone, for titles: "24 Nov 2026 20:52:04 CET"."""
    local = _local(at, zone)
    if local is None:
        return DASH
    return f"{local.day} {MONTHS[local.month - 1]} {local.year} {local:%H:%M:%S} {local.tzname()}"


def epoch(at: Any) -> int | None:
    """A moment as whole seconds since 1970, for ages that tick in the browser; None where it is missing."""
    return None if missing(at) else int(pd.Timestamp(at).timestamp())


def many(number: int, one: str, more: str = "") -> str:
    """A number with its noun: "1 server", "60 servers"."""
    return f"{number:,} {one if number == 1 else more or f'{one}s'}"


def _local(at: Any, zone: tzinfo) -> datetime | None:
    return None if missing(at) else pd.Timestamp(at).to_pydatetime(warn=False).astimezone(zone)


def _sign(text: str) -> str:
    """A real minus, and no "−0.0"."""
    if not text.startswith("-"):
        return text
    digits = text[1:]
    return digits if not any(char in "123456789" for char in digits) else f"−{digits}"
