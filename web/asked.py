"""A request as the door sees it: where it goes, what it brings, and whether another site made a browser send it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.types import Scope

HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
# Of two of these one program believes the first and the next one the last.
ONCE = frozenset({"authorization", "content-length", "content-type", "host", "origin"})


@dataclass(frozen=True, slots=True)
class Asked:
    """path: below the base path, or empty. doubled: headers that may come once and came twice."""

    scope: Scope
    path: str
    headers: dict[str, str]
    cookies: dict[str, str]
    doubled: tuple[str, ...] = ()

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

    @property
    def asks_first(self) -> bool:
        """Whether a browser only asks what another site may do (CORS): it never sends a token with that."""
        return self.scope.get("method") == "OPTIONS" and "access-control-request-method" in self.headers

    @property
    def host_name(self) -> str:
        """The name that somebody typed, without its port."""
        return parted(f"//{self.headers.get('host', '')}")[2]

    def is_own(self, public_host: str) -> bool:
        """False for what another site makes a browser send: changes, and every websocket."""
        websocket = self.scope["type"] == "websocket"
        if not websocket and self.scope["method"] in HARMLESS:
            return True
        if self.headers.get("authorization", "") and self.is_api:
            return True  # a browser never adds it by itself
        origin = self.headers.get("origin") or ("" if websocket else self.headers.get("referer", ""))
        if not origin:
            # No browser: whatever it knows, it was not made to send it.
            return websocket or ("sec-fetch-site" not in self.headers and not self.cookies)
        scheme, host, _ = parted(origin)
        if self.secure and scheme != "https":
            return False  # the same name without TLS may be anybody on the way
        return bool(host) and host in (self.headers.get("host", "").lower(), public_host)


def understood(scope: Scope, base: str) -> Asked:
    """The request of `scope`, in a program below the path `base` ("" or "/cdn")."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}; {text}" if key == "cookie" and key in headers else text
    counted = Counter(name.decode("latin-1") for name, _ in scope["headers"])
    jar = SimpleCookie()
    # One broken cookie must not take the others along.
    for part in headers.get("cookie", "").split(";"):
        try:
            jar.load(part.strip())
        except CookieError:
            continue
    path = scope["path"]
    outside = bool(base) and not (path == base or path.startswith(f"{base}/"))
    # What is not below the base path is like nothing that is.
    below = "" if outside else path[len(base) :] or "/"
    doubled = tuple(sorted(name for name in ONCE if counted[name] > 1))
    return Asked(scope, below, headers, {name: morsel.value for name, morsel in jar.items()}, doubled)


def parted(address: str) -> tuple[str, str, str]:
    """Scheme, host with port, and host alone of an address, in small letters; empty where it is none."""
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.netloc.lower(), parts.hostname or ""
    except ValueError:
        return "", "", ""


def cookie_name(name: str, *, secure: bool, base: str) -> str:
    """A cookie's name: over TLS with the prefix that keeps other hosts from setting it."""
    if not secure:
        return name
    return f"__Secure-{name}" if base else f"__Host-{name}"


def give(answer: Response, name: str, value: str, seconds: int, *, secure: bool, base: str) -> None:
    """Have the browser keep one of our cookies, for us alone; with 0 seconds forget it."""
    answer.set_cookie(
        cookie_name(name, secure=secure, base=base),
        value,
        max_age=seconds,
        path=base or "/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def without_ours(cookies: bytes) -> bytes:
    """The Cookie header without the secrets of sessions: pages have no use for them."""
    kept = [part for part in cookies.split(b";") if b"cdn_" not in part.split(b"=", 1)[0]]
    return b";".join(kept).strip()
