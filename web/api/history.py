"""The history of any metric, by group and step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import isfinite
from typing import Annotated, Any

from fastapi import APIRouter, Query

from cdn.clock import utc_now
from cdn.settings import settings
from db import engine as engines
from db import query
from db.frame import records
from db.quantities import QUANTITIES, Source
from db.query import STEPS, WINDOWS, Group, Only, Span, TooMuch, WrongStep
from web.api.auth import Reader
from web.api.inputs import LARGEST_ID, Moment, OfKind, OfProvider, OfRegion, OfRole
from web.api.problem import READS, Problem
from web.api.shapes_metrics import History, MetricShape, Series

router = APIRouter(prefix="/metrics", tags=["history"])
EARLIEST = datetime(2000, 1, 2, tzinfo=UTC)

MetricName = StrEnum("MetricName", {name: name for name in QUANTITIES})  # type: ignore[misc]
WindowName = StrEnum("WindowName", {f"last_{name}": name for name in WINDOWS})  # type: ignore[misc]
StepName = StrEnum("StepName", {f"of_{name}": name for name in STEPS})  # type: ignore[misc]

Metric = Annotated[MetricName, Query(description="A name out of GET /metrics.", examples=["delivered"])]
GroupBy = Annotated[Group, Query(description="What the figures are told apart by.")]
Window = Annotated[WindowName, Query(description="How far back from `until`.", examples=["24h"])]
Step = Annotated[
    StepName | None,
    Query(description="How long each step is; left out: about 300 steps. The answer says what was chosen."),
]
Until = Annotated[Moment | None, Query(description="Up to when, with its zone; left out: now.")]
Servers = Annotated[
    list[Annotated[int, Query(ge=1, le=LARGEST_ID)]],
    Query(max_length=100, description="Only of these servers: server_id=1&server_id=2."),
]
Most = Annotated[int, Query(ge=1, le=500, description="So many series at most, those with the largest mean.")]


@router.get("", responses=READS)
def metrics(_by: Reader) -> list[MetricShape]:
    """Everything that /metrics/query can be asked for."""
    return [
        MetricShape(name=each.name, label=each.label, unit=each.unit, source=each.source, across=each.across)
        for each in QUANTITIES.values()
    ]


@router.get("/query", responses=READS)
def ask(
    _by: Reader,
    metric: Metric,
    group: GroupBy = Group.TOTAL,
    window: Window = WindowName("24h"),  # noqa: B008
    step: Step = None,
    until: Until = None,
    server_id: Servers = [],  # noqa: B006
    role: OfRole = None,
    region: OfRegion = None,
    provider: OfProvider = None,
    kind: OfKind = None,
    most: Most = 50,
) -> History:
    """The history of a metric in even steps, whole ones by the clock.

    Rates are Σ increase ÷ Σ counted seconds of each server, ratios sums over sums. At most 1,500 points a series.
    Questions that would read too much are refused, and say how much.
    """
    config, now = settings(), utc_now()
    quantity = QUANTITIES[metric.value]
    end = min(max(until or now, EARLIEST), now)
    only = Only(tuple(server_id), role or "", region or "", provider or "", kind or "")
    try:
        over = query.span(quantity, window.value, step and step.value, end, most if group is Group.SERVER else 1)
        rows = records(
            query.history(engines.shared(), quantity, group, over, only, interval=config.poll_interval, most=most)
        )
    except WrongStep as error:
        raise Problem(422, "A parameter is wrong", faults={"query.step": str(error)}) from None
    except TooMuch as error:
        shorter = "Ask for a shorter window, or of fewer servers."
        raise Problem(422, "That is too much at once", shorter, faults={"query.window": str(error)}) from None
    series = _series(rows, over, group)
    days = config.retain_minutes_days if quantity.source is Source.MINUTES else config.retain_samples_days
    return History(
        metric=quantity.name,
        label=quantity.label,
        unit=quantity.unit,
        across=quantity.across,
        group=group,
        window=window.value,
        since=over.start,
        until=over.end,
        step_seconds=over.step,
        source=quantity.source,
        kept_since=(now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0),
        at=over.times,
        series=series,
        series_left_out=rows[0]["series"] - len(series) if rows else 0,
    )


def _series(rows: list[dict[str, Any]], over: Span, group: Group) -> list[Series]:
    """The rows of db.query.history as one list of values each; without rows one of a total that nobody knows."""
    found: dict[tuple[int, str], list[float | None]] = {}
    for row in rows:
        values = found.setdefault((row["id"], row["name"]), [None] * over.points)
        value = float(row["value"])
        values[round((row["at"] - over.start).total_seconds() / over.step)] = value if isfinite(value) else None
    if not found and group is Group.TOTAL:
        found[0, ""] = [None] * over.points
    return [Series(name=name, server_id=id_ or None, values=values) for (id_, name), values in found.items()]
