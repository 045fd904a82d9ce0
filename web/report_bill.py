"""A contract's month as a page to print: plain HTML without a script, for whoever may come in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import numpy as np

from cdn.months import NAMES
from db import billing, contracts
from db import engine as engines
from db.bill import Direction, bps_of
from db.billing import LEFT_OUT, MonthBill
from web.reports import Asked

POINTS, MOST_SERVERS = 400, 40
# Where the chart's lines may be. It is drawn as wide as there is room: its words are beside it.
_WIDTH, _HEIGHT = 800, 200
_WAYS = {
    Direction.OUT: "traffic out",
    Direction.IN: "traffic in",
    Direction.LARGER_SAMPLE: "the larger of traffic out and in of each interval",
    Direction.LARGER_DIRECTION: "traffic out or in, whichever value is larger",
}


def read(asked: Asked) -> tuple[str, Mapping[str, Any]]:
    """See web.reports.Read. The month is that of the contract's zone."""
    engine = engines.shared()
    bill = billing.month(engine, contracts.stored(engine, asked.id), asked.month, asked.now)
    return "report_bill.html", shown(bill)


def shown(bill: MonthBill) -> dict[str, Any]:
    """What stands on the page. Pure."""
    draft, zone = bill.contract.draft, ZoneInfo(bill.contract.draft.zone)
    return {
        "contract": draft.name,
        "month": bill.month.words,
        "below": _below(bill, zone),
        "zone": draft.zone,
        "back": f"billing?{urlencode({'contract': draft.name, 'month': bill.month.words})}",
        "facts": _facts(bill, zone),
        "servers": _servers(bill),
        "cost": _money(bill.cost, draft.currency),
        "notes": _notes(bill),
        **_chart(bill),
    }


def _below(bill: MonthBill, zone: ZoneInfo) -> str:
    provider = f" with {bill.contract.draft.provider}" if bill.contract.draft.provider else ""
    length = "the whole month" if bill.is_over else f"the month so far, up to {_moment(bill.until, zone)}"
    return f"What the contract{provider} costs · {length}"


def _facts(bill: MonthBill, zone: ZoneInfo) -> list[tuple[str, str, str]]:
    draft, value = bill.contract.draft, bill.billed
    name = f"Value at {draft.percentile:g} %"
    agreed = ("Agreed", _rate(draft.commit_bps), "") if draft.commit_bps else ("Agreed", "–", "nothing is agreed")
    facts = [("Carrier", draft.provider or "–", ""), agreed]
    if value is None:
        facts.append((name, "–", "nothing is known of this month"))
    else:
        when = f"number {value.rank:,} of {value.known:,} from the highest; {value.free:,} are free"
        if value.at:
            when += f"; measured {_moment(value.at[0], zone)}"
        facts.append((name, _rate(value.bps), when))
    price = f"{draft.currency} {draft.price.normalize():f} per Mbit/s and month"
    if draft.overage_price is not None:
        price += f", {draft.overage_price.normalize():f} beyond what is agreed"
    facts.append(("Cost" if bill.is_over else "Cost at the value so far", _money(bill.cost, draft.currency), price))
    if bill.projection and bill.expected_cost is not None:
        ahead = bill.projection
        between = f"between {_rate(ahead.low_bps)} and {_rate(ahead.high_bps)}"
        facts.append(("Expected at month's end", _rate(ahead.bps), between))
        facts.append(("Expected cost", _money(bill.expected_cost, draft.currency), ""))
    chosen = bill.peak if draft.commit_bps else bill.peak_now
    used, allowed = (f"{each.total_seconds() / 3_600:,.2f} h" for each in (chosen.used, chosen.allowed))
    facts.append(("Free peak time used", used, f"of {allowed} above {_rate(chosen.threshold_bps)}"))
    return facts


