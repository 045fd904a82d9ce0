"""Addresses that pull from our origins and that nobody entered: add them with one press, or say they are not ours."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from actions.adopt_puller import adopt_puller, dismiss_puller
from cdn.clock import utc_now
from cdn.errors import NoKey, Unavailable, Unknown
from cdn.model import Invalid
from cdn.settings import settings
from pages.parts import told
from ui import fleet, frames, links, numbers
from ui.cards import card
from ui.html import fill
from ui.notices import notice
from ui.visitor import actor

ROWS = 8
# Why the last press did nothing: (title, text), told once.
_REFUSED = "found-refused"


def found_servers(pullers: pd.DataFrame, servers: pd.DataFrame) -> None:
    """The card; nothing where only viewers pull. pullers: db.pullers.pullers; servers: the fleet."""
    refused = st.session_state.pop(_REFUSED, None)
    if refused:
        st.html(notice("bad", "cancel", *refused))
    # One that was added a moment ago is known by its url until its first poll.
    pullers = pullers[~pullers["url"].isin(servers["url"])]
    likely = fleet.likely_servers(pullers)
    if likely.empty:
        return
    with card("found", fleet.found_title(likely)):
        for place, row in enumerate(likely.head(ROWS).itertuples()):
            with st.container(horizontal=True, key=f"found-row-{place}", gap="small", vertical_alignment="center"):
                st.html(fleet.found_words(row))
                _buttons(row)
        rest = []
        if len(likely) > ROWS:
            rest.append(f"{numbers.many(len(likely) - ROWS, 'address', 'addresses')} more")
        if len(pullers) > len(likely):
            viewers = numbers.many(len(pullers) - len(likely), "address", "addresses")
            rest.append(f"{viewers} with only one or two streams, as viewers have")
        if rest:
            st.html(fill('<p class="note">and {rest}</p>', rest=", ".join(rest)))


def _buttons(row: Any) -> None:
    address = row.address
    if fleet.answers(row):
        st.button(
            "Add",
            type="primary",
            icon=":material/add_circle:",
            key=f"found-add-{address}",
            on_click=_add,
            args=(address,),
        )
    else:
        st.html(links.link(fleet.entered_by_hand(address), "Enter by hand", "btn"), width="content")
    st.button("Not ours", icon=":material/block:", key=f"found-dismiss-{address}", on_click=_dismiss, args=(address,))


def _add(address: str) -> None:
    try:
        name = adopt_puller(
            frames.engine(),
            address,
            now=utc_now(),
            key=settings().secret_key.get_secret_value(),
            by=actor(),
        )
    except Unknown:
        _refuse(f"{address} was not added", "It does not pull any more, or is monitored already.")
    except Invalid as error:
        _refuse(f"{address} was not added", "; ".join(f"{field}: {fault}" for field, fault in error.faults.items()))
    except (NoKey, Unavailable) as error:
        _refuse(f"{address} was not added", f"Try again. {error}")
    else:
        told.note(f"{name} is added", edit=name)


def _dismiss(address: str) -> None:
    try:
        dismiss_puller(frames.engine(), address, now=utc_now(), by=actor())
    except Unknown:
        _refuse("Nothing was noted", f"{address} does not pull any more.")
    except Unavailable as error:
        _refuse("Nothing was noted", f"Try again. {error}")
    else:
        told.note(f"{address} will not be asked about again")


def _refuse(title: str, text: str) -> None:
    st.session_state[_REFUSED] = (title, text)
    frames.forget()
