"""The page about carriers' bills: over a real database, in every state it can be in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from streamlit.testing.v1 import AppTest

import db.billing
import db.contracts
import db.engine
from cdn import months
from cdn.errors import Unavailable
from cdn.settings import ROOT
from db.contracts import Stored
from db.frame import records
from tests.billed import contract, every, group, new_server, write
from tests.test_billing import LATER, waves
from tests.test_pages import first_line, markup
from tests.test_pages import text as read
from ui import frames, months_shown

PAGE = "pages/history/billing.py"
NOW = datetime(2026, 11, 16, 9, 2, tzinfo=UTC)
HOSTILE = '<img src=x onerror="x">{name}'


@pytest.fixture(autouse=True)
def _nothing_read() -> Iterator[None]:
    frames.forget()
    yield
    frames.forget()


@pytest.fixture
def stored(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    for module in ("ui.frames", "pages.parts.contract_form"):
        monkeypatch.setattr(f"{module}.utc_now", lambda: NOW)
    return engine


@pytest.fixture
def busy(stored: Engine) -> Engine:
    """Six weeks of two servers until now, a contract of all and one of a single server."""
    start = NOW.replace(minute=0) - timedelta(days=47)
    for name, seed in (("edge-a", 1), (HOSTILE, 2)):
        write(stored, new_server(stored, name=name), waves(every(start, NOW - timedelta(minutes=10)), seed))
    group(stored, start, NOW)
    contract(stored, name="Nordlink", commit="500 Mbit/s", price="0.32", overage_price="0.5", zone="Europe/Berlin")
    contract(stored, name="<b>Telvia", servers=[HOSTILE], commit="20 Gbit/s", price="0.2", zone="Asia/Kolkata")
    return stored


def opened(role: str = "admin", **query: str) -> AppTest:
    app = AppTest.from_file(ROOT / "dashboard.py", default_timeout=60)
    app.user = {"cdn_name": "ada", "cdn_role": role, "cdn_via": "password", "cdn_id": "1", "cdn_address": "192.0.2.7"}
    app.query_params.update(query)
    app.switch_page(PAGE)
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception, app.exception[0].message
    return app


@pytest.fixture
def at_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's own clock, too."""
    monkeypatch.setattr("cdn.clock.utc_now", lambda: NOW)


def bill_of(engine: Engine, name: str, month: str = "2026-11") -> db.billing.MonthBill:
    found: Stored = next(each for each in db.contracts.contracts(engine) if each.draft.name == name)
    return db.billing.month(engine, found, months.read(month), NOW)


@pytest.mark.usefixtures("at_that_time")
def test_the_first_line_tells_what_the_month_will_cost_and_what_of_it_was_not_agreed(busy: Engine) -> None:
    app = opened()
    bills = [bill_of(busy, name) for name in ("Nordlink", "<b>Telvia")]
    whole = sum(each.expected_cost or 0 for each in bills)
    assert first_line(app) == f"November will cost about € {whole:,.0f}, € {whole - 4_160:,.0f} more than agreed"
    assert "Nordlink ends above what is agreed. Day 16 of 30." in read(app)
    assert "estimated from the last 28 days" in read(app)


@pytest.mark.usefixtures("at_that_time")
def test_numbers_are_those_of_the_bill(busy: Engine) -> None:
    app, bill = opened(contract="Nordlink"), bill_of(busy, "Nordlink")
    assert bill.billed
    assert bill.projection
    shown = read(app)
    assert "95th value so far" in shown
    assert f"{bill.billed.bps / 1e9:,.1f}" in shown
    low, high = (f"{each / 1e9:,.1f}" for each in (bill.projection.low_bps, bill.projection.high_bps))
    assert (f"between {low} and {high}" if low != high else "give or take less than 0.1 Gbit/s") in shown
    for cost in bill.servers["cost"]:
        assert f"€ {cost:,.2f}" in shown
    assert "What servers" not in shown
    assert "headers of TCP, IP and Ethernet" in shown


@pytest.mark.usefixtures("at_that_time")
def test_names_are_shown_letter_by_letter(busy: Engine) -> None:
    app = opened(contract="<b>Telvia")
    assert "<b>Telvia" not in markup(app)
    assert "&lt;b&gt;Telvia" in markup(app)
    assert 'onerror="x"' not in markup(app)
    assert "&lt;img src=x onerror=&quot;x&quot;&gt;{name}" in markup(app)


@pytest.mark.usefixtures("at_that_time")
def test_contract_and_month_are_in_the_address(busy: Engine) -> None:
    app = opened(contract="<b>Telvia", month="October 2026")
    assert first_line(app).startswith("October costs")
    bill = bill_of(busy, "<b>Telvia", "2026-10")
    assert bill.is_over
    assert f"€ {bill.cost:,.0f}" in read(app)
    assert "reports/contract?id=2&amp;month=2026-10&amp;zone=Asia%2FKolkata" in markup(app)


@pytest.mark.usefixtures("at_that_time")
@pytest.mark.parametrize("query", [{"contract": "none"}, {"month": "Octember"}, {"edit": "x"}, {"invoiced": "lots"}])
def test_what_nobody_offers_is_passed_over(busy: Engine, query: dict[str, str]) -> None:
    assert first_line(opened(**query)).startswith("November will cost about")


