"""History of any quantity, by group and step: what /metrics/query and later explorations ask.

Polls and minutes answer as far back as they are kept, roll-ups all other questions. Every question is bounded before
it is asked: so many rows may be read (`MOST_ROWS`), so many points be answered.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, text

from db import history as traffic_history
from db import partitions, query_sql
from db.asked import By, Only
from db.engine import reading
from db.frame import frame
from db.quantities import Across, Quantity
from db.query_sql import SECONDS, Group, Level
from db.query_steps import Span, Wanted, finest, levels, span
from db.rolled import FIVE_MINUTES, HOUR
from db.steps import ceiling, floor, steps

# Rows that one question may read; on two busy cores 2.9 million minutes took 3 to 8 s.
MOST_ROWS = 3_000_000
_WORDS = {
    Level.POLLS: "polls",
    Level.MINUTES: "minutes",
    Level.FIVE_MINUTES: "five minutes",
    Level.HOURS: "hours",
    Level.DAYS: "days",
}
# A day is formed within so long after it is over.
_DAY_IS_LATE = timedelta(hours=1)


class TooMuch(Exception):
    """The question would read more than it may; the message says how much."""


class Unfit(Exception):
    """There are no least and most of what is asked; the message says of what there are."""


def kept(engine: Engine, quantity: Quantity, raw: datetime) -> dict[Level, datetime]:
    """Since when the rows of each level that has `quantity` are kept. raw: those of the finest. Raises Unavailable."""
    since = {finest(quantity): raw}
    for level in (Level.FIVE_MINUTES, Level.HOURS, *([Level.DAYS] if quantity.is_narrow else [])):
        days = partitions.existing(engine, query_sql.table(quantity, level)).values()
        if days:
            since[level] = datetime.combine(min(days), datetime.min.time(), UTC)
    return since


def choose(
    engine: Engine, quantity: Quantity, wanted: Wanted, only: Only, *, raw: datetime, now: datetime, **limits: Any
) -> tuple[Span, datetime]:
    """The steps of a question, out of the best level that need not read too much, and since when that one is kept.

    raw: since when polls and minutes are kept; limits: `series` (how many there may be) and `interval` (seconds between
    polls of servers without an own). Roll-ups end with what is rolled up. Raises WrongStep, TooMuch, Unavailable.
    """
    since = kept(engine, quantity, raw)
    refused: TooMuch | None = None
    for level in levels(wanted, since):
        over = span(quantity, _known(engine, wanted, level, now), limits["series"], level)
        try:
            with reading(engine) as connection:
                _refuse_too_much(connection, quantity, over, only, limits["interval"])
            return over, since[level]
        except TooMuch as error:
            refused = error
    raise refused or TooMuch("nothing is kept that would tell")


def _known(engine: Engine, wanted: Wanted, level: Level, now: datetime) -> Wanted:
    """The same up to what is rolled up."""
    if not level.is_rolled:
        return wanted
    if level is Level.DAYS:
        last = floor(now - _DAY_IS_LATE, SECONDS[level])
    else:
        last = traffic_history.newest(engine, now, SECONDS[level])
    return replace(wanted, until=min(wanted.until, last))


def history(
    engine: Engine, quantity: Quantity, group: Group, over: Span, only: Only, *, interval: float, most: int
) -> pd.DataFrame:
    """Figures of `quantity` in base units: id (of the server, or 0), name (of the group), at, value.

    The `most` series that are largest on average; `series` in each row says how many there are. Steps of which nobody
    knows anything have no row. interval: seconds between polls of servers without an own. Raises TooMuch.
    """
    query = text(query_sql.figures(quantity, group, over.level, only))
    with reading(engine) as connection:
        _refuse_too_much(connection, quantity, over, only, interval)
        return frame(connection, query, {**_bound(over, only), "most": most}, times=("at",), numbers=("value",))


def extremes(
    engine: Engine, quantity: Quantity, group: Group, over: Span, only: Only, *, interval: float
) -> pd.DataFrame:
    """The least and the most of a gauge in each step: id, name, at, least, most (NaN: nobody knows).

    Of a server what was seen in any poll, of a group that of any of its servers. Raises Unfit, TooMuch.
    """
    if not quantity.gauge:
        raise Unfit(f"{quantity.name} is counted up or made of sums: want a metric of moments, such as connections")
    if quantity.across is Across.SUM and group is not Group.SERVER:
        raise Unfit(f"{quantity.name} of several servers is their sum, of which nobody knows it: want group=server")
    level = over.level if over.level.is_rolled else Level.POLLS
    query = text(query_sql.extremes(quantity, group, level, only))
    with reading(engine) as connection:
        _refuse_too_much(connection, quantity, replace(over, level=level), only, interval)
        return frame(connection, query, _bound(over, only), times=("at",), numbers=("least", "most"))


def seen(engine: Engine, over: Span, only: Only, now: datetime) -> float | None:
    """Share of the servers' time that was watched, as far as it is rolled up; None: of nothing. Raises Unavailable."""
    end = min(over.end, traffic_history.newest(engine, now, FIVE_MINUTES))
    if over.start >= end:
        return None
    fine = traffic_history.fine_since(engine, By.TOTAL, only)
    parts = steps(over.start, end, fine_since=fine or ceiling(now, HOUR))
    (share,) = traffic_history.coverage(engine, parts, only)["seen"]
    return None if pd.isna(share) else float(share)


def _bound(over: Span, only: Only) -> dict[str, Any]:
    return {"start": over.start, "end": over.end, "step": over.step, **only.parameters()}


def _refuse_too_much(connection: Connection, quantity: Quantity, over: Span, only: Only, interval: float) -> None:
    is_told = quantity.told_apart and not over.level.is_rolled
    of = Only() if is_told else only
    found = connection.execute(text(query_sql.servers(of)), {**_bound(over, of), "interval": interval}).one()
    seconds = (over.end - over.start).total_seconds()
    rows = {Level.POLLS: found.polls * seconds, Level.MINUTES: found.servers * seconds / SECONDS[Level.MINUTES]}
    count = rows.get(over.level, found.seconds / SECONDS[over.level])
    if count > MOST_ROWS:
        raise TooMuch(
            f"it would read about {count / 1e6:,.1f} million {_WORDS[over.level]} of {found.servers:,} servers,"
            f" and may read {MOST_ROWS / 1e6:,.0f} million"
        )
