"""Many polls at once, and their end at a shutdown."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdn.model import PollError, Reason
from collector.fetch import Fetcher
from tests.hostile import Line, Server, answering, keeping, ok
from tests.polling import FOREVER, target


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(FOREVER)
    yield fetcher
    fetcher.close()


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\nx"])
def test_cutting_all_ends_a_hanging_exchange(fetcher: Fetcher, begun: bytes) -> None:
    error = cut_while_hanging(fetcher, "http", begun)
    assert error.reason is Reason.CUT_OFF
    assert "shutting down" in error.detail


def test_cutting_all_ends_a_hanging_tls_handshake(fetcher: Fetcher) -> None:
    error = cut_while_hanging(fetcher, "https", b"\x16\x03\x03\x40\x00")
    assert error.reason is Reason.CUT_OFF
    assert "shutting down" in error.detail


def cut_while_hanging(fetcher: Fetcher, scheme: str, begun: bytes) -> PollError:
    """Cut all once a server has begun to answer and hangs."""
    hanging = threading.Event()

    def script(line: Line) -> None:
        line.raw()
        line.send(begun)
        hanging.set()
        line.hang()

    with Server(script) as server, ThreadPoolExecutor(1) as pool:
        exchange = fetcher.begin(target(server.url.replace("http", scheme)))
        polling = pool.submit(exchange.get, "/x")
        hanging.wait()
        fetcher.cut_all()
        error = polling.exception()
    assert isinstance(error, PollError)
    return error


def test_after_cutting_all_nothing_begins(fetcher: Fetcher) -> None:
    fetcher.cut_all()
    with Server(keeping) as server:
        with fetcher.begin(target(server.url)) as exchange, pytest.raises(PollError, match="shutting down") as caught:
            exchange.get("/x")
        assert not server.connections
    assert caught.value.reason is Reason.CUT_OFF


def test_cutting_all_ends_a_hanging_look_up(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, release = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        asked.set()
        release.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with ThreadPoolExecutor(1) as pool, fetcher.begin(target("http://slow.example")) as exchange:
        polling = pool.submit(exchange.get, "/x")
        asked.wait()
        fetcher.cut_all()
        error = polling.exception()
        release.set()
    assert isinstance(error, PollError)
    assert error.reason is Reason.CUT_OFF


def test_a_stuck_server_does_not_hold_up_another(fetcher: Fetcher) -> None:
    def poll(url: str) -> bytes:
        with fetcher.begin(target(url)) as exchange:
            return exchange.get("/x").body

    with Server(Line.hang) as stuck, Server(answering(ok(b"fine"))) as server, ThreadPoolExecutor(9) as pool:
        hanging = [pool.submit(poll, stuck.url) for _ in range(8)]
        assert pool.submit(poll, server.url).result() == b"fine"
        fetcher.cut_all()
        for polling in hanging:
            assert isinstance(polling.exception(), PollError)


def test_polls_of_one_server_at_once_leave_no_log(fetcher: Fetcher, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    everybody = threading.Barrier(12)

    def script(line: Line) -> None:
        line.request()
        everybody.wait()
        line.send(ok(b""))
        line.hang()

    def poll() -> bytes:
        with fetcher.begin(target(server.url)) as exchange:
            return exchange.get("/x").body

    with Server(script) as server, ThreadPoolExecutor(12) as pool:
        assert [future.result() for future in [pool.submit(poll) for _ in range(12)]] == [b""] * 12
    assert not caplog.records
