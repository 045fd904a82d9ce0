"""The door: nothing behind it is answered, page, websocket, API or file, unless somebody is signed in.

Who it is is put into scope["state"]["visitor"], and for pages into headers that `server.trustedUserHeaders` names.
An open websocket is looked after: it is closed once its session is over or has another role.
"""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from cdn.errors import Unavailable
from cdn.settings import SettingsError
from db import access
from db.access import Visitor
from web import plain
from web.proxies import is_loopback
from web.visitors import OPEN, Visitors
from web.watched import CLOSED, Watched

# What a page reads of who looks at it, and the name that Streamlit gives it (.streamlit/config.toml).
IDENTITY = ("x-cdn-user", "x-cdn-role", "x-cdn-via", "x-cdn-address", "x-cdn-id", "x-cdn-session")
SIGN_IN, SIGN_OUT, ACCOUNT, PASSWORD = "/sign-in", "/sign-out", "/account", "/password"
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
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
COOKIE = "cdn_session"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as the gate sees it. path: below the base path, or empty."""

    scope: Scope
    path: str
    headers: dict[str, str]
    cookies: dict[str, str]

    @property
    def secure(self) -> bool:
        """Whether the browser speaks TLS."""
        return self.scope["scheme"] in ("https", "wss")

    @property
    def is_page(self) -> bool:
        """Whether somebody typed or followed an address, so that a page can answer."""
        return self.scope.get("method") == "GET" and "text/html" in self.headers.get("accept", "")

    @property
    def is_api(self) -> bool:
        """Whether a program asks."""
        return self.path.startswith("/api/") or self.path == "/metrics"


def cookie_name(name: str, *, secure: bool, base: str) -> str:
    """A cookie's name: over TLS with the prefix that keeps other hosts from setting it."""
    if not secure:
        return name
    return f"__Secure-{name}" if base else f"__Host-{name}"


class Gate:
    """ASGI middleware around everything. base: the base path ("" or "/cdn"); public_url: as people type it."""

    def __init__(self, app: ASGIApp, visitors: Visitors, base: str = "", public_url: str = "") -> None:
        self.app = app
        self.visitors = visitors
        self.base = base
        self.public_host = urlsplit(public_url).netloc.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        asked = self._asked(scope)
        refusal = self._elsewhere(asked) if not asked.path else None
        if refusal is None and not self._same_site(asked):
            refusal = self._foreign(asked)
        visitor, secret = None, ""
        if refusal is None and asked.path not in FREE:
            try:
                visitor, secret, refusal = await self._who(asked)
            except (Unavailable, SettingsError) as error:
                refusal = self._away(asked, error)
        if refusal is not None:
            await self._refuse(asked, refusal, receive, send)
            return
        inside = self._inside(asked, visitor, secret)
        if scope["type"] == "websocket" and visitor is not None:
            await Watched(self.app, self.visitors, visitor, secret).run(inside, receive, send)
        else:
            await self.app(inside, receive, send)

    async def _who(self, asked: Asked) -> tuple[Visitor | None, str, Response | None]:
        """Who asks, by the secret of which session; or why nobody may."""
        here = asked.scope["state"].get("direct", False) and is_loopback(asked.scope["client"][0])
        if here and asked.path in FROM_HERE:
            return None, "", None
        if asked.is_api and _asks_first(asked):
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

    def _asked(self, scope: Scope) -> Asked:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        jar = SimpleCookie()
        # One broken cookie must not take the others along.
        for part in headers.get("cookie", "").split(";"):
            try:
                jar.load(part.strip())
            except CookieError:
                continue
        path = scope["path"]
        outside = bool(self.base) and not (path == self.base or path.startswith(f"{self.base}/"))
        # What is not below the base path is like nothing that is.
        below = "" if outside else path[len(self.base) :] or "/"
        return Asked(scope, below, headers, {name: morsel.value for name, morsel in jar.items()})

    def _same_site(self, asked: Asked) -> bool:
        """False for what another site makes a browser send: changes, and every websocket."""
        websocket = asked.scope["type"] == "websocket"
        if not websocket and asked.scope["method"] in HARMLESS:
            return True
        if asked.headers.get("authorization", "") and asked.is_api:
            return True  # a browser never adds it by itself
        origin = asked.headers.get("origin") or ("" if websocket else asked.headers.get("referer", ""))
        if not origin:
            # No browser: whatever it knows, it was not made to send it.
            return websocket or ("sec-fetch-site" not in asked.headers and not asked.cookies)
        host = urlsplit(origin).netloc.lower() if "//" in origin else ""
        return bool(host) and host in (asked.headers.get("host", "").lower(), self.public_host)

    @staticmethod
    def _is_this_machine(asked: Asked) -> bool:
        """While everybody is an admin: only browsers on this machine that were told to come here.

        Not through a proxy, and not by a name that another site points here (DNS rebinding).
        """
        server = asked.scope.get("server") or ("", None)
        name = urlsplit(f"//{asked.headers.get('host', '')}").hostname or ""
        by_name = name == "localhost" or name.endswith(".localhost") or is_loopback(name)
        return bool(asked.scope["state"].get("direct")) and is_loopback(str(server[0])) and by_name

    def _inside(self, asked: Asked, visitor: Visitor | None, secret: str) -> Scope:
        """The scope for what is behind the gate: with who it is, and for pages without the secret of the session."""
        headers = [header for header in asked.scope["headers"] if header[0].decode("latin-1") not in IDENTITY]
        if asked.path not in FREE and asked.path not in BEFORE_ANYTHING:
            headers = [(name, _without_ours(value) if name == b"cookie" else value) for name, value in headers]
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
        titles = {401: "Sign in first", 403: "This may not be done", 503: "The database is away"}
        problem = {"type": "about:blank", "title": titles[status], "status": status, "detail": words, "faults": {}}
        return JSONResponse(problem, status, headers=headers, media_type="application/problem+json")

    async def _refuse(self, asked: Asked, answer: Response, receive: Receive, send: Send) -> None:
        if asked.scope["type"] == "http":
            await answer(asked.scope, receive, send)
            return
        if answer.status_code in (401, 403) and self._same_site(asked):
            # Accepted first: otherwise the browser's script would not learn why it is closed, and ask for a page.
            protocols = asked.scope.get("subprotocols") or [None]
            await receive()
            await send({"type": "websocket.accept", "subprotocol": protocols[0]})
            await send({"type": "websocket.close", "code": CLOSED, "reason": "signed out"})
            return
        await send({"type": "websocket.close", "code": 1008})


def _asks_first(asked: Asked) -> bool:
    """Whether a browser only asks what another site may do (CORS): it never sends a token with that."""
    return asked.scope.get("method") == "OPTIONS" and "access-control-request-method" in asked.headers


def _without_ours(cookies: bytes) -> bytes:
    """The Cookie header without the secrets of sessions: pages have no use for them."""
    kept = [part for part in cookies.split(b";") if b"cdn_" not in part.split(b"=", 1)[0]]
    return b";".join(kept).strip()
