"""What happened in the weeks before the simulation began: a season that grows, finals, outages, drop-outs. Pure.

The same for the same fleet, seed, first and last day; its last moment is the simulation's first.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from demo.curves import Floats, crowd, overlap
from demo.fleet import Fleet
from demo.traffic import DAY, HOUR

# Of the audience at the end so much was there at the beginning.
BEGAN_WITH = 0.78
# Days before the end, hours UTC, and what they add to the sport channels' audience.
FINALS = ((75, 18.5, 21.0, 0.7), (44, 18.5, 21.0, 0.9), (17, 19.0, 21.5, 1.1))
DEPLOYS = (61, 33, 12)
# Mean days between two of them on one server or channel, and how long they last in minutes.
OUTAGE_DAYS, OUTAGE_MINUTES = 26.0, (2.0, 55.0)
DROP_OUT_DAYS, DROP_OUT_MINUTES = 9.0, (0.7, 9.0)
# Nothing of the kind so shortly before the end: the simulation begins with everything well.
CALM_HOURS = 2.0
REASONS = ("refused", "refused", "timed_out", "unreachable")


@dataclass(frozen=True, slots=True)
class Outage:
    """A server that was away from epoch second `begin` to `end`, and as what polls told it."""

    server: str
    begin: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class DropOut:
    """A channel whose publisher was away from epoch second `begin` to `end`."""

    channel: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Season:
    """From epoch second `begin` to `end`."""

    begin: float
    end: float
    outages: tuple[Outage, ...]
    drop_outs: tuple[DropOut, ...]

    def growth(self, at: Floats) -> Floats:
        """Factor on every audience: 1 at the end, from where the simulation goes on."""
        done = np.clip((at - self.begin) / (self.end - self.begin), 0, 1)
        grown: Floats = BEGAN_WITH + (1 - BEGAN_WITH) * np.sqrt(done)
        return grown

    def finals(self, at: Floats) -> Floats:
        """Factor on a sport channel's audience."""
        factor = np.ones_like(at)
        for days, begins, ends, boost in FINALS:
            midnight = self.midnight(days)
            factor += boost * crowd((at - midnight) / HOUR, begins, ends)
        return factor

    def midnight(self, days: float) -> float:
        """The midnight (UTC) that began the day so many days before the end."""
        return math.floor(self.end / DAY - days) * DAY

    def up(self, server: str, starts: Floats, seconds: float) -> Floats:
        """Share of each window in which the server was there."""
        return _there(((one.begin, one.end) for one in self.outages if one.server == server), starts, seconds)

    def on_air(self, channel: str, starts: Floats, seconds: float) -> Floats:
        """Share of each window in which the channel's publisher was there."""
        return _there(((one.begin, one.end) for one in self.drop_outs if one.channel == channel), starts, seconds)

    def process_began(self, servers: list[str], at: Floats) -> Floats:
        """When the process of each server (a column of `at`) began: after its last outage, or before the season."""
        began = np.full_like(at, self.begin - 5 * DAY)
        for column, server in enumerate(servers):
            ends = np.array([one.end for one in self.outages if one.server == server])
            if len(ends):
                last = np.searchsorted(ends, at[:, column], side="right")
                began[:, column] = np.where(last > 0, ends[np.maximum(last - 1, 0)], began[:, column])
        return began


def _there(away: Iterable[tuple[float, float]], starts: Floats, seconds: float) -> Floats:
    share = np.ones(len(starts))
    for begin, end in away:
        if end > starts[0] and begin < starts[-1] + seconds:
            where, taken = overlap(starts, seconds, begin, end)
            share[where] = np.maximum(0.0, share[where] - taken)
    return share


def season(fleet: Fleet, begin: float, end: float) -> Season:
    """The season of `fleet` from `begin` to `end`."""
    outages: list[Outage] = []
    for server in fleet.servers:
        if not server.listed:
            continue
        rng = random.Random(f"outages {fleet.seed} {server.name}")
        rarely = 3.0 if server.role == "origin" else 1.0
        for at, until in _times(rng, begin, end, OUTAGE_DAYS * rarely, OUTAGE_MINUTES):
            outages.append(Outage(server.name, at, until, rng.choice(REASONS)))
    drop_outs: list[DropOut] = []
    for channel in sorted({one.url for server in fleet.servers for one in server.channels}):
        rng = random.Random(f"drop-outs {fleet.seed} {channel}")
        found = _times(rng, begin, end, DROP_OUT_DAYS, DROP_OUT_MINUTES)
        drop_outs += [DropOut(channel, at, until) for at, until in found]
    return Season(begin, end, tuple(sorted(outages, key=lambda one: one.begin)), tuple(drop_outs))


def _times(
    rng: random.Random, begin: float, end: float, days: float, minutes: tuple[float, float]
) -> list[tuple[float, float]]:
    """Spans that begin at random, most of them short, on whole seconds."""
    found: list[tuple[float, float]] = []
    at = begin + HOUR
    while (at := at + rng.expovariate(1 / (days * DAY))) < end - CALM_HOURS * HOUR:
        least, most = minutes
        lasts = least * (most / least) ** rng.random() * 60
        found.append((float(round(at)), float(round(at + lasts))))
        at += lasts + HOUR
    return found
