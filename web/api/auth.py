"""Who may use the API: programs by a bearer token, people who are signed in by their session.

A token's scope is read, operate or admin, and each holds those before it. A session is sent by the browser whoever
asks for it, so it may change things only where the request comes from our own pages.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer, SecurityScopes

from cdn.clock import utc_now
from cdn.model import Actor
from cdn.settings import Settings, settings
from db import access
from db import engine as engines
from db.access import Visitor
from web.api import limits
from web.api.problem import Problem

READ, OPERATE, ADMIN = "read", "operate", "admin"
SCOPES = (READ, OPERATE, ADMIN)
ROLES = ("viewer", "operator", "admin")
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})
SESSIONS = frozenset({"password", "oidc"})
REALM = 'Bearer realm="CDN monitor"'

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token made in admin/access or by POST /tokens, or the one set as API_TOKEN (scope admin). "
    "Scopes: read, operate, admin; each holds those before it.",
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. key: whom their requests are counted for; user_id: whose token or session it is."""

    actor: Actor
    user_id: int | None
    is_session: bool
    key: str


def chosen() -> Settings:
    """The settings the API goes by."""
    return settings()


def caller(request: Request, scopes: SecurityScopes, _scheme: Annotated[object, Depends(bearer)]) -> Caller:
    """Who asks, if they may. Raises Problem 401, 403, 429; 503 where there is no token to come in with."""
    found = identify(request)
    limits.count(request, found.key, settings().api_rate_per_minute)
    for scope in scopes.scopes:
        _require(found, scope)
    if found.is_session and request.method not in HARMLESS and not _is_own_page(request):
        raise Problem(403, "Another site asked for this", "Send the header Origin of our own pages, or a bearer token.")
    return found


Reader = Annotated[Caller, Security(caller, scopes=[READ])]
Operator = Annotated[Caller, Security(caller, scopes=[OPERATE])]
Admin = Annotated[Caller, Security(caller, scopes=[ADMIN])]


def counted(request: Request) -> None:
    """For routes that need no token: count the request for its address."""
    limits.count(request, f"open {_address(request)}", settings().api_rate_per_minute)


def identify(request: Request) -> Caller:
    """Who asks, whatever they may do. Raises Problem 401, 429, 503."""
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, given = header.partition(" ")
        visitor = _by_token(given.strip()) if scheme.lower() == "bearer" and given.strip() else None
        if visitor is None:
            raise _refused(request)
        return _caller(visitor, request, f"token {access.digest(given.strip()).hex()[:32]}", is_session=False)
    visitor = request.scope.get("state", {}).get("visitor")
    if not isinstance(visitor, Visitor) or visitor.via not in SESSIONS:
        raise _refused(request)
    if visitor.must_change:
        raise Problem(403, "Choose another password first", "Somebody else gave you the one you have.")
    return _caller(visitor, request, f"user {visitor.user_id}", is_session=True)


def _caller(visitor: Visitor, request: Request, key: str, *, is_session: bool) -> Caller:
    actor = Actor(visitor.name, visitor.role, visitor.via, _address(request))
    return Caller(actor, visitor.user_id, is_session, key)


def _by_token(given: str) -> Visitor | None:
    set_one = settings().api_token.get_secret_value()
    if set_one and hmac.compare_digest(given.encode("utf-8", "replace"), set_one.encode()):
        return Visitor(None, "token API_TOKEN", "admin", "token")
    if not given.startswith(access.TOKEN_PREFIX):
        return None
    return access.bearer(engines.shared(), given, utc_now())


def _refused(request: Request) -> Problem:
    limits.count_refusal(request, _address(request), settings().api_rate_per_minute)
    if not settings().api_token.get_secret_value() and access.tokens(engines.shared()).empty:
        return Problem(
            503, "There is no token yet", "Make one in admin/access, or set API_TOKEN in the web program's environment."
        )
    return Problem(
        401,
        "A bearer token is needed",
        "Send the header Authorization: Bearer <token>.",
        headers={"WWW-Authenticate": REALM},
    )


def _require(found: Caller, scope: str) -> None:
    rank = ROLES.index(found.actor.role) if found.actor.role in ROLES else -1
    if rank < SCOPES.index(scope):
        has = "none" if rank < 0 else f"a {SCOPES[rank]}"
        raise Problem(
            403,
            f"The scope {scope} is needed",
            f"{found.actor.name} has {has} scope. Scopes are {', '.join(SCOPES)}; each holds those before it.",
            headers={"WWW-Authenticate": f'{REALM}, error="insufficient_scope", scope="{scope}"'},
        )


def _is_own_page(request: Request) -> bool:
    """Whether one of our own pages asks: browsers say so, and pages of others cannot claim it."""
    origin = urlsplit(request.headers.get("origin", "")).netloc.lower()
    ours = {request.headers.get("host", "").lower(), urlsplit(settings().public_url).netloc.lower()}
    return bool(origin) and origin in ours


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
