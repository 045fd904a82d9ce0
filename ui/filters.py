"""Questions a viewer may put to a page. The answers live in the URL: it can be sent, and Back keeps them.

The same key on two pages carries over, so the same key means the same everywhere.
"""

from __future__ import annotations

import streamlit as st

REFRESH = {"10s": 10, "30s": 30, "1m": 60, "off": None}
_REFRESH_WORDS = {"10s": "Every 10 s", "30s": "Every 30 s", "1m": "Every 1 min", "off": "Refresh off"}
DEFAULT_REFRESH = "30s"
WINDOWS = {"1h": "1 hour", "6h": "6 hours", "24h": "24 hours"}
DEFAULT_WINDOW = "1h"


def refresh() -> int | None:
    """Seconds between refreshes of this page, as the viewer chose; None: off."""
    chosen = st.selectbox(
        "How often this page refreshes",
        list(REFRESH),
        index=list(REFRESH).index(DEFAULT_REFRESH),
        format_func=_REFRESH_WORDS.__getitem__,
        key="refresh",
        bind="query-params",
        label_visibility="collapsed",
    )
    return REFRESH[chosen]


def window() -> str:
    """The length of time charts show: "1h", "6h" or "24h"."""
    return st.segmented_control(
        "Time shown",
        list(WINDOWS),
        default=DEFAULT_WINDOW,
        required=True,
        format_func=WINDOWS.__getitem__,
        key="window",
        bind="query-params",
        label_visibility="collapsed",
    ) or DEFAULT_WINDOW
