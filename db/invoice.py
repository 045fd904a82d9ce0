"""A carrier's figure that is not ours: which intervals, and which assumptions, would explain it.

Every assumption that carriers are known to make otherwise is tried, alone and two at a time; the closest comes first,
and of two that are as close the one that assumes less.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from cdn import months
from cdn.months import Month, Span
from db import bill_intervals
from db.bill import Direction, Terms, billed, bps_of, values
from db.contracts import Stored
from db.engine import reading

# As close as that is explained: invoices are rounded.
CLOSE = 0.0005
# Zones that carriers bill in, beside the contract's.
ZONES = ("UTC", "Europe/London", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Singapore")
# What is sent besides what servers count is at least and at most so much of it.
OVERHEAD = (1.005, 1.15)
INTERPOLATED, ONE_OFF, HIGHEST, MEAN, RANK = "interpolated", "one off", "highest", "mean", "rank"
MOST = 12
_DIRECTIONS = {
    Direction.OUT: "traffic out alone counts",
    Direction.IN: "traffic in alone counts",
    Direction.LARGER_SAMPLE: "the larger of out and in counts in each interval",
    Direction.LARGER_DIRECTION: "out and in are worked out apart, and the larger counts",
}


@dataclass(frozen=True, slots=True)
class _Case:
    """One way to form a bill. divided: by what bit/s become the invoice's unit instead of 1,000s."""

    terms: Terms
    month: Month
    zone: str
    rule: str = RANK
    as_zero: bool = False
    apart: bool = False
    divided: float = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """One assumption that differs: which one (no two of the same are made together), its words, and what it makes."""

    kind: str
    words: str
    changes: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """An assumption, or two, and what the bill is with it. off: of the invoice, −0.01 is 1 % less; at: when it was."""

    words: tuple[str, ...]
    bps: float
    off: float
    at: tuple[datetime, ...]

    @property
    def explains(self) -> bool:
        """Whether that is the invoice's figure, but for rounding."""
        return abs(self.off) <= CLOSE


@dataclass(frozen=True, slots=True)
class Check:
    """What was found. ours: the bill as the contract says; off: the invoice against it, 0.03 is 3 % more.

    factor: what the carrier counts for each byte of ours, were that all; is_overhead: whether that is usual.
    nearest: at, bps, rank: our intervals with about that value.
    """

    invoiced_bps: float
    ours_bps: float | None
    off: float | None
    factor: float | None
    is_overhead: bool
    explanations: tuple[Explanation, ...]
    nearest: pd.DataFrame

    @property
    def agrees(self) -> bool:
        """Whether there is nothing to explain."""
        return self.off is not None and abs(self.off) <= CLOSE


def check_invoice(engine: Engine, contract: Stored, wanted: Month, invoiced_bps: float) -> Check:
    """What explains that the carrier billed `invoiced_bps` for a month that is over. Raises Unavailable."""
    zone, terms = contract.draft.zone, contract.draft.terms
    plain = _Case(terms, wanted, zone)
    with reading(engine) as connection:
        # A month before and after, and a day for zones far away.
        around = Span(
            months.span(wanted.shifted(-1), ZoneInfo("UTC")).start - timedelta(days=2),
            months.span(wanted.shifted(1), ZoneInfo("UTC")).end + timedelta(days=2),
        )
        known = bill_intervals.intervals(connection, contract, around)
        apart: dict[Direction, float] = {}
        for way in (Direction.OUT, Direction.IN, Direction.LARGER_SAMPLE):
            each = bill_intervals.each_percentile(connection, contract, _over(contract, plain), way, terms.percentile)
            if each["bytes"].notna().any():
                apart[way] = float(each["bytes"].sum())
    both = [apart[way] for way in (Direction.OUT, Direction.IN) if way in apart]
    if both:
        apart[Direction.LARGER_DIRECTION] = max(both)
    ours = _form(contract, plain, known, apart)
    found = [
        Explanation(tuple(each.words for each in changes), made[0], made[0] / invoiced_bps - 1, made[1])
        for changes, case in _cases(plain)
        if (made := _form(contract, case, known, apart)) is not None and (ours is None or made[0] != ours[0])
    ]
    found.sort(key=lambda each: (not each.explains, len(each.words) if each.explains else 0, abs(each.off)))
    factor = invoiced_bps / (ours[0] / terms.calibration) if ours and ours[0] else None
    return Check(
        invoiced_bps=invoiced_bps,
        ours_bps=ours[0] if ours else None,
        off=invoiced_bps / ours[0] - 1 if ours and ours[0] else None,
        factor=factor,
        is_overhead=factor is not None and OVERHEAD[0] <= factor <= OVERHEAD[1],
        explanations=tuple(_distinct(found)),
        nearest=_nearest(contract, plain, known, invoiced_bps),
    )


