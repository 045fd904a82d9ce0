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
class Share:
    """How many of all things that were counted are of some kind. part, whole: columns of db.server.server_history."""

    word: str
    part: tuple[str, ...]
    whole: tuple[str, ...]
    of: str

    def counted(self, history: pd.DataFrame) -> tuple[int, int] | None:
        """Sums of part and whole over all of `history`; None where nobody counted them, or nothing happened."""
        if "counted_seconds" not in history or not any(self._known(history, name) for name in self.part):
            return None
        part, whole = (sum(self._sum(history, name) for name in names) for names in (self.part, self.whole))
        return (part, whole) if whole else None

    @staticmethod
    def _known(history: pd.DataFrame, name: str) -> bool:
        return name in history and bool(history[name].notna().any())

    def _sum(self, history: pd.DataFrame, name: str) -> int:
        # Rates are increases over these seconds, so this gives the increases back. No mean of means.
        return round((history[name] * history["counted_seconds"]).sum()) if self._known(history, name) else 0


@dataclass(frozen=True, slots=True)
class Group:
    """One chart. lines: columns of db.server.server_history; scale: fixed unit (None: Mbit/s or Gbit/s by size);
    words: one value with its unit; share: a figure of the whole window beside the chart."""

    key: str
    title: str
    unit: str
    lines: Sequence[Line]
    words: Callable[[Any], str]
    scale: Scale | None = None
    digits: int = 1
    filled: bool = False
    share: Share | None = None

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
_ANSWERS = tuple(f"responses_{number}xx_per_second" for number in range(1, 6))
_CACHE_STATES = tuple(
    f"cache_{state}_per_second"
    for state in ("hit", "miss", "bypass", "scarce", "expired", "revalidated", "updating", "stale")
)

GROUPS: tuple[Group, ...] = (
    Group("sent", "Traffic sent", "", (Line("egress_bps", "Sent"),), numbers.rate, filled=True),
    Group("own", "Traffic to own servers", "", (Line("internal_bps", "To own servers"),), numbers.rate, filled=True),
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
        share=Share("Server errors", ("responses_5xx_per_second",), _ANSWERS, "answers"),
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
        share=Share("Hit ratio", ("cache_hit_per_second",), _CACHE_STATES, "answers of the cache"),
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
        "response",
        "Response time",
        "ms",
        (
            Line(RESPONSE, "Whole answer"),
            Line("first_byte_seconds", "First byte"),
            Line("connect_seconds", "Connected"),
        ),
        numbers.duration,
        Scale("ms", 0.001),
        0,
    ),
    Group(
        "uptime", "Running for", "hours", (Line("process_uptime", "Running for"),), numbers.age, Scale("hours", 3_600.0)
    ),
)
