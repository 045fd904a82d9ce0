"""Channels out of thin air: frames as db.channels gives them, over the fleet of tests/fake_live.py.

Each channel is one line (a `Spec`); all four frames are made of it, so that they agree with each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from cdn.health import ChannelState, CopyState, State
from db.frame import records

NAMES = ("sport-1", "news", "movies", "kids", "docu", "music", "sport-2", "city-tv", "drama", "nature")
MORE = ("cooking", "history", "travel", "weather")
# What is wrong in the states "problems" and "off_air", by name.
WRONG = {
    "sport-1": ChannelState.OFF_AIR,
    "kids": ChannelState.STALLED,
    "movies": ChannelState.FROZEN,
    "nature": ChannelState.UNKNOWN,
    "weather": ChannelState.GONE,
}
FORMAT = "1920 × 1080, H264 High, AAC LC 44.1 kHz"
FROZEN_COPIES = 2
_UNKNOWN_FLEET = (State.DOWN, State.NO_DATA, State.WAITING, State.PAUSED)
_TIMES = {
    "channels": (
        "frozen_since",
        "stalled_since",
        "published_after",
        "published_by",
        "ended_after",
        "ended_by",
        "at",
        "gone_at",
    ),
    "copies": ("egress_still_since", "ingress_still_since", "published_after", "published_by", "at", "gone_at"),
    "publications": ("began_after", "began_by", "ended_after", "ended_by"),
    "events": ("at", "after"),
}
_COLUMNS = {
    "channels": [
        *("id", "vhost", "app", "name", "origin", "is_home", "viewers", "copies", "copies_frozen", "copies_unknown"),
        *(
            "viewers_frozen",
            "frozen_since",
            "ingest_bps",
            "stalled_since",
            "frame_rate",
            "video",
            "audio",
            "width",
            "height",
        ),
        *("published_after", "published_by", "ended_after", "ended_by", "at", "gone_at", "state"),
    ],
    "copies": [
        *("server_id", "server", "role", "region", "is_home", "state", "viewers", "clients", "pulls", "egress_bps"),
        *("ingress_bps", "frame_rate", "video", "audio", "width", "height", "egress_still_since"),
        *("ingress_still_since", "published_after", "published_by", "at", "gone_at"),
    ],
    "publications": [
        *("server_id", "server", "channel_id", "vhost", "app", "name", "began_after", "began_by", "ended_after"),
        *("ended_by", "end_reason", "publisher", "format", "off_air_least", "off_air_most"),
    ],
    "events": [
        *("at", "after", "kind", "server_id", "server", "channel_id", "vhost", "app", "name", "before", "now"),
    ],
}


@dataclass(frozen=True)
class Spec:
    """One channel. home: the row of its origin in the fleet, else of the first server; edges: rows that carry it."""

    id: int
    name: str
    state: ChannelState
    home: dict[str, Any]
    is_home: bool
    edges: list[dict[str, Any]]
    vhost: str = "__defaultVhost__"
    app: str = "live"

    @property
    def viewers_each(self) -> float:
        """On each edge."""
        return float(400 // (self.id % 40 + 1))


def _specs(state: str, fleet: pd.DataFrame, hostile: tuple[str, ...]) -> list[Spec]:
    if fleet.empty or state == "waiting":
        return []
    rows: list[dict[str, Any]] = records(fleet[fleet["kind"] == "srs"])
    paused = [row for row in rows if row["role"] == "origin" and row["paused"]]
    origins = [row for row in rows if row["role"] == "origin" and not row["paused"]]
    edges = [row for row in rows if row["role"] == "edge"]
    names: tuple[str, ...] = {
        "hostile": hostile,
        "many": tuple(f"channel-{place:03}" for place in range(400)),
        "one": NAMES[:2],
    }.get(state, NAMES + MORE)
    specs = []
    for place, name in enumerate(names):
        home = origins[place % len(origins)] if origins else rows[0]
        if paused and WRONG.get(name) == ChannelState.UNKNOWN:
            home = paused[0]
        specs.append(
            Spec(
                place + 1,
                name,
                _state(state, place, name),
                home,
                bool(origins),
                edges,
                *(("cdn.example", "live") if place == 7 else ("__defaultVhost__", "event" if place == 8 else "live")),
            )
        )
    return specs


def _state(state: str, place: int, name: str) -> ChannelState:
    if state in ("blind", "all_down"):
        return ChannelState.UNKNOWN
    if state in ("problems", "off_air"):
        return WRONG.get(name, ChannelState.ON_AIR)
    if state == "many":
        return (ChannelState.FROZEN, ChannelState.OFF_AIR)[place % 2] if place % 67 == 5 else ChannelState.ON_AIR
    return ChannelState.FROZEN if state == "hostile" and place == 0 else ChannelState.ON_AIR


def channels(state: str, now: datetime, fleet: pd.DataFrame, hostile: tuple[str, ...]) -> pd.DataFrame:
    """As db.channels.channels."""
    return _frame("channels", [_channel(spec, now) for spec in _specs(state, fleet, hostile)])


def _channel(spec: Spec, now: datetime) -> dict[str, Any]:
    frozen, off_air = spec.state == ChannelState.FROZEN, spec.state in (ChannelState.OFF_AIR, ChannelState.GONE)
    unknown, gone = spec.state == ChannelState.UNKNOWN, spec.state == ChannelState.GONE
    carried = 0 if off_air or spec.state in (ChannelState.STALLED, ChannelState.UNKNOWN) else len(spec.edges)
    coming_in = not off_air and spec.state != ChannelState.STALLED
    seen = now - timedelta(minutes=6) if unknown else now - timedelta(seconds=4)
    return {
        "id": spec.id,
        "vhost": spec.vhost,
        "app": spec.app,
        "name": spec.name,
        "origin": spec.home["name"],
        "is_home": spec.is_home,
        "viewers": math.nan if unknown else 0.0 if gone else spec.viewers_each * len(spec.edges),
        "copies": float(carried),
        "copies_frozen": float(FROZEN_COPIES if frozen else 0),
        "copies_unknown": float(len(spec.edges) if unknown else 0),
        "viewers_frozen": spec.viewers_each * FROZEN_COPIES if frozen else math.nan,
        "frozen_since": now - timedelta(seconds=260) if frozen else None,
        "ingest_bps": (6.1e6 if coming_in else 0.0) if spec.is_home else math.nan,
        "stalled_since": now - timedelta(seconds=95) if spec.state == ChannelState.STALLED else None,
        "frame_rate": 25.0 if coming_in and spec.is_home else math.nan,
        "video": "H264 High",
        "audio": "AAC LC 44.1 kHz",
        "width": 1920.0,
        "height": 1080.0,
        "published_after": None if off_air or spec.id == 2 else _began(now) - timedelta(seconds=15),
        "published_by": None if off_air else _began(now),
        "ended_after": now - timedelta(minutes=6, seconds=15) if off_air else None,
        "ended_by": now - timedelta(minutes=6) if off_air else None,
        "at": seen,
        "gone_at": now - timedelta(hours=2) if gone else None,
        "state": spec.state.value,
    }


def _began(now: datetime) -> datetime:
    return now - timedelta(hours=2, minutes=4)


def copies(state: str, now: datetime, fleet: pd.DataFrame, hostile: tuple[str, ...], channel_id: int) -> pd.DataFrame:
    """As db.channels.copies."""
    rows = []
    for spec in _specs(state, fleet, hostile):
        if spec.id == channel_id:
            rows = [_home(spec, now)] if spec.is_home else []
            rows += [_copy(spec, row, now) for row in spec.edges]
    return _frame("copies", rows)


def _home(spec: Spec, now: datetime) -> dict[str, Any]:
    row = _channel(spec, now)
    copy = {
        ChannelState.STALLED: CopyState.STALLED,
        ChannelState.OFF_AIR: CopyState.WAITING,
        ChannelState.UNKNOWN: CopyState.UNKNOWN,
        ChannelState.GONE: CopyState.GONE,
    }.get(spec.state, CopyState.ON_AIR)
    on_air = copy == CopyState.ON_AIR
    return {
        **{name: row[name] for name in ("video", "audio", "width", "height", "at", "gone_at", "frame_rate")},
        **{name: row[name] for name in ("published_after", "published_by")},
        **_whose(spec.home, is_home=True),
        "state": copy.value,
        "viewers": 3.0 if on_air else 0.0,
        "clients": 3.0 + 1 + len(spec.edges) if on_air else 0.0,
        "pulls": float(len(spec.edges)) if on_air else math.nan,
        "egress_bps": 6.1e6 * (len(spec.edges) + 3) if on_air else 0.0,
        "ingress_bps": 6.1e6 if on_air else 0.0,
        "egress_still_since": None,
        "ingress_still_since": row["stalled_since"],
    }


def _copy(spec: Spec, server: dict[str, Any], now: datetime) -> dict[str, Any]:
    answering = [edge["id"] for edge in spec.edges if edge["state"] not in _UNKNOWN_FLEET]
    frozen = spec.state == ChannelState.FROZEN and server["id"] in answering[:FROZEN_COPIES]
    stands = spec.state in (ChannelState.STALLED, ChannelState.OFF_AIR)
    copy = CopyState.FROZEN if frozen else CopyState.WAITING if stands else CopyState.ON_AIR
    if server["state"] in _UNKNOWN_FLEET or spec.state == ChannelState.UNKNOWN:
        copy = CopyState.UNKNOWN
    if spec.state == ChannelState.GONE:
        copy = CopyState.GONE
    moving = copy == CopyState.ON_AIR
    still = now - timedelta(seconds=260 if frozen else 90)
    return {
        **_whose(server, is_home=False),
        "state": copy.value,
        "viewers": 0.0 if copy == CopyState.GONE else spec.viewers_each,
        "clients": 0.0 if copy == CopyState.GONE else spec.viewers_each,
        "pulls": math.nan,
        "egress_bps": 6.1e6 * spec.viewers_each if moving else 0.0,
        "ingress_bps": 6.1e6 if moving else 0.0,
        "frame_rate": math.nan,
        "video": "H264 High",
        "audio": "AAC LC 44.1 kHz",
        "width": 1920.0,
        "height": 1080.0,
        "egress_still_since": still if frozen or stands else None,
        "ingress_still_since": None,
        "published_after": None,
        "published_by": None,
        "at": now - timedelta(minutes=6) if copy == CopyState.UNKNOWN else now - timedelta(seconds=4),
        "gone_at": now - timedelta(hours=2) if copy == CopyState.GONE else None,
    }


def _whose(server: dict[str, Any], *, is_home: bool) -> dict[str, Any]:
    return {
        "server_id": server["id"],
        "server": server["name"],
        "role": server["role"],
        "region": server["region"],
        "is_home": is_home,
    }


def publications(
    state: str,
    now: datetime,
    fleet: pd.DataFrame,
    hostile: tuple[str, ...],
    *,
    since: datetime,
    channel_id: int | None = None,
    server_id: int | None = None,
    most: int = 200,
) -> pd.DataFrame:
    """As db.channels.publications: of each channel two that ended, and one that goes on where it is on air."""
    rows = []
    for spec in _specs(state, fleet, hostile):
        if spec.is_home and channel_id in (None, spec.id) and server_id in (None, spec.home["id"]):
            rows += _published(spec, now)
    rows = [row for row in rows if row["began_by"] > since or row["ended_by"] is None or row["ended_by"] > since]
    return _frame("publications", sorted(rows, key=lambda row: row["began_by"], reverse=True)[:most])


def _published(spec: Spec, now: datetime) -> list[dict[str, Any]]:
    began = _began(now)
    same = {
        "server_id": spec.home["id"],
        "server": spec.home["name"],
        "channel_id": spec.id,
        "vhost": spec.vhost,
        "app": spec.app,
        "name": spec.name,
        "publisher": "10.1.2.3",
        "format": FORMAT,
    }

    def one(
        after: datetime | None, by: datetime, until: datetime | None, why: str | None, gap: float
    ) -> dict[str, Any]:
        return {
            **same,
            "began_after": after,
            "began_by": by,
            "ended_after": until - timedelta(seconds=15) if until else None,
            "ended_by": until,
            "end_reason": why,
            "off_air_least": gap,
            "off_air_most": gap + 30 if gap == gap else math.nan,
        }

    second, first = began - timedelta(hours=3), began - timedelta(hours=11)
    off_air = spec.state in (ChannelState.OFF_AIR, ChannelState.GONE)
    left = now - timedelta(minutes=7) if spec.state == ChannelState.OFF_AIR else now - timedelta(hours=2)
    return [
        one(began - timedelta(seconds=15), began, left if off_air else None, "stopped" if off_air else None, 0.0),
        one(second - timedelta(seconds=15), second, began, "reconnected", 285.0),
        one(None, first, second - timedelta(minutes=5), "restarted", math.nan),
    ]


def events(
    state: str,
    now: datetime,
    fleet: pd.DataFrame,
    hostile: tuple[str, ...],
    *,
    since: datetime,
    channel_id: int | None = None,
    server_id: int | None = None,
    most: int = 200,
) -> pd.DataFrame:
    """As db.channels.events: of each channel a change of its format, of each origin a restart and new software."""
    rows = []
    begun = _began(now)
    for spec in _specs(state, fleet, hostile):
        whose = {"server_id": spec.home["id"], "server": spec.home["name"]}
        known = {"channel_id": spec.id, "vhost": spec.vhost, "app": spec.app, "name": spec.name}
        nobody = dict.fromkeys(known)
        changed = {"before": "1280 × 720, H264 Main, AAC LC 44.1 kHz", "now": FORMAT}
        at = begun + timedelta(minutes=40)
        rows.append({**whose, **known, **changed, "at": at, "after": at - timedelta(seconds=15), "kind": "format"})
        at = begun - timedelta(hours=3, seconds=20)
        rows.append({**whose, **nobody, "at": at, "after": at - timedelta(seconds=15), "kind": "restart"})
        versions = {"before": "SRS 6.0.157", "now": "SRS 6.0.184"}
        rows.append({**whose, **nobody, **versions, "at": at, "after": at - timedelta(seconds=15), "kind": "version"})
    found = _frame("events", rows).drop_duplicates(["server_id", "at", "kind", "channel_id"])
    found = found[(found["channel_id"] == channel_id) if channel_id is not None else found["at"].notna()]
    found = found[(found["server_id"] == server_id) if server_id is not None else found["at"].notna()]
    return found[found["at"] > since].sort_values("at", ascending=False, kind="stable").head(most)


def _frame(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    found = pd.DataFrame(rows, columns=_COLUMNS[name])
    for column in _TIMES[name]:
        found[column] = pd.to_datetime(found[column], utc=True).astype("datetime64[us, UTC]")
    if name == "events":
        found["channel_id"] = found["channel_id"].astype("Int64")
    return found
