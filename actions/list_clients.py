"""Who is connected to a server, asked of the server itself, once and now. Nothing is stored."""

from __future__ import annotations

from actions.permission import require
from cdn.errors import Unknown
from cdn.model import Actor, Kind
from cdn.settings import Settings
from collector import detect
from collector.detect import Connected
from db import fleet
from db.engine import Engine, reading

# Kinds that list single connections, with the stream of each.
LISTS_CLIENTS = frozenset({Kind.SRS, Kind.NGINX_RTMP})


def list_clients(engine: Engine, server_id: int, *, settings: Settings, by: Actor) -> Connected:
    """Ask the server who is connected to it, at most max_clients_per_server of them.

    Raises Unknown where there is no such server or its kind lists no clients, Forbidden, Unavailable, and
    cdn.model.PollError with the plain reason.
    """
    require(by, "operator")
    with reading(engine) as connection:
        found = fleet.targets(connection, [server_id], settings.poll_interval, settings.secret_key.get_secret_value())
        servers, _ = fleet.own_servers(connection)
    for target in found:
        if target.kind in LISTS_CLIENTS:
            return detect.list_clients(target, settings, servers)
    raise Unknown
