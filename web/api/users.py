"""Accounts: list, add, change, give another password, end sessions. For admins."""

from __future__ import annotations

from fastapi import APIRouter, Response

from actions import users as acting
from cdn.clock import utc_now
from cdn.errors import Unknown
from db import access
from db import engine as engines
from db.frame import records
from web.api.auth import Admin
from web.api.inputs import Id, IfMatch, version_of
from web.api.problem import CHANGES, CHANGES_ONE, ONE, READS, Problem, responses
from web.api.shapes_access import Ended, NewPassword, NewUser, User, UserChanges
from web.api.wire import etag_of

router = APIRouter(prefix="/users", tags=["access"])
_ETAG = {"headers": {"ETag": {"description": "For If-Match.", "schema": {"type": "string"}}}}
_LOCATION = {"headers": {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}}


@router.get("", responses=READS)
def users(_by: Admin) -> list[User]:
    """All accounts, by name."""
    return [User(**row) for row in records(access.users(engines.shared(), utc_now()))]


@router.get("/{user_id}", responses={**ONE, 200: _ETAG})
def user(_by: Admin, user_id: Id, response: Response) -> User:
    """One account."""
    return _shown(user_id, response)


@router.post("", status_code=201, responses={**CHANGES, 201: _LOCATION})
def add(by: Admin, wanted: NewUser, response: Response) -> User:
    """Add an account. The first one has to be an admin's: from then on everybody has to sign in."""
    user_id = acting.add_user(engines.shared(), wanted.name, wanted.role.value, wanted.password, by=by.actor)
    response.headers["location"] = f"users/{user_id}"
    return _shown(user_id, response)


@router.patch("/{user_id}", responses={**CHANGES_ONE, **responses(409, 412, 428), 200: _ETAG})
def change(by: Admin, user_id: Id, changes: UserChanges, response: Response, if_match: IfMatch = None) -> User:
    """Give an account another role, or disable or enable it. Needs If-Match, or `version` in the body."""
    version = version_of(if_match, changes.version, _user(user_id).version)
    wanted = changes.model_dump(mode="json", exclude_unset=True, exclude={"version"})
    empty = {f"body.{name}": "want a value" for name, value in wanted.items() if value is None}
    if empty:
        raise Problem(422, "A field is wrong", faults=empty)
    acting.change_user(engines.shared(), user_id, version, wanted, by=by.actor, now=utc_now())
    return _shown(user_id, response)


@router.put("/{user_id}/password", status_code=204, responses={**CHANGES_ONE, **responses(409)})
def set_password(by: Admin, user_id: Id, wanted: NewPassword) -> None:
    """Give somebody another password, to be changed at the next sign-in. All their sessions end."""
    acting.set_password(engines.shared(), user_id, wanted.password, by=by.actor)


@router.delete("/{user_id}/sessions", responses=CHANGES_ONE)
def end_sessions(by: Admin, user_id: Id) -> Ended:
    """Sign somebody out everywhere, within seconds."""
    ended = acting.sign_out_everywhere(engines.shared(), user_id, by=by.actor, own_id=by.user_id)
    return Ended(sessions=ended)


def _user(user_id: int) -> User:
    for row in records(access.users(engines.shared(), utc_now())):
        if row["id"] == user_id:
            return User(**row)
    raise Unknown


def _shown(user_id: int, response: Response) -> User:
    told = _user(user_id)
    response.headers["etag"] = etag_of(told.model_dump_json().encode(), told.version)
    return told
