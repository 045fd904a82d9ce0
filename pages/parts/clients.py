"""Who is connected? The server is asked once, when somebody presses the button; nothing is stored."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any

import streamlit as st

from actions.list_clients import LISTS_CLIENTS, list_clients
from cdn.clock import utc_now
from cdn.errors import Forbidden, Unavailable, Unknown
from cdn.model import REASON_WORDS, Kind, PollError
from cdn.settings import settings
from ui import connected, frames, numbers, tables, verdict
from ui.cards import card, card_head
from ui.html import fill
from ui.notices import empty, notice, paragraphs
from ui.visitor import actor, may

# What was answered, in this session alone and until the next question: {"of", "at", "answer" or "refused"}.
_ASKED = "clients-asked"
_OFFER = "Publishers, own servers and players with their addresses, at most {most} of them. Nothing of it is stored."
_BY_WORKER = (
    "Each worker process of NGINX lists its own clients. Where there are several, ask again to see if one was missed."
)
_KINDS = {kind.value for kind in LISTS_CLIENTS}


def clients_card(row: Any, zone: tzinfo) -> None:
    """The card of a server whose kind lists its clients; nothing for the others. row: one of db.live.fleet."""
    if row.kind not in _KINDS:
        return
    button = f"clients-ask-{row.id}"
    with card("clients"):
        head = st.container()
        # Pressed: it is asked before the rest is drawn.
        if st.session_state.get(button):
            with st.spinner("Asking the server…"):
                _ask(row.id)
        held = st.session_state.get(_ASKED)
        asked = held if held and held["of"] == row.id else None
        at = numbers.clock(asked["at"], zone, seconds=True) if asked else ""
        head.html(card_head("Who is connected?", f"asked at {at}" if at else "the server is asked once, when you ask"))
        if asked is None:
            st.html(fill('<p class="note">{say}</p>', say=_OFFER.format(most=f"{settings().max_clients_per_server:,}")))
        elif "refused" in asked:
            st.html(notice("bad", "cancel", *asked["refused"]))
        else:
            _draw(row, asked["answer"])
        with st.container(horizontal=True, key="clients-buttons", gap="small"):
            words = "Ask again" if asked else "Ask who is connected"
            if may("operator"):
                st.button(words, icon=":material/group:", key=button)
            else:
                st.html(fill('<p class="note">Operators may ask.</p>'))
            if asked:
                st.button("Put away", icon=":material/close:", key=f"clients-close-{row.id}", on_click=_forget)


def _ask(server_id: int) -> None:
    asked: dict[str, Any] = {"of": server_id, "at": utc_now()}
    try:
        asked["answer"] = list_clients(frames.engine(), server_id, settings=settings(), by=actor())
    except PollError as error:
        asked["refused"] = (f"It does not tell: {REASON_WORDS[error.reason]}", error.detail)
    except Forbidden as error:
        asked["refused"] = ("You may not ask", f"{error}.")
    except Unknown:
        asked["refused"] = ("This server cannot be asked", "It was retired, or its kind lists no clients.")
    except Unavailable as error:
        asked["refused"] = ("The database does not answer", f"The server was not asked; try again. {error}")
    st.session_state[_ASKED] = asked


def _forget() -> None:
    st.session_state.pop(_ASKED, None)


def _draw(row: Any, answer: Any) -> None:
    """What was answered: a collector.detect.Connected."""
    if answer.clients is None:
        said = paragraphs(*answer.notes) if answer.notes else "Its answer holds no list of clients."
        st.html(notice("warn", "help", "It lists no clients", said))
        return
    if not answer.complete:
        most = settings().max_clients_per_server
        text = f"The first {most:,} were read; all numbers below are of those."
        st.html(notice("warn", "content_cut", f"It has more than {most:,} clients", text))
    if not answer.settled:
        text = "Not every server of ours has been reached yet: some may be among the players."
        st.html(notice("", "info", "Own servers may be missing", text))
    if not answer.clients:
        st.html(empty("group_off", "Nobody is connected", "No publisher, no own server, no player."))
        return
    st.html(fill('<p class="say">{who}.</p>', who=verdict.capital(connected.summary(answer.clients, answer.own))))
    rows = connected.stream_rows(answer.clients, answer.own)
    st.html(tables.table("Who is connected, by stream", connected.STREAM_COLUMNS, rows[: connected.STREAMS_SHOWN]))
    if len(rows) > connected.STREAMS_SHOWN:
        rest = numbers.many(len(rows) - connected.STREAMS_SHOWN, "stream")
        st.html(fill('<p class="note">and {rest} more, with fewer players</p>', rest=rest))
    shown = list(connected.largest(answer.clients, answer.own))
    title = "All connections" if len(shown) == len(answer.clients) else f"The {len(shown)} largest connections"
    st.html(fill("<h2>{title}</h2>", title=title))
    st.html(tables.table(title, connected.CLIENT_COLUMNS, shown))
    if row.kind == Kind.NGINX_RTMP:
        st.html(fill('<p class="note">{say}</p>', say=_BY_WORKER))
