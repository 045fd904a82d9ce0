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
    Metric("requests", Unit.COUNT, Adds.COUNTER, "Requests"),
    Metric("accepted_connections", Unit.COUNT, Adds.COUNTER, "Connections accepted"),
    Metric("dropped_connections", Unit.COUNT, Adds.COUNTER, "Connections dropped", Bad.HIGH),
    Metric("viewers", Unit.COUNT, Adds.GAUGE, "Viewers", Bad.LOW),
    Metric("live_streams", Unit.COUNT, Adds.GAUGE, "Streams on air", Bad.LOW),
    Metric("connections", Unit.COUNT, Adds.GAUGE, "Connections"),
    Metric("idle_connections", Unit.COUNT, Adds.GAUGE, "Connections waiting"),
    Metric("reading_connections", Unit.COUNT, Adds.GAUGE, "Connections being read"),
    Metric("writing_connections", Unit.COUNT, Adds.GAUGE, "Connections being answered"),
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

BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}
COUNTERS: tuple[Metric, ...] = tuple(metric for metric in METRICS if metric.is_counter)
GAUGES: tuple[Metric, ...] = tuple(metric for metric in METRICS if not metric.is_counter)
