"""What an action on the page about access did, told once; a secret among it is never shown again."""

from __future__ import annotations

from typing import Never

import streamlit as st

from cdn.errors import Changed, Forbidden, Unavailable, Unknown
from ui.notices import notice

_TOLD = "access-told"
_TURN = "access-turn"


def turn() -> int:
    """Grows with every action: fields whose keys hold it begin empty again."""
    return int(st.session_state.get(_TURN, 0))


def done(words: str, more: str = "", secret: str = "") -> Never:
    """Draw the page anew, and tell what was done."""
    st.session_state[_TOLD] = ("ok", words, more, secret)
    st.session_state[_TURN] = turn() + 1
    st.rerun()


def refused(words: str, why: str) -> Never:
    """Draw the page anew, and tell why nothing was done; what was typed stays."""
    st.session_state[_TOLD] = ("bad", words, why, "")
    st.rerun()


def tell_last() -> None:
    """Tell what the last action did."""
    tone, words, more, secret = st.session_state.pop(_TOLD, ("", "", "", ""))
    if words:
        st.html(notice(tone, "check_circle" if tone == "ok" else "cancel", words, more))
    if secret:
        st.code(secret, language=None, wrap_lines=True)


def why(error: Changed | Forbidden | Unavailable | Unknown) -> str:
    """Why nothing was done, and what to do."""
    if isinstance(error, Changed):
        return "Somebody else changed this account meanwhile. Look at it again."
    if isinstance(error, Unknown):
        return "There is no such thing any more."
    if isinstance(error, Forbidden):
        return f"{error}."
    return f"The database does not answer; try again. {error}"
