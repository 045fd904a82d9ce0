"""Change, pause, resume or retire a server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from actions import server_form
from actions.add_server import refuse_unknown
from actions.permission import require
from cdn.errors import Changed, Unknown
from cdn.model import Actor, AuthMethod, Invalid
from db import audit, fleet
from db.engine import Engine, Session, editing
from db.models import Server


def change_server(
    engine: Engine, server_id: int, version: int, fields: Mapping[str, Any], *, key: str, by: Actor
) -> None:
    """Make a server be as `fields` say; `version` is the one they were made from.

    Raises Invalid with every fault by field, Changed where somebody else was faster, Unknown.
    """
    require(by, "admin")
    draft = server_form.read(fields)
    with editing(engine) as session:
        server = _current(session, server_id)
        if server.version != version:
            raise Changed
        other = fleet.by_name(session, draft.name)
        if other is not None and other.id != server_id:
            raise Invalid({"name": f"there is a server called {draft.name} already"})
        _refuse_moving_secret(server, draft)
        before = fleet.described(server)
        fleet.apply(session, server, draft, key)
        refuse_unknown(fleet.link(server, draft.origins, fleet.names(session) if draft.origins else {}))
        entered = {"credentials": "entered again"} if draft.credentials.secret and not draft.keep_secret else {}
        audit.record(session, by, "server.change", server.name, before=before, after=fleet.described(server) | entered)


def pause_server(engine: Engine, server_id: int, *, paused: bool, by: Actor) -> None:
    """Stop polling a server, or go on. Its history stays. Raises Unknown."""
    require(by, "admin")
    with editing(engine) as session:
        server = _current(session, server_id)
        if server.paused != paused:
            server.paused = paused
            audit.record(session, by, "server.pause" if paused else "server.resume", server.name)


def retire_server(engine: Engine, server_id: int, *, by: Actor, now: datetime) -> None:
    """Take a server out of the fleet for good. Its history and name stay; the name may be used again."""
    require(by, "admin")
    with editing(engine) as session:
        server = _current(session, server_id)
        server.retired_at = now
        audit.record(session, by, "server.retire", server.name, before=fleet.described(server))


def _refuse_moving_secret(server: Server, draft: fleet.Draft) -> None:
    """A stored secret goes nowhere but where it was entered for."""
    if draft.keep_secret and server_form.place(server.url) != server_form.place(draft.url):
        field = "token" if draft.credentials.method is AuthMethod.BEARER else "password"
        raise Invalid({field: "the address leads elsewhere now: enter it again"})


def _current(session: Session, server_id: int) -> Server:
    server = session.get(Server, server_id)
    if server is None or server.retired_at is not None:
        raise Unknown
    return server
