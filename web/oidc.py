"""Sign in at an OpenID provider: authorization code with PKCE, state and nonce; what it says decides the role."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import anyio
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from actions.sign_in import sign_in_elsewhere
from cdn.errors import Forbidden, Unavailable
from cdn.settings import Settings, settings
from db import engine as engines
from web import plain
from web.gate import COMPANY, COMPANY_BACK
from web.signin import Door

FLOW = "cdn_flow"
FLOW_SECONDS = 600
SECONDS = 10.0
# Signed by the provider's key; never by our secret, and never unsigned.
SIGNATURES = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
LEEWAY = 60
LONGEST_NAME = 80


class Failed(Exception):
    """Nobody was signed in; the message says why."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the provider vouches for. subject: issuer and its word for the person, which never changes."""

    subject: str
    name: str
    role: str


def routes(door: Door) -> list[Route]:
    """The way to the provider and back; nothing where there is none."""
    if not settings().oidc_issuer:
        return []
    company = Company(door)
    return [Route(COMPANY, company.leave), Route(COMPANY_BACK, company.come_back)]


class Company:
    """Signing in with the company's account."""

    def __init__(self, door: Door) -> None:
        self.door = door

    async def leave(self, request: Request) -> Response:
        """Send the browser to the provider, and keep what only this browser may come back with."""
        flow = {
            "state": generate_token(40),
            "nonce": generate_token(40),
            "verifier": generate_token(64),
            "next": self.door.onward(request.query_params.get("next", "")),
        }
        try:
            address = await anyio.to_thread.run_sync(_address, settings(), flow, self._back(request))
        except Failed as error:
            return self._told(str(error))
        answer = RedirectResponse(address, 303, headers={"cache-control": "no-store"})
        self.door.give(request, answer, FLOW, _packed(flow), FLOW_SECONDS)
        return answer

    async def come_back(self, request: Request) -> Response:
        """Whom the provider sends back, with a code for us."""
        try:
            flow = _unpacked(self.door.cookie(request, FLOW))
            if not secrets.compare_digest(flow["state"].encode(), request.query_params.get("state", "").encode()):
                raise Failed("The way back does not belong to this browser, or took too long. Try again.")
            if "error" in request.query_params:
                raise Failed("The provider did not sign you in.")
            code = request.query_params.get("code", "")
            person = await anyio.to_thread.run_sync(_person, settings(), flow, code, self._back(request))
            arrival = self.door.arrival(request)
            signed_in = await anyio.to_thread.run_sync(
                lambda: sign_in_elsewhere(engines.shared(), person.subject, person.name, person.role, arrival)
            )
        except (Failed, Forbidden) as error:
            return self._told(str(error))
        except Unavailable:
            return self._told("The database does not answer. Try again in a moment.", status=503)
        answer = await self.door.come_in(request, signed_in, self.door.onward(flow["next"]))
        self.door.give(request, answer, FLOW, "", 0)
        return answer

    def _back(self, request: Request) -> str:
        """The address the provider sends browsers back to, as it was told there."""
        config = settings()
        public = config.public_url or f"{request.url.scheme}://{request.url.netloc}{self.door.base}"
        return f"{public}{COMPANY_BACK}"

    def _told(self, words: str, *, status: int = 403) -> Response:
        return plain.told("You are not signed in", words, self.door.base, status=status)


def role_of(claims: Mapping[str, Any], config: Settings) -> str | None:
    """What the claims make of somebody: the most that fits; None where nothing does."""
    found = claims.get(config.oidc_roles_claim)
    values = {found} if isinstance(found, str) else {each for each in found or () if isinstance(each, str)}
    for role, wanted in (
        ("admin", config.oidc_admins),
        ("operator", config.oidc_operators),
        ("viewer", config.oidc_viewers),
    ):
        if values & set(_parts(wanted)):
            return role
    return None


def _parts(text: str) -> Iterable[str]:
    return filter(None, map(str.strip, text.split(",")))


def _address(config: Settings, flow: Mapping[str, str], back: str) -> str:
    """Where the browser is sent."""
    known = _provider(config)
    with _session(config, back) as session:
        address, _ = session.create_authorization_url(
            known["authorization_endpoint"],
            state=flow["state"],
            nonce=flow["nonce"],
            code_challenge=create_s256_code_challenge(flow["verifier"]),
            code_challenge_method="S256",
        )
    return cast(str, address)


