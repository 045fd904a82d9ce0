"""Markers on the pages of the past: who may set, change and delete them, which are shown, and what a form keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

import db.engine
from actions.annotations import add_annotation, change_annotation, remove_annotation
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN
from db import annotations as stored
from db import audit
from tests import fake_live, rolled_rows
from tests.test_pages import Fleet, markup, opened, text
from tests.test_pages_history import AUDIENCE, BANDWIDTH, BERLIN, BOTH, fill_two_regions
from ui import frames, markers
from ui.markers import Marker


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


@pytest.fixture
def filled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    fill_two_regions(engine)
    return engine


def stored_markers(engine: Engine) -> list[Any]:
    now = utc_now()
    return list(rolled_rows.told(stored.within(engine, now - timedelta(days=2), now + timedelta(days=1))))


def field(app: AppTest, kind: str, name: str) -> Any:
    """A field of the open form: its key holds how often a form was opened."""
    (found,) = (each for each in app.get(kind) if str(each.key).startswith(f"fleet-{name}-marker-"))
    return found


@pytest.mark.parametrize("page", BOTH)
def test_an_operator_sets_a_marker_changes_and_deletes_it(filled: Engine, page: str) -> None:
    app = opened(page, time="24 hours")
    turn_on(app, "marker-new")
    turn_on(app, "marker-save")
    assert 'role="alert"' in markup(app)  # it says nothing
    assert "want 1 to 200 characters" in text(app)
    field(app, "text_input", "words").set_value("Cup <b>final</b>")
    field(app, "number_input", "minutes").set_value(90)
    turn_on(app, "marker-save")
    assert "Cup &lt;b&gt;final&lt;/b&gt;" in markup(app)
    assert "1 marker in this time" in text(app)
    (row,) = stored_markers(filled)
    assert (row.until - row.at, row.created_by, row.kind) == (timedelta(minutes=90), "local", "other")

    turn_on(app, f"marker-change-{row.id}")
    assert field(app, "text_input", "words").value == "Cup <b>final</b>"
    field(app, "text_input", "words").set_value("Cup final, delayed")
    field(app, "selectbox", "kind").set_value("match")
    field(app, "selectbox", "region").set_value("West")
    turn_on(app, "marker-save")
    (changed,) = stored_markers(filled)
    assert (changed.words, changed.kind, changed.region) == ("Cup final, delayed", "match", "West")
    assert (changed.at, changed.until) == (row.at, row.until)
    assert "Match, " in text(app)
    assert "region West" in text(app)

    turn_on(app, f"marker-change-{row.id}")
    turn_on(app, "marker-delete")
    assert "0 markers in this time" in text(app)
    assert not [button for button in app.button if button.key == "marker-save"]
    actions = ["annotation.remove", "annotation.change", "annotation.add"]
    assert list(audit.trail(filled)["action"].head(3)) == actions


def test_what_was_typed_stays_under_its_faults_and_is_gone_after_a_cancel(filled: Engine) -> None:
    app = opened(AUDIENCE, time="24 hours")
    turn_on(app, "marker-new")
    field(app, "text_input", "words").set_value("x" * 201)
    field(app, "number_input", "minutes").set_value(600_000)
    turn_on(app, "marker-save")
    assert "want 1 to 200 characters" in text(app)
    assert "at most 366 days after the beginning" in text(app)
    assert field(app, "text_input", "words").value == "x" * 201
    assert field(app, "number_input", "minutes").value == 600_000
    turn_on(app, "marker-cancel")
    turn_on(app, "marker-new")
    assert field(app, "text_input", "words").value == ""
    assert 'role="alert"' not in markup(app)
    assert stored_markers(filled) == []


def test_a_marker_somebody_else_changed_or_deleted_meanwhile_is_not_overwritten(filled: Engine) -> None:
    at = utc_now() - timedelta(hours=2)
    id_ = add_annotation(filled, {"at": at, "words": "Deploy"}, by=LOCAL_ADMIN)
    app = opened(BANDWIDTH, time="24 hours")
    turn_on(app, f"marker-change-{id_}")
    field(app, "text_input", "words").set_value("Mine")
    change_annotation(filled, id_, 1, {"at": at, "words": "Theirs"}, by=LOCAL_ADMIN)
    turn_on(app, "marker-save")
    assert "Somebody else changed this marker meanwhile" in text(app)
    assert field(app, "text_input", "words").value == "Mine"
    turn_on(app, "marker-delete")
    assert [row.words for row in stored_markers(filled)] == ["Theirs"]
    turn_on(app, "marker-cancel")
    turn_on(app, f"marker-change-{id_}")
    remove_annotation(filled, id_, by=LOCAL_ADMIN)
    turn_on(app, "marker-save")
    assert "Somebody else deleted this marker meanwhile" in text(app)
    turn_on(app, "marker-delete")
    assert "0 markers in this time" in text(app)


def test_a_page_shows_markers_of_everything_and_of_what_it_shows(filled: Engine) -> None:
    at = utc_now() - timedelta(hours=2)
    for words_, region in (("for all", ""), ("in the west", "West"), ("in the east", "East")):
        add_annotation(filled, {"at": at, "words": words_, "region": region}, by=LOCAL_ADMIN)
    for page in BOTH:
        app = opened(page, time="24 hours", only="Region: West")
        shown = text(app)
        assert "2 markers in this time" in shown
        assert "for all" in shown
        assert "in the west" in shown
        assert "in the east" not in shown
        turn_on(app, "marker-new")
        assert field(app, "selectbox", "region").value == "West"  # what the page shows is proposed


def test_what_nobody_touched_in_a_form_stays_as_exact_as_it_was() -> None:
    at = datetime(2026, 10, 25, 1, 30, 17, tzinfo=UTC)  # the second time that Berlin's clocks show 2:30
    before = Marker(1, 1, at, at + timedelta(seconds=100), "other", "x", "", None, None)
    local = at.astimezone(BERLIN)
    shown = (local.date(), markers.shown_time(local), before.minutes)
    assert markers.chosen(before, *shown, BERLIN) == (before.at, before.until)
    assert markers.chosen(before, *shown[:2], 0, BERLIN) == (at, None)
    later = datetime(2026, 10, 25, 20, 0, tzinfo=UTC)
    moved = markers.chosen(before, local.date(), time(21, 0), before.minutes, BERLIN)
    assert moved == (later, later + timedelta(seconds=100))
    assert markers.chosen(before, None, time(21, 0), 5, BERLIN) == (None, None)


def test_a_form_offers_what_is_known_and_keeps_what_is_not() -> None:
    found = pd.DataFrame(
        [("region", 0, "West"), ("region", 0, ""), ("servers", 3, "edge"), ("servers", 9, "edge"), ("servers", 4, "b")],
        columns=["dimension", "id", "name"],
    )
    assert markers.offered(found, "region", "") == {"": "Every region", "West": "West"}
    assert markers.offered(found, "region", "Gone")["Gone"] == "Gone"
    servers = {"": "Every server", "3": "edge (number 3)", "9": "edge (number 9)", "4": "b"}
    assert markers.offered(found, "server_id", None) == servers
    assert markers.offered(found, "server_id", 7) == {**servers, "7": "number 7"}


def turn_on(app: AppTest, key: str) -> None:
    app.button(key=key).click()
    app.run()
    assert not app.exception


def test_who_only_looks_has_no_form(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.visitor.may", lambda role: role == "viewer")
    monkeypatch.setattr("pages.parts.markers.may", lambda role: role == "viewer")
    app = opened(BANDWIDTH)
    assert "3 markers in this time" in text(app)
    assert not [button for button in app.button if str(button.key).startswith("marker-")]
