"""Rows about bills: contracts, servers, what figures leave out, what explains an invoice. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from decimal import Decimal

import pandas as pd

from db.bill import bps_of
from db.billing import LEFT_OUT, MonthBill
from db.export import Column as FileColumn
from db.invoice import Check, Explanation
from ui import links, numbers, tables
from ui.billing import SIGNS, look, moment, money, total
from ui.html import Html, fill, join
from ui.numbers import Scale
from ui.status import chip

# More servers without counted bytes are not named one by one.
NAMED = 5
FILE = (
    FileColumn("at", "Begins"),
    FileColumn("bps", "Billed value", "bit/s"),
    FileColumn("out_bytes", "Out", "bytes"),
    FileColumn("in_bytes", "In", "bytes"),
    FileColumn("coverage", "Coverage", "0..1"),
    FileColumn("above", "Above the agreed rate"),
    FileColumn("free", "Free"),
)
PEAK_FILE = (FileColumn("day", "Day"), FileColumn("hours", "Peak time", "hours"))
SERVER_FILE = (
    FileColumn("name", "Server"),
    FileColumn("bytes", "In the intervals that bill", "bytes"),
    FileColumn("share", "Share", "0..1"),
    FileColumn("cost", "Cost"),
)
CONTRACT_FILE = (
    FileColumn("contract", "Contract"),
    FileColumn("provider", "Carrier"),
    FileColumn("state", "State"),
    FileColumn("agreed", "Agreed", "bit/s"),
    FileColumn("value", "Billed value", "bit/s"),
    FileColumn("expected", "Expected at month's end", "bit/s"),
    FileColumn("cost", "Cost"),
    FileColumn("currency", "Currency"),
)
CONTRACTS = (
    tables.Column("Contract"),
    tables.Column("State"),
    tables.Column("Agreed", number=True),
    tables.Column("Value so far", number=True),
    tables.Column("Expected", number=True, phone=False),
    tables.Column("Share of agreed", phone=False),
    tables.Column("Per Mbit/s", number=True, phone=False),
    tables.Column("Expected cost", number=True),
)


def most_pressing(bills: Sequence[MonthBill]) -> list[MonthBill]:
    """Those above what is agreed first, then those that will be or nearly are; else as they come."""
    pressing = {"bad": 0, "warn": 1}
    return sorted(bills, key=lambda bill: pressing.get(look(bill).tone, 2))


def contract_frame(bills: Sequence[MonthBill]) -> pd.DataFrame:
    """Contracts as their file has them, see CONTRACT_FILE."""
    return pd.DataFrame(
        [
            {
                "contract": bill.contract.draft.name,
                "provider": bill.contract.draft.provider,
                "state": look(bill).word,
                "agreed": float(bill.contract.draft.commit_bps) or None,
                "value": bill.billed.bps if bill.billed else None,
                "expected": bill.projection.bps if bill.projection else None,
                "cost": total(bill),
                "currency": bill.contract.draft.currency,
            }
            for bill in bills
        ]
    )


def contract_rows(bills: Sequence[MonthBill], scale: Scale, on_phone: int, **query: str) -> list[tables.Row]:
    """A row for each contract, on a phone those after `on_phone` folded; query: what links to them ask for besides."""
    rows = []
    for place, bill in enumerate(bills):
        draft = bill.contract.draft
        so_far = bill.billed.bps if bill.billed else None
        share = so_far / draft.commit_bps if so_far is not None and draft.commit_bps else None
        found = look(bill)
        expected = bill.projection.bps if bill.projection else so_far if bill.is_over else None
        rows.append(
            tables.Row(
                [
                    tables.under(
                        links.link(links.billing(contract=draft.name, **query), draft.name),
                        draft.provider or numbers.many(len(draft.servers), "server"),
                    ),
                    chip(found),
                    numbers.in_scale(draft.commit_bps, scale) if draft.commit_bps else tables.unknown("nothing agreed"),
                    tables.cell(numbers.in_scale(so_far, scale), "nothing was counted"),
                    tables.cell(numbers.in_scale(expected, scale), "there is too little past to tell"),
                    _bar(share, found.tone),
                    f"{SIGNS.get(draft.currency, draft.currency)} {draft.price.normalize():f}",
                    money(total(bill), draft.currency, about=not bill.is_over),
                ],
                folded=place >= on_phone,
            )
        )
    return rows


def _bar(share: float | None, tone: str) -> Html:
    if share is None:
        return tables.unknown("nothing agreed, or nothing counted")
    return fill(
        '<span class="bar {tone}" title="{words}"><i style="width:{width}%"></i></span>',
        tone=tone if tone in ("warn", "bad") else "",
        words=numbers.percent(share),
        width=round(100 * min(1.0, share), 1),
    )


SERVERS = (
    tables.Column("Server"),
    tables.Column("In the intervals that bill", number=True),
    tables.Column("Share", number=True),
    tables.Column("Cost", number=True),
)


def server_rows(bill: MonthBill, most: int) -> list[tables.Row]:
    """The servers that make the bill, the most first, and all others together: the costs add up to it."""
    found, currency = bill.servers, bill.contract.draft.currency
    shown = found[found["bytes"] > 0].head(most)
    scale = numbers.rate_scale([bps_of(amount) for amount in shown["bytes"]])
    intervals = max(1, len(bill.billed.at) if bill.billed else 1)

    def row(name: object, amount: int, share: float, cost: Decimal) -> tables.Row:
        bps = bps_of(amount) / intervals * bill.contract.draft.calibration
        rate = f"{numbers.in_scale(bps, scale)} {scale.word}"
        exact = f"{SIGNS.get(currency, currency)} {cost:,.2f}"
        return tables.Row([name, rate, numbers.percent(share), exact])

    rows = [
        row(links.link(links.server(str(name)), name), int(amount), float(share), cost)
        for name, amount, share, cost in zip(shown["name"], shown["bytes"], shown["share"], shown["cost"], strict=True)
    ]
    rest = found.drop(index=shown.index)
    if len(rest):
        words = numbers.many(len(rest), "other server") if rows else numbers.many(len(rest), "server")
        rows.append(row(words, int(rest["bytes"].sum()), float(rest["share"].sum()), sum(rest["cost"], Decimal(0))))
    return rows


def coverage(bill: MonthBill) -> list[Html]:
    """What the figures leave out, and what they would be otherwise."""
    draft, found = bill.contract.draft, []
    watched = bill.coverage
    if watched is not None:
        found.append(fill("{share} of the time was watched.", share=numbers.percent(watched, 2)))
    if bill.missing and bill.billed and bill.as_zero:
        absent, zero = numbers.rate(bill.billed.bps), numbers.rate(bill.as_zero.bps)
        found.append(
            fill(
                "{count} of {all} are not known by anybody. They are left out; counted as 0 the value would be {zero}.",
                count=numbers.many(bill.missing, "interval"),
                all=f"{len(bill.intervals):,}",
                zero="the same" if zero == absent else f"{zero} instead of {absent}",
            )
        )
    if bill.uncounted:
        rest = len(bill.uncounted) - NAMED
        names = ", ".join(bill.uncounted[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
        found.append(fill("Nobody counts the bytes of {names}: they are not in the bill.", names=names))
    if bill.share < 1:
        part = numbers.percent(float(bill.share))
        found.append(fill("The contract holds for {part} of the month; so much of it is paid.", part=part))
    if draft.calibration != 1:
        factor = f"{draft.calibration:g}"
        found.append(fill("Every byte counts as {factor}: the contract's calibration factor.", factor=factor))
    found.append(fill("{text}", text=LEFT_OUT))
    return found


EXPLANATIONS = (
    tables.Column("If …"),
    tables.Column("Value", number=True),
    tables.Column("Off the invoice", number=True),
    tables.Column("Measured in", phone=False),
)


def explanation_rows(check: Check, zone: tzinfo, most: int = 6) -> list[tables.Row]:
    """What would explain the invoice, the likeliest first."""
    scale = numbers.rate_scale([check.invoiced_bps])
    return [
        tables.Row(
            [
                join(each.words, ", and "),
                f"{numbers.in_scale(each.bps, scale)} {scale.word}",
                fill('<b class="okt">agrees</b>') if each.explains else signed(each.off),
                _measured(each, zone),
            ]
        )
        for each in check.explanations[:most]
    ]


def _measured(each: Explanation, zone: tzinfo) -> str:
    if not each.at:
        return "between intervals"
    return moment(each.at[0], zone) + (f" and {len(each.at) - 1} more" if len(each.at) > 1 else "")


def signed(ratio: float) -> str:
    """A difference: "+ 3.1 %"."""
    return f"{'+' if ratio >= 0 else '−'} {numbers.percent(abs(ratio), 2)}"
