"""What proxies are believed, and what browsers are told that pages may do."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from urllib.parse import unquote

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from tests.behind import PAGE, Behind, sign_in, site
from web.headers import inline_scripts
from web.proxies import is_loopback

NETWORKS = (ip_network("10.0.0.0/8"), ip_network("127.0.0.1/32"), ip_network("2001:db8::/32"))


@pytest.fixture
def door(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Behind:
    made = site(engine, monkeypatch, trusted=NETWORKS)
    made.add()
    return made


@pytest.fixture
def untrusting(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Behind:
    made = site(engine, monkeypatch)
    made.add()
    return made


def address_of(client: TestClient, **headers: str) -> str:
    told = client.get("/who", headers={name.replace("_", "-"): value for name, value in headers.items()})
    return unquote(told.json()["headers"]["x-cdn-address"])


@pytest.fixture
def behind_proxy(door: Behind) -> Iterator[TestClient]:
    with door.browser("10.0.0.2", "http://monitor.example") as client:
        sign_in(client)
        yield client


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7, 10.1.1.1", "192.0.2.7"),
        # Whatever somebody claims stands before what our own proxy saw.
        ("198.51.100.1, 192.0.2.7", "192.0.2.7"),
        ("127.0.0.1, 192.0.2.7, 10.0.0.9", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("[2001:db9::1]:4711", "2001:db9::1"),
        ("10.3.3.3", "10.3.3.3"),
        ("nonsense", "10.0.0.2"),
        ("192.0.2.7, nonsense", "10.0.0.2"),
        ("", "10.0.0.2"),
    ],
)
def test_a_trusted_proxy_says_who_asks(behind_proxy: TestClient, chain: str, address: str) -> None:
    assert address_of(behind_proxy, x_forwarded_for=chain) == address


def test_a_stranger_cannot_say_that_it_is_a_proxy(door: Behind) -> None:
    with door.browser("192.0.2.66", "http://monitor.example") as client:
        sign_in(client)
        assert address_of(client, x_forwarded_for="127.0.0.1", x_forwarded_proto="https") == "192.0.2.66"
        answer = client.get("/who", headers={"x-forwarded-proto": "https"})
        assert "strict-transport-security" not in answer.headers


def test_without_trusted_proxies_none_is_believed(untrusting: Behind) -> None:
    with untrusting.browser("127.0.0.1", "http://monitor.example") as client:
        sign_in(client)
        assert address_of(client, x_forwarded_for="192.0.2.7") == "127.0.0.1"


def test_what_the_server_made_of_a_forwarded_address_unasked_is_undone(untrusting: Behind) -> None:
    """uvicorn rewrites the client for proxies on loopback, and leaves port 0 behind."""
    with TestClient(untrusting.app, "http://monitor.example", client=("192.0.2.7", 0)) as client:
        sign_in(client)
        assert address_of(client, x_forwarded_for="192.0.2.7") == "127.0.0.1"


def test_behind_tls_of_a_trusted_proxy_cookies_are_secure_and_browsers_stay_with_tls(door: Behind) -> None:
    over = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
    with door.browser("10.0.0.2", "http://monitor.example") as client:
        client.headers.update(over)
        page = client.get("/sign-in", headers=PAGE)
        assert page.headers["strict-transport-security"] == "max-age=63072000"
        assert "__Host-cdn_form=" in page.headers["set-cookie"]
        assert "wss://monitor.example" in client.get("/page").headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/page", "/sign-in", "/nothing", "/api/v1/x"])
def test_every_answer_says_what_pages_may_do(door: Behind, path: str) -> None:
    with door.browser("192.0.2.7", "http://monitor.example") as client:
        for signed_in in (False, True):
            if signed_in:
                sign_in(client)
            headers = client.get(path, headers=PAGE).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "same-origin"
            assert "camera=()" in headers["permissions-policy"]
            policy = headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy
            assert "unsafe-eval'" not in policy.replace("wasm-unsafe-eval'", "")
            scripts = next((part for part in policy.split("; ") if part.startswith("script-src ")), "")
            assert "unsafe-inline" not in scripts


def test_a_host_cannot_write_into_the_policy(door: Behind) -> None:
    with door.browser("192.0.2.7", "http://monitor.example") as client:
        policy = client.get("/page", headers={"host": "x; script-src *"}).headers["content-security-policy"]
        assert "*" not in policy


def test_the_scripts_within_streamlits_page_are_named() -> None:
    assert inline_scripts().startswith("'sha256-")


def test_only_this_machine_is_loopback() -> None:
    assert all(is_loopback(each) for each in ("127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"))
    assert not any(is_loopback(each) for each in ("", "localhost", "0.0.0.0", "::", "128.0.0.1", "::ffff:10.0.0.1"))
