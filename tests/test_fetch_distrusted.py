"""Certificates that are not trusted: the poll fails, and when they end is told all the same."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest

from cdn.model import AuthMethod, Credentials, PollError, Reason
from collector.certificates import LOOK_SECONDS, Certificate, Looks
from collector.fetch import Exchange, Fetcher, Limits
from tests.hostile import Line, Server, certificate, ending, keeping
from tests.polling import FOREVER, LIMITS, SECRET, target


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(LIMITS)
    yield fetcher
    fetcher.close()


def distrusted(fetcher: Fetcher, url: str) -> tuple[str, Exchange]:
    """What is said of a poll that fails because the certificate is not trusted, and that poll."""
    with fetcher.begin(target(url)) as exchange, pytest.raises(PollError) as caught:
        exchange.get("/x")
    assert caught.value.reason is Reason.TLS
    assert "does not trust the server's certificate: " in caught.value.detail
    return caught.value.detail, exchange


@pytest.mark.parametrize("trust", [True, False])
@pytest.mark.parametrize(
    ("issued_days_ago", "valid_days", "words"),
    [(9, 2, "it ended on {ends}"), (-2, 30, "it is not valid before {begins}"), (1, 30, None)],
)
def test_the_end_of_a_distrusted_certificate_is_known_and_told_where_that_is_its_fault(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    trust: bool,
    issued_days_ago: int,
    valid_days: int,
    words: str | None,
) -> None:
    host = "127.0.0.1" if words else "other.example"
    tls, trusted, ends = certificate(tmp_path, host=host, issued_days_ago=issued_days_ago, valid_days=valid_days)
    if trust:
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    fetcher = Fetcher(LIMITS)
    with Server(keeping, tls) as server:
        said, exchange = distrusted(fetcher, server.url)
        assert server.connections == 2
        assert not server.requests
    begins = ends - timedelta(days=valid_days)
    assert exchange.certificate_expires == ends
    assert said.endswith(words.format(ends=ends.date(), begins=begins.date())) if words else "; it" not in said
    assert exchange.timing.connect is None


def test_the_end_of_a_certificate_of_an_unknown_authority_is_known(fetcher: Fetcher, tmp_path: Path) -> None:
    tls, _, ends = certificate(tmp_path, issuer="nobody")
    with Server(keeping, tls) as server:
        said, exchange = distrusted(fetcher, server.url)
    assert said.endswith("unable to get local issuer certificate")
    assert exchange.certificate_expires == ends


def test_a_distrusted_certificate_that_cannot_be_read_is_told_with_its_fault_alone(
    fetcher: Fetcher, tmp_path: Path
) -> None:
    tls, _, _ = certificate(tmp_path, readable=False)
    with Server(keeping, tls) as server:
        said, exchange = distrusted(fetcher, server.url)
    assert "; it" not in said
    assert exchange.certificate_expires is None


def test_looking_at_a_distrusted_certificate_sends_nothing(fetcher: Fetcher, tmp_path: Path) -> None:
    tls, _, ends = certificate(tmp_path)
    heard: list[bytes] = []
    ended = threading.Event()

    def script(line: Line) -> None:
        line.secure(tls)
        # Only the second handshake gets here.
        with suppress(ConnectionResetError):
            heard.append(line.raw())
        ended.set()

    with Server(script) as server:
        polled = target(server.url.replace("http", "https"), Credentials(AuthMethod.BASIC, "monitor", SECRET))
        with fetcher.begin(polled) as exchange, pytest.raises(PollError):
            exchange.get("/x")
        assert ended.wait(10)
    assert exchange.certificate_expires == ends
    assert heard in ([], [b""])


def test_a_distrusted_certificate_is_looked_at_under_the_name_and_address_it_was_shown_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, _, ends = certificate(tmp_path)
    names: list[str | None] = []
    tls.sni_callback = lambda _sock, name, _context: names.append(name)

    def resolve(_host: str, port: int, **_: Any) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("127.0.0.2", "127.0.0.1")]

    def allowed(ip: IPv4Address | IPv6Address) -> bool:
        return str(ip) != "127.0.0.2"

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    fetcher = Fetcher(LIMITS, allowed=allowed)
    with Server(keeping, tls) as server, socket.create_server(("127.0.0.2", server.port)) as forbidden:
        _, exchange = distrusted(fetcher, server.url.replace("127.0.0.1", "edge.example"))
        forbidden.setblocking(False)
        with pytest.raises(BlockingIOError):
            forbidden.accept()
    assert names == ["edge.example", "edge.example"]
    assert exchange.certificate_expires == ends
    assert exchange.address == "127.0.0.1"


def handshakes(*sides: Callable[[Line], None]) -> Callable[[Line], None]:
    """A server whose first connection is served by the first of `sides`, and so on; the last serves all later ones."""
    left = list(sides)

    def script(line: Line) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(line)

    return script


def shaking(tls: ssl.SSLContext) -> Callable[[Line], None]:
    """One side of `handshakes`: the handshake with `tls`."""
    return lambda line: line.secure(tls)


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x03\x40\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_a_look_that_is_cut_changes_nothing_and_is_not_tried_at_every_poll(
    fetcher: Fetcher, tmp_path: Path, begun: bytes
) -> None:
    tls, _, _ = certificate(tmp_path)

    def cut(line: Line) -> None:
        line.raw()
        line.send(begun)

    with Server(handshakes(shaking(tls), cut, shaking(tls))) as server:
        url = server.url.replace("http", "https")
        first, second = distrusted(fetcher, url), distrusted(fetcher, url)
        assert server.connections == 3
    assert first[0] == second[0]
    assert first[0].endswith("self-signed certificate")
    assert first[1].certificate_expires is None


def test_a_look_that_is_refused_leaves_the_fault_that_led_to_it(fetcher: Fetcher, tmp_path: Path) -> None:
    tls, _, _ = certificate(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:

        def serve_once() -> None:
            sock, _ = listener.accept()
            listener.close()
            with suppress(ssl.SSLError):
                tls.wrap_socket(sock, server_side=True)

        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        pool.submit(serve_once)
        said, exchange = distrusted(fetcher, url)
    assert said.endswith("self-signed certificate")
    assert exchange.certificate_expires is None


@pytest.mark.parametrize("limits", [Limits(0.75, 10, 10, 1_000), Limits(10, 10, 0.75, 1_000)])
def test_a_look_that_hangs_ends_in_time_and_the_fault_that_led_to_it_is_told(tmp_path: Path, limits: Limits) -> None:
    tls, _, _ = certificate(tmp_path)
    with Server(handshakes(shaking(tls), Line.hang)) as server:
        said, exchange = distrusted(Fetcher(limits), server.url.replace("http", "https"))
        assert server.connections == 2
    assert said.endswith("self-signed certificate")
    assert exchange.certificate_expires is None


def test_cutting_all_ends_a_hanging_look(tmp_path: Path) -> None:
    tls, _, _ = certificate(tmp_path)
    hanging = threading.Event()
    fetcher = Fetcher(FOREVER)

    def hang(line: Line) -> None:
        line.raw()
        hanging.set()
        line.hang()

    with Server(handshakes(shaking(tls), hang)) as server, ThreadPoolExecutor(1) as pool:
        exchange = fetcher.begin(target(server.url.replace("http", "https")))
        polling = pool.submit(exchange.get, "/x")
        hanging.wait()
        fetcher.cut_all()
        error = polling.exception()
    assert isinstance(error, PollError)
    assert error.reason is Reason.CUT_OFF
    assert "shutting down" in error.detail


def test_a_handshake_that_fails_for_another_reason_is_not_made_again(fetcher: Fetcher) -> None:
    with Server(ending) as server, fetcher.begin(target(server.url.replace("http", "https"))) as exchange:
        with pytest.raises(PollError):
            exchange.get("/x")
        assert server.connections == 1
    assert exchange.certificate_expires is None


def test_a_server_that_stays_distrusted_is_not_looked_at_every_poll(fetcher: Fetcher, tmp_path: Path) -> None:
    tls, _, ends = certificate(tmp_path, issued_days_ago=9, valid_days=1)
    with Server(keeping, tls) as server:
        polls = [distrusted(fetcher, server.url) for _ in range(3)]
        assert server.connections == 4
    assert {said for said, _ in polls} == {polls[0][0]}
    assert [exchange.certificate_expires for _, exchange in polls] == [ends] * 3


def test_a_certificate_with_another_fault_is_looked_at_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, trusted, ended = certificate(tmp_path, issued_days_ago=9, valid_days=1)
    new, _, ends = certificate(tmp_path, host="other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    fetcher = Fetcher(LIMITS)
    with Server(handshakes(shaking(old), shaking(old), shaking(new))) as server:
        url = server.url.replace("http", "https")
        assert distrusted(fetcher, url)[1].certificate_expires == ended
        assert distrusted(fetcher, url)[1].certificate_expires == ends


def test_a_certificate_is_looked_at_again_after_a_minute() -> None:
    clock = [0.0]
    looks = Looks(lambda: clock[0])
    seen: list[str] = []

    def look_at(server: str) -> int:
        """How many looks there were, after this one or none."""

        def look() -> Certificate | None:
            seen.append(server)
            return None

        assert looks.certificate(server, look) is None
        return len(seen)

    assert look_at("edge") == 1
    clock[0] = LOOK_SECONDS - 1
    assert look_at("edge") == 1
    assert look_at("another") == 2
    clock[0] = LOOK_SECONDS
    assert look_at("edge") == 3
    assert look_at("edge") == 3
