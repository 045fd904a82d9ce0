"""Accounts of people: add, change, disable, give another password, end their sessions."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from actions import passwords
from actions.permission import require
from actions.sign_in import FIRST_WAIT, FORGET, FREE_PAIR, LONGEST_PAIR_WAIT, MustWait
from cdn.errors import Changed, Unknown
from cdn.model import Actor, Invalid
from cdn.roles import RANK
from db import access, audit, guesses
from db.engine import Engine, Session, editing
from db.guesses import Limit
from db.models import AppUser

LONGEST_NAME = 80


def add_user(engine: Engine, name: str, role: str, password: str, *, by: Actor, must_change: bool = True) -> int:
    """Add an account; returns its id. must_change: the person chooses another password at the first sign-in.

    Raises Invalid with every fault by field, Forbidden, Unavailable.
    """
    require(by, "admin")
    # The same for the same letters, however a keyboard composes them.
    name = unicodedata.normalize("NFC", name.strip())
    faults = _faults(name, role)
    try:
        passwords.require_good(password, name)
    except Invalid as error:
        faults |= error.faults
    if faults:
        raise Invalid(faults)
    with editing(engine) as session:
        access.lock_accounts(session)
        if access.user(session, name) is not None:
            raise Invalid({"name": f"there is an account called {name} already"})
        if role != "admin" and not access.admins(session.connection()):
            raise Invalid({"role": "there is no admin yet: the first account has to be an admin's"})
        account = AppUser(name=name, role=role, password_hash=passwords.hashed(password), must_change=must_change)
        session.add(account)
        session.flush()
        audit.record(session, by, "user.add", name, after=_plain(account))
        return account.id


def change_user(
    engine: Engine, user_id: int, version: int, changes: Mapping[str, Any], *, by: Actor, now: datetime
) -> None:
    """Give an account another role (`role`), or disable or enable it (`disabled`). It takes effect within seconds.

    The last admin stays one. Raises Invalid, Changed where somebody else was faster, Unknown, Forbidden.
    """
    require(by, "admin")
    with editing(engine) as session:
        access.lock_accounts(session)
        account = _current(session, user_id)
        if account.version != version:
            raise Changed
        before = _plain(account)
        if "role" in changes:
            if faults := _faults(account.name, str(changes["role"])):
                raise Invalid(faults)
            account.role = str(changes["role"])
        if "disabled" in changes:
            account.disabled_at = (account.disabled_at or now) if changes["disabled"] else None
        session.flush()
        if not access.admins(session.connection()):
            field = "disabled" if changes.get("disabled") else "role"
            raise Invalid({field: "this is the last admin: make somebody else an admin first"})
        if account.disabled_at is not None:
            access.end_sessions(session, account.id)
        audit.record(session, by, "user.change", account.name, before=before, after=_plain(account))


def set_password(engine: Engine, user_id: int, password: str, *, by: Actor) -> None:
    """Give somebody a password of the admin's choice, to be changed at the next sign-in; all their sessions end."""
    require(by, "admin")
    with editing(engine) as session:
        account = _current(session, user_id)
        passwords.require_good(password, account.name)
        account.password_hash, account.must_change = passwords.hashed(password), True
        access.end_sessions(session, account.id)
        audit.record(session, by, "user.password", account.name)


def change_password(engine: Engine, user_id: int, old: str, new: str, *, by: Actor, keep: str, now: datetime) -> None:
    """Choose another password of one's own; the session with the secret `keep` goes on, all others end.

    Raises Invalid where the old one is wrong (MustWait where it was too often) or the new one is none; Unknown.
    """
    limit = Limit(f"own password {user_id}", FREE_PAIR, FIRST_WAIT, LONGEST_PAIR_WAIT)
    with editing(engine) as session:
        stored = _current(session, user_id).password_hash
        if not stored:
            raise Invalid({"old": "you sign in elsewhere, there is no password to change"})
        until = guesses.count(session.connection(), [limit], now, FORGET)
    if until is not None:
        raise MustWait(until)
    if not passwords.is_right(stored, old):
        raise Invalid({"old": "this is not your password"})
    with editing(engine) as session:
        guesses.given_back(session.connection(), [limit], now)
        account = _current(session, user_id)
        if account.password_hash != stored:
            raise Changed
        if old == new:
            raise Invalid({"password": "this is the old one"})
        passwords.require_good(new, account.name)
        account.password_hash, account.must_change = passwords.hashed(new), False
        access.end_sessions(session, account.id, but=keep)
        audit.record(session, by, "user.password", account.name)


def sign_out_everywhere(engine: Engine, user_id: int, *, by: Actor, own_id: int | None = None) -> int:
    """End all sessions of a person, one's own (own_id) or as admin somebody else's; returns how many."""
    if user_id != own_id:
        require(by, "admin")
    with editing(engine) as session:
        account = _current(session, user_id)
        ended = access.end_sessions(session, account.id)
        audit.record(session, by, "session.end_all", account.name, after={"sessions": ended})
        return ended


def _faults(name: str, role: str) -> dict[str, str]:
    faults: dict[str, str] = {}
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        faults["name"] = f"want 1 to {LONGEST_NAME} characters that can be printed"
    if role not in RANK:
        faults["role"] = f"want one of {', '.join(RANK)}"
    return faults


def _current(session: Session, user_id: int) -> AppUser:
    account = session.get(AppUser, user_id)
    if account is None:
        raise Unknown
    return account


def _plain(account: AppUser) -> dict[str, Any]:
    return {"role": account.role, "disabled": account.disabled_at is not None}
