"""Who asks, and whether over TLS: what proxies in front say is believed from those named in TRUSTED_PROXIES alone."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from cdn.networks import Network

# Whoever sends one of these is, or passes on, a proxy.
FORWARDING = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-real-ip", b"forwarded", b"via"})
_LOOPBACK = "127.0.0.1"


class Proxies:
    """ASGI middleware: sets scope["client"] and scope["scheme"] to those of the browser.

    scope["state"]["direct"] is True where nothing says that a proxy is in between.
    tls: the server itself speaks TLS.
    """

    def __init__(self, app: ASGIApp, trusted: Iterable[Network] = (), *, tls: bool = False) -> None:
        self.app = app
        self.trusted = tuple(trusted)
        self.tls = tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its true client."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        direct = not any(name in FORWARDING for name, _ in headers)
        address, secure = _peer(scope), self.tls
        if self._trusts(address):
            chain = _list(headers, b"x-forwarded-for")
            secure = secure or _list(headers, b"x-forwarded-proto")[-1:] == ["https"]
            address = self._browser(address, chain)
        kind = "https" if scope["type"] == "http" else "wss"
        passed = {
            **scope,
            # Nothing behind us is tempted to believe them once more.
            "headers": [header for header in headers if header[0] not in FORWARDING],
            "client": (address, 0),
            "scheme": kind if secure else {"https": "http", "wss": "ws"}[kind],
            "state": {**scope.get("state", {}), "direct": direct},
        }
        await self.app(passed, receive, send)

    def _browser(self, peer: str, chain: list[str]) -> str:
        """The last address of the chain that is no trusted proxy: what stands before it anybody can claim."""
        found = peer
        for part in reversed(chain):
            try:
                found = str(_address(_without_port(part)))
            except ValueError:
                return found
            if not self._trusts(found):
                return found
        return found

    def _trusts(self, address: str) -> bool:
        try:
            found = _address(address)
        except ValueError:
            return False
        return any(found in network for network in self.trusted)


def is_loopback(address: str) -> bool:
    """Whether only this machine has `address`."""
    try:
        return _address(address).is_loopback
    except ValueError:
        return False


def _address(text: str) -> IPv4Address | IPv6Address:
    """What listens on IPv6 as well sees 192.0.2.1 as ::ffff:192.0.2.1: one machine, one address. Raises ValueError."""
    found = ip_address(text)
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _peer(scope: Scope) -> str:
    """Who is connected to us. uvicorn believes proxies on loopback unasked; it leaves port 0 behind where it did."""
    client = scope.get("client")
    if not client:
        return ""
    host, port = client
    if not port and any(name == b"x-forwarded-for" for name, _ in scope["headers"]):
        return _LOOPBACK
    try:
        return str(_address(host))
    except ValueError:
        return str(host)


def _list(headers: list[tuple[bytes, bytes]], wanted: bytes) -> list[str]:
    text = ",".join(value.decode("latin-1") for name, value in headers if name == wanted)
    return [part.strip().lower() for part in text.split(",") if part.strip()]


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