@pytest.mark.usefixtures("at_that_time")
def test_an_invoice_is_checked_where_its_figure_is_typed_in(busy: Engine) -> None:
    bill = bill_of(busy, "Nordlink", "2026-10")
    assert bill.billed
    right = opened(contract="Nordlink", month="October 2026", invoiced=f"{bill.billed.bps / 1e6:,.2f} Mbit/s")
    assert "The invoice is right" in read(right)
    in_1024s = opened(
        contract="Nordlink", month="October 2026", invoiced=f"{bill.billed.bps / 1.048576 / 1e6:,.3f} Mbit/s"
    )
    assert "It is exactly what it would be if 1 Mbit/s is 1,048,576 bit/s." in read(in_1024s)
    odd = opened(contract="Nordlink", month="October 2026", invoiced="many")
    assert "want a rate such as 80 Gbit/s" in read(odd)


@pytest.mark.usefixtures("at_that_time")
@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_admins_are_offered_to_change_contracts(busy: Engine, role: str) -> None:
    app = opened(role, edit="new")
    assert not app.button
    assert "Add a contract" not in read(app)
    assert "Change this contract" not in read(app)
    assert first_line(app).startswith("November")


@pytest.mark.usefixtures("at_that_time")
def test_a_contract_is_changed_in_the_form_and_faults_stand_under_their_fields(busy: Engine) -> None:
    app = opened(contract="Nordlink", edit="1")
    price = next(each for each in app.text_input if each.label == "Price per Mbit/s and month")
    assert price.value == "0.32"
    agreed = next(each for each in app.text_input if each.label == "Agreed rate")
    assert agreed.value == "500 Mbit/s"
    price.set_value("cheap")
    press(app, "Save")
    assert "want an amount per Mbit/s and month" in read(app)
    price = next(each for each in app.text_input if each.label == "Price per Mbit/s and month")
    assert price.value == "cheap"
    price.set_value("0.3")
    press(app, "Save")
    assert "Nordlink is changed" in read(app)
    assert {str(each.draft.price) for each in db.contracts.contracts(busy)} == {"0.300000", "0.200000"}


@pytest.mark.usefixtures("at_that_time")
def test_a_contract_is_retired(busy: Engine) -> None:
    app = opened(contract="Nordlink", edit="1")
    press(app, "Retire")
    assert "Nordlink is retired" in read(app)
    assert [each.draft.name for each in db.contracts.contracts(busy)] == ["<b>Telvia"]


def test_without_contracts_an_admin_may_add_the_first_one(stored: Engine) -> None:
    new_server(stored)
    app = opened()
    assert first_line(app) == "No contracts yet"
    for label, value in (("Name", "Nordlink"), ("Price per Mbit/s and month", "0.5"), ("First day", "2026-01-01")):
        next(each for each in app.text_input if each.label == label).set_value(value)
    next(each for each in app.selectbox if each.label == "Provider").set_value("Nordlink")
    press(app, "Add")
    assert "Nordlink is added" in read(app)
    assert [each.draft.provider for each in db.contracts.contracts(stored)] == ["Nordlink"]
    assert first_line(app).startswith("Nobody knows what")


def test_without_contracts_others_are_told_who_enters_them(stored: Engine) -> None:
    app = opened("viewer")
    assert first_line(app) == "No contracts yet"
    assert "An admin enters" in read(app)
    assert not app.button


def test_gaps_and_servers_that_count_no_bytes_are_said(stored: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cdn.clock.utc_now", lambda: LATER)
    start, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    at = [each for each in every(start, end) if each.day != 7]
    write(stored, new_server(stored), waves(at, 1))
    write(stored, new_server(stored, name="plain-nginx"), dict.fromkeys(at, (None, None)))
    group(stored, start, end)
    contract(stored, ends_on="2026-10-31")
    shown = read(opened())
    assert "288 intervals of 8,928 are not known by anybody" in shown
    assert "Nobody counts the bytes of plain-nginx: they are not in the bill." in shown
    assert "96.77 % of the time was watched" in shown


def test_the_page_stays_while_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise Unavailable("the database at somewhere does not answer: refused")

    monkeypatch.setattr(db.engine, "shared", lambda: None)
    monkeypatch.setattr(db.contracts, "contracts", away)
    app = opened()
    assert first_line(app) == "Nobody knows what the month costs"
    assert "does not answer: refused" in read(app)


def test_months_are_offered_from_the_contracts_first_day_to_its_last_one() -> None:
    zone = months_shown.zone("Pacific/Kiritimati")
    now = datetime(2026, 10, 31, 12, tzinfo=UTC)  # there it is November
    offered = months_shown.offered(now, zone, date(2026, 9, 30), None)
    assert list(map(str, offered)) == ["2026-11", "2026-10", "2026-09"]
    assert len(months_shown.offered(now, zone, date(2000, 1, 1), None)) == months_shown.MOST
    ended = months_shown.offered(now, zone, date(2026, 1, 1), date(2026, 2, 3))
    assert list(map(str, ended)) == ["2026-02", "2026-01"]


def test_what_is_downloaded_are_the_figures_shown(busy: Engine) -> None:
    from db import export
    from ui import bill_rows

    bill = bill_of(busy, "Nordlink")
    lines = export.csv(bill.intervals, bill_rows.FILE, "Europe/Berlin").decode("utf-8-sig").splitlines()
    assert len(lines) == len(bill.intervals) + 1
    assert lines[0].startswith("Begins (UTC),Begins (Europe/Berlin),Billed value (bit/s),Out (bytes),In (bytes)")
    servers = export.csv(bill.servers, bill_rows.SERVER_FILE, "UTC").decode("utf-8-sig")
    assert str(records(bill.servers)[0]["cost"]) in servers
    with busy.connect() as connection:
        total = connection.scalar(
            text("SELECT sum(egress_bytes)::bigint FROM traffic_5m WHERE at >= :start"), {"start": bill.over.start}
        )
    assert sum(int(line.split(",")[3]) for line in lines[1:]) == total
