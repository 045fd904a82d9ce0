"""Reading servers from a file: all of them or none."""

from __future__ import annotations

import streamlit as st

from actions.import_servers import import_servers
from cdn.errors import NoKey, Unavailable
from cdn.model import Invalid
from cdn.settings import settings
from pages.parts import told
from ui import frames
from ui.form import found
from ui.html import fill
from ui.notices import notice
from ui.visitor import actor


def server_file() -> None:
    """Draw the upload, and read what was given."""
    given = st.file_uploader("servers.toml", type="toml", key=f"fleet-file-{told.turn()}")
    st.html(fill('<p class="note">One [[server]] table each. Servers of the same name are changed.</p>'))
    if given is None or not st.button("Read it", type="primary", key="fleet-file-read"):
        return
    try:
        report = import_servers(
            frames.engine(),
            given.getvalue().decode("utf-8", "replace"),
            key=settings().secret_key.get_secret_value(),
            by=actor(),
        )
    except Invalid as error:
        st.html(notice("bad", "error", "Nothing was imported", found(error.faults.items())))
    except NoKey as error:
        st.html(notice("bad", "key_off", "Nothing was imported", str(error)))
    except Unavailable as error:
        st.html(notice("bad", "database_off", "Nothing was imported", str(error)))
    else:
        told.done(f"{report.added} added, {report.changed} changed, {report.unchanged} as they were")
