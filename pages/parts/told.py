"""What an action on the fleet did, told once on the page that is drawn after it."""

from __future__ import annotations

from typing import Never

import streamlit as st

from ui import frames, links
from ui.html import fill, markdown
from ui.notices import notice

_TOLD = "fleet-told"
_TURN = "fleet-turn"


def turn() -> int:
    """Grows with every action: fields whose keys hold it begin empty again."""
    return int(st.session_state.get(_TURN, 0))


def note(words: str, edit: str = "") -> None:
    """Note what was done, so that the next drawing tells it over fresh numbers. edit: the server to look over now."""
    st.session_state[_TOLD] = (words, edit)
    st.session_state[_TURN] = turn() + 1
    frames.forget()


def done(words: str) -> Never:
    """Note what was done, and draw the page anew with an empty form and fresh numbers."""
    note(words)
    for name in ("edit", "url"):
        st.query_params.pop(name, None)
    st.rerun()


def tell_last() -> None:
    """Tell what the last action did."""
    words, edit = st.session_state.pop(_TOLD, ("", ""))
    if words:
        st.toast(markdown(words), icon=":material/check_circle:")
    if edit:
        text = fill(
            "Its numbers appear with the first poll. {link}",
            link=links.link(links.edit(edit), "Change its name, region or room"),
        )
        st.html(notice("ok", "check_circle", words, text))
