"""What holds for every answer whatever it says: how large a body may be, what need not be sent again, other sites."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cdn.settings import Settings
from web.api.problem import MEDIA_TYPE, ProblemBody

# What a body is read into before it is refused; `MAX_QUERY`: characters after the question mark.
MAX_QUERY = 8_000


def etag_of(content: bytes, version: int | None = None) -> str:
    """The ETag of an answer. With a version it is one that If-Match takes; without it is weak."""
    mark = hashlib.sha256(content).hexdigest()[:24]
    return f'W/"{mark}"' if version is None else f'"{version}.{mark}"'


class Bounded:
    """ASGI middleware: bodies and queries that are too large are refused, before or while they are read."""

    def __init__(self, app: ASGIApp, settings: Callable[[], Settings]) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse by the length that is told, else count what comes."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if len(scope.get("query_string", b"")) > MAX_QUERY:
            await _refuse(414, "The query is too long", f"Want at most {MAX_QUERY:,} characters.", scope, receive, send)
            return
        most = self.settings().api_max_body_bytes
        told = Headers(scope=scope).get("content-length", "0")
        if not told.isdecimal() or int(told) > most:
            await _refuse(413, "The body is too large", _words(most), scope, receive, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise HTTPException(413, "The body is too large")
            return message

        await self.app(scope, counted, send)


def _words(most: int) -> str:
    return f"Want at most {most:,} bytes (API_MAX_BODY_BYTES)."


async def _refuse(status: int, title: str, detail: str, scope: Scope, receive: Receive, send: Send) -> None:
    body = ProblemBody(title=title, status=status, detail=detail).model_dump()
    await JSONResponse(body, status, media_type=MEDIA_TYPE)(scope, receive, send)


class Conditional:
    """ASGI middleware: what is read has an ETag, and is not sent to whoever has it already (If-None-Match → 304)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything but good answers to GET through."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        await self.app(scope, receive, _Whole(Headers(scope=scope).get("if-none-match", ""), send))


class _Whole:
    """Holds one answer back until it is whole, so that it can be compared."""

    def __init__(self, known: str, send: Send) -> None:
        self.known = known
        self.send = send
        self.start: Message | None = None
        self.body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            self.start = message
            return
        if message["type"] == "http.response.body" and self.start is not None:
            self.body += message.get("body", b"")
            if not message.get("more_body", False):
                await self._finish(self.start)
            return
        await self.send(message)

    async def _finish(self, start: Message) -> None:
        headers = MutableHeaders(raw=list(start["headers"]))
        headers.setdefault("cache-control", "private, no-cache")
        headers.add_vary_header("Authorization, Cookie")
        etag = headers.setdefault("etag", etag_of(bytes(self.body)))
        status, body = 200, bytes(self.body)
        if _has(self.known, etag):
            status, body = 304, b""
            del headers["content-length"]
            del headers["content-type"]
        await self.send({**start, "status": status, "headers": headers.raw})
        await self.send({"type": "http.response.body", "body": body})


def _has(known: str, etag: str) -> bool:
    """Whether If-None-Match names the answer. Compared weakly: the same content is enough."""
    named = {part.strip().removeprefix("W/") for part in known.split(",")}
    return "*" in named or etag.removeprefix("W/") in named


class OtherSites:
    """ASGI middleware: pages of the sites in API_CORS_ORIGINS may read the API with a token; of no others."""

    def __init__(self, app: ASGIApp, settings: Callable[[], Settings]) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what browsers ask beforehand, and tell them who may read."""
        origins = self.settings().api_cors_origins
        if not origins or scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        shared = CORSMiddleware(
            self.app,
            allow_origins=origins,
            allow_methods=("GET", "POST", "PATCH", "PUT", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "If-Match", "If-None-Match"),
            expose_headers=("ETag", "Link", "RateLimit", "RateLimit-Policy", "Retry-After", "Location"),
            # Never with the session's cookie: other sites need a token.
            allow_credentials=False,
            max_age=600,
        )
        await shared(scope, receive, send)
