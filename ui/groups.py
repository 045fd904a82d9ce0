"""Which metrics share a chart on a server's page, and how their numbers are shown there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from cdn.model import Role
from ui import numbers
from ui.figures import Line
from ui.numbers import Scale

RESPONSE = "response_seconds"


@dataclass(frozen=True, slots=True)
class Group:
    """One chart. lines: columns of db.server.server_history; scale: fixed unit (None: Mbit/s or Gbit/s by size);
    words: one value with its unit."""

    key: str
    title: str
    unit: str
    lines: Sequence[Line]
    words: Callable[[Any], str]
    scale: Scale | None = None
    digits: int = 1
    filled: bool = False

    def fitting(self, history: pd.DataFrame) -> Scale:
        """The unit in which all of `history` is drawn."""
        if self.scale is not None:
            return self.scale
        return numbers.rate_scale(history[line.column].max() for line in self.lines)

    def reported(self, history: pd.DataFrame) -> list[Line]:
        """The lines this server has ever a value for."""
        return [line for line in self.lines if line.column in history and history[line.column].notna().any()]


_ONE = Scale("", 1.0)
_PERCENT = Scale("%", 0.01)

GROUPS: tuple[Group, ...] = (
    Group("sent", "Traffic sent", "", (Line("egress_bps", "Sent"),), numbers.rate, filled=True),
    Group("received", "Traffic received", "", (Line("ingress_bps", "Received"),), numbers.rate, filled=True),
    Group("origin", "Traffic from its origin", "", (Line("origin_bps", "From its origin"),), numbers.rate, filled=True),
    Group("viewers", "Viewers", "people", (Line("viewers", "Viewers"),), numbers.count, _ONE, 0, filled=True),
    Group("streams", "Streams on air", "streams", (Line("live_streams", "Streams"),), numbers.count, _ONE, 0),
    Group(
        "processor",
        "Processor",
        "% busy",
        (Line("process_cpu", "This service (of one core)"), Line("system_cpu", "Whole machine")),
        numbers.percent,
        _PERCENT,
    ),
    Group(
        "memory",
        "Memory",
        "% in use",
        (Line("system_memory", "Whole machine"), Line("system_swap", "Swap")),
        numbers.percent,
        _PERCENT,
    ),
    Group(
        "peak",
        "Memory of this service, highest so far",
        "MB",
        (Line("process_memory_peak", "Highest so far"),),
        numbers.volume,
        Scale("MB", 1e6),
    ),
    Group(
        "load",
        "Load",
        "waiting processes",
        (
            Line("load_1m", "1 min"),
            Line("load_5m", "5 min"),
            Line("load_15m", "15 min"),
            Line("processors", "Processor cores", dotted=True),
        ),
        numbers.plain,
        _ONE,
    ),
    Group("disk", "Disk busy", "% busy", (Line("disk_busy", "Busy"),), numbers.percent, _PERCENT),
    Group(
        "connections",
        "Connections",
        "open",
        (
            Line("connections", "All"),
            Line("writing_connections", "Being answered"),
            Line("reading_connections", "Being read"),
            Line("idle_connections", "Waiting"),
        ),
        numbers.count,
        _ONE,
        0,
    ),
    Group(
        "requests",
        "Requests",
        "per second",
        (
            Line("requests_per_second", "Requests"),
            Line("accepted_connections_per_second", "Connections accepted"),
            Line("dropped_connections_per_second", "Connections dropped"),
        ),
        numbers.per_second,
        _ONE,
    ),
    Group(
        "answers",
        "Answers",
        "per second",
        (
            Line("responses_2xx_per_second", "2xx success"),
            Line("responses_3xx_per_second", "3xx elsewhere, unchanged"),
            Line("responses_4xx_per_second", "4xx refused, not found"),
            Line("responses_5xx_per_second", "5xx server errors"),
            Line("responses_1xx_per_second", "1xx informational"),
        ),
        numbers.per_second,
        _ONE,
    ),
    Group(
        "cache",
        "Cache",
        "per second",
        (
            Line("cache_hit_per_second", "Hits"),
            Line("cache_miss_per_second", "Misses"),
            Line("cache_bypass_per_second", "Passed by"),
            Line("cache_scarce_per_second", "Asked for too rarely to keep"),
        ),
        numbers.per_second,
        _ONE,
    ),
    Group(
        "aged",
        "Cache, past its time",
        "per second",
        (
            Line("cache_expired_per_second", "Fetched again"),
            Line("cache_revalidated_per_second", "Confirmed by the origin"),
            Line("cache_updating_per_second", "Stale, being fetched again"),
            Line("cache_stale_per_second", "Stale, origin not answering"),
        ),
        numbers.per_second,
        _ONE,
    ),
    Group("stored", "Cache in use", "GB", (Line("cache_bytes", "In use"),), numbers.volume, Scale("GB", 1e9)),
    Group(
        "origins", "Origins down, as it sees them", "origins", (Line("origins_down", "Down"),), numbers.count, _ONE, 0
    ),
    Group(
        "response", "Response time", "ms", (Line(RESPONSE, "Response time"),), numbers.duration, Scale("ms", 0.001), 0
    ),
    Group(
        "uptime", "Running for", "hours", (Line("process_uptime", "Running for"),), numbers.age, Scale("hours", 3_600.0)
    ),
)


def groups_of(role: str) -> tuple[Group, ...]:
    """The charts of a server of that role. Most of an origin's clients are own edges that pull from it, no viewers."""
    return tuple(_clients(group) if role == Role.ORIGIN and group.key == "viewers" else group for group in GROUPS)


def _clients(group: Group) -> Group:
    return replace(group, title="Clients, own edges included", unit="clients", lines=(Line("viewers", "Clients"),))
