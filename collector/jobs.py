"""Work that runs by the clock beside the polls: a table of (name, period in seconds, function).

A job is one function (engine, now, settings) → a line worth telling, or None. It runs in one collector or
in several at once alike: what must happen once takes a lock of its own transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from cdn.settings import Settings
from cdn.units import HOUR, MINUTE
from collector.discovery import discover
from db import groups, minutes, partitions, retention, rollup, samples
from db.engine import Engine, reading


class Job(NamedTuple):
    """One line of the table."""

    name: str
    period: float
    run: Callable[[Engine, datetime, Settings], str | None]


def keep_partitions(engine: Engine, now: datetime, settings: Settings) -> str | None:
    """Make the partitions of the next days and drop those that are no longer kept."""
    with reading(engine) as connection:
        days = retention.in_force(connection, settings)
    report = partitions.maintain(engine, now, days)
    parts = {"made": report.made, "dropped": report.dropped, "could not drop yet": report.postponed}
    told = [f"{verb} {_few(names)}" for verb, names in parts.items() if names]
    if waiting := [each for each in retention.shorter(engine, settings, now) if each.partitions]:
        names = ", ".join(sorted({retention.KEPT_BY[each.table][1].upper() for each in waiting}))
        told.append(f"{names} would drop what is kept now: python -m db shorten says what, and asks")
    return f"partitions: {'; '.join(told)}" if told else None


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} ({names[0]} to {names[-1]})"


def roll_up(engine: Engine, now: datetime, settings: Settings) -> str | None:
    """Roll up the five minutes, hours and days that are over."""
    rollup.roll_up(engine, now)
    return None


def form_minutes(engine: Engine, now: datetime, settings: Settings) -> str | None:
    """Add up the fleet's minutes that are over."""
    minutes.keep(engine, now)
    return None


def keep_groups(engine: Engine, now: datetime, settings: Settings) -> str | None:
    """Put the history of servers that somebody changed where it belongs now."""
    moved = groups.keep(engine)
    return f"{moved} servers have other neighbours now: their sums were formed again" if moved else None


def forget_gone_streams(engine: Engine, now: datetime, settings: Settings) -> str | None:
    """Forget streams that are gone for longer than their minutes are kept."""
    with reading(engine) as connection:
        count = samples.forget_gone_streams(connection, now - timedelta(days=settings.retain_stream_samples_days))
    return f"forgot {count:,} streams that are long gone" if count else None


JOBS: tuple[Job, ...] = (
    Job("partitions", HOUR, keep_partitions),
    Job("minutes", MINUTE / 4, form_minutes),
    Job("roll-ups", MINUTE, roll_up),
    Job("groups", MINUTE, keep_groups),
    Job("gone streams", HOUR, forget_gone_streams),
    Job("discovery", MINUTE, discover),
)
