"""The servers of ours, as a poll's clients are compared with them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from db.fleet import Place

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
NOBODY: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Own:
    """All servers of the fleet.

    homes: origins that pull from nobody of ours: publishers send to them. origins: all of them.
    pulling: servers that pull from one of ours. settled: every server's address is known as far as it can be;
    before that its pulls would be taken for viewers. reached: where each one was reached last.
    """

    homes: frozenset[int] = NOBODY
    origins: frozenset[int] = NOBODY
    pulling: frozenset[int] = NOBODY
    links: frozenset[tuple[int, int]] = frozenset()
    settled: bool = True
    reached: Mapping[int, str] = field(default_factory=dict)
    _exact: Mapping[Address, frozenset[int]] = field(default_factory=dict)
    _wide: tuple[tuple[Network, int], ...] = ()

    def owners(self, address: str, asking: int) -> frozenset[int]:
        """The servers that `address` may belong to, but for `asking`, which is not its own client."""
        parsed = parse_address(address)
        if parsed is None:
            return NOBODY
        found = self._exact.get(parsed, NOBODY)
        wide = {server for network, server in self._wide if parsed in network}
        return (found | wide) - {asking}


def known(servers: Iterable[Place], links: Iterable[tuple[int, int]] = ()) -> Own:
    """What there is to know of `servers`; links: (puller, origin) as stored."""
    exact: dict[Address, set[int]] = {}
    wide: list[tuple[Network, int]] = []
    rows = list(servers)
    settled = True
    for server in rows:
        networks = [ip_network(text) for text in server.networks]
        reached = parse_address(server.address) or parse_address(urlsplit(server.url).hostname or "")
        if reached is not None:
            networks.append(ip_network(reached))
        elif not server.asked:
            settled = False
        for network in networks:
            if network.num_addresses == 1:
                exact.setdefault(network.network_address, set()).add(server.id)
            else:
                wide.append((network, server.id))
    origins = frozenset(server.id for server in rows if server.is_origin)
    pulling = frozenset(server.id for server in rows if server.pulls_from_own)
    return Own(
        homes=origins - pulling,
        origins=origins,
        pulling=pulling,
        links=frozenset(links),
        settled=settled,
        reached={server.id: server.address for server in rows},
        _exact={address: frozenset(ids) for address, ids in exact.items()},
        _wide=tuple(wide),
    )


@lru_cache(maxsize=50_000)
def parse_address(text: str) -> Address | None:
    """`text` as an IP address, IPv4 in IPv6 as IPv4; None where it is none."""
    try:
        found = ip_address(text.strip("[]"))
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
