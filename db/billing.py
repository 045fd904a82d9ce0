"""What a carrier will bill: a contract's month from its five-minute values, so far and at its end.

Nothing is billed from hours or averages. Where nobody looked is said, and both figures told: as if those intervals
had not been, and as if nothing had gone in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pandas as pd
from sqlalchemy import Connection, Engine

from cdn import months
from cdn.months import INTERVAL, Month, Span
from db import bill_intervals, projection
from db.bill import Billed, Peak, above, billed, bps_of, cost, peak, shares, values
from db.contracts import Stored
from db.engine import reading
from db.projection import Projection
from db.rollup import SETTLE

# Of what is rolled up last so much may still be missing without being a gap.
LATE = timedelta(minutes=15)
# Servers' own counters see what they sent, and carriers see what went over the wire.
LEFT_OUT = (
    "Servers count what they send to viewers. The carrier counts at its port: headers of TCP, IP and Ethernet"
    " (usually 3 to 8 % more), what was sent twice, and whatever else these machines send, such as backups or sign-ins."
    " What an SRS edge pulls from its origin is in none of its counters, so it is missing in traffic in."
    " The contract's calibration factor makes up for what is always so."
)


@dataclass(frozen=True, slots=True)
class MonthBill:
    """A contract's month.

    over: the part of the month the contract holds for; until: where figures end (the month's end, or what is rolled
    up); share: of the month that the contract holds for.
    intervals: at, out_bytes, in_bytes, coverage, bytes (what bills, NA: unknown), bps (calibrated, NaN), above (of what
    is agreed), free (among the free ones). billed: intervals nobody knows left out; as_zero: counted as 0.
    servers: name, kind, counted, bytes (in the intervals that bill), share, cost (they add up to `cost`).
    peak: above what is agreed; peak_now: above the value so far. projection: None where the month is over, or nothing
    of the past is known.
    """

    contract: Stored
    month: Month
    over: Span
    until: datetime
    share: Fraction
    intervals: pd.DataFrame
    servers: pd.DataFrame
    billed: Billed | None
    as_zero: Billed | None
    cost: Decimal
    peak: Peak
    peak_now: Peak
    projection: Projection | None
    expected_cost: Decimal | None
    planned_cost: Decimal

    @property
    def is_over(self) -> bool:
        """Whether all of it is counted."""
        return self.until >= self.over.end

    @property
    def missing(self) -> int:
        """Intervals so far of which nobody knows anything."""
        return len(self.intervals) - (self.billed.known if self.billed else 0)

    @property
    def coverage(self) -> float | None:
        """How much of the time so far was watched, 0..1; None where there was nothing to watch."""
        known = self.intervals["coverage"].dropna()
        return None if known.empty else float(known.mean())

    @property
    def uncounted(self) -> list[str]:
        """Names of servers whose bytes nobody knows."""
        return list(self.servers["name"][~self.servers["counted"].astype(bool)])


def month(engine: Engine, contract: Stored, wanted: Month, now: datetime) -> MonthBill:
    """The bill of `contract` for a month, as known at `now`. Raises Unavailable."""
    zone = months.zone_of(contract.draft.zone)
    over = months.within(wanted, zone, contract.draft.starts_on, contract.draft.ends_on)
    with reading(engine) as connection:
        return _month(connection, contract, wanted, over, now)


def _month(connection: Connection, contract: Stored, wanted: Month, over: Span, now: datetime) -> MonthBill:
    zone, terms = months.zone_of(contract.draft.zone), contract.draft.terms
    until = min(over.end, max(over.start, _floor(now - SETTLE)))
    is_over = until >= over.end
    since = over.start if is_over else min(over.start, until - projection.PAST)
    known = bill_intervals.intervals(connection, contract, Span(since, until))
    if not is_over:
        known = _without_late(known, now)
    counted = known[known["at"] >= over.start].reset_index(drop=True)
    until = over.end if is_over else (counted["at"].iloc[-1] + INTERVAL).to_pydatetime() if len(counted) else until
    until = max(over.start, until)
    who = bill_intervals.servers(connection, contract, Span(over.start, until))
    result, as_zero = billed(counted, terms), billed(counted, terms, missing_as_zero=True)
    whole = over.intervals
    share = Fraction(whole, months.span(wanted, zone).intervals)
    price = cost(result.bps if result else 0.0, terms, share)
    over_commit = peak(counted, terms, float(terms.commit_bps), whole)
    ahead = None
    if not is_over:
        to_come = pd.date_range(until, over.end, freq=INTERVAL, inclusive="left", unit="us")
        threshold = float(terms.commit_bps) or (result.bps if result else 0.0)
        ahead = projection.project(counted, known, to_come, terms, zone, threshold_bps=threshold)
    return MonthBill(
        contract=contract,
        month=wanted,
        over=over,
        until=until,
        share=share,
        intervals=_shown(counted, who, contract, result),
        servers=_attributed(connection, contract, who, result, price),
        billed=result,
        as_zero=as_zero,
        cost=price,
        peak=over_commit,
        peak_now=peak(counted, terms, result.bps if result else 0.0, whole),
        projection=ahead,
        expected_cost=cost(ahead.bps, terms, share) if ahead else None,
        planned_cost=cost(0.0, terms, share),
    )


def _shown(counted: pd.DataFrame, who: pd.DataFrame, contract: Stored, result: Billed | None) -> pd.DataFrame:
    """What bills in each interval, and which of them are above what is agreed, or free."""
    terms = contract.draft.terms
    found = counted.assign(coverage=bill_intervals.coverage(counted, who))
    way = result.direction if result and terms.direction.value == "larger_direction" else terms.direction
    chosen = values(counted, way).set_index("at")["bytes"]
    found["bytes"] = chosen.reindex(pd.DatetimeIndex(found["at"])).astype("Int64").to_numpy()
    found["bytes"] = found["bytes"].astype("Int64")
    found["bps"] = found["bytes"].astype("Float64").to_numpy(dtype="float64", na_value=float("nan"))
    found["bps"] = found["bps"].map(bps_of) * terms.calibration
    found["above"] = above(found["bytes"].fillna(0), terms, float(terms.commit_bps)) & found["bytes"].notna()
    ranks = found["bytes"].rank(method="first", ascending=False)
    found["free"] = (ranks <= (result.free if result else 0)).fillna(value=False).astype(bool)
    return found.drop(columns="covered_seconds")


def _attributed(
    connection: Connection, contract: Stored, who: pd.DataFrame, result: Billed | None, price: Decimal
) -> pd.DataFrame:
    """Who sent what is billed: each server's part of the bytes in the very intervals that bill, and of the cost."""
    found = who[["id", "name", "kind", "counted"]].assign(bytes=pd.Series(0, index=who.index, dtype="Int64"))
    if result is not None and result.at:
        parts = bill_intervals.by_server(connection, contract, result.at, result.direction)
        amounts = parts.set_index("id")["bytes"]
        found["bytes"] = amounts.reindex(found["id"]).fillna(0).astype("Int64").to_numpy()
    total = int(found["bytes"].sum())
    found["share"] = found["bytes"].astype("float64") / total if total else 0.0
    found["cost"] = shares(found["bytes"], price)
    return found.sort_values(["bytes", "name"], ascending=[False, True], kind="stable").reset_index(drop=True)


def _floor(at: datetime) -> datetime:
    seconds = INTERVAL.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, at.tzinfo)


def _without_late(known: pd.DataFrame, now: datetime) -> pd.DataFrame:
    """Without what is missing at the end only because it is not rolled up yet."""
    kept = len(known)
    while kept and known["covered_seconds"].iloc[kept - 1] == 0 and known["at"].iloc[kept - 1] > now - LATE:
        kept -= 1
    return known.iloc[:kept]
