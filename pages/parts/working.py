"""How the figures of one chart are made, below it. Read only for the chart it is asked of."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any

import pandas as pd
import streamlit as st

from cdn.settings import settings
from ui import frames, links, working
from ui.cards import card, card_head
from ui.groups import Group
from ui.html import fill
from ui.notices import notice
from ui.readings import Working


def working_card(
    group: Group,
    row: Any,
    history: pd.DataFrame,
    streams: pd.DataFrame,
    window: str,
    now: datetime,
    zone: tzinfo,
) -> None:
    """The card. row: the server, one of db.live.fleet; history, streams: of db.server; window: as in the address."""
    with card("working"):
        close = links.link(links.server(row.name, window=window), "Hide", "how")
        st.html(card_head(f"How “{group.title}” is made", close))
        seen = frames.latest(
            f"working {row.id}",
            lambda: {"readings": frames.readings(row.id), "coverage": frames.coverage(row.id)},
        )
        if not seen.frames:
            st.html(notice("bad", "database_off", "The readings cannot be read", seen.trouble or ""))
            return
        work = Working(
            server=row,
            readings=seen.frames["readings"],
            coverage=seen.frames["coverage"],
            history=history,
            streams=streams,
            clients_interval=settings().clients_interval,
            now=now,
            zone=zone,
        )
        st.html(working.told(group, work))
        if seen.trouble is not None:
            st.html(fill('<p class="note">Read before the database went away.</p>'))