def _person(config: Settings, flow: Mapping[str, str], code: str, back: str) -> Person:
    """Whom the code stands for. Raises Failed in plain words."""
    known = _provider(config)
    with _session(config, back) as session:
        try:
            answer = session.fetch_token(
                known["token_endpoint"], code=code, code_verifier=flow["verifier"], timeout=SECONDS
            )
        except (OAuthError, OSError, ValueError):
            raise Failed("The provider did not take the way back. Try again.") from None
        keys = _asked(session, known["jwks_uri"])
    claims = _claims(str(answer.get("id_token", "")), keys, config, flow["nonce"])
    role = role_of(claims, config)
    if role is None:
        raise Failed("Your account there gives you no role here. Ask an admin.")
    return Person(f"{config.oidc_issuer} {claims['sub']}", _name(claims), role)


def _claims(token: str, keys: Mapping[str, Any], config: Settings, nonce: str) -> dict[str, Any]:
    """What the provider signed about somebody, for us, now, in this flow."""
    wanted = jwt.JWTClaimsRegistry(
        leeway=LEEWAY,
        iss={"essential": True, "value": _issuer(config)},
        aud={"essential": True, "value": config.oidc_client_id},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        decoded = jwt.decode(token, KeySet.import_key_set(cast(Any, keys)), algorithms=SIGNATURES)
        wanted.validate(decoded.claims)
    except (JoseError, ValueError, KeyError, TypeError):
        raise Failed("What the provider says cannot be believed. Try again, or ask an admin.") from None
    claims = dict(decoded.claims)
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != config.oidc_client_id:
        raise Failed("The provider signed you in for another program.")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
        raise Failed("The provider does not say who you are.")
    return claims


def _name(claims: Mapping[str, Any]) -> str:
    """A name for the screen: the first that can be shown."""
    for claim in ("preferred_username", "email", "name", "sub"):
        name = claims.get(claim)
        if isinstance(name, str) and name.strip() and len(name) <= LONGEST_NAME and name.isprintable():
            return name.strip()
    raise Failed("The provider gives you no name that can be shown.")


_known: dict[str, tuple[float, dict[str, Any]]] = {}


def _provider(config: Settings) -> dict[str, Any]:
    """What the provider says of itself, kept for an hour. Raises Failed."""
    at, found = _known.get(config.oidc_issuer, (0.0, {}))
    if not found or time.monotonic() - at > 3_600:
        with _session(config, "") as session:
            found = _asked(session, f"{config.oidc_issuer}/.well-known/openid-configuration")
        if found.get("issuer") not in (config.oidc_issuer, f"{config.oidc_issuer}/"):
            raise Failed("The provider says it is another one. Ask an admin to look at OIDC_ISSUER.")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if urlsplit(str(found.get(name, ""))).scheme not in ("http", "https"):
                raise Failed("The provider does not say where to sign in. Ask an admin to look at OIDC_ISSUER.")
        _known[config.oidc_issuer] = (time.monotonic(), found)
    return found


def _issuer(config: Settings) -> str:
    """The provider's name for itself, exactly: some end it with a slash."""
    return str(_provider(config)["issuer"])


def _session(config: Settings, back: str) -> OAuth2Session:
    return OAuth2Session(
        client_id=config.oidc_client_id,
        client_secret=config.oidc_client_secret.get_secret_value() or None,
        scope="openid profile email",
        redirect_uri=back,
        token_endpoint_auth_method="client_secret_basic" if config.oidc_client_secret.get_secret_value() else "none",
    )


def _asked(session: OAuth2Session, url: str) -> dict[str, Any]:
    try:
        answer = session.get(url, withhold_token=True, timeout=SECONDS, allow_redirects=False)
        found = answer.json() if answer.status_code == 200 else None
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise Failed("The provider does not answer as it should. Try again in a moment.")
    return found


def _packed(flow: Mapping[str, str]) -> str:
    return json.dumps(flow).encode().hex()


def _unpacked(cookie: str) -> dict[str, str]:
    """What this browser left with. The cookie is its own: whoever changes it fools nobody but themselves."""
    try:
        flow = json.loads(bytes.fromhex(cookie))
        return {name: str(flow[name]) for name in ("state", "nonce", "verifier", "next")}
    except (ValueError, KeyError, TypeError):
        raise Failed("The way back took too long, or began in another browser. Try again.") from None
