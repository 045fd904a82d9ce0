"""Signing in and out, one's own password and sessions: plain pages that work without a script."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from math import ceil
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import anyio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from actions import sign_in as signing
from actions import users
from actions.sign_in import Arrival, MustWait, SignedIn, WrongPassword
from cdn.clock import utc_now
from cdn.errors import Changed, Unavailable, Unknown
from cdn.model import Actor, Invalid
from cdn.settings import settings
from db import access
from db import engine as engines
from db.access import Visitor
from db.frame import records
from web import plain, visitors
from web.gate import ACCOUNT, COOKIE, PASSWORD, SIGN_IN, SIGN_OUT, cookie_name
from web.plain import page
from web.wording import HOW, MAY, duration, session

DEVICE, FORM = "cdn_device", "cdn_form"
DEVICE_SECONDS = 90 * 86_400
# A form of ours is small; what is longer is none.
LONGEST_FORM = 10_000
T = TypeVar("T")
# Each try of a password takes 64 MB while it is compared.
_passwords = anyio.CapacityLimiter(2)


class Door:
    """The pages at the door. base: the base path."""

    def __init__(self, base: str) -> None:
        self.base = base

    def routes(self) -> list[Route]:
        """Their routes, below the base path."""
        return [
            Route(SIGN_IN, self.show_sign_in, methods=["GET"]),
            Route(SIGN_IN, self.sign_in, methods=["POST"]),
            Route(SIGN_OUT, self.sign_out, methods=["POST"]),
            Route(PASSWORD, self.show_password, methods=["GET"]),
            Route(PASSWORD, self.change_password, methods=["POST"]),
            Route(ACCOUNT, self.show_account, methods=["GET"]),
        ]

    async def show_sign_in(self, request: Request) -> Response:
        """The form; whoever is signed in already goes on."""
        wanted = self.onward(request.query_params.get("next", ""))
        if await self._signed_in(request):
            return RedirectResponse(wanted, 303)
        said = "You are signed out." if "out" in request.query_params else ""
        return self._sign_in_page(request, wanted, said=said)

    async def _signed_in(self, request: Request) -> bool:
        try:
            known = visitors.shared()
            secret = self.cookie(request, COOKIE)
            return await known.is_open() or bool(secret and await known.session(secret, used=False))
        except Unavailable:
            return False

    async def sign_in(self, request: Request) -> Response:
        """Name and password."""
        fields = await _fields(request)
        wanted, name = self.onward(fields.get("next", "")), fields.get("name", "")
        show = partial(self._sign_in_page, request, wanted, name=name[:200])
        if not self._is_our_form(request, fields):
            return show(title="This page was open for too long.", text="Sign in once more.", status=403)
        engine, arrival = engines.shared(), self.arrival(request)
        try:
            signed_in = await _compared(lambda: signing.sign_in(engine, name, fields.get("password", ""), arrival))
        except MustWait as error:
            seconds = max(1, ceil((error.until - arrival.now).total_seconds()))
            text = f"Try again in {duration(seconds)}."
            answer = show(title="Too many wrong passwords.", text=text, status=429)
            answer.headers["retry-after"] = str(seconds)
            return answer
        except WrongPassword:
            left = await _compared(lambda: signing.tries_left(engine, name, arrival))
            text = f"{left} {'try' if left == 1 else 'tries'} left before you have to wait." if 0 < left < 4 else ""
            return show(title="Name and password do not match.", text=text, status=401)
        except Unavailable:
            return show(title="The database does not answer.", text="Nobody can sign in just now.", status=503)
        return await self.come_in(request, signed_in, wanted)

    async def come_in(self, request: Request, signed_in: SignedIn, wanted: str) -> Response:
        """Give the browser its session, another one than it may have had, and send it on."""
        if before := self.cookie(request, COOKIE):
            await _compared(lambda: _end(before))
        visitors.shared().forget()
        answer = RedirectResponse(f"{self.base}{PASSWORD}" if signed_in.must_change else wanted, 303)
        answer.headers["cache-control"] = "no-store"
        self.give(request, answer, COOKIE, signed_in.secret, settings().session_days * 86_400)
        self.give(request, answer, DEVICE, signed_in.device, DEVICE_SECONDS)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End this session, or all of the person."""
        fields = await _fields(request)
        if not self._is_our_form(request, fields) and request.headers.get("x-cdn-page") != "1":
            return plain.told("This was not done", "The page was open for too long.", self.base, status=403)
        visitor, secret = _visitor(request), request.scope["state"]["secret"]
        if visitor.user_id is not None:
            engine, by, user_id = engines.shared(), _actor(request), visitor.user_id
            everywhere = fields.get("where") == "everywhere"
            try:
                if everywhere:
                    await _compared(lambda: users.sign_out_everywhere(engine, user_id, by=by, own_id=user_id))
                else:
                    await _compared(lambda: signing.sign_out(engine, secret, by))
            except Unavailable:
                words = "The database does not answer, so you are still signed in. Try again in a moment."
                return plain.told("You are not signed out yet", words, self.base, status=503)
        visitors.shared().forget()
        answer = RedirectResponse(f"{self.base}{SIGN_IN}?out=1", 303)
        self.give(request, answer, COOKIE, "", 0)
        return answer

    async def show_password(self, request: Request) -> Response:
        """The form to choose another password."""
        return self._password_page(request, self.onward(request.query_params.get("next", "")))

    async def change_password(self, request: Request) -> Response:
        """Another password of one's own."""
        fields, visitor = await _fields(request), _visitor(request)
        wanted = self.onward(fields.get("next", ""))
        show = partial(self._password_page, request, wanted)
        if not self._is_our_form(request, fields):
            return show(title="This page was open for too long.", text="Nothing was changed.", status=403)
        old, new = fields.get("old", ""), fields.get("password", "")
        if new != fields.get("again", ""):
            return show(faults={"again": "it is not the same"}, status=422)
        engine, by, keep, now = engines.shared(), _actor(request), request.scope["state"]["secret"], utc_now()
        user_id = visitor.user_id or 0
        try:
            await _compared(lambda: users.change_password(engine, user_id, old, new, by=by, keep=keep, now=now))
        except Invalid as error:
            return show(faults=error.faults, status=422)
        except MustWait as error:
            seconds = max(1, ceil((error.until - now).total_seconds()))
            return show(title="Too many wrong passwords.", text=f"Try again in {duration(seconds)}.", status=429)
        except (Unavailable, Changed, Unknown):
            return show(title="Nothing was changed.", text="The database does not answer. Try again.", status=503)
        visitors.shared().forget()
        return RedirectResponse(wanted if visitor.must_change else f"{self.base}{ACCOUNT}?changed=1", 303)

    async def show_account(self, request: Request) -> Response:
        """Who one is, where one is signed in, and the way out."""
        visitor, now = _visitor(request), utc_now()
        idle = timedelta(minutes=settings().session_idle_minutes)
        found: list[dict[str, Any]] = []
        if (user_id := visitor.user_id) is not None:
            try:
                rows = await _compared(lambda: records(access.sessions(engines.shared(), user_id, now, idle)))
            except Unavailable:
                rows = []
            own = access.digest(request.scope["state"]["secret"])
            found = [session(row, own, now) for row in rows]
        return self._page(
            request,
            "account.html",
            name=visitor.name,
            may=MAY.get(visitor.role, "do nothing"),
            how=HOW.get(visitor.via, ""),
            said="Your password is changed." if "changed" in request.query_params else "",
            password=visitor.via == "password",
            signed_in=visitor.user_id is not None,
            sessions=found,
        )

    def onward(self, wanted: str) -> str:
        """Where somebody wanted to go: a path of ours, else the first page."""
        first = f"{self.base}/"
        if len(wanted) > 2_000 or not wanted.startswith(first) or not wanted.isprintable() or "\\" in wanted:
            return first
        parts = urlsplit(wanted)
        if parts.scheme or parts.netloc or wanted.startswith("//"):
            return first
        return first if parts.path[len(self.base) :] in (SIGN_IN, SIGN_OUT, PASSWORD) else wanted

    def arrival(self, request: Request) -> Arrival:
        """How somebody comes in."""
        address = request.client.host if request.client else ""
        agent = "".join(filter(str.isprintable, request.headers.get("user-agent", "")))
        lasting = timedelta(days=settings().session_days)
        return Arrival(utc_now(), lasting, address, agent, self.cookie(request, DEVICE))

    def cookie(self, request: Request, name: str) -> str:
        """One of our cookies, under the name it has here."""
        return request.cookies.get(cookie_name(name, secure=request.url.scheme == "https", base=self.base), "")

    def give(self, request: Request, answer: Response, name: str, value: str, seconds: int) -> None:
        """Have the browser keep one of our cookies; with 0 seconds forget it."""
        secure = request.url.scheme == "https"
        answer.set_cookie(
            cookie_name(name, secure=secure, base=self.base),
            value,
            max_age=seconds,
            path=self.base or "/",
            secure=secure,
            httponly=True,
            samesite="lax",
        )

    def _is_our_form(self, request: Request, fields: dict[str, str]) -> bool:
        """Whether the form was shown to this browser."""
        cookie = self.cookie(request, FORM)
        return bool(cookie) and hmac.compare_digest(cookie.encode(), fields.get("form", "").encode("utf-8", "replace"))

    def _page(self, request: Request, template: str, *, status: int = 200, **data: Any) -> Response:
        """A page with a form that only this browser can send."""
        form = self.cookie(request, FORM) or secrets.token_urlsafe(24)
        answer = page(template, self.base, status=status, form=form, **data)
        self.give(request, answer, FORM, form, 86_400)
        return answer

    def _sign_in_page(
        self,
        request: Request,
        wanted: str,
        *,
        name: str = "",
        title: str = "",
        text: str = "",
        said: str = "",
        status: int = 200,
    ) -> Response:
        config = settings()
        stay = f"You stay signed in for {duration(config.session_idle_minutes * 60)} after your last look."
        company = config.oidc_name if config.oidc_issuer else ""
        data = {"stay": stay, "name": name, "next": wanted, "company": company}
        return self._page(request, "sign_in.html", status=status, title=title, text=text, said=said, **data)

    def _password_page(
        self,
        request: Request,
        wanted: str,
        *,
        title: str = "",
        text: str = "",
        faults: dict[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        visitor = _visitor(request)
        data = {"name": visitor.name, "must": visitor.must_change, "next": wanted, "faults": faults or {}}
        return self._page(request, "password.html", status=status, title=title, text=text, **data)


def _visitor(request: Request) -> Visitor:
    found: Visitor = request.scope["state"]["visitor"]
    return found


def _actor(request: Request) -> Actor:
    visitor = _visitor(request)
    return Actor(visitor.name, visitor.role, visitor.via, request.client.host if request.client else "")


def _end(secret: str) -> None:
    try:
        with engines.editing(engines.shared()) as session:
            access.end_session(session, secret)
    except Unavailable:
        return


async def _fields(request: Request) -> dict[str, str]:
    """What a form of ours brought; of a field that comes twice the first."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            return {}
    read = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)
    return {name: values[0] for name, values in read.items()}


async def _compared(work: Callable[[], T]) -> T:
    """Work in a thread; only a few compare passwords at once."""
    return await anyio.to_thread.run_sync(work, limiter=_passwords)
