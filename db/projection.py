"""Where a month's bill will end, from the weeks before. Pure, and the same for the same past.

Each interval still to come is taken to be like those of the same weekday and time of day in the last four weeks
(in the contract's zone). Expected: the bill of a month in which each of those weeks counts in equal parts, so that a
rare peak keeps its rarity. Between: the bills of the months that would follow if one of those weeks came again and
again. With less than a week of past, the same time of any day is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from cdn.months import INTERVAL
from cdn.units import BITS_PER_BYTE
from db.bill import Direction, Terms, free_of, values
from db.rolled import FIVE_MINUTES

Floats = npt.NDArray[np.float64]
WEEKS = 4
PAST = timedelta(weeks=WEEKS)
# Less of a past than that says nothing about a month.
LEAST_PAST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Projection:
    """The billed rate at the month's end, the least and the most it may be, and what of the past that is from.

    used_up_at: when free peak time above the threshold asked about will be used up; None: not in this
    month, or they are already.
    """

    bps: float
    low_bps: float
    high_bps: float
    from_days: float
    used_up_at: datetime | None = None


def project(
    so_far: pd.DataFrame,
    past: pd.DataFrame,
    to_come: pd.DatetimeIndex,
    terms: Terms,
    zone: ZoneInfo,
    *,
    threshold_bps: float = 0.0,
) -> Projection | None:
    """The bill of the intervals `so_far` and those `to_come`, which will be as `past` says; None: it says nothing.

    so_far, past: as `db.bill.values` takes them; past may hold those of so_far. threshold_bps: see `Projection`.
    """
    ways = [Direction.OUT, Direction.IN] if terms.direction is Direction.LARGER_DIRECTION else [terms.direction]
    found = [_of_way(so_far, past, to_come, terms, zone, way, threshold_bps) for way in ways]
    known = [each for each in found if each is not None]
    if not known:
        return None
    ends = [each.used_up_at for each in known if each.used_up_at is not None]
    return Projection(
        bps=max(each.bps for each in known),
        low_bps=max(each.low_bps for each in known),
        high_bps=max(each.high_bps for each in known),
        from_days=max(each.from_days for each in known),
        used_up_at=min(ends, default=None),
    )


def _of_way(
    so_far: pd.DataFrame,
    past: pd.DataFrame,
    to_come: pd.DatetimeIndex,
    terms: Terms,
    zone: ZoneInfo,
    way: Direction,
    threshold_bps: float,
) -> Projection | None:
    counted = values(so_far, way)["bytes"].to_numpy(dtype=np.float64)
    before = values(past, way)
    if before.empty or len(before) * INTERVAL < LEAST_PAST:
        return None
    last = past["at"].iloc[-1]
    before = before[before["at"] > last - PAST]
    candidates = _candidates(before, last, to_come, zone)
    rank = free_of(len(counted) + len(to_come), terms.percentile) + 1
    factor = BITS_PER_BYTE / FIVE_MINUTES * terms.calibration
    weights = ~np.isnan(candidates)
    share = 1 / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    mixed = np.concatenate([counted, candidates[weights]])
    of_each = np.concatenate([np.ones(len(counted)), np.broadcast_to(share, candidates.shape)[weights]])
    weeks = [np.sort(np.concatenate([counted, _filled(candidates, week)]))[::-1] for week in range(WEEKS)]
    ends = [float(week[min(rank, len(week)) - 1]) * factor for week in weeks]
    expected = _at_weight(mixed, of_each, rank) * factor
    return Projection(
        bps=expected,
        low_bps=min(expected, *ends),
        high_bps=max(expected, *ends),
        from_days=len(before) * INTERVAL / timedelta(days=1),
        used_up_at=_used_up(counted * factor, candidates * factor, to_come, terms, threshold_bps),
    )


def _candidates(before: pd.DataFrame, last: pd.Timestamp, to_come: pd.DatetimeIndex, zone: ZoneInfo) -> Floats:
    """What each interval to come may be: a row each, a column for each week back, NaN where that is not known."""
    week = (last - pd.DatetimeIndex(before["at"])).days.to_numpy(dtype=np.int64) // 7
    slots = _slots(pd.DatetimeIndex(before["at"]), zone)
    wanted = _slots(to_come, zone)
    amounts = before["bytes"].to_numpy(dtype=np.float64)
    table = np.full((7 * _DAY, WEEKS), np.nan)
    table[slots, week] = amounts
    found = table[wanted]
    # Of a weekday that is not known: any day at that time; of a time that is not known: all there is.
    alone = np.isnan(found).all(axis=1)
    if alone.any():
        of_day = pd.Series(amounts).groupby(slots % _DAY).mean().reindex(range(_DAY)).fillna(amounts.mean())
        found[alone, 0] = of_day.to_numpy()[wanted[alone] % _DAY]
    return found


_DAY = timedelta(days=1) // INTERVAL


def _slots(at: pd.DatetimeIndex, zone: ZoneInfo) -> npt.NDArray[np.int64]:
    """Number of each interval in the week of that zone's clocks."""
    local = at.tz_convert(zone)
    minutes = np.asarray(local.hour, dtype=np.int64) * 60 + np.asarray(local.minute, dtype=np.int64)
    found: npt.NDArray[np.int64] = np.asarray(local.day_of_week, dtype=np.int64) * _DAY + minutes * 60 // FIVE_MINUTES
    return found


def _filled(candidates: Floats, week: int) -> Floats:
    """As if that week came again; what is not known of it is as in the newest week of which it is."""
    chosen = candidates[:, week].copy()
    for other in range(candidates.shape[1]):
        unknown = np.isnan(chosen)
        chosen[unknown] = candidates[unknown, other]
    return chosen


def _at_weight(amounts: Floats, weights: Floats, rank: int) -> float:
    """The amount at `rank` from the highest, where each counts as much as its weight says."""
    order = np.argsort(-amounts, kind="stable")
    reached = np.cumsum(weights[order])
    place = int(np.searchsorted(reached, rank - 1e-6))
    return float(amounts[order[min(place, len(order) - 1)]])


def _used_up(
    counted: Floats, candidates: Floats, to_come: pd.DatetimeIndex, terms: Terms, threshold_bps: float
) -> datetime | None:
    free, already = free_of(len(counted) + len(to_come), terms.percentile), int((counted > threshold_bps).sum())
    if already > free:
        return None
    chance = np.nansum(candidates > threshold_bps, axis=1) / np.maximum((~np.isnan(candidates)).sum(axis=1), 1)
    used = already + np.cumsum(chance)
    beyond = np.flatnonzero(used > free + 1e-6)
    return to_come[int(beyond[0])].to_pydatetime() if len(beyond) else None
