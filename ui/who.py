"""Who looks at the page, in its header, with the way out; and a word to those who may not see it."""

from __future__ import annotations

import streamlit as st

from ui import links, visitor
from ui.headline import Headline, headline
from ui.html import fill, icon

MAY = {"viewer": "look at everything", "operator": "act on what is going on", "admin": "change the set-up"}


def sign() -> None:
    """Name and the way out; nothing while nobody signs in."""
    if not visitor.is_signed_in():
        return
    # The script leaves the page for these: they are none of Streamlit's.
    st.html(
        fill(
            '<nav class="who" aria-label="You"><a href="{account}" data-leave title="Your account: {name}">'
            '{icon}<span>{name}</span></a><a href="{out}" data-leave data-sign-out>Sign out</a></nav>',
            account=links.ACCOUNT,
            out=links.ACCOUNT,
            name=visitor.actor().name,
            icon=icon("account_circle"),
        )
    )


def refuse(title: str) -> None:
    """Say that this page is not for who looks."""
    role = visitor.actor().role
    below = fill(
        "Your account may {may}. Ask an admin, or go {back}.",
        may=MAY.get(role, "do nothing here"),
        back=links.link(links.OVERVIEW, "to the overview"),
    )
    headline(Headline("nodata", fill("{title} is for admins", title=title), below, icon="lock"))
