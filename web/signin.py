"""Signing in and out, and one's own password: plain pages that work without a script."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from math import ceil

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from actions import sign_in as signing
from actions import users
from actions.sign_in import Arrival, MustWait, SignedIn, WrongPassword
from cdn.clock import utc_now
from cdn.errors import Changed, Unavailable, Unknown
from cdn.model import Invalid
from cdn.settings import settings
from db import access
from db import engine as engines
from web import plain, visitors
from web.account import Account
from web.forms import Forms, actor_of, asked_of_database, compared, fields_of, visitor_of
from web.gate import ACCOUNT, COOKIE, PASSWORD, SIGN_IN, SIGN_OUT
from web.wording import duration

DEVICE = "cdn_device"
DEVICE_SECONDS = 90 * 86_400


class Door(Forms):
    """The pages at the door. base: the base path."""

    def routes(self) -> list[Route]:
        """Their routes, below the base path."""
        return [
            Route(SIGN_IN, self.show_sign_in, methods=["GET"]),
            Route(SIGN_IN, self.sign_in, methods=["POST"]),
            Route(SIGN_OUT, self.sign_out, methods=["POST"]),
            Route(PASSWORD, self.show_password, methods=["GET"]),
            Route(PASSWORD, self.change_password, methods=["POST"]),
            *Account(self.base).routes(),
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
        fields = await fields_of(request)
        wanted, name = self.onward(fields.get("next", "")), fields.get("name", "")
        show = partial(self._sign_in_page, request, wanted, name=name[:200])
        if not self.is_ours(request, fields):
            return show(title="This page was open for too long.", text="Sign in once more.", status=403)
        engine, arrival = engines.shared(), self.arrival(request)
        try:
            signed_in = await compared(lambda: signing.sign_in(engine, name, fields.get("password", ""), arrival))
        except MustWait as error:
            seconds = max(1, ceil((error.until - arrival.now).total_seconds()))
            text = f"Try again in {duration(seconds)}."
            answer = show(title="Too many wrong passwords.", text=text, status=429)
            answer.headers["retry-after"] = str(seconds)
            return answer
        except WrongPassword:
            left = await asked_of_database(lambda: signing.tries_left(engine, name, arrival))
            text = f"{left} {'try' if left == 1 else 'tries'} left before you have to wait." if 0 < left < 4 else ""
            return show(title="Name and password do not match.", text=text, status=401)
        except Unavailable:
            return show(title="The database does not answer.", text="Nobody can sign in just now.", status=503)
        return await self.come_in(request, signed_in, wanted)

    async def come_in(self, request: Request, signed_in: SignedIn, wanted: str) -> Response:
        """Give the browser its session, another one than it may have had, and send it on."""
        if before := self.cookie(request, COOKIE):
            await asked_of_database(lambda: _end(before))
        visitors.shared().forget()
        answer = RedirectResponse(f"{self.base}{PASSWORD}" if signed_in.must_change else wanted, 303)
        answer.headers["cache-control"] = "no-store"
        self.give(request, answer, COOKIE, signed_in.secret, settings().session_days * 86_400)
        self.give(request, answer, DEVICE, signed_in.device, DEVICE_SECONDS)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End this session, or all of the person."""
        fields = await fields_of(request)
        if not self.is_ours(request, fields) and request.headers.get("x-cdn-page") != "1":
            return plain.told("This was not done", "The page was open for too long.", self.base, status=403)
        visitor, secret = visitor_of(request), request.scope["state"]["secret"]
        if visitor.user_id is not None:
            engine, by, user_id = engines.shared(), actor_of(request), visitor.user_id
            everywhere = fields.get("where") == "everywhere"
            try:
                if everywhere:
                    await asked_of_database(lambda: users.sign_out_everywhere(engine, user_id, by=by, own_id=user_id))
                else:
                    await asked_of_database(lambda: signing.sign_out(engine, secret, by))
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
        fields, visitor = await fields_of(request), visitor_of(request)
        wanted = self.onward(fields.get("next", ""))
        show = partial(self._password_page, request, wanted)
        if not self.is_ours(request, fields):
            return show(title="This page was open for too long.", text="Nothing was changed.", status=403)
        old, new = fields.get("old", ""), fields.get("password", "")
        if new != fields.get("again", ""):
            return show(faults={"again": "it is not the same"}, status=422)
        engine, by, keep, now = engines.shared(), actor_of(request), request.scope["state"]["secret"], utc_now()
        user_id = visitor.user_id or 0
        try:
            await compared(lambda: users.change_password(engine, user_id, old, new, by=by, keep=keep, now=now))
        except Invalid as error:
            return show(faults=error.faults, status=422)
        except MustWait as error:
            seconds = max(1, ceil((error.until - now).total_seconds()))
            return show(title="Too many wrong passwords.", text=f"Try again in {duration(seconds)}.", status=429)
        except (Unavailable, Changed, Unknown):
            return show(title="Nothing was changed.", text="The database does not answer. Try again.", status=503)
        known = visitors.shared()
        fresh = await known.renewed(keep, always=True)
        known.forget()
        answer = RedirectResponse(wanted if visitor.must_change else f"{self.base}{ACCOUNT}?changed=1", 303)
        if fresh is not None:
            self.give(request, answer, COOKIE, fresh, settings().session_days * 86_400)
        return answer

    def arrival(self, request: Request) -> Arrival:
        """How somebody comes in."""
        address = request.client.host if request.client else ""
        agent = "".join(filter(str.isprintable, request.headers.get("user-agent", "")))
        lasting = timedelta(days=settings().session_days)
        return Arrival(utc_now(), lasting, address, agent, self.cookie(request, DEVICE))

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
        return self.page(request, "sign_in.html", status=status, title=title, text=text, said=said, **data)

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
        visitor = visitor_of(request)
        data = {"name": visitor.name, "must": visitor.must_change, "next": wanted, "faults": faults or {}}
        return self.page(request, "password.html", status=status, title=title, text=text, **data)


def _end(secret: str) -> None:
    try:
        with engines.editing(engines.shared()) as session:
            access.end_session(session, secret)
    except Unavailable:
        return
