"""Angie: its `/status/` tree, read whole in one request.

- Zones, caches and upstreams are listed only where the configuration names them (`status_zone`, `zone`): where
  there are none, their figures are unknown, not 0.
- `generation` counts the configurations loaded since the start. In the first one `load_time` is the start, and
  names the process; after a reload, which keeps the counters, it does not, and a fallen counter decides.
- It tells no time of its own, so neither its clock nor its uptime is known.
- Traffic of `stream` zones (TCP, UDP) is counted only when a session ends, hours of it in one step: left out, and said.
- A zone or peer that vanishes makes the sums fall without a restart; see `zones.py`.
"""

from __future__ import annotations

import re
from typing import Any

from cdn.model import Reading, Target
from collector.sources.answers import counter, json_object, member, text, wrong
from collector.sources.script import Ask, Script, Source, Wanted, page
from collector.sources.zones import (
    CLASS_METRICS,
    CONNECTION_METRICS,
    STATES,
    Row,
    cache_counters,
    connections,
    epoch,
    gauge_sum,
    peer_figures,
    response_classes,
    rows,
    total,
)

STATUS = "/status/"
_CODE = re.compile("[1-5][0-9]{2}")


def read(target: Target, _wanted: Wanted) -> Script:
    """One poll of the tree, which is at the target's url, or below it at /status/ where that is bare."""
    path = page(target, STATUS)
    reply = yield Ask(path)
    tree = json_object(reply.body, path)
    if "angie" not in tree:
        raise wrong(path, "angie is missing, want the whole status tree of Angie (api /status/;)")
    about, http = member(tree, "angie", path), member(tree, "http", path)
    version = text(about.get("version"), 40)
    if not version:
        raise wrong(path, "angie.version is missing, want text")
    counters, gauges = connections(member(tree, "connections", path), path)
    zones = [*rows(http, "server_zones", path).values()]
    caches = [*rows(http, "caches", path).values()]
    if zones:
        counters |= _zone_counters(zones, path)
    counters |= cache_counters(caches, path)
    if (used := gauge_sum(caches, "size")) is not None:
        gauges["cache_bytes"] = used
    peers = _peers(http, path)
    from_origin, down = peer_figures(
        peers, [counter(member(peer, "data", path), "received", path) for peer in peers], path
    )
    return Reading(
        process=_process(about, path),
        clock=None,
        uptime=None,
        counters=counters | from_origin,
        gauges=gauges | down,
        software=f"Angie {version}",
        notes=_notes(tree, zones, path),
    )


def _process(about: Row, path: str) -> str | None:
    started = epoch(about.get("load_time"))
    return f"{started:.3f}" if started is not None and counter(about, "generation", path) == 1 else None


def _zone_counters(zones: list[dict[str, Any]], path: str) -> dict[str, int]:
    data = [member(zone, "data", path) for zone in zones]
    requests = [member(zone, "requests", path) for zone in zones]
    answers: dict[str, list[int]] = {}
    for zone in zones:
        responses = member(zone, "responses", path)
        for code in responses:
            # Single codes; "xxx" stands for those beyond 599, which are in no class.
            if _CODE.fullmatch(code):
                answers.setdefault(f"{code[0]}xx", []).append(counter(responses, code, path))
    return {
        "requests": total((counter(each, "total", path) for each in requests), "requests", path),
        "egress_bytes": total((counter(each, "sent", path) for each in data), "bytes sent", path),
        "ingress_bytes": total((counter(each, "received", path) for each in data), "bytes received", path),
        **response_classes(answers, path),
    }


def _peers(http: Row, path: str) -> list[Row]:
    upstreams = rows(http, "upstreams", path)
    return [peer for upstream in upstreams.values() for peer in rows(upstream, "peers", path).values()]


def _notes(tree: Row, zones: list[dict[str, Any]], path: str) -> tuple[str, ...]:
    notes = []
    if not zones:
        notes.append("No traffic is counted: no server has a status_zone.")
    stream = tree.get("stream")
    if isinstance(stream, dict) and rows(stream, "server_zones", path):
        notes.append("Traffic of its stream (TCP and UDP) zones is not counted here.")
    return tuple(notes)


SOURCE = Source(
    label="Angie",
    read=read,
    identify=(STATUS,),
    reports=CLASS_METRICS
    | CONNECTION_METRICS
    | {"requests", "egress_bytes", "ingress_bytes", "origin_bytes", "cache_bytes", "origins_down"}
    | {f"cache_{state}" for state in STATES if state != "scarce"},
    streams=False,
    needs_path=False,
)
