"""The door: nothing behind it is answered, page, websocket, API or file, unless somebody is signed in.

Who it is is put into scope["state"]["visitor"], and for pages into headers that `server.trustedUserHeaders` names.
An open websocket is looked after: it is closed once its session is over or has another role. Whoever got another
role gets another session id with the next page. What is told to somebody is kept by no browser.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cdn.errors import Unavailable
from cdn.settings import SettingsError, settings
from db import access
from db.access import Visitor
from web import plain
from web.asked import Asked, cookie_name, give, parted, understood, without_ours
from web.bodies import Body
from web.proxies import is_loopback
from web.visitors import OPEN, Visitors
from web.watched import CLOSED, Watched

# What a page reads of who looks at it, and the name that Streamlit gives it (.streamlit/config.toml).
IDENTITY = ("x-cdn-user", "x-cdn-role", "x-cdn-via", "x-cdn-address", "x-cdn-id", "x-cdn-session")
SIGN_IN, SIGN_OUT, ACCOUNT, PASSWORD = "/sign-in", "/sign-out", "/account", "/password"
TOKENS = "/account/tokens"
COMPANY, COMPANY_BACK = "/sign-in/company", "/sign-in/company/back"
# For everybody: to sign in, to install the app, to see whether the program lives.
FREE = frozenset(
    {
        *(SIGN_IN, COMPANY, COMPANY_BACK),
        *("/assets/sign-in.css", "/assets/sign-in.woff2", "/assets/logo.svg", "/manifest.webmanifest"),
        *(f"/assets/icon-{size}.png" for size in (180, 192, 512)),
        *("/api/v1/healthz", "/api/v1/readyz"),
    }
)
# For programs on this machine alone.
FROM_HERE = frozenset({"/_stcore/health", "/_stcore/script-health-check"})
# For whoever has to choose another password first.
BEFORE_ANYTHING = frozenset({PASSWORD, SIGN_OUT, ACCOUNT})
# Pages with forms of ours, which prove by a cookie that this browser was shown them.
FORMS = FREE | BEFORE_ANYTHING | {TOKENS}
COOKIE = "cdn_session"
# What a request may bring, and within how many seconds all of it: of strangers, who only sign in, and of others.
MOST_BYTES = 10_000_000
STRANGERS_SECONDS, SECONDS = 10.0, 60.0


class Gate:
    """ASGI middleware around everything. base: the base path ("" or "/cdn"); public_url: as people type it."""

    def __init__(self, app: ASGIApp, visitors: Visitors, base: str = "", public_url: str = "") -> None:
        self.app = app
        self.visitors = visitors
        self.base = base
        self.public_host = parted(public_url)[1]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request = understood(scope, self.base)
        refusal = self._elsewhere(request) if not request.path else None
        if refusal is None and request.doubled:
            refusal = self._words(request, 400, f"Want one header {request.doubled[0]}, not several.")
        if refusal is None and not request.is_own(self.public_host):
            refusal = self._foreign(request)
        visitor, secret = None, ""
        if refusal is None and request.path not in FREE:
            try:
                visitor, secret, refusal = await self._who(request)
            except (Unavailable, SettingsError) as error:
                refusal = self._away(request, error)
        if refusal is not None:
            await self._refuse(request, refusal, receive, send)
        elif scope["type"] == "http":
            await self._answer(request, visitor, secret, receive, send)
        elif visitor is not None:
            inside = self._inside(request, visitor, secret)
            await Watched(self.app, self.visitors, visitor, secret).run(inside, receive, send)
        else:  # nothing that is for everybody is a websocket
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, asked: Asked, visitor: Visitor | None, secret: str, receive: Receive, send: Send) -> None:
        """Let a request in, and what is told to somebody be kept by no browser."""
        fresh = await self.visitors.renewed(secret) if secret and asked.is_page else None
        cookie = Response()
        if fresh is not None:
            give(cookie, COOKIE, fresh, settings().session_days * 86_400, secure=asked.secure, base=self.base)

        async def private(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=[*message.get("headers", ())])
                if not headers.get("cache-control", "").startswith("public"):
                    headers["cache-control"] = "no-store"
                for value in cookie.headers.getlist("set-cookie"):
                    headers.append("set-cookie", value)
                message = {**message, "headers": headers.raw}
            await send(message)

        seconds = STRANGERS_SECONDS if visitor is None else SECONDS
        inside = self._inside(asked, visitor, fresh or secret)
        by_session = visitor is not None and visitor.via != "token"
        await Body(self.app, MOST_BYTES, seconds).run(inside, receive, private if by_session else send)

    async def _who(self, asked: Asked) -> tuple[Visitor | None, str, Response | None]:
        """Who asks, by the secret of which session; or why nobody may."""
        here = asked.scope["state"].get("direct", False) and is_loopback(asked.scope["client"][0])
        if here and asked.path in FROM_HERE:
            return None, "", None
        if asked.is_api and asked.asks_first:
            return None, "", None
        scheme, _, token = asked.headers.get("authorization", "").partition(" ")
        if asked.is_api and scheme:
            visitor = await self.visitors.token(token.strip()) if scheme.lower() == "bearer" else None
            return visitor, "", None if visitor else self._strange(asked)
        if await self.visitors.is_open():
            refusal = None if self._is_this_machine(asked) else self._not_from_outside(asked)
            return OPEN, "", refusal
        secret = asked.cookies.get(cookie_name(COOKIE, secure=asked.secure, base=self.base), "")
        visitor = await self.visitors.session(secret) if secret else None
        if visitor is None:
            return None, "", self._strange(asked)
        if visitor.must_change and asked.path not in BEFORE_ANYTHING:
            return visitor, secret, self._to(asked, PASSWORD, "Choose another password first.", 403)
        return visitor, secret, None

    @staticmethod
    def _is_this_machine(asked: Asked) -> bool:
        """While everybody is an admin: only browsers on this machine that were told to come here.

        Not through a proxy, and not by a name that another site points here (DNS rebinding).
        """
        server = asked.scope.get("server") or ("", None)
        name = asked.host_name
        by_name = name == "localhost" or name.endswith(".localhost") or is_loopback(name)
        return bool(asked.scope["state"].get("direct")) and is_loopback(str(server[0])) and by_name

    def _inside(self, asked: Asked, visitor: Visitor | None, secret: str) -> Scope:
        """The scope for what is behind the gate: with who it is, and for pages without the secret of the session."""
        headers = [header for header in asked.scope["headers"] if header[0].decode("latin-1") not in IDENTITY]
        if asked.path not in FORMS:
            headers = [(name, without_ours(value) if name == b"cookie" else value) for name, value in headers]
        if visitor is not None:
            told = (
                *(visitor.name, visitor.role, visitor.via, str(asked.scope["client"][0]), str(visitor.user_id or "")),
                access.digest(secret).hex()[:16] if secret else "",
            )
            headers += [(name.encode(), quote(value).encode()) for name, value in zip(IDENTITY, told, strict=True)]
        state = {**asked.scope.get("state", {}), "visitor": visitor, "secret": secret}
        return {**asked.scope, "headers": headers, "state": state}

    def _strange(self, asked: Asked) -> Response:
        return self._to(asked, SIGN_IN, "Sign in first.", 401)

    def _to(self, asked: Asked, page: str, words: str, status: int) -> Response:
        """Send a browser to `page` and from there back; tell a program in words."""
        if asked.is_page and not asked.is_api:
            query = asked.scope.get("query_string", b"").decode("latin-1")
            back = quote(asked.scope["path"] + (f"?{query}" if query else ""), safe="")
            return RedirectResponse(f"{self.base}{page}?next={back}", 303, headers={"cache-control": "no-store"})
        return self._words(asked, status, words)

    def _elsewhere(self, asked: Asked) -> Response:
        """Nothing is but below the base path. Pages look for their server in every folder, and want to be told so."""
        if asked.is_page:
            return RedirectResponse(f"{self.base}/", 303, headers={"cache-control": "no-store"})
        return self._words(asked, 404, "Nothing is here.")

    def _foreign(self, asked: Asked) -> Response:
        return self._words(asked, 403, "Another site asked for this, so it was not done.")

    def _not_from_outside(self, asked: Asked) -> Response:
        words = (
            "Nobody has an account yet, so this can be opened on the machine itself only, as localhost and without "
            "a proxy. Add an admin there: python -m web user add NAME --role admin"
        )
        if asked.is_page and not asked.is_api:
            return plain.told("Not open from here", words, self.base, status=403)
        return self._words(asked, 403, words)

    def _away(self, asked: Asked, error: Exception) -> Response:
        words = "The database does not answer, so nobody knows who may come in. Try again in a moment."
        if isinstance(error, SettingsError):
            words = str(error)
        if asked.is_page and not asked.is_api:
            return plain.told("Just now nobody can come in", words, self.base, status=503)
        return self._words(asked, 503, words)

    @staticmethod
    def _words(asked: Asked, status: int, words: str) -> Response:
        headers = {"cache-control": "no-store"}
        if status == 401 and asked.is_api:
            headers["www-authenticate"] = 'Bearer realm="CDN monitor"'
        if status == 503:
            headers["retry-after"] = "5"
        if not asked.is_api:
            return PlainTextResponse(words, status, headers=headers)
        titles = {
            400: "This cannot be told apart",
            401: "Sign in first",
            403: "This may not be done",
            503: "The database is away",
        }
        problem = {"type": "about:blank", "title": titles[status], "status": status, "detail": words, "faults": {}}
        return JSONResponse(problem, status, headers=headers, media_type="application/problem+json")

    async def _refuse(self, asked: Asked, answer: Response, receive: Receive, send: Send) -> None:
        if asked.scope["type"] == "http":
            await answer(asked.scope, receive, send)
            return
        if answer.status_code in (401, 403) and asked.is_own(self.public_host):
            # Accepted first: otherwise the browser's script would not learn why it is closed, and ask for a page.
            protocols = asked.scope.get("subprotocols") or [None]
            await receive()
            await send({"type": "websocket.accept", "subprotocol": protocols[0]})
            await send({"type": "websocket.close", "code": CLOSED, "reason": "signed out"})
            return
        await send({"type": "websocket.close", "code": 1008})
