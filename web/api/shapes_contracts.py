"""Shapes of contracts with carriers, and of their bills. Rates bit/s; prices and costs as decimal text, exactly."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints
from pydantic.config import JsonDict

from db.bill import Direction

Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Provider = Annotated[str, StringConstraints(max_length=80)]
Zone = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Price = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,8}(\.[0-9]{1,6})?$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Commit = Annotated[StrictInt, Field(ge=0, le=10**15)]
Percentile = Annotated[float, Field(strict=True, ge=50, le=100)]
Factor = Annotated[float, Field(strict=True, ge=0.5, le=2)]
Servers = Annotated[list[Name], Field(max_length=1_000)]
_EXAMPLE: JsonDict = {
    "name": "Nordlink Frankfurt",
    "provider": "Nordlink",
    "commit": 80_000_000_000,
    "price": "0.32",
    "zone": "Europe/Berlin",
    "starts_on": "2026-01-01",
}


class _Entered(BaseModel):
    model_config = ConfigDict(extra="forbid")

    provider: Provider | None = Field(None, description="All servers of this provider, unless servers are named.")
    servers: Servers | None = Field(None, description="Names of the servers that are billed.")
    direction: Direction | None = Field(
        None, description="larger_sample: the larger in each interval; larger_direction: the larger percentile."
    )
    percentile: Percentile | None = Field(None, description="95 if left out.")
    commit: Commit | None = Field(None, description="bit/s agreed to be paid in any case.")
    overage_price: Price | None = Field(None, description="Beyond what is agreed; null: the same price.")
    currency: Currency | None = Field(None, description="EUR if left out.")
    zone: Zone | None = Field(None, description="IANA time zone of its months; UTC if left out.")
    calibration: Factor | None = Field(None, description="What the carrier counts for each byte of ours.")
    ends_on: date | None = Field(None, description="Its last day; null: none is agreed.")


class NewContract(_Entered):
    """A contract to add."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    price: Price = Field(description="Per Mbit/s and month.")
    starts_on: date = Field(description="Its first day.")


class ContractChanges(_Entered):
    """What to change of a contract; what is left out stays. null brings back what is so if it is left out."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"commit": 100_000_000_000}]})

    version: Annotated[StrictInt, Field(ge=1, le=2**62)] | None = Field(
        None, description="What the change was made from; instead of If-Match."
    )
    name: Name | None = None
    price: Price | None = None
    starts_on: date | None = None


class Contract(BaseModel):
    """A contract. servers: empty where it bills all of its provider."""

    id: int
    version: int = Field(description="Counts the changes.")
    name: str
    provider: str
    servers: list[str]
    direction: Direction
    percentile: float
    commit: int = Field(description="bit/s.")
    price: str = Field(description="Per Mbit/s and month.")
    overage_price: str | None
    currency: str
    zone: str
    calibration: float
    starts_on: date
    ends_on: date | None
    retired_at: datetime | None


class BilledValue(BaseModel):
    """What bills. rank: from the highest; at: the intervals with that value, at most a hundred."""

    bps: float = Field(description="As the carrier counts: calibrated.")
    rank: int
    free: int = Field(description="Intervals above it that are free.")
    known: int = Field(description="Intervals with a value.")
    direction: Direction
    at: list[datetime]


class FreePeak(BaseModel):
    """Free peak time above a rate, in seconds."""

    threshold_bps: float
    allowed_seconds: float
    used_seconds: float
    left_seconds: float


class Expected(BaseModel):
    """Where the month will end, from the last weeks."""

    bps: float
    low_bps: float
    high_bps: float
    from_days: float = Field(description="Days of the past that it is from.")
    used_up_at: datetime | None = Field(description="When free peak time above what is agreed will be used up.")
    cost: str


class ServerShare(BaseModel):
    """A server's part of the bill: its bytes in the intervals that bill. Costs add up to the bill's."""

    id: int
    name: str
    counted: bool = Field(description="Whether any of its bytes are known.")
    bytes: int
    share: float
    cost: str


class Interval(BaseModel):
    """Five minutes. bps: what bills, calibrated; null: nobody knows."""

    at: datetime
    bps: float | None
    out_bytes: int | None
    in_bytes: int | None
    coverage: float | None


class ContractMonth(BaseModel):
    """A contract's month, so far or whole."""

    contract_id: int
    month: str
    start: datetime
    end: datetime
    until: datetime = Field(description="Where figures end.")
    is_over: bool
    share: float = Field(description="Of the month that the contract holds for; so much of it is paid.")
    intervals: int = Field(description="Five minutes of the month.")
    missing: int = Field(description="Intervals so far of which nobody knows anything.")
    coverage: float | None
    billed: BilledValue | None = Field(description="With intervals nobody knows left out.")
    as_zero: BilledValue | None = Field(description="With intervals nobody knows counted as 0.")
    cost: str
    currency: str
    peak: FreePeak = Field(description="Above what is agreed.")
    peak_now: FreePeak = Field(description="Above the value so far.")
    expected: Expected | None
    servers: list[ServerShare]
    values: list[Interval] | None = Field(description="Each five minutes, where they are asked for.")
    note: str = Field(description="What servers' counters leave out.")


class Explanation(BaseModel):
    """Assumptions, and what the bill is with them. off: of the invoice; at: when it was measured, at most a hundred."""

    words: list[str]
    bps: float
    off: float
    explains: bool
    at: list[datetime]


class NearInterval(BaseModel):
    """Our interval with about the invoice's value. rank: from the highest."""

    at: datetime
    bps: float
    rank: int


class InvoiceCheck(BaseModel):
    """An invoice against ours. factor: what the carrier counts for each byte of ours, were that all."""

    invoiced_bps: float
    ours_bps: float | None
    off: float | None
    agrees: bool
    factor: float | None
    is_overhead: bool = Field(description="Whether the factor is what headers and what is sent twice usually make.")
    explanations: list[Explanation] = Field(description="The likeliest first.")
    nearest: list[NearInterval]
