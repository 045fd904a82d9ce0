"""Tokens of programs: list, make, revoke. People who are signed in manage their own, admins everybody's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request, Security
from fastapi.security import SecurityScopes

from actions.tokens import make_token, revoke_token
from cdn.clock import utc_now
from db import access
from db import engine as engines
from db.frame import records
from web.api.auth import ADMIN, Caller, Reader, bearer, caller
from web.api.inputs import Id
from web.api.problem import CHANGES, CHANGES_ONE, READS
from web.api.shapes_access import MadeToken, Token, WantedToken

router = APIRouter(prefix="/tokens", tags=["access"])


def keeper(request: Request, scopes: SecurityScopes, scheme: Annotated[object, Security(bearer)]) -> Caller:
    """Who may make and revoke tokens: people for themselves; of tokens only those with the scope admin.

    A token that makes others would outlive its own end.
    """
    signed_in = request.headers.get("authorization") is None
    return caller(request, SecurityScopes([] if signed_in else scopes.scopes), scheme)


Keeper = Annotated[Caller, Security(keeper, scopes=[ADMIN])]


@router.get("", responses=READS)
def tokens(by: Reader) -> list[Token]:
    """Tokens, newest first: one's own, for admins all."""
    if by.actor.role != "admin" and by.user_id is None:
        return []
    owner = None if by.actor.role == "admin" else by.user_id
    return [Token(**row) for row in records(access.tokens(engines.shared(), owner))]


@router.post("", status_code=201, responses=CHANGES)
def make(by: Keeper, wanted: WantedToken) -> MadeToken:
    """Make a token, which can do no more than its maker. Its secret is in this answer and nowhere else.

    With a token this takes the scope admin; people who are signed in may make their own.
    """
    made = make_token(
        engines.shared(),
        wanted.name,
        wanted.scope.value,
        wanted.expires_at,
        by=by.actor,
        user_id=by.user_id,
        now=utc_now(),
    )
    return MadeToken(id=made.id, secret=made.secret)


@router.delete("/{token_id}", status_code=204, responses=CHANGES_ONE)
def revoke(by: Keeper, token_id: Id) -> None:
    """Let a token do nothing any more. With a token this takes the scope admin."""
    revoke_token(engines.shared(), token_id, by=by.actor, user_id=by.user_id, now=utc_now())
