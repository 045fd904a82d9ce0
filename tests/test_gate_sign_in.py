"""The pages at the door: signing in and out by form, one's own password and sessions."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from cdn.clock import utc_now
from cdn.errors import Unavailable
from db import access
from tests.behind import PAGE, PASSWORD, Behind, form_of, origin, sign_in, site
from tests.fake_live import HOSTILE


@pytest.fixture
def door(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Behind:
    made = site(engine, monkeypatch)
    made.add()
    return made


@pytest.fixture
def browser(door: Behind) -> Iterator[TestClient]:
    with door.browser("192.0.2.7", "http://monitor.example") as client:
        yield client


def read(page: str) -> str:
    """What a reader sees."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_form_works_without_a_script_and_with_password_managers(browser: TestClient) -> None:
    page = browser.get("/sign-in", headers=PAGE).text
    assert "<script" not in page
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert browser.get("/sign-in").headers["cache-control"] == "no-store"


def test_a_session_is_a_cookie_that_no_script_reads(browser: TestClient) -> None:
    cookies = {each.partition("=")[0]: each.lower() for each in sign_in(browser).headers.get_list("set-cookie")}
    assert set(cookies) == {"cdn_session", "cdn_device"}
    for each in cookies.values():
        assert "httponly" in each
        assert "samesite=lax" in each
        assert "secure" not in each


