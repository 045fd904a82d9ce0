"""Who is connected, on a server's page: asked when somebody wants to know, and never by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import pages.parts.clients as clients
from cdn.model import ClientReading, PollError, Reason
from collector.detect import Connected
from tests import fake_live
from tests.test_pages import markup, opened
from ui import frames

SERVER = "pages/live/server.py"


@pytest.fixture(autouse=True)
def _calm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pages over an invented calm fleet, and nothing remembered."""
    frames.forget()
    fake_live.install(lambda: "calm", monkeypatch.setattr)
    yield
    frames.forget()


PUBLISHER = ClientReading("p", "/live/<b>x</b>", "192.0.2.7", "fmle-publish", True, 1, 2, 3.0)


def pressed(app: AppTest, words: str) -> AppTest:
    """The page after a press on the button that says so."""
    (button,) = [each for each in app.button if each.label == words]
    button.click()
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def test_who_is_connected_is_asked_only_when_somebody_presses_the_button(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def answer(_engine: Any, server_id: int, **_: Any) -> Connected:
        asked.append(server_id)
        return Connected((PUBLISHER,), frozenset(), complete=False, settled=False, notes=())

    monkeypatch.setattr(clients, "list_clients", answer)
    app = opened(SERVER, name="edge-fra-1")
    assert asked == []
    shown = markup(pressed(app, "Ask who is connected"))
    assert len(asked) == 1
    assert "1 publisher, 0 own servers, 0 players." in shown
    assert "It has more than 10,000 clients" in shown
    assert "Own servers may be missing" in shown
    assert "/live/&lt;b&gt;x&lt;/b&gt;" in shown
    app.run()
    assert len(asked) == 1
    assert "1 publisher" not in markup(pressed(app, "Put away"))


def test_a_server_that_does_not_tell_who_is_connected_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Connected:
        raise PollError(Reason.REFUSED, "GET http://10.0.0.1:1985/<i>: refused")

    monkeypatch.setattr(clients, "list_clients", refuse)
    shown = markup(pressed(opened(SERVER, name="edge-fra-1"), "Ask who is connected"))
    assert "It does not tell: it refuses the connection" in shown
    assert "/&lt;i&gt;: refused" in shown


def test_a_kind_that_lists_no_clients_has_no_such_button() -> None:
    assert "Ask who is connected" not in [button.label for button in opened(SERVER, name="edge-web-1").button]
