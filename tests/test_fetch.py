"""What the fetcher makes of answers: good ones, and those that are not what was asked for."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from cdn.model import AuthMethod, Credentials, PollError, Reason, Timing
from collector.fetch import Fetcher
from tests.hostile import Line, Server, answering, ok
from tests.polling import LIMITS, SECRET, SHORT, failure, get, target


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(LIMITS)
    yield fetcher
    fetcher.close()


def test_an_answer_brings_body_headers_and_times() -> None:
    with Server(answering(ok(b"{}", "Content-Type: application/json", "Server: SRS/5"))) as server:
        answer = get(server.url)
    assert (answer.status, answer.body) == (200, b"{}")
    assert (answer.content_type, answer.server_header) == ("application/json", "SRS/5")
    assert answer.connect is not None
    assert answer.certificate_expires is None
    assert 0 < answer.connect <= answer.first_byte <= answer.total


@pytest.mark.parametrize(
    ("entered", "path", "asked"),
    [
        ("", "/api/v1/summaries", "/api/v1/summaries"),
        ("/", "/api/v1/streams/?count=10", "/api/v1/streams/?count=10"),
        ("/base/", "/x", "/base/x"),
        ("/base?token=t", "/x", "/base/x"),
        ("/status?format=json#top", "", "/status?format=json"),
        ("", "", "/"),
    ],
)
def test_a_path_is_joined_to_the_url_as_entered(entered: str, path: str, asked: str) -> None:
    with Server(answering(ok(b""))) as server:
        get(server.url + entered, path)
    assert server.requests[0].startswith(f"GET {asked} HTTP/1.1\r\n".encode())


def test_only_encodings_we_decode_are_asked_for() -> None:
    with Server(answering(ok(b""))) as server:
        get(server.url)
    assert b"\r\nAccept-Encoding: gzip, deflate\r\n" in server.requests[0]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_gzipped_answer_is_decompressed(chunked: bool) -> None:
    packed = gzip.compress(b"a" * 90_000)
    answer = ok(packed, "Content-Encoding: gzip")
    if chunked:
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
        answer += b"%x\r\n%b\r\n0\r\n\r\n" % (len(packed), packed)
    with Server(answering(answer)) as server:
        assert get(server.url).body == b"a" * 90_000


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    with Server(answering(b"HTTP/1.0 200 OK\r\n\r\nActive connections: 1")) as server:
        assert get(server.url).body == b"Active connections: 1"


def test_the_timing_is_that_of_the_first_request(fetcher: Fetcher) -> None:
    with Server(answering(ok(b""))) as server, fetcher.begin(target(server.url)) as exchange:
        first = exchange.get("/a")
        exchange.get("/b")
    assert exchange.timing == Timing(first.connect, first.first_byte, first.total)


def test_the_timing_of_a_failed_request_says_how_far_it_came() -> None:
    fetcher = Fetcher(SHORT)
    with Server(Line.hang) as server, fetcher.begin(target(server.url)) as exchange:
        with pytest.raises(PollError):
            exchange.get("/x")
        assert exchange.timing.connect is not None
        assert exchange.timing.first_byte is None
        assert exchange.timing.total is None


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.UNAUTHORIZED),
        (403, Reason.FORBIDDEN),
        (204, Reason.HTTP_STATUS),
        (206, Reason.HTTP_STATUS),
        (304, Reason.REDIRECTED),
        (404, Reason.HTTP_STATUS),
        (500, Reason.HTTP_STATUS),
        (999, Reason.HTTP_STATUS),
    ],
)
def test_a_status_other_than_200_has_its_reason(status: int, reason: Reason) -> None:
    with Server(answering(f"HTTP/1.1 {status} Oh\r\nContent-Length: 0\r\n\r\n".encode())) as server:
        error = failure(server.url)
    assert error.reason is reason
    assert error.detail.startswith(f"GET {server.url}/x gave {status}")
    assert "want 200" in error.detail


def test_srs_asking_for_a_password_is_told_as_such() -> None:
    answer = (
        b"HTTP/1.1 401 Unauthorized\r\nConnection: Close\r\nWWW-Authenticate: Basic\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    with Server(answering(answer)) as server:
        error = failure(server.url)
    assert error.reason is Reason.UNAUTHORIZED
    assert error.detail == f"GET {server.url}/x gave 401, want 200; check the server's user and password"


def test_a_redirect_is_not_followed_and_names_its_host() -> None:
    with Server(answering(ok(b""))) as other:
        location = f"Location: {other.url.replace('127.0.0.1', 'localhost')}/y"
        with Server(answering(f"HTTP/1.1 302 Found\r\n{location}\r\n\r\n".encode())) as server:
            error = failure(target(server.url, Credentials(AuthMethod.BASIC, "me", SECRET)))
        assert not other.connections
    assert error.reason is Reason.REDIRECTED
    assert "gave 302 to 'localhost', want 200" in error.detail


@pytest.mark.parametrize("location", ["", "/other", "http://[", "http://<b>\x1b[31m" + "h" * 500])
def test_a_strange_redirect_is_told_harmlessly(location: str) -> None:
    with Server(answering(f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode())) as server:
        error = failure(server.url)
    assert error.reason is Reason.REDIRECTED
    assert error.detail.isprintable()
    assert len(error.detail) < 250


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46\r\n",
        b"HTTP/1.1 two-hundred OK\r\n\r\n",
        b"HTTP/9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        ok(b"{}", "Content-Encoding: br"),
        ok(b"{}", "Content-Encoding: gzip"),
    ],
)
def test_an_answer_that_is_not_http_is_told_as_such(answer: bytes) -> None:
    with Server(answering(answer)) as server:
        error = failure(server.url)
    assert error.reason is Reason.WRONG_BODY
    assert error.detail.isprintable()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        CHUNKED,
        CHUNKED + b"5\r\nab",
        CHUNKED + b"5\r\nabcde\r\n",
        CHUNKED + b"zz\r\nabcde\r\n0\r\n\r\n",
        CHUNKED + b"-5\r\nabcde\r\n0\r\n\r\n",
        CHUNKED + b"1" * 70_000,
    ],
)
def test_an_answer_that_breaks_off_is_told_as_such(answer: bytes) -> None:
    with Server(answering(answer)) as server:
        assert failure(server.url).reason is Reason.CUT_OFF
