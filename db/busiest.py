"""Hours of the week and days of a time zone, out of the buckets of `history.hours`. Pure.

Where the clocks are set back an hour comes twice, and is two hours; where they are set forward one is missing.
"""

from __future__ import annotations

from datetime import tzinfo

import numpy as np
import pandas as pd

from db.steps import Steps, days


def busiest(found: pd.DataFrame, over: Steps, zone: tzinfo) -> pd.DataFrame:
    """weekday (0: Monday), hour, mean_bps, peak_bps, hours: each hour of the week, of the hours that are known.

    found: at, bytes, one row a bucket. An hour is one of `zone`'s clocks; buckets must fit into it, so hours do
    only where the zone is whole hours from UTC. peak_bps: the busiest such hour; hours: of how many they are made.
    """
    local = found["at"].dt.tz_convert(zone)
    wall = local.dt.tz_localize(None)
    # The hour that comes twice is told apart by how far the clock is from UTC.
    offset = wall - found["at"].dt.tz_localize(None)
    by_hour = found.groupby([wall.dt.floor("h").rename("wall"), offset.rename("offset")])["bytes"]
    hourly = by_hour.agg(total=lambda each: each.sum(min_count=1), known="count").reset_index()
    hourly = hourly[hourly["known"] > 0]
    seconds = hourly["known"].astype("float64") * over.bucket
    hourly["bps"] = hourly["total"].astype("float64") * 8 / seconds
    hourly["seconds"] = seconds
    hourly["bits"] = hourly["total"].astype("float64") * 8
    grouped = hourly.groupby([hourly["wall"].dt.day_of_week.rename("weekday"), hourly["wall"].dt.hour.rename("hour")])
    made = grouped.agg(
        bits=("bits", "sum"), seconds=("seconds", "sum"), peak_bps=("bps", "max"), hours=("bps", "size")
    ).reset_index()
    made["mean_bps"] = made["bits"] / made["seconds"]
    return made[["weekday", "hour", "mean_bps", "peak_bps", "hours"]]


def week(made: pd.DataFrame, column: str) -> pd.DataFrame:
    """`column` of `busiest` as seven rows (Monday first) of 24 hours; NaN: nobody knows."""
    grid = pd.DataFrame(np.nan, index=range(7), columns=range(24))
    for weekday, hour, value in zip(made["weekday"], made["hour"], made[column], strict=True):
        grid.loc[weekday, hour] = value
    return grid


def daily(found: pd.DataFrame, over: Steps, zone: tzinfo) -> pd.DataFrame:
    """day (date of `zone`), begins, ends, bytes (Int64), mean_bps, peak_bps (of a bucket), known_seconds: each day.

    A day of 23 or 25 hours is as long as it is, the first and the last may be cut; a day nobody saw has no row.
    """
    rows = []
    moments = found["at"].dt.tz_convert("UTC")
    for begins, ends in days(over.start, over.end, zone):
        part = found.loc[(moments >= begins) & (moments < ends), "bytes"].dropna()
        if part.empty:
            continue
        total = sum(map(int, part))
        rows.append(
            {
                "day": begins.astimezone(zone).date(),
                "begins": begins,
                "ends": ends,
                "bytes": total,
                "mean_bps": total * 8 / (len(part) * over.bucket),
                "peak_bps": max(map(int, part)) * 8 / over.bucket,
                "known_seconds": float(len(part) * over.bucket),
            }
        )
    made = pd.DataFrame(rows, columns=["day", "begins", "ends", "bytes", "mean_bps", "peak_bps", "known_seconds"])
    for name in ("begins", "ends"):
        made[name] = pd.to_datetime(made[name], utc=True).astype("datetime64[us, UTC]")
    return made.astype({"bytes": "Int64", "mean_bps": "float64", "peak_bps": "float64", "known_seconds": "float64"})
