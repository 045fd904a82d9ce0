"""The HTTP connections polls run on: urllib3's, held to the terms of the attempt that uses them.

Three seams make that so, in the order of a request: the TCP connection is ours (only to allowed
addresses, within the time left), the TLS handshake is bounded, and every read of an answer is
metered (`_Metered`): time, bytes, and whether the other side is still there.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
from datetime import UTC, datetime
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cdn.model import PollError, Reason
from collector.addresses import Address, NameUnknown
from collector.attempt import Attempt
from collector.faults import broken, unreached

# Connections kept to one server: its polls do not overlap, but several servers may share an address.
_KEPT_PER_HOST = 8
# One segment less for most answers than http.client's 8 KiB.
_READ_BUFFER = 16_384


class _UnderWay(threading.local):
    """The attempt this thread is making: urllib3 offers no way to hand one to its connections."""

    attempt: Attempt


under_way = _UnderWay()


class _Metered(io.RawIOBase):
    """The bytes of an answer as they come. Each read may take what is left of the attempt's time."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._attempt = under_way.attempt

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        attempt = self._attempt
        patience = attempt.limits.read_timeout
        self._sock.settimeout(attempt.left(patience))
        try:
            count = self._raw.readinto(buffer) or 0
        except TimeoutError:
            what = "nothing more" if attempt.received else "no answer"
            raise attempt.timed_out(f"got {what} for {patience:g} s") from None
        except OSError as error:
            raise broken(attempt, error) from None
        attempt.mark_received(count)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _MeteredSocket:
    """Stands in for the socket where http.client asks it for a file to read the answer from."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Metered(self._sock), _READ_BUFFER)


class _Response(HTTPResponse):
    def __init__(self, sock: Any, debuglevel: int = 0, method: str | None = None, url: str | None = None) -> None:
        meter: Any = _MeteredSocket(sock)
        super().__init__(meter, debuglevel, method, url)


class _Connection(HTTPConnection):
    """A plain connection."""

    response_class = _Response

    def _new_conn(self) -> socket.socket:
        return _open(under_way.attempt, self._dns_host, self.port)

    def connect(self) -> None:
        super().connect()
        under_way.attempt.mark_connected()

    def request(self, *args: Any, **options: Any) -> None:
        _begin(self, under_way.attempt)
        super().request(*args, **options)


class _SecureConnection(HTTPSConnection):
    """A TLS connection. `expires` is when the server's certificate ends, None where it was not verified."""

    response_class = _Response
    expires: datetime | None = None
    _line: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        attempt = under_way.attempt
        sock = _open(attempt, self._dns_host, self.port)
        # The handshake moves the connection into a socket object that nobody else sees before it ends.
        # This second one leads to the same connection, so that it can be cut meanwhile.
        self._line = sock.dup()
        attempt.hold(self._line)
        sock.settimeout(attempt.left(attempt.limits.connect_timeout))
        return sock

    def connect(self) -> None:
        attempt = under_way.attempt
        try:
            super().connect()
            assert isinstance(self.sock, ssl.SSLSocket)
            attempt.hold(self.sock)
            attempt.mark_connected()
            self.expires = _expiry(self.sock)
        except TimeoutError:
            seconds = f"{attempt.limits.connect_timeout:g} s"
            raise attempt.timed_out(f"got no end of the TLS handshake within {seconds}") from None
        except OSError as error:
            raise broken(attempt, error) from None
        finally:
            if self._line is not None:
                self._line.close()
                self._line = None

    def request(self, *args: Any, **options: Any) -> None:
        _begin(self, under_way.attempt)
        super().request(*args, **options)
        under_way.attempt.expires = self.expires


def _open(attempt: Attempt, host: str, port: int) -> socket.socket:
    """A TCP connection to the first allowed address of `host` that takes one. Raises PollError."""
    failure: PollError | None = None
    for address in _addresses(attempt, host, port):
        if not attempt.terms.allowed(address.ip):
            refusal = f"was not sent: {address.ip} is not an address we connect to"
            failure = failure or attempt.fail(Reason.ADDRESS_REFUSED, refusal)
            continue
        try:
            return _open_one(attempt, address)
        except PollError as error:
            failure = error
    assert failure is not None
    raise failure


def _addresses(attempt: Attempt, host: str, port: int) -> tuple[Address, ...]:
    found = attempt.known.get((host, port))
    if found is None:
        patience = attempt.limits.connect_timeout
        try:
            found = attempt.terms.resolver.addresses(host, port, attempt.left(patience))
        except TimeoutError:
            raise attempt.timed_out(f"got no address for the name {host} within {patience:g} s") from None
        except NameUnknown as error:
            # Where it was the shutdown that woke us, say so.
            attempt.left(patience)
            raise attempt.fail(Reason.NAME_UNKNOWN, f"found no address for the name {host}: {error}") from None
        attempt.known[host, port] = found
    return found


def _open_one(attempt: Attempt, address: Address) -> socket.socket:
    patience = attempt.limits.connect_timeout
    left = attempt.left(patience)
    try:
        sock = socket.socket(address.family, socket.SOCK_STREAM)
    except OSError as error:
        raise attempt.fail(Reason.UNREACHABLE, f"was not sent, no socket is left: {error.strerror}") from None
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(left)
        attempt.hold(sock)
        sock.connect(address.sockaddr)
    except OSError as error:
        sock.close()
        raise unreached(attempt, str(address.ip), address.sockaddr[1], error) from None
    except PollError:
        sock.close()
        raise
    return sock


def _begin(connection: _Connection | _SecureConnection, attempt: Attempt) -> None:
    """Note whether the request about to be sent uses a kept connection; drop that where a fresh one is wanted."""
    connection.timeout = attempt.left(attempt.limits.connect_timeout)
    if connection.sock is None or attempt.connected:
        return
    if attempt.fresh:
        connection.close()
    else:
        attempt.reused = True
        attempt.hold(connection.sock)


def _expiry(sock: ssl.SSLSocket) -> datetime | None:
    certificate = sock.getpeercert()
    ends = certificate.get("notAfter") if certificate else None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class Adapter(HTTPAdapter):
    """requests' way to servers, over our connections and with one TLS context. It keeps `connections` servers'."""

    def __init__(self, context: ssl.SSLContext, connections: int) -> None:
        self._context = context
        super().__init__(pool_connections=connections, pool_maxsize=_KEPT_PER_HOST, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Called by requests: the pools, of our connections."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing: requests would read all authorities again for every connection, the context has them."""


def certified() -> ssl.SSLContext:
    """TLS with servers whose certificate the system's authorities, or certifi's, vouch for."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def uncertified() -> ssl.SSLContext:
    """TLS with servers whoever they are."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
