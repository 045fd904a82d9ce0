"""What the page about bills says: first line, numbers, free peak time. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from cdn.months import INTERVAL
from db.bill import Direction
from db.billing import MonthBill
from ui import numbers
from ui.cards import Kpi
from ui.headline import Headline
from ui.html import NOTHING, Html, fill, join
from ui.numbers import MONTHS, Scale
from ui.status import Look

SIGNS = {"EUR": "€", "USD": "$", "GBP": "£"}
# From so much of what is agreed on it is said to be nearly reached.
NEARLY = 0.95
DIRECTIONS = {
    Direction.OUT: "Traffic out",
    Direction.IN: "Traffic in",
    Direction.LARGER_SAMPLE: "The larger of out and in, in each interval",
    Direction.LARGER_DIRECTION: "Out or in, whichever value is larger",
}
INSIDE, NEAR = Look("check_circle", "Inside", "ok"), Look("warning", "Nearly reached", "warn")
WILL, OVER = Look("warning", "Will be above", "warn"), Look("cancel", "Above agreed", "bad")
NOTHING_AGREED, UNKNOWN = Look("info", "Nothing agreed", "planned"), Look("help", "No data", "nodata")


def money(amount: Decimal | None, currency: str, *, about: bool = False) -> str:
    """An amount: "€ 62,400"; with cents below a thousand, unless it is `about` so much."""
    if amount is None:
        return numbers.DASH
    digits = 0 if about or abs(amount) >= 1_000 or amount == amount.to_integral_value() else 2
    return f"{SIGNS.get(currency, currency)} {amount:,.{digits}f}".replace("-", "−")


def ordinal(percentile: float) -> str:
    """ "95th value"."""
    ends = {"1": "st", "2": "nd", "3": "rd"}
    whole = f"{percentile:g}"
    suffix = "th" if "." in whole or whole[-2:] in ("11", "12", "13") else ends.get(whole[-1], "th")
    return f"{whole}{suffix} value"


def look(bill: MonthBill) -> Look:
    """How a month stands against what is agreed."""
    commit = bill.contract.draft.commit_bps
    if bill.billed is None:
        return UNKNOWN
    if not commit:
        return NOTHING_AGREED
    if bill.billed.bps > commit:
        return OVER
    if bill.projection and bill.projection.bps > commit:
        return WILL
    return NEAR if bill.billed.bps >= NEARLY * commit else INSIDE


def total(bill: MonthBill) -> Decimal:
    """What the month will cost, as far as one can say."""
    return bill.cost if bill.expected_cost is None else bill.expected_cost


def headline(bills: Sequence[MonthBill], shown: MonthBill) -> Headline:
    """What all contracts cost in the month, against what is agreed."""
    costs: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for bill in bills:
        # With nothing agreed nothing was planned, so nothing can be more than that.
        planned = bill.planned_cost if bill.contract.draft.commit_bps else total(bill)
        entry = costs[bill.contract.draft.currency]
        entry[0], entry[1] = entry[0] + total(bill), entry[1] + planned
    known = [bill for bill in bills if bill.billed is not None]
    name = shown.month.words.partition(" ")[0]
    if not known:
        below = fill("No traffic of these servers was counted in this month.")
        return Headline("nodata", fill("Nobody knows what {month} costs", month=shown.month.words), below)
    over = all(bill.is_over for bill in bills)
    amounts = " and ".join(money(whole, currency, about=not over) for currency, (whole, _) in sorted(costs.items()))
    more = " and ".join(
        money(whole - planned, currency, about=not over)
        for currency, (whole, planned) in sorted(costs.items())
        if whole > planned
    )
    verb = "costs" if over else "will cost about"
    title = fill("{month} {verb} {amounts}", month=name, verb=verb, amounts=amounts)
    if more:
        title = fill("{title}, {more} more than agreed", title=title, more=more)
    return Headline("warn" if more else "ok", title, _below(bills, shown))


def _below(bills: Sequence[MonthBill], shown: MonthBill) -> Html:
    above = [bill.contract.draft.name for bill in bills if look(bill) in (OVER, WILL)]
    parts: list[Html] = []
    if above:
        parts.append(
            fill(
                "{names} {verb} above what is agreed.",
                names=", ".join(above[:3]) + (f" and {len(above) - 3} more" if len(above) > 3 else ""),
                verb="ended" if shown.is_over else "ends" if len(above) == 1 else "end",
            )
        )
    elif any(bill.contract.draft.commit_bps for bill in bills):
        parts.append(fill("All {verb} inside what is agreed.", verb="were" if shown.is_over else "are"))
    if not shown.is_over:
        zone = ZoneInfo(shown.contract.draft.zone)
        first, today, end = (each.astimezone(zone).date() for each in (shown.over.start, shown.until, shown.over.end))
        parts.append(fill("Day {day} of {days}.", day=(today - first).days + 1, days=(end - first).days))
        if shown.projection:
            parts.append(
                fill(
                    "The rest of the month is estimated from the last {days}.",
                    days=numbers.many(round(shown.projection.from_days), "day"),
                )
            )
        else:
            parts.append(fill("There is too little past to estimate the rest of the month from."))
    return join(parts, " ")


def kpis(bill: MonthBill, zone: tzinfo) -> list[Kpi]:
    """The numbers of a contract's month."""
    draft, known = bill.contract.draft, bill.intervals["bps"].dropna()
    so_far = bill.billed.bps if bill.billed else None
    scale = numbers.rate_scale([so_far, draft.commit_bps])
    value = numbers.in_scale(so_far, scale)
    unit = "" if value == numbers.DASH else scale.word
    name = ordinal(draft.percentile)
    items = [Kpi(name if bill.is_over else f"{name} so far", value, unit, _against(bill, scale), "", _running(bill))]
    if bill.projection:
        ahead = bill.projection
        low, high = (numbers.in_scale(each, scale) for each in (ahead.low_bps, ahead.high_bps))
        between = fill("between {low} and {high}", low=low, high=high)
        if low == high:
            between = fill("give or take less than 0.1 {unit}", unit=scale.word)
        items.append(Kpi("Expected at month's end", numbers.in_scale(ahead.bps, scale), scale.word, between))
    if len(known):
        highest = bill.intervals.iloc[int(np.nanargmax(bill.intervals["bps"].to_numpy(dtype=np.float64)))]
        at, free = highest["at"], bool(highest["free"])
        when = fill("{at} · {free}", at=moment(at, zone), free="not charged" if free else "charged")
        items.append(Kpi("Highest 5 minutes", numbers.in_scale(highest["bps"], scale), scale.word, when))
    expected = (
        "" if bill.is_over or bill.expected_cost is None else money(bill.expected_cost, draft.currency, about=True)
    )
    below = fill("<b>{expected}</b> expected for the month", expected=expected) if expected else NOTHING
    items.append(
        Kpi("Cost" if bill.is_over else "Cost at the value so far", money(bill.cost, draft.currency), "", below)
    )
    return items


