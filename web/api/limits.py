"""How often one may ask: so many requests a minute and token, person, or address. Counted in this process."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil

from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.api.problem import Problem

SECONDS = 60
# Wrong tokens an address may send in that time, as a share of all requests.
REFUSALS_SHARE = 0.1
MOST_KNOWN = 20_000


@dataclass(frozen=True, slots=True)
class Left:
    """After a request: how many there may be in a window, how many are left, seconds until it ends."""

    most: int
    left: int
    seconds: int
    exceeded: bool = False


@dataclass
class Windows:
    """Counts by key, each over a minute from its first request. Those asked longest ago are forgotten first."""

    clock: Callable[[], float] = time.monotonic
    _begun: OrderedDict[str, tuple[float, int]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str, most: int) -> Left:
        """Count one request of `key`."""
        with self._lock:
            now = self.clock()
            begun, count = self._begun.pop(key, (now, 0))
            if now - begun >= SECONDS:
                begun, count = now, 0
            # What is refused costs nothing more.
            exceeded = count >= most
            count += not exceeded
            self._begun[key] = (begun, count)
            while len(self._begun) > MOST_KNOWN:
                self._begun.popitem(last=False)
            return Left(most, most - count, max(1, ceil(begun + SECONDS - now)), exceeded)

    def clear(self) -> None:
        """Forget everybody."""
        with self._lock:
            self._begun.clear()


windows = Windows()


def count(request: Request, key: str, most: int) -> None:
    """Count a request; the answer tells what is left. Raises Problem 429. most 0: as many as they like."""
    if not most:
        return
    left = windows.take(key, most)
    request.scope["state"]["rate"] = left
    if left.exceeded:
        raise Problem(
            429,
            "Too many requests",
            f"{most:,} a minute are allowed (API_RATE_PER_MINUTE); go on in {left.seconds} s.",
            headers={"Retry-After": str(left.seconds)},
        )


def count_refusal(request: Request, address: str, most: int) -> None:
    """Count a request with a wrong token or none. Raises Problem 429 where it was too often."""
    count(request, f"refused {address}", ceil(most * REFUSALS_SHARE))


class RateHeaders:
    """ASGI middleware: tells what is left in the headers of draft-ietf-httpapi-ratelimit-headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the answer on, with the headers where the request was counted."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state.pop("rate", None)

        async def told(message: Message) -> None:
            left = state.get("rate")
            if message["type"] == "http.response.start" and isinstance(left, Left):
                headers = MutableHeaders(raw=message["headers"])
                headers["RateLimit-Policy"] = f'"minute";q={left.most};w={SECONDS}'
                headers["RateLimit"] = f'"minute";r={left.left};t={left.seconds}'
            await send(message)

        await self.app(scope, receive, told)
