"""HTTP/1.1 as thin as it gets: a request comes in, an answer's bytes go out exactly as written.

Every quirk of a simulated server is in the bytes its answer is made of; this file only moves them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

MOST_HEADER_BYTES = 32_768
MOST_BODY_BYTES = 1_000_000
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Header names are lower case; target is path and query as sent; first: of its connection."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    http_1_0: bool = False
    first: bool = True

    @property
    def target(self) -> str:
        """Path and query as they came."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def wants_close(self) -> bool:
        """True where the client does not want to keep the connection."""
        connection = self.headers.get("connection", "").lower()
        return connection == "close" or (self.http_1_0 and connection != "keep-alive")

    def parameters(self) -> dict[str, str]:
        """The query, decoded; of repeated names the last one."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def basic_auth(self) -> tuple[str, ...] | None:
        """The parts of the basic credentials between colons; None without, empty where they cannot be read."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            return tuple(base64.b64decode(encoded, validate=True).decode("utf-8", "surrogateescape").split(":"))
        except binascii.Error:
            return ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The bytes of an answer, head and all. delay: seconds before it; drip: seconds between its single bytes."""

    payload: bytes
    keep: bool = False
    delay: float = 0.0
    drip: float = 0.0


Site = Callable[[Request], Answer | None]


def parse_head(head: bytes, *, first: bool) -> Request | None:
    """The request in a head (without its empty line), None where it is none."""
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[1].startswith("/") or not parts[2].startswith("HTTP/1."):
        return None
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            return None
        headers[name.lower()] = value.strip()
    path, _, query = parts[1].partition("?")
    return Request(parts[0], path, query, headers, parts[2] == "HTTP/1.0", first)


class Connection(asyncio.Protocol):
    """One connection to a simulated server. `site` answers; None from it means silence."""

    def __init__(self, site: Site, connections: set[Connection], idle: float = 75.0) -> None:
        self._site, self._connections, self._idle = site, connections, idle
        self._buffer = b""
        self._first = True
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._connections.discard(self)
        self._stop_timer()

    def abort(self) -> None:
        """Drop the connection as a dying process does."""
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes of one or more requests."""
        self._buffer += data
        self._next()

    def _next(self) -> None:
        while not self._busy and self._transport and not self._transport.is_closing():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MOST_HEADER_BYTES:
                    self._send(Answer(BAD_REQUEST))
                return
            request = parse_head(self._buffer[:end], first=self._first)
            length = request.headers.get("content-length", "0") if request else ""
            if request is None or not length.isdecimal() or int(length) > MOST_BODY_BYTES:
                self._send(Answer(BAD_REQUEST))
                return
            if len(self._buffer) < end + 4 + int(length):
                return
            self._buffer = self._buffer[end + 4 + int(length) :]
            self._first = False
            self._stop_timer()
            self._take(self._site(request))

    def _take(self, answer: Answer | None) -> None:
        if answer is None:
            self._busy = True
        elif answer.delay or answer.drip:
            self._busy = True
            self._later(answer.delay, self._drip if answer.drip else self._send, answer)
        else:
            self._send(answer)

    def _drip(self, answer: Answer, at: int = 0) -> None:
        if self._transport is None:
            return
        self._transport.write(answer.payload[at : at + 1])
        if at + 1 < len(answer.payload):
            self._later(answer.drip, self._drip, answer, at + 1)
        else:
            self._send(Answer(b"", keep=answer.keep))

    def _send(self, answer: Answer) -> None:
        assert self._transport is not None
        was_busy, self._busy = self._busy, False
        self._transport.write(answer.payload)
        if not answer.keep:
            self._transport.close()
            return
        self._later(self._idle, self._transport.close)
        if was_busy:
            self._next()

    def _later(self, seconds: float, call: Callable[..., None], *arguments: object) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(seconds, call, *arguments)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
