"""Finding servers nobody entered yet: addresses that pull from an origin are asked what they are.

Only where it is likely that a server of the fleet stands there: who pulls several streams at once, or from a private
network. The address of somebody who watches one stream at home is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_network

from cdn.model import Kind, PollError, Role, Target
from cdn.settings import Settings
from collector.detect import Found, detect
from collector.own import parse_address
from db import pullers
from db.engine import Engine, reading

# An edge pulls every stream that anybody watches on it, a viewer one or two.
STREAMS_OF_A_SERVER = 3
# Networks that no viewer at home has.
INTERNAL = tuple(
    map(ip_network, ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"))
)
# Addresses asked in one run: nobody is flooded, and the job stays short.
AT_ONCE = 5
# Where servers answer: SRS's own port first, it is what pulls.
PORTS = (1985, 80, 8080)

Ask = Callable[[Target, Settings], Found]


def ask(target: Target, settings: Settings) -> Found:
    """What answers at `target`, of any kind. Raises PollError."""
    return detect(target, None, settings)


def discover(engine: Engine, now: datetime, settings: Settings, asking: Ask = ask) -> str | None:
    """Ask some addresses that pull and are not known what they are; returns what was found, to be told."""
    with reading(engine) as connection:
        pullers.forget_old(connection, now)
        waiting = likely(pullers.to_try(connection, now))[:AT_ONCE]
    found = []
    for address in waiting:
        server, told = find(address, settings, asking)
        with reading(engine) as connection:
            kind, url = (server.kind.value, server.url) if server else (None, None)
            pullers.note_tried(connection, now, address, kind, url, told)
        if server:
            found.append(address)
    return f"servers that pull and are not monitored yet: {', '.join(found)}" if found else None


def likely(streams: Mapping[str, int]) -> list[str]:
    """Those addresses of `streams` (address → streams it pulls) behind which a server may well stand."""
    chosen = []
    for address, count in streams.items():
        parsed = parse_address(address)
        if parsed is not None and (count >= STREAMS_OF_A_SERVER or any(parsed in network for network in INTERNAL)):
            chosen.append(address)
    return chosen


def find(address: str, settings: Settings, asking: Ask = ask) -> tuple[Found | None, str]:
    """What answers at `address` on the usual ports, and a sentence of what was seen."""
    host = f"[{address}]" if ":" in address else address
    seen = []
    for port in PORTS:
        target = Target(0, address, Kind.SRS, f"http://{host}:{port}", Role.EDGE, settings.poll_interval)
        try:
            found = asking(target, settings)
        except PollError as error:
            seen.append(error.detail)
        else:
            return found, f"answers as {found.reading.software or found.kind.value}"
    return None, seen[0]
