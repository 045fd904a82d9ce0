"""What the pages of each kind of server say beside traffic, from what it moves: as `demo/kinds` answers. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.curves import Floats
from demo.figures import Figures
from demo.kinds.srs_summaries import CORE_BITS, MEMORY_KBYTE, PROCESSORS
from demo.server import RTMP_KINDS
from demo.steps.http import CONNECTIONS_PER_VIEWER, READING_SHARE, SEGMENT, STRANGERS, WRITING_SHARE

CACHE_BYTES = 500_000_000.0


@dataclass(frozen=True, slots=True)
class Told:
    """counters: per second; gauges: as seen. One row a window, one column a server."""

    counters: dict[str, Floats]
    gauges: dict[str, Floats]


def told(kind: str, figures: Figures, columns: list[int], uptime: Floats) -> Told:
    """What servers of one kind, those in `columns` of `figures`, tell of themselves. uptime: of their processes."""
    viewers, streams = figures.server_viewers[:, columns], figures.server_streams[:, columns]
    gauges = {"first_byte_seconds": 0.001 + 0 * viewers, "response_seconds": 0.002 + viewers * 1e-6}
    if kind in RTMP_KINDS:
        gauges |= {"viewers": viewers, "live_streams": streams, "connections": viewers + streams}
        gauges["connect_seconds"] = 0.0006 + 0 * viewers
        if kind == "srs":
            return Told({}, gauges | _srs(figures.server_sent[:, columns], viewers, streams, uptime))
        return Told({"accepted_connections": viewers / 1_800}, gauges)
    return _nginx(kind, figures, columns, gauges)


def _srs(sent: Floats, viewers: Floats, streams: Floats, uptime: Floats) -> dict[str, Floats]:
    cpu = np.minimum(1.0, 0.01 + 0.95 * sent / CORE_BITS)
    memory = (20_000 + 600 * streams + 60 * viewers) * 1_024
    constant = 0 * viewers
    return {
        "process_cpu": cpu,
        "system_cpu": cpu * 1.5 / PROCESSORS + 0.02,
        "process_memory_peak": memory,
        "system_memory": 0.08 + memory / 1_024 / MEMORY_KBYTE,
        "system_swap": constant,
        "disk_busy": constant + 0.02,
        "load_1m": 0.2 + 3 * cpu,
        "load_5m": 0.2 + 2.9 * cpu,
        "load_15m": 0.2 + 2.8 * cpu,
        "processors": constant + PROCESSORS,
        "process_uptime": uptime,
    }


def _nginx(kind: str, figures: Figures, columns: list[int], gauges: dict[str, Floats]) -> Told:
    viewers = figures.server_viewers[:, columns]
    requests = viewers * 2 / SEGMENT
    counters = {"requests": requests}
    gauges |= {"connections": viewers, "idle_connections": viewers * (1 - WRITING_SHARE - READING_SHARE)}
    if kind in ("nginx", "nginx_vts"):
        gauges |= {"reading_connections": viewers * READING_SHARE, "writing_connections": viewers * WRITING_SHARE}
    if kind != "nginx_vts":
        counters |= {"accepted_connections": viewers * CONNECTIONS_PER_VIEWER, "dropped_connections": 0 * viewers}
    if kind == "nginx":
        return Told(counters, gauges)
    refused = requests / STRANGERS
    fetched = np.minimum(figures.server_streams[:, columns] / SEGMENT, requests / 2)
    nothing = 0 * viewers
    counters |= {f"responses_{group}xx": nothing for group in (1, 3, 5)}
    counters |= {"responses_2xx": requests - refused, "responses_4xx": refused}
    counters |= {f"cache_{state}": nothing for state in ("bypass", "stale", "revalidated")}
    counters |= {"cache_miss": fetched, "cache_expired": fetched, "cache_updating": fetched}
    counters["cache_hit"] = np.maximum(0, requests - refused - 3 * fetched)
    gauges["cache_bytes"] = CACHE_BYTES + nothing
    if kind == "nginx_vts":
        counters["cache_scarce"] = nothing
    else:
        gauges["origins_down"] = nothing
    return Told(counters, gauges)
