"""Open websockets: a page that is watched for hours is looked after like one that is asked for anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cdn.errors import Unavailable
from db.access import Visitor
from web.visitors import OPEN, Visitors

# How often one is looked after, in seconds, and how it is closed.
CHECK = 2.0
CLOSED = 4401
# What a page says at once is small: what its widgets hold. Files come by another way.
MOST, TOO_LARGE = 2_000_000, 1009


class Watched:
    """One open websocket, looked after: closed within seconds once its session is over or has another role."""

    def __init__(self, app: ASGIApp, visitors: Visitors, visitor: Visitor, secret: str) -> None:
        self._app = app
        self._visitors = visitors
        self._visitor = visitor
        self._secret = secret
        self._over = asyncio.Event()

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on until it ends by itself or is over."""
        self._receive, self._send = receive, send
        guard = asyncio.create_task(self._guard())
        try:
            await self._app(scope, self._heard, self._told)
        finally:
            guard.cancel()

    async def _guard(self) -> None:
        while not self._over.is_set():
            await asyncio.sleep(CHECK)
            await self._check(used=False)

    async def _check(self, *, used: bool) -> None:
        """Close it where whoever opened it would not be let in the same way now."""
        try:
            if self._visitor is OPEN:
                same, why = await self._visitors.is_open(), "sign in"
            else:
                now = await self._visitors.session(self._secret, used=used)
                same, why = now == self._visitor, "role changed" if now else "signed out"
        except Unavailable:
            same, why = False, "signed out"
        if not same and not self._over.is_set():
            self._over.set()
            await self._send({"type": "websocket.close", "code": CLOSED, "reason": why})

    async def _heard(self) -> Message:
        """The browser's next message, of somebody who may still send it."""
        message = await _first(self._receive, self._over.wait)
        if message is not None and message["type"] == "websocket.receive":
            await self._check(used=True)
            if len(message.get("text") or message.get("bytes") or "") > MOST and not self._over.is_set():
                self._over.set()
                await self._send({"type": "websocket.close", "code": TOO_LARGE, "reason": "too large"})
        if message is None or self._over.is_set():
            return {"type": "websocket.disconnect", "code": CLOSED}
        return message

    async def _told(self, message: Message) -> None:
        """Send to the browser, until it is over."""
        if not self._over.is_set():
            await self._send(message)


async def _first(message: Callable[[], Awaitable[Message]], over: Callable[[], Awaitable[object]]) -> Message | None:
    """The next message, or None where it is over before there is one."""
    getting, ending = asyncio.ensure_future(message()), asyncio.ensure_future(over())
    try:
        await asyncio.wait({getting, ending}, return_when=asyncio.FIRST_COMPLETED)
        return getting.result() if getting.done() else None
    finally:
        getting.cancel()
        ending.cancel()
