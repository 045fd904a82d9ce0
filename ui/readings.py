"""Two readings of a server's counters, and the arithmetic that makes figures of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from cdn.metrics import Metric, Unit
from cdn.units import BITS_PER_BYTE
from db.live import rate_name
from ui import numbers, tables
from ui.form import found
from ui.groups import Group
from ui.html import NOTHING, Html, code, fill
from ui.server import answers


@dataclass(frozen=True, slots=True)
class Working:
    """What the working of a server's figures is told from.

    server: its row of db.live.fleet; readings, coverage: those functions of db.working; history, streams: those of
    db.server; clients_interval: seconds between two lists of clients.
    """

    server: Any
    readings: pd.DataFrame
    coverage: pd.DataFrame
    history: pd.DataFrame
    streams: pd.DataFrame
    clients_interval: float
    now: datetime
    zone: tzinfo


def counted(group: Group, metrics: Sequence[Metric], names: dict[str, str], work: Working) -> Iterator[Html]:
    """The readings of counters, and a rate from each."""
    known = {row.name: row for row in work.readings.itertuples(index=False)}
    rows = [(metric, names[rate_name(metric)], known[metric.name]) for metric in metrics if metric.name in known]
    if not rows:
        yield say("The server never told these counters in an answer that we could read.")
        return
    yield say(
        "The server only ever counts up. We read its counters twice: what they grew, over the seconds in between,"
        " is the figure."
    )
    yield _readings(rows, work)
    yield found((name, _sum(group, metric, row)) for metric, name, row in rows)
    yield say(_seconds(rows[0][2]))
    if not answers(work.server):
        yield say(
            f"The server does not answer: these are its last good readings, {exact_time(work.server.good_at, work)}."
        )


def _readings(rows: Sequence[tuple[Metric, str, Any]], work: Working) -> Html:
    """The table of the two readings: when, by which clock, and what each counter said."""
    first = rows[0][2]
    columns = [
        tables.Column(""),
        tables.Column("By our clock"),
        tables.Column("By its own clock"),
        *(tables.Column(f"{name}{', bytes' if metric.unit is Unit.BYTES else ''}", True) for metric, name, _ in rows),
    ]

    def clock(value: Any) -> Html:
        if numbers.missing(value):
            return tables.unknown("this server does not say when its counters were true")
        return fill("{at}", at=exact_time(pd.Timestamp(value, unit="s", tz="UTC"), work))

    def count(value: Any) -> Html:
        return tables.unknown("not read then") if numbers.missing(value) else fill("{count}", count=f"{int(value):,}")

    shown: list[list[object]] = [
        [_moment(first.before_at, work), clock(first.before_clock), *(count(row.before) for *_, row in rows)],
        [_moment(first.now_at, work), clock(first.now_clock), *(count(row.now) for *_, row in rows)],
        [
            seconds_words(_apart(first.before_at, first.now_at)),
            seconds_words(first.now_clock - first.before_clock),
            *(count(_grown(row)) for *_, row in rows),
        ],
    ]
    named = zip(("Reading 1", "Reading 2", "Between"), shown, strict=True)
    return tables.table(
        "The two readings behind the newest figures", columns, [tables.Row([name, *cells]) for name, cells in named]
    )


def _so(flag: Any) -> bool:
    return not numbers.missing(flag) and bool(flag)


def _grown(row: Any) -> Any:
    return None if numbers.missing(row.before) or numbers.missing(row.now) else row.now - row.before


def _sum(group: Group, metric: Metric, row: Any) -> Html:
    """The formula with its numbers, and the figure it makes."""
    if numbers.missing(row.increase) or numbers.missing(row.counted_seconds) or row.counted_seconds <= 0:
        return fill("{why}", why=_why_not(row))
    increase, grown = int(row.increase), _grown(row)
    if _so(row.restarted) or grown is None or increase != int(grown):
        counted = f"{increase:,}"
    else:
        counted = f"({int(row.now):,} − {int(row.before):,})"
    return rate(group, metric, counted, increase, float(row.counted_seconds))


def rate(group: Group, metric: Metric, counted: str, increase: int, seconds: float) -> Html:
    """The formula that makes a rate of an increase over seconds; counted: the increase as it came about."""
    if metric.unit is Unit.BYTES:
        value = increase * BITS_PER_BYTE / seconds
        formula = f"{counted} bytes × {BITS_PER_BYTE} ÷ {seconds_words(seconds)} = {value:,.0f} bit/s"
    else:
        value = increase / seconds
        formula = f"{counted} ÷ {seconds_words(seconds)} = {value:,.3f} per second"
    return fill("{formula} shown as {value}", formula=code(formula), value=group.words(value))


def _why_not(row: Any) -> str:
    if numbers.missing(row.before):
        return "One reading so far: two make a figure."
    if _so(row.restarted):
        return "Other processes answer now that ran before our last look: what they counted is not of this time."
    if not numbers.missing(row.now) and row.now < row.before:
        return "It fell although the server ran on: nobody knows how much it grew, so nothing is counted."
    return "Nothing is counted of it at the newest reading."


def _seconds(row: Any) -> str:
    """Over which seconds the counters grew, and by whose clock."""
    if numbers.missing(row.counted_seconds):
        return ""
    seconds = seconds_words(row.counted_seconds)
    if _so(row.restarted):
        began = "The server started again between the readings, so its counters began at 0."
        gap = "What the process before did after reading 1 is a gap, not a guess."
        if _so(row.estimated):
            return f"{began} It does not say since when it runs, so {seconds} since our last look: estimated. {gap}"
        return f"{began} What the new process counted stands over the {seconds} it had run by then. {gap}"
    by_source, ours = row.now_clock - row.before_clock, _apart(row.before_at, row.now_at)
    if not numbers.missing(by_source) and abs(by_source - row.counted_seconds) < 0.0005:
        return (
            f"{seconds} by the server's own clock, because its counters were true then. By ours: {seconds_words(ours)}."
        )
    if _so(row.estimated):
        return f"{seconds} by our clock: the server's own jumped in between. The seconds are estimated."
    return f"{seconds} by our clock: this server does not say when its counters were true."


def _apart(before: Any, now: Any) -> float:
    return float("nan") if numbers.missing(before) or numbers.missing(now) else (now - before).total_seconds()


def seconds_words(seconds: Any) -> str:
    """Seconds to the millisecond: "15.002 s"."""
    return numbers.DASH if numbers.missing(seconds) else f"{seconds:,.3f} s"


def exact_time(at: Any, work: Working) -> str:
    """A moment to the millisecond: "20:52:04.123", with its day where that is not today."""
    if numbers.missing(at):
        return numbers.DASH
    local = pd.Timestamp(at).round("ms").to_pydatetime(warn=False).astimezone(work.zone)
    time = f"{local:%H:%M:%S}.{local.microsecond // 1_000:03}"
    is_today = local.date() == work.now.astimezone(work.zone).date()
    return time if is_today else f"{local.day} {numbers.MONTHS[local.month - 1]} {time}"


def _moment(at: Any, work: Working) -> Html:
    if numbers.missing(at):
        return tables.unknown("not read yet")
    return fill('<span title="{exact}">{at}</span>', exact=numbers.exact(at, work.zone), at=exact_time(at, work))


def say(text: str) -> Html:
    """A sentence of the working."""
    return fill('<p class="note">{text}</p>', text=text) if text else NOTHING
