"""The HTTP connections polls run on: urllib3's, held to the terms of the attempt that uses them.

Three seams make that so, in the order of a request: the TCP connection is ours (`collector/reach.py`),
the TLS handshake is bounded, and every read of an answer is metered (`_Metered`): time, bytes, and
whether the other side is still there.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
from datetime import datetime
from http.client import HTTPResponse
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cdn.model import PollError
from collector.addresses import Address
from collector.attempt import Attempt
from collector.certificates import Certificate, expiry, read, uncertified
from collector.faults import broken, distrusted
from collector.reach import reach, reach_one

# Connections kept to one server: its polls do not overlap, but several servers may share an address.
_KEPT_PER_HOST = 8
# One segment less for most answers than http.client's 8 KiB.
_READ_BUFFER = 16_384
# Never handed to urllib3, which changes the contexts it is given.
_UNCERTIFIED = uncertified()


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
    """A plain connection. `address` is the other side's."""

    response_class = _Response
    address: Address | None = None
    expires: datetime | None = None

    def _new_conn(self) -> socket.socket:
        sock = reach(under_way.attempt, self._dns_host, self.port)
        self.address = under_way.attempt.address
        return sock

    def connect(self) -> None:
        super().connect()
        under_way.attempt.mark_connected()

    def request(self, *args: Any, **options: Any) -> None:
        _begin(self, under_way.attempt)
        super().request(*args, **options)


class _SecureConnection(HTTPSConnection):
    """A TLS connection. `expires` is when the server's certificate ends, None where that cannot be read."""

    response_class = _Response
    address: Address | None = None
    expires: datetime | None = None
    _line: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        attempt = under_way.attempt
        sock = reach(attempt, self._dns_host, self.port)
        self.address = attempt.address
        # The handshake moves the connection into a socket object that nobody else sees before it ends.
        # This second one leads to the same connection, so that it can be cut meanwhile.
        self._line = sock.dup()
        attempt.hold(self._line)
        sock.settimeout(attempt.left(attempt.limits.connect_timeout))
        return sock

    def connect(self) -> None:
        attempt = under_way.attempt
        try:
            self._shake_hands()
            assert isinstance(self.sock, ssl.SSLSocket)  # noqa: S101 — the type alone
            attempt.hold(self.sock)
            attempt.mark_connected()
            self.expires = attempt.expires = expiry(self.sock)
        except ssl.SSLCertVerificationError as error:
            shown = self._distrusted(attempt, error.verify_code)
            attempt.expires = shown.ends if shown else None
            raise distrusted(attempt, error, shown) from None
        except TimeoutError:
            seconds = f"{attempt.limits.connect_timeout:g} s"
            raise attempt.timed_out(f"got no end of the TLS handshake within {seconds}") from None
        except OSError as error:
            raise broken(attempt, error) from None

    def _shake_hands(self) -> None:
        try:
            super().connect()
        finally:
            if self._line is not None:
                self._line.close()
                self._line = None

    def request(self, *args: Any, **options: Any) -> None:
        _begin(self, under_way.attempt)
        super().request(*args, **options)

    def _distrusted(self, attempt: Attempt, fault: int) -> Certificate | None:
        """The certificate that was not trusted. A handshake that fails does not tell it: it takes another."""
        address = self.address
        assert address is not None  # noqa: S101 — the type alone: there was a handshake
        # With another fault it is another certificate.
        key = (address, self.host, fault)
        return attempt.terms.looks.certificate(key, lambda: _look(attempt, address, self.host))


def _look(attempt: Attempt, address: Address, name: str) -> Certificate | None:
    """The certificate shown at `address` for `name`, whoever vouches for it; None where that cannot be told in time.

    A handshake and nothing else: nothing is sent to a server that is not trusted.
    """
    try:
        with (
            reach_one(attempt, address) as sock,
            _UNCERTIFIED.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False) as secure,
        ):
            attempt.hold(secure)
            secure.settimeout(attempt.left(attempt.limits.connect_timeout))
            secure.do_handshake()
            return read(secure.getpeercert(binary_form=True))
    except (OSError, ValueError, PollError):
        # What the poll fails for is known already.
        return None


def _begin(connection: _Connection | _SecureConnection, attempt: Attempt) -> None:
    """Note whether the request about to be sent uses a kept connection; drop that where a fresh one is wanted."""
    connection.timeout = attempt.left(attempt.limits.connect_timeout)
    if connection.sock is None or attempt.connected:
        return
    if attempt.fresh:
        connection.close()
    else:
        attempt.reused = True
        attempt.address = connection.address
        attempt.expires = connection.expires
        attempt.hold(connection.sock)


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
