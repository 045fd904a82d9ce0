"""What a request brings: no more than so many bytes, and all of it in time, however slowly it drips."""

from __future__ import annotations

import asyncio

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_GONE = {"type": "http.disconnect"}
_WORDS = {
    408: "The request took too long to come, so it was not read to its end.",
    413: "The request is too large.",
}


class Body:
    """One request of which at most `most` bytes are read, within `seconds` of its begin; else 413 or 408."""

    def __init__(self, app: ASGIApp, most: int, seconds: float) -> None:
        self._app = app
        self._most = most
        self._seconds = seconds
        self._read = 0
        self._whole = self._begun = self._refused = False

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        self._scope, self._receive, self._send = scope, receive, send
        self._end = asyncio.get_running_loop().time() + self._seconds
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if not told.isdigit() or len(told) > 18 or int(told) > self._most:
            await self._refuse(413)
            return
        await self._app(scope, self._heard, self._told)

    async def _heard(self) -> Message:
        """The next part of the body; as if the browser had left, where it is none that is wanted."""
        if self._refused:
            return _GONE
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._end):
                message = await self._receive()
        except TimeoutError:
            await self._refuse(408)
            return _GONE
        self._read += len(message.get("body", b""))
        if self._read > self._most:
            await self._refuse(413)
            return _GONE
        self._whole = not message.get("more_body", False)
        return message

    async def _told(self, message: Message) -> None:
        """What is behind answers, until somebody here did."""
        if not self._refused:
            self._begun = True
            await self._send(message)

    async def _refuse(self, status: int) -> None:
        self._refused = True
        if not self._begun:
            # What else comes over this connection would be the rest of it.
            headers = {"cache-control": "no-store", "connection": "close"}
            await PlainTextResponse(_WORDS[status], status, headers=headers)(self._scope, self._receive, self._send)
