"""What a percentile contract bills, from five-minute bytes. Pure, and exact to the byte.

Nearest rank, as contracts define it: of n intervals, sorted from the highest, floor((100 − percentile) % of n) are
free and the next one bills; of 8,640 these are 432, and the 433rd bills. It is `percentile_disc`, never interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdn.units import BITS_PER_BYTE
from db.rolled import FIVE_MINUTES

Whole = npt.NDArray[np.int64]
MEGABIT = 1_000_000
CENT = Decimal("0.01")


class Direction(StrEnum):
    """Which bytes a contract bills."""

    OUT = "out"
    IN = "in"
    LARGER_SAMPLE = "larger_sample"
    LARGER_DIRECTION = "larger_direction"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract says of its price. price: per Mbit/s and month; overage_price: beyond `commit_bps`."""

    direction: Direction
    percentile: float
    commit_bps: int
    price: Decimal
    overage_price: Decimal | None
    calibration: float


@dataclass(frozen=True, slots=True)
class Billed:
    """The interval(s) that bill. bps: the carrier's, calibrated; bytes: ours; rank: from the highest, 1 is the highest.

    direction: out or in, whichever bills; known: intervals with a value, of which `free` are free.
    """

    bps: float
    bytes: int
    rank: int
    free: int
    known: int
    direction: Direction
    at: tuple[datetime, ...]


def free_of(intervals: int, percentile: float) -> int:
    """How many of so many intervals are free."""
    return int(intervals * (100 - Fraction(str(percentile))) / 100)


def bps_of(count_bytes: float) -> float:
    """bit/s of an interval in which so many bytes went."""
    return count_bytes * BITS_PER_BYTE / FIVE_MINUTES


def values(intervals: pd.DataFrame, direction: Direction) -> pd.DataFrame:
    """Known intervals in time order: at, bytes (int64), direction; of larger_direction those of out.

    intervals: at, out_bytes, in_bytes (Int64, NA where nobody knows). Where one direction alone is known, it counts.
    """
    out, incoming = intervals["out_bytes"], intervals["in_bytes"]
    if direction is Direction.LARGER_SAMPLE:
        is_in = incoming.gt(out).fillna(value=False) | out.isna()
        chosen = out.where(~is_in, incoming)
    else:
        is_in = pd.Series(direction is Direction.IN, index=intervals.index)
        chosen = incoming if direction is Direction.IN else out
    known = chosen.notna()
    return pd.DataFrame(
        {
            "at": intervals["at"][known],
            "bytes": chosen[known].astype("int64"),
            "direction": is_in[known].map({True: Direction.IN.value, False: Direction.OUT.value}),
        }
    ).reset_index(drop=True)


def billed(intervals: pd.DataFrame, terms: Terms, *, missing_as_zero: bool = False) -> Billed | None:
    """What bills in `intervals` (see `values`); None where nothing is known.

    missing_as_zero: intervals nobody knows count as 0, and so among those of which some are free; else as if they had
    not been.
    """
    if terms.direction is Direction.LARGER_DIRECTION:
        both = [
            _billed(intervals, each, terms, missing_as_zero=missing_as_zero) for each in (Direction.OUT, Direction.IN)
        ]
        return max((each for each in both if each is not None), key=lambda each: each.bytes, default=None)
    return _billed(intervals, terms.direction, terms, missing_as_zero=missing_as_zero)


def _billed(intervals: pd.DataFrame, direction: Direction, terms: Terms, *, missing_as_zero: bool) -> Billed | None:
    found = values(intervals, direction)
    known = len(found)
    if not known:
        return None
    counted = len(intervals) if missing_as_zero else known
    rank = free_of(counted, terms.percentile) + 1
    amounts = found["bytes"].to_numpy(dtype=np.int64)
    amount = int(ranked(amounts, rank))
    hit = found[found["bytes"] == amount] if rank <= known else found.iloc[:0]
    ways = set(hit["direction"])
    return Billed(
        bps=bps_of(amount) * terms.calibration,
        bytes=amount,
        rank=rank,
        free=rank - 1,
        known=known,
        direction=Direction(ways.pop()) if len(ways) == 1 else direction,
        at=tuple(at.to_pydatetime() for at in hit["at"]),
    )


def ranked(amounts: Whole, rank: int) -> int:
    """The amount at `rank` from the highest; beyond the last one 0."""
    if rank > len(amounts):
        return 0
    return int(np.partition(amounts, len(amounts) - rank)[len(amounts) - rank])


def cost(bps: float, terms: Terms, share: Fraction = Fraction(1)) -> Decimal:
    """What a month at that rate costs, to the cent. share: of the month that the contract holds for.

    What is agreed is paid in any case; what is beyond it at its own price, or at the same where none is given.
    """
    agreed = Decimal(terms.commit_bps) / MEGABIT
    beyond = max(Decimal(0), Decimal(str(bps)) / MEGABIT - agreed)
    extra = terms.price if terms.overage_price is None else terms.overage_price
    whole = agreed * terms.price + beyond * extra
    return (whole * share.numerator / share.denominator).quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Peak:
    """Free peak time: how long traffic may be above `threshold_bps` in all, was, and still may be."""

    threshold_bps: float
    allowed: timedelta
    used: timedelta

    @property
    def left(self) -> timedelta:
        """How much longer."""
        return max(timedelta(), self.allowed - self.used)


def peak(intervals: pd.DataFrame, terms: Terms, threshold_bps: float, whole_month: int) -> Peak:
    """Free peak time above `threshold_bps` in a month of so many intervals. Of two directions, that used most."""
    ways = (
        (Direction.OUT, Direction.IN)
        if terms.direction is Direction.LARGER_DIRECTION
        else (Direction(terms.direction),)
    )
    used = max(int(above(values(intervals, way)["bytes"], terms, threshold_bps).sum()) for way in ways)
    step = timedelta(seconds=FIVE_MINUTES)
    return Peak(threshold_bps, free_of(whole_month, terms.percentile) * step, used * step)


def above(amounts: pd.Series, terms: Terms, threshold_bps: float) -> pd.Series:
    """Which of the bytes of five minutes are, as the carrier counts, more than `threshold_bps`."""
    return amounts.astype("float64") * BITS_PER_BYTE / FIVE_MINUTES * terms.calibration > threshold_bps


def shares(amounts: pd.Series, total: Decimal) -> pd.Series:
    """`total` split as `amounts` are, in cents that add up to it exactly; none where nothing went."""
    whole = int(amounts.sum())
    if whole == 0:
        return pd.Series([Decimal(0)] * len(amounts), index=amounts.index, dtype="object")
    cents = int(total / CENT)
    exact = [Fraction(cents * int(amount), whole) for amount in amounts]
    floors = [int(part) for part in exact]
    by_rest = sorted(range(len(exact)), key=lambda place: (floors[place] - exact[place], place))
    for place in by_rest[: cents - sum(floors)]:
        floors[place] += 1
    return pd.Series([Decimal(part) * CENT for part in floors], index=amounts.index, dtype="object")
