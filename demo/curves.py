"""The audience curves of `demo/traffic.py` over whole spans at once: means over windows instead of moments. Pure.

Times are arrays of epoch seconds. What a window's mean leaves out is less than a viewer's rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from demo.traffic import DAY, FIRST_WEEKDAY, HOUR, HOURS, MATCH_BOOST, MATCH_RAMP, MATCHES, WEEKDAYS

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
# Length of a wave in seconds / 2π, its height, as in `Audience.viewers`.
WAVES = ((163.0, 0.04), (37.0, 0.02))


def demand(utc_offset: float, at: Floats) -> Floats:
    """`demo.traffic.demand` at each of `at`."""
    local = at + utc_offset * HOUR
    of_day = _blended(np.array(HOURS), local % DAY / HOUR, 0)
    return of_day * _blended(np.array(WEEKDAYS), local / DAY - 0.5, FIRST_WEEKDAY)


def _blended(values: Floats, where: Floats, shift: int) -> Floats:
    before = np.floor(where)
    part, index = where - before, (before.astype(np.int64) + shift) % len(values)
    blended: Floats = values[index] * (1 - part) + values[(index + 1) % len(values)] * part
    return blended


def match_factor(at: Floats) -> Floats:
    """`demo.traffic.match_factor` at each of `at`."""
    weekday = (np.floor(at / DAY).astype(np.int64) + FIRST_WEEKDAY) % 7
    factor = np.ones_like(at)
    for day, begins, ends in MATCHES:
        factor += np.where(weekday == day, MATCH_BOOST * crowd(at % DAY / HOUR, begins, ends), 0.0)
    return factor


def crowd(hour: Floats, begins: float, ends: float) -> Floats:
    """Share of those who come for something from `begins` to `ends` (hours) that are there at each `hour`."""
    rise = np.clip((hour - begins + MATCH_RAMP) / MATCH_RAMP, 0, 1)
    fall = np.clip((ends + MATCH_RAMP - hour) / MATCH_RAMP, 0, 1)
    there: Floats = np.minimum(rise, fall)
    return there


def noise(starts: Floats, seconds: float, phases: Iterable[Floats]) -> Floats:
    """Mean of the waves over each window, one row a window and one column a phase."""
    found: Floats = np.ones((1, 1))
    for (length, height), phase in zip(WAVES, phases, strict=True):
        begin, end = starts / length, (starts + seconds) / length
        of_sine = length / seconds * (np.cos(begin) - np.cos(end))
        of_cosine = length / seconds * (np.sin(end) - np.sin(begin))
        wave = height * (np.outer(of_sine, np.cos(phase)) + np.outer(of_cosine, np.sin(phase)))
        found = found + wave
    return found


def overlap(starts: Floats, seconds: float, begin: float, end: float) -> tuple[slice, Floats]:
    """The windows that [begin, end) reaches into, and the share of each that it takes. Windows follow each other."""
    first = max(0, math.floor((begin - starts[0]) / seconds))
    last = min(len(starts), math.ceil((end - starts[0]) / seconds))
    where = slice(first, max(first, last))
    taken = np.minimum(starts[where] + seconds, end) - np.maximum(starts[where], begin)
    return where, np.clip(taken / seconds, 0, 1)
