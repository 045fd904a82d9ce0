"""The way out: nothing is sent where no server is, or where it is not allowed, however the address is written."""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest
from sqlalchemy import Engine, text

from actions import server_form
from actions.import_servers import import_servers
from actions.try_connection import try_connection
from cdn.model import LOCAL_ADMIN, Invalid, Kind, PollError, Reason
from cdn.networks import literal
from cdn.networks import networks as parsed
from cdn.settings import Settings, SettingsError, load
from collector import addresses
from collector.discovery import discover
from collector.fetch import Fetcher, connectable
from db.pullers import to_try
from tests.hostile import Server, answering, keeping, ok
from tests.polling import LIMITS, failure, target

Set = Callable[..., Settings]
Resolve = Callable[..., list[str]]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Lets this program's settings be these from now on."""

    def set_to(**values: object) -> Settings:
        config = load(**values)
        monkeypatch.setattr(addresses, "settings", lambda: config)
        monkeypatch.setattr(server_form, "settings", lambda: config)
        return config

    return set_to


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Lets the resolver answer every question with the next of these lists; returns the names asked for."""

    def to(*answers: list[str]) -> list[str]:
        asked: list[str] = []

        def resolved(host: str, port: int, **_: Any) -> list[object]:
            asked.append(host)
            ips = answers[min(len(asked), len(answers)) - 1]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ips]

        monkeypatch.setattr(socket, "getaddrinfo", resolved)
        return asked

    return to


NO_SERVERS = [
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "224.0.0.1",
    "239.255.255.250",
    "ff02::1",
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%1",
    "255.255.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "fd00:ec2::254%1",
    "fd20:ce::254",
]
# 169.254.169.254 within IPv6: mapped, NAT64, NAT64 of a network's own (two ways), 6to4, Teredo, translated,
# compatible, ISATAP.
WRAPPED = [
    "::ffff:169.254.169.254",
    "::ffff:169.254.169.254%1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::169.254.169.254",
    "64:ff9b:1:a9fe:a9:fe00::",
    "2002:a9fe:a9fe::1",
    "2001:0:c000:201::5601:5601",
    "::ffff:0:169.254.169.254",
    "::169.254.169.254",
    "2001:db8::5efe:169.254.169.254",
    "2001:db8::200:5efe:169.254.169.254",
]
SERVERS = ["127.0.0.1", "::1", "10.0.0.7", "192.168.1.1", "100.64.0.1", "203.0.113.9", "2001:db8::7", "fd12::1"]


@pytest.mark.parametrize("address", [*NO_SERVERS, *WRAPPED])
def test_addresses_no_server_has_are_not_connectable(address: str, use: Set) -> None:
    assert not connectable(ip_address(address))
    use(poll_allow="0.0.0.0/0, ::/0")
    assert not connectable(ip_address(address))


@pytest.mark.parametrize("address", SERVERS)
def test_addresses_servers_have_are_connectable(address: str) -> None:
    assert connectable(ip_address(address))


@pytest.mark.parametrize(
    ("allow", "deny", "good", "bad"),
    [
        ("", "10.0.0.0/8,2001:db8::/32", ["192.0.2.1", "2001:db9::1"], ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1"]),
        ("10.0.0.0/8", "", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3"], ["192.0.2.1", "::1", "2001:db8::1"]),
        ("10.0.0.0/8, ::1", "10.9.0.0/16", ["10.1.2.3", "::1"], ["10.9.2.3", "::ffff:10.9.2.3", "192.0.2.1"]),
        ("10.0.0.0/8", "10.0.0.0/8", [], ["10.1.2.3"]),
        ("", "10.0.0.0/8", [], ["2002:a01:203::1", "64:ff9b::10.1.2.3", "2001:db8::5efe:10.1.2.3", "::10.1.2.3"]),
        # Whoever picks an address picks what it wraps: that makes it no more allowed.
        ("10.0.0.0/8", "", [], ["2002:a01:203::1", "2001:db8::5efe:10.1.2.3", "64:ff9b:1::10.1.2.3"]),
        ("0.0.0.0/0", "", ["192.0.2.1"], ["2001:db8::1"]),
    ],
)
def test_the_lists_decide_which_other_addresses_are(
    allow: str, deny: str, good: list[str], bad: list[str], use: Set
) -> None:
    use(poll_allow=allow, poll_deny=deny)
    assert [address for address in good if not connectable(ip_address(address))] == []
    assert [address for address in bad if connectable(ip_address(address))] == []


@pytest.mark.parametrize("name", ["POLL_ALLOW", "POLL_DENY"])
def test_a_list_that_cannot_be_read_is_a_fault_of_the_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "10.0.0.0/8, 10.0.0.0/33, ,everything")
    with pytest.raises(SettingsError, match=f"{name}: '10.0.0.0/33', 'everything': no network; want some like"):
        load()
    monkeypatch.setenv(name, " 10.1.2.3/8 ,, 2001:db8::1")
    assert getattr(load(), name.lower()) == parsed("10.0.0.0/8,2001:db8::1/128")


def test_a_refusal_says_why_and_sends_nothing(use: Set) -> None:
    use(poll_deny="127.0.0.0/8")
    with Server(answering(ok(b""))) as server:
        error = failure(server.url)
        assert server.connections == 0
    assert error.reason is Reason.ADDRESS_REFUSED
    assert error.detail.endswith("127.0.0.1 is not an address we connect to: POLL_DENY has 127.0.0.0/8")
    assert failure("http://[fe80::1]/").detail.endswith("link-local, and clouds hand out credentials on such")


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "①27.0.0.1"])
def test_other_spellings_of_an_address_are_that_address(host: str, use: Set) -> None:
    use(poll_deny="127.0.0.0/8")
    with Server(answering(ok(b""))) as server:
        error = failure(server.url.replace("127.0.0.1", host))
        assert server.connections == 0
    assert (error.reason, literal(host)) == (Reason.ADDRESS_REFUSED, ip_address("127.0.0.1"))


def test_a_name_that_means_another_address_when_connecting_does_not_get_through(use: Set, resolve: Resolve) -> None:
    use(poll_deny="127.0.0.2")
    asked = resolve(["127.0.0.1"], ["127.0.0.2"])
    with Server(keeping) as good, Server(keeping, at=("127.0.0.2", good.port)) as inner:
        fetcher = Fetcher(LIMITS)
        polled = target(good.url.replace("127.0.0.1", "rebind.example"))
        with fetcher.begin(polled) as exchange:
            # What was checked is what is connected to, however often the poll connects and the name changes.
            for number in range(3):
                exchange.get(f"/{number}", fresh=True)
        assert (exchange.address, len(asked)) == ("127.0.0.1", 1)
        with fetcher.begin(polled) as exchange, pytest.raises(PollError) as caught:
            exchange.get("/x", fresh=True)
        fetcher.close()
        assert (len(asked), inner.connections, inner.requests) == (2, 0, [])
    assert (caught.value.reason, exchange.address) == (Reason.ADDRESS_REFUSED, None)


def test_of_a_names_addresses_only_the_allowed_ones_are_tried(use: Set, resolve: Resolve) -> None:
    use(poll_deny="127.0.0.2")
    resolve(["127.0.0.2", "169.254.169.254", "127.0.0.1"])
    with Server(keeping) as good, Server(keeping, at=("127.0.0.2", good.port)) as inner:
        fetcher = Fetcher(LIMITS)
        with fetcher.begin(target(good.url.replace("127.0.0.1", "edge.example"))) as exchange:
            exchange.get("/x")
        fetcher.close()
        assert (exchange.address, inner.connections) == ("127.0.0.1", 0)


def test_a_redirect_to_elsewhere_is_not_followed() -> None:
    with Server(answering(ok(b""))) as inner:
        away = f"HTTP/1.1 302 Found\r\nLocation: {inner.url}/secret\r\nContent-Length: 0\r\n\r\n".encode()
        with Server(answering(away)) as server:
            assert failure(server.url).reason in (Reason.HTTP_STATUS, Reason.REDIRECTED)
        assert inner.connections == 0


def test_a_connection_is_not_tried_out_at_a_refused_address(engine: Engine, use: Set) -> None:
    config = use(poll_deny="127.0.0.0/8")
    with Server(answering(ok(b""))) as server:
        fields = {"url": server.url.replace("127.0.0.1", "localhost"), "role": "edge", "kind": "srs"}
        with pytest.raises(PollError) as caught:
            try_connection(engine, fields, settings=config, by=LOCAL_ADMIN)
        with pytest.raises(Invalid, match="POLL_DENY"):
            try_connection(engine, {**fields, "url": server.url}, settings=config, by=LOCAL_ADMIN)
        assert server.connections == 0
    assert caught.value.reason is Reason.ADDRESS_REFUSED


@pytest.mark.parametrize(("deny", "connections", "told"), [("127.0.0.1", 0, "POLL_DENY has 127.0.0.1/32"), ("", 1, "")])
def test_who_pulls_is_asked_what_it_is_only_where_the_address_is_not_refused(
    engine: Engine, use: Set, monkeypatch: pytest.MonkeyPatch, deny: str, connections: int, told: str
) -> None:
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    pulls = (
        "INSERT INTO server (name, kind, url, role) VALUES ('origin', 'srs', 'http://10.0.0.9', 'origin');"
        "INSERT INTO puller (server_id, address, streams, connections, connected_seconds, first_at, at)"
        " SELECT id, '127.0.0.1', 9, 9, 900, :now, :now FROM server"
    )
    with engine.begin() as connection:
        for statement in pulls.split(";"):
            connection.execute(text(statement), {"now": now} if ":now" in statement else {})
        assert list(to_try(connection, now)) == ["127.0.0.1"]
    with Server(keeping) as server:
        monkeypatch.setattr("collector.discovery.PORTS", (server.port,))
        assert discover(engine, now, use(poll_deny=deny)) is None
        assert min(server.connections, 1) == connections
    with engine.begin() as connection:
        row = connection.execute(text("SELECT tried_at, told FROM puller")).one()
    assert row.tried_at == now
    assert told in row.told


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("169.254.169.254", "link-local"),
        ("2852039166", "link-local"),
        ("0xa9fea9fe", "link-local"),
        ("[fe80::1%25eth0]", "link-local"),
        ("[::ffff:169.254.169.254]", "link-local"),
        ("[fd00:ec2::254]", "clouds hand out credentials"),
        ("224.0.0.1", "multicast"),
        ("0", "unspecified"),
        ("255.255.255.255", "broadcast"),
        ("10.9.0.1", "POLL_DENY has 10.9.0.0/16"),
        ("192.0.2.1", "POLL_ALLOW does not have it"),
    ],
)
def test_a_forbidden_address_is_not_saved_and_the_form_says_why(host: str, why: str, use: Set) -> None:
    use(poll_allow="10.0.0.0/8", poll_deny="10.9.0.0/16")
    with pytest.raises(ValueError, match=f"nothing is sent to .*{why}"):
        server_form.address(f"http://{host}:1985", Kind.SRS)
    assert server_form.address("http://10.1.0.1:1985", Kind.SRS) == "http://10.1.0.1:1985"
    assert server_form.address("https://edge.example:1985", Kind.SRS) == "https://edge.example:1985"


def test_a_server_file_with_a_forbidden_address_is_not_imported(engine: Engine) -> None:
    file = '[[server]]\nname = "x"\nkind = "srs"\nrole = "edge"\nurl = "http://169.254.169.254/latest"\n'
    with pytest.raises(Invalid, match="link-local"):
        import_servers(engine, file, key="", by=LOCAL_ADMIN)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM server")) == 0
