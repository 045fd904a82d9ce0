"""Metrics of any time out of roll-ups equal a slow, obvious computation over the polls they were made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from cdn.model import Reading
from db import query, rollup
from db.asked import Only
from db.quantities import QUANTITIES
from db.query_sql import Group, Level
from db.query_steps import Span
from db.steps import ceiling
from tests import rolled_rows
from tests.readings import START, moment
from tests.test_rollup import Counting, events, new_server, play, rows

# How much of something, and over how many seconds (or of how many): a figure is the one over the other.
Part = tuple[float, float]
# → bits of a byte
COUNTED = {"egress_bytes": 8, "ingress_bytes": 8, "requests": 1, "cache_hit": 1}
GAUGES = ("connections", "system_cpu")
INTERVAL = 15.0


class Busy(Counting):
    """It counts answers out of its cache and tells how busy it is, too; viewers come and go."""

    def reading(self) -> Reading:
        """What the server answers now."""
        plain = super().reading()
        counted = {"cache_hit": self.egress // 7, "cache_miss": self.egress // 11}
        seen = {"system_cpu": self.egress % 101 / 101, "viewers": float(self.egress % 50)}
        return replace(plain, counters={**plain.counters, **counted}, gauges={**plain.gauges, **seen})


def polls(engine: Engine, server_id: int) -> pd.DataFrame:
    """Every poll of a server; at, since, begin (of what it counted): seconds since 1970."""
    found = pd.DataFrame(rows(engine, "SELECT * FROM sample WHERE server_id = :id ORDER BY at", id=server_id))
    for name in ("at", "since"):
        found[name] = [at.timestamp() for at in found[name]]
    for name in (*COUNTED, "cache_miss", *GAUGES, "viewers", "counted_seconds"):
        found[name] = found[name].astype("float64")
    return found.assign(begin=found["at"] - found["counted_seconds"])


def seconds_in(found: pd.DataFrame, begin: str, low: float, high: float) -> pd.Series:
    return (found["at"].clip(upper=high) - found[begin].clip(lower=low)).clip(lower=0)


def counted(name: str, found: pd.DataFrame, low: float, high: float) -> Part:
    known = found[found[name].notna() & (found["counted_seconds"] > 0)]
    inside = seconds_in(known, "begin", low, high)
    return float((known[name] * inside / known["counted_seconds"]).sum()), float(inside.sum())


def seen(name: str, found: pd.DataFrame, low: float, high: float) -> Part:
    known = found[found[name].notna() & found["up"]]
    inside = seconds_in(known, "since", low, high)
    return float((known[name] * inside).sum()), float(inside.sum())


def watched(found: pd.DataFrame, low: float, high: float) -> Part:
    inside = seconds_in(found, "since", low, high)
    return float(inside[found["up"]].sum()), float(inside.sum())


def hits(found: pd.DataFrame, low: float, high: float) -> Part:
    hit, miss = (counted(name, found, low, high)[0] for name in ("cache_hit", "cache_miss"))
    return hit, hit + miss


def summed(parts: list[Part]) -> Part | None:
    known = [top / bottom for top, bottom in parts if bottom > 0]
    return (sum(known), min(bottom for _, bottom in parts if bottom > 0)) if known else None


def divided(parts: list[Part]) -> Part | None:
    top, bottom = (sum(part[place] for part in parts) for place in (0, 1))
    return (top / bottom, bottom) if bottom > 0 else None


# metric → what a server adds, and how servers become one figure
METRICS: dict[str, tuple[Callable[..., Part], Callable[[list[Part]], Part | None]]] = {
    **{name: (lambda *given, name=name: counted(name, *given), summed) for name in COUNTED},
    "connections": (lambda *given: seen("connections", *given), summed),
    "viewers": (lambda *given: seen("viewers", *given), summed),
    "system_cpu": (lambda *given: seen("system_cpu", *given), divided),
    "availability": (watched, divided),
    "cache_hit_ratio": (hits, divided),
}


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=st.lists(events, min_size=2, max_size=2))
@pytest.mark.parametrize(("level", "step"), [("5m", 300), ("5m", 1_800), ("1h", 3_600), ("1h", 14_400)])
def test_of_five_minutes_and_hours_every_figure_equals_the_slow_computation(
    engine: Engine, level: str, step: int, plans: list[Any]
) -> None:
    servers = [Busy(new_server(engine).server_id) for _ in plans]
    for server, plan in zip(servers, plans, strict=True):
        play(engine, server, plan)
    rollup.roll_up(engine, START + timedelta(days=4))
    end = ceiling(moment(max(server.seconds for server in servers) + 1), step)
    over = Span(START, max(end, START + timedelta(seconds=step)), step, Level(level))
    told = {server.server_id: polls(engine, server.server_id) for server in servers}
    only = Only(servers=tuple(told))
    for metric, group in product(METRICS, (Group.TOTAL, Group.SERVER)):
        found = query.history(engine, QUANTITIES[metric], group, over, only, interval=INTERVAL, most=10)
        answered = {(row.id, row.at): row.value for row in rolled_rows.told(found)}
        wanted = slow(metric, group, over, told)
        assert answered.keys() == wanted.keys(), (metric, group)
        factor = COUNTED.get(metric, 1)
        for key, (value, seconds) in wanted.items():
            # Counts are cut into whole numbers, seconds are kept in single precision.
            close = pytest.approx(value * factor, rel=1e-4, abs=4 * factor / seconds)
            assert answered[key] == close, (metric, group, key)


def slow(metric: str, group: Group, over: Span, told: dict[int, pd.DataFrame]) -> dict[Any, Part]:
    """(id, at) → the figure and the seconds it was formed over, of every step of which anything is known."""
    part, together = METRICS[metric]
    groups = {0: list(told)} if group is Group.TOTAL else {id_: [id_] for id_ in told}
    found = {}
    for id_, at in product(groups, over.times):
        low, high = at.timestamp(), at.timestamp() + over.step
        figure = together([part(told[each], low, high) for each in groups[id_]])
        if figure is not None:
            found[id_, pd.Timestamp(at)] = figure
    return found


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=events, step=st.sampled_from([(Level.POLLS, 300), (Level.FIVE_MINUTES, 300), (Level.HOURS, 7_200)]))
def test_the_least_and_the_most_are_those_of_the_polls_of_a_step(
    engine: Engine, plan: list[Any], step: tuple[Level, int]
) -> None:
    server = Busy(new_server(engine).server_id)
    play(engine, server, plan)
    rollup.roll_up(engine, START + timedelta(days=4))
    level, seconds = step
    over = Span(START, ceiling(moment(server.seconds + 1), seconds), seconds, level)
    only = Only(servers=(server.server_id,))
    found = query.extremes(engine, QUANTITIES["connections"], Group.SERVER, over, only, interval=INTERVAL)
    answered = {row.at: (row.least, row.most) for row in rolled_rows.told(found.dropna())}
    told = polls(engine, server.server_id)
    told = told[told["connections"].notna()]
    wanted = {}
    for at in over.times:
        low, high = at.timestamp(), at.timestamp() + seconds
        # A poll tells of all the time since the one before; as a poll it is of its own moment.
        inside = seconds_in(told, "since", low, high) > 0
        inside = (told["at"] >= low) & (told["at"] < high) if level is Level.POLLS else inside
        if inside.any():
            wanted[pd.Timestamp(at)] = told["connections"][inside].min(), told["connections"][inside].max()
    assert answered == wanted
