"""What somebody may send to the door, one test a try: addresses of files, too much of anything, strange names."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from actions import passwords
from actions.users import change_user
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN, Invalid
from db import access
from db.frame import records
from tests.behind import PASSWORD, Behind, origin, sign_in, site_of_two
from tests.everybody import asking, callers, fill_it, program
from tests.test_gate import stream
from web import gate, watched

SITE = "http://monitor.example"


@pytest.fixture
def door(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Behind:
    return site_of_two(engine, monkeypatch)


@pytest.fixture
def browser(door: Behind) -> Iterator[TestClient]:
    with door.browser("192.0.2.7", SITE) as client:
        yield client


# Files


@pytest.mark.parametrize(
    "up", ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "..%252f", "....//", "%c0%ae%c0%ae/", "..;/"]
)
@pytest.mark.parametrize("below", ["/assets/", "/api/v1/docs/", "/assets/icon-", "/sign-in/", "/static/", "/pages/"])
def test_no_address_leads_to_a_file_that_is_not_offered(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, below: str, up: str
) -> None:
    admin = next(each for each in callers(engine, fill_it(engine)) if each.name == "a session of the admin")
    with asking(program(engine, monkeypatch)) as client:
        for wanted in ("etc/passwd", "requirements.txt", "web/gate.py", ".env"):
            address = below + up * 6 + wanted
            raw = client.build_request("GET", SITE)
            raw.url = raw.url.copy_with(raw_path=address.encode())
            assert client.send(raw).status_code in (401, 404)
            raw.headers.update(admin.headers)
            answer = client.send(raw)
            assert answer.status_code in (404, 422) or answer.text == "<head></head>inside" or "inside" in answer.text
            for secret in ("root:", "fastapi", "class Gate", "SECRET_KEY"):
                assert secret not in answer.text


# Too much


def test_a_body_that_drips_is_not_waited_for(door: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "STRANGERS_SECONDS", 0.2)
    told = asyncio.run(_sent(door.app, "/sign-in", [b"a="], never_ending=True))
    assert (told["status"], told["seconds"] < 5) == (408, True)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(door: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MOST_BYTES", 1_000)
    claimed = asyncio.run(_sent(door.app, "/sign-in", [], never_ending=True, length=b"1001"))
    counted = asyncio.run(_sent(door.app, "/sign-in", [b"x" * 600] * 9))
    nonsense = [
        asyncio.run(_sent(door.app, "/sign-in", [b"x"], length=each)) for each in (b"-1", b"9" * 5_000, b"\xb2")
    ]
    assert [each["status"] for each in (claimed, counted, *nonsense)] == [413] * 5
    assert claimed["seconds"] < 5


async def _sent(app: Any, path: str, parts: list[bytes], *, never_ending: bool = False, length: bytes = b"") -> Any:
    """What the program answers to a request whose body comes in `parts`."""
    waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if not never_ending:
        waiting.append({"type": "http.request", "body": b"", "more_body": False})
    told: dict[str, Any] = {}

    async def receive() -> Any:
        if waiting:
            return waiting.pop(0)
        return await asyncio.sleep(3_600)

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            told.update(status=message["status"])

    headers = [(b"host", b"monitor.example"), *([(b"content-length", length)] if length else [])]
    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": headers,
        "client": ("192.0.2.7", 5000),
        "server": ("192.0.2.1", 80),
    }
    begun = time.monotonic()
    await asyncio.wait_for(app(scope, receive, send), 10)
    return {**told, "seconds": time.monotonic() - begun}


def test_a_message_that_is_too_large_ends_its_websocket(browser: TestClient) -> None:
    sign_in(browser)
    with browser.websocket_connect(stream(browser), headers=origin(browser)) as socket:
        socket.receive_text()
        socket.send_text("x" * (watched.MOST + 1))
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    assert closed.value.code == watched.TOO_LARGE


def test_a_very_long_password_is_no_more_work_than_any(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    class Counting(PasswordHasher):
        def verify(self, stored: str | bytes, password: str | bytes) -> Any:
            compared.append(len(password))
            return super().verify(stored, password)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    for password in ("x" * 5_000, "é" * 1_500, "\ufdfa" * 900, PASSWORD + "x" * 4_000):
        assert sign_in(browser, "ada", password).status_code in (401, 429)
    assert compared
    assert max(compared) <= 18 * 3 * passwords.LONGEST
    sign_in(browser, "ada", "x" * 50_000)
    assert max(compared) <= 18 * 3 * passwords.LONGEST


# Names


@pytest.mark.parametrize(
    "name", ["ada\x00", "ada\u200b", "a\u0064a", "\ud800ada", "ada\r\nx: y", "'; DROP TABLE app_user;--", "ada%", "%"]
)
def test_a_strange_name_is_nobody_and_no_fault_of_ours(door: Behind, browser: TestClient, name: str) -> None:
    sent = name.encode("utf-8", "replace").decode()
    for password in ("wrong", "wr\x00ng", "\u202egnorw"):
        assert sign_in(browser, sent, password).status_code in (401, 429)
    assert {row["name"] for row in records(access.users(door.engine, utc_now()))} == {"ada", "vi"}


def test_a_name_composed_in_another_way_is_the_same_person_and_nobody_elses(door: Behind, browser: TestClient) -> None:
    door.add("Zoe\u0308", "viewer")
    for typed in ("Zo\u00eb", "zoe\u0308", "ZO\u00cb"):
        browser.cookies.clear()
        assert sign_in(browser, typed).status_code == 303
    with pytest.raises(Invalid, match="already"):
        door.add("Zo\u00eb", "admin")


def test_nothing_tells_whether_there_is_such_an_account(door: Behind, browser: TestClient) -> None:
    vi = door.account("vi")
    change_user(door.engine, vi["id"], vi["version"], {"disabled": True}, by=LOCAL_ADMIN, now=utc_now())
    told: list[tuple[int, str, list[str]]] = []
    for name, password in (("ada", "wrong"), ("xyz", "wrong"), ("vi", PASSWORD)):
        with door.browser(f"198.51.100.{len(told)}", SITE) as other:
            answer = sign_in(other, name, password)
            page = answer.text.replace(f'"{name}"', '"NAME"').replace(other.cookies["cdn_form"], "FORM")
            told.append((answer.status_code, page, sorted(set(answer.headers) - {"content-length"})))
    assert told[0] == told[1] == told[2]


# What is left behind


def test_nothing_that_is_told_to_somebody_is_kept_by_their_browser(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = next(each for each in callers(engine, fill_it(engine)) if each.name == "a session of the admin")
    with asking(program(engine, monkeypatch)) as client:
        for path in (
            "/",
            "/fleet",
            "/media/file",
            "/account",
            "/password",
            "/api/v1/servers",
            "/api/v1/users",
            "/none",
        ):
            assert client.get(path, headers=admin.headers).headers["cache-control"] == "no-store", path
        for path in ("/", "/account", "/api/v1/servers"):
            assert client.get(path).headers["cache-control"] == "no-store", path
        # The same for everybody.
        assert "max-age" in client.get("/assets/page.js", headers=admin.headers).headers["cache-control"]
