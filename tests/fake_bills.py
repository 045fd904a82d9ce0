"""Contracts and their traffic out of thin air, for the page about bills: what the database would answer.

All that is worked out of it is worked out by the product itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

import db.bill_intervals
import db.billing
import db.contracts
import db.invoice
from cdn.errors import Unavailable, Unknown
from cdn.months import INTERVAL, Span
from db.bill import Direction
from db.contracts import Draft, Stored

AWAY = "the database at local socket/cdn does not answer: connection refused"
# name, provider, agreed Gbit/s, typical Gbit/s, price, zone
_CALM: tuple[tuple[str, str, int, int, str, str], ...] = (
    ("Nordlink", "Nordlink", 80, 62, "0.32", "Europe/Berlin"),
    ("Telvia", "Telvia", 40, 24, "0.29", "Europe/Berlin"),
    ("Pacific IX", "Pacific IX", 30, 17, "0.41", "Asia/Kolkata"),
    ("AmeriNet", "AmeriNet", 0, 26, "0.305", "America/New_York"),
)
_PROBLEMS = (("Nordlink", "Nordlink", 60, 62, "0.32", "Europe/Berlin"), *_CALM[1:])


def contracts(state: str, hostile: Sequence[str]) -> list[Stored]:
    """The contracts of a state, by name."""
    if state in ("empty", "waiting"):
        return []
    told: tuple[tuple[str, str, int, int, str, str], ...] = (
        _PROBLEMS if state in ("problems", "blind") else _CALM[:1] if state == "one" else _CALM
    )
    if state == "hostile":
        told = tuple((name, name, 80, 60, "0.32", "UTC") for name in hostile)
    if state == "many":
        told = tuple((f"Contract {number:03}", "", 20 + number, 20, "0.3", "UTC") for number in range(60))
    return [_stored(place, *each) for place, each in enumerate(sorted(told), start=1)]


def _stored(place: int, name: str, provider: str, agreed: int, typical: int, price: str, zone: str) -> Stored:
    draft = Draft(
        name=name,
        provider=provider or "Example Transit",
        servers=(),
        direction=Direction.OUT,
        percentile=95.0,
        commit_bps=agreed * 10**9,
        price=Decimal(price),
        overage_price=Decimal(price) * 2,
        currency="EUR",
        zone=zone,
        # Says how much goes, to `intervals`.
        calibration=1.0 + typical / 1_000,
        starts_on=date(2024, 1, 1),
    )
    return Stored(place, 1, draft, ())


def intervals(_connection: object, contract: Stored, over: Span, *, by_server: bool = False) -> pd.DataFrame:
    """See db.bill_intervals.intervals: evenings are high, Saturdays higher, a day in the month was not seen."""
    at = pd.date_range(over.start, over.end, freq=INTERVAL, inclusive="left", unit="us", name="at")
    typical = (contract.draft.calibration - 1) * 1_000
    seconds = at.as_unit("s").asi8.astype(np.float64)
    day = np.sin((seconds % 86_400 / 86_400 - 0.55) * 2 * np.pi)
    wobble = np.sin(seconds / 7_919 + contract.id) * 0.06 + np.sin(seconds / 86_400 * 0.7) * 0.08
    weekend = np.where(np.asarray(at.day_of_week) == 5, 0.3 * np.clip(day, 0, 1), 0.0)
    gbit = typical * np.clip(0.62 + 0.33 * day + wobble + weekend, 0.02, None)
    out = pd.array((gbit * 10**9 * 300 / 8).round().astype(np.int64), dtype="Int64")
    seen = ~((np.asarray(at.day) == 6) & (np.asarray(at.hour) < 5))
    out[~seen] = pd.NA
    covered = np.where(seen, 600.0, 0.0)
    return pd.DataFrame({"at": at, "out_bytes": out, "in_bytes": pd.Series(out) // 12, "covered_seconds": covered})


def servers(_connection: object, _contract: Stored, over: Span, names: Sequence[str]) -> pd.DataFrame:
    """See db.bill_intervals.servers: two that count, and one that does not."""
    since = pd.Timestamp(over.start - timedelta(days=90)).as_unit("us")
    return pd.DataFrame(
        {
            "id": [1, 2, 3],
            "name": list(names[:3]),
            "kind": ["srs", "srs", "nginx"],
            "since": [since, since, pd.Timestamp(over.end).as_unit("us")],
            "retired_at": pd.Series([pd.NaT] * 3, dtype="datetime64[us, UTC]"),
            "counted": [True, True, False],
        }
    )


def by_server(_connection: object, _contract: Stored, at: Sequence[datetime], _way: Direction) -> pd.DataFrame:
    """See db.bill_intervals.by_server."""
    amounts = pd.array([10**12 * len(at), 6 * 10**11 * len(at)], dtype="Int64")
    return pd.DataFrame({"id": [1, 2], "name": ["a", "b"], "bytes": amounts})


def each_percentile(*_: object) -> pd.DataFrame:
    """See db.bill_intervals.each_percentile."""
    return pd.DataFrame({"id": [1], "name": ["a"], "bytes": pd.array([10**12], dtype="Int64")})


def install(state: Callable[[], str], put: Callable[[Any, str, Any], None], hostile: Sequence[str]) -> None:
    """Put these in the place of the real ones by `put`."""

    def listed(_engine: object) -> list[Stored]:
        if state() == "away":
            raise Unavailable(AWAY)
        return contracts(state(), hostile)

    def who(connection: object, contract: Stored, over: Span) -> pd.DataFrame:
        names = hostile if state() == "hostile" else ("edge-fra-1", "edge-ams-2", "edge-web-1")
        return servers(connection, contract, over, names)

    def stored(engine: object, contract_id: int) -> Stored:
        for each in listed(engine):
            if each.id == contract_id:
                return each
        raise Unknown

    put(db.contracts, "contracts", listed)
    put(db.contracts, "stored", stored)
    put(db.contracts, "providers", lambda _: ["Nordlink", "Telvia"])
    put(db.contracts, "servers", lambda _: ["edge-fra-1", "edge-ams-2"])
    put(db.billing, "reading", lambda _: nullcontext())
    put(db.invoice, "reading", lambda _: nullcontext())
    put(db.bill_intervals, "intervals", intervals)
    put(db.bill_intervals, "servers", who)
    put(db.bill_intervals, "by_server", by_server)
    put(db.bill_intervals, "each_percentile", each_percentile)
