"""What Angie and NGINX Plus tell alike of a cache's process, as JSON values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from demo.http_process import CACHE_BYTES, CacheProcess

ZONE, CACHE, UPSTREAM = "cdn_edge", "hls", "srs_origin"
READ = ("hit", "stale", "updating", "revalidated")
FETCHED = ("miss", "expired", "bypass")


def moment(at: float, *, milliseconds: bool = False) -> str:
    """A time as these APIs write it."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds" if milliseconds else "seconds")
    return text.replace("+00:00", "Z")


def connections(process: CacheProcess) -> dict[str, int]:
    """The asking connection is active; `idle` ones are not among the active."""
    return {
        "accepted": int(process.accepted),
        "dropped": 0,
        "active": process.writing + process.reading + 1,
        "idle": max(0, process.active - process.writing - process.reading),
    }


def caches(process: CacheProcess) -> dict[str, Any]:
    """The cache, and its answers by state."""
    found: dict[str, Any] = {"size": process.cached, "max_size": CACHE_BYTES, "cold": False}
    for state in READ:
        one = process.states[state]
        found[state] = {"responses": one.responses, "bytes": one.bytes}
    for state in FETCHED:
        one = process.states[state]
        found[state] = {
            "responses": one.responses,
            "bytes": one.bytes,
            "responses_written": one.responses,
            "bytes_written": one.bytes,
        }
    return {CACHE: found}


def walk(tree: Any, names: list[str]) -> Any:
    """The part of a tree under these names. Raises LookupError."""
    for name in names:
        if not isinstance(tree, dict) or name not in tree:
            raise LookupError(name)
        tree = tree[name]
    return tree
