"""What can be asked of the history, by name: every metric of the catalogue, and what is made of several of them.

Pure. How each is formed is SQL for `db/query_sql.py`; a ratio is always a sum over a sum, never a mean of ratios.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cdn.metrics import METRICS, Metric, Unit
from cdn.units import BITS_PER_BYTE


class Source(StrEnum):
    """Where a quantity comes from, and so how fine its steps can be."""

    MINUTES = "minutes"
    POLLS = "polls"


class Across(StrEnum):
    """How the servers of a group become one figure."""

    SUM = "sum"
    MEAN = "mean"
    RATIO = "ratio_of_sums"


@dataclass(frozen=True, slots=True)
class Rolled:
    """The same out of roll-ups, where it is not formed alike. columns: SQL of what a server adds to a step; formed: of
    the figure of a group, made of `part`, the sums of its servers ("": as Across says, out of top and bottom)."""

    columns: str
    formed: str = ""


@dataclass(frozen=True, slots=True)
class Quantity:
    """Something that can be asked for.

    top, bottom: SQL of what a server adds to a step; its figure there is top ÷ bottom. Of a RATIO both are summed over
    the servers first. told_apart: formed by db/delivered.py instead, of all servers together. gauge: the column whose
    least and most are known, too.
    """

    name: str
    label: str
    unit: str
    source: Source
    across: Across
    top: str = ""
    bottom: str = ""
    told_apart: str = ""
    rolled: Rolled | None = None
    gauge: str = ""

    @property
    def is_narrow(self) -> bool:
        """Whether `traffic_*` knows it; else `server_*` does."""
        return self.source is Source.MINUTES


_IN_MINUTES = ("egress_bytes", "ingress_bytes", "internal_bytes", "origin_bytes")
_SECONDS_IN_MINUTES = {"viewers": "viewer_seconds", "live_streams": "stream_seconds"}
ANSWERED = ("hit", "miss", "bypass", "expired", "stale", "updating", "revalidated", "scarce")
# What was answered out of the cache, whether or not the origin was asked if it still holds.
FROM_CACHE = ("hit", "stale", "updating", "revalidated")
_UNITS = {Unit.BYTES: "bytes", Unit.COUNT: "count", Unit.RATIO: "ratio", Unit.SECONDS: "seconds", Unit.LOAD: "load"}


def _of_catalogue(metric: Metric) -> Quantity:
    name, label = metric.name, metric.label
    if metric.is_counter:
        factor = BITS_PER_BYTE if metric.unit is Unit.BYTES else 1
        return Quantity(
            name,
            label,
            "bit/s" if metric.unit is Unit.BYTES else "1/s",
            Source.MINUTES if name in _IN_MINUTES else Source.POLLS,
            Across.SUM,
            f"sum({name})::float8 * {factor}",
            f"sum(counted_seconds::float8) FILTER (WHERE {name} IS NOT NULL)",
        )
    if seconds := _SECONDS_IN_MINUTES.get(name):
        return Quantity(
            name,
            label,
            "count",
            Source.MINUTES,
            Across.SUM,
            f"sum({seconds})",
            f"sum(up_seconds::float8) FILTER (WHERE {seconds} IS NOT NULL)",
            gauge=name,
        )
    # Numbers of things add up; how busy or how old a server is does not.
    across = Across.SUM if metric.unit is Unit.COUNT or name == "cache_bytes" else Across.MEAN
    rolled = Rolled(f"sum({name}::float8 * {name}_known) AS top, sum({name}_known::float8) AS bottom")
    top, bottom = f"sum({name})", f"count({name})"
    return Quantity(name, label, _UNITS[metric.unit], Source.POLLS, across, top, bottom, rolled=rolled, gauge=name)


def _sums(names: tuple[str, ...]) -> str:
    return " + ".join(f"coalesce(sum({name}), 0)" for name in names)


def _rate(size: str, known: str) -> Rolled:
    """bit/s of the bytes `size` of rows that are `known`."""
    return Rolled(
        f"(sum({size}) FILTER (WHERE {known}))::float8 * {BITS_PER_BYTE} AS top,"
        f" sum(counted_seconds::float8) FILTER (WHERE {known}) AS bottom"
    )


_MADE: tuple[Quantity, ...] = (
    Quantity(
        "delivered",
        "Traffic to viewers",
        "bit/s",
        Source.MINUTES,
        Across.SUM,
        told_apart="sum(part.delivered_bps)",
        rolled=_rate("delivered_bytes", "delivered_bytes IS NOT NULL"),
    ),
    Quantity(
        "internal",
        "Traffic to own servers",
        "bit/s",
        Source.MINUTES,
        Across.SUM,
        told_apart="sum(part.internal_bps)",
        rolled=_rate(
            "greatest(egress_bytes - delivered_bytes - coalesce(untold_bytes, 0), 0)",
            # Of an edge nobody asked who reads from it: that is not nothing.
            "delivered_bytes IS NOT NULL AND (internal_bytes IS NOT NULL OR delivered_bytes < egress_bytes)",
        ),
    ),
    Quantity(
        "origin_offload",
        "Share of the traffic to viewers that did not leave the first origins",
        "ratio",
        Source.MINUTES,
        Across.RATIO,
        # As db.delivered.TOTALS, of `part`.
        told_apart="CASE WHEN sum(part.delivered_bps) > 0 AND NOT bool_or(part.is_home AND part.egress_bps IS NOT NULL"
        " AND part.internal_bps IS NULL) THEN 1 - sum(part.from_home_bps) / sum(part.delivered_bps) END",
        rolled=Rolled(
            "sum(delivered_bytes)::float8 AS delivered, sum(home_bytes)::float8 AS home,"
            " coalesce(sum(untold_bytes), 0) AS untold",
            "CASE WHEN sum(part.delivered) > 0 AND sum(part.untold) = 0"
            " THEN 1 - sum(part.home) / sum(part.delivered) END",
        ),
    ),
    Quantity(
        "servers_up",
        "Servers that answer",
        "count",
        Source.MINUTES,
        Across.SUM,
        "sum(up_seconds::float8)",
        "sum(covered_seconds::float8)",
    ),
    Quantity(
        "availability",
        "Share of the time watched in which servers answered",
        "ratio",
        Source.MINUTES,
        Across.RATIO,
        "sum(up_seconds::float8)",
        "sum(covered_seconds::float8)",
    ),
    Quantity(
        "cache_hit_ratio",
        "Share of answers out of the cache",
        "ratio",
        Source.POLLS,
        Across.RATIO,
        f"CASE WHEN count(cache_hit) > 0 THEN ({_sums(tuple(f'cache_{each}' for each in FROM_CACHE))})::float8 END",
        _sums(tuple(f"cache_{each}" for each in ANSWERED)),
    ),
    Quantity(
        "server_error_ratio",
        "Share of answers that are server errors (5xx)",
        "ratio",
        Source.POLLS,
        Across.RATIO,
        "sum(responses_5xx)::float8",
        _sums(tuple(f"responses_{each}xx" for each in range(1, 6))),
    ),
)

QUANTITIES: dict[str, Quantity] = {each.name: each for each in (*_MADE, *map(_of_catalogue, METRICS))}
