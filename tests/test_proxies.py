"""Who asks, as proxies in front tell it: what of that is believed."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send

from cdn.networks import networks
from web.proxies import Proxies


@pytest.mark.parametrize("peer", ["192.0.2.7", "::ffff:192.0.2.7"])
def test_a_proxy_seen_over_ipv6_is_the_one_that_was_named(peer: str) -> None:
    """A program that listens on IPv6 as well sees all of IPv4 like that."""
    heard = asyncio.run(passed_on(peer, "::ffff:198.51.100.7"))
    assert (heard["client"], heard["scheme"]) == (("198.51.100.7", 0), "https")


async def passed_on(peer: str, chain: str) -> Scope:
    """What comes out behind a proxy at `peer` that is trusted by its IPv4 address."""
    found: list[Scope] = []

    async def inside(scope: Scope, _receive: Receive, _send: Send) -> None:
        found.append(scope)

    headers = [(b"x-forwarded-for", chain.encode()), (b"x-forwarded-proto", b"https")]
    asked = {"type": "http", "scheme": "http", "client": (peer, 4711), "headers": headers}
    await Proxies(inside, trusted=networks("192.0.2.7"))(asked, nothing_comes, nothing_goes)
    return found[0]


async def nothing_comes() -> Message:
    """No body."""
    raise AssertionError


async def nothing_goes(_: Message) -> None:
    """No answer."""
    raise AssertionError
