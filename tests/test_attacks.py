"""What somebody may try at the door, one test a try: each is answered, and brings nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from actions.users import change_user
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN
from tests.asking import operations
from tests.behind import PAGE, PASSWORD, Behind, form_of, origin, sign_in, site, site_of_two, soon
from tests.everybody import asking, callers, content, fill_it, program
from tests.test_gate import refused_socket, stream
from web import visitors, watched

SITE = "http://monitor.example"
EVIL = "http://evil.example"


@pytest.fixture
def door(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Behind:
    return site_of_two(engine, monkeypatch)


@pytest.fixture
def browser(door: Behind) -> Iterator[TestClient]:
    with door.browser("192.0.2.7", SITE) as client:
        yield client


# Sessions


def test_a_session_id_known_before_a_change_of_password_opens_nothing_after_it(browser: TestClient) -> None:
    sign_in(browser)
    before = browser.cookies["cdn_session"]
    form = form_of(browser.get("/password", headers=PAGE).text)
    new = {"form": form, "old": PASSWORD, "password": "nine blue boats", "again": "nine blue boats"}
    assert browser.post("/password", data=new, headers=origin(browser)).status_code == 303
    assert browser.get("/who").json()["name"] == "ada"
    assert browser.cookies["cdn_session"] != before
    browser.cookies.clear()
    assert browser.get("/who", headers={"cookie": f"cdn_session={before}"}).status_code == 401


def test_a_session_id_known_before_a_change_of_role_opens_nothing_after_it(
    door: Behind, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon(monkeypatch)
    sign_in(browser, "vi")
    assert browser.get("/who").json()["role"] == "viewer"
    before, vi = browser.cookies["cdn_session"], door.account("vi")
    change_user(door.engine, vi["id"], vi["version"], {"role": "admin"}, by=LOCAL_ADMIN, now=utc_now())
    time.sleep(visitors.FRESH)
    assert browser.get("/page", headers=PAGE).status_code == 200
    assert browser.cookies["cdn_session"] != before
    assert browser.get("/who").json()["role"] == "admin"
    browser.cookies.clear()
    assert browser.get("/who", headers={"cookie": f"cdn_session={before}"}).status_code == 401


def test_a_page_goes_on_with_the_same_session_while_nothing_changes(browser: TestClient) -> None:
    sign_in(browser)
    before = browser.cookies["cdn_session"]
    assert "set-cookie" not in browser.get("/page", headers=PAGE).headers
    assert browser.cookies["cdn_session"] == before


def test_signing_out_ends_the_websockets_of_that_browser_and_no_others(door: Behind, browser: TestClient) -> None:
    sign_in(browser)
    with door.browser("192.0.2.8", SITE) as other:
        sign_in(other)
        with (
            other.websocket_connect(stream(other), headers=origin(other)) as stays,
            browser.websocket_connect(stream(browser), headers=origin(browser)) as socket,
        ):
            assert (socket.receive_text(), stays.receive_text()) == ("admin", "admin")
            form = form_of(browser.get("/account", headers=PAGE).text)
            assert browser.post("/sign-out", data={"form": form}, headers=origin(browser)).status_code == 303
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_text()
            assert closed.value.code == watched.CLOSED
            stays.send_text("still here")
            assert stays.receive_text() == "still here"


# Other sites


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/password", "/account/tokens", "/api/v1/tokens"])
def test_another_site_sends_no_form_even_with_its_secret(browser: TestClient, path: str) -> None:
    sign_in(browser)
    form = form_of(browser.get("/account", headers=PAGE).text)
    fields = {"form": form, "name": "ada", "password": PASSWORD, "scope": "admin", "ends": ""}
    for headers in ({"origin": EVIL}, {"referer": f"{EVIL}/x"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert browser.post(path, data=fields, headers=headers).status_code == 403
    assert browser.get("/who").json()["name"] == "ada"


def test_the_same_name_without_tls_is_another_site(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    door = site(engine, monkeypatch, tls=True)
    door.add()
    with door.browser("192.0.2.7", "https://monitor.example") as client:
        sign_in(client)
        assert client.post("/who", headers={"origin": "http://monitor.example"}).status_code == 403
        assert refused_socket(client, origin="http://monitor.example") in (403, 1008)
        assert client.post("/who", headers={"origin": "https://monitor.example"}).status_code == 200


@pytest.mark.parametrize("broken", ["http://[", "//[x", "http://[::1", "\x00", "http://" + "a" * 5_000])
def test_an_address_that_is_none_is_no_site_of_ours_and_no_fault(browser: TestClient, broken: str) -> None:
    sign_in(browser)
    assert browser.post("/who", headers={"origin": broken.replace("\x00", "%00")}).status_code == 403
    assert browser.get("/sign-in", params={"next": broken}, headers=PAGE).headers["location"] == "/"
    browser.cookies.clear()
    assert browser.get("/sign-in", params={"next": broken}, headers=PAGE).status_code == 200
    assert browser.get("/page", headers={"host": broken.replace("\x00", "%00")}).status_code == 401


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil",
        "https:evil",
        "https:/evil",
        "/\\/evil",
        "\\/evil",
        "///evil",
        "/%5c%5cevil/../..",
        "/..//evil",
        "/.//../evil",
        "/%2e%2e//evil",
        "/a/../../evil",
        " //evil",
        "\u2028//evil",
        "/\x00/evil",
        "//monitor.example@evil",
        "HTTPS://evil",
    ],
)
def test_after_signing_in_nobody_lands_anywhere_else(browser: TestClient, wanted: str) -> None:
    browser.get("/sign-in", headers=PAGE)
    fields = {"form": browser.cookies["cdn_form"], "name": "ada", "password": PASSWORD, "next": wanted}
    location = browser.post("/sign-in", data=fields, headers=origin(browser)).headers["location"]
    assert urlsplit(urljoin(f"{SITE}/sign-in", location)).netloc == "monitor.example"
    assert location == "/"


@pytest.mark.parametrize(
    "path", ["/x%0d%0aset-cookie:%20a=b", "/x%0aLocation:%20//evil", "//evil.example/%2e%2e", "/\\evil"]
)
def test_an_address_writes_no_header(browser: TestClient, path: str) -> None:
    answer = browser.get(path, headers=PAGE)
    assert answer.headers["location"].startswith("/sign-in?next=%2F")
    assert "a" not in answer.cookies
    assert not {"\r", "\n"} & set(answer.headers["location"])


@pytest.mark.parametrize("host", ["evil.example", "monitor.example:1", "monitor.example/..", "a b", '"><script>', ""])
def test_a_host_name_of_somebodys_choice_leads_nobody_there(browser: TestClient, host: str) -> None:
    for path in ("/page", "/sign-in", "/account"):
        answer = browser.get(path, headers={**PAGE, "host": host, "x-forwarded-host": "evil.example"})
        assert answer.status_code in (200, 303)
        assert "//" not in answer.headers.get("location", "")
        assert "evil.example" not in answer.text
        assert "<script" not in answer.text


# Tokens and roles


def test_a_token_in_the_address_opens_nothing_and_is_not_in_the_log(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    admin = next(each for each in callers(engine, fill_it(engine)) if each.name == "a token admin of the admin")
    secret = admin.headers["authorization"].removeprefix("Bearer ")
    with asking(program(engine, monkeypatch)) as client:
        # Not what this client notes of its own requests.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        caplog.set_level(logging.DEBUG)
        for name in ("token", "access_token", "api_key", "authorization", "cdn_session"):
            for path in ("/api/v1/servers", "/api/v1/users", "/metrics", "/page", "/api/v1/none"):
                assert client.get(f"{path}?{name}={secret}").status_code == 401
        assert client.get("/api/v1/servers", headers=admin.headers).status_code == 200
    assert secret not in caplog.text


def test_two_tokens_in_one_request_are_refused_whichever_is_good(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = callers(engine, fill_it(engine))
    good = next(each for each in everybody if each.name == "a token admin of the admin").headers["authorization"]
    with asking(program(engine, monkeypatch)) as client:
        for first, second in ((good, "Bearer cdn_x"), ("Bearer cdn_x", good), (good, good)):
            both = [("authorization", first), ("authorization", second)]
            assert client.get("/api/v1/users", headers=both).status_code == 400
        twice = [("host", "monitor.example"), ("host", "localhost")]
        assert client.get("/page", headers=twice).status_code == 400


def bodies() -> list[tuple[str, str, dict[str, Any]]]:
    """Every route that takes a body: method, path, and an example."""
    return [(each.method, each.path, each.body) for each in operations() if each.body is not None]


@pytest.mark.parametrize(("method", "path", "body"), bodies(), ids=lambda each: each if isinstance(each, str) else "")
def test_nobody_says_more_in_a_body_than_is_asked(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: dict[str, Any]
) -> None:
    admin = next(each for each in callers(engine, fill_it(engine)) if each.name == "a session of the admin")
    before = content(engine)
    extras = ("id", "by", "user_id", "created_by", "owner", "is_admin", "password_hash", "must_change", "digest", "via")
    with asking(program(engine, monkeypatch)) as client:
        for extra in extras:
            told = {**body, extra: 1}
            answer = client.request(method, f"/api/v1{path}", json=told, headers={**admin.headers, "if-match": "*"})
            assert (answer.status_code, answer.json()["faults"]) == (422, {f"body.{extra}": "there is no such field"})
    assert content(engine) == before


def test_nobody_raises_their_own_role(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = fill_it(engine)
    everybody = callers(engine, ids)
    before = content(engine)
    with asking(program(engine, monkeypatch)) as client:
        for role in ("viewer", "operator"):
            for caller in (each for each in everybody if each.role == role):
                headers = {**caller.headers, "if-match": "*", "x-cdn-role": "admin", "x-cdn-user": "admin"}
                for body in ({"role": "admin"}, {"role": "admin", "version": 1}, {"disabled": False}):
                    assert client.patch(f"/api/v1/users/{ids[role]}", json=body, headers=headers).status_code == 403
                made = client.post("/api/v1/tokens", json={"name": "t", "scope": "admin"}, headers=headers)
                assert made.status_code == 403
    assert content(engine) == before


@pytest.mark.parametrize("name", ["x-http-method-override", "x-method-override", "x-http-method"])
def test_a_request_that_claims_to_be_another_is_what_it_is(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    everybody = callers(engine, fill_it(engine))
    admin = next(each for each in everybody if each.name == "a session of the admin")
    before = content(engine)
    with asking(program(engine, monkeypatch)) as client:
        for path in ("/api/v1/servers/1", "/api/v1/tokens/1", "/sign-out"):
            for ask in (client.get, client.head):
                ask(f"{path}?_method=DELETE", headers={**admin.headers, name: "DELETE"})
        for method in ("HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND"):
            assert client.request(method, "/api/v1/users").status_code in (401, 403, 405)
        assert client.head("/page").status_code == 401
    assert content(engine) == before
