"""How many people watch what, where and when: a pure function of the seed and the time.

Audiences breathe over the day and the week in each region's local time; matches draw people to the
sport channels everywhere at once; a little noise on top. Nothing here is remembered.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from demo.lineup import Channel

HOUR = 3_600
DAY = 24 * HOUR
# Share of the evening peak at each local hour.
HOURS = (
    0.55, 0.40, 0.30, 0.24, 0.22, 0.24, 0.30, 0.38, 0.42, 0.43, 0.44, 0.46,
    0.50, 0.50, 0.49, 0.50, 0.54, 0.62, 0.74, 0.88, 0.98, 1.00, 0.90, 0.72,
)  # fmt: skip
# Monday to Sunday.
WEEKDAYS = (0.90, 0.92, 0.95, 0.93, 0.95, 1.00, 1.00)
# Weekday (Monday 0) and UTC hours of the matches.
MATCHES = ((1, 19.0, 21.0), (2, 19.0, 21.0), (5, 15.0, 17.0), (6, 17.0, 19.0))
MATCH_BOOST = 0.8
MATCH_RAMP = 0.33  # hours in which people come and go
# The first epoch day was a Thursday.
FIRST_WEEKDAY = 3


def demand(utc_offset: float, at: float) -> float:
    """Audience of a region as a share of its usual evening peak, at epoch second `at`. utc_offset in hours."""
    local = at + utc_offset * HOUR
    hour = local % DAY / HOUR
    before, part = int(hour), hour % 1
    of_day = HOURS[before] * (1 - part) + HOURS[(before + 1) % 24] * part
    # Weekday values hold at noon and blend in between, so midnight has no step.
    days = local / DAY - 0.5
    day, part = math.floor(days), days % 1
    of_week = WEEKDAYS[(day + FIRST_WEEKDAY) % 7] * (1 - part) + WEEKDAYS[(day + 1 + FIRST_WEEKDAY) % 7] * part
    return of_day * of_week


def match_factor(at: float) -> float:
    """What a match multiplies a sport channel's audience with, at epoch second `at`; 1 without one."""
    weekday = (math.floor(at / DAY) + FIRST_WEEKDAY) % 7
    hour = at % DAY / HOUR
    factor = 1.0
    for day, begins, ends in MATCHES:
        if weekday == day:
            rise = min(1.0, max(0.0, (hour - begins + MATCH_RAMP) / MATCH_RAMP))
            fall = min(1.0, max(0.0, (ends + MATCH_RAMP - hour) / MATCH_RAMP))
            factor += MATCH_BOOST * min(rise, fall)
    return factor


@dataclass(frozen=True, slots=True)
class Audience:
    """Who watches one channel on one server: `peak` viewers at the usual evening peak; `steady`: so many, always."""

    peak: float
    slow_phase: float
    quick_phase: float
    has_matches: bool
    steady: int | None = None

    def viewers(self, wanted: float, at: float) -> int:
        """Viewers at epoch second `at`, given the region's `demand` (times whatever a scenario does to it)."""
        if self.steady is not None:
            return self.steady
        noise = 1 + 0.04 * math.sin(at / 163 + self.slow_phase) + 0.02 * math.sin(at / 37 + self.quick_phase)
        watching = self.peak * wanted * noise
        if self.has_matches:
            watching *= match_factor(at)
        return int(watching + 0.5)


def audience(channel: Channel, *, edge: str, edge_peak: float, seed: int, steady: int | None = None) -> Audience:
    """The audience of a channel at a server that has `edge_peak` viewers of everything at the evening peak."""
    rng = random.Random(f"audience {seed} {edge} {channel.url}")
    return Audience(
        peak=edge_peak * channel.share * rng.uniform(0.85, 1.15),
        slow_phase=rng.uniform(0, 2 * math.pi),
        quick_phase=rng.uniform(0, 2 * math.pi),
        has_matches=channel.has_matches,
        steady=steady,
    )


def edge_peak(capacity: int, channels: tuple[Channel, ...], *, evening_load: float) -> float:
    """Viewers with whom an edge of `capacity` bit/s is filled to `evening_load` (0..1) by its channels' mix."""
    per_viewer = sum(channel.share * channel.encoding.bitrate for channel in channels)
    return capacity * evening_load / per_viewer if per_viewer else 0.0
