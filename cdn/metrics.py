"""The catalogue of metrics: what a server can tell us, and how it adds up.

One line here is one nullable column in every measurement table (`db/measurements.py`), one entry on
the server page and one field in REST. A name that a source emits must be here, and the reverse
(`tests/test_sources.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """Base unit a metric is stored in."""

    BYTES = "bytes"
    COUNT = "count"
    RATIO = "ratio"
    SECONDS = "seconds"
    LOAD = "load"


class Adds(StrEnum):
    """How a metric adds up over time."""

    COUNTER = "counter"  # the source only ever counts up; stored as the increase of the interval
    GAUGE = "gauge"  # true at one moment; stored as seen


class Bad(StrEnum):
    """Which direction of change is bad news."""

    HIGH = "high"
    LOW = "low"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the catalogue. `name` is the column, `label` the everyday words on screen."""

    name: str
    unit: Unit
    adds: Adds
    label: str
    bad: Bad = Bad.NEITHER

    @property
    def is_counter(self) -> bool:
        """True where the stored value is an increase over the sample's counted seconds."""
        return self.adds is Adds.COUNTER


METRICS: tuple[Metric, ...] = (
    Metric("egress_bytes", Unit.BYTES, Adds.COUNTER, "Traffic sent"),
    Metric("ingress_bytes", Unit.BYTES, Adds.COUNTER, "Traffic received"),
    Metric("internal_bytes", Unit.BYTES, Adds.COUNTER, "Traffic to own servers"),
    Metric("requests", Unit.COUNT, Adds.COUNTER, "Requests"),
    Metric("accepted_connections", Unit.COUNT, Adds.COUNTER, "Connections accepted"),
    Metric("dropped_connections", Unit.COUNT, Adds.COUNTER, "Connections dropped", Bad.HIGH),
    Metric("origin_bytes", Unit.BYTES, Adds.COUNTER, "Traffic from its origin"),
    Metric("responses_1xx", Unit.COUNT, Adds.COUNTER, "Answers 1xx (informational)"),
    Metric("responses_2xx", Unit.COUNT, Adds.COUNTER, "Answers 2xx (success)"),
    Metric("responses_3xx", Unit.COUNT, Adds.COUNTER, "Answers 3xx (elsewhere, or unchanged)"),
    Metric("responses_4xx", Unit.COUNT, Adds.COUNTER, "Answers 4xx (refused or not found)", Bad.HIGH),
    Metric("responses_5xx", Unit.COUNT, Adds.COUNTER, "Answers 5xx (server errors)", Bad.HIGH),
    Metric("cache_hit", Unit.COUNT, Adds.COUNTER, "Cache: hits"),
    Metric("cache_miss", Unit.COUNT, Adds.COUNTER, "Cache: misses"),
    Metric("cache_bypass", Unit.COUNT, Adds.COUNTER, "Cache: passed by"),
    Metric("cache_expired", Unit.COUNT, Adds.COUNTER, "Cache: expired, fetched again"),
    Metric("cache_stale", Unit.COUNT, Adds.COUNTER, "Cache: stale, origin not answering"),
    Metric("cache_updating", Unit.COUNT, Adds.COUNTER, "Cache: stale, being fetched again"),
    Metric("cache_revalidated", Unit.COUNT, Adds.COUNTER, "Cache: expired, confirmed by the origin"),
    Metric("cache_scarce", Unit.COUNT, Adds.COUNTER, "Cache: asked for too rarely to keep"),
    Metric("viewers", Unit.COUNT, Adds.GAUGE, "Viewers", Bad.LOW),
    Metric("live_streams", Unit.COUNT, Adds.GAUGE, "Streams on air", Bad.LOW),
    Metric("connections", Unit.COUNT, Adds.GAUGE, "Connections"),
    Metric("idle_connections", Unit.COUNT, Adds.GAUGE, "Connections waiting"),
    Metric("reading_connections", Unit.COUNT, Adds.GAUGE, "Connections being read"),
    Metric("writing_connections", Unit.COUNT, Adds.GAUGE, "Connections being answered"),
    Metric("cache_bytes", Unit.BYTES, Adds.GAUGE, "Cache in use"),
    Metric("origins_down", Unit.COUNT, Adds.GAUGE, "Origins down, as it sees them", Bad.HIGH),
    Metric("process_cpu", Unit.RATIO, Adds.GAUGE, "Processor, this service (1 core = 100 %)", Bad.HIGH),
    Metric("system_cpu", Unit.RATIO, Adds.GAUGE, "Processor, whole machine", Bad.HIGH),
    Metric("process_memory_peak", Unit.BYTES, Adds.GAUGE, "Memory, this service (highest so far)"),
    Metric("system_memory", Unit.RATIO, Adds.GAUGE, "Memory, whole machine", Bad.HIGH),
    Metric("system_swap", Unit.RATIO, Adds.GAUGE, "Swap in use", Bad.HIGH),
    Metric("disk_busy", Unit.RATIO, Adds.GAUGE, "Disk busy", Bad.HIGH),
    Metric("load_1m", Unit.LOAD, Adds.GAUGE, "Load, 1 min", Bad.HIGH),
    Metric("load_5m", Unit.LOAD, Adds.GAUGE, "Load, 5 min", Bad.HIGH),
    Metric("load_15m", Unit.LOAD, Adds.GAUGE, "Load, 15 min", Bad.HIGH),
    Metric("processors", Unit.COUNT, Adds.GAUGE, "Processor cores"),
    Metric("process_uptime", Unit.SECONDS, Adds.GAUGE, "Running for"),
)

# Made by the collector from lists of clients (`collector/pulls.py`), not read from an answer.
DERIVED: frozenset[str] = frozenset({"internal_bytes"})

BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}
COUNTERS: tuple[Metric, ...] = tuple(metric for metric in METRICS if metric.is_counter)
GAUGES: tuple[Metric, ...] = tuple(metric for metric in METRICS if not metric.is_counter)
