"""The working of an invented fleet's figures, and how its monitor does: as db.working and db.pullers give them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from cdn.metrics import COUNTERS
from db.live import rate_name

READING_COLUMNS = [
    *("name", "before", "now", "before_at", "now_at", "before_clock", "now_clock"),
    *("before_process", "now_process", "increase", "counted_seconds", "restarted", "estimated", "since"),
]
PULLER_COLUMNS = [
    *(
        "address",
        "origins",
        "streams",
        "connections",
        "connected_seconds",
        "first_at",
        "tried_at",
        "kind",
        "url",
        "told",
    ),
]
SECONDS = 15.002


def _times(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    for name in names:
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    return frame


def readings(server: dict[str, Any], now: datetime) -> pd.DataFrame:
    """As db.working.readings of a server (a row of the fleet): counters that make the rates it shows."""
    rows = []
    at = server["good_at"] if not pd.isna(server["good_at"]) else now
    for place, metric in enumerate(COUNTERS):
        rate = server[rate_name(metric)]
        if pd.isna(rate):
            continue
        increase = round(rate * SECONDS / (8 if metric.name.endswith("_bytes") else 1))
        made = metric.name == "internal_bytes"
        before = None if made else 9_007_199_254_740_993 + place * 1_000_003
        rows.append(
            {
                "name": metric.name,
                "before": before,
                "now": None if before is None else before + increase,
                "before_at": at - timedelta(seconds=15.01),
                "now_at": at,
                "before_clock": at.timestamp() - 17.0,
                "now_clock": at.timestamp() - 17.0 + SECONDS,
                "before_process": "a:1",
                "now_process": "a:1",
                "increase": increase,
                "counted_seconds": SECONDS,
                "restarted": False,
                "estimated": False,
                "since": at - timedelta(seconds=15.01),
            }
        )
    frame = pd.DataFrame(rows, columns=READING_COLUMNS)
    for name in ("before", "now", "increase"):
        frame[name] = pd.array([row[name] for row in rows], dtype="Int64")
    for name in ("before_clock", "now_clock", "counted_seconds"):
        frame[name] = frame[name].astype("float64")
    return _times(frame, "before_at", "now_at", "since")


def coverage() -> pd.DataFrame:
    """As db.working.coverage."""
    return pd.DataFrame([{"polls": 240, "good": 239, "covered_seconds": 3_585.0, "up_seconds": 3_570.0}])


def audit(servers: pd.DataFrame, now: datetime, *, wrong: bool) -> pd.DataFrame:
    """As db.working.audit; wrong: one counter does not add up, one server cannot be audited yet."""
    rows = []
    row: Any
    for place, row in enumerate(servers.itertuples()):
        if (wrong and place == 1) or pd.isna(row.good_at):
            rows.append([row.id, row.name, None, now, None, None, 0])
            continue
        for metric in COUNTERS[:2]:
            grown = 51_234_567_890 + place
            stored = grown - (1_048_576 if wrong and place == 0 and metric is COUNTERS[0] else 0)
            rows.append([row.id, row.name, now - timedelta(minutes=41), now, metric.name, grown, stored])
    columns = ["id", "name", "since", "until", "counter", "grown", "stored"]
    frame = pd.DataFrame(rows, columns=columns)
    for name in ("grown", "stored"):
        frame[name] = pd.Series(frame[name].tolist(), dtype="Int64")
    frame["difference"] = frame["stored"] - frame["grown"]
    return _times(frame, "since", "until")


def collectors(servers: int, now: datetime, *, alive: int, silent_since: datetime | None) -> pd.DataFrame:
    """As db.working.collectors: `alive` of them share `servers`; one was stopped; one fell silent."""
    rows = [
        [
            *(f"collector-{place + 1}", "0.1.0", now - timedelta(days=9), now - timedelta(seconds=3), None, True),
            *(servers // alive, 1_234_567, 312, 0),
        ]
        for place in range(alive)
    ]
    if silent_since is not None:
        rows.append(
            ["collector-0", "0.1.0", now - timedelta(days=9), silent_since, None, False, servers, 912_345, 40, 217]
        )
    stopped = now - timedelta(days=3)
    rows.append(["old-machine", "0.0.9", now - timedelta(days=30), stopped, stopped, False, 0, 55_000, 2, 0])
    names = ["name", "version", "started_at", "heartbeat_at", "stopped_at", "alive"]
    frame = pd.DataFrame(rows, columns=[*names, "servers", "polls", "late_polls", "spooled_polls"])
    return _times(frame, "started_at", "heartbeat_at", "stopped_at")


def sizes() -> pd.DataFrame:
    """As db.working.sizes."""
    rows = [
        ("sample", 18, 9_812_345_678),
        ("stream_sample", 7, 2_345_678_901),
        ("traffic_1m", 12, 412_345_678),
        ("stream_status", 0, 12_345_678),
        ("publication", 0, 3_456_789),
        ("event", 0, 1_234_567),
        ("server", 0, 98_304),
        ("alembic_version", 0, 24_576),
    ]
    return pd.DataFrame(rows, columns=["table", "parts", "bytes"])


def pullers(names: list[str], now: datetime) -> pd.DataFrame:
    """As db.pullers.pullers: of each kind one, that pull from the servers called `names`."""
    tried = now - timedelta(minutes=2)
    refused = "GET http://203.0.113.77:1985/api/v1/summaries: connection refused"
    found = ("srs", "http://203.0.113.9:1985", "answers as SRS 6.0.157")
    private = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff"
    rows = [
        ["203.0.113.9", names[:1], 12, 12, 2_460.0, now - timedelta(minutes=41), tried, *found],
        ["203.0.113.77", names[:2], 3, 4, 300.0, now - timedelta(minutes=5), tried, None, None, refused],
        [private, names[:1], 5, 5, float("nan"), now, None, None, None, None],
        ["198.51.100.4", names[:1], 1, 1, 65.0, now, None, None, None, None],
    ]
    return _times(pd.DataFrame(rows if names else [], columns=PULLER_COLUMNS), "first_at", "tried_at")


def reports(kind: str) -> dict[str, float]:
    """Figures that only a caching server has, for a row of the fleet."""
    if kind != "angie":
        return {}
    states = ("hit", "miss", "bypass", "scarce", "expired", "revalidated", "updating", "stale")
    cache = {
        f"cache_{state}_per_second": value
        for state, value in zip(states, (190.0, 9.5, 1.2, 0, 4, 2, 1, 0), strict=True)
    }
    answers = {f"responses_{number}xx_per_second": value for number, value in enumerate((0.0, 201.5, 6.0, 4.8, 0.2), 1)}
    return {**cache, **answers, "cache_bytes": 41.2e9, "origins_down": 0.0}
