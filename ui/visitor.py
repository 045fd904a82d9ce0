"""Who looks at a page, and what they may do: the server's gate tells it for each connection."""

from __future__ import annotations

from urllib.parse import unquote

import streamlit as st

from cdn.model import LOCAL_ADMIN, Actor
from cdn.roles import RANK

# Keys of st.user, as server.trustedUserHeaders names them.
NAME, ROLE, VIA, ADDRESS, ID = "cdn_name", "cdn_role", "cdn_via", "cdn_address", "cdn_id"


def actor() -> Actor:
    """Who does what is done on this page. While nobody has an account, `local`, an admin.

    A page that is drawn for no browser (in a test, or once at the start) has no such keys. Where a browser's are
    empty the gate was passed by, and nothing is allowed.
    """
    told = st.user.to_dict()
    if ROLE not in told:
        return LOCAL_ADMIN
    if _text(told.get(VIA)) == "local":
        return Actor(LOCAL_ADMIN.name, LOCAL_ADMIN.role, "local", _text(told.get(ADDRESS)))
    name = _text(told.get(NAME))
    return Actor(name or "nobody", _text(told.get(ROLE)), _text(told.get(VIA)), _text(told.get(ADDRESS)))


def user_id() -> int | None:
    """The account of who looks; None where nobody has one."""
    text = _text(st.user.to_dict().get(ID))
    return int(text) if text.isdigit() else None


def may(role: str) -> bool:
    """Whether who looks has at least `role`."""
    return RANK.get(actor().role, -1) >= RANK[role]


def is_signed_in() -> bool:
    """Whether there is somebody to sign out."""
    return actor().via != "local"


def _text(value: object) -> str:
    return unquote(value) if isinstance(value, str) else ""
