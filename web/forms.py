"""What all pages at the door share: forms that only the browser they were shown to can send, and its cookies."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from cdn.model import Actor
from db.access import Visitor
from web import asked
from web.gate import PASSWORD, SIGN_IN, SIGN_OUT
from web.plain import page

FORM = "cdn_form"
# A form of ours is small; what is longer is none.
LONGEST_FORM = 10_000
T = TypeVar("T")
# Each try of a password takes 64 MB while it is compared. Nobody's sign-out waits for what others try.
_passwords, _questions = anyio.CapacityLimiter(2), anyio.CapacityLimiter(4)


class Forms:
    """Pages with forms. base: the base path."""

    def __init__(self, base: str) -> None:
        self.base = base

    def onward(self, wanted: str) -> str:
        """Where somebody wanted to go: a path of ours, else the first page."""
        first = f"{self.base}/"
        if len(wanted) > 2_000 or not wanted.startswith(first) or not wanted.isprintable() or "\\" in wanted:
            return first
        if wanted.startswith("//"):
            return first
        parts = urlsplit(wanted)
        if parts.scheme or parts.netloc or ".." in unquote(parts.path).split("/"):
            return first
        return first if parts.path[len(self.base) :] in (SIGN_IN, SIGN_OUT, PASSWORD) else wanted

    def cookie(self, request: Request, name: str) -> str:
        """One of our cookies, under the name it has here."""
        secure = request.url.scheme == "https"
        return request.cookies.get(asked.cookie_name(name, secure=secure, base=self.base), "")

    def give(self, request: Request, answer: Response, name: str, value: str, seconds: int) -> None:
        """Have the browser keep one of our cookies; with 0 seconds forget it."""
        asked.give(answer, name, value, seconds, secure=request.url.scheme == "https", base=self.base)

    def is_ours(self, request: Request, fields: dict[str, str]) -> bool:
        """Whether the form was shown to this browser."""
        cookie = self.cookie(request, FORM)
        return bool(cookie) and hmac.compare_digest(cookie.encode(), fields.get("form", "").encode("utf-8", "replace"))

    def page(self, request: Request, template: str, *, status: int = 200, **data: Any) -> Response:
        """A page with a form that only this browser can send."""
        form = self.cookie(request, FORM) or secrets.token_urlsafe(24)
        answer = page(template, self.base, status=status, form=form, **data)
        self.give(request, answer, FORM, form, 86_400)
        return answer


def visitor_of(request: Request) -> Visitor:
    """Who asks, as the gate found out."""
    found: Visitor = request.scope["state"]["visitor"]
    return found


def actor_of(request: Request) -> Actor:
    """The same, for what they do."""
    visitor = visitor_of(request)
    return Actor(visitor.name, visitor.role, visitor.via, request.client.host if request.client else "")


async def fields_of(request: Request) -> dict[str, str]:
    """What a form of ours brought; of a field that comes twice the first."""
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_FORM:
                return {}
    except ClientDisconnect:
        return {}
    read = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)
    return {name: values[0] for name, values in read.items()}


async def compared(work: Callable[[], T]) -> T:
    """Work in a thread that compares passwords; only a few do so at once."""
    return await anyio.to_thread.run_sync(work, limiter=_passwords)


async def asked_of_database(work: Callable[[], T]) -> T:
    """Work in a thread that asks the database, or tells it."""
    return await anyio.to_thread.run_sync(work, limiter=_questions)
