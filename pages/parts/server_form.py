"""The form that adds or changes a server: test its connection, save, pause, retire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Never

import pandas as pd
import streamlit as st

from actions.add_server import add_server
from actions.change_server import change_server, pause_server, retire_server
from actions.try_connection import FIND_OUT, try_connection
from cdn.clock import utc_now
from cdn.errors import Changed, NoKey, Unavailable, Unknown
from cdn.model import REASON_WORDS, Invalid, PollError
from cdn.settings import settings
from pages.parts import told
from pages.parts.fields import Fields
from pages.parts.server_fields import KINDS, server_fields
from ui import frames, links, numbers, server, theme
from ui.cards import card
from ui.form import found
from ui.html import fill
from ui.notices import notice
from ui.visitor import actor

# What a server can report, in few words: (word, one metric that stands for it).
REPORTS = (
    ("traffic", "egress_bytes"),
    ("viewers", "viewers"),
    ("streams", "live_streams"),
    ("requests", "requests"),
    ("connections", "connections"),
    ("processor", "system_cpu"),
    ("memory", "system_memory"),
    ("disk", "disk_busy"),
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A form somebody has open: of which server, as it was stored then (None: a new one)."""

    of: tuple[int | None, int, str]
    key: str
    stored: frames.Stored | None
    memory: dict[str, Any]


def _opened(stored: frames.Stored | None, url: str) -> Opened:
    """The form that is open in this session; another one than before begins with what is stored now."""
    of = (stored.id if stored else None, told.turn(), url)
    held = st.session_state.get("fleet-form")
    # Compared by its fields: after a module was read anew its classes are other ones.
    if held is None or held["of"] != of:
        number = st.session_state.get("fleet-forms", 0) + 1
        st.session_state["fleet-forms"] = number
        held = {"of": of, "key": f"{of[0] or 'new'}-{number}", "stored": stored, "memory": {}}
        st.session_state["fleet-form"] = held
    return Opened(**held)


