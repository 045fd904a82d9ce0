"""NGINX with the virtual host traffic status module (VTS): its JSON page.

- Zone "*" is the sum of all, whatever `vhost_traffic_status_display_sum_key` calls it: it is left out.
- A zone that had no traffic is not listed, so no zones at all are true zeros.
- Bytes are added when a request ends: a long download is one step at its end.
- `loadMsec` is the time of the last start *or reload*, and a reload keeps the counters. They also outlive the
  process where `vhost_traffic_status_dump` is on. So the page does not name its process: a fallen counter decides.
  For the same reason accepted and dropped connections are not read here: they begin anew with every process,
  while the bytes beside them may not.
- A zone deleted or reset by hand makes the sums fall without a restart; see `zones.py`. `uptime` longer than
  the time between two readings says that there was neither start nor reload.
- An upstream's `outBytes` are read from the origin. Its `down` stays false when the origin is away: not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdn.model import Reading, Target
from cdn.units import MAX_COUNTER
from collector.sources.answers import counter, json_object, member, optional_gauge, seen, text, wrong
from collector.sources.script import Ask, Script, Source, Wanted
from collector.sources.zones import CLASS_METRICS, CLASSES, STATES, Row, gauge_sum, response_classes, rows, total

URL = "its url"
SUM_ZONE = "*"
# Counters of 32 bits wrap round, and `overCounts` says how often. Of 64 bits they do not in our lifetime.
WRAPPING = 2**32 - 1
FULL_SHARE = 0.9
# The clock of some versions counts from the machine's start: good for differences, but no time of day.
EARLIEST_EPOCH = 1_000_000_000.0

_GAUGES = {
    "active": "connections",
    "waiting": "idle_connections",
    "reading": "reading_connections",
    "writing": "writing_connections",
}


def read(_target: Target, _wanted: Wanted) -> Script:
    """One poll of the JSON page, whose url is the target's url."""
    reply = yield Ask("")
    page = json_object(reply.body, URL)
    if "loadMsec" not in page or "serverZones" not in page:
        raise wrong(URL, "want the JSON page of VTS (…/format/json) with loadMsec and serverZones")
    loaded, now = counter(page, "loadMsec", URL) / 1000, counter(page, "nowMsec", URL) / 1000
    gauges = _gauges(member(page, "connections", URL))
    caches = rows(page, "cacheZones", URL)
    if (used := gauge_sum(caches.values(), "usedSize")) is not None:
        gauges["cache_bytes"] = used
    counters = _server_counters(_server_zones(page))
    if peers := _peers(page):
        counters["origin_bytes"] = total((_count(peer, "outBytes", peer) for peer in peers), "upstream bytes", URL)
    return Reading(
        process=None,
        clock=now if now >= EARLIEST_EPOCH else None,
        now=now if now >= EARLIEST_EPOCH else None,
        uptime=now - loaded if now > loaded else None,
        counters=counters,
        gauges=gauges,
        software=_software(page),
        notes=_notes(page),
    )


def _software(page: Row) -> str:
    nginx, vts = text(page.get("nginxVersion"), 40), text(page.get("moduleVersion"), 40)
    return f"{f'NGINX {nginx}'.strip()} with VTS {vts}".strip()


def _gauges(connections: Row) -> dict[str, float]:
    found = {metric: optional_gauge(connections, key, 1e9) for key, metric in _GAUGES.items()}
    return {metric: value for metric, value in found.items() if value is not None}


def _server_zones(page: Row) -> list[dict[str, Any]]:
    """The server zones without the one that is their sum: "*", or the last where it has another name."""
    zones = rows(page, "serverZones", URL)
    if SUM_ZONE in zones:
        return [zone for name, zone in zones.items() if name != SUM_ZONE]
    *single, last = [*zones.values()] or [{}]
    if single and all(
        counter(last, key, URL) == sum(counter(zone, key, URL) for zone in single)
        for key in ("requestCounter", "inBytes", "outBytes")
    ):
        return single
    return [*zones.values()]


def _server_counters(zones: list[dict[str, Any]]) -> dict[str, int]:
    answers = [(zone, member(zone, "responses", URL)) for zone in zones]
    counters = {
        metric: total((_count(zone, key, zone) for zone in zones), key, URL)
        for metric, key in (("requests", "requestCounter"), ("egress_bytes", "outBytes"), ("ingress_bytes", "inBytes"))
    }
    counters |= response_classes(
        {each: [_count(responses, each, zone) for zone, responses in answers] for each in CLASSES}, URL
    )
    for state in STATES:
        # An NGINX built without its cache does not have them.
        if all(state in responses for _, responses in answers):
            counts = (_count(responses, state, zone) for zone, responses in answers)
            counters[f"cache_{state}"] = total(counts, state, URL)
    return counters


def _peers(page: Row) -> list[dict[str, Any]]:
    upstreams = page.get("upstreamZones", {})
    if not isinstance(upstreams, dict):
        raise wrong(URL, f"upstreamZones is {seen(upstreams)}, want an object")
    peers: list[dict[str, Any]] = []
    for name, listed in upstreams.items():
        if not isinstance(listed, list) or not all(isinstance(peer, dict) for peer in listed):
            raise wrong(URL, f"upstreamZones {seen(name)} is {seen(listed)}, want a list of objects")
        peers += listed
    return peers


def _count(value: Mapping[str, Any], key: str, zone: Row) -> int:
    """The counter `value[key]`, and what it lost by wrapping round."""
    count = counter(value, key, URL)
    over = zone.get("overCounts")
    if not isinstance(over, dict) or over.get("maxIntegerSize") != WRAPPING:
        return count
    wraps = counter(over, key, URL) if key in over else 0
    return min(count + wraps * (WRAPPING + 1), MAX_COUNTER)


def _notes(page: Row) -> tuple[str, ...]:
    shared = page.get("sharedZones")
    if not isinstance(shared, dict):
        return ()
    most, used = optional_gauge(shared, "maxSize"), optional_gauge(shared, "usedSize")
    free = optional_gauge(shared, "freeSize")
    if not most or used is None:
        return ()
    taken = max(used, most - free) if free is not None else used
    if taken < FULL_SHARE * most:
        return ()
    return (
        f"The shared memory of VTS is {min(taken / most, 1):.0%} full: what is new may not be counted."
        " Make vhost_traffic_status_zone larger.",
    )


SOURCE = Source(
    label="NGINX with VTS",
    read=read,
    identify=("/status/format/json", "/vts_status/format/json", "/vhost_status/format/json", "/vts/format/json"),
    reports=CLASS_METRICS
    | {"requests", "egress_bytes", "ingress_bytes", "origin_bytes", "cache_bytes"}
    | {f"cache_{state}" for state in STATES}
    | set(_GAUGES.values()),
    streams=False,
    needs_path=True,
)
