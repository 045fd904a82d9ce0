"""NGINX Plus: its REST API, versions 4 to 9. Written to its public schema, not tried against a live one.

- `/api/` lists the versions, `/api/<version>/http` the parts: a part that is not listed is not asked for.
- Zones, caches and upstreams are there only where the configuration names them (`status_zone`, `zone`): where
  there are none, their figures are unknown, not 0.
- `ppid` is the master process. It outlives a reload, as the counters do. In a container it may be the same after a
  restart: then a fallen counter decides. `load_timestamp` is that of the last start or reload.
- Traffic of `stream` zones (TCP, UDP) is counted only when a session ends, hours of it in one step: not asked for.
- A zone or peer that vanishes makes the sums fall without a restart; see `zones.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from cdn.model import Reading, Target
from collector.sources.answers import counter, json_list, json_object, member, text, wrong
from collector.sources.script import Ask, Reply, Script, Source, Wanted, page
from collector.sources.zones import (
    CLASS_METRICS,
    CLASSES,
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

API = "/api/"
OLDEST, NEWEST = 4, 9

Part = Generator[Ask, Reply, dict[str, Any]]


def read(target: Target, _wanted: Wanted) -> Script:
    """One poll of the API, which is at the target's url, or below it at /api/ where that is bare."""
    root = page(target, API)
    best = _version(json_list((yield Ask(root)).body, root), root)
    top = f"{root}{best}"
    about = yield from _object(f"{top}/nginx")
    version = text(about.get("version"), 40)
    if not version:
        raise wrong(f"{top}/nginx", "version is missing, want text")
    counters, gauges = connections((yield from _object(f"{top}/connections")), f"{top}/connections")
    parts = json_list((yield Ask(f"{top}/http")).body, f"{top}/http")
    zoned = False
    for part, figures in _PARTS.items():
        if part in parts:
            path = f"{top}/http/{part}"
            found, seen_now = figures((yield from _object(path)), path)
            zoned = zoned or "egress_bytes" in found
            counters |= found
            gauges |= seen_now
    clock, loaded = epoch(about.get("timestamp")), epoch(about.get("load_timestamp"))
    return Reading(
        process=f"{counter(about, 'ppid', f'{top}/nginx')}",
        clock=clock,
        now=clock,
        uptime=clock - loaded if clock is not None and loaded is not None and clock > loaded else None,
        counters=counters,
        gauges=gauges,
        software=f"NGINX Plus {version} {text(about.get('build'), 40)}".strip(),
        notes=() if zoned else ("No traffic is counted: no server has a status_zone.",),
    )


def _version(listed: list[Any], path: str) -> int:
    """The newest version of the API that both sides know. Raises PollError."""
    known = [each for each in listed if isinstance(each, int) and not isinstance(each, bool)]
    if not listed or len(known) != len(listed):
        raise wrong(path, "want the list of versions of NGINX Plus, for example [1,2,3,4]")
    ours = [each for each in known if OLDEST <= each <= NEWEST]
    if not ours:
        raise wrong(path, f"its newest version is {str(max(known))[:20]}, want one of {OLDEST} to {NEWEST}")
    return max(ours)


def _object(path: str) -> Part:
    return json_object((yield Ask(path)).body, path)


Figures = tuple[dict[str, int], dict[str, float]]


def _requests(answer: Row, path: str) -> Figures:
    return {"requests": counter(answer, "total", path)}, {}


def _server_zones(answer: Row, path: str) -> Figures:
    zones = [*_named(answer, path).values()]
    if not zones:
        return {}, {}
    answers = [member(zone, "responses", path) for zone in zones]
    return {
        "egress_bytes": total((counter(zone, "sent", path) for zone in zones), "bytes sent", path),
        "ingress_bytes": total((counter(zone, "received", path) for zone in zones), "bytes received", path),
        **response_classes({each: [counter(row, each, path) for row in answers] for each in CLASSES}, path),
    }, {}


def _caches(answer: Row, path: str) -> Figures:
    caches = [*_named(answer, path).values()]
    used = gauge_sum(caches, "size")
    return cache_counters(caches, path), {} if used is None else {"cache_bytes": used}


def _upstreams(answer: Row, path: str) -> Figures:
    peers: list[Row] = []
    for upstream in _named(answer, path).values():
        listed = upstream.get("peers")
        if not isinstance(listed, list) or not all(isinstance(peer, dict) for peer in listed):
            raise wrong(path, "peers of an upstream are no list of objects")
        peers += listed
    return peer_figures(peers, [counter(peer, "received", path) for peer in peers], path)


def _named(answer: Row, path: str) -> dict[str, dict[str, Any]]:
    """The answer itself as objects by name."""
    return rows({"answer": answer}, "answer", path)


# part below /http/ → its counters and gauges
_PARTS: dict[str, Callable[[Row, str], Figures]] = {
    "server_zones": _server_zones,
    "requests": _requests,
    "caches": _caches,
    "upstreams": _upstreams,
}

SOURCE = Source(
    label="NGINX Plus",
    read=read,
    identify=(API,),
    reports=CLASS_METRICS
    | CONNECTION_METRICS
    | {"requests", "egress_bytes", "ingress_bytes", "origin_bytes", "cache_bytes", "origins_down"}
    | {f"cache_{state}" for state in STATES if state != "scarce"},
    streams=False,
    needs_path=False,
)
