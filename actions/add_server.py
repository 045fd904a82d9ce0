"""Add a server to the fleet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actions import server_form
from actions.permission import require
from cdn.model import Actor, Invalid
from db import audit, fleet
from db.engine import Engine, editing


def add_server(engine: Engine, fields: Mapping[str, Any], *, key: str, by: Actor) -> int:
    """Add the server that `fields` describe; returns its id. Collectors notice within seconds.

    Raises Invalid with every fault by field, and NoKey, Forbidden, Unavailable of cdn.errors.
    """
    require(by, "admin")
    draft = server_form.read(fields)
    with editing(engine) as session:
        if fleet.by_name(session, draft.name) is not None:
            raise Invalid({"name": f"there is a server called {draft.name} already"})
        server = fleet.add(session, draft, key)
        refuse_unknown(fleet.link(server, draft.origins, fleet.names(session) if draft.origins else {}))
        session.flush()
        audit.record(session, by, "server.add", server.name, after=fleet.described(server))
        return server.id


def refuse_unknown(origins: list[str]) -> None:
    """Raise Invalid where servers to pull from do not exist."""
    if origins:
        raise Invalid({"origins": f"there is no server called {', '.join(origins)}"})
