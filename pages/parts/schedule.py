"""When a channel is expected on air: told to everybody, changed by admins."""

from __future__ import annotations

from datetime import datetime

import streamlit as st

from actions.schedule import set_schedule
from cdn import months
from cdn.errors import Forbidden, Unavailable, Unknown
from cdn.model import Invalid
from cdn.schedule import LONGEST
from ui import frames, links, theme, watched
from ui.cards import card
from ui.form import fault
from ui.html import NOTHING, fill, markdown
from ui.period import zone_name
from ui.visitor import actor, may

_FAULTS = "schedule-faults"
_TOLD = "schedule-told"


def expected(asked: str, now: datetime) -> None:
    """The card of the channel with the id `asked`; nothing where there is none, or the database is away."""
    if not asked.isdecimal() or not asked.isascii() or len(asked) > 18:
        return
    try:
        found = watched.plan(int(asked))
    except Unavailable:
        return
    if found.empty:
        return
    row = found.iloc[0]
    zone = theme.viewer_zone()
    if told := st.session_state.pop(_TOLD, ""):
        st.toast(markdown(told), icon=":material/check_circle:")
    with card("expected", "When it is expected on air", "what availability is judged by"):
        on = fill(" on the clock of {zone}", zone=row["zone"])
        own = months.zone_of(zone_name(zone))
        href = links.channel_report(int(row["channel_id"]), str(months.month_of(now, own)), zone_name(zone))
        words = fill(
            "Expected <b>{words}</b>{on}. {availability} · {report}",
            words=row["schedule"] or "always",
            on=on if row["schedule"] else NOTHING,
            availability=links.link(links.availability(of="Channels"), "Availability of all channels"),
            report=fill('<a href="{href}" data-leave>Its month, to print</a>', href=href),
        )
        st.html(fill('<p class="foot">{words}</p>', words=words))
        if may("admin"):
            _form(int(row["channel_id"]), str(row["schedule"]), str(row["zone"]), zone_name(zone))


def _form(channel_id: int, words: str, zone: str, own: str) -> None:
    """Enter another schedule. own: the viewer's zone, offered where nothing was entered yet."""
    faults: dict[str, str] = st.session_state.get(_FAULTS, {})
    line = st.container(horizontal=True, vertical_alignment="bottom")
    with line:
        wanted = st.text_input(
            "Days and hours; empty is always",
            words,
            max_chars=LONGEST,
            placeholder="Mon-Fri 06:00-23:00; Sat,Sun 10:00-02:00",
            key=f"schedule-{channel_id}",
        )
        zones = months.zones()
        first = zone if words and zone in zones else own if own in zones else "UTC"
        chosen = st.selectbox(
            "On the clock of", zones, index=zones.index(first), key=f"schedule-zone-{channel_id}", width=240
        )
        save = st.button("Save", icon=":material/save:", key=f"schedule-save-{channel_id}")
    fault(faults, "schedule")
    fault(faults, "zone")
    if save:
        _save(channel_id, wanted, chosen or first)


def _save(channel_id: int, words: str, zone: str) -> None:
    try:
        set_schedule(frames.engine(), channel_id, words, zone, by=actor())
    except Invalid as error:
        st.session_state[_FAULTS] = error.faults
    except Unknown:
        st.session_state[_FAULTS] = {"schedule": "there is no such channel any more"}
    except Forbidden as error:
        st.session_state[_FAULTS] = {"schedule": str(error)}
    except Unavailable:
        st.session_state[_FAULTS] = {"schedule": "the database does not answer; what you typed is still here"}
    else:
        st.session_state.pop(_FAULTS, None)
        st.session_state[_TOLD] = "It is judged by that from now on, its past too"
        frames.forget()
    st.rerun()
