"""The history of any metric, by group and step."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import isfinite
from typing import Annotated, Any

from fastapi import APIRouter, Query

from cdn.clock import utc_now
from cdn.settings import settings
from db import engine as engines
from db import query
from db.asked import Only
from db.frame import records
from db.quantities import QUANTITIES, Source
from db.query import TooMuch, Unfit
from db.query_sql import SECONDS, Group, Level
from db.query_steps import LONGEST, STEPS, WINDOWS, Span, Wanted, WrongStep
from web.api.auth import Reader
from web.api.inputs import LARGEST_ID, Moment, OfKind, OfProvider, OfRegion, OfRole, YesNo
from web.api.problem import READS, Problem
from web.api.shapes_metrics import History, MetricShape, Series

router = APIRouter(prefix="/metrics", tags=["history"])
EARLIEST = datetime(2000, 1, 2, tzinfo=UTC)

MetricName = StrEnum("MetricName", {name: name for name in QUANTITIES})  # type: ignore[misc]
WindowName = StrEnum("WindowName", {f"last_{name}": name for name in WINDOWS})  # type: ignore[misc]
StepName = StrEnum("StepName", {f"of_{name}": name for name in STEPS})  # type: ignore[misc]

USUAL = WindowName("24h")

Metric = Annotated[MetricName, Query(description="A name out of GET /metrics.", examples=["delivered"])]
GroupBy = Annotated[Group, Query(description="What the figures are told apart by.")]
Window = Annotated[
    WindowName | None, Query(description="How far back from `until`; left out, without `since`: 24h.", examples=["24h"])
]
Step = Annotated[
    StepName | None,
    Query(description="How long each step is; left out: about 300 steps. The answer says what was chosen."),
]
Since = Annotated[Moment | None, Query(description="From when, with its zone, instead of `window`: any time at all.")]
Until = Annotated[Moment | None, Query(description="Up to when, with its zone; left out: now.")]
Servers = Annotated[
    list[Annotated[int, Query(ge=1, le=LARGEST_ID)]],
    Query(max_length=100, description="Only of these servers: server_id=1&server_id=2."),
]
Extremes = Annotated[
    YesNo, Query(description="Also the least and the most in each step: of metrics that `has_extremes`.")
]
Most = Annotated[int, Query(ge=1, le=500, description="So many series at most, those with the largest mean.")]


@router.get("", responses=READS)
def metrics(_by: Reader) -> list[MetricShape]:
    """Everything that /metrics/query can be asked for."""
    return [
        MetricShape(
            name=each.name,
            label=each.label,
            unit=each.unit,
            source=each.source,
            across=each.across,
            has_extremes=bool(each.gauge),
        )
        for each in QUANTITIES.values()
    ]


@router.get("/query", responses=READS, response_model_exclude_unset=True)
def ask(
    _by: Reader,
    metric: Metric,
    group: GroupBy = Group.TOTAL,
    window: Window = None,
    step: Step = None,
    since: Since = None,
    until: Until = None,
    server_id: Servers = [],  # noqa: B006
    role: OfRole = None,
    region: OfRegion = None,
    provider: OfProvider = None,
    kind: OfKind = None,
    most: Most = 50,
    extremes: Extremes = False,
) -> History:
    """The history of a metric in even steps, whole ones by the clock, for as long as anything of it is kept.

    Of late it is answered from polls and minutes, of longer and earlier times from five minutes, hours and days
    (`level`). Rates are Σ increase ÷ Σ counted seconds of each server, ratios sums over sums; means of several servers
    weigh each by how long it was known, of polls all alike. At most 1,500 points a series.
    Questions that would read too much are refused, and say how much.
    """
    config, now, engine = settings(), utc_now(), engines.shared()
    quantity = QUANTITIES[metric.value]
    wanted = _wanted(window, since, min(max(until or now, EARLIEST), now), step)
    only = Only(tuple(server_id), _any(role), _any(region), _any(provider), _any(kind))
    days = config.retain_minutes_days if quantity.source is Source.MINUTES else config.retain_samples_days
    raw = (now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    limits = {"series": most if group is Group.SERVER else 1, "interval": config.poll_interval}
    try:
        over, kept_since = query.choose(engine, quantity, wanted, only, raw=raw, now=now, **limits)
        found = query.history(engine, quantity, group, over, only, interval=config.poll_interval, most=most)
        rows = records(found)
        series = _series(rows, over, group)
        if extremes:
            of = replace(only, servers=tuple(each.server_id for each in series if each.server_id) or only.servers)
            _add_extremes(
                series,
                records(query.extremes(engine, quantity, group, over, of, interval=config.poll_interval)),
                over,
            )
    except Unfit as error:
        raise Problem(422, "A parameter is wrong", faults={"query.extremes": str(error)}) from None
    except WrongStep as error:
        raise Problem(422, "A parameter is wrong", faults={"query.step": str(error)}) from None
    except TooMuch as error:
        shorter = "Ask for a shorter window, or of fewer servers."
        faults = {"query.window" if since is None else "query.since": str(error)}
        raise Problem(422, "That is too much at once", shorter, faults=faults) from None
    return History(
        metric=quantity.name,
        label=quantity.label,
        unit=quantity.unit,
        across=quantity.across,
        group=group,
        window=None if since is not None else (window or USUAL).value,
        since=over.start,
        until=over.end,
        step_seconds=over.step,
        source=quantity.source,
        level=over.level,
        bucket_seconds=None if over.level is Level.POLLS else SECONDS[over.level],
        seen=query.seen(engine, over, only, now),
        kept_since=kept_since,
        at=over.times,
        series=series,
        series_left_out=rows[0]["series"] - len(series) if rows else 0,
    )


def _wanted(window: WindowName | None, since: datetime | None, until: datetime, step: StepName | None) -> Wanted:
    """What is asked about. Raises Problem 422."""
    seconds = None if step is None else STEPS[step.value]
    if since is None:
        return Wanted(WINDOWS[(window or USUAL).value], until, seconds)
    if window is not None:
        raise Problem(422, "A parameter is wrong", faults={"query.since": "both since and window: want one of them"})
    if since >= until:
        told = f"{_told(since)} is not before {_told(until)}: want a time before `until` and before now"
        raise Problem(422, "A parameter is wrong", faults={"query.since": told})
    since = max(since, EARLIEST)
    if until - since > LONGEST:
        told = f"that is {(until - since).days:,} days; want at most {LONGEST.days:,}"
        raise Problem(422, "That is too much at once", faults={"query.since": told})
    return Wanted(until - since, until, seconds, since)


def _any(word: str | None) -> tuple[str, ...]:
    return (str(word),) if word else ()


def _told(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _series(rows: list[dict[str, Any]], over: Span, group: Group) -> list[Series]:
    """The rows of db.query.history as one list of values each; without rows one of a total that nobody knows."""
    found = _by_group(rows, "value", over)
    if not found and group is Group.TOTAL:
        found[0, ""] = [None] * over.points
    return [Series(name=name, server_id=id_ or None, values=values) for (id_, name), values in found.items()]


def _by_group(rows: list[dict[str, Any]], column: str, over: Span) -> dict[tuple[int, str], list[float | None]]:
    """One list of values, a step each, for every group in the order of the rows."""
    found: dict[tuple[int, str], list[float | None]] = {}
    for row in rows:
        values = found.setdefault((row["id"], row["name"]), [None] * over.points)
        value = row[column]
        values[round((row["at"] - over.start).total_seconds() / over.step)] = (
            value if value is not None and isfinite(value) else None
        )
    return found


def _add_extremes(series: list[Series], rows: list[dict[str, Any]], over: Span) -> None:
    """The rows of db.query.extremes into their series; those of series that are left out go nowhere."""
    least, most = (_by_group(rows, column, over) for column in ("least", "most"))
    unknown: list[float | None] = [None] * over.points
    for each in series:
        key = each.server_id or 0, each.name
        each.least, each.most = least.get(key, unknown), most.get(key, unknown)
