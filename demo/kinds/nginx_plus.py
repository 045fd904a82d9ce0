"""NGINX Plus: versions 4 to 9 of its API, of a server without a `stream` block."""

from __future__ import annotations

from typing import Any

from demo.http_process import CacheProcess, Peer, Tally
from demo.kinds.nginx_wire import NOT_CACHED, compact, missing, refusal, reply
from demo.kinds.status_parts import UPSTREAM, ZONE, caches, connections, moment, walk
from demo.machine import Machine
from demo.wire import Answer, Request

API = "/api"
VERSIONS = range(1, 10)
BUILD = "nginx-plus-r35"
ERRORS_EXPLAINED = "https://nginx.org/en/docs/http/ngx_http_api_module.html"
TOP = ("nginx", "processes", "connections", "slabs", "http", "resolvers", "ssl", "license", "workers")
BELOW_HTTP = (
    "requests", "server_zones", "location_zones", "caches", "limit_conns", "limit_reqs", "keyvals", "upstreams",
)  # fmt: skip
WORKERS = 2
CHECK_EVERY = 5
ASKED = {"name": 12, "srv": 0, "addr": 0}
RESOLVED = {
    "noerror": 12, "formerr": 0, "servfail": 0, "nxdomain": 0, "notimp": 0, "refused": 0, "timedout": 0, "unknown": 0,
}  # fmt: skip
SSL = {
    "handshakes": 0,
    "handshakes_failed": 0,
    "session_reuses": 0,
    "no_common_protocol": 0,
    "no_common_cipher": 0,
    "handshake_timeout": 0,
    "peer_rejected_cert": 0,
    "verify_failures": {"no_cert": 0, "expired_cert": 0, "revoked_cert": 0, "hostname_mismatch": 0, "other": 0},
}


def answer(machine: Machine, request: Request, now: float) -> Answer:
    """What the server answers; errors of the API are JSON."""
    process, shifted = machine.process, now + machine.effect.clock_shift
    assert isinstance(process, CacheProcess)
    process.accepted += request.first
    if not request.path.startswith(f"{API}/"):
        return missing(machine, request, shifted)
    refused = refusal(machine, request, shifted, "api")
    if refused:
        return refused
    version, *names = [name for name in request.path.removeprefix(API).split("/") if name] or [""]
    try:
        found = _found(machine, process, version, names, now)
    except LookupError as error:
        status, text, code = "404 Not Found", "path not found", "PathNotFound"
        if error.args[0] == version:
            text, code = "unknown version", "UnknownVersion"
        told = {
            "error": {"status": 404, "text": text, "code": code},
            "request_id": f"{machine.answers:08x}{process.pid:024x}",
            "href": ERRORS_EXPLAINED,
        }
        return reply(machine, request, shifted, "application/json", compact(told), status=status)
    fields = request.parameters().get("fields")
    if fields and isinstance(found, dict):
        found = {name: value for name, value in found.items() if name in fields.split(",")}
    return reply(machine, request, shifted, "application/json", compact(found), more=NOT_CACHED)


def _found(machine: Machine, process: CacheProcess, version: str, names: list[str], now: float) -> Any:
    if not version:
        return list(VERSIONS)
    if not version.isdecimal() or int(version) not in VERSIONS:
        raise LookupError(version)
    if not names:
        return list(TOP)
    if names == ["http"]:
        return list(BELOW_HTTP)
    return walk(_tree(machine, process, now), names)


def _tree(machine: Machine, process: CacheProcess, now: float) -> dict[str, Any]:
    shift = machine.effect.clock_shift
    requests = {"total": process.requests + machine.answers, "current": process.writing + 1}
    return {
        "nginx": {
            "version": machine.server.release,
            "build": BUILD,
            "address": machine.server.address,
            "generation": process.generation,
            "load_timestamp": moment(process.loaded + shift, milliseconds=True),
            "timestamp": moment(now + shift, milliseconds=True),
            "pid": process.pid + process.generation * WORKERS,
            "ppid": process.pid,
        },
        "processes": {"respawned": 0},
        "connections": connections(process),
        "slabs": {},
        "http": {
            "requests": requests,
            "server_zones": {ZONE: _zone(process.zone, {"processing": process.writing}, {"ssl": SSL})},
            "location_zones": {name: _zone(tally, {}, {}) for name, tally in process.locations.items()},
            "caches": caches(process),
            "limit_conns": {"per_ip": _passed(process, "rejected", "rejected_dry_run")},
            "limit_reqs": {"per_ip": _passed(process, "delayed", "rejected", "delayed_dry_run", "rejected_dry_run")},
            "keyvals": {},
            "upstreams": {
                UPSTREAM: {
                    "peers": [
                        _peer(number, *each, int(now - process.started) // CHECK_EVERY)
                        for number, each in enumerate(sorted(process.peers.items()))
                    ],
                    "keepalive": 4,
                    "zombies": 0,
                    "zone": UPSTREAM,
                }
            },
        },
        "resolvers": {"dns": {"requests": ASKED, "responses": RESOLVED}},
        "ssl": SSL,
        "license": {"active_till": int(machine.booted) + 365 * 86_400, "eval": False},
        "workers": [_worker(process, number, requests) for number in range(WORKERS)],
    }


def _passed(process: CacheProcess, *others: str) -> dict[str, int]:
    return {"passed": process.zone.requests, **dict.fromkeys(others, 0)}


def _worker(process: CacheProcess, number: int, requests: dict[str, int]) -> dict[str, Any]:
    def share(total: int) -> int:
        return total // WORKERS + (number == 0) * (total % WORKERS)

    return {
        "id": number,
        "pid": process.pid + process.generation * WORKERS + number,
        "connections": {name: share(count) for name, count in connections(process).items()},
        "http": {"requests": {name: share(count) for name, count in requests.items()}},
    }


def _responses(tally: Tally) -> dict[str, Any]:
    codes = {code: count for code, count in sorted(tally.codes.items()) if count}
    return {**tally.classes(), "codes": codes, "total": tally.requests}


def _zone(tally: Tally, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {
        **before,
        "requests": tally.requests,
        "responses": _responses(tally),
        "discarded": 0,
        "received": tally.received,
        "sent": tally.sent,
        **after,
    }


def _peer(number: int, name: str, one: Peer, checks: int) -> dict[str, Any]:
    """A server behind this one; it has no `downstart` as long as it was never away."""
    return {
        "id": number,
        "server": name,
        "name": name,
        "backup": False,
        "weight": 1,
        "state": "up",
        "active": 0,
        "max_conns": 200,
        "requests": one.requests,
        "header_time": 1,
        "response_time": 2,
        "responses": _responses(one),
        "sent": one.sent,
        "received": one.received,
        "fails": 0,
        "unavail": 0,
        "health_checks": {"checks": checks, "fails": 0, "unhealthy": 0, "last_passed": True},
        "downtime": 0,
        "selected": moment(one.selected),
    }