def _changes(plain: _Case) -> list[Change]:
    terms = plain.terms

    def priced(kind: str, words: str, **fields: object) -> Change:
        return Change(kind, words, (("terms", fields),))

    found = [
        *(
            Change("zone", f"the month is that of {name}", (("zone", name),))
            for name in ZONES
            if months.span(plain.month, ZoneInfo(name)) != months.span(plain.month, ZoneInfo(plain.zone))
        ),
        *(
            Change("month", f"the bill is of {plain.month.shifted(by).words}", (("month", plain.month.shifted(by)),))
            for by in (-1, 1)
        ),
        *(priced("direction", words, direction=way) for way, words in _DIRECTIONS.items() if way != terms.direction),
        *(
            priced("rule", f"the {percentile:g}th value counts", percentile=percentile)
            for percentile in (90.0, 95.0, 98.0, 99.0)
            if percentile != terms.percentile
        ),
        Change("rule", "the value lies between two intervals (interpolated)", (("rule", INTERPOLATED),)),
        Change("rule", "the last free interval bills", (("rule", ONE_OFF),)),
        Change("rule", "the highest interval bills", (("rule", HIGHEST),)),
        Change("rule", "the mean of the month bills", (("rule", MEAN),)),
        Change("missing", "intervals nobody saw count as 0", (("as_zero", True),)),
        Change("servers", "each server is billed by itself, and the values are added", (("apart", True),)),
        Change("unit", "1 Mbit/s is 1,048,576 bit/s", (("divided", 2**20 / 10**6),)),
        Change("unit", "1 Gbit/s is 1,073,741,824 bit/s", (("divided", 2**30 / 10**9),)),
    ]
    if terms.calibration != 1:
        found.append(priced("calibration", "bytes are not calibrated", calibration=1.0))
    return found


def _cases(plain: _Case) -> Iterator[tuple[tuple[Change, ...], _Case]]:
    single = _changes(plain)
    for changes in [(each,) for each in single] + [
        pair for pair in combinations(single, 2) if pair[0].kind != pair[1].kind
    ]:
        case = plain
        for change in changes:
            for name, value in change.changes:
                case = (
                    replace(case, terms=replace(case.terms, **value))
                    if isinstance(value, dict)
                    else replace(case, **{name: value})  # type: ignore[arg-type]
                )
        # Each server by itself is worked out for the month and percentile of the contract alone.
        if not case.apart or {each.kind for each in changes} <= {"servers", "direction", "unit", "calibration"}:
            yield changes, case


def _over(contract: Stored, case: _Case) -> Span:
    return months.within(case.month, ZoneInfo(case.zone), contract.draft.starts_on, contract.draft.ends_on)


def _form(
    contract: Stored, case: _Case, known: pd.DataFrame, apart: dict[Direction, float]
) -> tuple[float, tuple[datetime, ...]] | None:
    """The rate of a case, and the intervals it was measured in; None where nothing is known."""
    terms = case.terms
    if case.apart:
        if terms.direction not in apart:
            return None
        return bps_of(apart[terms.direction]) * terms.calibration / case.divided, ()
    over = _over(contract, case)
    first, last = known["at"].searchsorted([pd.Timestamp(over.start), pd.Timestamp(over.end)])
    counted = known.iloc[int(first) : int(last)]
    if case.rule == RANK:
        made = billed(counted, terms, missing_as_zero=case.as_zero)
        return None if made is None else (made.bps / case.divided, made.at)
    ways = (Direction.OUT, Direction.IN) if terms.direction is Direction.LARGER_DIRECTION else (terms.direction,)
    found = [each for each in (_by_rule(case, counted, way) for way in ways) if each is not None]
    return max(found, key=lambda each: each[0], default=None)


def _by_rule(case: _Case, counted: pd.DataFrame, way: Direction) -> tuple[float, tuple[datetime, ...]] | None:
    found = values(counted, way)
    if found.empty:
        return None
    amounts = found["bytes"].to_numpy(dtype=np.float64)
    if case.as_zero:
        amounts = np.concatenate([amounts, np.zeros(len(counted) - len(amounts))])
    amounts = np.sort(amounts)[::-1]
    if case.rule == MEAN:
        amount, exact = float(amounts.mean()), False
    elif case.rule == HIGHEST:
        amount, exact = float(amounts[0]), True
    elif case.rule == INTERPOLATED:
        amount, exact = float(np.quantile(amounts, case.terms.percentile / 100)), False
    else:
        free = int(len(amounts) * (100 - case.terms.percentile) / 100 + 1e-9)
        amount, exact = float(amounts[max(0, free - 1)]), True
    at = tuple(each.to_pydatetime() for each in found["at"][found["bytes"] == amount]) if exact else ()
    return bps_of(amount) * case.terms.calibration / case.divided, at


def _distinct(found: list[Explanation]) -> Iterator[Explanation]:
    """The first ones, without those that only add to what explains as much alone."""
    seen: list[Explanation] = []
    for each in found:
        if any(set(other.words) <= set(each.words) and abs(other.off) <= abs(each.off) + 1e-12 for other in seen):
            continue
        seen.append(each)
        yield each
        if len(seen) == MOST:
            return


def _nearest(contract: Stored, plain: _Case, known: pd.DataFrame, invoiced_bps: float) -> pd.DataFrame:
    over = _over(contract, plain)
    way = Direction.OUT if plain.terms.direction is Direction.LARGER_DIRECTION else plain.terms.direction
    found = values(known[(known["at"] >= over.start) & (known["at"] < over.end)], way)
    found["bps"] = found["bytes"].map(bps_of) * plain.terms.calibration
    found["rank"] = found["bytes"].rank(method="first", ascending=False).astype("int64")
    closest = (found["bps"] - invoiced_bps).abs().sort_values(kind="stable").index[:3]
    return found.loc[closest, ["at", "bps", "rank"]].reset_index(drop=True)
