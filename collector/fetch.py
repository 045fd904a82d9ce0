"""The only HTTP client towards polled servers. Every failure is a PollError that says what was tried and seen.

No redirects, no cookies, no proxies, no .netrc: a request goes to the address that was entered, with the
credentials that were entered, or not at all.
"""

from __future__ import annotations

import http.client
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from types import TracebackType

import requests
import urllib3

from cdn.model import PollError, Reason, Target, Timing
from collector.addresses import Address, Resolver, connectable
from collector.attempt import Attempt, Limits, Switch, Terms
from collector.certificates import Looks, certified, ignore_warnings, uncertified
from collector.connection import Adapter, under_way
from collector.faults import explain, not_ok, quoted
from collector.request import Prepared, prepare

__all__ = ["Answer", "Exchange", "Fetcher", "Limits", "connectable"]

# urllib3 warns of every odd answer, with its URL; what matters of it is in the PollError.
logging.getLogger("urllib3").setLevel(logging.ERROR)

_CHUNK = 65_536
_MAX_PREPARED = 8_192
_MAX_TEXT = 200
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})


@dataclass(frozen=True, slots=True)
class Answer:
    """A 200 answer, read whole and decompressed. Seconds count from the start of its request.

    connect: until connected, TLS included; None on a kept connection.
    certificate_expires: when the server's certificate ends; None without TLS, or where that cannot be read.
    """

    status: int
    content_type: str
    body: bytes
    connect: float | None
    first_byte: float
    total: float
    server_header: str
    certificate_expires: datetime | None


class Fetcher:
    """Fetches from servers, from many threads at once. It keeps connections to `connections` servers."""

    def __init__(
        self,
        limits: Limits,
        *,
        allowed: Callable[[IPv4Address | IPv6Address], bool] = connectable,
        connections: int = 1_024,
    ) -> None:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        ignore_warnings()
        self._terms = Terms(limits, allowed, Switch(), Resolver(), Looks())
        self._connections = connections
        self._plain = Adapter(uncertified(), connections)
        self._prepared: dict[tuple[int, str], Prepared] = {}

    def begin(self, target: Target) -> Exchange:
        """Start one poll of `target`: its deadline runs from here, for all its requests together."""
        return Exchange(self, target, self._terms)

    def cut_all(self) -> None:
        """End every exchange at once, and every later one: CUT_OFF, shutting down."""
        self._terms.switch.cut_all()
        self._terms.resolver.give_up()

    def close(self) -> None:
        """Close the kept connections."""
        self._plain.close()
        if "_verifying" in self.__dict__:
            self._verifying.close()

    @cached_property
    def _verifying(self) -> Adapter:
        """Made when it is first needed: reading all authorities takes longer than many polls."""
        return Adapter(certified(), self._connections)

    def _send(self, prepared: Prepared, attempt: Attempt) -> Answer:
        """Send one request and read its answer. Raises PollError."""
        limits = attempt.limits
        under_way.attempt = attempt
        try:
            response = (self._verifying if prepared.verified else self._plain).send(
                prepared.request,
                stream=True,
                timeout=(limits.connect_timeout, limits.read_timeout),
                verify=prepared.verified,
            )
            try:
                return _read(response, attempt)
            except BaseException:
                # An answer that is not read to its end would keep its connection open.
                response.raw.close()
                raise
        except PollError:
            raise
        except (OSError, ValueError, urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
            raise explain(error, attempt) from None
        finally:
            attempt.release()

    def _prepare(self, target: Target, path: str) -> Prepared:
        """The request for `path` of `target`, made once and kept until the target changes. Raises PollError."""
        key = (target.id, path)
        prepared = self._prepared.get(key)
        # Compared whole: a target that is not stored yet may share its id with another.
        if prepared is None or (prepared.target is not target and prepared.target != target):
            prepared = prepare(target, path)
            if len(self._prepared) >= _MAX_PREPARED:
                self._prepared.clear()
            self._prepared[key] = prepared
        return prepared


class Exchange:
    """One poll of one server: up to a few requests by one thread, in a with-block, under one deadline."""

    def __init__(self, fetcher: Fetcher, target: Target, terms: Terms) -> None:
        self._fetcher = fetcher
        self._target = target
        self._terms = terms
        self._end = time.monotonic() + terms.limits.deadline
        self._known: dict[tuple[str, int], tuple[Address, ...]] = {}
        self._first: Attempt | None = None
        # When the server's certificate ends, once it showed one: trusted, not trusted, or not verified at all.
        self.certificate_expires: datetime | None = None

    def __enter__(self) -> Exchange:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left to do: each request cleans up after itself."""

    @property
    def timing(self) -> Timing:
        """Seconds the first request took, as far as it came."""
        return self._first.timing if self._first else Timing()

    @property
    def address(self) -> str | None:
        """The IP address the first request was connected to, without a port; None where it never was connected."""
        address = self._first.address if self._first else None
        return address.text if address else None

    def get(self, path: str, *, fresh: bool = False) -> Answer:
        """The answer to GET `path`, joined to the target's url; "" is that url itself. fresh: over a new connection.

        Raises PollError for everything but a complete 200 answer within the limits.
        """
        prepared = self._fetcher._prepare(self._target, path)
        is_first = self._first is None
        attempt = self._attempt(prepared, is_first, fresh=fresh)
        try:
            return self._send(prepared, attempt)
        except PollError as error:
            # A server may close a kept connection at any time: that is no fault of this poll.
            if error.reason not in (Reason.CUT_OFF, Reason.TLS) or not attempt.reused or attempt.received:
                raise
        return self._send(prepared, self._attempt(prepared, is_first, fresh=True))

    def _send(self, prepared: Prepared, attempt: Attempt) -> Answer:
        try:
            return self._fetcher._send(prepared, attempt)
        finally:
            self.certificate_expires = attempt.expires or self.certificate_expires

    def _attempt(self, prepared: Prepared, is_first: bool, *, fresh: bool = False) -> Attempt:
        attempt = Attempt(prepared.shown, self._terms, end=self._end, known=self._known, fresh=fresh)
        if is_first:
            # A second try may not get as far as the first.
            attempt.address = self._first.address if self._first else None
            self._first = attempt
        return attempt


def _read(response: requests.Response, attempt: Attempt) -> Answer:
    """The answer whose headers have come. Raises PollError where it is not a 200 or its body is too large."""
    raw, headers, limit = response.raw, response.raw.headers, attempt.limits.max_bytes
    if response.status_code != 200:
        raise not_ok(response.status_code, headers.get("Location", ""), attempt)
    encoding = headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise attempt.fail(Reason.WRONG_BODY, f"gave an answer encoded as {quoted(encoding)}, want gzip or deflate")
    announced = raw.length_remaining
    if announced is not None and announced > limit:
        raise attempt.fail(Reason.TOO_LARGE, f"gave {announced:,} bytes, want at most {limit:,}")
    attempt.expect_body()
    pieces: list[bytes] = []
    size = 0
    for piece in raw.stream(_CHUNK, decode_content=True):
        size += len(piece)
        if size > limit:
            raise attempt.fail(Reason.TOO_LARGE, f"gave more than {limit:,} bytes, decompressed")
        pieces.append(piece)
    attempt.mark_done()
    timing = attempt.timing
    return Answer(
        status=200,
        content_type=headers.get("Content-Type", "")[:_MAX_TEXT],
        body=b"".join(pieces),
        connect=timing.connect,
        first_byte=timing.first_byte or 0.0,
        total=timing.total or 0.0,
        server_header=headers.get("Server", "")[:_MAX_TEXT],
        certificate_expires=attempt.expires,
    )