class ServerForm:
    """The form of one server: new where `stored` is None, then with `url` filled in.

    Everything typed stays until it is accepted.
    """

    def __init__(self, servers: pd.DataFrame, stored: frames.Stored | None, url: str = "") -> None:
        self._servers = servers
        self._url = url
        # As it was when the form was opened: who was overtaken meanwhile is told, and keeps what was typed.
        opened = _opened(stored, url)
        self._stored = opened.stored
        # What the last test or attempt to save brought: "faults", and "found" = what stands above the buttons.
        self._memory = opened.memory
        self._ask = Fields(opened.key, self._memory.get("faults", {}))

    def draw(self) -> None:
        """The form and its buttons."""
        interval = f"{settings().poll_interval:g}"
        title = f"Change {self._stored.draft.name}" if self._stored else "Add a server"
        with card("form", title, "" if self._stored else f"its numbers appear within {interval} seconds"):
            fields = server_fields(self._ask, self._servers, self._stored, self._url)
            if "found" in self._memory:
                tone, words, text = self._memory["found"]
                st.html(notice(tone, "check_circle" if tone == "ok" else "cancel", words, text))
            self._buttons(fields)

    def _buttons(self, fields: dict[str, Any]) -> None:
        with st.container(horizontal=True, key="form-buttons", gap="small"):
            save = st.button(
                "Save" if self._stored else "Add server",
                type="primary",
                icon=":material/save:" if self._stored else ":material/add_circle:",
                key=self._ask.name("save"),
            )
            test = st.button("Test connection", icon=":material/network_check:", key=self._ask.name("test"))
        if self._stored:
            with st.container(horizontal=True, key="form-more-buttons", gap="small", vertical_alignment="center"):
                self._pause_and_retire(self._stored)
                st.html(links.link(links.FLEET, "Cancel", "btn quiet"), width="content")
        if test:
            self._test(fields)
        elif save:
            self._save(fields)

    def _test(self, fields: dict[str, Any]) -> None:
        self._memory.clear()
        server_id = self._stored.id if self._stored else None
        try:
            with st.spinner("Asking the server…"):
                answer = try_connection(frames.engine(), fields, settings=settings(), by=actor(), server_id=server_id)
        except Invalid as error:
            self._memory["faults"] = error.faults
        except PollError as error:
            self._memory["found"] = ("bad", f"It does not work: {REASON_WORDS[error.reason]}", error.detail)
        except Unknown:
            self._memory["found"] = ("bad", "This server was retired meanwhile", "Its password is not known any more.")
        except Unavailable as error:
            self._memory["found"] = ("bad", "The database does not answer", f"Nothing was asked; try again. {error}")
        else:
            streams = f", {numbers.many(answer.streams, 'stream')}" if answer.streams is not None else ""
            reported = [word for word, metric in REPORTS if metric in answer.reports]
            silent = [word for word, metric in REPORTS if metric not in answer.reports]
            facts = [
                ("Reports", ", ".join(reported) + streams),
                ("Does not report", ", ".join(silent) or "nothing of note"),
                *(("Note", note) for note in answer.reading.notes),
            ]
            now, clock = utc_now(), answer.reading.now
            if answer.certificate_expires is not None:
                facts.append(("Certificate", server.certificate(answer.certificate_expires, now, theme.viewer_zone())))
            if clock is not None:
                off = server.clock_words(clock - now.timestamp())
                facts.append(("Its clock", f"{off} of ours" if off else "right"))
            if answer.url != fields["url"].strip().rstrip("/"):
                facts.append(("Found at", answer.url))
            software = answer.reading.software or KINDS[answer.kind]
            words = f"It answers: {software}, in {numbers.duration(answer.timing.total)}"
            self._memory["found"] = ("ok", words, found(facts))
            self._memory["answer"] = (fields["url"], answer.kind.value, answer.url)
        st.rerun()

    def _save(self, fields: dict[str, Any]) -> None:
        if fields["kind"] == FIND_OUT:
            asked, kind, url = self._memory.get("answer", (None, "", ""))
            if asked != fields["url"]:
                self._memory["faults"] = {"kind": "test the connection to find out, or choose the kind yourself"}
                st.rerun()
            fields = {**fields, "kind": kind, "url": url}
        key, stored = settings().secret_key.get_secret_value(), self._stored
        try:
            if stored:
                change_server(frames.engine(), stored.id, stored.version, fields, key=key, by=actor())
            else:
                add_server(frames.engine(), fields, key=key, by=actor())
        except Invalid as error:
            self._memory["faults"] = error.faults
            st.rerun()
        except NoKey as error:
            self._refuse("The password cannot be stored", str(error))
        except (Changed, Unknown, Unavailable) as error:
            self._refuse(*_words(error))
        told.done(f"{fields['name']} is {'changed' if stored else 'added'}")

    def _pause_and_retire(self, stored: frames.Stored) -> None:
        name = stored.draft.name
        words = "Go on asking" if stored.paused else "Pause"
        symbol = ":material/play_arrow:" if stored.paused else ":material/pause:"
        if st.button(words, icon=symbol, key=self._ask.name("pause")):
            try:
                pause_server(frames.engine(), stored.id, paused=not stored.paused, by=actor())
            except (Changed, Unknown, Unavailable) as error:
                self._refuse(*_words(error))
            told.done(f"{name} is {'asked again' if stored.paused else 'paused'}")
        if st.button("Retire…", icon=":material/inventory_2:", key=self._ask.name("retire")):
            confirm_retiring(name, lambda: self._retire(stored))

    def _retire(self, stored: frames.Stored) -> Never:
        try:
            retire_server(frames.engine(), stored.id, by=actor(), now=utc_now())
        except (Changed, Unknown, Unavailable) as error:
            self._refuse(*_words(error))
        told.done(f"{stored.draft.name} is retired")

    def _refuse(self, title: str, text: str) -> Never:
        """Say above the buttons why nothing was done."""
        self._memory.pop("faults", None)
        self._memory["found"] = ("bad", title, text)
        st.rerun()


def _words(error: Changed | Unknown | Unavailable) -> tuple[str, str]:
    """Why nothing was done, and what to do."""
    if isinstance(error, Changed):
        return "Somebody else changed this server meanwhile", "Nothing was saved. Cancel, then open it again to see it."
    if isinstance(error, Unknown):
        return "This server was retired meanwhile", "Nothing was done."
    return "The database does not answer", f"Nothing was done; try again. {error}"


@st.dialog("Retire this server?")
def confirm_retiring(name: str, confirmed: Callable[[], None]) -> None:
    """Ask whether it is meant; then do what is `confirmed`."""
    st.html(fill('<p class="say">{name} is no longer asked. Its history stays, its name is free again.</p>', name=name))
    if st.button("Retire it", type="primary", key="fleet-retire-now"):
        confirmed()
