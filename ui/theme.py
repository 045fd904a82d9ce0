"""What every page wears: the style sheet, the logo, and on a phone the tab bar."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, tzinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import streamlit as st

from cdn import VERSION
from cdn.settings import settings
from ui.html import fill, icon, join

_STYLE = Path(__file__).parent / "style"
# The phone's rules come last.
SHEETS = (
    "tokens",
    "frame",
    "parts",
    "lists",
    "working",
    "billing",
    "who",
    "history",
    "waiting",
    "availability",
    "phone",
)


@lru_cache(maxsize=1)
def style_sheet() -> str:
    """All sheets as one, in order."""
    return "\n".join((_STYLE / f"{name}.css").read_text(encoding="utf-8") for name in SHEETS)


def wear(logo: str) -> None:
    """Set title, style and logo (an SVG image); the first thing a page run does."""
    brand = settings().brand_name
    st.set_page_config(
        page_title=brand,
        layout="wide",
        initial_sidebar_state="collapsed",
        menu_items={"About": f"{brand} {VERSION}"},
    )
    st.html(f"<style>{style_sheet()}</style>")
    st.logo(logo, size="large")


def tab_bar(items: Iterable[tuple[str, str, str]], current: str) -> None:
    """The main pages at the lower edge of a phone: (title, address, symbol) of each."""
    st.html(
        fill(
            '<nav class="tabbar" aria-label="Main pages">{items}</nav>',
            items=join(
                fill(
                    '<a href="{href}" {current}>{icon}<span>{title}</span></a>',
                    href=href,
                    current=fill('aria-current="page"') if title == current else "",
                    icon=icon(symbol),
                    title=title,
                )
                for title, href, symbol in items
            ),
        )
    )


def viewer_zone() -> tzinfo:
    """The viewer's time zone; UTC where the browser does not tell one we know."""
    name = st.context.timezone
    try:
        return ZoneInfo(name) if name else UTC
    except (KeyError, ValueError, OSError):
        return UTC
