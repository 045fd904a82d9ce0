"""The address a poll was really connected to."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from cdn.model import PollError, Reason
from collector.addresses import Address
from collector.fetch import Fetcher
from tests.hostile import Line, Server, answering, certificate, ending, keeping, ok
from tests.polling import LIMITS, target

Resolve = Callable[..., None]


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(LIMITS)
    yield fetcher
    fetcher.close()


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Lets every name have these addresses from now on."""

    def to(*ips: str) -> None:
        def resolved(_host: str, port: int, **_: Any) -> list[object]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ips]

        monkeypatch.setattr(socket, "getaddrinfo", resolved)

    return to


def polled(fetcher: Fetcher, url: str) -> str | None:
    """The address of a poll that works."""
    with fetcher.begin(target(url, verify_tls=False)) as exchange:
        exchange.get("/a")
        exchange.get("/b")
    return exchange.address


def failed(fetcher: Fetcher, url: str) -> tuple[Reason, str | None]:
    """The reason and the address of a poll that fails."""
    with fetcher.begin(target(url)) as exchange, pytest.raises(PollError) as caught:
        exchange.get("/x")
    return caught.value.reason, exchange.address


@pytest.mark.parametrize("secure", [False, True])
def test_the_address_of_a_poll_is_told_over_new_and_kept_connections(
    fetcher: Fetcher, tmp_path: Path, resolve: Resolve, secure: bool
) -> None:
    resolve("127.0.0.1")
    tls = certificate(tmp_path)[0] if secure else None
    with Server(keeping, tls) as server:
        url = server.url.replace("127.0.0.1", "edge.example")
        assert [polled(fetcher, url), polled(fetcher, url)] == ["127.0.0.1"] * 2
        assert server.connections == 1


def test_of_several_addresses_the_one_that_was_connected_to_is_told(fetcher: Fetcher, resolve: Resolve) -> None:
    resolve("127.0.0.2", "127.0.0.1", "127.0.0.3")
    with Server(keeping) as server:
        assert polled(fetcher, server.url.replace("127.0.0.1", "edge.example")) == "127.0.0.1"


def test_a_kept_connection_has_its_own_address_whatever_its_name_means_by_now(
    fetcher: Fetcher, resolve: Resolve
) -> None:
    resolve("127.0.0.1")
    with Server(keeping) as server:
        url = server.url.replace("127.0.0.1", "edge.example")
        polled(fetcher, url)
        resolve("127.0.0.2")
        assert polled(fetcher, url) == "127.0.0.1"
        assert server.connections == 1


def test_the_address_stays_known_where_a_kept_connection_ends_and_cannot_be_replaced(
    fetcher: Fetcher, resolve: Resolve
) -> None:
    def once(line: Line) -> None:
        line.request()
        line.send(ok(b"once"))
        line.raw()

    resolve("127.0.0.1")
    with Server(once) as server:
        url = server.url.replace("127.0.0.1", "edge.example")
        with fetcher.begin(target(url)) as exchange:
            exchange.get("/a")
        resolve("127.0.0.2")
        assert failed(fetcher, url) == (Reason.REFUSED, "127.0.0.1")


def test_the_address_is_that_of_the_first_request_wherever_later_ones_go(fetcher: Fetcher, resolve: Resolve) -> None:
    resolve("127.0.0.2", "127.0.0.1")
    with Server(keeping) as later:
        exchange = fetcher.begin(target(later.url.replace("127.0.0.1", "edge.example")))
        assert exchange.address is None
        with Server(answering(ok(b"first")), at=("127.0.0.2", later.port)):
            assert exchange.get("/a").body == b"first"
        assert exchange.get("/b").body == b"kept"
    assert exchange.address == "127.0.0.2"


def test_the_address_of_a_server_that_answers_badly_is_told(fetcher: Fetcher, tmp_path: Path) -> None:
    with Server(answering(b"HTTP/1.1 500 Oh\r\n\r\n")) as server:
        assert failed(fetcher, server.url) == (Reason.HTTP_STATUS, "127.0.0.1")
    with Server(ending) as server:
        assert failed(fetcher, server.url) == (Reason.CUT_OFF, "127.0.0.1")
    with Server(keeping, certificate(tmp_path)[0]) as server:
        assert failed(fetcher, server.url) == (Reason.TLS, "127.0.0.1")


def test_a_poll_that_was_never_connected_has_no_address(resolve: Resolve) -> None:
    resolve("127.0.0.2")
    with socket.create_server(("127.0.0.2", 0)) as listener:
        port = listener.getsockname()[1]
    assert failed(Fetcher(LIMITS), f"http://edge.example:{port}") == (Reason.REFUSED, None)
    refusing = Fetcher(LIMITS, allowed=lambda _: False)
    assert failed(refusing, "http://edge.example") == (Reason.ADDRESS_REFUSED, None)
    resolve()
    assert failed(Fetcher(LIMITS), "http://edge.example") == (Reason.NAME_UNKNOWN, None)


@pytest.mark.parametrize(
    ("ip", "text"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:0::7", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
    ],
)
def test_an_address_is_written_one_way(ip: str, text: str) -> None:
    assert Address(socket.AF_INET6, (ip, 80), ip_address(ip)).text == text


def test_an_ipv4_address_within_ipv6_is_told_as_ipv4(fetcher: Fetcher) -> None:
    with Server(keeping) as server:
        assert polled(fetcher, server.url.replace("127.0.0.1", "[::ffff:127.0.0.1]")) == "127.0.0.1"
