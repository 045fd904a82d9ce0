"""Every page, drawn through the frame: with an invented fleet in each of its states, and over a real database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import escape
from typing import Any

import pytest
import streamlit as st
from sqlalchemy import Engine
from sqlalchemy import text as sql
from streamlit.testing.v1 import AppTest

import db.engine
from actions.add_server import add_server
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN, Poll
from cdn.settings import ROOT
from collector.writer import Writer
from tests import fake_live
from tests.readings import START, FakeServer
from ui import filters, frames

PAGES = (
    "pages/live/overview.py",
    "pages/live/channels.py",
    "pages/live/channel.py",
    "pages/live/server.py",
    "pages/admin/fleet.py",
    "pages/admin/system.py",
)
# What an address asks for, of pages that show one thing.
ASKED = {"pages/live/server.py": "name", "pages/live/channel.py": "id"}
STATES = tuple(state for state in fake_live.STATES if state != "away")


class Fleet:
    """The invented fleet the pages read, in a state that a test may change."""

    def __init__(self, state: str) -> None:
        self.state = state


@pytest.fixture(autouse=True)
def _nothing_read() -> Iterator[None]:
    """What was cached outlives a page: each test begins and ends without."""
    frames.forget()
    yield
    frames.forget()


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet("calm")
    fake_live.install(lambda: made.state, monkeypatch.setattr)
    return made


def opened(page: str = PAGES[0], **query: str) -> AppTest:
    """The page with `query` in its address; it must not raise."""
    app = AppTest.from_file(ROOT / "dashboard.py", default_timeout=30)
    if page != PAGES[0]:
        app.switch_page(page)
    app.query_params.update(query)
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def about(page: str, server: str) -> dict[str, str]:
    """What the address of `page` asks for: that server, or the first channel."""
    return {ASKED[page]: server if ASKED[page] == "name" else "1"} if page in ASKED else {}


def markup(app: AppTest) -> str:
    """All HTML of the page but the style sheet."""
    blocks = [str(block.proto.body) for block in app.get("html")]
    return "\n".join(block for block in blocks if not block.startswith("<style"))


def text(app: AppTest) -> str:
    """What a reader sees."""
    return re.sub(r"<[^>]+>", "", markup(app))


def first_line(app: AppTest) -> str:
    found = re.search(r"<h1>(.*?)</h1>", markup(app), re.DOTALL)
    assert found
    return re.sub(r"<[^>]+>", "", found[1])


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_drawn_in_every_state(fleet: Fleet, page: str, state: str) -> None:
    fleet.state = state
    assert first_line(opened(page, **about(page, "edge-fra-2")))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_stays_while_the_database_is_away(fleet: Fleet, page: str) -> None:
    fleet.state = "away"
    app = opened(page, **about(page, "edge-fra-2"))
    assert "does not answer" in text(app)


def test_numbers_that_were_read_before_stay_and_are_grey_while_the_database_is_away(fleet: Fleet) -> None:
    app = opened()
    fleet.state = "away"
    st.cache_data.clear()
    app.run()
    assert first_line(app) == "The database does not answer"
    assert "edge-fra-2" in text(app)
    assert "as of" in text(app)
    fleet.state = "calm"
    app.run()
    assert first_line(app) == "Everything is fine"


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("calm", "Everything is fine"),
        ("empty", "No servers yet"),
        ("problems", "2 problems: edge-fra-2 is down, edge-par-1 sends no data"),
        ("many", "11 servers are down"),
        ("one", "Everything is fine"),
        ("waiting", "Waiting for the first answers"),
        ("all_down", "None of 20 servers answers"),
        ("hostile", f"{escape(fake_live.HOSTILE[0])} is down"),
        ("away", "The database does not answer"),
    ],
)
def test_the_first_line_of_the_overview_says_whether_anything_is_wrong(fleet: Fleet, state: str, line: str) -> None:
    fleet.state = state
    assert first_line(opened()) == line


def test_a_silent_collector_is_told_over_numbers_that_are_as_old_as_its_last_poll(fleet: Fleet) -> None:
    fleet.state = "blind"
    app = opened()
    assert first_line(app).startswith("We are blind since")
    assert 'role="alert"' in markup(app)
    # The fleet as it was then: it did not fall silent, we did.
    assert "1 down, 1 no data, 1 paused" in text(app)


def test_delivered_and_viewers_say_what_they_hold_and_what_they_cannot(fleet: Fleet) -> None:
    shown = text(opened())
    assert "94 % of it without the origins; 3 edges report no traffic" in shown
    assert "on 14 edges and 3 origins; 3 edges do not count them" in shown


def test_what_a_kind_cannot_know_is_a_dash_and_not_zero(fleet: Fleet) -> None:
    row = re.search(r'<tr[^>]*><th[^>]*><a [^>]*href="server\?name=edge-web-1".*?</tr>', markup(opened()))
    assert row
    assert row[0].count('title="not counted here">–') == 3


@pytest.mark.parametrize(("query", "rows"), [({}, 50), ({"servers": "all"}, 1_000)])
def test_a_thousand_servers_are_fifty_rows_until_all_are_asked_for(
    fleet: Fleet, query: dict[str, str], rows: int
) -> None:
    fleet.state = "many"
    assert markup(opened(**query)).count("<tr") == 1 + rows


@pytest.mark.parametrize("page", PAGES)
def test_hostile_names_stay_text_on_every_page(fleet: Fleet, page: str) -> None:
    fleet.state = "hostile"
    shown = markup(opened(page, **about(page, fake_live.HOSTILE[0])))
    assert "<img src=x" not in shown
    assert not re.search(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', shown))


def test_how_often_a_page_refreshes_is_kept_in_the_address(fleet: Fleet) -> None:
    app = opened(refresh="10 s")
    assert app.selectbox(key="refresh").value == "10 s"
    assert opened(refresh="nonsense").selectbox(key="refresh").value == filters.DEFAULT_REFRESH


def test_an_unknown_server_is_a_clear_page(fleet: Fleet) -> None:
    app = opened("pages/live/server.py", name="<b>no</b>")
    assert first_line(app) == "No server is called “&lt;b&gt;no&lt;/b&gt;”"


def test_a_server_shows_its_facts_without_its_password(fleet: Fleet) -> None:
    shown = markup(opened("pages/live/server.py", name="edge-fra-2"))
    assert "http://127.0.0.5:1985/" in shown
    assert "secret" not in shown


def now_instead_of_then(poll: Poll, age: timedelta) -> Poll:
    """The poll of the tests' own time, moved so that their beginning was `age` ago."""
    at = poll.at - START + utc_now() - age
    return Poll(poll.server_id, at, poll.interval, poll.timing, poll.reading, poll.since, poll.reason, poll.detail)