def test_over_tls_cookies_are_bound_to_this_host(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    door = site(engine, monkeypatch, tls=True)
    door.add()
    with door.browser("192.0.2.7", "https://monitor.example") as client:
        answer = sign_in(client)
        assert all("secure" in each.lower() for each in answer.headers.get_list("set-cookie"))
        secret = client.cookies["__Host-cdn_session"]
        assert client.get("/who").json()["name"] == "ada"
        # A session under the plain name was put there by who knows whom.
        client.cookies.clear()
        assert client.get("/who", headers={"cookie": f"cdn_session={secret}"}).status_code == 401


def test_a_wrong_password_keeps_the_name_and_says_how_many_tries_are_left(
    browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = utc_now()
    monkeypatch.setattr("web.signin.utc_now", lambda: now)
    told = [sign_in(browser, password="wrong", wanted="/page?x=1") for _ in range(6)]
    assert [each.status_code for each in told] == [401] * 5 + [429]
    assert "Name and password do not match. 1 try left before you have to wait." in read(told[3].text)
    assert "Too many wrong passwords. Try again in 30 s." in read(told[5].text)
    assert told[5].headers["retry-after"] == "30"
    assert 'name="name" value="ada"' in told[5].text
    assert 'name="next" value="/page?x=1"' in told[5].text
    assert "wrong" not in re.sub(r"wrong passwords", "", told[5].text)


@pytest.mark.parametrize(
    "wanted",
    [
        "http://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/page\r\nSet-Cookie: x=1",
        "/\t/evil.example",
        "page",
        "",
        "/sign-in",
        "/sign-out",
        "/" + "x" * 3_000,
        "https:evil.example",
    ],
)
def test_nobody_is_led_to_another_site(browser: TestClient, wanted: str) -> None:
    answer = sign_in(browser, wanted=wanted)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "x" not in answer.cookies


def test_a_session_that_somebody_brought_along_is_not_the_one_they_get(door: Behind, browser: TestClient) -> None:
    browser.cookies.set("cdn_session", "chosen by somebody else", domain="monitor.example")
    sign_in(browser)
    assert browser.cookies.get("cdn_session", domain="monitor.example") != "chosen by somebody else"
    first = browser.cookies["cdn_session"]
    browser.cookies.delete("cdn_session")
    with door.browser("192.0.2.7", "http://monitor.example") as other:
        other.cookies.set("cdn_session", first, domain="monitor.example")
        page = other.get("/account", headers=PAGE)
        assert page.status_code == 200


def test_signing_in_again_ends_the_session_before(door: Behind, browser: TestClient) -> None:
    sign_in(browser)
    before = browser.cookies["cdn_session"]
    page = browser.get("/account", headers=PAGE).text
    fields = {"form": form_of(page), "name": "ada", "password": PASSWORD}
    assert browser.post("/sign-in", data=fields, headers=origin(browser)).status_code == 303
    assert browser.cookies["cdn_session"] != before
    browser.cookies.set("cdn_session", before, domain="monitor.example")
    assert browser.get("/who").status_code == 401


@pytest.mark.parametrize("form", ["", "made up", None])
def test_a_form_of_another_site_signs_nobody_in(browser: TestClient, form: str | None) -> None:
    browser.get("/sign-in", headers=PAGE)
    fields = {"name": "ada", "password": PASSWORD} | ({} if form is None else {"form": form})
    answer = browser.post("/sign-in", data=fields, headers=origin(browser))
    assert answer.status_code == 403
    assert "open for too long" in answer.text
    assert "cdn_session" not in answer.cookies
    good = {**fields, "form": browser.cookies["cdn_form"]}
    assert browser.post("/sign-in", data=good, headers={"origin": "http://evil.example"}).status_code == 403


@pytest.mark.parametrize("body", [b"", b"\xff\xfe=&&&;", b"a=" + b"x" * 50_000, b"name[]=ada", b"{}"])
def test_what_is_no_form_of_ours_is_refused_quietly(browser: TestClient, body: bytes) -> None:
    assert browser.post("/sign-in", content=body, headers=origin(browser)).status_code == 403


@pytest.mark.parametrize("name", [*HOSTILE, "</input><script>", '" onfocus="alert(1)'])
def test_a_hostile_name_stays_text(browser: TestClient, name: str) -> None:
    page = sign_in(browser, name, "wrong").text
    assert "<script" not in page
    assert not re.search(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', page))


def test_signing_out_is_asked_by_our_pages_alone(browser: TestClient) -> None:
    sign_in(browser)
    assert browser.get("/sign-out", headers=PAGE).status_code in (404, 405, 200)
    assert browser.get("/who").status_code == 200
    assert browser.post("/sign-out", headers=origin(browser)).status_code == 403
    assert browser.post("/sign-out", headers={"x-cdn-page": "1", "origin": "http://evil.example"}).status_code == 403
    assert browser.get("/who").status_code == 200
    answer = browser.post("/sign-out", headers={**origin(browser), "x-cdn-page": "1"})
    assert answer.headers["location"] == "/sign-in?out=1"
    assert browser.get("/who").status_code == 401
    assert "You are signed out." in browser.get("/sign-in?out=1", headers=PAGE).text


def test_the_account_page_lists_where_one_is_signed_in_and_ends_it(door: Behind, browser: TestClient) -> None:
    sign_in(browser)
    with door.browser("198.51.100.4", "http://monitor.example") as other:
        sign_in(other)
        page = browser.get("/account", headers=PAGE).text
        assert "198.51.100.4" in page
        assert page.count("this browser") == 1
        fields = {"form": form_of(page), "where": "everywhere"}
        assert browser.post("/sign-out", data=fields, headers=origin(browser)).status_code == 303
        assert browser.get("/who").status_code == 401
        assert other.get("/who").status_code == 401


def test_another_password_has_to_be_typed_twice_and_the_old_one_once(browser: TestClient) -> None:
    sign_in(browser)
    form = form_of(browser.get("/password", headers=PAGE).text)
    good = {"form": form, "old": PASSWORD, "password": "nine blue boats", "again": "nine blue boats"}
    for wrong, words in (
        ({"again": "nine blue boat"}, "it is not the same"),
        ({"old": "wrong"}, "this is not your password"),
        ({"password": "short", "again": "short"}, "want 10 to 200 characters"),
    ):
        answer = browser.post("/password", data={**good, **wrong}, headers=origin(browser))
        assert answer.status_code == 422
        assert words in answer.text
    assert browser.post("/password", data={**good, "form": "x"}, headers=origin(browser)).status_code == 403
    assert browser.post("/password", data=good, headers=origin(browser)).headers["location"] == "/account?changed=1"
    assert browser.get("/who").status_code == 200


def test_while_the_database_is_away_the_form_says_so(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise Unavailable("the database does not answer")

    monkeypatch.setattr("web.signin.signing.sign_in", away)
    answer = sign_in(browser)
    assert answer.status_code == 503
    assert "The database does not answer." in answer.text


def test_whoever_is_signed_in_is_not_asked_again(door: Behind, browser: TestClient) -> None:
    sign_in(browser)
    answer = browser.get("/sign-in?next=/page", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/page")
    assert not access.is_open(door.engine)
