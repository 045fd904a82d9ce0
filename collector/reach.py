"""TCP connections to servers: only to allowed addresses, and within the time an attempt has left."""

from __future__ import annotations

import socket

from cdn.model import PollError, Reason
from collector.addresses import Address, NameUnknown, refusal
from collector.attempt import Attempt
from collector.faults import unreached


def reach(attempt: Attempt, host: str, port: int) -> socket.socket:
    """A TCP connection to the first allowed address of `host` that takes one, noted in `attempt`. Raises PollError."""
    failure: PollError | None = None
    for address in _addresses(attempt, host, port):
        if not attempt.terms.allowed(address.ip):
            why = refusal(address.ip) or "it is not allowed"
            told = f"was not sent: {address.ip} is not an address we connect to: {why}"
            failure = failure or attempt.fail(Reason.ADDRESS_REFUSED, told)
            continue
        try:
            sock = reach_one(attempt, address)
        except PollError as error:
            failure = error
        else:
            attempt.address = address
            return sock
    assert failure is not None  # noqa: S101 — the type alone: a look-up that succeeds has an address
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


def reach_one(attempt: Attempt, address: Address) -> socket.socket:
    """A TCP connection to `address`, which is an allowed one. Raises PollError."""
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
