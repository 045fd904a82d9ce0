"""NGINX with the VTS module 0.2.7: its JSON page. Zones without traffic are missing; zone `*` is the sum of all."""

from __future__ import annotations

from typing import Any

from demo.http_process import CACHE_BYTES, CacheProcess, Tally
from demo.kinds.nginx_wire import compact, missing, refusal, reply
from demo.machine import Machine
from demo.wire import Answer, Request

MODULE = "v0.2.7"
ZONE, CACHE, UPSTREAM = "tv.cdn.example", "hls", "srs_origin"
SHARED_BYTES, NODE_BYTES, PAGE_BYTES = 1_048_576, 3_552, 4_096
LARGEST = 18_446_744_073_709_551_615
REMEMBERED = 64  # requests whose times are kept
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
JSONP = "ngx_http_vhost_traffic_status_jsonp_callback"


def answer(machine: Machine, request: Request, now: float) -> Answer:
    """What the server answers; its own page is not counted in a zone."""
    process, shifted = machine.process, now + machine.effect.clock_shift
    assert isinstance(process, CacheProcess)
    process.accepted += request.first
    root = machine.server.path.removesuffix("/format/json")
    kinds = {machine.server.path: "application/json", f"{root}/format/jsonp": "application/javascript"}
    if request.path not in kinds:
        return missing(machine, request, shifted)
    refused = refusal(machine, request, shifted, "traffic status")
    if refused:
        return refused
    body = compact(status(machine, process, now))
    if request.path.endswith("p"):
        body = f"{JSONP}({body})"
    return reply(machine, request, shifted, kinds[request.path], body)


def status(machine: Machine, process: CacheProcess, now: float) -> dict[str, Any]:
    """The whole page."""
    shift, counted = machine.effect.clock_shift, process.counted_at + machine.effect.clock_shift
    accepted, writing = int(process.accepted), process.writing + 1
    zones: dict[str, Any] = {}
    filters: dict[str, Any] = {}
    if process.zone.requests:
        states = {state: one.responses for state, one in process.states.items()}
        zone = _zone(process.zone, states, counted)
        zones = {ZONE: zone, "*": zone}
        filters = {"clients::*": {ZONE: zone}}
    nodes = len(zones) + len(filters) + len(process.peers) + bool(process.stored)
    page: dict[str, Any] = {
        "hostName": machine.server.name,
        "moduleVersion": MODULE,
        "nginxVersion": machine.server.release,
        "loadMsec": int((process.loaded + shift) * 1_000),
        "nowMsec": int((now + shift) * 1_000),
        "connections": {
            "active": process.active + 1,
            "reading": process.reading,
            "writing": writing,
            "waiting": max(0, process.active + 1 - process.reading - writing),
            "accepted": accepted,
            "handled": accepted,
            "requests": process.requests + machine.answers,
        },
        "sharedZones": {
            "name": "vts",
            "maxSize": SHARED_BYTES,
            "usedSize": nodes * NODE_BYTES,
            "usedNode": nodes,
            "freeSize": SHARED_BYTES - (nodes + 2) * 2 * PAGE_BYTES,
        },
        "serverZones": zones,
    }
    if filters:
        page["filterZones"] = filters
    if process.peers:
        page["upstreamZones"] = {UPSTREAM: [_peer(name, one, counted) for name, one in sorted(process.peers.items())]}
    if process.stored:
        page["cacheZones"] = {CACHE: _cache(process)}
    return page


def _times(tally: Tally, counted: float) -> dict[str, list[int]]:
    """When the newest requests ended, and how long they took."""
    kept = min(tally.requests, REMEMBERED)
    last = int(counted * 1_000)
    return {
        "times": [last - 13 * (kept - 1 - place) for place in range(kept)],
        "msecs": [place * 7 % 20 // 19 for place in range(kept)],
    }


def _over(*names: str) -> dict[str, int]:
    return {"maxIntegerSize": LARGEST, **dict.fromkeys(names, 0)}


def _zone(tally: Tally, states: dict[str, int], counted: float) -> dict[str, Any]:
    responses = {**tally.classes(), **states}
    names = ("requestCounter", "inBytes", "outBytes", *responses, "requestMsecCounter")
    return {
        "requestCounter": tally.requests,
        "inBytes": tally.received,
        "outBytes": tally.sent,
        "responses": responses,
        "requestMsecCounter": tally.msec,
        "requestMsec": 0,
        "requestMsecs": _times(tally, counted),
        "requestBuckets": {"msecs": [], "counters": []},
        "overCounts": _over(*names),
    }


def _peer(name: str, tally: Tally, counted: float) -> dict[str, Any]:
    """A server behind this one: outBytes are what was read from it, and `down` stays false whatever happens."""
    return {
        "server": name,
        "requestCounter": tally.requests,
        "inBytes": tally.sent,
        "outBytes": tally.received,
        "responses": tally.classes(),
        "requestMsecCounter": tally.msec,
        "requestMsec": 0,
        "requestMsecs": _times(tally, counted),
        "requestBuckets": {"msecs": [], "counters": []},
        "responseMsecCounter": tally.msec,
        "responseMsec": 0,
        "responseMsecs": _times(tally, counted),
        "responseBuckets": {"msecs": [], "counters": []},
        "weight": 1,
        "maxFails": 1,
        "failTimeout": 10,
        "backup": False,
        "down": False,
        "overCounts": _over(
            "requestCounter", "inBytes", "outBytes", *CLASSES, "requestMsecCounter", "responseMsecCounter"
        ),
    }


def _cache(process: CacheProcess) -> dict[str, Any]:
    responses = {state: one.responses for state, one in process.states.items()}
    return {
        "maxSize": CACHE_BYTES,
        "usedSize": process.cached,
        "inBytes": process.zone.received,
        "outBytes": sum(one.bytes for one in process.states.values()),
        "responses": responses,
        "overCounts": _over("inBytes", "outBytes", *responses),
    }
