"""Passwords: what a good one is, and their argon2 hashes. Pure."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cdn.model import Invalid

SHORTEST, LONGEST = 10, 200
_hasher = PasswordHasher()


def require_good(password: str, name: str = "") -> None:
    """Raise Invalid for a password that is too short, too long, or the name itself."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise Invalid({"password": f"want {SHORTEST} to {LONGEST} characters"})
    if len(set(password)) < 4:
        raise Invalid({"password": "want more than three different characters"})
    if not password.isprintable():
        raise Invalid({"password": "want characters that can be printed"})
    if name and password.lower() == name.lower():
        raise Invalid({"password": "it is the name itself"})


def hashed(password: str) -> str:
    """The argon2id hash to store."""
    return _hasher.hash(_bytes(password))


def is_right(stored: str | None, given: str) -> bool:
    """Whether `given` is the password of the hash `stored`; where there is none it takes as long to say no."""
    nobodys = _nobodys()
    try:
        # What is longer than any password is verified, too: it takes as long.
        right = _hasher.verify(stored or nobodys, _bytes(given[:LONGEST]))
        return right and stored is not None and len(given) <= LONGEST
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than those of today."""
    return _hasher.check_needs_rehash(stored)


def _bytes(password: str) -> bytes:
    """The same for the same letters, however a keyboard composes them."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "replace")


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher.hash("nobody has this password")
