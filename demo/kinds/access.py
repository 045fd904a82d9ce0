"""Who may ask a simulated server."""

from __future__ import annotations

from demo.machine import Machine
from demo.server import Token
from demo.wire import Request


def allowed(machine: Machine, request: Request) -> bool:
    """True where the request says what the server wants to hear, and the server has not forgotten it."""
    auth = machine.server.auth
    if machine.effect.locked:
        return False
    if auth is None:
        return True
    if isinstance(auth, Token):
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and token == auth.token
    return request.basic_auth() == (auth.user, auth.password)
