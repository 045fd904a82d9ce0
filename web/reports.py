"""Pages to be printed, plain HTML behind the gate: what all of them share. One function a report, one line in `routes`.

A report is asked for by ?id=…&month=2026-11&zone=Europe/Berlin; its template extends `report.html`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cdn import months
from cdn.clock import utc_now
from cdn.errors import Unavailable, Unknown
from cdn.months import Month
from web import plain
from web.forms import asked_of_database

LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Asked:
    """What a report is asked for: of which thing, of which month of which zone; and now."""

    id: int
    month: Month
    zone: ZoneInfo
    now: datetime


# What a report shows: the name of its template, and what that is filled with, which goes before what all of them have
# (see `report`). Raises Unknown, Unavailable.
Read = Callable[[Asked], tuple[str, Mapping[str, Any]]]


def report(path: str, base: str, read: Read, back: str, back_words: str) -> Route:
    """The route of one report. back: where its way back leads, below the base path."""

    async def shown(request: Request) -> Response:
        try:
            asked = _asked(request)
            template, data = await asked_of_database(lambda: read(asked))
        except ValueError as error:
            return plain.told("There is no such report", f"{error}.", base, status=422)
        except Unknown:
            return plain.told("There is no such report", "What it would be of is not there.", base, status=404)
        except Unavailable:
            words = "The database does not answer. Try again in a moment."
            return plain.told("The report cannot be made just now", words, base, status=503)
        frame: dict[str, Any] = {
            "others": _others(asked),
            "back": back,
            "back_words": back_words,
            "zone": asked.zone.key,
        }
        # A contract's month is that of its own zone, whatever was asked for.
        frame |= data
        return plain.page(template, base, made=exact(asked.now, ZoneInfo(frame["zone"])), **frame)

    return Route(path, shown, methods=["GET"])


def _asked(request: Request) -> Asked:
    """Raises ValueError with what was wanted."""
    now, query = utc_now(), request.query_params
    number = query.get("id", "")
    if not (number.isascii() and number.isdigit() and 0 < int(number[:30]) <= LARGEST_ID):
        raise ValueError("want ?id= with a whole number")
    zone = months.zone_of(query.get("zone", "UTC"))
    month = months.read(query["month"]) if "month" in query else months.month_of(now, zone)
    if months.span(month, zone).start > now:
        raise ValueError(f"{month.words} has not begun yet")
    return Asked(int(number), month, zone, now)


def _others(asked: Asked) -> list[dict[str, str]]:
    """The months before and after, as links."""
    found = []
    for month in (asked.month.shifted(-1), asked.month.shifted(1)):
        if month.year >= months.FIRST_YEAR and months.span(month, asked.zone).start <= asked.now:
            query = urlencode({"id": asked.id, "month": str(month), "zone": asked.zone.key})
            found.append({"query": query, "words": month.words})
    return found


def exact(at: datetime, zone: ZoneInfo) -> str:
    """ "24 Nov 2026 20:52:04 CET"."""
    local = at.astimezone(zone)
    return f"{local.day} {months.NAMES[local.month - 1][:3]} {local.year} {local:%H:%M:%S} {local.tzname()}"


def share(least: float | None, most: float | None) -> str:
    """A share between bounds: "99.94 to 99.96 %"; it never rounds up to 100 %."""
    if least is None or most is None:
        return "–"
    low, high = (f"{math.floor(value * 10_000) / 100:.2f}" for value in (least, most))
    return f"{low} %" if low == high else f"{low} to {high} %"


def lasted(seconds: float) -> str:
    """How long something lasted: "85 s", "12 min 30 s", "2 h 10 min"."""
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3_600:,} h" + (f" {whole % 3_600 // 60} min" if whole % 3_600 >= 60 else "")


def between(least: float, most: float) -> str:
    """A length between bounds: "85 to 115 s"."""
    low, high = lasted(math.floor(least)), lasted(math.ceil(most))
    if low == high:
        return low
    same = low.count(" ") == high.count(" ") == 1 and low.partition(" ")[2] == high.partition(" ")[2]
    return f"{low.partition(' ')[0] if same else low} to {high}"