def _against(bill: MonthBill, scale: Scale) -> Html:
    commit = bill.contract.draft.commit_bps
    if bill.billed is None:
        return fill("no traffic was counted")
    if not commit:
        return fill("nothing is agreed")
    agreed = numbers.in_scale(commit, scale)
    beyond = bill.billed.bps - commit
    amount = numbers.in_scale(abs(beyond), scale)
    if beyond > 0:
        return fill(
            '<i class="tri badt">▲</i><b class="badt">{amount} {unit}</b> above the agreed {agreed}',
            amount=amount,
            unit=scale.word,
            agreed=agreed,
        )
    return fill("{amount} {unit} below the agreed {agreed}", amount=amount, unit=scale.word, agreed=agreed)


def _running(bill: MonthBill) -> list[float]:
    """The value that would have been billed at the end of each day so far."""
    values = bill.intervals["bps"].to_numpy(dtype=np.float64)
    day = timedelta(days=1) // INTERVAL
    found = []
    for end in range(day, len(values) + 1, day):
        known = np.sort(values[:end][~np.isnan(values[:end])])[::-1]
        free = int(len(known) * (100 - bill.contract.draft.percentile) / 100 + 1e-9)
        found.append(float(known[free]) if len(known) else float("nan"))
    return found


def moment(at: object, zone: tzinfo) -> str:
    """A moment of the month: "14 Nov, 21:35"."""
    local = pd.Timestamp(at).tz_convert(zone)  # type: ignore[arg-type]
    return f"{local.day} {MONTHS[local.month - 1]}, {local:%H:%M}"


def hours(length: timedelta) -> str:
    """A length of peak time: "30 h 45 min"."""
    whole, minutes = divmod(int(length.total_seconds()) // 60, 60)
    return f"{whole:,} h {minutes:02} min" if whole else f"{minutes} min"


def peak(bill: MonthBill, zone: tzinfo) -> Html:
    """Free peak time left, as a bar, and what happens then."""
    draft = bill.contract.draft
    chosen = bill.peak if draft.commit_bps else bill.peak_now
    used = chosen.used / chosen.allowed if chosen.allowed else 1.0
    pace = len(bill.intervals) / bill.over.intervals if bill.over.intervals else 1.0
    limit = numbers.rate(chosen.threshold_bps)
    words = f"the agreed {limit}" if draft.commit_bps else f"the value so far, {limit}"
    price = draft.price if draft.overage_price is None else draft.overage_price
    sign = SIGNS.get(draft.currency, draft.currency)
    costs = f"{sign}\u00a0{price.normalize():f} per Mbit/s"
    if chosen.left == timedelta() and chosen.used > chosen.allowed:
        text = f"Peak time is the time above {words}. It is used up: what is beyond costs {costs}."
    elif bill.is_over:
        text = f"Peak time is the time above {words}. It was not used up."
    elif bill.projection and bill.projection.used_up_at:
        at = moment(bill.projection.used_up_at, zone)
        text = f"Peak time is the time above {words}. At the pace of the last weeks it is used up on {at}; "
        text += f"then what is beyond costs {costs}."
    else:
        text = f"Peak time is the time above {words}. At the pace of the last weeks it lasts until the month ends."
    return fill(
        '<p class="big">{left} <small>left</small></p><span class="bar peak {tone}" role="img" aria-label="{label}">'
        '<i style="width:{width}%"></i><b style="left:{pace}%"></b></span>'
        '<p class="peak-ends"><span>{used} used</span><span>{fair}</span></p><p class="note">{text}</p>',
        left=hours(chosen.left),
        tone="bad" if used >= 1 else "warn" if used > pace else "",
        label=f"{hours(chosen.used)} of {hours(chosen.allowed)} used",
        width=round(100 * min(1.0, used), 1),
        pace=round(100 * min(1.0, pace), 1),
        used=hours(chosen.used),
        fair="" if bill.is_over else "line = even pace",
        text=text,
    )
