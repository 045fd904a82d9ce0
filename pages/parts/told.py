"""What an action on the fleet did, told once on the page that is drawn after it."""

from __future__ import annotations

from typing import Never

import streamlit as st

from ui import frames
from ui.html import markdown

_TOLD = "fleet-told"
_TURN = "fleet-turn"


def turn() -> int:
    """Grows with every action: fields whose keys hold it begin empty again."""
    return int(st.session_state.get(_TURN, 0))


def done(words: str) -> Never:
    """Note what was done, and draw the page anew with an empty form and fresh numbers."""
    st.session_state[_TOLD] = words
    st.session_state[_TURN] = turn() + 1
    frames.forget()
    st.query_params.pop("edit", None)
    st.rerun()


def tell_last() -> None:
    """Tell what the last action did."""
    words = st.session_state.pop(_TOLD, None)
    if words:
        st.toast(markdown(words), icon=":material/check_circle:")
