"""Kept connections: used again, replaced when the server closed them, never mixed up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdn.model import PollError, Reason
from collector.fetch import Fetcher
from tests.hostile import Line, Server, answering, certificate, keeping, ok
from tests.polling import LIMITS, target


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(LIMITS)
    yield fetcher
    fetcher.close()


def test_a_kept_connection_is_used_again(fetcher: Fetcher) -> None:
    with Server(keeping) as server:
        for _ in range(2):
            with fetcher.begin(target(server.url)) as exchange:
                first, second = exchange.get("/a"), exchange.get("/b")
        assert server.connections == 1
        assert len(server.requests) == 4
    assert second.connect is None
    assert 0 < second.first_byte <= second.total
    assert first.body == second.body == b"kept"


def once(line: Line) -> None:
    """Answers, and closes under the next request: as if that and a time-out had crossed on the way."""
    line.request()
    line.send(ok(b"once"))
    line.raw()


@pytest.mark.parametrize("secure", [False, True])
def test_a_kept_connection_that_ends_under_a_request_is_replaced(
    fetcher: Fetcher, secure: bool, tmp_path: Path
) -> None:
    tls = certificate(tmp_path)[0] if secure else None
    with Server(once, tls) as server, fetcher.begin(target(server.url, verify_tls=False)) as exchange:
        assert exchange.get("/a").body == b"once"
        answer = exchange.get("/b")
        assert server.connections == 2
    assert answer.body == b"once"
    assert answer.connect is not None


def test_a_kept_connection_that_ended_is_not_replaced_by_another_that_did(fetcher: Fetcher) -> None:
    both = threading.Barrier(2)

    def script(line: Line) -> None:
        if b"/first" in line.request():
            both.wait()
        line.send(ok(b"once"))
        line.raw()

    def poll(path: str) -> bytes:
        with fetcher.begin(target(server.url)) as exchange:
            return exchange.get(path).body

    with Server(script) as server, ThreadPoolExecutor(2) as pool:
        assert list(pool.map(poll, ["/first", "/first"])) == [b"once", b"once"]
        assert poll("/again") == b"once"
        assert server.connections == 3


def test_a_kept_connection_that_breaks_within_an_answer_is_a_fault(fetcher: Fetcher) -> None:
    def script(line: Line) -> None:
        line.request()
        line.send(ok(b"once"))
        line.request()
        line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")

    with Server(script) as server, fetcher.begin(target(server.url)) as exchange:
        exchange.get("/a")
        with pytest.raises(PollError) as caught:
            exchange.get("/b")
        assert server.connections == 1
    assert caught.value.reason is Reason.CUT_OFF


def test_an_answer_that_is_refused_ends_its_connection(fetcher: Fetcher) -> None:
    ended = threading.Event()

    def script(line: Line) -> None:
        line.request()
        line.send(b"HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\n")
        assert line.raw() == b""
        ended.set()

    with Server(script) as server, fetcher.begin(target(server.url)) as exchange:
        with pytest.raises(PollError) as caught:
            exchange.get("/x")
        assert ended.wait(10)
    assert caught.value.reason is Reason.HTTP_STATUS


def test_the_rest_of_a_refused_answer_is_not_taken_for_the_next(fetcher: Fetcher) -> None:
    def script(line: Line) -> None:
        while True:
            if b"/bad" in line.request():
                line.send(b"HTTP/1.1 500 Oh\r\nContent-Length: 44\r\n\r\n" + ok(b"forged"))
            else:
                line.send(ok(b"true"))

    with Server(script) as server, fetcher.begin(target(server.url)) as exchange:
        with pytest.raises(PollError):
            exchange.get("/bad")
        assert exchange.get("/good").body == b"true"


def test_cookies_are_not_sent_back(fetcher: Fetcher) -> None:
    with Server(answering(ok(b"", "Set-Cookie: id=1"))) as server, fetcher.begin(target(server.url)) as exchange:
        exchange.get("/a")
        exchange.get("/b")
    assert b"Cookie" not in server.requests[1]
