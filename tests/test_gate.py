"""The door: who is let in, to what, and what nobody can talk it into."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from actions.tokens import make_token, revoke_token
from actions.users import change_user, set_password, sign_out_everywhere
from cdn.clock import utc_now
from cdn.errors import Unavailable
from cdn.model import LOCAL_ADMIN
from db import access
from db.frame import records
from tests.behind import API_TOKEN, PAGE, PASSWORD, Behind, form_of, origin, sign_in, site, soon
from web import visitors, watched
from web.gate import FREE

SECRETS = [
    "/",
    "/page",
    "/fleet",
    "/static/js/x.js",
    "/media/file",
    "/_stcore/host-config",
    "/_stcore/health",
    "/x.csv",
]
ODD = ["/sign-in/", "/sign-in/../page", "//sign-in", "/SIGN-IN", "/sign-in/x", "/assets/sign-in.css/..", "/%73ign-in/a"]


@pytest.fixture
def door(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Behind:
    monkeypatch.setattr(watched, "CHECK", 0.05)
    return site(engine, monkeypatch)


@pytest.fixture
def ada(door: Behind) -> int:
    return door.add()


@pytest.fixture
def browser(door: Behind) -> Iterator[TestClient]:
    with door.browser() as client:
        yield client


@pytest.fixture
def elsewhere(door: Behind) -> Iterator[TestClient]:
    """Somebody on another machine."""
    with door.browser("192.0.2.7", "http://monitor.example") as client:
        yield client


@pytest.fixture(name="soon")
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    soon(monkeypatch)


def stream(client: TestClient) -> str:
    """Where pages connect to."""
    return str(client.base_url.copy_with(scheme="ws", path="/_stcore/stream"))


def changed(door: Behind, name: str, **changes: Any) -> None:
    """By an admin, in another process: this one is not told."""
    for row in records(access.users(door.engine, utc_now())):
        if row["name"] == name:
            change_user(door.engine, row["id"], row["version"], changes, by=LOCAL_ADMIN, now=utc_now())


def test_until_there_is_an_account_everybody_on_this_machine_is_an_admin(browser: TestClient) -> None:
    assert browser.get("/page", headers=PAGE).text == "<h1>inside</h1>"
    told = browser.get("/who").json()
    assert (told["name"], told["role"]) == ("local", "admin")


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("http://192.0.2.9:8501", {}),
        ("http://127.0.0.1:8501", {"host": "evil.example"}),
        ("http://127.0.0.1:8501", {"host": "127.0.0.1.evil.example"}),
        ("http://127.0.0.1:8501", {"host": ""}),
        ("http://127.0.0.1:8501", {"x-forwarded-for": "192.0.2.7"}),
        ("http://127.0.0.1:8501", {"forwarded": "for=192.0.2.7"}),
        ("http://127.0.0.1:8501", {"via": "1.1 proxy"}),
    ],
)
def test_open_is_never_open_for_others_than_this_machine(door: Behind, url: str, headers: dict[str, str]) -> None:
    with door.browser(url=url) as client:
        answer = client.get("/page", headers={**PAGE, **headers})
        assert answer.status_code == 403
        assert "python -m web user add" in answer.text


@pytest.mark.usefixtures("soon")
def test_the_door_closes_with_the_first_account_while_pages_are_open(door: Behind, browser: TestClient) -> None:
    with browser.websocket_connect(stream(browser)) as socket:
        assert socket.receive_text() == "admin"
        door.add()
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    assert closed.value.code == 4401
    assert browser.get("/page", headers=PAGE).status_code == 303


@pytest.mark.parametrize("path", SECRETS + ODD)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_is_answered_without_a_session(ada: int, elsewhere: TestClient, method: str, path: str) -> None:
    answer = elsewhere.request(method, path)
    assert answer.status_code == 401
    assert "inside" not in answer.text


def test_a_page_without_a_session_leads_to_the_sign_in_and_back(ada: int, elsewhere: TestClient) -> None:
    answer = elsewhere.get("/page?name=a%26b&x=1", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/sign-in?next=%2Fpage%3Fname%3Da%2526b%26x%3D1",
    )
    form = elsewhere.get(answer.headers["location"], headers=PAGE)
    assert 'name="next" value="/page?name=a%26b&amp;x=1"' in form.text
    signed_in = sign_in(elsewhere, wanted="/page?name=a%26b&x=1")
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/page?name=a%26b&x=1")
    assert elsewhere.get("/page", headers=PAGE).text == "<h1>inside</h1>"


@pytest.mark.parametrize("path", sorted(FREE))
def test_what_everybody_may_have_is_let_through(ada: int, elsewhere: TestClient, path: str) -> None:
    assert elsewhere.get(path).status_code != 401


@pytest.mark.parametrize("path", ["/_stcore/health", "/_stcore/script-health-check"])
def test_programs_on_this_machine_may_ask_whether_it_lives(
    ada: int, browser: TestClient, elsewhere: TestClient, path: str
) -> None:
    assert browser.get(path).status_code == 200
    assert browser.get(path, headers={"x-forwarded-for": "127.0.0.1"}).status_code == 401
    assert elsewhere.get(path).status_code == 401


def test_pages_are_told_who_it_is_and_never_the_secret(door: Behind, ada: int, elsewhere: TestClient) -> None:
    sign_in(elsewhere)
    elsewhere.cookies.set("other", "kept")
    forged = {"x-cdn-user": "root", "X-CDN-Role": "admin", "x-cdn-id": "1"}
    door.add("vi", "viewer")
    headers = elsewhere.get("/who", headers=forged).json()["headers"]
    assert headers["x-cdn-user"] == "ada"
    assert headers["x-cdn-id"] == str(ada)
    assert headers["x-cdn-address"] == "192.0.2.7"
    assert headers["cookie"].strip() == "other=kept"


@pytest.mark.parametrize("name", ["x-cdn-user", "X-Cdn-Role", "x-cdn-id", "x-cdn-via"])
def test_nobody_can_say_themselves_who_they_are(ada: int, elsewhere: TestClient, name: str) -> None:
    assert elsewhere.get("/who", headers={name: "admin"}).status_code == 401


def test_a_name_in_other_letters_reaches_pages_whole(door: Behind, ada: int, elsewhere: TestClient) -> None:
    door.add("Zoë <北京>", "viewer")
    sign_in(elsewhere, "Zoë <北京>")
    assert elsewhere.get("/who").json()["headers"]["x-cdn-user"] == "Zo%C3%AB%20%3C%E5%8C%97%E4%BA%AC%3E"


@pytest.mark.parametrize("cookie", ["", "x", "a" * 5_000, "é", "../..", "null"])
def test_a_made_up_session_is_none(ada: int, elsewhere: TestClient, cookie: str) -> None:
    header = f"cdn_session={cookie}".encode()
    assert elsewhere.get("/who", headers={b"cookie": header}).status_code == 401


def test_a_session_in_the_address_is_none(ada: int, elsewhere: TestClient) -> None:
    sign_in(elsewhere)
    secret = elsewhere.cookies["cdn_session"]
    elsewhere.cookies.clear()
    for query in (f"cdn_session={secret}", f"token={secret}", f"access_token={API_TOKEN}"):
        assert elsewhere.get(f"/who?{query}").status_code == 401


def test_a_token_is_for_programs_and_not_for_pages(door: Behind, ada: int, elsewhere: TestClient) -> None:
    made = make_token(door.engine, "script", "operate", None, by=LOCAL_ADMIN, user_id=None, now=utc_now())
    bearer = {"authorization": f"Bearer {made.secret}"}
    told = elsewhere.get("/api/v1/servers", headers=bearer).json()
    assert (told["name"], told["role"]) == ("token script", "operator")
    assert elsewhere.post("/api/v1/servers", headers=bearer).status_code == 200
    assert elsewhere.get("/page", headers={**bearer, **PAGE}).status_code == 303
    assert elsewhere.get("/api/v1/servers", headers={"authorization": f"bearer {API_TOKEN}"}).json()["role"] == "admin"


@pytest.mark.parametrize("header", ["Bearer x", "Bearer", "Bearer ", "Basic YTpi", f"Bearer {API_TOKEN}x", "x"])
def test_a_wrong_token_is_a_problem_even_beside_a_good_session(ada: int, elsewhere: TestClient, header: str) -> None:
    sign_in(elsewhere)
    answer = elsewhere.get("/api/v1/servers", headers={"authorization": header})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.usefixtures("soon")
def test_a_revoked_token_ends_within_seconds(
    door: Behind, ada: int, elsewhere: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make_token(door.engine, "script", "read", None, by=LOCAL_ADMIN, user_id=None, now=utc_now())
    bearer = {"authorization": f"Bearer {made.secret}"}
    assert elsewhere.get("/api/v1/x", headers=bearer).status_code == 200
    revoke_token(door.engine, made.id, by=LOCAL_ADMIN, user_id=None, now=utc_now())
    assert ends_within(elsewhere, "/api/v1/x", bearer) < 5


def ends_within(client: TestClient, path: str, headers: dict[str, str] | None = None) -> float:
    """Seconds until `path` is refused."""
    begun = time.monotonic()
    while client.get(path, headers=headers or {}).status_code == 200:
        assert time.monotonic() - begun < 10
        time.sleep(0.1)
    return time.monotonic() - begun


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize("how", ["everywhere", "disabled", "password"])
def test_a_session_that_is_over_elsewhere_is_over_here_within_seconds(
    door: Behind, ada: int, elsewhere: TestClient, how: str
) -> None:
    vi = door.add("vi", "viewer")
    sign_in(elsewhere, "vi")
    assert elsewhere.get("/who").json()["name"] == "vi"
    if how == "everywhere":
        sign_out_everywhere(door.engine, vi, by=LOCAL_ADMIN)
    elif how == "disabled":
        changed(door, "vi", disabled=True)
    else:
        set_password(door.engine, vi, PASSWORD + " more", by=LOCAL_ADMIN)
    assert ends_within(elsewhere, "/who") < 5


@pytest.mark.usefixtures("soon")
def test_another_role_is_so_within_seconds(door: Behind, ada: int, elsewhere: TestClient) -> None:
    door.add("vi", "viewer")
    sign_in(elsewhere, "vi")
    assert elsewhere.get("/who").json()["role"] == "viewer"
    changed(door, "vi", role="operator")
    begun = time.monotonic()
    while elsewhere.get("/who").json()["role"] != "operator":
        assert time.monotonic() - begun < 5
        time.sleep(0.1)


@pytest.mark.parametrize("foreign", ["http://evil.example", "null", "http://monitor.example.evil", "http://e@x", "x"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_another_site_changes_nothing(ada: int, elsewhere: TestClient, method: str, foreign: str) -> None:
    sign_in(elsewhere)
    assert elsewhere.request(method, "/who", headers={"origin": foreign}).status_code == 403
    assert elsewhere.request(method, "/api/v1/servers", headers={"origin": foreign}).status_code == 403
    assert elsewhere.request(method, "/who", headers={"referer": f"{foreign}/x"}).status_code == 403
    assert elsewhere.request(method, "/who").status_code == 403


def test_our_own_pages_may_change_things(ada: int, elsewhere: TestClient) -> None:
    sign_in(elsewhere)
    assert elsewhere.put("/_stcore/upload_file/x", headers=origin(elsewhere)).status_code == 200
    assert elsewhere.put("/x", headers={"referer": "http://monitor.example/page"}).status_code == 200


def test_while_the_door_is_open_another_site_changes_nothing_either(browser: TestClient) -> None:
    assert browser.post("/who", headers={"origin": "http://evil.example"}).status_code == 403
    assert browser.post("/who", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert browser.post("/who").status_code == 200


def refused_socket(client: TestClient, **headers: str) -> int:
    with (
        pytest.raises(WebSocketDisconnect) as closed,
        client.websocket_connect(stream(client), headers=headers) as socket,
    ):
        socket.receive_text()
    return closed.value.code


def test_a_websocket_of_another_site_is_refused(door: Behind, ada: int, elsewhere: TestClient) -> None:
    sign_in(elsewhere)
    assert refused_socket(elsewhere, origin="http://evil.example") == 1008
    assert refused_socket(elsewhere, origin="null") == 1008
    with elsewhere.websocket_connect(stream(elsewhere), headers=origin(elsewhere)) as socket:
        assert socket.receive_text() == "admin"


def test_a_websocket_without_a_session_is_told_to_sign_in(ada: int, elsewhere: TestClient) -> None:
    assert refused_socket(elsewhere) == 4401


def test_a_websocket_works_as_if_nobody_watched_it(ada: int, elsewhere: TestClient) -> None:
    sign_in(elsewhere)
    with elsewhere.websocket_connect(stream(elsewhere), subprotocols=["streamlit", "x"]) as socket:
        assert socket.accepted_subprotocol == "streamlit"
        assert socket.receive_text() == "admin"
        for number in range(50):
            socket.send_text(str(number))
            assert socket.receive_text() == str(number)


@pytest.mark.usefixtures("soon")
@pytest.mark.parametrize(
    ("how", "reason"), [("role", "role changed"), ("disabled", "signed out"), ("everywhere", "signed out")]
)
def test_an_open_page_that_is_only_watched_is_closed_within_seconds(
    door: Behind, ada: int, elsewhere: TestClient, how: str, reason: str
) -> None:
    vi = door.add("vi", "viewer")
    sign_in(elsewhere, "vi")
    with elsewhere.websocket_connect(stream(elsewhere)) as socket:
        assert socket.receive_text() == "viewer"
        if how == "role":
            changed(door, "vi", role="admin")
        elif how == "disabled":
            changed(door, "vi", disabled=True)
        else:
            sign_out_everywhere(door.engine, vi, by=LOCAL_ADMIN)
        begun = time.monotonic()
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
        assert time.monotonic() - begun < 5
    assert (closed.value.code, closed.value.reason) == (4401, reason)


@pytest.mark.usefixtures("soon")
def test_what_a_page_asks_after_its_session_is_over_is_not_heard(
    door: Behind, ada: int, elsewhere: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "CHECK", 3_600.0)  # nobody looks by themselves
    vi = door.add("vi", "viewer")
    sign_in(elsewhere, "vi")
    with elsewhere.websocket_connect(stream(elsewhere)) as socket:
        socket.receive_text()
        sign_out_everywhere(door.engine, vi, by=LOCAL_ADMIN)
        time.sleep(visitors.FRESH)
        socket.send_text("do it")
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    assert closed.value.code == 4401


def away(*_: object, **__: object) -> Any:
    raise Unavailable("the database does not answer")


@pytest.mark.usefixtures("soon")
def test_while_the_database_is_away_who_is_in_stays_and_nobody_else_comes_in(
    door: Behind, ada: int, elsewhere: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(elsewhere)
    assert elsewhere.get("/who").status_code == 200
    for name in ("visitors", "bearer", "is_open"):
        monkeypatch.setattr(access, name, away)
    time.sleep(visitors.FRESH)
    assert elsewhere.get("/who").json()["name"] == "ada"
    with elsewhere.websocket_connect(stream(elsewhere)) as socket:
        assert socket.receive_text() == "admin"
        time.sleep(0.3)
        socket.send_text("still here")
        assert socket.receive_text() == "still here"
    elsewhere.cookies.set("cdn_session", "another")
    answer = elsewhere.get("/page", headers=PAGE)
    assert answer.status_code == 503
    assert "database does not answer" in answer.text


def test_while_the_database_is_away_from_the_start_nobody_comes_in(
    door: Behind, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "is_open", away)
    assert browser.get("/page", headers=PAGE).status_code == 503
    assert browser.get("/api/v1/servers").status_code == 503


def test_who_was_given_a_password_chooses_another_first(door: Behind, ada: int, elsewhere: TestClient) -> None:
    door.add("vi", "viewer", must_change=True)
    assert sign_in(elsewhere, "vi").headers["location"] == "/password"
    assert elsewhere.get("/page", headers=PAGE).headers["location"].startswith("/password?next=")
    assert elsewhere.get("/who").status_code == 403
    assert refused_socket(elsewhere) == 4401  # the page loads anew, and is led to the form
    form = form_of(elsewhere.get("/password", headers=PAGE).text)
    fields = {"form": form, "old": PASSWORD, "password": "nine blue boats", "again": "nine blue boats", "next": "/page"}
    answer = elsewhere.post("/password", data=fields, headers=origin(elsewhere))
    assert (answer.status_code, answer.headers["location"]) == (303, "/page")
    assert elsewhere.get("/page", headers=PAGE).text == "<h1>inside</h1>"


def test_below_a_base_path_everything_is_below_it(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    door = site(engine, monkeypatch, base="/cdn")
    door.add()
    with door.browser("192.0.2.7", "http://monitor.example") as client:
        assert client.get("/cdn/page", headers=PAGE).headers["location"] == "/cdn/sign-in?next=%2Fcdn%2Fpage"
        # What is free is so below it alone.
        for path in ("/sign-in", "/api/v1/healthz", "/cdnx/sign-in", "/who", "/_stcore/health"):
            assert client.get(path).status_code == 404
            assert client.get(path, headers=PAGE).headers["location"] == "/cdn/"
        signed_in = sign_in(client, base="/cdn", wanted="/cdn/page")
        assert signed_in.headers["location"] == "/cdn/page"
        assert all("path=/cdn;" in each.lower() for each in signed_in.headers.get_list("set-cookie"))
        assert client.get("/cdn/page", headers=PAGE).text == "<h1>inside</h1>"
