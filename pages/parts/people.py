"""People: add an account, change its role, disable it, give another password, end its sessions."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from actions import users
from cdn.clock import utc_now
from cdn.errors import Changed, Forbidden, Unavailable, Unknown
from cdn.model import Invalid
from pages.parts import shown_once
from ui import access, frames, links, tables, theme
from ui.cards import card
from ui.form import fault
from ui.html import fill
from ui.notices import empty
from ui.visitor import actor

_FAULTS = "access-faults"
ONCE = "It is shown this once. Whoever gets it chooses another one at the first sign-in."


def people(found: pd.DataFrame) -> None:
    """Everybody with an account, beside the form for a new one or for the one chosen in the address."""
    name = str(st.query_params.get("person", ""))
    chosen = found[found["name"] == name]
    shown_once.tell_last()
    form, listing = st.columns([2, 3], gap="small")
    with form:
        if name and not chosen.empty:
            change(next(chosen.itertuples()))
        else:
            add(first=found.empty)
    with listing, card("people", "People", "their names lead to what can be changed"):
        if found.empty:
            st.html(empty("group", "Nobody has an account yet", "The first one is an admin's."))
        else:
            rows = access.person_rows(found, utc_now(), theme.viewer_zone())
            st.html(tables.table("People who may come in", access.PEOPLE, rows))


def add(*, first: bool) -> None:
    """The form of a new account. first: there is none yet, so it is an admin's, with a password chosen now."""
    faults: dict[str, str] = st.session_state.get(_FAULTS, {})
    turn = shown_once.turn()
    with card("add-person", "Add an admin" if first else "Add somebody"):
        name = st.text_input("Name", key=f"person-name-{turn}", autocomplete="off")
        fault(faults, "name")
        roles = ["admin"] if first else list(access.ROLES)
        role = st.selectbox("May", roles, format_func=access.ROLES.__getitem__, key=f"person-role-{turn}-{first}")
        fault(faults, "role")
        password = st.text_input(
            "Password" if first else "First password",
            type="password",
            placeholder="" if first else "Leave empty to have one made up",
            key=f"person-password-{turn}",
            autocomplete="new-password",
        )
        fault(faults, "password")
        if first:
            words = "From then on everybody has to sign in, you too: keep this password."
            st.html(fill('<p class="note">{words}</p>', words=words))
        if st.button("Add", type="primary", icon=":material/person_add:", key=f"person-add-{turn}"):
            _add(name, str(role), password, first=first)


def _add(name: str, role: str, typed: str, *, first: bool) -> None:
    made_up = not typed and not first
    password = secrets.token_urlsafe(12) if made_up else typed
    try:
        users.add_user(frames.engine(), name, role, password, by=actor(), must_change=not first)
    except Invalid as error:
        st.session_state[_FAULTS] = error.faults
        st.rerun()
    except (Forbidden, Unavailable) as error:
        shown_once.refused("Nobody was added", shown_once.why(error))
    st.session_state.pop(_FAULTS, None)
    if made_up:
        shown_once.done(f"{name.strip()} may come in with this password", ONCE, password)
    shown_once.done(f"{name.strip()} may come in", "" if first else "They choose another password first.")


def change(person: Any) -> None:
    """What can be changed of one account. person: a row of ui.access.people."""
    key = f"{person.id}-{person.version}"
    with card("change-person", f"Change {person.name}"):
        roles = list(access.ROLES)
        role = st.selectbox(
            "May", roles, roles.index(person.role), format_func=access.ROLES.__getitem__, key=f"role-{key}"
        )
        if person.signs_in_elsewhere:
            words = "The provider decides the role at each sign-in."
            st.html(fill('<p class="note">{words}</p>', words=words))
        disabled = not pd.isna(person.disabled_at)
        with st.container(horizontal=True, key="person-buttons", gap="small"):
            save = st.button("Save", type="primary", icon=":material/save:", key=f"save-{key}")
            other = st.button("New password", icon=":material/password:", key=f"password-{key}")
            end = st.button("End sessions", icon=":material/logout:", key=f"end-{key}")
            words = "Let in again" if disabled else "Disable"
            toggle = st.button(words, icon=":material/block:", key=f"disable-{key}")
            st.html(links.link(links.ACCESS, "Cancel", "btn quiet"), width="content")
    if save:
        _do(person, f"{person.name} is {role} now", lambda: _change(person, role=role))
    elif toggle:
        done = "may come in again" if disabled else "cannot come in any more; open pages close within seconds"
        _do(person, f"{person.name} {done}", lambda: _change(person, disabled=not disabled))
    elif end:
        words = f"{person.name} is signed out everywhere"
        _do(person, words, lambda: users.sign_out_everywhere(frames.engine(), int(person.id), by=actor()))
    elif other:
        password = secrets.token_urlsafe(12)
        words = f"{person.name} may come in with this password, and is signed out everywhere"
        _do(person, words, lambda: users.set_password(frames.engine(), int(person.id), password, by=actor()), password)


def _change(person: Any, **changes: Any) -> None:
    users.change_user(frames.engine(), int(person.id), int(person.version), changes, by=actor(), now=utc_now())


def _do(person: Any, words: str, deed: Callable[[], object], secret: str = "") -> None:
    try:
        deed()
    except Invalid as error:
        shown_once.refused(f"{person.name} was not changed", "; ".join(error.faults.values()).capitalize() + ".")
    except (Changed, Forbidden, Unavailable, Unknown) as error:
        shown_once.refused(f"{person.name} was not changed", shown_once.why(error))
    shown_once.done(words, ONCE if secret else "", secret)
