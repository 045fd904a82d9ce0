"""The check of a carrier's invoice: their figure in, what explains the difference out."""

from __future__ import annotations

import streamlit as st

from actions.contract_form import rate
from ui import bill_rows, billing, frames, months_shown, numbers, tables
from ui.cards import card
from ui.form import fault
from ui.frames import InvoiceCheck, MonthBill
from ui.html import Html, fill
from ui.notices import notice


def invoice_check(bill: MonthBill) -> None:
    """The form, and what was found."""
    draft = bill.contract.draft
    with card("invoice", "Check the invoice", bill.month.words, height="stretch"):
        typed = st.text_input(
            "What the carrier billed",
            key="invoiced",
            bind="query-params",
            placeholder="81.2 Gbit/s",
            max_chars=40,
            width=280,
        )
        if not typed:
            words = "Type in the rate on the carrier's invoice, and read which rules and which intervals explain it."
            st.html(fill('<p class="note">{words}</p>', words=words))
            return
        try:
            invoiced = rate(typed)
        except ValueError as error:
            fault({"invoiced": f"{error}"}, "invoiced")
            return
        found = frames.invoice(bill.contract, str(bill.month), float(invoiced))
        zone = months_shown.zone(draft.zone)
        st.html(verdict(found, bill))
        if found.explanations and not found.agrees:
            st.html(
                tables.table(
                    "What would explain the invoice", bill_rows.EXPLANATIONS, bill_rows.explanation_rows(found, zone)
                )
            )
        if len(found.nearest):
            at, place = found.nearest["at"].iloc[0], int(found.nearest["rank"].iloc[0])
            st.html(
                fill(
                    '<p class="note">Our five minutes nearest to the invoice begin on {at} ({zone}): {value}, number'
                    " {rank} of the month from the highest.</p>",
                    at=billing.moment(at, zone),
                    zone=draft.zone,
                    value=numbers.rate(found.nearest["bps"].iloc[0]),
                    rank=f"{place:,}",
                )
            )


def verdict(found: InvoiceCheck, bill: MonthBill) -> Html:
    """What was found, in a sentence or two."""
    if found.ours_bps is None or found.off is None:
        return notice("", "help", "There is nothing to compare with", "No traffic was counted in this month.")
    ours = numbers.rate(found.ours_bps)
    if found.agrees:
        return notice("ok", "check_circle", "The invoice is right", f"Worked out by the contract it is {ours}.")
    title = f"The invoice is {bill_rows.signed(found.off)} against ours, {ours}"
    first = found.explanations[0] if found.explanations else None
    if first is not None and first.explains:
        words = f"It is exactly what it would be if {', and '.join(first.words)}."
    elif found.is_overhead and found.factor is not None:
        words = (
            f"The carrier would count {found.factor:.3f} bytes for each of ours. That is usual: it counts headers and"
            " what is sent twice, too. If it is so every month, make it the contract's calibration factor."
        )
    else:
        words = "No rule that carriers are known to use explains it. The nearest are below."
    if not bill.is_over:
        words += " The month is not over yet."
    return notice("warn", "warning", title, words)
