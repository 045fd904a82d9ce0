"""Test connection: what is behind an address, before or after it becomes a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actions import server_form
from actions.permission import require
from cdn.model import Actor, AuthMethod, Invalid, Kind, Target
from cdn.settings import Settings
from collector.detect import Found, detect
from db import fleet
from db.engine import Engine

FIND_OUT = "find_out"
# Only what a connection needs is judged: the rest of the form may still be empty.
NEEDED = ("url", "role", "verify_tls", "user", "password", "token")


def try_connection(
    engine: Engine, fields: Mapping[str, Any], *, settings: Settings, by: Actor, server_id: int | None = None
) -> Found:
    """Ask the server that `fields` describe once. Nothing is stored.

    kind may be "find_out". server_id: whose stored secret to use where the form keeps it.
    Raises Invalid for faults of url, role and credentials; cdn.model.PollError with the plain reason.
    """
    require(by, "admin")
    wanted = fields.get("kind") or FIND_OUT
    kind = None if wanted == FIND_OUT else Kind(wanted)
    given = {name: fields[name] for name in NEEDED if fields.get(name) not in (None, "")}
    faults: dict[str, str] = {}
    url = ""
    try:
        url = server_form.address(given.pop("url", ""), kind)
    except ValueError as fault:
        faults["url"] = str(fault)
    try:
        stand_in = {"name": "server", "role": "edge", "kind": kind or Kind.SRS, "url": "http://server/status"}
        draft = server_form.read({**stand_in, **given})
    except Invalid as error:
        faults = {**error.faults, **faults}
    if faults:
        raise Invalid(faults)
    credentials, readable = draft.credentials, True
    if draft.keep_secret and server_id is not None:
        stored = fleet.credentials_of(engine, server_id, settings.secret_key.get_secret_value())
        credentials, readable = stored.credentials, stored.readable
        if server_form.place(stored.url) != server_form.place(url):
            field = "token" if credentials.method is AuthMethod.BEARER else "password"
            raise Invalid({field: "the address leads elsewhere now: enter it again"})
    target = Target(
        id=0,
        name="server",
        kind=draft.kind,
        url=url,
        role=draft.role,
        interval=settings.poll_interval,
        verify_tls=draft.verify_tls,
        credentials=credentials,
        unreadable_secret=not readable,
    )
    return detect(target, kind, settings)
