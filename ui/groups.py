"""Which metrics share a chart on a server's page, and how their numbers are shown there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

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
    Group("response", "Response time", "ms", (Line(RESPONSE, "Response time"),), numbers.duration, Scale("ms", 0.001), 0),
    Group(
        "uptime", "Running for", "hours", (Line("process_uptime", "Running for"),), numbers.age, Scale("hours", 3_600.0)
    ),
)
