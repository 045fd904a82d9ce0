"""Certificates: verified, told with their fault, or left unverified where that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdn.model import PollError, Reason
from collector.fetch import Fetcher
from tests.hostile import Line, Server, answering, certificate, keeping
from tests.polling import LIMITS, failure, get, target


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    fetcher = Fetcher(LIMITS)
    yield fetcher
    fetcher.close()


def test_a_trusted_certificate_is_taken_and_its_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tls, trusted, ends = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    fetcher = Fetcher(LIMITS)
    with Server(keeping, tls) as server, fetcher.begin(target(server.url)) as exchange:
        first, second = exchange.get("/a"), exchange.get("/b")
        fetcher.close()
    assert first.certificate_expires == second.certificate_expires == ends
    assert first.connect is not None
    assert second.connect is None


@pytest.mark.parametrize(
    ("host", "days", "trust", "words"),
    [
        ("127.0.0.1", 30, False, "self-signed certificate"),
        ("127.0.0.1", 1, True, "certificate has expired"),
        ("other.example", 30, True, "IP address mismatch"),
    ],
)
def test_a_bad_certificate_is_told_with_its_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, days: int, trust: bool, words: str
) -> None:
    tls, trusted, _ = certificate(tmp_path, host=host, issued_days_ago=2, valid_days=days)
    if trust:
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with Server(keeping, tls) as server:
        error = failure(server.url)
        assert not server.requests
    assert error.reason is Reason.TLS
    assert f" does not trust the server's certificate: {words}" in error.detail


def test_the_end_of_a_trusted_certificate_is_told_even_where_the_server_lets_nobody_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls, trusted, ends = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    fetcher = Fetcher(LIMITS)
    with Server(answering(b"HTTP/1.1 401 No\r\n\r\n"), tls) as server, fetcher.begin(target(server.url)) as exchange:
        with pytest.raises(PollError) as caught:
            exchange.get("/x")
        fetcher.close()
    assert caught.value.reason is Reason.UNAUTHORIZED
    assert exchange.certificate_expires == ends


def test_a_certificate_may_be_left_unverified_without_a_warning_and_its_end_is_told(
    tmp_path: Path, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    tls, _, ends = certificate(tmp_path, issued_days_ago=9, valid_days=1)
    with Server(keeping, tls) as server:
        answer = get(target(server.url, verify_tls=False))
        assert server.connections == 1
    assert answer.body == b"kept"
    assert answer.certificate_expires == ends
    assert not recwarn.list
    assert not caplog.records


def test_the_end_of_an_unverified_certificate_is_told_over_a_kept_connection_too(
    fetcher: Fetcher, tmp_path: Path
) -> None:
    tls, _, ends = certificate(tmp_path)
    with Server(keeping, tls) as server:
        for _ in range(2):
            with fetcher.begin(target(server.url, verify_tls=False)) as exchange:
                assert exchange.certificate_expires is None
                exchange.get("/x")
            assert exchange.certificate_expires == ends
        assert server.connections == 1


def test_an_unverified_certificate_that_cannot_be_read_fails_no_poll(fetcher: Fetcher, tmp_path: Path) -> None:
    tls, _, _ = certificate(tmp_path, readable=False)
    with Server(keeping, tls) as server, fetcher.begin(target(server.url, verify_tls=False)) as exchange:
        assert exchange.get("/x").body == b"kept"
    assert exchange.certificate_expires is None


def test_a_verified_poll_never_uses_an_unverified_connection(fetcher: Fetcher, tmp_path: Path) -> None:
    tls, _, _ = certificate(tmp_path)
    with Server(keeping, tls) as server:
        with fetcher.begin(target(server.url, verify_tls=False)) as exchange:
            exchange.get("/a")
        with fetcher.begin(target(server.url, id=2)) as exchange, pytest.raises(PollError) as caught:
            exchange.get("/a")
    assert caught.value.reason is Reason.TLS


def test_http_spoken_on_an_https_url_is_told_as_a_tls_fault() -> None:
    def script(line: Line) -> None:
        line.raw()
        line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        line.hang()

    with Server(script) as server:
        error = failure(server.url.replace("http:", "https:"))
        assert server.connections == 1
    assert error.reason is Reason.TLS
    assert "does the server speak https on this port?" in error.detail
