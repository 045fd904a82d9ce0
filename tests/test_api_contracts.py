"""Contracts by REST, what a month bills, invoices; and the page to print."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from cdn.clock import utc_now
from cdn.errors import Unavailable
from cdn.months import Month, span, zone_of
from db import billing, contracts
from tests.asking import SIGNED_IN, client, token
from tests.billed import contract, every, group, new_server, write
from tests.everybody import asking, callers, people_it, program
from tests.test_billing import LATER, OCTOBER, waves
from web import report_bill

NEW = {"name": "Nordlink", "provider": "Nordlink", "price": "0.32", "starts_on": "2026-01-01"}
HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def api(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    made = client(engine, monkeypatch)
    made.headers.update(SIGNED_IN)
    return made


@pytest.fixture
def october(engine: Engine) -> Engine:
    """A month of two servers, with half a day nobody saw."""
    bounds = span(OCTOBER, zone_of("Europe/Berlin"))
    at = every(bounds.start, bounds.end)
    for name, seed in (("edge-a", 1), (HOSTILE, 2)):
        cells = waves(at, seed)
        write(engine, new_server(engine, name=name), {each: cells[each] for each in at[:5_000] + at[5_144:]})
    group(engine, bounds.start, bounds.end)
    return engine


def test_a_contract_is_added_read_changed_and_retired(api: TestClient, engine: Engine) -> None:
    made = api.post("/contracts", json=NEW)
    assert made.status_code == 201, made.text
    told = made.json()
    assert made.headers["location"] == f"contracts/{told['id']}"
    assert (told["price"], told["percentile"], told["direction"], told["commit"]) == ("0.32", 95.0, "out", 0)
    address = f"/contracts/{told['id']}"
    shown = api.get(address)
    assert shown.json() == told
    assert api.get("/contracts").json() == [told]
    changed = api.patch(
        address, json={"commit": 80_000_000_000, "overage_price": "0.5"}, headers={"If-Match": shown.headers["etag"]}
    )
    assert changed.status_code == 200, changed.text
    assert changed.json() == {**told, "commit": 80_000_000_000, "overage_price": "0.5", "version": 2}
    again = api.patch(address, json={"commit": 1}, headers={"If-Match": shown.headers["etag"]})
    assert again.status_code == 412
    assert api.patch(address, json={"commit": 1}).status_code == 428
    back = api.patch(address, json={"overage_price": None, "version": 2})
    assert back.json()["overage_price"] is None
    assert api.delete(address).status_code == 204
    assert api.get("/contracts").json() == []
    assert api.get(address).json()["retired_at"] is not None
    assert api.delete(address).status_code == 404
    assert api.get("/contracts/99").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("zone", "Mars/Base"),
        ("price", "-1"),
        ("percentile", 10),
        ("currency", "Euro"),
        ("ends_on", "2025-01-01"),
        ("servers", ["edge-9"]),
        ("name", ""),
        ("colour", "red"),
        ("commit", True),
    ],
)
def test_a_wrong_field_is_named(api: TestClient, field: str, value: Any) -> None:
    told = api.post("/contracts", json={**NEW, field: value})
    assert told.status_code == 422
    assert [name.split(".")[:2] for name in told.json()["faults"]] == [["body", field]]


def test_a_month_is_told_as_it_is_billed(api: TestClient, october: Engine) -> None:
    stored = contract(october, zone="Europe/Berlin", commit="300 Mbit/s", price="0.3", overage_price="0.6")
    bill = billing.month(october, stored, OCTOBER, LATER)
    assert bill.billed
    assert bill.as_zero
    told = api.get(f"/contracts/{stored.id}/months/2026-10")
    assert told.status_code == 200, told.text
    body = told.json()
    assert body["billed"]["bps"] == bill.billed.bps
    assert body["as_zero"]["bps"] == bill.as_zero.bps
    assert (body["intervals"], body["missing"], body["is_over"]) == (8_940, 144, utc_now() > bill.over.end)
    assert body["cost"] == str(bill.cost)
    assert sum(Decimal(each["cost"]) for each in body["servers"]) == bill.cost
    assert body["peak"]["left_seconds"] == bill.peak.left.total_seconds()
    assert body["values"] is None
    values = api.get(f"/contracts/{stored.id}/months/2026-10?values=true").json()["values"]
    assert len(values) == 8_940
    assert [each["bps"] for each in values].count(None) == 144
    assert sum(each["out_bytes"] or 0 for each in values) == int(bill.intervals["out_bytes"].sum())


@pytest.mark.parametrize("month", ["2026-13", "2026", "1999-01", "October", "2026-1"])
def test_what_is_no_month_is_refused(api: TestClient, engine: Engine, month: str) -> None:
    stored = contract(engine)
    told = api.get(f"/contracts/{stored.id}/months/{month}")
    assert told.status_code == 422, told.text
    assert told.json()["faults"]


def test_an_invoice_is_checked(api: TestClient, october: Engine) -> None:
    stored = contract(october, zone="Europe/Berlin")
    bill = billing.month(october, stored, OCTOBER, LATER)
    assert bill.billed
    asked = {"month": "2026-10", "bps": bill.billed.bps / 1.048576}
    told = api.get(f"/contracts/{stored.id}/invoice-check", params=asked)
    assert told.status_code == 200, told.text
    body = told.json()
    assert body["agrees"] is False
    assert body["explanations"][0]["words"] == ["1 Mbit/s is 1,048,576 bit/s"]
    assert body["explanations"][0]["explains"]
    assert len(body["nearest"]) == 3
    assert api.get(f"/contracts/{stored.id}/invoice-check", params={"month": "2026-10", "bps": 0}).status_code == 422


def test_reading_takes_the_scope_read_and_changing_admin(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    api = client(engine, monkeypatch)
    stored = contract(engine)
    reading, operating = token(engine, "read"), token(engine, "operate")
    for path in ("/contracts", f"/contracts/{stored.id}", f"/contracts/{stored.id}/months/2026-10"):
        assert api.get(path, headers=reading).status_code == 200
        assert api.get(path).status_code == 401
    for by in (reading, operating):
        assert api.post("/contracts", json=NEW, headers=by).status_code == 403
        assert api.patch(f"/contracts/{stored.id}", json={"commit": 1, "version": 1}, headers=by).status_code == 403
        assert api.delete(f"/contracts/{stored.id}", headers=by).status_code == 403
    assert contracts.stored(engine, stored.id).version == 1


# ---- the page to print


@pytest.fixture
def site(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    with asking(program(engine, monkeypatch)) as made:
        yield made


def test_the_page_to_print_is_for_whoever_may_come_in(site: TestClient, october: Engine) -> None:
    stored = contract(october, name=HOSTILE, zone="Europe/Berlin", commit="300 Mbit/s", price="0.3")
    path = f"/reports/contract?id={stored.id}&month=2026-10&zone=Europe/Berlin"
    for each in callers(october, people_it(october)):
        if "authorization" in each.headers:
            continue  # tokens open the API alone
        answer = site.get(path, headers={**each.headers, "accept": "text/html"}, follow_redirects=False)
        assert answer.status_code == (200 if each.role else 303), each.name
        assert ("&lt;script&gt;" in answer.text) is bool(each.role)
    bill = billing.month(october, stored, OCTOBER, LATER)
    shown = report_bill.shown(bill)
    assert shown["cost"] == f"EUR {bill.cost:,.2f}"
    assert sum(Decimal(each["cost"].removeprefix("EUR ").replace(",", "")) for each in shown["servers"]) == bill.cost
    assert "144 of 8,940 intervals are not known and left out" in " ".join(shown["notes"])


def test_the_page_to_print_works_without_scripts_and_styles_of_its_own(october: Engine) -> None:
    from web import plain

    bill = billing.month(
        october, contract(october, name=HOSTILE, zone="Europe/Berlin", commit="300 Mbit/s"), OCTOBER, LATER
    )
    frame: dict[str, Any] = {"made": "now", "others": [], "back_words": "Bills", **report_bill.shown(bill)}
    answer = plain.page("report_bill.html", "/cdn", **frame)
    body = bytes(answer.body).decode()
    assert "<script" not in body
    assert " style=" not in body
    assert "&lt;script&gt;" in body
    assert "<polyline" in body
    assert 'href="/cdn/assets/report.css"' in body
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_month_of_which_nothing_is_known_can_be_printed(engine: Engine) -> None:
    from web import plain

    bill = billing.month(engine, contract(engine), Month(2026, 9), datetime(2026, 9, 1, tzinfo=UTC))
    frame: dict[str, Any] = {"made": "now", "others": [], "back_words": "Bills", **report_bill.shown(bill)}
    body = bytes(plain.page("report_bill.html", "", **frame).body).decode()
    assert "nothing is known of this month" in body


@pytest.mark.parametrize(
    ("query", "status"),
    [("id=1&month=x", 422), ("id=x&month=2026-10", 422), ("month=2026-10", 422), ("id=99&month=2026-10", 404)],
)
def test_a_report_that_is_not_there_is_told_so(
    site: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch, query: str, status: int
) -> None:
    monkeypatch.setattr("web.gate.Gate._is_this_machine", staticmethod(lambda _: True))
    answer = site.get(f"/reports/contract?{query}")
    assert answer.status_code == status, answer.text


def test_the_report_says_that_the_database_is_away(
    site: TestClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.gate.Gate._is_this_machine", staticmethod(lambda _: True))
    stored = contract(engine)
    answer = site.get(f"/reports/contract?id={stored.id}&month=2026-10")
    assert answer.status_code == 200, answer.text
    assert stored.draft.name in answer.text

    def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(contracts, "stored", away)
    assert site.get(f"/reports/contract?id={stored.id}&month=2026-10").status_code == 503
