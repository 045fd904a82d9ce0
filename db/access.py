"""Who may come in: accounts, their sessions, tokens of programs.

Passwords are argon2 hashes, made in `actions/`. Of sessions and tokens, 256 random bits that nobody can guess back,
only the SHA-256 is stored.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Connection, Engine, delete, func, select, text, update
from sqlalchemy.orm import Session

from cdn.roles import RANK, SCOPES
from db.engine import reading
from db.frame import frame
from db.models import ApiToken, AppUser, WebSession

TOKEN_PREFIX = "cdn_"  # noqa: S105 — how all tokens begin
HINT = 10
# A session or token that is used all the time is not written at every use.
TOUCH = timedelta(minutes=1)


def digest(secret: str) -> bytes:
    """What is stored of the secret of a session or token."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def new_secret(prefix: str = "") -> str:
    """256 random bits as text."""
    return prefix + secrets.token_urlsafe(32)


# One lock for all that may change who is an admin: two who demote each other at once would leave none.
_ACCOUNTS_LOCK = text("SELECT pg_advisory_xact_lock(730031)")


def lock_accounts(session: Session) -> None:
    """Wait until nobody else changes accounts; until the end of the transaction."""
    session.execute(_ACCOUNTS_LOCK)


def is_open(engine: Engine) -> bool:
    """Whether nobody has to sign in, because nobody has an account yet."""
    with reading(engine) as connection:
        return not connection.scalar(select(func.count()).select_from(AppUser))


def admins(connection: Connection) -> int:
    """How many accounts of admins there are that are not disabled."""
    query = select(func.count()).select_from(AppUser).where(AppUser.role == "admin", AppUser.disabled_at.is_(None))
    return connection.scalar(query) or 0


def user(session: Session, name: str) -> AppUser | None:
    """The account of that name, in whatever case."""
    return session.scalar(select(AppUser).where(func.lower(AppUser.name) == name.lower()))


