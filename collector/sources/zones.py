"""What the NGINX family's status pages have in common: figures per zone, cache and upstream that are added up here.

A sum over zones falls when a zone vanishes (taken out of the configuration, deleted or reset by hand) and an
answer by itself cannot tell that from a restart: only what was known before can, so a source reports the sums
as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from cdn.units import MAX_COUNTER
from collector.sources.answers import counter, optional_gauge, seen, text, wrong

CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
STATES = ("hit", "miss", "bypass", "expired", "stale", "updating", "revalidated", "scarce")
# Peers in these states are given requests; all others are out of use, whatever the reason.
SERVING = frozenset({"up", "busy", "draining", "recovering"})
CLASS_METRICS = frozenset(f"responses_{each}" for each in CLASSES)
CONNECTION_METRICS = frozenset({"accepted_connections", "dropped_connections", "connections", "idle_connections"})

Row = Mapping[str, Any]


def rows(value: Row, key: str, path: str) -> dict[str, dict[str, Any]]:
    """The objects by name in the object `value[key]`; none where that is missing. Raises PollError."""
    inner = value.get(key, {})
    if not isinstance(inner, dict):
        raise wrong(path, f"{key} is {seen(inner)}, want an object")
    for name, row in inner.items():
        if not isinstance(row, dict):
            raise wrong(path, f"{key} {seen(name)} is {seen(row)}, want an object")
    return inner


def total(numbers: Iterable[int], what: str, path: str) -> int:
    """The sum of counters, which must be a counter itself. Raises PollError."""
    found = sum(numbers)
    if found > MAX_COUNTER:
        raise wrong(path, f"{what} add up to {found}, want at most 2^63 - 1")
    return found


def response_classes(counts: Mapping[str, Iterable[int]], path: str) -> dict[str, int]:
    """responses_1xx to responses_5xx from the numbers of answers per class."""
    return {f"responses_{each}": total(counts.get(each, ()), f"answers {each}", path) for each in CLASSES}


def cache_counters(caches: Iterable[Row], path: str) -> dict[str, int]:
    """Responses per cache state of caches as Angie and NGINX Plus tell them: {state: {responses, …}}."""
    counts: dict[str, int] = {}
    for cache in caches:
        for state in STATES:
            inner = cache.get(state)
            if isinstance(inner, dict):
                name = f"cache_{state}"
                counts[name] = total((counts.get(name, 0), counter(inner, "responses", path)), state, path)
    return counts


def gauge_sum(each: Iterable[Row], key: str) -> float | None:
    """The sum of a gauge over objects; None where one of them lacks it or there are none."""
    found = [optional_gauge(row, key) for row in each]
    known = [value for value in found if value is not None]
    return sum(known) if known and len(known) == len(found) else None


def connections(value: Row, path: str) -> tuple[dict[str, int], dict[str, float]]:
    """Counters and gauges of `{accepted, dropped, active, idle}`, where active leaves the idle ones out."""
    counters = {f"{each}_connections": counter(value, each, path) for each in ("accepted", "dropped")}
    active, idle = optional_gauge(value, "active", 1e9), optional_gauge(value, "idle", 1e9)
    gauges = {} if active is None or idle is None else {"connections": active + idle, "idle_connections": idle}
    return counters, gauges


def peer_figures(peers: list[Row], received: list[int], path: str) -> tuple[dict[str, int], dict[str, float]]:
    """origin_bytes and origins_down of upstream peers; nothing where there are none. received: bytes read from each."""
    if not peers:
        return {}, {}
    states = [text(peer.get("state"), 40) for peer in peers]
    down = {"origins_down": float(sum(state not in SERVING for state in states))} if all(states) else {}
    return {"origin_bytes": total(received, "bytes of upstreams", path)}, down


def epoch(value: object) -> float | None:
    """A time as ISO 8601 text or as seconds since the epoch; None where it is neither."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    return optional_gauge({"time": value}, "time", 1e11)
