"""Servers that drip or flood: a poll ends at its limits, whatever they do."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from cdn.model import PollError, Reason
from collector.fetch import Fetcher, Limits
from tests.hostile import Line, Server, answering, ok
from tests.polling import LIMITS, SHORT, failure, get, target


def drip_header(line: Line) -> None:
    line.request()
    line.send(b"HTTP/1.1 200 OK\r\n")
    line.drip(b"X: " + b"y" * 10_000)


def drip_body(line: Line) -> None:
    line.request()
    line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    line.drip(b"x" * 10_000)


def drip_chunks(line: Line) -> None:
    line.request()
    line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    line.drip(b"1\r\nx\r\n" * 10_000)


def drip_without_length(line: Line) -> None:
    line.request()
    line.send(b"HTTP/1.0 200 OK\r\n\r\n")
    line.drip(b"x" * 10_000)


def drip_continue(line: Line) -> None:
    line.request()
    line.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000)


def drip_handshake(line: Line) -> None:
    line.raw()
    # The start of a TLS record that is long in coming.
    line.drip(b"\x16\x03\x03\x40\x00" + b"\x02" * 16_000)


DRIPS = [drip_header, drip_body, drip_chunks, drip_without_length, drip_continue]


@pytest.mark.parametrize("script", DRIPS, ids=lambda script: script.__name__)
def test_a_dripping_answer_ends_at_the_deadline(script: Callable[[Line], None]) -> None:
    with Server(script) as server:
        error = failure(server.url, limits=SHORT)
    assert error.reason is Reason.TIMED_OUT
    assert "reached the 0.25 s a whole poll may take, waiting for the rest of its answer" in error.detail


def test_a_dripping_tls_handshake_ends_at_the_deadline() -> None:
    with Server(drip_handshake) as server:
        error = failure(server.url.replace("http:", "https:"), limits=SHORT)
    assert error.reason is Reason.TIMED_OUT


def test_a_dripping_tls_handshake_ends_at_the_connect_timeout() -> None:
    with Server(drip_handshake) as server:
        error = failure(server.url.replace("http:", "https:"), limits=Limits(0.25, 10, 10, 1_000))
    assert error.reason is Reason.TIMED_OUT
    assert "TLS handshake within 0.25 s" in error.detail


def test_silence_ends_at_the_read_timeout() -> None:
    with Server(Line.hang) as server:
        error = failure(server.url, limits=Limits(10, 0.25, 10, 1_000))
    assert error.reason is Reason.TIMED_OUT
    assert "got no answer for 0.25 s" in error.detail


def test_the_deadline_is_one_for_all_requests_of_a_poll() -> None:
    def script(line: Line) -> None:
        if b"/first" in line.request():
            line.send(ok(b""))
        line.drip(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 10_000)

    fetcher = Fetcher(SHORT)
    with Server(script) as server, fetcher.begin(target(server.url)) as exchange:
        exchange.get("/first")
        for _ in range(2):
            with pytest.raises(PollError, match="whole poll") as caught:
                exchange.get("/second")
            assert caught.value.reason is Reason.TIMED_OUT


def flood(header: bytes, piece: bytes) -> Callable[[Line], None]:
    """Two hundred megabytes, or as much as the other side takes."""

    def script(line: Line) -> None:
        line.request()
        line.send(header)
        for _ in range(200_000_000 // len(piece)):
            line.send(piece)

    return script


PIECE = b"x" * 65_536
FLOODS = {
    "length": flood(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n", PIECE),
    "no length": flood(b"HTTP/1.1 200 OK\r\n\r\n", PIECE),
    "chunks": flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + PIECE + b"\r\n"),
    "a negative chunk": flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", PIECE),
    "tiny chunks": flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 10_000),
    "headers": flood(b"HTTP/1.1 200 OK\r\n", b"X-Header: y\r\n" * 1_000),
    "one header": flood(b"HTTP/1.1 200 OK\r\nX-Header: ", PIECE),
    "continues": flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000),
    "status line": flood(b"HTTP/1.1 200 ", PIECE),
}


@pytest.mark.parametrize("script", FLOODS.values(), ids=FLOODS.keys())
def test_a_flood_is_cut_at_the_limit(script: Callable[[Line], None]) -> None:
    with Server(script) as server:
        error = failure(server.url)
    assert error.reason is Reason.TOO_LARGE
    # What the sockets of both sides hold comes on top.
    assert server.sent < 20_000_000


@pytest.mark.parametrize("encoding", ["gzip", "gzip-chunked"])
def test_a_gzip_bomb_is_cut_at_the_limit(encoding: str) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    answer = ok(bomb, "Content-Encoding: gzip")
    if encoding == "gzip-chunked":
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
        answer += b"%x\r\n%b\r\n0\r\n\r\n" % (len(bomb), bomb)
    assert len(bomb) < LIMITS.max_bytes
    with Server(answering(answer)) as server:
        error = failure(server.url)
    assert error.reason is Reason.TOO_LARGE
    assert "100,000 bytes, decompressed" in error.detail


def test_an_announced_length_beyond_the_limit_is_not_waited_for() -> None:
    def script(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n")
        line.hang()

    with Server(script) as server:
        error = failure(server.url, limits=SHORT)
    assert error.reason is Reason.TOO_LARGE
    assert "gave 100,001 bytes, want at most 100,000" in error.detail


def test_an_answer_that_is_too_much_work_to_read_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.attempt.MAX_WORK_SECONDS", 0.0)
    with Server(answering(ok(b"{}"))) as server:
        error = failure(server.url)
    assert error.reason is Reason.TOO_LARGE
    assert "of computing" in error.detail


def test_an_answer_of_exactly_the_limit_is_taken() -> None:
    with Server(answering(ok(b"x" * LIMITS.max_bytes))) as server:
        assert len(get(server.url).body) == LIMITS.max_bytes
