"""Which addresses a host name has, asked in bounded time, and which addresses we connect to."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from cdn import networks
from cdn.settings import settings

# A look-up cannot be interrupted; those that hang are left behind, but only so many.
MAX_LOOKUPS = 256


@dataclass(frozen=True, slots=True)
class Address:
    """One way to a host: what `socket.connect` wants, and the IP address in it."""

    family: int
    sockaddr: tuple[Any, ...]
    ip: IPv4Address | IPv6Address

    @property
    def text(self) -> str:
        """The IP address as a server's own is written: one of IPv4 within IPv6 as that of IPv4, no zone."""
        mapped = self.ip.ipv4_mapped if isinstance(self.ip, IPv6Address) else None
        return str(mapped or self.ip).partition("%")[0]


class NameUnknown(Exception):
    """A host name has no address; the message is the resolver's."""


def connectable(ip: IPv4Address | IPv6Address) -> bool:
    """Whether this program connects to `ip`: no server of any fetcher may be at another, whoever made it."""
    return refusal(ip) is None


def refusal(ip: IPv4Address | IPv6Address) -> str | None:
    """Why this program, by its settings, does not connect to `ip`; None where it does."""
    config = settings()
    return networks.refusal(ip, config.poll_allow, config.poll_deny)


@dataclass(slots=True)
class _Lookup:
    done: threading.Event = field(default_factory=threading.Event)
    found: tuple[Address, ...] = ()
    error: str = "the look-up was given up"


class Resolver:
    """Asks the system's resolver in threads of its own: it may take half a minute and cannot be interrupted."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, int], _Lookup] = {}

    def addresses(self, host: str, port: int, patience: float) -> tuple[Address, ...]:
        """The addresses of `host`, at least one. Raises NameUnknown, or TimeoutError after `patience` seconds."""
        literal = _literal(host, port)
        if literal is not None:
            return (literal,)
        lookup = self._ask(host, port)
        if not lookup.done.wait(patience):
            raise TimeoutError
        if not lookup.found:
            raise NameUnknown(lookup.error)
        return lookup.found

    def give_up(self) -> None:
        """Wake everybody who waits for a name."""
        with self._lock:
            for lookup in self._under_way.values():
                lookup.done.set()

    def _ask(self, host: str, port: int) -> _Lookup:
        """The look-up of this name that is under way, or a new one."""
        with self._lock:
            lookup = self._under_way.get((host, port))
            if lookup is not None:
                return lookup
            if len(self._under_way) >= MAX_LOOKUPS:
                raise NameUnknown(f"{MAX_LOOKUPS} look-ups of other names are without an answer")
            lookup = self._under_way[host, port] = _Lookup()
        threading.Thread(target=self._answer, args=(host, port, lookup), name="fetch-name", daemon=True).start()
        return lookup

    def _answer(self, host: str, port: int, lookup: _Lookup) -> None:
        try:
            lookup.found = _system_addresses(host, port)
            lookup.error = "it has no address"
        except UnicodeError:
            lookup.error = "not a name DNS can hold"
        except OSError as error:
            lookup.error = error.strerror or "no answer"
        finally:
            with self._lock:
                del self._under_way[host, port]
            lookup.done.set()


def _system_addresses(host: str, port: int) -> tuple[Address, ...]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(Address(family, sockaddr, ip_address(sockaddr[0])) for family, _, _, _, sockaddr in found)


@lru_cache(maxsize=4_096)
def _literal(host: str, port: int) -> Address | None:
    """The address that `host` is, where it is one and not a name."""
    try:
        ip = ip_address(host.strip("[]"))
    except ValueError:
        return None
    if isinstance(ip, IPv4Address):
        return Address(socket.AF_INET, (str(ip), port), ip)
    # Only the system knows which interface a zone (fe80::1%eth0) means.
    return None if ip.scope_id else Address(socket.AF_INET6, (str(ip), port, 0, 0), ip)
