"""Tokens of programs: make one, shown once, and revoke it."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import NamedTuple

from actions.permission import require
from cdn.errors import Forbidden, Unknown
from cdn.model import Actor, Invalid
from cdn.roles import RANK, SCOPES
from db import access, audit
from db.engine import Engine, editing
from db.models import ApiToken

LONGEST_NAME = 80
# Of one person, that work at a time.
MOST = 50


class NewToken(NamedTuple):
    """A token that was made. secret: shown now, and never again."""

    id: int
    secret: str


def make_token(
    engine: Engine, name: str, scope: str, expires_at: datetime | None, *, by: Actor, user_id: int | None, now: datetime
) -> NewToken:
    """Make a token that can do at most what `by` may; user_id: whose it is (None while nobody has an account).

    Raises Invalid with every fault by field, Forbidden, Unavailable.
    """
    faults: dict[str, str] = {}
    name = unicodedata.normalize("NFC", name.strip())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        faults["name"] = f"want 1 to {LONGEST_NAME} characters that can be printed"
    if scope not in SCOPES:
        faults["scope"] = f"want one of {', '.join(SCOPES)}"
    if expires_at is not None and expires_at <= now:
        faults["expires_at"] = "want a time in the future"
    if faults:
        raise Invalid(faults)
    if RANK.get(by.role, -1) < RANK[SCOPES[scope]]:
        raise Forbidden(f"{by.name} is {by.role}: a token can do no more than whoever makes it")
    secret = access.new_secret(access.TOKEN_PREFIX)
    with editing(engine) as session:
        if user_id is not None and access.working_tokens(session.connection(), user_id, now) >= MOST:
            raise Invalid({"name": f"you have {MOST} tokens already: revoke one first"})
        token = ApiToken(
            name=name,
            digest=access.digest(secret),
            hint=secret[: access.HINT],
            scope=scope,
            user_id=user_id,
            created_by=by.name,
            expires_at=expires_at,
        )
        session.add(token)
        session.flush()
        ends = None if expires_at is None else expires_at.isoformat()
        audit.record(session, by, "token.make", name, after={"scope": scope, "expires_at": ends, "hint": token.hint})
        return NewToken(token.id, secret)


def revoke_token(engine: Engine, token_id: int, *, by: Actor, user_id: int | None, now: datetime) -> None:
    """Let a token do nothing any more: one's own (user_id), or as admin any. Raises Unknown, Forbidden."""
    with editing(engine) as session:
        token = session.get(ApiToken, token_id)
        if token is None:
            raise Unknown
        if token.user_id is None or token.user_id != user_id:
            require(by, "admin")
        if token.revoked_at is None:
            token.revoked_at = now
            audit.record(session, by, "token.revoke", token.name, before={"hint": token.hint, "scope": token.scope})
