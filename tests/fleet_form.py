"""The form of the fleet as a person uses it, and what tests of it share."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

import db.engine
import pages.parts.server_form as server_form
from cdn.model import AuthMethod, Credentials, Kind, Reading, Timing
from cdn.settings import ROOT
from collector.detect import Found
from db import fleet, secrets

KEY = secrets.new_key()
EDGE: dict[str, Any] = {"name": "edge-1", "kind": "srs", "url": "http://10.0.0.1:1985", "role": "edge"}
FOUND = Found(
    Kind.NGINX,
    "http://10.0.0.9/nginx_status",
    Reading(None, None, None, {"requests": 1}, {"connections": 3.0}, software="nginx 1.28.0", notes=("<b>note</b>",)),
    Timing(0.001, 0.002, 0.031),
    frozenset({"requests", "connections"}),
    None,
)


class Form:
    """The page as a person uses it. edit: the server whose form is opened."""

    def __init__(self, edit: str = "") -> None:
        self.app = AppTest.from_file(ROOT / "dashboard.py", default_timeout=30)
        self.app.switch_page("pages/admin/fleet.py")
        if edit:
            self.app.query_params["edit"] = edit
        self.run()

    def run(self) -> None:
        self.app.run()
        assert not self.app.exception, self.app.exception[0].message

    def type(self, **values: str) -> None:
        """Fill fields of text."""
        for field, value in values.items():
            self._one(self.app.text_input, field).set_value(value)

    def choose(self, **values: str) -> None:
        """Choose from lists."""
        for field, value in values.items():
            self._one(self.app.selectbox, field).set_value(value)

    def sign_in(self, method: AuthMethod) -> None:
        """Choose how to sign in; the fields for it appear."""
        self._one(self.app.button_group, "auth").set_value(method.value)
        self.run()

    def more(self) -> None:
        """Unfold the rest of the fields."""
        self._one(self.app.toggle, "more").set_value(True)
        self.run()

    def press(self, button: str) -> None:
        self._one(self.app.button, button).click()
        self.run()

    def value(self, field: str) -> Any:
        return self._one(self.app.text_input, field).value

    @staticmethod
    def _one(elements: Any, field: str) -> Any:
        (found,) = [each for each in elements if (each.key or "").startswith(f"fleet-{field}-")]
        return found

    @property
    def markup(self) -> str:
        blocks = [str(block.proto.body) for block in self.app.get("html")]
        return "\n".join(block for block in blocks if not block.startswith("<style"))

    @property
    def text(self) -> str:
        return re.sub(r"<[^>]+>", "", self.markup)

    @property
    def faults(self) -> list[str]:
        """What stands under fields."""
        return [re.sub(r"<[^>]+>", "", each) for each in re.findall(r'<p class="err".*?</p>', self.markup)]

    @property
    def told(self) -> list[str]:
        return [each.value for each in self.app.toast]


def names(engine: Engine) -> list[str]:
    with db.engine.editing(engine) as session:
        return list(fleet.names(session))


def stored(engine: Engine, name: str = "edge-1") -> fleet.Stored:
    found = fleet.stored(engine, name)
    assert found is not None
    return found


def secret_of(engine: Engine, server_id: int) -> Credentials:
    with db.engine.reading(engine) as connection:
        (target,) = fleet.targets(connection, [server_id], 15, KEY)
    return target.credentials


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[Mapping[str, Any]], Found]) -> None:
    """Let every test of a connection be answered by `answer`, which is given the fields."""
    monkeypatch.setattr(server_form, "try_connection", lambda _engine, fields, **_: answer(fields))
