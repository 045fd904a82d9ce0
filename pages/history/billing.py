"""Billing: what carriers will charge for the month, how much free peak time is left, whether an invoice is right."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from cdn.clock import utc_now
from cdn.errors import Unavailable
from pages.parts import shown_once
from pages.parts.contract_form import NEXT, contract_form
from pages.parts.invoice import invoice_check
from ui import (
    bill_figures,
    bill_rows,
    billing,
    cards,
    download,
    frames,
    links,
    months_shown,
    numbers,
    tables,
    theme,
    verdict,
)
from ui.cards import card
from ui.chart import chart
from ui.frames import Contract, MonthBill
from ui.headline import Headline, headline
from ui.html import fill
from ui.notices import empty, notice, paragraphs
from ui.visitor import may

HIGH, LOW = 300, 170
TOP_SERVERS = 10
# So many contracts are offered side by side; more in a list.
SIDE_BY_SIDE = 5
# Contracts in the list as long as nobody asks for all; on a phone fewer.
ROWS, ROWS_ON_PHONE = 30, 8


def draw() -> None:
    """The page."""
    try:
        found = frames.contracts()
        if not found:
            nothing()
            return
        shown(found)
    except Unavailable as error:
        _, text = verdict.cut_off(str(error), None, utc_now(), theme.viewer_zone())
        below = fill("The database does not answer. Load the page again in a moment.")
        headline(Headline("nodata", fill("Nobody knows what the month costs"), below))
        st.html(notice("bad", "database_off", "Bills cannot be worked out just now", text))


def nothing() -> None:
    """No contract yet: say what one is for, and offer the form."""
    headline(Headline("planned", fill("No contracts yet"), fill("What traffic costs is worked out from them.")))
    shown_once.tell_last()
    if may("admin"):
        contract_form(None, str(theme.viewer_zone()))
        return
    with card("contracts", "Contracts"):
        text = "An admin enters what is agreed with a carrier; its bill is then worked out here every five minutes."
        st.html(empty("receipt_long", "Nothing is agreed with any carrier", text))


def shown(found: list[Contract]) -> None:
    """The month of one contract, and all contracts beside it."""
    now, above = utc_now(), st.container()
    with st.container(horizontal=True, key="filters"):
        contract = choose_contract(found)
        month = choose_month(contract, now)
    bills = {each.id: frames.bill(each, month) for each in found}
    bill = bills[contract.id]
    with above:
        headline(billing.headline(list(bills.values()), bill))
        shown_once.tell_last()
    edit = st.query_params.get("edit")
    if edit and may("admin"):
        contract_form(None if edit == "new" else contract, contract.draft.zone)
    st.html(cards.kpis(billing.kpis(bill, months_shown.zone(contract.draft.zone))))
    draw_values(bill)
    draw_course(bill)
    draw_contracts(list(bills.values()), bill)
    servers, check = st.columns(2, gap="small")
    with servers:
        draw_servers(bill)
    with check:
        invoice_check(bill)
    draw_notes(bill)


def choose_contract(found: list[Contract]) -> Contract:
    """Which contract is looked at."""
    names = [each.draft.name for each in found]
    # A widget's answer can only be given before it is drawn.
    if (wanted := st.session_state.pop(NEXT, "")) in names:
        st.session_state["contract"] = wanted
    if len(names) <= SIDE_BY_SIDE and sum(map(len, names)) < 80:
        chosen = st.segmented_control(
            "Contract",
            names,
            default=names[0],
            required=True,
            key="contract",
            bind="query-params",
            label_visibility="collapsed",
        )
    else:
        chosen = st.selectbox(
            "Contract", names, key="contract", bind="query-params", label_visibility="collapsed", width=280
        )
    return found[names.index(chosen)] if chosen in names else found[0]


def choose_month(contract: Contract, now: datetime) -> str:
    """Which month, as "2026-11"."""
    draft = contract.draft
    offered = months_shown.offered(now, months_shown.zone(draft.zone), draft.starts_on, draft.ends_on)
    words = {each.words: str(each) for each in offered}
    chosen = st.selectbox(
        "Month", list(words), key="month", bind="query-params", label_visibility="collapsed", width=180
    )
    return words.get(chosen or "", str(offered[0]))


def draw_values(bill: MonthBill) -> None:
    """All values of the month, sorted, beside the free peak time that is left."""
    draft, zone = bill.contract.draft, months_shown.zone(bill.contract.draft.zone)
    known = bill.intervals["bps"].dropna()
    scale = numbers.rate_scale([known.max() if len(known) else None, draft.commit_bps])
    left, right = st.columns([2, 1], gap="small")
    free = 100 - draft.percentile
    with left, card("values", "All 5-minute values, highest first", f"{scale.word} · the highest {free:g} % are free"):
        if known.empty or bill.billed is None:
            st.html(empty("bar_chart", "Nothing was counted", "No five minutes of this month are known."))
        else:
            name, value = billing.ordinal(draft.percentile), numbers.in_scale(bill.billed.bps, scale)
            st.html(cards.legend([("s0", "5-minute values", ""), ("outage", f"{name}, what bills", value)]))
            figure = bill_figures.sorted_values(known, bill.billed.free, scale.size, HIGH, agreed(bill))
            alt = f"All {len(known):,} five-minute values, highest first, in {scale.word}: {name} {value}."
            chart(figure, "values", alt, scale.word)
        download.offer("values", f"{draft.name} {bill.month}", bill.intervals, bill_rows.FILE, draft.zone)
    whole = numbers.many(bill.over.intervals, "interval")
    with right, card("peak", "Free peak time", f"{free:g} % of {whole}", height="stretch"):
        st.html(billing.peak(bill, zone))
        if len(known):
            column = "above" if draft.commit_bps else "free"
            st.html(cards.card_head("Peak time by day", "hours"))
            days = bill_figures.peak_days(bill.intervals, column, zone)
            words = "Hours of peak time on each day of the month."
            chart(bill_figures.peak_by_day(days, LOW), "peak-days", words, "h")
            file = f"{draft.name} {bill.month} peak time"
            download.offer("peak-days", file, days, bill_rows.PEAK_FILE, draft.zone)


def draw_course(bill: MonthBill) -> None:
    """The month as it went."""
    draft, known = bill.contract.draft, bill.intervals["bps"].dropna()
    scale = numbers.rate_scale([known.max() if len(known) else None, draft.commit_bps])
    with card("course", f"Traffic in {bill.month.words}", f"{scale.word} · highest 5 minutes of each half hour"):
        if known.empty:
            st.html(empty("show_chart", "Nothing was counted", "No five minutes of this month are known."))
            return
        marked = "above the agreed rate" if draft.commit_bps else "free peak time"
        st.html(cards.legend([("s0", draft.name, ""), ("outage", marked, "")]))
        chart(
            bill_figures.course(bill.intervals, scale.size, months_shown.zone(draft.zone), LOW, agreed(bill)),
            "course",
            f"Traffic of {bill.month.words} in {scale.word}, highest {numbers.rate(known.max())}.",
            scale.word,
        )
        download.offer("course", f"{draft.name} {bill.month}", bill.intervals, bill_rows.FILE, draft.zone)


def agreed(bill: MonthBill) -> tuple[float, str] | None:
    """The line of what is agreed."""
    commit = bill.contract.draft.commit_bps
    return (float(commit), f"agreed: {numbers.rate(commit)}") if commit else None


def draw_contracts(bills: list[MonthBill], bill: MonthBill) -> None:
    """All contracts in the month."""
    rates = [rate for each in bills for rate in (each.contract.draft.commit_bps, each.billed and each.billed.bps)]
    scale = numbers.rate_scale(rates)
    with card("contracts", "Contracts", f"{bill.month.words} · {scale.word}"):
        every = st.query_params.get("all") == "yes"
        first = bill_rows.most_pressing(bills)
        shown, on_phone = (first, len(first)) if every else (first[:ROWS], ROWS_ON_PHONE)
        rows = bill_rows.contract_rows(shown, scale, on_phone, month=bill.month.words)
        st.html(tables.table("All contracts", bill_rows.CONTRACTS, rows))
        if len(first) > on_phone:
            whole = links.billing(contract=bill.contract.draft.name, month=bill.month.words, all="yes")
            link = links.link(whole, f"Show all {len(first):,} contracts")
            classes = "" if len(first) > ROWS else "only-p"
            st.html(fill('<p class="foot {classes}">{link}</p>', classes=classes, link=link))
        if may("admin"):
            edit = links.billing(contract=bill.contract.draft.name, month=bill.month.words, edit="1")
            st.html(
                fill(
                    '<p class="foot">{edit} {add}</p>',
                    edit=links.link(edit, "Change this contract", "btn"),
                    add=links.link(links.billing(edit="new"), "Add a contract", "btn"),
                )
            )
        file, zone = f"contracts {bill.month}", bill.contract.draft.zone
        download.offer("contracts", file, bill_rows.contract_frame(first), bill_rows.CONTRACT_FILE, zone)


def draw_servers(bill: MonthBill) -> None:
    """Whose traffic is billed."""
    with card("bill-servers", "What makes the bill", "traffic in the intervals that bill"):
        if bill.servers.empty:
            st.html(empty("dns", "No servers", "No server of this contract was there in this month."))
            return
        st.html(tables.table("Servers by cost", bill_rows.SERVERS, bill_rows.server_rows(bill, TOP_SERVERS)))
        name = f"{bill.contract.draft.name} {bill.month} servers"
        download.offer("bill-servers", name, bill.servers, bill_rows.SERVER_FILE, bill.contract.draft.zone)


def draw_notes(bill: MonthBill) -> None:
    """What the figures are made of, and the page to print."""
    draft = bill.contract.draft
    with card("notes", "How it is worked out", f"months of {draft.zone}"):
        rule = f"{billing.DIRECTIONS[draft.direction]}, {billing.ordinal(draft.percentile)} of 5-minute averages"
        st.html(paragraphs(f"{rule}, nearest rank.", *bill_rows.coverage(bill)))
        report = links.bill_report(bill.contract.id, bill.month, draft.zone)
        st.html(
            fill('<p class="foot"><a class="btn" data-leave href="{report}">A page to print</a></p>', report=report)
        )


draw()
