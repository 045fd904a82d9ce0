"""The keys behind all stored secrets at once: whether they read them, a new key for all, and giving up what is lost.

Only the ciphertexts change here, not the servers' versions: nobody who edits a server meanwhile is disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, func, select, text, update

from cdn.errors import NoKey, WrongKey
from db import secrets
from db.engine import reachable, reading
from db.models import Server

# A secret that was given up. No key reads it, so its server is not polled: without a password that would only
# lock the account.
GIVEN_UP = b""
_NAMED = 5
# Saving a server waits until this is over; reading does not.
_LOCK = text("LOCK TABLE server IN SHARE ROW EXCLUSIVE MODE")


class UnreadableSecrets(WrongKey):
    """Stored passwords that no key reads; the message says how many, of which servers, and what to do."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """A stored secret: its server, and what it is in plain, None where no key reads it."""

    id: int
    server: str
    retired: bool
    secret: str | None

    def __repr__(self) -> str:
        """Without the secret, wherever it may be printed."""
        return f"_Stored({self.id}, {self.server!r})"


def require_readable(engine: Engine, key: str) -> None:
    """Raise UnreadableSecrets where a server has a stored secret that neither `key` nor SECRET_KEYS_OLD reads."""
    with reading(engine) as connection:
        _refuse_lost(list(_stored(connection, key)), key)


def rotate(engine: Engine, key: str) -> int:
    """Encrypt every stored secret with `key` anew, all or none; returns how many.

    What no key reads of retired servers stays as it is: nobody will use it. Raises NoKey, UnreadableSecrets.
    """
    if not key:
        raise NoKey("SECRET_KEY is not set, want the new key there and the one used until now in SECRET_KEYS_OLD")
    with reachable(engine), engine.begin() as connection:
        connection.execute(_LOCK)
        stored = list(_stored(connection, key))
        _refuse_lost(stored, key)
        renewed = [(each.id, secrets.encrypt(each.secret, key)) for each in stored if each.secret is not None]
        for server_id, ciphertext in renewed:
            _put(connection, server_id, ciphertext)
    return len(renewed)


def give_up(engine: Engine, key: str) -> list[str]:
    """Remove the stored secrets that no key reads; returns whose they were. The others stay."""
    with reachable(engine), engine.begin() as connection:
        connection.execute(_LOCK)
        lost = [each for each in _stored(connection, key) if each.secret is None]
        for each in lost:
            _put(connection, each.id, GIVEN_UP)
    return [each.server for each in lost]


def _stored(connection: Connection, key: str) -> Iterator[_Stored]:
    query = (
        select(Server.id, Server.name, Server.retired_at, Server.auth_secret)
        .where(func.length(Server.auth_secret) > 0)
        .order_by(Server.name, Server.id)
    )
    for row in connection.execute(query).all():
        try:
            secret = secrets.decrypt(bytes(row.auth_secret), key)
        except (NoKey, WrongKey):
            secret = None
        yield _Stored(row.id, row.name, row.retired_at is not None, secret)


def _put(connection: Connection, server_id: int, ciphertext: bytes) -> None:
    connection.execute(update(Server).where(Server.id == server_id).values(auth_secret=ciphertext))


def _refuse_lost(stored: list[_Stored], key: str) -> None:
    lost = [each.server for each in stored if each.secret is None and not each.retired]
    if not lost:
        return
    names = ", ".join(lost[:_NAMED]) + (" and others" if len(lost) > _NAMED else "")
    tried = "SECRET_KEY nor SECRET_KEYS_OLD" if key else "SECRET_KEY, which is not set, nor SECRET_KEYS_OLD"
    raise UnreadableSecrets(
        f"{len(lost)} of {len(stored)} stored passwords can be read with neither {tried}: those of {names}.\n"
        "Set SECRET_KEY to the key they were stored with, or add that key to SECRET_KEYS_OLD.\n"
        "If it is lost: python -m db give-up-secrets removes them; these servers are not polled until their passwords "
        "are entered again."
    )
