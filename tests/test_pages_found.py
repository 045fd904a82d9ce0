"""Addresses that pull and that nobody entered, on the fleet's page over a real database: added, refused, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

import db.engine
import pages.parts.found_servers as found_servers
import pages.parts.server_form as server_form
from actions.add_server import add_server
from cdn.clock import utc_now
from cdn.errors import Unavailable
from cdn.model import LOCAL_ADMIN, Role
from cdn.settings import load
from collector.writer import Writer
from db import pullers
from tests.fleet_form import EDGE, KEY, Form, stored
from tests.scene import Scene, client
from ui import frames


@pytest.fixture(autouse=True)
def _ours(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The pages use this test's database and key, and remember nothing of other tests."""
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    monkeypatch.setattr(server_form, "settings", lambda: load(secret_key=KEY))
    frames.forget()
    yield
    frames.forget()


URLS = ("/live/news", "/live/movies", "/live/kids")
ANSWERS, SILENT, VIEWER = "198.51.100.9", "198.51.100.77", "203.0.113.4"


@pytest.fixture
def pulled(engine: Engine) -> Scene:
    """An origin from which two addresses pull that nobody entered, one of them an SRS; somebody watches there, too."""
    scene = Scene(engine, at=utc_now() - timedelta(seconds=30))
    scene.add("origin", Role.ORIGIN, "10.0.0.1")
    for url in URLS:
        scene.copy("origin", url).clients = 2
    scene.clients["origin"] = [
        *(client(f"{address}{url}", address, url=url) for address in (ANSWERS, SILENT) for url in URLS),
        client("somebody", VIEWER),
    ]
    Writer(engine, "a").write([scene.poll("origin")])
    with db.engine.reading(engine) as connection:
        found = (ANSWERS, "srs", f"http://{ANSWERS}:1985", "answers as SRS 6.0.157")
        pullers.note_tried(connection, utc_now(), *found)
        pullers.note_tried(connection, utc_now(), SILENT, None, None, "GET http://<b>x</b>: refused")
    return scene


def pressed(form: Form, key: str) -> None:
    """Press the button of that key."""
    form.app.button(key=key).click()
    form.run()


@pytest.mark.usefixtures("pulled")
def test_addresses_that_pull_and_that_nobody_entered_are_shown_with_what_answers_there() -> None:
    form = Form()
    assert "2 addresses pull from origin that you do not monitor: add them?" in form.text
    assert f"Answers as SRS 6.0.157 at http://{ANSWERS}:1985" in form.text
    assert "Nothing we know answers there: GET http://&lt;b&gt;x&lt;/b&gt;: refused" in form.markup
    assert "Pulls 3 streams" in form.text
    assert VIEWER not in form.text
    assert "and 1 address with only one or two streams, as viewers have" in form.text


@pytest.mark.usefixtures("pulled")
def test_an_address_that_answers_is_added_with_one_press_and_leads_to_its_form(engine: Engine) -> None:
    form = Form()
    pressed(form, f"found-add-{ANSWERS}")
    assert form.told == [r"edge\-198\-51\-100\-9 is added"]
    draft = stored(engine, "edge-198-51-100-9").draft
    assert (draft.url, draft.role, tuple(draft.origins)) == (f"http://{ANSWERS}:1985", Role.EDGE, ("origin",))
    assert 'href="fleet?edit=edge-198-51-100-9"' in form.markup
    assert "2 servers are watched" in form.text
    # It is not polled yet; still nobody is asked again to add it.
    assert "1 address pulls from origin that you do not monitor: add it?" in form.text


@pytest.mark.usefixtures("pulled")
def test_an_address_that_is_not_ours_is_not_asked_about_again() -> None:
    form = Form()
    pressed(form, f"found-dismiss-{SILENT}")
    assert form.told == [r"198\.51\.100\.77 will not be asked about again"]
    assert "1 address pulls from origin that you do not monitor: add it?" in form.text
    assert SILENT not in Form().text


@pytest.mark.usefixtures("pulled")
def test_an_address_that_does_not_answer_can_be_entered_by_hand() -> None:
    form = Form()
    assert f'href="fleet?url=http%3A%2F%2F{SILENT}%3A1985"' in form.markup
    assert f"found-add-{SILENT}" not in [button.key for button in form.app.button]
    form.app.query_params["url"] = f"http://{SILENT}:1985"
    form.run()
    assert form.value("url") == f"http://{SILENT}:1985"
    form.type(name="edge-1")
    form.choose(kind="srs")
    form.press("save")
    assert form.told == [r"edge\-1 is added"]
    assert form.value("url") == ""


@pytest.mark.usefixtures("pulled")
def test_an_address_that_cannot_be_added_says_why(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    add_server(engine, {**EDGE, "name": "edge-198-51-100-9"}, key=KEY, by=LOCAL_ADMIN)
    form = Form()
    pressed(form, f"found-add-{ANSWERS}")
    assert f"{ANSWERS} was not added" in form.text
    assert "there is a server called edge-198-51-100-9 already" in form.text
    assert form.told == []

    def fail(*_: object, **__: object) -> None:
        raise Unavailable("the database at x does not answer")

    monkeypatch.setattr(found_servers, "dismiss_puller", fail)
    pressed(form, f"found-dismiss-{ANSWERS}")
    assert "Nothing was noted" in form.text


def test_where_nobody_unknown_pulls_nothing_is_said() -> None:
    assert "do not monitor" not in Form().text
