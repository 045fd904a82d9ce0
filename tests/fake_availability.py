"""Uptime, outages and airtime out of thin air: frames as db.availability, db.airtime and db.responses give them.

All are made of the same few faults, so that they agree with each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

import db.airtime
import db.availability
import db.responses
from cdn.clock import utc_now
from cdn.errors import Unavailable
from db.airtime import DROP_OUTS

# Nothing is known from before so many days.
KNOWN_DAYS = 75
CHANNELS = ("sport-1", "news", "movies", "kids", "docu", "music", "sport-2", "city-tv", "drama", "nature")
Put = Callable[[Any, str, Any], None]


def faults(fleet: pd.DataFrame, now: datetime, state: str) -> list[tuple[int, datetime, float]]:
    """(place of the server, began, seconds), the same again for the same day."""
    if state == "all_down":
        return [(place, now - timedelta(minutes=3), 180.0) for place in range(len(fleet))]
    if state in ("calm", "waiting"):
        return []
    day = now.replace(hour=4, minute=10, second=0, microsecond=0)
    found = []
    for place in range(0, len(fleet), 3):
        for number in range(1 + place % 4):
            began = day - timedelta(days=1 + (place * 7 + number * 23) % 70, minutes=place % 50)
            found.append((place, began, float(40 + (place * 131 + number * 977) % 2_400)))
    return [*found, (4, now - timedelta(minutes=12), 720.0)] if len(fleet) > 4 else found


def watched(
    fleet: pd.DataFrame, bounds: Sequence[datetime], now: datetime, servers: Sequence[int], state: str
) -> pd.DataFrame:
    """As db.availability.watched."""
    broken = faults(fleet, now, state)
    rows = []
    for place, server in enumerate(fleet.itertuples()):
        if servers and server.id not in servers:
            continue
        for part, (start, end) in enumerate(pairwise(bounds)):
            begin, over = max(start, now - timedelta(days=KNOWN_DAYS)), min(end, now)
            expected = (over - begin).total_seconds()
            if expected <= 0:
                continue
            gone = sum(
                max(0.0, (min(over, began + timedelta(seconds=seconds)) - max(begin, began)).total_seconds())
                for at, began, seconds in broken
                if at == place
            )
            # Two days nobody looked at one server.
            blind = place == 1 and state == "problems" and end > now - timedelta(days=2)
            covered = 0.1 * expected if blind else expected
            rows.append(
                {
                    "server_id": server.id,
                    "server": server.name,
                    "role": server.role,
                    "region": server.region,
                    "provider": server.provider,
                    "part": part,
                    "expected": expected,
                    "covered": covered,
                    "up": max(0.0, covered - gone),
                }
            )
    columns = ["server_id", "server", "role", "region", "provider", "part", "expected", "covered", "up"]
    return pd.DataFrame(rows, columns=columns)


def regions(fleet: pd.DataFrame, bounds: Sequence[datetime], now: datetime, state: str) -> pd.DataFrame:
    """As db.availability.regions."""
    found = watched(fleet, bounds, now, (), state)
    return found.groupby(["region", "part"], as_index=False)[["expected", "covered", "up"]].sum()


def outages(fleet: pd.DataFrame, start: datetime, end: datetime, now: datetime, state: str) -> pd.DataFrame:
    """As db.availability.outages."""
    rows = []
    for place, began, seconds in faults(fleet, now, state):
        over = began + timedelta(seconds=seconds)
        goes_on = over >= now - timedelta(seconds=1)
        if began >= end or over <= start:
            continue
        server = fleet.iloc[place]
        rows.append(
            {
                "server_id": server["id"],
                "server": server["name"],
                **{name: server[name] for name in ("role", "region", "provider")},
                "began_after": began - timedelta(seconds=15),
                "began_by": began,
                "ended_after": None if goes_on else over,
                "ended_by": None if goes_on else over + timedelta(seconds=15),
                "reason": ("timed_out", "refused", "http_status")[place % 3],
                "goes_on": goes_on,
                "down_from": began,
                "down_to": over,
                "away_from": began - timedelta(seconds=15),
                "away_to": min(now, over + timedelta(seconds=15)),
                "lasted_least": seconds,
                "lasted_most": seconds + (15 if goes_on else 30),
            }
        )
    times = ("began_after", "began_by", "ended_after", "ended_by", "down_from", "down_to", "away_from", "away_to")
    columns = ["server_id", "server", "role", "region", "provider", *times[:4], "reason", "goes_on", *times[4:]]
    found = pd.DataFrame(rows, columns=[*columns, "lasted_least", "lasted_most"])
    found = _timed(found, times).astype({"lasted_least": "float64", "lasted_most": "float64"})
    return found.sort_values("began_by", ascending=False, ignore_index=True)


def response_times(fleet: pd.DataFrame, start: datetime, end: datetime, now: datetime, state: str) -> pd.DataFrame:
    """As db.responses.response_times; some hours nobody looked."""
    step = db.responses.step_of(start, end)
    grid = pd.date_range(start, min(end, now), freq=pd.Timedelta(seconds=step), inclusive="left", unit="us")
    place = np.arange(len(grid))
    mean = 0.03 + 0.008 * np.sin(place / 24 * 2 * math.pi)
    mean[(place % 200 > 150) & (place % 200 < 160)] = np.nan
    if state in ("waiting", "empty"):
        mean[:] = np.nan
    return pd.DataFrame({"at": grid, "mean": mean, "known": 3_600.0 * ~np.isnan(mean), "longest": mean * 9})


def airtime(names: Sequence[str], bounds: Sequence[datetime], now: datetime, state: str) -> pd.DataFrame:
    """As db.airtime.airtime."""
    dropped = _drops(names, now, state)
    rows = []
    for place, name in enumerate(names):
        for part, (start, end) in enumerate(pairwise(bounds)):
            begin, over = max(start, now - timedelta(days=KNOWN_DAYS)), min(end, now)
            judged = place != 5
            expected = max(0.0, (over - begin).total_seconds()) if judged else 0.0
            off = sum(seconds for at, began, seconds in dropped if at == place and begin <= began < over)
            rows.append(
                {
                    "channel_id": place + 1,
                    "vhost": "__defaultVhost__",
                    "app": "live",
                    "name": name,
                    "schedule": "Mon-Fri 06:00-23:00" if place == 2 else "",
                    "zone": "Europe/Berlin" if place == 2 else "UTC",
                    "judged": judged,
                    "part": part,
                    "expected": expected,
                    "off_least": min(off, expected),
                    "off_most": min(off * 1.1, expected),
                }
            )
    columns = ["channel_id", "vhost", "app", "name", "schedule", "zone", "judged", "part", "expected"]
    return pd.DataFrame(rows, columns=[*columns, "off_least", "off_most"])


def _drops(names: Sequence[str], now: datetime, state: str) -> list[tuple[int, datetime, float]]:
    if state == "calm":
        return []
    day = now.replace(hour=9, minute=0, second=0, microsecond=0)
    return [
        (
            place,
            day - timedelta(days=1 + (place * 11 + number * 17) % 70),
            float(20 + (place * 317 + number * 71) % 900),
        )
        for place in range(0, len(names), 2)
        for number in range(1 + place % 3)
    ]


def drop_outs(names: Sequence[str], start: datetime, end: datetime, now: datetime, state: str) -> pd.DataFrame:
    """As db.airtime.drop_outs."""
    rows = [
        {
            "channel_id": place + 1,
            "vhost": "__defaultVhost__",
            "app": "live",
            "name": names[place],
            "server": "origin-1",
            "began_after": began,
            "began_by": began + timedelta(seconds=5),
            "ended_after": began + timedelta(seconds=seconds),
            "ended_by": began + timedelta(seconds=seconds * 1.1),
            "end_reason": ("stopped", "reconnected", "restarted")[place % 3],
            "goes_on": False,
            "off_least": seconds,
            "off_most": seconds * 1.1,
        }
        for place, began, seconds in _drops(names, now, state)
        if start <= began < end
    ]
    found = _timed(pd.DataFrame(rows, columns=list(DROP_OUTS)), ("began_after", "began_by", "ended_after", "ended_by"))
    found = found.astype({"off_least": "float64", "off_most": "float64"})
    return found.sort_values("began_after", ascending=False, ignore_index=True)


def plan(names: Sequence[str], channel_id: int) -> pd.DataFrame:
    """As db.airtime.plan."""
    found = airtime(names, [utc_now(), utc_now()], utc_now(), "calm")
    return found.loc[found["channel_id"] == channel_id, ["channel_id", "vhost", "app", "name", "schedule", "zone"]]


def _timed(found: pd.DataFrame, times: Sequence[str]) -> pd.DataFrame:
    for name in times:
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]")
    return found


def install(
    state: Callable[[], str], fleet: Callable[[str, datetime], pd.DataFrame], hostile: Sequence[str], put: Put
) -> None:
    """Put the fakes in the place of the real functions by `put`."""

    def of_fleet(function: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
        def answer(engine: object, *rest: Any) -> pd.DataFrame:
            return function(fleet(_here(), utc_now()), *rest, _here())

        return answer

    def of_channels(function: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
        def answer(engine: object, *rest: Any) -> pd.DataFrame:
            only = rest[-1] if isinstance(rest[-1], int) else None
            found = function(_names(), *(rest if only is None else rest[:-1]), _here())
            return found if only is None else found[found["channel_id"] == only].reset_index(drop=True)

        return answer

    def _here() -> str:
        current = state()
        if current == "away":
            raise Unavailable("the database at local socket/cdn does not answer: connection refused")
        return current

    def _names() -> Sequence[str]:
        return hostile if _here() == "hostile" else () if _here() == "empty" else CHANNELS

    def watched_of(fleet: pd.DataFrame, bounds: Sequence[datetime], now: datetime, *rest: Any) -> pd.DataFrame:
        servers, current = ((), *rest)[-2:]
        return watched(fleet, bounds, now, servers, current)

    put(db.availability, "watched", of_fleet(watched_of))
    put(db.availability, "regions", of_fleet(regions))
    put(db.availability, "outages", of_fleet(outages))
    put(db.responses, "response_times", of_fleet(response_times))
    put(db.airtime, "airtime", of_channels(airtime))
    put(db.airtime, "drop_outs", of_channels(drop_outs))
    put(db.airtime, "plan", lambda engine, channel_id: plan(_names(), channel_id))
