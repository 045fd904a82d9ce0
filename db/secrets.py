"""Secrets at rest: the servers' passwords and tokens, encrypted with a key that is never in the database.

What is stored is encrypted with SECRET_KEY; what was stored before it changed is read with SECRET_KEYS_OLD.
"""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from cdn.errors import NoKey, WrongKey
from cdn.settings import settings


def new_key() -> str:
    """A new key for SECRET_KEY."""
    return Fernet.generate_key().decode()


def encrypt(secret: str, key: str) -> bytes:
    """`secret` as ciphertext. Raises NoKey without a key: a secret is never stored readable."""
    if not key:
        raise NoKey("SECRET_KEY is not set, so the password cannot be stored; make one with: python -m db new-key")
    return Fernet(key).encrypt(secret.encode())


def decrypt(ciphertext: bytes, key: str) -> str:
    """The secret again. Raises NoKey, or WrongKey where it was encrypted with none of `key` and SECRET_KEYS_OLD."""
    keys = tuple(filter(None, (key, *settings().old_keys)))
    if not keys:
        raise NoKey("SECRET_KEY is not set, so the stored password cannot be read")
    try:
        return MultiFernet([Fernet(each) for each in keys]).decrypt(ciphertext).decode()
    except InvalidToken:
        raise WrongKey("the stored password was encrypted with another SECRET_KEY") from None
