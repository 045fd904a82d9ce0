"""Who may do what: viewers look, operators act on what is going on, admins change the set-up."""

from __future__ import annotations

from cdn.errors import Forbidden
from cdn.model import Actor
from cdn.roles import RANK


def require(by: Actor, role: str) -> None:
    """Raise Forbidden unless `by` has at least `role`."""
    if RANK.get(by.role, -1) < RANK[role]:
        raise Forbidden(f"{by.name} is {by.role}; this takes {role}")
