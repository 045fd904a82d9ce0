"""Servers that cannot be reached, or should not be."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from cdn.model import PollError, Reason
from collector.fetch import Fetcher, Limits
from tests.hostile import Server, answering, ok
from tests.polling import LIMITS, SHORT, failure, target


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(LIMITS)
    yield fetcher
    fetcher.close()


def test_a_refused_connection_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(f"http://127.0.0.1:{port}")
    assert error.reason is Reason.REFUSED
    assert error.detail.startswith(f"GET http://127.0.0.1:{port}/x was refused by 127.0.0.1 port {port}")


def test_a_network_without_a_way_is_told_as_such() -> None:
    # TCP has no way to a broadcast address.
    assert failure("http://127.255.255.255:9").reason is Reason.UNREACHABLE


@pytest.mark.parametrize("limits", [SHORT, Limits(0.25, 10, 10, 1_000)])
def test_a_connection_that_is_never_accepted_times_out(limits: Limits) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        error = failure(f"http://127.0.0.1:{listener.getsockname()[1]}", limits=limits)
    assert error.reason is Reason.TIMED_OUT
    assert "connection" in error.detail
    assert "0.25 s" in error.detail


def test_an_unknown_name_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure("http://nowhere.example")
    assert error.reason is Reason.NAME_UNKNOWN
    assert "nowhere.example: Name or service not known" in error.detail


def test_a_name_that_dns_cannot_hold_is_told_as_unknown() -> None:
    assert failure(f"http://{'a' * 64}.example").reason is Reason.NAME_UNKNOWN


def test_a_hanging_name_server_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        release.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    error = failure("http://slow.example", limits=SHORT)
    release.set()
    assert error.reason is Reason.TIMED_OUT


def test_a_name_is_asked_for_once_a_poll(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = socket.getaddrinfo

    def counted(host: str, port: int, **hints: Any) -> object:
        asked.append(host)
        return real("127.0.0.1", port, **hints)

    monkeypatch.setattr(socket, "getaddrinfo", counted)
    with Server(answering(ok(b""))) as server:
        with fetcher.begin(target(server.url.replace("127.0.0.1", "edge.example"))) as exchange:
            exchange.get("/a")
            exchange.get("/b")
        assert b"\r\nHost: edge.example:" in server.requests[1]
    assert asked == ["edge.example"]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "127.0.0.1", "http://", "http://[bad", "http://127.0.0.1:port"])
def test_what_is_no_http_address_is_refused(url: str) -> None:
    assert failure(url).reason is Reason.ADDRESS_REFUSED


def test_an_address_that_is_not_allowed_gets_no_byte() -> None:
    seen = []

    def refuse(ip: object) -> bool:
        seen.append(str(ip))
        return False

    with Server(answering(ok(b""))) as server:
        fetcher = Fetcher(LIMITS, allowed=refuse)
        with fetcher.begin(target(server.url)) as exchange, pytest.raises(PollError) as caught:
            exchange.get("/x")
        assert not server.connections
    assert caught.value.reason is Reason.ADDRESS_REFUSED
    assert seen == ["127.0.0.1"]
