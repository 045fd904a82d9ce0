"""A fleet out of thin air: frames as db.live and db.server give them, in every state a page must be right in.

`install(state)` puts them in the place of the real functions; `state` is a function, so that a running
program can be brought from one state into another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine

import db.channels
import db.engine
import db.live
import db.pullers
import db.server
import db.working
from cdn.clock import utc_now
from cdn.errors import Unavailable
from cdn.health import server_state
from cdn.metrics import GAUGES
from tests import fake_availability, fake_bills, fake_channels, fake_history, fake_working

STATES = ("calm", "problems", "blind", "empty", "away", "many", "hostile", "one", "waiting", "all_down", "off_air")
REGIONS = {
    "Europe West": ("fra", "ams", "par"),
    "Europe East": ("waw",),
    "North America": ("nyc", "chi"),
    "Asia": ("sin",),
}
INTERVAL = 15.0
# When the collector of the state "blind" fell silent.
BLIND_SINCE = utc_now() - timedelta(minutes=6)
STREAM_COLUMNS = [
    *("url", "vhost", "app", "name", "publishing", "viewers", "clients", "pulls"),
    *("egress_bps", "ingress_bps", "frame_rate", "egress_still_since", "ingress_still_since"),
    *("video", "audio", "width", "height", "at", "gone_at", "gone"),
]
HOSTILE = (
    '<img src=x onerror="document.title=1">',
    "{name} %s $x",
    "edge‮gpj.exe",
    "a" * 120,
    "x' onmouseover='y",
    "=cmd|' /C calc'!A0",
    "naïve ünïcode 北京 🛰",
)


def _wave(now: datetime, phase: float = 0.0) -> float:
    """Traffic breathes over the day: 0.4 to 1."""
    return 0.7 + 0.3 * math.sin(now.timestamp() / 86_400 * 2 * math.pi + phase)


def _row(place: int, name: str, kind: str, role: str, region: str, now: datetime) -> dict[str, Any]:
    full = 0.35 + 0.3 * _wave(now, place) + 0.05 * math.sin(place * 7)
    srs = kind == "srs"
    edge = role == "edge"
    row: dict[str, Any] = {
        "id": place + 1,
        "name": name,
        "kind": kind,
        "role": role,
        "region": region,
        "provider": "Example Transit",
        "url": f"http://user:secret@127.0.0.{place % 250 + 1}:1985/?token=x",
        "tags": [],
        "capacity_bps": 6.4e9,
        "paused": False,
        "auth": "none",
        "version": 1,
        "interval": INTERVAL,
        "at": now - timedelta(seconds=place % 13 + 1),
        "good_at": now - timedelta(seconds=place % 13 + 1),
        "state_since": now - timedelta(hours=30),
        "up": True,
        "reason": None,
        "detail": None,
        "failures": 0.0,
        "software": "SRS 6.0.184" if srs else "nginx 1.28.0",
        "notes": [],
        "certificate_expires": pd.NaT,
        "clock_difference": 0.4,
        "connect_seconds": 0.004,
        "first_byte_seconds": 0.02,
        "response_seconds": 0.021 + 0.002 * (place % 9),
        **dict.fromkeys(db.live.RATES, math.nan),
        "egress_bps": full * 6.4e9 * (1 if edge else 0.1) if srs else math.nan,
        "internal_bps": math.nan if edge or not srs else full * 6.4e8 * 0.97,
        "ingress_bps": full * 6.4e7 if srs else math.nan,
        "requests_per_second": math.nan if srs else 212.5,
        "accepted_connections_per_second": math.nan if srs else 12.25,
        "dropped_connections_per_second": math.nan if srs else 0.0,
        "fullness": full if srs else math.nan,
        **{metric.name: math.nan for metric in GAUGES},
    }
    if srs:
        row |= {
            "viewers": round(1500 * full) if edge else 30.0,
            "live_streams": 14.0,
            "connections": round(1600 * full),
            "process_cpu": full * 0.8,
            "system_cpu": full * 0.4,
            "process_memory_peak": 312e6,
            "system_memory": 0.41,
            "system_swap": 0.0,
            "disk_busy": 0.02,
            "load_1m": 1.2,
            "load_5m": 1.1,
            "load_15m": 0.9,
            "processors": 8.0,
            "process_uptime": 912_345.0,
        }
    else:
        row |= {"connections": 812.0, "idle_connections": 700.0}
        row |= {"reading_connections": 2.0, "writing_connections": 110.0, **fake_working.reports(kind)}
    return row


def _names(state: str) -> list[tuple[str, str, str, str]]:
    if state == "empty":
        return []
    if state == "one":
        return [("edge-fra-1", "srs", "edge", "Europe West")]
    if state == "many":
        regions = tuple(REGIONS)
        return [
            (f"edge-{place:04}", "srs" if place % 5 else "nginx", "edge", regions[place % 4]) for place in range(1_000)
        ]
    if state == "hostile":
        return [(name, "srs", "edge", HOSTILE[(place + 1) % 4]) for place, name in enumerate(HOSTILE)]
    names = [(f"origin-{place}", "srs", "origin", "Europe West") for place in (1, 2, 3)]
    for region, cities in REGIONS.items():
        for city in cities:
            names += [(f"edge-{city}-{place}", "srs", "edge", region) for place in (1, 2)]
    names += [(f"edge-web-{place}", "nginx", "edge", "Europe West") for place in (1, 2)]
    return [*names, ("edge-web-3", "angie", "edge", "Europe West")]


def fleet(state: str, now: datetime) -> pd.DataFrame:
    """As db.live.fleet."""
    seen = min(now, BLIND_SINCE) if state == "blind" else now
    rows = [_row(place, *name, seen) for place, name in enumerate(_names(state))]
    for place, row in enumerate(rows):
        _trouble(row, place, state, seen)
    found = pd.DataFrame(rows, columns=list(_row(0, "x", "srs", "edge", "", now)))
    for name in ("at", "good_at", "state_since"):
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]")
    found["state"] = [
        server_state(
            paused=row["paused"],
            up=row["up"],
            at=None if pd.isna(row["at"]) else row["at"].to_pydatetime(),
            interval=row["interval"],
            now=now,
            fullness=None if math.isnan(row["fullness"]) else row["fullness"],
        ).value
        for row in found.to_dict("records")
    ]
    return found


def _down(row: dict[str, Any], now: datetime, minutes: float, reason: str, detail: str) -> None:
    row |= {
        "up": False,
        "reason": reason,
        "detail": detail,
        "state_since": now - timedelta(minutes=minutes),
        "good_at": now - timedelta(minutes=minutes, seconds=9),
        "failures": minutes * 4,
        "response_seconds": 3.0,
    }


def _trouble(row: dict[str, Any], place: int, state: str, now: datetime) -> None:
    lost = "GET http://127.0.0.4:1985/api/v1/summaries: no connection within 3 s"
    if state == "waiting":
        row |= {"at": None, "good_at": None, "state_since": None, "up": None, "fullness": math.nan}
    if state == "all_down":
        _down(row, now, 3, "timed_out", lost)
    if state in ("problems", "blind") and place == 4:
        _down(row, now, 12, "timed_out", lost)
    if state in ("problems", "blind") and place == 7:
        row |= {"at": now - timedelta(minutes=14), "good_at": now - timedelta(minutes=14)}
    if state in ("problems", "blind", "many") and place == 9:
        row |= {"fullness": 0.96, "egress_bps": 0.96 * 6.4e9}
    if state in ("problems", "blind") and place == 2:
        row["paused"] = True
    if state == "hostile" and place == 0:
        _down(row, now, 12, "http_status", f"GET /: {HOSTILE[0]} gave 500, want 200")
    if state == "many" and place % 97 == 4:
        _down(row, now, 5, "refused", lost)


def freshness(state: str, now: datetime) -> pd.DataFrame:
    """As db.live.freshness."""
    found = fleet(state, now)
    silent = state == "blind"
    sign = BLIND_SINCE if silent else now - timedelta(seconds=4)
    row = {
        "newest_at": found["at"].max() if len(found) else pd.NaT,
        "interval": INTERVAL,
        "servers": len(found),
        "first_server_at": now - timedelta(days=9),
        "collectors_alive": 0 if silent else 1,
        "last_heartbeat": sign,
        "last_collector": "collector-1",
        "collector_started_at": now - timedelta(seconds=40),
        "database_now": now,
        "silent": silent,
    }
    frame = pd.DataFrame([row])
    for name in ("newest_at", "first_server_at", "last_heartbeat", "collector_started_at", "database_now"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    return frame


def summary(state: str, now: datetime) -> pd.DataFrame:
    """As db.live.summary."""
    found = fleet(state, now)
    up = found[found["up"].eq(True) & ~found["paused"].astype(bool)]
    edges = up[up["role"] == "edge"]
    current = {
        "delivered_bps": up["egress_bps"].sum(min_count=1) - up["internal_bps"].sum(),
        "internal_bps": up["internal_bps"].sum(min_count=1),
        "origin_offload": 0.94 if len(up) else math.nan,
        "viewers": up["viewers"].sum(min_count=1),
        "streams_on_air": 14.0 if len(up) else 0.0,
        "servers_up": len(up),
        "servers_total": len(found),
        "edges_without_traffic": int(edges["egress_bps"].isna().sum()),
        "origins_not_told": 0,
        "edges": len(edges),
    }
    before = {
        **current,
        "delivered_bps": current["delivered_bps"] * 0.951,
        "viewers": current["viewers"] * 1.042,
        "servers_up": len(found),
    }
    if state in ("waiting", "empty"):
        before = dict.fromkeys(current, math.nan)
    return pd.DataFrame([current, before], index=["now", "hour_ago"]).astype("float64")


def traffic(state: str, now: datetime, window: str) -> pd.DataFrame:
    """As db.live.traffic; five minutes in the middle were seen by nobody."""
    columns = ["at", "region", "delivered_bps", "internal_bps", "viewers", "servers_up", "servers_covered"]
    found = fleet(state, now)
    rows = []
    end = now.replace(second=0, microsecond=0)
    for minute in range(-60, 0):
        at = end + timedelta(minutes=minute)
        if state == "blind" and at > BLIND_SINCE:
            continue
        if -25 <= minute < -20 or state in ("waiting", "empty"):
            continue
        for place, (region, group) in enumerate(found.groupby("region", sort=False)):
            share = 1 + 0.0016 * minute + 0.02 * math.sin(minute / 3 + place)
            sent, internal = group["egress_bps"].sum(min_count=1), group["internal_bps"].sum()
            rows.append(
                [
                    at,
                    region,
                    (sent - internal) * share,
                    internal * share,
                    group["viewers"].sum(min_count=1) * share,
                    float(len(group)),
                    float(len(group)),
                ]
            )
    frame = pd.DataFrame(rows, columns=columns)
    frame["at"] = pd.to_datetime(frame["at"], utc=True).astype("datetime64[us, UTC]")
    return frame.astype(dict.fromkeys(columns[2:], "float64"))


def server_history(state: str, now: datetime, server_id: int, window: str) -> pd.DataFrame:
    """As db.server.server_history: what the server reports now, breathing, with an outage and a gap."""
    length = db.live.WINDOWS[window]
    grid = pd.date_range(now - length, periods=240, freq=length / 240, unit="us")
    found = fleet(state, now)
    row = found[found["id"] == server_id].iloc[0]
    breath = np.array([_wave(at.to_pydatetime()) / _wave(now) for at in grid])
    share = breath * (1 + 0.02 * np.sin(np.arange(240) / 2.0))
    up = np.ones(240)
    up[70:78] = 0
    up[120:130] = np.nan
    if row["up"] is False or row["up"] == np.False_:
        up[-48:] = 0
    answered = np.where(up == 1, 1.0, np.nan)
    frame = pd.DataFrame({"at": grid, "up_ratio": up, "counted_seconds": 15.0 * answered})
    for name in ("connect_seconds", "first_byte_seconds", "response_seconds"):
        frame[name] = row[name] * share
    steady = {"processors", "process_memory_peak", "system_swap"}
    for name in (*db.live.RATES, *(metric.name for metric in GAUGES)):
        frame[name] = float(row[name]) * (answered if name in steady else share * answered)
    return frame


def server_streams(state: str, now: datetime, server_id: int) -> pd.DataFrame:
    """As db.server.server_streams."""
    found = fleet(state, now)
    row = found[found["id"] == server_id].iloc[0]
    names: tuple[str, ...] = HOSTILE if state == "hostile" else ("sport-1", "news", "movies", "kids", "docu", "music")
    if row["kind"] != "srs":
        names = ()
    rows = [
        {
            "url": f"/live/{name}",
            "vhost": "__defaultVhost__",
            "app": "live",
            "name": name,
            "publishing": place != 3,
            "viewers": 400.0 - 60 * place if row["role"] == "edge" else 3.0 * place,
            "clients": 400.0 - 60 * place if row["role"] == "edge" else 3.0 * place + 12 + (place != 3),
            "pulls": math.nan if row["role"] == "edge" else 12.0,
            "egress_bps": 1.2e9 - 2e8 * place,
            "ingress_bps": 6.1e6,
            "frame_rate": 25.0 if row["role"] == "origin" else math.nan,
            "egress_still_since": None,
            "ingress_still_since": None,
            "video": "H264",
            "audio": "AAC",
            "width": 1920.0,
            "height": 1080.0,
            "at": now,
            "gone_at": now if place == 5 else None,
            "gone": place == 5,
        }
        for place, name in enumerate(names)
    ]
    frame = pd.DataFrame(rows, columns=STREAM_COLUMNS)
    for name in ("at", "gone_at", "egress_still_since", "ingress_still_since"):
        frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
    return frame


def state_changes(state: str, now: datetime, server_id: int) -> pd.DataFrame:
    """As db.server.state_changes."""
    found = fleet(state, now)
    row = found[found["id"] == server_id].iloc[0]
    told = [
        (now - timedelta(hours=3), True, None, None, True, 3 * 3_600.0),
        (now - timedelta(hours=9), True, None, None, False, 6 * 3_600.0),
        (now - timedelta(hours=9, minutes=21), False, "refused", "TCP 1985: connection refused", False, 1_260.0),
        (now - timedelta(hours=23), True, None, None, False, 13 * 3_600.0),
    ]
    if row["up"] is False or row["up"] == np.False_:
        told.insert(0, (now - timedelta(minutes=12), False, row["reason"], row["detail"], False, 720.0))
    frame = pd.DataFrame(told, columns=["at", "up", "reason", "detail", "restarted", "lasted_seconds"])
    frame["at"] = pd.to_datetime(frame["at"], utc=True).astype("datetime64[us, UTC]")
    return frame


def readings(state: str, now: datetime, server_id: int) -> pd.DataFrame:
    """As db.working.readings."""
    found = fleet(state, now)
    (row,) = found[found["id"] == server_id].to_dict("records")
    return fake_working.readings({str(name): value for name, value in row.items()}, now)


def install(state: Callable[[], str], put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Put the fakes in the place of the real functions by `put` (setattr, or a monkeypatch's)."""

    def asked(function: Callable[..., pd.DataFrame], drop_interval: bool = False) -> Callable[..., pd.DataFrame]:
        def answer(engine: Engine | None, now: datetime, *rest: Any, **named: Any) -> pd.DataFrame:
            current = state()
            if current == "away":
                raise Unavailable("the database at local socket/cdn does not answer: connection refused")
            return function(current, now, *(() if drop_interval else rest), **named)

        return answer

    def of_channels(function: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
        def answer(current: str, now: datetime, *rest: Any, **named: Any) -> pd.DataFrame:
            return function(current, now, fleet(current, now), HOSTILE, *rest[1:], **named)

        return asked(answer)

    put(db.engine, "shared", lambda: None)
    put(db.live, "fleet", asked(fleet, drop_interval=True))
    put(db.live, "freshness", asked(freshness, drop_interval=True))
    put(db.live, "summary", asked(summary, drop_interval=True))
    put(db.live, "traffic", asked(traffic))
    put(db.server, "server_history", asked(server_history))
    put(db.server, "server_streams", asked(server_streams))
    put(db.server, "state_changes", asked(state_changes))
    _install_working(asked, put)
    fake_bills.install(state, put, HOSTILE)
    fake_history.install(state, put, utc_now, HOSTILE)
    fake_availability.install(state, fleet, HOSTILE, put)
    for name in ("channels", "copies", "publications", "events"):
        put(db.channels, name, of_channels(getattr(fake_channels, name)))


def _install_working(asked: Callable[..., Any], put: Callable[[Any, str, Any], None]) -> None:
    """The working of figures, the monitor itself, and servers that nobody entered yet."""

    def timeless(function: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
        answer = asked(function)
        return lambda engine, *rest: answer(engine, utc_now(), *rest)

    def collectors(state: str, now: datetime) -> pd.DataFrame:
        blind = state == "blind"
        silent = BLIND_SINCE if blind or state == "problems" else None
        count = len(fleet(state, now))
        return fake_working.collectors(count, now, alive=0 if blind else 2, silent_since=silent)

    def pullers(state: str, now: datetime) -> pd.DataFrame:
        found = fleet(state, now)
        names = found["name"] if state == "hostile" else found.loc[found["role"] == "origin", "name"]
        return fake_working.pullers([] if state == "calm" else list(names), now)

    put(db.working, "readings", timeless(readings))
    put(db.working, "coverage", asked(lambda state, now, server_id: fake_working.coverage()))
    put(
        db.working,
        "audit",
        timeless(lambda state, now: fake_working.audit(fleet(state, now), now, wrong=state == "problems")),
    )
    put(db.working, "collectors", timeless(collectors))
    put(db.working, "sizes", timeless(lambda state, now: fake_working.sizes()))
    put(db.pullers, "pullers", asked(pullers))
