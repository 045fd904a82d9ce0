"""What a person says about a server: the fields of its form, filled with what is stored."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from actions.try_connection import FIND_OUT
from cdn.model import KIND_LABELS, AuthMethod, Role
from cdn.settings import settings
from pages.parts.fields import Fields
from ui import frames, numbers
from ui.notices import notice

KINDS = {FIND_OUT: "Find out", **{kind.value: words for kind, words in KIND_LABELS.items()}}
ROLES = {Role.EDGE.value: "Edge: delivers to viewers", Role.ORIGIN.value: "Origin: takes the publishers' streams"}
SIGN_IN = {
    AuthMethod.NONE.value: "Nothing",
    AuthMethod.BASIC.value: "User and password",
    AuthMethod.BEARER.value: "Token",
}


def server_fields(ask: Fields, servers: pd.DataFrame, stored: frames.Stored | None, url: str = "") -> dict[str, Any]:
    """Draw the fields; returns what stands in them, as actions.server_form.read takes it (kind may be "find_out").

    servers: the fleet, whose regions and names are offered; stored: the server to change, None for a new one,
    whose address is known already as `url`.
    """
    draft = stored.draft if stored else None
    fields: dict[str, Any] = {}
    fields["url"] = ask.text("url", "Address", draft.url if draft else url, "http://edge.example.net:1985")
    left, right = st.columns(2, gap="small")
    with left:
        fields["name"] = ask.text("name", "Name", draft.name if draft else "", "edge-1")
    with right:
        fields["kind"] = ask.choice("kind", "Kind", KINDS, draft.kind.value if draft else FIND_OUT)
    left, right = st.columns(2, gap="small")
    with left:
        fields["region"] = ask.known("region", "Region", servers["region"], draft.region if draft else "")
    with right:
        fields["role"] = ask.choice("role", "Role", ROLES, draft.role.value if draft else Role.EDGE.value)
    left, right = st.columns(2, gap="small")
    with left:
        fields["capacity"] = ask.text("capacity", "Room", _room(draft), "10 Gbit/s")
    with right:
        every = f"{draft.interval_seconds:g} s" if draft and draft.interval_seconds else ""
        fields["interval"] = ask.text("interval", "Ask every", every, f"{settings().poll_interval:g} s")
    fields |= _sign_in(ask, stored)
    if st.toggle("More settings", key=ask.name("more")) or _has_faults(ask):
        return fields | _more(ask, servers, draft)
    return fields | (_untouched(draft) if draft else {})


def _room(draft: frames.Draft | None) -> str:
    """The capacity as it can be typed again without a loss: "10 Gbit/s", "1.25 Gbit/s"."""
    if draft is None or draft.capacity_bps is None:
        return ""
    scale = numbers.rate_scale([draft.capacity_bps])
    return f"{draft.capacity_bps / scale.size:.9f}".rstrip("0").rstrip(".") + f" {scale.word}"


def _sign_in(ask: Fields, stored: frames.Stored | None) -> dict[str, Any]:
    credentials = stored.draft.credentials if stored else None
    method = credentials.method.value if credentials else AuthMethod.NONE.value
    chosen = st.segmented_control(
        "Sign in to the server with",
        list(SIGN_IN),
        default=method,
        required=True,
        format_func=SIGN_IN.__getitem__,
        key=ask.name("auth"),
    )
    kept = stored is not None and stored.has_secret and chosen == method
    if chosen == AuthMethod.BASIC:
        left, right = st.columns(2, gap="small")
        with left:
            user = ask.text("user", "User", credentials.user if credentials else "")
        with right:
            password = ask.secret("password", "Password", kept=kept)
        return {"user": user, "password": password}
    if chosen == AuthMethod.BEARER:
        return {"token": ask.secret("token", "Token", kept=kept)}
    return {}


MORE = ("provider", "origins", "tags", "addresses")


def _has_faults(ask: Fields) -> bool:
    """True where a fault would stand under a field that is folded away."""
    return any(field in ask.faults for field in MORE)


def _more(ask: Fields, servers: pd.DataFrame, draft: frames.Draft | None) -> dict[str, Any]:
    others = [name for name in servers["name"] if draft is None or name != draft.name]
    fields: dict[str, Any] = {
        "provider": ask.known("provider", "Provider", servers["provider"], draft.provider if draft else ""),
        "origins": ask.several(
            "origins", "Pulls from", others, [name for name in (draft.origins if draft else ()) if name in others]
        ),
        "tags": ask.text("tags", "Tags", ", ".join(draft.tags) if draft else "", "sport, backup"),
        "addresses": ask.text(
            "addresses",
            "Addresses it connects from",
            ", ".join(draft.addresses) if draft else "",
            "192.0.2.7, 192.0.2.16/28",
        ),
        "verify_tls": st.toggle(
            "Check its certificate (https)", value=draft.verify_tls if draft else True, key=ask.name("verify_tls")
        ),
    }
    if not fields["verify_tls"]:
        st.html(notice("warn", "warning", "Not checked", "Somebody in between could pretend to be this server."))
    return fields


def _untouched(draft: frames.Draft) -> dict[str, Any]:
    """What stays as it is while "More settings" is folded."""
    return {
        "provider": draft.provider,
        "tags": draft.tags,
        "origins": draft.origins,
        "addresses": draft.addresses,
        "verify_tls": draft.verify_tls,
    }