@pytest.fixture
def stored(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A real database with one edge that was polled for the last ten minutes, and one that never was."""
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    fields: dict[str, Any] = {"name": "edge-1", "kind": "srs", "url": "http://10.0.0.1:1985", "role": "edge"}
    polled = add_server(engine, {**fields, "region": "West"}, key="", by=LOCAL_ADMIN)
    add_server(engine, {**fields, "name": "edge-2", "region": "East"}, key="", by=LOCAL_ADMIN)
    server = FakeServer(polled)
    server.streams = {"/live/alpha": 0}
    writer = Writer(engine, "c")
    for _ in range(41):
        writer.write([now_instead_of_then(server.poll(), timedelta(seconds=605))])
        server.grow(15, 30_000_000)
    return engine


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_drawn_over_a_real_database(stored: Engine, page: str) -> None:
    query = about(page, "edge-1")
    if "id" in query:
        with stored.connect() as connection:
            query["id"] = str(connection.execute(sql("SELECT id FROM channel")).scalar_one())
    # The monitor's own page names servers only where something is wrong with them.
    assert ("1 server" if page.endswith("system.py") else "edge-1") in markup(opened(page, **query))


def test_the_overview_of_a_real_database_adds_up(stored: Engine) -> None:
    shown = text(opened())
    assert "16.0 Mbit/s" in shown
    assert "1of 2" in shown.replace(" ", "").replace("1of2", "1of 2")
    assert "1 waiting" in shown


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_drawn_over_an_empty_database(engine: Engine, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    line = first_line(opened(page, **about(page, "edge-1")))
    assert line in (
        "No servers yet",
        "No channels yet",
        "No server lists this channel",
        "No server is called “edge-1”",
        "No server is watched yet",
        "The monitor has nothing to do",
    )
