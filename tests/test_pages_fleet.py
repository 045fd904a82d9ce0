"""The form of the fleet over a real database: what is typed is judged, kept, and stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

import db.engine
import pages.parts.server_form as server_form
from actions.add_server import add_server
from actions.change_server import change_server, pause_server, retire_server
from cdn.clock import utc_now
from cdn.errors import Unavailable
from cdn.model import LOCAL_ADMIN, Kind
from cdn.settings import load
from tests.fleet_form import EDGE, KEY, Form, names, stored
from ui import frames


@pytest.fixture(autouse=True)
def _ours(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The pages use this test's database and key, and remember nothing of other tests."""
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    monkeypatch.setattr(server_form, "settings", lambda: load(secret_key=KEY))
    frames.forget()
    yield
    frames.forget()


def test_a_server_is_added_and_the_form_is_empty_again(engine: Engine) -> None:
    add_server(engine, {**EDGE, "name": "edge-0", "region": "Europe West"}, key=KEY, by=LOCAL_ADMIN)
    form = Form()
    form.type(url="http://10.0.0.1:1985/", name="edge-1", capacity="1.25 Gbit/s", interval="30 s")
    form.choose(kind="srs", region="Europe West")
    form.press("save")
    assert form.told == [r"edge\-1 is added"]
    draft = stored(engine).draft
    assert (draft.url, draft.kind, draft.region) == ("http://10.0.0.1:1985", Kind.SRS, "Europe West")
    assert (draft.capacity_bps, draft.interval_seconds) == (1_250_000_000, 30)
    assert (form.value("url"), form.value("name")) == ("", "")
    assert "edge-1" in form.text
    assert "2 servers are watched" in form.text


def test_all_faults_are_shown_under_their_fields_and_what_was_typed_stays(engine: Engine) -> None:
    form = Form()
    form.type(url="ftp://x", name="", capacity="much", interval="0")
    form.choose(kind="srs")
    form.press("save")
    assert len(form.faults) == 4
    assert "want an address that begins with http:// or https://" in form.text
    assert "it is missing" in form.text
    assert (form.value("url"), form.value("capacity")) == ("ftp://x", "much")
    assert names(engine) == []
    form.type(url="http://10.0.0.1:1985", name="edge-1", capacity="", interval="")
    form.press("save")
    assert names(engine) == ["edge-1"]


def test_a_fault_under_a_folded_field_unfolds_it(engine: Engine) -> None:
    form = Form()
    form.type(url="http://10.0.0.1:1985", name="edge-1")
    form.choose(kind="srs")
    form.more()
    form.type(addresses="nowhere")
    form.press("save")
    assert form.faults
    assert form.value("addresses") == "nowhere"


def test_two_servers_cannot_have_one_name(engine: Engine) -> None:
    add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    form = Form()
    form.type(url="http://10.0.0.2:1985", name="edge-1")
    form.choose(kind="srs")
    form.press("save")
    assert "there is a server called edge-1 already" in form.text


def test_what_is_folded_away_stays_as_it_is(engine: Engine) -> None:
    add_server(engine, {**EDGE, "name": "origin-1", "role": "origin"}, key=KEY, by=LOCAL_ADMIN)
    fields = {"provider": "A", "tags": "x, y", "origins": "origin-1", "addresses": "192.0.2.7", "verify_tls": False}
    add_server(engine, {**EDGE, **fields, "capacity": "1.25 Gbit/s"}, key=KEY, by=LOCAL_ADMIN)
    before = stored(engine).draft
    form = Form("edge-1")
    form.press("save")
    assert stored(engine).draft == before
    form = Form("edge-1")
    form.more()
    form.press("save")
    assert stored(engine).draft == before


def test_a_server_is_paused_and_asked_again(engine: Engine) -> None:
    add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    form = Form("edge-1")
    form.press("pause")
    assert form.told == [r"edge\-1 is paused"]
    assert stored(engine).paused
    assert "0 servers are watched, 1 is paused" in form.text
    form = Form("edge-1")
    form.press("pause")
    assert not stored(engine).paused


def test_retiring_is_confirmed_first(engine: Engine) -> None:
    add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    form = Form("edge-1")
    form.press("retire")
    assert "Its history stays" in form.text
    assert names(engine) == ["edge-1"]


def confirmed(_name: str, act: Callable[[], None]) -> None:
    """Stands for a person who means it: the tests cannot press buttons of a dialog."""
    act()


def test_a_retired_server_is_gone_from_the_list(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_form, "confirm_retiring", confirmed)
    add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    form = Form("edge-1")
    form.press("retire")
    assert names(engine) == []
    assert form.told == [r"edge\-1 is retired"]
    assert "No server is watched yet" in form.text


def test_a_change_somebody_else_made_meanwhile_is_told_and_not_overwritten(engine: Engine) -> None:
    server_id = add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    form = Form("edge-1")
    version = stored(engine).version
    change_server(engine, server_id, version, {**EDGE, "region": "East"}, key=KEY, by=LOCAL_ADMIN)
    form.press("save")
    assert "Somebody else changed this server meanwhile" in form.text
    assert stored(engine).draft.region == "East"


@pytest.mark.parametrize("button", ["pause", "save"])
def test_a_database_that_goes_away_meanwhile_is_a_notice(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, button: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Unavailable("the database at x does not answer")

    add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    form = Form("edge-1")
    monkeypatch.setattr(server_form, "pause_server", fail)
    monkeypatch.setattr(server_form, "change_server", fail)
    form.press(button)
    assert "The database does not answer" in form.text
    assert form.told == []


def test_a_server_that_was_retired_meanwhile_is_a_notice(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    server_id = add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    held = stored(engine)
    retire_server(engine, server_id, by=LOCAL_ADMIN, now=utc_now())
    monkeypatch.setattr(frames, "stored", lambda name: held)
    monkeypatch.setattr(server_form, "confirm_retiring", confirmed)
    for button in ("retire", "pause", "save"):
        form = Form("edge-1")
        form.press(button)
        assert "This server was retired meanwhile" in form.text


def test_a_server_nobody_knows_is_said_and_a_new_one_can_be_added() -> None:
    form = Form("<b>gone</b>")
    assert "No server is called &lt;b&gt;gone&lt;/b&gt;" in form.markup
    assert "Add a server" in form.text


def test_the_list_is_searched_by_every_word(engine: Engine) -> None:
    for place, region in enumerate(("East", "West")):
        add_server(
            engine, {**EDGE, "name": f"edge-{place}", "region": region, "tags": "sport"}, key=KEY, by=LOCAL_ADMIN
        )
    pause_server(engine, stored(engine, "edge-0").id, paused=True, by=LOCAL_ADMIN)
    form = Form()
    form.app.text_input(key="search").set_value("SPORT west")
    form.run()
    assert "edge-1" in form.text
    assert "edge-0" not in form.text
    form.app.text_input(key="search").set_value("nothing like it")
    form.run()
    assert "No server fits this search" in form.text
