"""What is true in the simulated CDN: who was really sent how much, and who watches. Reads no server's answer.

Bytes since the simulation began outlive processes; each server's are as of its `counted_at`, at most 3 s ago.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from demo.http_process import NginxProcess
from demo.machine import Machine
from demo.process import SrsProcess
from demo.world import World


def truth(world: World, now: float) -> dict[str, Any]:
    """What is true at `now`, to which the world is brought.

    Of the fleet: `viewers`; `egress` of the edges in bit/s; `egress_bytes` of all servers, `internal_bytes` of them
    to own servers, listed for the product or not, `delivered_bytes` the rest. `listed`: the same as who knows
    only the listed servers can know it: what goes to the others is delivered there. Bytes that SRS sends as HLS and
    does not count are in `egress_bytes` and `internal_bytes`, and by themselves in `uncounted_bytes`.
    `channels`: by url, see _channels.
    """
    world.advance(now)
    machines = world.machines.values()
    servers = {name: _server(machine) for name, machine in world.machines.items()}
    listed = [one for one in servers.values() if one["listed"]]
    everything = _sums(list(servers.values()))
    everything["internal_bytes"] += everything["internal_unlisted_bytes"]
    everything["delivered_bytes"] -= everything.pop("internal_unlisted_bytes")
    return {
        "now": now,
        "started": world.started,
        "seed": world.fleet.seed,
        "egress": round(sum(one["egress"] for one in servers.values() if one["role"] == "edge")),
        **everything,
        "listed": _sums(listed),
        "channels_on_air": sum(world.conditions.on_air(one, now) for m in machines for one in _published(m)),
        "channels": _channels(world, now),
        "servers": servers,
    }


def _sums(servers: list[dict[str, Any]]) -> dict[str, int]:
    """Viewers and bytes of those servers together. delivered: what went to no listed server."""
    names = ("viewers", "egress_bytes", "internal_bytes", "internal_unlisted_bytes", "uncounted_bytes")
    found = {name: sum(one[name] for one in servers) for name in names}
    return {**found, "delivered_bytes": found["egress_bytes"] - found["internal_bytes"]}


def _published(machine: Machine) -> tuple[Any, ...]:
    return machine.server.channels if machine.server.is_home else ()


def _channels(world: World, now: float) -> dict[str, dict[str, Any]]:
    """Each channel of the line-up: whether it is on air, people who watch it anywhere, bytes its publishers sent
    in since the simulation began, the servers that have it, and how often its publisher connected anew."""
    viewers: dict[str, int] = defaultdict(int)
    carriers: dict[str, list[str]] = defaultdict(list)
    for name, machine in world.machines.items():
        if machine.process is None:
            continue
        watched = machine.process.watched()
        for url, count in watched.items():
            viewers[url] += count
            carriers[url].append(name)
    return {
        channel.url: {
            "vhost": channel.vhost,
            "app": channel.app,
            "name": channel.name,
            "home": channel.home,
            "on_air": world.conditions.on_air(channel, now),
            "viewers": viewers[channel.url],
            "ingest_bytes": machine.ledger.ingest[channel.url],
            "servers": carriers[channel.url],
            "republished": world.conditions.publications[channel.url],
        }
        for machine in world.machines.values()
        for channel in _published(machine)
    }


def _server(machine: Machine) -> dict[str, Any]:
    """One server: what it is, its bytes since the simulation began, and its process."""
    server, process, ledger = machine.server, machine.process, machine.ledger
    known = {
        "kind": server.kind,
        "role": server.role,
        "url": server.url,
        "listed": server.listed,
        "up": process is not None,
        "bytes_before": machine.bytes_before,
        "egress_bytes": machine.sent,
        "ingress_bytes": machine.received,
        "internal_bytes": ledger.internal,
        "internal_unlisted_bytes": ledger.internal_unlisted,
        "uncounted_bytes": ledger.uncounted,
        "pulled_bytes": ledger.pulled,
    }
    if process is None:
        return {**known, "viewers": 0, "egress": 0.0, "sent_bytes": 0, "received_bytes": 0, "streams": {}}
    more = {"requests": process.requests} if isinstance(process, NginxProcess) else {}
    return {
        **known,
        "service": process.service,
        "pid": process.pid,
        "process_started": process.started,
        "counted_at": process.counted_at,
        "sent_bytes": process.counted.sent,
        "received_bytes": process.counted.received,
        "egress": process.egress,
        "viewers": process.viewers,
        **more,
        "watched": dict(process.watched()),
        "streams": _streams(process) if isinstance(process, SrsProcess) else {},
    }


def _streams(process: SrsProcess) -> dict[str, dict[str, Any]]:
    return {
        stream.channel.url: {
            "viewers": stream.viewers,
            "pulls": len(stream.pulls),
            "publishing": stream.publishing,
            "moving": stream.moving,
            "sent_bytes": stream.counted.sent,
            "received_bytes": stream.counted.received,
        }
        for stream in process.streams.values()
    }
