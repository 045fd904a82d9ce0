"""Who may use the API: a bearer token, compared in constant time."""

from __future__ import annotations

import hmac

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from cdn.model import LOCAL_ADMIN, Actor
from cdn.settings import settings
from web.api.problem import Problem

_bearer = HTTPBearer(auto_error=False, description="The token set as API_TOKEN.")


async def actor(request: Request, _scheme: object = Depends(_bearer)) -> Actor:
    """Who asks. Raises Problem 401 without the right token, 503 where none is set."""
    token = settings().api_token.get_secret_value()
    if not token:
        raise Problem(503, "No API token is set", "Set API_TOKEN in the environment of the web program.")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise Problem(
            401,
            "A bearer token is needed",
            "Send the header Authorization: Bearer <token>.",
            headers={"WWW-Authenticate": 'Bearer realm="CDN monitor"'},
        )
    return LOCAL_ADMIN
