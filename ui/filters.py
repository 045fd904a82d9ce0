"""Questions a viewer may put to a page. The answers live in the URL: it can be sent, and Back keeps them.

Streamlit writes the words of an answer there, not its value, so the words are part of every link that was sent.
The same key on two pages carries over, so the same key means the same everywhere.
"""

from __future__ import annotations

import streamlit as st

# Words → seconds between refreshes.
REFRESH: dict[str, int | None] = {"10 s": 10, "30 s": 30, "1 min": 60, "Off": None}
DEFAULT_REFRESH = "30 s"
# Words → window of db.server.server_history.
WINDOWS: dict[str, str] = {"1 hour": "1h", "6 hours": "6h", "24 hours": "24h"}
DEFAULT_WINDOW = "1 hour"


def choose_refresh() -> None:
    """Ask how often pages refresh. Stands beside the clock.

    The frame draws it, not the page: Streamlit takes the answers of a page out of the URL when it is left, and Back
    would come home without this one.
    """
    with st.container(key="refresh-corner"):
        st.selectbox(
            "How often this page refreshes",
            list(REFRESH),
            index=list(REFRESH).index(DEFAULT_REFRESH),
            key="refresh",
            bind="query-params",
            icon=":material/autorenew:",
            label_visibility="collapsed",
        )


def refresh() -> int | None:
    """Seconds between refreshes of this page, as the viewer chose; None: off."""
    return REFRESH[st.session_state.get("refresh", DEFAULT_REFRESH)]


def window() -> str:
    """The length of time charts show, in words: a key of WINDOWS."""
    chosen = st.segmented_control(
        "Time shown",
        list(WINDOWS),
        default=DEFAULT_WINDOW,
        required=True,
        key="window",
        bind="query-params",
        label_visibility="collapsed",
    )
    return chosen or DEFAULT_WINDOW
