"""Angie 1.12: its `/status/` tree, whole or any part of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from demo.http_process import CacheProcess, Peer, Tally
from demo.kinds.nginx_wire import NOT_CACHED, missing, refusal, reply
from demo.kinds.status_parts import CACHE, UPSTREAM, ZONE, caches, connections, moment, walk
from demo.machine import Machine
from demo.wire import Answer, Request

STATUS = "/status"
BUILT = 1_795_475_913.0


def answer(machine: Machine, request: Request, now: float) -> Answer:
    """What the server answers; errors of the API are JSON."""
    process = machine.process
    assert isinstance(process, CacheProcess)
    process.accepted += request.first
    if not request.path.startswith(f"{STATUS}/"):
        return missing(machine, request, now)
    refused = refusal(machine, request, now, "angie status")
    if refused:
        return refused
    names = [name for name in request.path.removeprefix(STATUS).split("/") if name]
    try:
        found = walk(_tree(machine, process, request.parameters().get("date") == "epoch"), names)
    except LookupError:
        said = f"Requested API entity {json.dumps(request.path)} doesn't exist."
        body = written({"error": "PathNotFound", "description": said}) + "\r\n"
        return reply(machine, request, now, "application/json", body, status="404 Not Found")
    return reply(machine, request, now, "application/json", written(found) + "\r\n", more=NOT_CACHED)


def written(value: Any, depth: int = 0) -> str:
    """JSON as Angie lays it out: tabs, and an empty line after an object among its parent's members."""
    if not isinstance(value, dict):
        return json.dumps(value)
    if not value:
        return "{}"
    indent = "\t" * (depth + 1)
    lines = []
    for place, (name, inner) in enumerate(value.items()):
        last = place == len(value) - 1
        lines.append(f"{indent}{json.dumps(name)}: {written(inner, depth + 1)}{'' if last else ','}\r\n")
        if inner and isinstance(inner, dict) and not last:
            lines.append("\r\n")
    return "{\r\n" + "".join(lines) + "\t" * depth + "}"


def _tree(machine: Machine, process: CacheProcess, epoch: bool) -> dict[str, Any]:
    def dated(at: float) -> str | int:
        return int(at) if epoch else moment(at)

    loaded: str | int = int(process.loaded) if epoch else moment(process.loaded, milliseconds=True)
    return {
        "angie": {
            "version": machine.server.release,
            "build_time": dated(BUILT),
            "address": machine.server.address,
            "generation": process.generation,
            "load_time": loaded,
        },
        "connections": connections(process),
        "slabs": _slabs(process),
        "resolvers": {},
        "http": {
            "server_zones": {ZONE: _zone(process.zone, {"processing": 0})},
            "location_zones": {name: _zone(tally, {}) for name, tally in process.locations.items()},
            "caches": caches(process),
            "limit_conns": {},
            "limit_reqs": {},
            "upstreams": {
                UPSTREAM: {
                    "peers": {name: _peer(name, one, dated) for name, one in sorted(process.peers.items())},
                    "keepalive": 0,
                }
            },
        },
    }


def _zone(tally: Tally, more: dict[str, int]) -> dict[str, Any]:
    """A zone; codes that never were are not listed."""
    return {
        "requests": {"total": tally.requests, **more, "discarded": 0},
        "responses": {code: count for code, count in sorted(tally.codes.items()) if count},
        "data": {"received": tally.received, "sent": tally.sent},
    }


def _peer(name: str, one: Peer, dated: Callable[[float], str | int]) -> dict[str, Any]:
    return {
        "server": name,
        "backup": False,
        "weight": 1,
        "state": "up",
        "selected": {"current": 0, "total": one.requests, "last": dated(one.selected)},
        "responses": {code: count for code, count in sorted(one.codes.items()) if count},
        "data": {"sent": one.sent, "received": one.received},
        "health": {"fails": 0, "unavailable": 0, "downtime": 0, "header_time": 1, "response_time": 1},
        "sid": hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(),
    }


def _slabs(process: CacheProcess) -> dict[str, Any]:
    """Shared memory: of the cache's keys and of the upstream."""
    keys = len(process.stored)
    return {
        CACHE: _slab(4, 504, {"32": (1, 126, 1), "128": (keys, -keys % 32, process.zone.requests), "512": (1, 7, 1)}),
        UPSTREAM: _slab(
            6, 9, {"8": (1, 503, 1), "16": (3, 251, 3), "32": (2, 125, 2), "128": (4, 28, 4), "512": (1, 7, 1)}
        ),
    }


def _slab(used: int, free: int, slots: dict[str, tuple[int, int, int]]) -> dict[str, Any]:
    return {
        "pages": {"used": used, "free": free},
        "slots": {
            size: {"used": taken, "free": left, "reqs": asked, "fails": 0}
            for size, (taken, left, asked) in slots.items()
        },
    }