def user_elsewhere(session: Session, subject: str) -> AppUser | None:
    """The account of whoever an OpenID provider knows by `subject` (issuer and subject)."""
    return session.scalar(select(AppUser).where(AppUser.oidc_subject == subject))


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who is signed in, by session or token. role: what they may do now (of a token the lesser of both)."""

    user_id: int | None
    name: str
    role: str
    via: str
    must_change: bool = False


_VISITORS = text(
    "SELECT web_session.digest, web_session.user_id, app_user.name, app_user.role, app_user.must_change,"
    " web_session.seen_at, app_user.oidc_subject IS NOT NULL AND app_user.password_hash IS NULL AS elsewhere"
    " FROM web_session JOIN app_user ON app_user.id = web_session.user_id"
    " WHERE web_session.digest = ANY(:digests) AND app_user.disabled_at IS NULL"
    " AND web_session.expires_at > :now AND web_session.seen_at > :idle_since"
)


def visitors(
    engine: Engine, digests: Iterable[bytes], now: datetime, idle: timedelta, used: Collection[bytes]
) -> dict[bytes, Visitor]:
    """Whose sessions they are, by digest; sessions that are over are left out.

    idle: how long one may have been unused; used: those that somebody uses now.
    """
    asked = {"digests": list(digests), "now": now, "idle_since": now - idle}
    with reading(engine) as connection:
        rows = connection.execute(_VISITORS, asked).all()
        stale = [row.digest for row in rows if bytes(row.digest) in used and now - row.seen_at > TOUCH]
        if stale:
            connection.execute(update(WebSession).where(WebSession.digest.in_(stale)).values(seen_at=now))
    return {
        bytes(row.digest): Visitor(
            row.user_id, row.name, row.role, "oidc" if row.elsewhere else "password", row.must_change
        )
        for row in rows
    }


def visitor(engine: Engine, secret: str, now: datetime, idle: timedelta) -> Visitor | None:
    """Whose session it is, which is used now; None where it is none, or is over."""
    key = digest(secret)
    return visitors(engine, [key], now, idle, {key}).get(key)


def open_session(session: Session, user_id: int, now: datetime, lasting: timedelta, address: str, agent: str) -> str:
    """Begin a session; returns its secret, for the browser alone."""
    secret = new_secret()
    session.add(
        WebSession(
            digest=digest(secret),
            user_id=user_id,
            created_at=now,
            seen_at=now,
            expires_at=now + lasting,
            address=address,
            agent=agent[:200],
        )
    )
    return secret


def renew_session(engine: Engine, secret: str, fresh: str) -> bool:
    """Give a session another secret, the only one it has from then on; False where there is no such session."""
    query = update(WebSession).where(WebSession.digest == digest(secret)).values(digest=digest(fresh))
    with reading(engine) as connection:
        return connection.execute(query).rowcount == 1


def end_session(session: Session, secret: str) -> None:
    """End one session; nothing happens where there is none."""
    session.execute(delete(WebSession).where(WebSession.digest == digest(secret)))


def end_sessions(session: Session, user_id: int, but: str | None = None) -> int:
    """End all sessions of a person, but the one with the secret `but`; returns how many."""
    query = delete(WebSession).where(WebSession.user_id == user_id)
    if but is not None:
        query = query.where(WebSession.digest != digest(but))
    return session.connection().execute(query).rowcount


def forget_old(connection: Connection, now: datetime, idle: timedelta) -> int:
    """Delete sessions that are over; returns how many."""
    query = delete(WebSession).where((WebSession.expires_at <= now) | (WebSession.seen_at <= now - idle))
    return connection.execute(query).rowcount


_SESSIONS = text(
    "SELECT digest, created_at, seen_at, expires_at, address, agent FROM web_session"
    " WHERE user_id = :user_id AND expires_at > :now AND seen_at > :idle_since ORDER BY seen_at DESC"
)


def sessions(engine: Engine, user_id: int, now: datetime, idle: timedelta) -> pd.DataFrame:
    """The sessions of a person that are not over, the last used first: digest, created_at, seen_at, expires_at,
    address, agent."""
    asked = {"user_id": user_id, "now": now, "idle_since": now - idle}
    with reading(engine) as connection:
        return frame(connection, _SESSIONS, asked, times=("created_at", "seen_at", "expires_at"))


_TOKEN = text(
    "SELECT api_token.id, api_token.name, api_token.scope, api_token.user_id, api_token.last_used_at,"
    " app_user.role AS user_role FROM api_token LEFT JOIN app_user ON app_user.id = api_token.user_id"
    " WHERE api_token.digest = :digest AND api_token.revoked_at IS NULL"
    " AND (api_token.expires_at IS NULL OR api_token.expires_at > :now)"
    " AND (api_token.user_id IS NULL OR app_user.disabled_at IS NULL)"
)


def bearer(engine: Engine, secret: str, now: datetime) -> Visitor | None:
    """Whose token it is; None where it is none, ended or revoked. It can do no more than its owner."""
    with reading(engine) as connection:
        row = connection.execute(_TOKEN, {"digest": digest(secret), "now": now}).one_or_none()
        if row is None:
            return None
        if row.last_used_at is None or now - row.last_used_at > TOUCH:
            connection.execute(update(ApiToken).where(ApiToken.id == row.id).values(last_used_at=now))
    role = SCOPES[row.scope]
    if row.user_role is not None:
        role = min(role, row.user_role, key=RANK.__getitem__)
    return Visitor(row.user_id, f"token {row.name}", role, "token")


def working_tokens(connection: Connection, user_id: int, now: datetime) -> int:
    """How many tokens of a person are neither revoked nor over."""
    query = select(func.count()).select_from(ApiToken)
    works = ApiToken.revoked_at.is_(None) & (ApiToken.expires_at.is_(None) | (ApiToken.expires_at > now))
    return connection.scalar(query.where(ApiToken.user_id == user_id, works)) or 0


_USERS = text(
    "SELECT app_user.id, app_user.name, app_user.role, app_user.disabled_at, app_user.created_at,"
    " app_user.signed_in_at, app_user.must_change, app_user.version,"
    " app_user.password_hash IS NOT NULL AS has_password, app_user.oidc_subject IS NOT NULL AS signs_in_elsewhere,"
    " (SELECT count(*) FROM web_session WHERE web_session.user_id = app_user.id AND expires_at > :now) AS sessions"
    " FROM app_user ORDER BY lower(app_user.name)"
)


def users(engine: Engine, now: datetime) -> pd.DataFrame:
    """All accounts by name: id, name, role, disabled_at, created_at, signed_in_at, must_change, version, has_password,
    signs_in_elsewhere, sessions (that are not over)."""
    with reading(engine) as connection:
        return frame(connection, _USERS, {"now": now}, times=("disabled_at", "created_at", "signed_in_at"))


_TOKENS = text(
    "SELECT api_token.id, api_token.name, api_token.hint, api_token.scope, app_user.name AS owner,"
    " api_token.created_by, api_token.created_at, api_token.expires_at, api_token.last_used_at, api_token.revoked_at"
    " FROM api_token LEFT JOIN app_user ON app_user.id = api_token.user_id"
    " WHERE CAST(:user_id AS bigint) IS NULL OR api_token.user_id = :user_id ORDER BY api_token.id DESC"
)


def tokens(engine: Engine, user_id: int | None = None) -> pd.DataFrame:
    """Tokens, newest first, of one person or of all: id, name, hint, scope, owner, created_by, created_at, expires_at,
    last_used_at, revoked_at."""
    with reading(engine) as connection:
        times = ("created_at", "expires_at", "last_used_at", "revoked_at")
        return frame(connection, _TOKENS, {"user_id": user_id}, times=times)
