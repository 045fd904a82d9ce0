"""Pages to be printed: a channel's month, behind the gate, with whole words where something is wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cdn.errors import Unavailable
from db import engine as engines
from tests import fake_bills
from tests.test_airtime import Published, new_channel, publish
from web import report_bill, report_channel
from web.gate import FREE
from web.reports import between, lasted, report, share

MARCH = {"month": "2026-03", "zone": "Asia/Kolkata"}


@pytest.fixture
def client(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(engines, "shared", lambda: engine)
    route = report("/reports/channel", "", report_channel.read, "availability?of=Channels", "All channels")
    with TestClient(Starlette(routes=[route])) as made:
        yield made


def test_a_channels_month_is_told_with_its_drop_outs(engine: Engine, client: TestClient) -> None:
    channel, homes = new_channel(engine)
    publish(engine, homes[0], [Published(None, 0, 100, 115), Published(200, 215, 400_000, 400_015)])
    answer = client.get("/reports/channel", params={"id": channel, **MARCH})
    assert answer.status_code == 200
    text = answer.text
    assert "March 2026" in text
    assert "expected on air always" in text
    assert "85 to 115 s" in text
    # Noon in UTC, on the clock of the zone.
    assert "2 Mar 2026 17:31:40 IST" in text
    assert "its publisher left" in text
    assert text.count('<th scope="row">') >= 31
    assert "February 2026" in text
    assert "style-src 'self'" in answer.headers["content-security-policy"]


def test_names_stay_names(engine: Engine, client: TestClient) -> None:
    channel, homes = new_channel(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE channel SET name = '<script>alert(1)</script>'")
    publish(engine, homes[0], [Published(None, 0, 100, 115)])
    text = client.get("/reports/channel", params={"id": channel, **MARCH}).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


def test_a_name_that_turns_text_around_does_not(engine: Engine, client: TestClient) -> None:
    channel, homes = new_channel(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE channel SET name = 'edge\u202egpj.exe'")
    publish(engine, homes[0], [Published(None, 0, 100, 115)])
    text = client.get("/reports/channel", params={"id": channel, **MARCH}).text
    assert "\u202e" not in text
    assert "edge�gpj.exe: March 2026" in text


def test_a_contracts_month_is_told_on_the_clock_of_its_own_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_bills.install(lambda: "calm", monkeypatch.setattr, ())
    monkeypatch.setattr(engines, "shared", lambda: None)
    route = report("/reports/contract", "", report_bill.read, "billing", "Back to billing")
    with TestClient(Starlette(routes=[route])) as made:
        text = made.get("/reports/contract", params={"id": "1", **MARCH}).text
    assert "AmeriNet: March 2026" in text
    assert "times of America/New_York" in text
    assert "Asia/Kolkata" not in text.partition("</nav>")[2]
    assert 'href="/billing?contract=AmeriNet&amp;month=March+2026"' in text
    assert "the whole month" in text


def test_a_channel_that_was_never_published_is_not_judged(engine: Engine, client: TestClient) -> None:
    channel, _ = new_channel(engine)
    assert "Nobody ever saw it published" in client.get("/reports/channel", params={"id": channel, **MARCH}).text


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"id": "x"}, 422, "whole number"),
        ({}, 422, "whole number"),
        ({"id": "1", "month": "2026-13"}, 422, "want a month like 2026-11"),
        ({"id": "1", "zone": "Mars"}, 422, "is no time zone"),
        ({"id": "1", "month": "2199-01"}, 422, "has not begun yet"),
        ({"id": "9" * 400}, 422, "whole number"),
        ({"id": "4711"}, 404, "not there"),
    ],
)
def test_what_cannot_be_told_is_said(client: TestClient, asked: dict[str, str], status: int, said: str) -> None:
    answer = client.get("/reports/channel", params=asked)
    assert answer.status_code == status
    assert said in answer.text


def test_while_the_database_is_away_that_is_said(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Engine:
        raise Unavailable("no")

    monkeypatch.setattr(engines, "shared", away)
    answer = client.get("/reports/channel", params={"id": "1"})
    assert answer.status_code == 503
    assert "does not answer" in answer.text


def test_a_report_is_not_for_whoever_is_not_signed_in() -> None:
    assert "/reports/channel" not in FREE
    assert "/assets/report.css" not in FREE


def test_lengths_and_shares_are_ranges_in_words() -> None:
    assert between(0, 15) == "0 to 15 s"
    assert between(85.2, 115.4) == "85 to 116 s"
    assert between(120, 120) == "2 min"
    assert between(30, 150) == "30 s to 2 min 30 s"
    assert lasted(7_200) == "2 h"
    assert lasted(2_678_400) == "744 h"
    assert share(0.99999, 1.0) == "99.99 to 100.00 %"
    assert share(1.0, 1.0) == "100.00 %"
    assert share(None, None) == "–"
