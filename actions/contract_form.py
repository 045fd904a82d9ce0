"""A contract as somebody typed it, made into a Draft, or all its faults at once. Pages and REST share it. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from cdn import months
from cdn.model import Invalid
from db.bill import Direction
from db.contracts import Draft

FIELDS = (
    *("name", "provider", "servers", "direction", "percentile", "commit", "price", "overage_price", "currency"),
    *("zone", "calibration", "starts_on", "ends_on"),
)
NEEDED = ("name", "price", "starts_on")
T = TypeVar("T")
_BITS = re.compile(r"(?i)\s*(\d[\d,_ ]*(?:\.\d+)?)\s*([kmgt]?)\s*(?:bit/s|bits/s|bps|b/s)?\s*")
_FACTOR = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_CURRENCY = re.compile(r"[A-Z]{3}")
_LARGEST_RATE = 10**15
_LARGEST_PRICE = Decimal(10) ** 8
_FIRST_DAY, _LAST_DAY = date(months.FIRST_YEAR, 1, 1), date(months.LAST_YEAR, 12, 31)


def read(fields: Mapping[str, Any]) -> Draft:
    """The Draft that `fields` describe. Raises Invalid with every fault, by field.

    Empty values count as left out. commit: bit/s, or text like "80 Gbit/s"; prices: per Mbit/s and month; days: dates,
    or text like "2026-11-01"; servers: a list, or text with commas.
    """
    faults = {name: f"there is no such field; there are {', '.join(FIELDS)}" for name in fields if name not in FIELDS}
    given = {name: value for name, value in fields.items() if name in FIELDS and value not in (None, "", [], ())}
    faults |= {name: "it is missing" for name in NEEDED if name not in given}

    def take(name: str, check: Callable[[Any], T], default: T) -> T:
        if name not in given:
            return default
        try:
            return check(given[name])
        except ValueError as fault:
            faults[name] = str(fault)
            return default

    draft = Draft(
        name=take("name", lambda value: _text(value, 80), ""),
        provider=take("provider", lambda value: _text(value, 80), ""),
        servers=take("servers", _names, ()),
        direction=take("direction", _direction, Direction.OUT),
        percentile=take("percentile", lambda value: _number(value, 50, 100, "want a percentage, 50 to 100"), 95.0),
        commit_bps=take("commit", lambda value: rate(value, least=0), 0),
        price=take("price", _price, Decimal(0)),
        overage_price=take("overage_price", _price, None),
        currency=take("currency", _currency, "EUR"),
        zone=take("zone", _zone, "UTC"),
        calibration=take("calibration", lambda value: _number(value, 0.5, 2, "want a factor between 0.5 and 2"), 1.0),
        starts_on=take("starts_on", _day, _FIRST_DAY),
        ends_on=take("ends_on", _day, None),
    )
    if not draft.provider and not draft.servers and not {"provider", "servers"} & faults.keys():
        faults["provider"] = "want a provider, or the servers that it bills"
    if draft.ends_on is not None and draft.ends_on < draft.starts_on and not {"starts_on", "ends_on"} & faults.keys():
        faults["ends_on"] = "it ends before it begins"
    if faults:
        raise Invalid(faults)
    return draft


def rate(value: object, *, least: int = 1) -> int:
    """A rate in bit/s, from a number or from text like "80 Gbit/s" or "80,400 Mbit/s". Raises ValueError."""
    wanted = "want a rate such as 80 Gbit/s"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(wanted)
    found = _BITS.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, str):
        if found is None:
            raise ValueError(wanted)
        amount = Decimal(re.sub(r"[,_ ]", "", found[1])) * _FACTOR[found[2].lower()]
    else:
        if not math.isfinite(value):
            raise ValueError(wanted)
        amount = Decimal(str(value))
    if not least <= amount <= _LARGEST_RATE:
        raise ValueError(f"{wanted}, at most 1,000 Tbit/s")
    return round(amount)


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("want text")
    text = value.strip()
    if len(text) > limit or not text.isprintable():
        raise ValueError(f"want at most {limit} printable characters")
    return text


def _names(value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or len(parts) > 1_000:
        raise ValueError("want a list of at most 1,000 names of servers")
    return tuple(dict.fromkeys(_text(part, 80) for part in parts))


def _direction(value: object) -> Direction:
    try:
        return Direction(str(value).strip().lower())
    except ValueError:
        raise ValueError(f"{str(value)[:40]!r} is unknown; want {', '.join(Direction)}") from None


def _number(value: object, least: float, most: float, wanted: str) -> float:
    try:
        number = float(Decimal(str(value).strip().replace(",", ".")))
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError(wanted) from None
    if isinstance(value, bool) or not least <= number <= most:
        raise ValueError(wanted)
    return number


def _price(value: object) -> Decimal:
    wanted = "want an amount per Mbit/s and month, such as 0.32"
    try:
        amount = Decimal(str(value).strip().replace(",", "."))
    except InvalidOperation:
        raise ValueError(wanted) from None
    if isinstance(value, bool) or not amount.is_finite() or not 0 <= amount < _LARGEST_PRICE:
        raise ValueError(wanted)
    if amount != round(amount, 6):
        raise ValueError(f"{wanted}, with at most six decimals")
    return round(amount, 6)


def _currency(value: object) -> str:
    text = str(value).strip().upper()
    if not _CURRENCY.fullmatch(text):
        raise ValueError("want three letters, such as EUR")
    return text


def _zone(value: object) -> str:
    return months.zone_of(_text(value, 80)).key


def _day(value: object) -> date:
    try:
        day = value if isinstance(value, date) else date.fromisoformat(_text(value, 10))
    except ValueError:
        raise ValueError("want a day like 2026-11-01") from None
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise ValueError(f"want a day from {_FIRST_DAY.year} to {_LAST_DAY.year}")
    return day
