"""A server as typed in a form, a file or a request: the same rules, and every fault at once."""

from __future__ import annotations

from typing import Any

import pytest

from actions import server_form
from cdn.model import AuthMethod, Credentials, Invalid, Kind, Role

GOOD: dict[str, Any] = {"name": "edge-1", "kind": "srs", "url": "http://10.0.0.1:1985", "role": "edge"}


def fault(**changes: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as error:
        server_form.read({**GOOD, **changes})
    return error.value.faults


def test_a_minimal_server_has_defaults() -> None:
    draft = server_form.read(GOOD)
    assert (draft.kind, draft.role, draft.credentials, draft.interval_seconds) == (
        Kind.SRS,
        Role.EDGE,
        Credentials(),
        None,
    )


def test_a_full_server_is_read() -> None:
    draft = server_form.read(
        {
            **GOOD,
            "url": " https://edge.example.net:1985/ ",
            "region": "Europe West",
            "capacity": "10 Gbit/s",
            "interval": "1 min",
            "tags": "sport, hd, sport",
            "origins": ["origin-1"],
            "addresses": ["192.0.2.7", "2001:db8::/32"],
            "user": "monitor",
            "password": "s3cret",
            "verify_tls": False,
        }
    )
    assert draft.url == "https://edge.example.net:1985"
    assert (draft.capacity_bps, draft.interval_seconds, draft.tags) == (10_000_000_000, 60.0, ("sport", "hd"))
    assert draft.addresses == ("192.0.2.7/32", "2001:db8::/32")
    assert draft.credentials == Credentials(AuthMethod.BASIC, "monitor", "s3cret")
    assert "s3cret" not in repr(draft)


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(Invalid) as error:
        server_form.read({"kind": "ftp", "url": "edge", "capacity": "much", "interval": 0, "colour": "red"})
    assert set(error.value.faults) == {"name", "kind", "url", "role", "capacity", "interval", "colour"}


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host", "http"),
        ("host:1985", "http"),
        ("http://", "host"),
        ("http://a b", "host"),
        ("http://user:pw@host", "fields of their own"),
        ("http://host:99999", "no address"),
        ("http://host:port", "no address"),
        ("http://[::1", "no address"),
        ("http://host/?a=1", "?"),
        ("http://host\n/evil", "printable"),
        (7, "text"),
        ("http://" + "h" * 600, "500"),
    ],
)
def test_an_address_that_cannot_be_polled_is_refused(url: object, words: str) -> None:
    faults = fault(url=url)
    assert words in faults["url"]
    assert "pw" not in str(faults)


def test_nginx_wants_the_address_of_its_status_page() -> None:
    assert "status page" in fault(kind="nginx", url="http://10.0.0.1:8080")["url"]
    draft = server_form.read({**GOOD, "kind": "nginx", "url": "http://10.0.0.1/nginx_status"})
    assert draft.url == "http://10.0.0.1/nginx_status"


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"user": "monitor"}, "password", "missing"),
        ({"password": "secret"}, "user", "missing"),
        ({"user": "a:b", "password": "x"}, "user", "colon"),
        ({"user": "a", "password": "x:y"}, "password", "colon"),
        ({"token": "t", "user": "a", "password": "x"}, "token", "either"),
        ({"token": "a\nb"}, "token", "printable"),
        ({"name": "x" * 81}, "name", "80"),
        ({"name": "a\x1bb"}, "name", "printable"),
        ({"interval": float("nan")}, "interval", "seconds"),
        ({"interval": True}, "interval", "seconds"),
        ({"capacity": float("inf")}, "capacity", "rate"),
        ({"capacity": "-5 Gbit/s"}, "capacity", "rate"),
        ({"capacity": 10**18}, "capacity", "between"),
        ({"tags": [1]}, "tags", "text"),
        ({"tags": {"a": 1}}, "tags", "list"),
        ({"addresses": ["300.1.1.1"]}, "addresses", "address"),
        ({"verify_tls": "maybe"}, "verify_tls", "true or false"),
        ({"origins": ["edge-1"]}, "origins", "itself"),
    ],
)
def test_a_faulty_field_says_what_is_wanted(changes: dict[str, Any], field: str, words: str) -> None:
    faults = fault(**changes)
    assert words in faults[field], faults


@pytest.mark.parametrize(
    ("typed", "bits"),
    [
        ("10 Gbit/s", 10**10),
        ("500 Mbit/s", 5 * 10**8),
        ("6,4 G", 64 * 10**8),
        ("1gbps", 10**9),
        (2_000_000, 2_000_000),
        ("2000000", 2_000_000),
    ],
)
def test_a_capacity_is_read_as_people_write_it(typed: object, bits: int) -> None:
    assert server_form.read({**GOOD, "capacity": typed}).capacity_bps == bits


def test_a_kept_secret_is_neither_sent_nor_judged() -> None:
    draft = server_form.read({**GOOD, "user": "monitor", "password": server_form.KEEP})
    assert draft.keep_secret
    assert draft.credentials == Credentials(AuthMethod.BASIC, "monitor", "")
