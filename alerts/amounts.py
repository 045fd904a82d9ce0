"""Thresholds and times as people write them, in base units inside: "2 Gbit/s", "90 %", "14 d". Pure."""

from __future__ import annotations

import math
import re
from enum import StrEnum

from cdn.units import DAY, HOUR, MINUTE

LARGEST = 1e18
_SECONDS = {"ms": 0.001, "s": 1.0, "min": float(MINUTE), "h": float(HOUR), "d": float(DAY)}
_THOUSANDS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_AMOUNT = re.compile(r"\s*([-+]?\d[\d,_]*(?:\.\d+)?)\s*([^\s\d]\S*)?\s*")


class Measure(StrEnum):
    """The base unit of what a rule watches."""

    BITS_PER_SECOND = "bit/s"
    PER_SECOND = "/s"
    PER_HOUR = "/h"
    FRAMES_PER_SECOND = "fps"
    BYTES = "B"
    COUNT = ""
    LOAD = "load"
    RATIO = "%"
    SECONDS = "s"
    YES = "yes"  # 1: it is so, 0: it is not; there is no threshold to choose


EXAMPLES: dict[Measure, str] = {
    Measure.BITS_PER_SECOND: "2 Gbit/s",
    Measure.PER_SECOND: "5/s",
    Measure.PER_HOUR: "6/h",
    Measure.FRAMES_PER_SECOND: "20 fps",
    Measure.BYTES: "40 GB",
    Measure.COUNT: "1,000",
    Measure.LOAD: "8",
    Measure.RATIO: "90 %",
    Measure.SECONDS: "5 min",
    Measure.YES: "1",
}


def read(value: object, measure: Measure) -> float:
    """`value` in the base unit of `measure`: a number is in it already, text may name a unit. Raises ValueError."""
    wanted = f"want an amount such as {EXAMPLES[measure]}"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(wanted)
    if isinstance(value, str):
        found = _AMOUNT.fullmatch(value)
        factor = None if found is None else _factor(found[2] or "", measure)
        if found is None or factor is None:
            raise ValueError(wanted)
        number = float(re.sub("[,_]", "", found[1])) * factor
    else:
        # A whole number can be too large for a float; then it is too large anyway.
        number = float(value) if abs(value) <= LARGEST else math.inf
    if not abs(number) <= LARGEST:
        raise ValueError(wanted)
    return number


def _factor(unit: str, measure: Measure) -> float | None:
    """How many base units one `unit` is; None where it is none of this measure. No unit is the base unit."""
    if measure is Measure.SECONDS:
        return _SECONDS.get(unit or "s")
    if measure is Measure.RATIO:
        return {"": 1.0, "%": 0.01}.get(unit)
    if measure is Measure.BITS_PER_SECOND:
        found = re.fullmatch(r"(?i)([kmgt]?)(?:bit/s|bits/s|bps|b/s)", unit)
        return 1.0 if not unit else _THOUSANDS[found[1].lower()] if found else None
    if measure is Measure.BYTES:
        found = re.fullmatch(r"([kKMGT]?)B", unit)
        return 1.0 if not unit else _THOUSANDS[found[1].lower()] if found else None
    return 1.0 if unit in ("", measure.value) else None


def written(value: float, measure: Measure) -> str:
    """`value` for people, so that `read` understands it: "2 Gbit/s", "90 %", "14 d"."""
    if measure is Measure.SECONDS:
        return duration(value)
    if measure is Measure.RATIO:
        return f"{_number(value * 100)} %"
    if measure in (Measure.BITS_PER_SECOND, Measure.BYTES):
        prefix, size = next(
            (
                (prefix, size)
                for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3))
                if abs(value) >= size
            ),
            ("", 1.0),
        )
        return f"{_number(value / size)} {prefix}{measure.value}"
    if measure is Measure.FRAMES_PER_SECOND:
        return f"{_number(value)} fps"
    return _number(value) + (measure.value if measure in (Measure.PER_SECOND, Measure.PER_HOUR) else "")


def duration(seconds: float) -> str:
    """Seconds in the largest unit in which they are a short number: "90 s", "5 min", "36 h", "14 d"."""
    for unit in ("d", "h", "min"):
        size = _SECONDS[unit]
        if abs(seconds) >= size and seconds % (size / 2) == 0 and (seconds % size == 0 or unit != "min"):
            return f"{_number(seconds / size)} {unit}"
    return f"{_number(seconds * 1_000)} ms" if 0 < abs(seconds) < 1 else f"{_number(seconds)} s"


def _number(value: float) -> str:
    return f"{round(value, 6):,.6f}".rstrip("0").rstrip(".")
