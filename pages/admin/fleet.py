"""Fleet: which servers are watched; add, change, pause and retire them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from actions.add_server import add_server
from actions.change_server import change_server, pause_server, retire_server
from actions.import_servers import import_servers
from actions.server_form import KEEP
from actions.try_connection import FIND_OUT, try_connection
from cdn.clock import utc_now
from cdn.errors import Changed, NoKey, Unavailable, Unknown
from cdn.health import State
from cdn.model import LOCAL_ADMIN, REASON_WORDS, AuthMethod, Invalid, Kind, PollError, Role
from cdn.settings import settings
from ui import frames, links, numbers, tables
from ui.cards import card
from ui.form import fault, found
from ui.headline import Headline, headline
from ui.html import Html, fill
from ui.notices import empty, notice
from ui.status import LOOKS, chip

KINDS = {FIND_OUT: "Find out", Kind.SRS.value: "SRS", Kind.NGINX.value: "NGINX"}
ROLES = {Role.EDGE.value: "Edge: delivers to viewers", Role.ORIGIN.value: "Origin: takes the publishers' streams"}
SIGN_IN = {
    AuthMethod.NONE.value: "Nothing",
    AuthMethod.BASIC.value: "User and password",
    AuthMethod.BEARER.value: "Token",
}
STORED = "Stored. Leave empty to keep it."
ROWS = 100
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


def draw() -> None:
    """The page."""
    try:
        servers = frames.fleet()
        chosen = st.query_params.get("edit")
        stored = frames.stored(chosen) if chosen else None
    except Unavailable as error:
        headline(Headline("nodata", fill("The fleet cannot be shown"), fill("The database does not answer.")))
        st.html(notice("bad", "database_off", "Nothing can be changed just now", str(error)))
        return
    headline(_headline(servers))
    if chosen and stored is None:
        text = fill("It was renamed or retired. {link}", link=links.link(links.FLEET, "Add a new server instead"))
        st.html(notice("warn", "help", fill("No server is called {name}", name=chosen), text))
    _tell_last()
    form, listing = st.columns([2, 3], gap="small")
    with form:
        ServerForm(servers, stored).draw()
    with listing:
        _listing(servers)


def _headline(servers: pd.DataFrame) -> Headline:
    paused = int((servers["state"] == State.PAUSED).sum())
    watched = len(servers) - paused
    below = fill("Add, change or pause servers. Passwords are stored encrypted and are never shown again.")
    if servers.empty:
        return Headline("planned", fill("No server is watched yet"), below)
    title = f"{numbers.many(watched, 'server')} {'is' if watched == 1 else 'are'} watched"
    if paused:
        title += f", {paused} {'is' if paused == 1 else 'are'} paused"
    return Headline("planned", fill("{title}", title=title), below, icon="lan")


def _tell_last() -> None:
    """What the last action did, once: the page was drawn anew since."""
    told = st.session_state.pop("fleet-told", None)
    if told:
        st.toast(told, icon=":material/check_circle:")


def _done(words: str) -> None:
    """Note what was done, and begin with an empty form and fresh numbers."""
    st.session_state["fleet-told"] = words
    st.session_state["fleet-forms"] = st.session_state.get("fleet-forms", 0) + 1
    frames.forget()
    st.query_params.pop("edit", None)
    st.rerun()


class ServerForm:
    """The form of one server: new where `stored` is None. Everything typed stays until it is accepted."""

    def __init__(self, servers: pd.DataFrame, stored: frames.Stored | None) -> None:
        self._servers = servers
        self._stored = stored
        self._draft = stored.draft if stored else None
        turn = st.session_state.get("fleet-forms", 0)
        self._key = f"{stored.id}-{stored.version}-{turn}" if stored else f"new-{turn}"
        self._memory: dict[str, Any] = st.session_state.setdefault(f"fleet-form-{self._key}", {})
        self._faults: Mapping[str, str] = self._memory.get("faults", {})

    def draw(self) -> None:
        """The form and its buttons."""
        interval = f"{settings().poll_interval:g}"
        title = f"Change {self._draft.name}" if self._draft else "Add a server"
        with card("form", title, "" if self._draft else f"its numbers appear within {interval} seconds"):
            fields = self._fields()
            self._result()
            self._buttons(fields)

    def _fields(self) -> dict[str, Any]:
        draft = self._draft
        fields: dict[str, Any] = {}
        fields["url"] = self._text("url", "Address", draft.url if draft else "", "http://edge.example.net:1985")
        left, right = st.columns(2, gap="small")
        with left:
            fields["name"] = self._text("name", "Name", draft.name if draft else "", "edge-1")
        with right:
            fields["kind"] = self._choice("kind", "Kind", KINDS, draft.kind.value if draft else FIND_OUT)
        left, right = st.columns(2, gap="small")
        with left:
            fields["region"] = self._known("region", "Region", draft.region if draft else "")
        with right:
            fields["role"] = self._choice("role", "Role", ROLES, draft.role.value if draft else Role.EDGE.value)
        left, right = st.columns(2, gap="small")
        with left:
            room = numbers.rate(draft.capacity_bps) if draft and draft.capacity_bps else ""
            fields["capacity"] = self._text("capacity", "Room", room, "10 Gbit/s")
        with right:
            every = f"{draft.interval_seconds:g} s" if draft and draft.interval_seconds else ""
            fields["interval"] = self._text("interval", "Ask every", every, f"{settings().poll_interval:g} s")
        fields |= self._sign_in()
        if st.toggle("More settings", key=self._name("more")):
            fields |= self._more()
        elif draft:
            fields |= {
                "provider": draft.provider,
                "tags": draft.tags,
                "origins": draft.origins,
                "addresses": draft.addresses,
                "verify_tls": draft.verify_tls,
            }
        return fields

    def _sign_in(self) -> dict[str, Any]:
        method = self._draft.credentials.method.value if self._draft else AuthMethod.NONE.value
        chosen = st.segmented_control(
            "Sign in to the server with",
            list(SIGN_IN),
            default=method,
            required=True,
            format_func=SIGN_IN.__getitem__,
            key=self._name("auth"),
        )
        kept = self._stored is not None and self._stored.has_secret and chosen == method
        if chosen == AuthMethod.BASIC:
            left, right = st.columns(2, gap="small")
            with left:
                user = self._text("user", "User", self._draft.credentials.user if self._draft else "")
            with right:
                password = self._secret("password", "Password", kept)
            return {"user": user, "password": password}
        if chosen == AuthMethod.BEARER:
            return {"token": self._secret("token", "Token", kept)}
        return {}

    def _more(self) -> dict[str, Any]:
        draft = self._draft
        fields: dict[str, Any] = {"provider": self._known("provider", "Provider", draft.provider if draft else "")}
        names = [name for name in self._servers["name"] if draft is None or name != draft.name]
        chosen = [name for name in (draft.origins if draft else ()) if name in names]
        fields["origins"] = st.multiselect("Pulls from", names, chosen, key=self._name("origins"))
        fault(self._faults, "origins")
        fields["tags"] = self._text("tags", "Tags", ", ".join(draft.tags) if draft else "", "sport, backup")
        addresses = ", ".join(draft.addresses) if draft else ""
        fields["addresses"] = self._text(
            "addresses", "Addresses it connects from", addresses, "192.0.2.7, 192.0.2.16/28"
        )
        fields["verify_tls"] = st.toggle(
            "Check its certificate (https)", value=draft.verify_tls if draft else True, key=self._name("verify_tls")
        )
        if not fields["verify_tls"]:
            st.html(notice("warn", "warning", "Not checked", "Somebody in between could pretend to be this server."))
        return fields

    def _buttons(self, fields: dict[str, Any]) -> None:
        with st.container(horizontal=True, key="form-buttons", gap="small"):
            save = st.button(
                "Save" if self._stored else "Add server",
                type="primary",
                icon=":material/save:" if self._stored else ":material/add_circle:",
                key=self._name("save"),
            )
            test = st.button("Test connection", icon=":material/network_check:", key=self._name("test"))
        if self._stored:
            with st.container(horizontal=True, key="form-more-buttons", gap="small", vertical_alignment="center"):
                self._pause_and_retire(self._stored)
                st.html(links.link(links.FLEET, "Cancel", "quiet"))
        if test:
            self._test(fields)
        elif save:
            self._save(fields)

    def _test(self, fields: dict[str, Any]) -> None:
        self._memory.pop("faults", None)
        try:
            with st.spinner("Asking the server…"):
                answer = try_connection(
                    frames.engine(), fields, settings=settings(), by=LOCAL_ADMIN, server_id=self._id()
                )
        except Invalid as error:
            self._memory["faults"] = error.faults
            self._memory.pop("found", None)
        except PollError as error:
            words = REASON_WORDS[error.reason]
            self._memory["found"] = ("bad", f"It does not work: {words}", error.detail, None)
        else:
            streams = f", {numbers.many(answer.streams, 'stream')}" if answer.streams is not None else ""
            told = [word for word, metric in REPORTS if metric in answer.reports]
            silent = [word for word, metric in REPORTS if metric not in answer.reports]
            facts = [
                ("Reports", ", ".join(told) + streams),
                ("Does not report", ", ".join(silent) or "nothing of note"),
            ]
            facts += [("Note", note) for note in answer.reading.notes]
            if answer.url != fields["url"].strip().rstrip("/"):
                facts.append(("Found at", answer.url))
            took = numbers.duration(answer.timing.total)
            title = f"It answers: {answer.reading.software or KINDS[answer.kind]}, in {took}"
            self._memory["found"] = ("ok", title, found(facts), (fields["url"], answer.kind.value, answer.url))
        st.rerun()

    def _save(self, fields: dict[str, Any]) -> None:
        if fields["kind"] == FIND_OUT:
            known = self._memory.get("found")
            if not known or known[3] is None or known[3][0] != fields["url"]:
                self._memory["faults"] = {"kind": "test the connection to find out, or choose the kind yourself"}
                st.rerun()
            fields = {**fields, "kind": known[3][1], "url": known[3][2]}
        key = settings().secret_key.get_secret_value()
        try:
            if self._stored:
                change_server(frames.engine(), self._stored.id, self._stored.version, fields, key=key, by=LOCAL_ADMIN)
            else:
                add_server(frames.engine(), fields, key=key, by=LOCAL_ADMIN)
        except Invalid as error:
            self._memory["faults"] = error.faults
            st.rerun()
        except Changed:
            self._refused("Somebody else changed this server meanwhile", "Open it again to see what it is like now.")
        except Unknown:
            self._refused("This server was retired meanwhile", "Nothing was saved.")
        except NoKey as error:
            self._refused("The password cannot be stored", str(error))
        except Unavailable as error:
            self._refused("The database does not answer", f"Nothing was saved; try again. {error}")
        else:
            _done(f"{fields['name']} is {'changed' if self._stored else 'added'}")

    def _refused(self, title: str, text: str) -> None:
        self._memory["found"] = ("bad", title, text, None)
        self._memory.pop("faults", None)
        st.rerun()

    def _pause_and_retire(self, stored: frames.Stored) -> None:
        name = stored.draft.name
        pause = "Go on asking" if stored.paused else "Pause"
        symbol = ":material/play_arrow:" if stored.paused else ":material/pause:"
        if st.button(pause, icon=symbol, key=self._name("pause")):
            pause_server(frames.engine(), stored.id, paused=not stored.paused, by=LOCAL_ADMIN)
            _done(f"{name} is {'asked again' if stored.paused else 'paused'}")
        if st.button("Retire…", icon=":material/inventory_2:", key=self._name("retire")):
            _confirm_retiring(stored.id, name)

    def _result(self) -> None:
        """What the last test or attempt to save brought, above the buttons."""
        if "found" in self._memory:
            tone, title, text, _ = self._memory["found"]
            st.html(notice(tone, "check_circle" if tone == "ok" else "cancel", title, text))

    def _id(self) -> int | None:
        return self._stored.id if self._stored else None

    def _name(self, field: str) -> str:
        return f"fleet-{field}-{self._key}"

    def _text(self, field: str, label: str, value: str, example: str = "") -> str:
        typed = st.text_input(label, value, placeholder=example, key=self._name(field), autocomplete="off")
        fault(self._faults, field)
        return typed

    def _secret(self, field: str, label: str, kept: bool) -> Any:
        typed = st.text_input(
            label,
            type="password",
            placeholder=STORED if kept else "",
            key=self._name(field),
            autocomplete="new-password",
        )
        fault(self._faults, field)
        return KEEP if kept and not typed else typed

    def _choice(self, field: str, label: str, options: Mapping[str, str], value: str) -> str:
        names = list(options)
        chosen = st.selectbox(
            label, names, index=names.index(value), format_func=options.__getitem__, key=self._name(field)
        )
        fault(self._faults, field)
        return str(chosen)

    def _known(self, field: str, label: str, value: str) -> str:
        """A choice among the values other servers have, or a new one."""
        values = sorted({str(each) for each in self._servers[field]} | {value} - {""})
        values = [each for each in values if each]
        chosen = st.selectbox(
            label,
            values,
            index=values.index(value) if value else None,
            placeholder="Choose or type",
            accept_new_options=True,
            key=self._name(field),
        )
        fault(self._faults, field)
        return chosen or ""


@st.dialog("Retire this server?")
def _confirm_retiring(server_id: int, name: str) -> None:
    st.html(fill('<p class="say">{name} is no longer asked. Its history stays, its name is free again.</p>', name=name))
    if st.button("Retire it", type="primary", key="fleet-retire-now"):
        retire_server(frames.engine(), server_id, by=LOCAL_ADMIN, now=utc_now())
        _done(f"{name} is retired")


COLUMNS = (
    tables.Column("Server"),
    tables.Column("State"),
    tables.Column("Kind"),
    tables.Column("Role", phone=False),
    tables.Column("Region"),
    tables.Column("Asked every", number=True),
    tables.Column("Signs in with", phone=False),
)


def _listing(servers: pd.DataFrame) -> None:
    with card("fleet", "Fleet", numbers.many(len(servers), "server")):
        if servers.empty:
            st.html(empty("lan", "No servers yet", "The first one you add appears here."))
            _file()
            return
        with st.container(horizontal=True, key="fleet-filters"):
            wanted = st.text_input(
                "Search",
                key="search",
                bind="query-params",
                placeholder="Name, address, region, tag",
                icon=":material/search:",
                label_visibility="collapsed",
            )
            with st.popover("Read from a file", icon=":material/upload_file:"):
                _file()
        shown = servers[_matches(servers, wanted or "")]
        if shown.empty:
            text = f"{numbers.many(len(servers), 'server')} are watched. Search for something else."
            st.html(empty("search_off", "No server fits this search", text))
            return
        rows = [tables.Row(_cells(row)) for row in shown.head(ROWS).itertuples()]
        st.html(tables.table("All servers of the fleet; select one to change it", COLUMNS, rows))
        if len(shown) > ROWS:
            st.html(
                fill('<p class="note">{text}</p>', text=f"{ROWS} of {len(shown):,} shown: search to see the others.")
            )


def _matches(servers: pd.DataFrame, wanted: str) -> pd.Series:
    text = servers[["name", "url", "region", "provider", "kind", "role"]].agg(" ".join, axis="columns")
    text = text + " " + servers["tags"].map(" ".join)
    return text.str.lower().map(lambda line: all(word in line for word in wanted.lower().split()))


def _cells(row: Any) -> list[object]:
    return [
        links.link(links.edit(row.name), row.name),
        chip(LOOKS[row.state]),
        _software(row),
        str(row.role).capitalize(),
        row.region or tables.unknown("no region set"),
        f"{row.interval:g} s",
        {"none": "nothing", "basic": "user, password", "bearer": "token"}[row.auth],
    ]


def _software(row: Any) -> Html | str:
    return row.software or KINDS[row.kind]


def _file() -> None:
    """Read servers from a file: all of them or none."""
    given = st.file_uploader("servers.toml", type="toml", key=f"fleet-file-{st.session_state.get('fleet-forms', 0)}")
    st.html(fill('<p class="note">One [[server]] table each. Servers of the same name are changed.</p>'))
    if given is None or not st.button("Read it", type="primary", key="fleet-file-read"):
        return
    try:
        report = import_servers(
            frames.engine(),
            given.getvalue().decode("utf-8", "replace"),
            key=settings().secret_key.get_secret_value(),
            by=LOCAL_ADMIN,
        )
    except Invalid as error:
        faults = found(error.faults.items())
        st.html(notice("bad", "error", "Nothing was imported", faults))
    except NoKey as error:
        st.html(notice("bad", "key_off", "Nothing was imported", str(error)))
    except Unavailable as error:
        st.html(notice("bad", "database_off", "Nothing was imported", str(error)))
    else:
        _done(f"{report.added} added, {report.changed} changed, {report.unchanged} as they were")


draw()