def _servers(bill: MonthBill) -> list[dict[str, str]]:
    draft, intervals = bill.contract.draft, max(1, len(bill.billed.at) if bill.billed else 1)
    sent = bill.servers[bill.servers["bytes"] > 0]
    rows = [
        {
            "name": str(name),
            "rate": _rate(bps_of(int(amount)) / intervals * draft.calibration),
            "share": f"{share:.1%}".replace("%", " %"),
            "cost": _money(cost, draft.currency),
        }
        for name, amount, share, cost in zip(sent["name"], sent["bytes"], sent["share"], sent["cost"], strict=True)
    ]
    if len(rows) <= MOST_SERVERS:
        return rows
    rest = sent.iloc[MOST_SERVERS:]
    together = {
        "name": f"{len(rest):,} other servers",
        "rate": _rate(bps_of(int(rest["bytes"].sum())) / intervals * draft.calibration),
        "share": f"{rest['share'].sum():.1%}".replace("%", " %"),
        "cost": _money(sum(rest["cost"], Decimal(0)), draft.currency),
    }
    return [*rows[:MOST_SERVERS], together]


def _notes(bill: MonthBill) -> list[str]:
    draft = bill.contract.draft
    notes = [
        f"5-minute averages of {_WAYS[draft.direction]}, in a month of {draft.zone}; nearest rank, never between two.",
    ]
    if bill.coverage is not None:
        notes.append(f"{bill.coverage:.2%} of the time was watched.".replace("%", " %"))
    if bill.missing and bill.billed and bill.as_zero:
        notes.append(
            f"{bill.missing:,} of {len(bill.intervals):,} intervals are not known and left out;"
            f" counted as 0 the value would be {_rate(bill.as_zero.bps)}."
        )
    if bill.uncounted:
        notes.append(f"Nobody counts the bytes of {', '.join(bill.uncounted)}: they are not in the bill.")
    if bill.share < 1:
        notes.append(f"The contract holds for {float(bill.share):.1%} of the month; so much of it is paid.")
    if draft.calibration != 1:
        notes.append(f"Every byte counts as {draft.calibration:g}: the contract's calibration factor.")
    return [*notes, LEFT_OUT]


def _chart(bill: MonthBill) -> dict[str, Any]:
    """The sorted values as points of an SVG."""
    values = np.sort(bill.intervals["bps"].dropna().to_numpy(dtype=np.float64))[::-1]
    nothing = {"points": "", "agreed_y": None}
    if bill.billed is None or not len(values) or values[0] <= 0:
        return nothing
    commit = float(bill.contract.draft.commit_bps)
    top = max(float(values[0]), commit) * 1.05
    step = max(1, len(values) // POINTS)

    def x(rank: int) -> float:
        return round(_WIDTH * rank / len(values), 1)

    def y(bps: float) -> float:
        return round(_HEIGHT * (1 - bps / top), 1)

    return {
        "points": " ".join(f"{x(place * step)},{y(float(bps))}" for place, bps in enumerate(values[::step])),
        "free_width": round(_WIDTH * bill.billed.free / len(values), 1),
        "free_words": f"the highest {100 - bill.contract.draft.percentile:g} %, free",
        "value_y": y(bill.billed.bps),
        "value_words": f"what bills, {_rate(bill.billed.bps)}",
        "agreed_y": y(commit) if commit else None,
        "agreed_words": f"agreed, {_rate(commit)}",
        "top": _rate(top),
    }


def _moment(at: datetime, zone: ZoneInfo) -> str:
    """ "24 Nov 2026 20:52"."""
    local = at.astimezone(zone)
    return f"{local.day} {NAMES[local.month - 1][:3]} {local.year} {local:%H:%M}"


def _rate(bps: float | None) -> str:
    if bps is None:
        return "–"
    size, word = (1e9, "Gbit/s") if abs(bps) >= 999.95e6 else (1e6, "Mbit/s")
    return f"{bps / size:,.2f} {word}"


def _money(amount: Decimal, currency: str) -> str:
    return f"{currency} {amount:,.2f}"
