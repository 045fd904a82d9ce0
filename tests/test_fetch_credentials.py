"""Credentials go to the server they were entered for, and nowhere else."""

from __future__ import annotations

import base64
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdn.model import AuthMethod, Credentials, Reason
from collector.fetch import Fetcher
from tests.hostile import Server, answering, ok
from tests.polling import LIMITS, SECRET, failure, get, target


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(LIMITS)
    yield fetcher
    fetcher.close()


def test_basic_credentials_are_sent_with_the_first_request() -> None:
    with Server(answering(ok(b""))) as server:
        get(target(server.url, Credentials(AuthMethod.BASIC, "us:er", "pä")))
    token = base64.b64encode("us:er:pä".encode())
    assert b"\r\nAuthorization: Basic " + token + b"\r\n" in server.requests[0]


def test_a_bearer_token_is_sent() -> None:
    with Server(answering(ok(b""))) as server:
        get(target(server.url, Credentials(AuthMethod.BEARER, secret=SECRET)))
    assert f"\r\nAuthorization: Bearer {SECRET}\r\n".encode() in server.requests[0]


def test_no_credentials_come_from_the_url_or_from_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with Server(answering(ok(b""))) as server:
        get(server.url.replace("//", f"//me:{SECRET}@"))
    assert b"Authorization" not in server.requests[0]


def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with Server(answering(ok(b"proxy"))) as proxy, Server(answering(ok(b"server"))) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert get(server.url).body == b"server"
        assert not proxy.connections


def test_changed_credentials_are_used_at_once(fetcher: Fetcher) -> None:
    with Server(answering(ok(b""))) as server:
        for secret in ("old", "new"):
            with fetcher.begin(target(server.url, Credentials(AuthMethod.BEARER, secret=secret))) as exchange:
                exchange.get("/x")
    assert b"Bearer old" in server.requests[0]
    assert b"Bearer new" in server.requests[1]


def test_an_unreadable_secret_sends_nothing() -> None:
    with Server(answering(ok(b""))) as server:
        error = failure(target(server.url, unreadable_secret=True))
        assert not server.connections
    assert error.reason is Reason.NO_CREDENTIALS


@pytest.mark.parametrize("secret", [f"{SECRET}\r\nX-Evil: 1", f"{SECRET}ż"])
def test_a_token_that_cannot_be_sent_is_named_but_not_shown(secret: str) -> None:
    error = failure(target("http://127.0.0.1:9", Credentials(AuthMethod.BEARER, secret=secret)))
    assert error.reason is Reason.NO_CREDENTIALS
    assert SECRET not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 401 Unauthorized\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://me:s3cret-pass@127.0.0.1/?t=s3cret-pass\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        b"garbage\r\n\r\n",
        b"",
    ],
)
def test_credentials_appear_in_no_error_and_no_log(answer: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Server(answering(answer)) as server:
        url = server.url.replace("//", f"//me:{SECRET}@") + f"/?token={SECRET}"
        polled = target(url, Credentials(AuthMethod.BASIC, "me", SECRET))
        error = failure(polled, path="")
    assert server.requests
    told = "".join([*traceback.format_exception(error), repr(error), error.detail, caplog.text])
    for secret in (SECRET, base64.b64encode(f"me:{SECRET}".encode()).decode()):
        assert secret not in told
    assert "me:" not in error.detail
