"""One request on its way: how long it may take, how much it may bring, what it has seen so far.

An attempt is used by one thread. The connection it runs on (`collector/connection.py`) asks it before
every step that can block how long that step may last, so that the steps together end at the deadline,
however slowly the other side drips.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address

from cdn.model import PollError, Reason, Timing
from collector.addresses import Address, Resolver
from collector.certificates import Looks

# A status line and its headers; also what an answer may add to its body: chunk sizes, trailers.
MAX_HEADER_BYTES = 65_536
# Of this machine, to read one answer. Eight megabytes take a hundredth of it; a flood of chunks of one byte
# stays within every other limit and would keep a processor busy until the deadline.
MAX_WORK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a poll may cost, in seconds and bytes.

    connect_timeout: until connected, for the TCP connection and for the TLS handshake each.
    read_timeout:    between two pieces of an answer.
    deadline:        all requests of a poll together.
    max_bytes:       a body, as sent and after decompression.
    """

    connect_timeout: float
    read_timeout: float
    deadline: float
    max_bytes: int


class Switch:
    """Ends all that is under way at once, and everything that would begin later."""

    def __init__(self) -> None:
        self.cut = False
        self._lock = threading.Lock()
        self._held: dict[Hashable, socket.socket] = {}

    def hold(self, owner: Hashable, sock: socket.socket) -> bool:
        """`owner` blocks on `sock` from now on, and on no other. False: already cut, do not begin."""
        with self._lock:
            if not self.cut:
                self._held[owner] = sock
            return not self.cut

    def release(self, owner: Hashable) -> None:
        """`owner` has finished. Its socket may belong to another by now."""
        with self._lock:
            self._held.pop(owner, None)

    def cut_all(self) -> None:
        """Shut every held socket down: whoever blocks on one wakes up."""
        with self._lock:
            self.cut = True
            for sock in self._held.values():
                with suppress(OSError):
                    # Not SSLSocket.shutdown: it takes the TLS state away from under the reading thread.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every request of one fetcher."""

    limits: Limits
    allowed: Callable[[IPv4Address | IPv6Address], bool]
    switch: Switch
    resolver: Resolver
    looks: Looks


class Attempt:
    """One request: its budget, its marks, its errors. `shown` is its URL without any secret.

    end:      when it must be over, by time.monotonic.
    known:    addresses that earlier requests of the same poll found: a name is asked for once a poll.
    fresh:    it must not use a kept connection.
    reused:   it runs on a kept connection.
    received: bytes that came, as sent.
    address:  the one it is or was connected to; None until then.
    expires:  when the server's certificate ends; None without TLS, or where that cannot be read.
    """

    __slots__ = (
        "_connected",
        "_done",
        "_end",
        "_first_byte",
        "_started",
        "_switch",
        "_work",
        "address",
        "expires",
        "fresh",
        "known",
        "limits",
        "max_received",
        "received",
        "reused",
        "shown",
        "terms",
    )

    def __init__(
        self,
        shown: str,
        terms: Terms,
        *,
        end: float,
        known: dict[tuple[str, int], tuple[Address, ...]],
        fresh: bool = False,
    ) -> None:
        self.shown = shown
        self.terms = terms
        self.limits = terms.limits
        self.known = known
        self.fresh = fresh
        self.reused = False
        self.received = 0
        self.max_received = MAX_HEADER_BYTES
        self.address: Address | None = None
        self.expires: datetime | None = None
        self._end = end
        self._switch = terms.switch
        self._started = time.monotonic()
        self._work = time.thread_time()
        self._connected: float | None = None
        self._first_byte: float | None = None
        self._done: float | None = None

    @property
    def connected(self) -> bool:
        """True once this attempt made a connection of its own, TLS included."""
        return self._connected is not None

    @property
    def timing(self) -> Timing:
        """Seconds from the start; None for what was not reached. `connect` is None on a kept connection."""
        return Timing(*(mark and mark - self._started for mark in (self._connected, self._first_byte, self._done)))

    def left(self, most: float) -> float:
        """Seconds the next step may take, at most `most`. Raises PollError where none is left."""
        if self._switch.cut:
            raise self.shutting_down()
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.overdue()
        return min(most, left)

    def hold(self, sock: socket.socket) -> None:
        """The next steps block on `sock`: it ends when the fetcher is cut. Raises PollError if it is."""
        if not self._switch.hold(self, sock):
            raise self.shutting_down()

    def release(self) -> None:
        """Nothing blocks any more."""
        self._switch.release(self)

    def mark_connected(self) -> None:
        """The connection stands, TLS included. Raises PollError if that is because it was cut."""
        if self._switch.cut:
            raise self.shutting_down()
        self._connected = time.monotonic()

    def mark_received(self, count: int) -> None:
        """`count` bytes came (0: the other side closed). Raises PollError where they are too many."""
        if self._switch.cut:
            raise self.shutting_down()
        if count and self._first_byte is None:
            self._first_byte = time.monotonic()
        self.received += count
        if self.received > self.max_received:
            what = "body" if self.max_received > MAX_HEADER_BYTES else "header"
            raise self.fail(Reason.TOO_LARGE, f"gave a {what} that did not end within {self.max_received:,} bytes")

        if time.thread_time() - self._work > MAX_WORK_SECONDS:
            work = f"more than {MAX_WORK_SECONDS:g} s of computing"
            raise self.fail(
                Reason.TOO_LARGE, f"gave an answer that takes {work} to read, {self.received:,} bytes of it"
            )

    def expect_body(self) -> None:
        """The headers are read: from here on the limit is that of a body."""
        self.max_received = MAX_HEADER_BYTES + self.limits.max_bytes

    def mark_done(self) -> None:
        """All is read. Raises PollError if it only seems so because the fetcher was cut."""
        if self._switch.cut:
            raise self.shutting_down()
        self._done = time.monotonic()

    def fail(self, reason: Reason, what: str) -> PollError:
        """The PollError that says `what` happened to this request."""
        return PollError(reason, f"GET {self.shown} {what}")

    def timed_out(self, what: str) -> PollError:
        """The PollError for a step that took too long: `what`, or that the whole poll did."""
        if self._switch.cut:
            return self.shutting_down()
        # A time-out may fire a little before the moment it was computed from.
        if time.monotonic() >= self._end - 0.005:
            return self.overdue()
        return self.fail(Reason.TIMED_OUT, what)

    def overdue(self) -> PollError:
        """The PollError for a poll that reached its deadline; it says what it was waiting for."""
        if self.received:
            waited = f"the rest of its answer, {self.received:,} bytes had come"
        elif self.reused or self.connected:
            waited = "the first byte of its answer"
        else:
            waited = "a connection"
        seconds = f"{self.limits.deadline:g} s"
        return self.fail(Reason.TIMED_OUT, f"reached the {seconds} a whole poll may take, waiting for {waited}")

    def shutting_down(self) -> PollError:
        """The PollError of everything that `Switch.cut_all` ended."""
        return self.fail(Reason.CUT_OFF, "was given up: the collector is shutting down")
