"""What can go wrong between programs, people and the database, in words every package knows."""

from __future__ import annotations


class Unavailable(Exception):
    """The database cannot be reached right now; the message holds no credential."""


class NoKey(Exception):
    """There is no SECRET_KEY, so nothing secret can be stored or read."""


class WrongKey(Exception):
    """The stored secret was encrypted with another SECRET_KEY."""


class Changed(Exception):
    """Somebody else changed the thing meanwhile; nothing was written."""


class Unknown(Exception):
    """There is no such thing, or not any more."""


class Forbidden(Exception):
    """The actor's role does not allow it."""
