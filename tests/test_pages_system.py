"""How the monitor itself does: its first line, the audit in words, its collectors, what it keeps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
import streamlit as st
from sqlalchemy import Engine, text

import db.engine
from cdn.settings import load
from collector.writer import Writer
from tests import fake_live, fake_working
from tests.readings import FakeServer
from tests.test_pages import Fleet, first_line, markup, now_instead_of_then, opened
from tests.test_pages import text as read
from tests.test_writer import new_server
from ui import audit, frames, system

NOW = datetime(2026, 11, 24, 21, 22, tzinfo=UTC)
SYSTEM = "pages/admin/system.py"


@pytest.fixture(autouse=True)
def _nothing_read() -> Iterator[None]:
    frames.forget()
    yield
    frames.forget()


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet("calm")
    fake_live.install(lambda: made.state, monkeypatch.setattr)
    return made


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("calm", "The monitor itself is fine"),
        ("problems", "The figures of 1 server do not add up"),
        ("empty", "The monitor has nothing to do"),
        ("hostile", "The monitor itself is fine"),
        ("many", "The monitor itself is fine"),
        ("away", "The database does not answer"),
    ],
)
def test_the_first_line_says_whether_the_monitor_is_fine(fleet: Fleet, state: str, line: str) -> None:
    fleet.state = state
    assert first_line(opened(SYSTEM)) == line


def test_a_silent_collector_is_the_first_thing_said(fleet: Fleet) -> None:
    fleet.state = "blind"
    app = opened(SYSTEM)
    assert first_line(app).startswith("We are blind since")
    assert "The collector is silent" in read(app)
    assert "217" in read(app)


def test_numbers_stay_and_are_marked_as_old_while_the_database_is_away(fleet: Fleet) -> None:
    app = opened(SYSTEM)
    fleet.state = "away"
    st.cache_data.clear()
    app.run()
    assert first_line(app) == "The database does not answer"
    assert "collector-1" in read(app)
    assert "the numbers below are old" in read(app)


def test_it_refreshes_like_other_pages(fleet: Fleet) -> None:
    assert opened(SYSTEM, refresh="10 s").selectbox(key="refresh").value == "10 s"


def test_hostile_names_stay_text(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet.state = "hostile"
    found = fake_live.fleet("hostile", NOW)
    monkeypatch.setattr("db.working.audit", lambda *_: fake_working.audit(found, NOW, wrong=True))
    shown = markup(opened(SYSTEM))
    assert "&lt;img src=x" in shown
    assert "<img src=x" not in shown


def rows(*counters: tuple[str, str | None, int | None, int]) -> pd.DataFrame:
    """As db.working.audit: (server, counter, grown, stored) of each; counter None: it cannot be audited yet."""
    frame = pd.DataFrame(
        {
            "id": [name for name, *_ in counters],
            "name": [name for name, *_ in counters],
            "since": pd.to_datetime([NOW - timedelta(minutes=41)] * len(counters), utc=True),
            "until": pd.to_datetime([NOW] * len(counters), utc=True),
            "counter": [counter for _, counter, *_ in counters],
            "grown": pd.array([grown for *_, grown, _ in counters], dtype="Int64"),
            "stored": pd.array([stored for *_, stored in counters], dtype="Int64"),
        }
    )
    frame["difference"] = frame["stored"] - frame["grown"]
    return frame


def sentence(frame: pd.DataFrame) -> str:
    return audit.audit_sentence(audit.audited(frame), NOW, UTC)


def test_the_audit_is_one_sentence_where_all_adds_up() -> None:
    both = rows(
        ("a", "egress_bytes", 10**12, 10**12), ("b", "ingress_bytes", 2 * 10**11, 2 * 10**11), ("b", "requests", 7, 7)
    )
    assert sentence(both) == (
        "All increases of 2 servers add up to what their counters grew, to the byte: 1.2 TB since 20:41."
    )
    assert sentence(rows(("a", "requests", 1_234, 1_234))).endswith(
        "to the last one: 1,234 requests and connections since 20:41."
    )
    assert sentence(rows()) == "Nothing can be audited yet: each server has to be polled twice."


def test_what_does_not_add_up_is_told_in_bytes_the_largest_first() -> None:
    large = 2**60
    found = audit.audited(
        rows(
            ("a", "egress_bytes", large, large - 5),
            ("b", "requests", 100, 1_000_100),
            ("c", "egress_bytes", 9, 9),
        )
    )
    assert audit.audit_sentence(found, NOW, UTC) == "1 of 3 counters of 3 servers add up to what they grew since 20:41."
    told = [[re.sub(r"<[^>]+>", "", str(cell)) for cell in row.cells] for row in audit.wrong_rows(found, NOW, UTC)]
    assert told == [
        ["b", "+1,000,000", "Requests", "100", "1,000,100", "20:41"],
        ["a", "−5 bytes", "Traffic sent", f"{large:,}", f"{large - 5:,}", "20:41"],
    ]


def test_what_cannot_be_audited_yet_is_named() -> None:
    def told(frame: pd.DataFrame) -> str:
        return re.sub(r"<[^>]+>", "", str(audit.not_audited(audit.audited(frame))))

    assert told(rows(("a", None, None, 0))).startswith("a was not read twice since its counters last began")
    several = told(rows(*((name, None, None, 0) for name in "abcdefg")))
    assert several.startswith("a, b, c, d, e and 2 more were not read twice since their counters last began")
    assert told(rows(("a", "egress_bytes", 1, 1))) == ""


def test_the_state_of_a_collector_is_in_words() -> None:
    known = fake_working.collectors(24, NOW, alive=2, silent_since=NOW - timedelta(minutes=6))
    words = {row.name: system.look(row, NOW).word for row in known.itertuples()}
    assert words == {"collector-1": "Works", "collector-2": "Works", "collector-0": "Silent", "old-machine": "Stopped"}
    later = NOW + timedelta(days=2)
    assert {row.name: system.look(row, later).word for row in known.itertuples()}["collector-0"] == "Gone"


def monitor(**changes: Any) -> system.Monitor:
    """A calm one of two collectors and 24 servers."""
    parts: dict[str, Any] = {
        "collectors": fake_working.collectors(24, NOW, alive=2, silent_since=None),
        "freshness": fake_live.freshness("calm", NOW),
        "sizes": fake_working.sizes(),
        "audit": audit.audited(rows(("a", "egress_bytes", 1, 1))),
    }
    return system.Monitor(**{**parts, **changes})


def title(seen: system.Monitor) -> tuple[str, str]:
    line = system.headline(seen, NOW, UTC)
    return str(line.title), str(line.below)


def test_one_silent_collector_among_others_is_a_warning() -> None:
    silent = fake_working.collectors(24, NOW, alive=2, silent_since=NOW - timedelta(minutes=6))
    assert title(monitor(collectors=silent)) == (
        "collector-0 is silent",
        "The other 2 ask its servers instead. 217 polls wait on its disk.",
    )


def test_polls_that_wait_on_disk_are_a_warning() -> None:
    waiting = fake_working.collectors(24, NOW, alive=1, silent_since=None)
    waiting.loc[0, "spooled_polls"] = 40
    assert title(monitor(collectors=waiting))[0] == "40 polls wait on disk"


def test_kpis_tell_the_share_of_late_polls_and_another_version() -> None:
    collectors = fake_working.collectors(24, NOW, alive=2, silent_since=None)
    collectors.loc[0, "version"] = "9.9"
    shown = {each.label: each for each in system.kpis(monitor(collectors=collectors), 14, NOW, UTC)}
    assert (shown["Polls on time"].value, shown["Polls on time"].unit) == ("99.97", "%")
    assert shown["Version"].note == "collectors: 9.9"
    nobody = {each.label: each for each in system.kpis(monitor(collectors=collectors.iloc[:0]), 14, NOW, UTC)}
    assert (nobody["Polls on time"].value, nobody["Collectors"].value) == ("–", "0")


def test_what_is_kept_says_for_how_long_as_it_is_set() -> None:
    kept = load(retain_samples_days=21)
    told = [
        [re.sub(r"<[^>]+>", " ", str(cell)) for cell in row.cells] for row in system.size_rows(monitor().sizes, kept)
    ]
    assert told[0] == ["Every poll sample ", "9.8 GB", "21 days"]
    assert told[-1][1:] == ["17.2 MB", "as long as they are needed"]


def test_a_real_monitor_adds_up_and_a_byte_too_many_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    server, writer = FakeServer(new_server(engine)), Writer(engine, "c")
    for _ in range(4):
        writer.write([now_instead_of_then(server.poll(), timedelta(seconds=60))])
        server.grow(15, 30_000_000)
    assert "All increases of 1 server add up to what their counters grew, to the byte: 90.0 MB" in read(opened(SYSTEM))
    with engine.begin() as connection:
        connection.execute(text("UPDATE sample SET egress_bytes = egress_bytes + 1 WHERE egress_bytes > 0"))
    frames.forget()
    shown = read(opened(SYSTEM))
    assert "+3 bytes" in shown


def test_an_empty_database_is_a_clear_page(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    shown = read(opened(SYSTEM))
    assert "No collector ever ran" in shown
    assert "Nothing can be audited yet" in shown
