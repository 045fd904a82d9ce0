"""Tokens of one's own on the account page: made and shown once, never more than oneself, revoked; without a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from actions import tokens
from actions.tokens import make_token
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN, Actor
from db import access, audit
from db.frame import records
from tests.behind import PAGE, PASSWORD, Behind, form_of, origin, sign_in, site
from tests.everybody import content
from tests.fake_live import HOSTILE
from tests.test_gate import away

VI = Actor("vi", "operator", "password")


@pytest.fixture
def door(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Behind:
    made = site(engine, monkeypatch)
    made.add()
    return made


@pytest.fixture
def vi(door: Behind) -> int:
    """An operator."""
    return door.add("vi", "operator")


@pytest.fixture
def browser(door: Behind, vi: int) -> Iterator[TestClient]:
    with door.browser("192.0.2.7", "http://monitor.example") as client:
        sign_in(client, "vi")
        yield client


def send(client: TestClient, **fields: str) -> Any:
    """Send the form on the account page as a browser would."""
    form = form_of(client.get("/account", headers=PAGE).text)
    return client.post("/account/tokens", data={"form": form, **fields}, headers={**PAGE, **origin(client)})


def made(client: TestClient, name: str = "grafana", scope: str = "read", ends: str = "90") -> str:
    """The secret of a new token."""
    answer = send(client, name=name, scope=scope, ends=ends)
    assert answer.status_code == 201
    found = re.search(r"<code[^>]*>(cdn_[^<]+)</code>", answer.text)
    assert found
    return found[1]


def test_a_token_is_shown_once_works_and_is_listed_without_its_secret(
    door: Behind, vi: int, browser: TestClient
) -> None:
    secret = made(browser, scope="operate")
    visitor = access.bearer(door.engine, secret, utc_now())
    assert visitor
    assert (visitor.name, visitor.role, visitor.user_id) == ("token grafana", "operator", vi)
    page = browser.get("/account", headers=PAGE).text
    assert secret not in page
    for words in ("grafana", secret[: access.HINT], "act on what is going on", "last used just now", "ends "):
        assert words in page
    (row,) = records(access.tokens(door.engine, vi))
    assert timedelta(days=89) < row["expires_at"] - utc_now() < timedelta(days=91)


def test_the_secret_is_kept_neither_by_the_browser_nor_by_us(door: Behind, browser: TestClient) -> None:
    answer = send(browser, name="grafana", scope="read", ends="")
    assert answer.headers["cache-control"] == "no-store"
    assert "script" not in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
    secret = re.search(r"(cdn_[^<]{40,})</code>", answer.text)
    assert secret
    assert secret[1] not in str(records(audit.trail(door.engine)))


def test_loading_the_answer_again_makes_no_second_token(door: Behind, vi: int, browser: TestClient) -> None:
    made(browser)
    again = send(browser, name=" grafana ", scope="read", ends="30")
    assert (again.status_code, "you have a token of that name" in again.text) == (422, True)
    assert 'value=" grafana "' in again.text
    assert len(records(access.tokens(door.engine, vi))) == 1


def test_a_token_is_revoked_within_seconds_and_stays_in_the_list_as_revoked(
    door: Behind, vi: int, browser: TestClient
) -> None:
    secret = made(browser)
    (row,) = records(access.tokens(door.engine, vi))
    answer = send(browser, revoke=str(row["id"]))
    assert (answer.status_code, answer.headers["location"]) == (303, "/account?revoked=1")
    assert access.bearer(door.engine, secret, utc_now()) is None
    page = browser.get("/account?revoked=1", headers=PAGE).text
    assert "The token opens nothing any more." in page
    assert "revoked " in page
    assert "for good" not in page
    made(browser)  # the name may be used again


def test_making_and_revoking_are_in_the_trail_with_who_and_from_where(
    door: Behind, vi: int, browser: TestClient
) -> None:
    made(browser)
    (row,) = records(access.tokens(door.engine, vi))
    send(browser, revoke=str(row["id"]))
    revoked, begun = records(audit.trail(door.engine, wanted="grafana"))
    assert [(each["action"], each["actor"], each["via"], each["address"]) for each in (revoked, begun)] == [
        ("token.revoke", "vi", "password", "192.0.2.7"),
        ("token.make", "vi", "password", "192.0.2.7"),
    ]


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_only_what_one_may_oneself_is_offered(door: Behind, browser: TestClient, role: str) -> None:
    door.add("x", role)
    browser.cookies.clear()
    sign_in(browser, "x")
    offered = re.findall(r'<option value="(read|operate|admin)"', browser.get("/account", headers=PAGE).text)
    assert offered == ["read", "operate", "admin"][: ["viewer", "operator", "admin"].index(role) + 1]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"scope": "admin"}, "it can do no more than you"),
        ({"scope": "everything"}, "want one of read, operate, admin"),
        ({"name": "  "}, "want 1 to 80 characters"),
        ({"name": "a\x00b"}, "want 1 to 80 characters"),
        ({"name": "x" * 81}, "want 1 to 80 characters"),
        ({"ends": "100000"}, "want one of those offered"),
        ({"ends": "-1"}, "want one of those offered"),
    ],
)
def test_what_is_wrong_with_a_token_is_said_at_its_field_and_none_is_made(
    door: Behind, vi: int, browser: TestClient, fields: dict[str, str], words: str
) -> None:
    answer = send(browser, **{"name": "t", "scope": "read", "ends": "30", **fields})
    assert answer.status_code == 422
    assert words in answer.text
    assert answer.text.count('role="alert"') == 1
    assert records(access.tokens(door.engine, vi)) == []


@pytest.mark.parametrize("whose", ["ada's", "nobody's", "none", "words"])
def test_nobody_elses_token_is_revoked_here_not_even_by_an_admin(door: Behind, browser: TestClient, whose: str) -> None:
    owner = 1 if whose == "ada's" else None
    other = make_token(door.engine, "o", "read", None, by=LOCAL_ADMIN, user_id=owner, now=utc_now())
    before = content(door.engine)
    which = {"none": "999", "words": "1 OR 1=1"}.get(whose, str(other.id))
    assert send(browser, revoke=which).status_code == 404
    assert "o" not in re.findall(r"<b>(.*?)</b>", browser.get("/account", headers=PAGE).text)
    assert content(door.engine) == before
    assert access.bearer(door.engine, other.secret, utc_now())


@pytest.mark.parametrize("fields", [{"name": "t", "scope": "read", "ends": ""}, {"revoke": "1"}])
@pytest.mark.parametrize("form", ["", "made up", None])
def test_a_form_that_was_not_shown_to_this_browser_does_nothing(
    door: Behind, vi: int, browser: TestClient, form: str | None, fields: dict[str, str]
) -> None:
    make_token(door.engine, "mine", "read", None, by=VI, user_id=vi, now=utc_now())
    before = content(door.engine)
    told = {**fields, **({} if form is None else {"form": form})}
    assert browser.post("/account/tokens", data=told, headers=origin(browser)).status_code == 403
    assert content(door.engine) == before


def test_nobody_makes_one_before_choosing_a_password_or_without_an_account(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = site(engine, monkeypatch)
    with door.browser() as client:
        page = client.get("/account", headers=PAGE).text
        assert "Make a token" not in page
        fields = {"form": client.cookies["cdn_form"], "name": "t", "scope": "read", "ends": ""}
        assert client.post("/account/tokens", data=fields, headers=origin(client)).status_code == 403
    door.add()
    door.add("new", "viewer", must_change=True)
    door.visitors.forget()
    with door.browser("192.0.2.7", "http://monitor.example") as client:
        sign_in(client, "new")
        assert "Make a token" not in client.get("/account", headers=PAGE).text
        assert send(client, name="t", scope="read", ends="").status_code == 403
    assert records(access.tokens(engine)) == []


def test_one_person_has_no_more_than_so_many_that_work(
    door: Behind, vi: int, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST", 2)
    made(browser, "one")
    made(browser, "two")
    assert "revoke one first" in send(browser, name="three", scope="read", ends="").text
    send(browser, revoke=str(records(access.tokens(door.engine, vi))[0]["id"]))
    made(browser, "three")


@pytest.mark.parametrize("name", [*HOSTILE, '"><script>', "</code><script>"])
def test_a_hostile_name_stays_text(door: Behind, vi: int, browser: TestClient, name: str) -> None:
    for answer in (send(browser, name=name, scope="read", ends=""), browser.get("/account", headers=PAGE)):
        assert "<script" not in answer.text
        assert not re.search(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', answer.text))


def test_while_the_database_is_away_the_page_says_so(
    door: Behind, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = form_of(browser.get("/account", headers=PAGE).text)
    for name in ("tokens", "sessions"):
        monkeypatch.setattr(access, name, away)
    page = browser.get("/account", headers=PAGE)
    assert (page.status_code, "cannot be shown just now" in page.text) == (200, True)
    fields = {"form": form, "name": "t", "scope": "read", "ends": ""}
    answer = browser.post("/account/tokens", data=fields, headers=origin(browser))
    assert (answer.status_code, "nothing was changed" in answer.text) == (503, True)


def test_below_a_base_path_the_forms_lead_there(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    door = site(engine, monkeypatch, base="/cdn")
    door.add()
    with door.browser("192.0.2.7", "http://monitor.example") as client:
        sign_in(client, password=PASSWORD, base="/cdn")
        assert client.get("/cdn/account/tokens").headers["location"] == "/cdn/account"
        page = client.get("/cdn/account", headers=PAGE).text
        assert re.findall(r'action="(?!/cdn/)', page) == []
        fields = {"form": form_of(page), "name": "t", "scope": "admin", "ends": ""}
        assert client.post("/cdn/account/tokens", data=fields, headers=origin(client)).status_code == 201
