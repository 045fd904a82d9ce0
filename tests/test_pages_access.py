"""The page about access, and what pages are for whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

import db.engine
from actions.sign_in import Arrival, WrongPassword, sign_in
from actions.tokens import make_token
from actions.users import add_user
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN
from cdn.settings import ROOT
from db import access, audit
from db.frame import records
from tests.fake_live import HOSTILE
from tests.test_pages import PAGES, first_line, markup
from tests.test_pages import text as read
from ui import frames

ACCESS = "pages/admin/access.py"
PASSWORD = "seven green boats"


@pytest.fixture(autouse=True)
def _nothing_read() -> Iterator[None]:
    frames.forget()
    yield
    frames.forget()


@pytest.fixture
def stored(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    return engine


@pytest.fixture
def ada(stored: Engine) -> int:
    return add_user(stored, "ada", "admin", PASSWORD, by=LOCAL_ADMIN, must_change=False)


def opened(page: str, role: str | None = "admin", name: str = "ada", user_id: int = 1, **query: str) -> AppTest:
    """The page as somebody with that role sees it; None: as while nobody signs in."""
    app = AppTest.from_file(ROOT / "dashboard.py", default_timeout=30)
    if role is not None:
        told: dict[str, Any] = {"cdn_name": name, "cdn_role": role, "cdn_via": "password", "cdn_id": str(user_id)}
        app.user = {**told, "cdn_address": "192.0.2.7", "cdn_session": "x"}
    app.query_params.update(query)
    app.switch_page(page)
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    app.run()
    assert not app.exception, app.exception[0].message
    return app


def field(app: AppTest, label: str) -> Any:
    return next(each for each in (*app.text_input, *app.selectbox) if each.label == label)


def people(engine: Engine) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in records(access.users(engine, utc_now()))}


def newest(engine: Engine) -> dict[str, Any]:
    return records(audit.trail(engine, most=1))[0]


@pytest.mark.parametrize("page", PAGES)
def test_a_browser_that_passed_the_gate_by_sees_nothing(stored: Engine, page: str) -> None:
    app = AppTest.from_file(ROOT / "dashboard.py", default_timeout=30)
    app.user = dict.fromkeys(("cdn_name", "cdn_role", "cdn_via", "cdn_address", "cdn_id", "cdn_session"))
    app.switch_page(page)
    app.run()
    assert not app.exception
    assert first_line(app).endswith("is for admins")


def test_who_is_signed_in_stands_in_the_header_with_the_way_out(stored: Engine, ada: int) -> None:
    shown = markup(opened(PAGES[0], "viewer", "Zo%C3%AB%20%3Cb%3E"))
    assert "Zoë &lt;b&gt;" in shown
    assert "data-sign-out" in shown
    assert "data-sign-out" not in markup(opened(PAGES[0], None))


def test_the_first_account_is_an_admins_with_a_password_of_their_choice(stored: Engine) -> None:
    app = opened(ACCESS, None)
    assert first_line(app) == "Nobody has to sign in yet"
    field(app, "Name").input("ada")
    press(app, "Add")
    assert "want 10 to 200 characters" in read(app)
    assert people(stored) == {}
    field(app, "Password").input(PASSWORD)
    press(app, "Add")
    assert (people(stored)["ada"]["role"], people(stored)["ada"]["must_change"]) == ("admin", False)
    assert sign_in(stored, "ada", PASSWORD, Arrival(utc_now(), utc_now() - utc_now())).name == "ada"


def test_somebody_is_added_with_a_password_that_is_shown_once(stored: Engine, ada: int) -> None:
    app = opened(ACCESS)
    field(app, "Name").input("bo")
    field(app, "May").select("operator")
    press(app, "Add")
    secret = app.code[0].value
    assert people(stored)["bo"]["must_change"]
    assert sign_in(stored, "bo", secret, Arrival(utc_now(), utc_now() - utc_now())).role == "operator"
    assert (newest_but_sign_ins := records(audit.trail(stored, wanted="user.add", most=1))[0])["actor"] == "ada"
    assert newest_but_sign_ins["address"] == "192.0.2.7"
    app.run()
    assert not app.code
    assert secret not in str(records(audit.trail(stored)))


def test_a_role_is_changed_and_the_last_admin_stays(stored: Engine, ada: int) -> None:
    add_user(stored, "bo", "viewer", PASSWORD, by=LOCAL_ADMIN)
    app = opened(ACCESS, person="bo")
    field(app, "May").select("operator")
    press(app, "Save")
    assert people(stored)["bo"]["role"] == "operator"
    assert (newest(stored)["before"], newest(stored)["after"]) == ({"role": "viewer"}, {"role": "operator"})
    app = opened(ACCESS, person="ada")
    press(app, "Disable")
    assert "this is the last admin" in read(app).lower()
    assert people(stored)["ada"]["disabled_at"] is None


def test_somebody_is_disabled_given_a_password_and_signed_out(stored: Engine, ada: int) -> None:
    add_user(stored, "bo", "viewer", PASSWORD, by=LOCAL_ADMIN)
    lasting = Arrival(utc_now(), utc_now() - utc_now())
    press(opened(ACCESS, person="bo"), "End sessions")
    assert newest(stored)["action"] == "session.end_all"
    secret = press(opened(ACCESS, person="bo"), "New password").code[0].value
    assert sign_in(stored, "bo", secret, lasting).must_change
    press(opened(ACCESS, person="bo"), "Disable")
    with pytest.raises(WrongPassword):
        sign_in(stored, "bo", secret, lasting)
    press(opened(ACCESS, person="bo"), "Let in again")
    assert people(stored)["bo"]["disabled_at"] is None


def test_a_token_is_made_shown_once_and_revoked(stored: Engine, ada: int) -> None:
    app = opened(ACCESS, user_id=ada, view="Tokens")
    field(app, "What for").input("grafana")
    press(app, "Make it")
    secret = app.code[0].value
    visitor = access.bearer(stored, secret, utc_now())
    assert visitor
    assert (visitor.name, visitor.role, visitor.user_id) == ("token grafana", "viewer", ada)
    app.run()
    assert not app.code
    press(app, "Revoke")
    assert access.bearer(stored, secret, utc_now()) is None
    assert "Revoked" in read(app)


def test_changes_are_found_by_what_was_changed(stored: Engine, ada: int) -> None:
    add_user(stored, "bo", "viewer", PASSWORD, by=LOCAL_ADMIN)
    make_token(stored, "grafana", "read", None, by=LOCAL_ADMIN, user_id=None, now=utc_now())
    assert "made token grafana" in read(opened(ACCESS, view="Changes"))
    found = read(opened(ACCESS, view="Changes", wanted="bo"))
    assert "added account bo" in found
    assert "grafana" not in found
    assert "No change fits this search" in read(opened(ACCESS, view="Changes", wanted="nothing like it"))


def test_older_changes_are_one_press_away(stored: Engine, ada: int) -> None:
    for number in range(60):
        make_token(stored, f"t{number:02}", "read", None, by=LOCAL_ADMIN, user_id=None, now=utc_now())
    app = opened(ACCESS, view="Changes")
    assert "made token t59" in read(app)
    assert "made token t05" not in read(app)
    assert "made token t05" in read(press(app, "Older"))


@pytest.mark.parametrize("view", ["People", "Tokens", "Changes"])
def test_hostile_names_stay_text(stored: Engine, ada: int, view: str) -> None:
    for name in HOSTILE:
        if name.isprintable() and len(name) <= 80:
            add_user(stored, name, "viewer", PASSWORD, by=LOCAL_ADMIN)
            make_token(stored, name, "read", None, by=LOCAL_ADMIN, user_id=None, now=utc_now())
    shown = markup(opened(ACCESS, view=view))
    assert "<img src=x" not in shown
    assert not re.search(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', shown))
