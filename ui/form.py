"""Parts of forms: the fault under its field, what a test found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import streamlit as st

from ui.html import Html, fill, icon, join


def fault(faults: Mapping[str, str], field: str) -> None:
    """The fault of `field`, under it; nothing where it has none."""
    if field in faults:
        st.html(fill('<p class="err" role="alert">{icon}{text}</p>', icon=icon("error"), text=faults[field]))


def found(items: Iterable[tuple[str, object]]) -> Html:
    """Pairs of a word and what was found, one below the other."""
    return fill(
        '<dl class="found">{items}</dl>',
        items=join(fill("<dt>{word}</dt><dd>{what}</dd>", word=word, what=what) for word, what in items),
    )
