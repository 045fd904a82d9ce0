"""Whose session or token it is, looked up for all requests and open pages of this process together.

An answer is at most `FRESH` old, so that whoever is signed out or gets another role is so within seconds. All sessions
asked for lately are looked up by one query. While the database is away what was known last goes on for a while: the
pages show what they read last, and nobody can be signed out meanwhile.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import TypeVar

import anyio

from cdn.clock import utc_now
from cdn.errors import Unavailable
from cdn.settings import settings
from db import access
from db import engine as engines
from db.access import Visitor
from db.engine import Engine

FRESH = 2.0
# Without the database: how long what was known last goes on, and how long one question waits.
GRACE = 900.0
PATIENCE, LITTLE_PATIENCE = 12.0, 0.5
# Sessions that somebody asked for so lately are looked up together.
LATELY = 10.0
MOST = 10_000
OPEN = Visitor(None, "local", "admin", "local")


@dataclass(slots=True)
class _Known:
    """What was found at `at`, when it was last asked for, and whether somebody used it since it was looked up.

    role: the one found last; outgrown: it had another before, and the session still has the secret of that time.
    """

    visitor: Visitor | None = None
    at: float = float("-inf")
    asked: float = 0.0
    used: bool = False
    role: str = ""
    outgrown: bool = False

    def found(self, visitor: Visitor | None, at: float) -> None:
        """Remember what a look-up that began `at` found."""
        self.visitor, self.at, self.used = visitor, at, False
        if visitor is not None:
            self.outgrown = self.outgrown or self.role not in ("", visitor.role)
            self.role = visitor.role


@dataclass
class Visitors:
    """See the module. engine: of the database; idle: how long a session may be unused; api_token: of API_TOKEN."""

    engine: Callable[[], Engine]
    idle: timedelta
    api_token: str = ""
    closed_always: bool = False
    clock: Callable[[], float] = time.monotonic
    _sessions: OrderedDict[bytes, _Known] = field(default_factory=OrderedDict)
    _tokens: OrderedDict[bytes, _Known] = field(default_factory=OrderedDict)
    _refresh: asyncio.Task[None] | None = None
    _open: bool | None = None
    _open_at: float = float("-inf")

    async def is_open(self) -> bool:
        """Whether nobody has an account, so that nobody has to sign in. Raises Unavailable where nobody knows."""
        if self.closed_always or self._open is False:
            return False
        if self.clock() - self._open_at >= FRESH:
            try:
                patience = PATIENCE if self._open is None else LITTLE_PATIENCE
                self._open = await _within(patience, lambda: access.is_open(self.engine()))
            except Unavailable:
                if self._open is None:
                    raise
            self._open_at = self.clock()
        return bool(self._open)

    async def session(self, secret: str, *, used: bool = True) -> Visitor | None:
        """Whose session it is. used: somebody does something, so that it does not end for want of use.

        Raises Unavailable where nobody knows.
        """
        key = access.digest(secret)
        known = _remembered(self._sessions, key)
        known.asked = self.clock()
        known.used = known.used or used
        # Twice: a look-up that was under way already did not know of this one.
        for _ in range(2):
            if self.clock() - known.at >= FRESH:
                await self._refreshed(PATIENCE if known.at == float("-inf") else LITTLE_PATIENCE)
        if self.clock() - known.at > GRACE:
            raise Unavailable("nobody can be asked who is signed in")
        return known.visitor

    async def token(self, secret: str) -> Visitor | None:
        """Whose token it is. Raises Unavailable where nobody knows."""
        if self.api_token and hmac.compare_digest(secret.encode("utf-8", "replace"), self.api_token.encode()):
            return Visitor(None, "token API_TOKEN", "admin", "token")
        known = _remembered(self._tokens, access.digest(secret))
        if self.clock() - known.at >= FRESH:
            known.visitor = await _within(PATIENCE, lambda: access.bearer(self.engine(), secret, utc_now()))
            known.at = self.clock()
        return known.visitor

    async def renewed(self, secret: str, *, always: bool = False) -> str | None:
        """Another secret for a session whose person got another role (always: whoever they are); it ends `secret`.

        None where it keeps its own: nothing changed, it is over, or nobody can be asked.
        """
        known = self._sessions.get(access.digest(secret))
        if not always and not (known and known.outgrown):
            return None
        fresh = access.new_secret()
        try:
            if not await _within(PATIENCE, lambda: access.renew_session(self.engine(), secret, fresh)):
                return None
        except Unavailable:
            return None
        self._sessions.pop(access.digest(secret), None)
        return fresh

    def forget(self) -> None:
        """Ask anew: somebody signed in or out here."""
        for key, known in list(self._sessions.items()):
            # Another one: a look-up that is under way fills in those it began with.
            self._sessions[key] = _Known(role=known.role, outgrown=known.outgrown)
        if self._open:
            self._open_at = float("-inf")

    async def _refreshed(self, patience: float) -> None:
        """Wait for all sessions asked for lately to be looked up, by one query however many wait."""
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.create_task(self._look_up())
        await asyncio.wait({self._refresh}, timeout=patience)

    async def _look_up(self) -> None:
        begun = self.clock()
        asked = {
            key: known
            for key, known in self._sessions.items()
            if begun - known.asked < LATELY and (known.visitor is not None or begun - known.at >= FRESH)
        }
        used = {key for key, known in asked.items() if known.used}
        try:
            found = await _within(
                PATIENCE, lambda: access.visitors(self.engine(), list(asked), utc_now(), self.idle, used)
            )
        except Unavailable:
            return
        for key, known in asked.items():
            known.found(found.get(key), begun)


def _remembered(kept: OrderedDict[bytes, _Known], key: bytes) -> _Known:
    """What is known of `key`; those asked for longest ago give way."""
    known = kept.setdefault(key, _Known())
    kept.move_to_end(key)
    while len(kept) > MOST:
        kept.popitem(last=False)
    return known


T = TypeVar("T")


async def _within(seconds: float, question: Callable[[], T]) -> T:
    """The answer of the database. Raises Unavailable where it takes longer."""
    try:
        with anyio.fail_after(seconds):
            return await anyio.to_thread.run_sync(question, abandon_on_cancel=True, limiter=_threads())
    except TimeoutError:
        raise Unavailable("the database does not answer in time") from None


_limiters: dict[int, anyio.CapacityLimiter] = {}


def _threads() -> anyio.CapacityLimiter:
    """Threads of their own: those that send files must not wait for a database that is away."""
    loop = id(asyncio.get_running_loop())
    return _limiters.setdefault(loop, anyio.CapacityLimiter(4))


@lru_cache(maxsize=1)
def shared() -> Visitors:
    """The visitors of this process."""
    config = settings()
    return Visitors(
        engines.shared,
        timedelta(minutes=config.session_idle_minutes),
        config.api_token.get_secret_value(),
        closed_always=bool(config.oidc_issuer),
    )
