"""Which addresses servers are asked at: never those that no server has; else as POLL_ALLOW and POLL_DENY say. Pure."""

from __future__ import annotations

import socket
import unicodedata
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Clouds answer here with the credentials of the machine that asks. Others do on link-local addresses.
METADATA = frozenset(
    map(
        ip_address,
        (
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure
            "192.0.0.192",  # Oracle
            "fd00:c1::a9fe:a9fe",  # Oracle
            "fd00:ec2::23",  # Amazon
            "fd00:ec2::254",  # Amazon
            "fd20:ce::254",  # Google
            "fd00:42::42",  # Scaleway
        ),
    )
)
BROADCAST = IPv4Address("255.255.255.255")
THIS_NETWORK = IPv4Network("0.0.0.0/8")

NAT64 = IPv6Network("64:ff9b::/96")
LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
TRANSLATED = IPv6Network("::ffff:0:0:0/96")
COMPATIBLE = IPv6Network("::/96")
LOOPBACK = IPv6Address("::1")
# The middle of an interface's number where a tunnel within a site (ISATAP) leads to the IPv4 address that follows.
ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})


def refusal(ip: Address, allow: Iterable[Network] = (), deny: Iterable[Network] = ()) -> str | None:
    """Why nothing is sent to `ip`, as the end of a sentence about it; None where something may be.

    An IPv4 address within an IPv6 address is judged, too, however it is wrapped. allow: where not empty, only these.
    """
    meant = _meant(ip)
    forms = (meant, *_within(meant))
    for form in forms:
        if (why := _no_server(form)) is not None:
            return why
    for network in deny:
        if any(form in network for form in (ip, *forms)):
            return f"POLL_DENY has {network}"
    allowed = tuple(allow)
    # What is only wrapped counts for nothing here: who picks an address picks what it wraps.
    if allowed and not any(each in network for network in allowed for each in (ip, meant)):
        return "POLL_ALLOW does not have it"
    return None


def literal(host: str) -> Address | None:
    """The address that the host of a url is, in any spelling resolvers know (0x7f.1, 2130706433); None for a name."""
    text = unicodedata.normalize("NFKC", host).strip("[]")
    try:
        return ip_address(text)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(text))
    except (OSError, ValueError):
        return None


def networks(text: str) -> tuple[Network, ...]:
    """The networks in `text`, separated by commas. Raises ValueError that names every one that is none."""
    found: list[Network] = []
    odd: list[str] = []
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            found.append(ip_network(part, strict=False))
        except ValueError:
            odd.append(repr(part[:60]))
    if odd:
        raise ValueError(f"{', '.join(odd)}: no network; want some like 10.0.0.0/8, 192.0.2.7, 2001:db8::/32")
    return tuple(found)


def _no_server(ip: Address) -> str | None:
    """What `ip` is instead of an address that a server has."""
    if ip in METADATA:
        return "clouds hand out credentials there"
    if ip.is_link_local:
        return "it is link-local, and clouds hand out credentials on such"
    if ip.is_multicast:
        return "it is multicast, a group of machines"
    if ip.is_unspecified or ip in THIS_NETWORK:
        return "it is unspecified, no machine has it"
    return "it is broadcast, all machines at once" if ip == BROADCAST else None


def _meant(ip: Address) -> Address:
    """The address that `ip` is another spelling of: without a zone, and IPv4 where that is all it says."""
    if isinstance(ip, IPv4Address):
        return ip
    bare = IPv6Address(int(ip))
    if bare in NAT64:
        return _last(bare)
    return bare.ipv4_mapped or bare


def _within(ip: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that packets to `ip` may end at: tunnels and translators take them out of it."""
    if isinstance(ip, IPv4Address):
        return
    number = int(ip)
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo
    if number >> 32 & 0xFFFF_FFFF in ISATAP or ip in TRANSLATED:
        yield _last(ip)
    if ip in COMPATIBLE and not ip.is_unspecified and ip != LOOPBACK:
        yield _last(ip)
    if ip in LOCAL_NAT64:
        # At its end, or around the eight bits in the middle: that is for the network to choose.
        high, low = number >> 64 & 0xFFFF, number >> 40 & 0xFFFF
        yield from (each for each in (_last(ip), IPv4Address(high << 16 | low)) if int(each))


def _last(ip: IPv6Address) -> IPv4Address:
    return IPv4Address(int(ip) & 0xFFFF_FFFF)
