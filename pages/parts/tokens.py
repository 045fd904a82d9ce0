"""Tokens: what programs sign in with. Made here and shown once, and revoked."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from actions.tokens import make_token, revoke_token
from cdn.clock import utc_now
from cdn.errors import Changed, Forbidden, Unavailable, Unknown
from cdn.model import Invalid
from pages.parts import shown_once
from ui import access, frames, tables, theme
from ui.cards import card
from ui.form import fault
from ui.notices import empty
from ui.visitor import actor, user_id

_FAULTS = "access-token-faults"
ENDS = {"in 30 days": 30, "in 90 days": 90, "in a year": 365, "never": None}
ONCE = "It is shown this once: put it where the program reads it. It can do no more than you."


def tokens() -> None:
    """All tokens, beside the form for a new one."""
    found, now = access.tokens(), utc_now()
    shown_once.tell_last()
    form, listing = st.columns([2, 3], gap="small")
    with form:
        _form()
    with listing, card("tokens", "Tokens", "of programs that use the API"):
        if found.empty:
            st.html(empty("vpn_key", "No tokens yet", "The first one you make appears here."))
            return
        rows = access.token_rows(found, now, theme.viewer_zone())
        st.html(tables.table("Tokens of programs", access.TOKENS, rows))
        working = {
            int(str(row.id)): f"{row.name} ({row.hint}…)"
            for row in found.itertuples()
            if access.token_look(row, now).word == "Works"
        }
        if working:
            _revoke(working)


def _form() -> None:
    faults: dict[str, str] = st.session_state.get(_FAULTS, {})
    turn = shown_once.turn()
    with card("make-token", "Make a token"):
        name = st.text_input("What for", key=f"token-name-{turn}", placeholder="grafana", autocomplete="off")
        fault(faults, "name")
        scope = st.selectbox("May", list(access.SCOPES), format_func=access.SCOPES.__getitem__, key=f"scope-{turn}")
        fault(faults, "scope")
        ends = st.selectbox("Ends", list(ENDS), index=1, key=f"ends-{turn}")
        if not st.button("Make it", type="primary", icon=":material/vpn_key:", key=f"make-{turn}"):
            return
    now, days = utc_now(), ENDS[ends]
    expires_at = None if days is None else now + timedelta(days=days)
    try:
        made = make_token(frames.engine(), name, scope, expires_at, by=actor(), user_id=user_id(), now=now)
    except Invalid as error:
        st.session_state[_FAULTS] = error.faults
        st.rerun()
    except (Forbidden, Unavailable) as error:
        shown_once.refused("No token was made", shown_once.why(error))
    st.session_state.pop(_FAULTS, None)
    shown_once.done(f"The token {name.strip()} is made", ONCE, made.secret)


def _revoke(working: dict[int, str]) -> None:
    """Take a token back."""
    with st.container(horizontal=True, key="revoke", gap="small", vertical_alignment="bottom"):
        turn = shown_once.turn()
        chosen = st.selectbox("Revoke", list(working), format_func=working.__getitem__, key=f"revoke-{turn}")
        if not st.button("Revoke", icon=":material/block:", key=f"revoke-now-{turn}"):
            return
    try:
        revoke_token(frames.engine(), int(chosen), by=actor(), user_id=user_id(), now=utc_now())
    except (Changed, Forbidden, Unavailable, Unknown) as error:
        shown_once.refused("Nothing was revoked", shown_once.why(error))
    shown_once.done(f"{working[int(chosen)]} is revoked", "It opens nothing any more, within seconds.")
