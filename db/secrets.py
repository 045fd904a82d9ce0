"""Secrets at rest: the servers' passwords and tokens, encrypted with a key that is never in the database."""

from __future__ import annotations

from cryptography.fernet import Fernet, InvalidToken

from cdn.errors import NoKey, WrongKey


def new_key() -> str:
    """A new key for SECRET_KEY."""
    return Fernet.generate_key().decode()


def encrypt(secret: str, key: str) -> bytes:
    """`secret` as ciphertext. Raises NoKey without a key: a secret is never stored readable."""
    if not key:
        raise NoKey("SECRET_KEY is not set, so the password cannot be stored; make one with: python -m db new-key")
    return Fernet(key).encrypt(secret.encode())


def decrypt(ciphertext: bytes, key: str) -> str:
    """The secret again. Raises NoKey, or WrongKey where it was encrypted with another key."""
    if not key:
        raise NoKey("SECRET_KEY is not set, so the stored password cannot be read")
    try:
        return Fernet(key).decrypt(ciphertext).decode()
    except InvalidToken:
        raise WrongKey("the stored password was encrypted with another SECRET_KEY") from None
