"""Which servers, regions and channels get a strip of days, the worst of the month first, and their boxes. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from cdn.months import day_begins
from ui import links, numbers, strips
from ui.availability import between, share
from ui.html import fill
from ui.strips import Box, Day, Strip

DAYS = 90


def bounds(first: date, days: int, zone: Any) -> tuple[datetime, ...]:
    """When each of so many days from `first` on begins in `zone`, and when the last one is over."""
    return tuple(day_begins(first + timedelta(days=number), zone) for number in range(days + 1))


def worst(month: pd.DataFrame, by: str, most: int) -> pd.DataFrame:
    """The `most` rows of db.availability.told by `by` that were up least, the worst first."""
    return month.sort_values(["up_ratio", "least", by], na_position="last", kind="stable").head(most)


def worst_channels(month: pd.DataFrame, most: int) -> pd.DataFrame:
    """The `most` rows of db.airtime.told that were on air least, the worst first."""
    return month.sort_values(["on_most", "on_least", "name"], na_position="last", kind="stable").head(most)


def server_strips(
    days: pd.DataFrame, month: pd.DataFrame, outages: pd.DataFrame, by: str, count: int
) -> Iterator[tuple[Strip, list[Day]]]:
    """A strip for each row of `month`, in its order.

    days: db.availability.told by `by` and part, month: of `worst`; outages: of the month; count: days.
    """
    known = {(getattr(row, by), row.part): row for row in days.itertuples()}
    many = outages[by].value_counts().to_dict()
    row: Any
    for row in month.itertuples():
        key = getattr(row, by)
        boxes = [_day(known.get((key, part))) for part in range(count)]
        name = links.link(links.server(str(key)), key) if by == "server" else fill("{name}", name=key or "No region")
        title = between(row.least, row.most) or "of all of the month"
        below = numbers.many(int(many.get(key, 0)), "outage")
        yield Strip(name, below, boxes, numbers.percent(row.up_ratio, 2), title), [box.day for box in boxes]


def _day(row: Any) -> Box:
    return Box(Day.ABSENT) if row is None else strips.of_server(row.expected, row.covered, row.up)


def channel_strips(
    days: pd.DataFrame, month: pd.DataFrame, drops: pd.DataFrame, count: int
) -> Iterator[tuple[Strip, list[Day]]]:
    """A strip for each row of `month`, in its order. days: db.airtime.airtime; month: of `worst_channels`."""
    shown = days[days["channel_id"].isin(month["channel_id"])]
    known: dict[Any, Any] = {(row.channel_id, row.part): row for row in shown.itertuples()}
    many = drops["channel_id"].value_counts().to_dict()
    row: Any
    for row in month.itertuples():
        boxes = [_aired(known.get((row.channel_id, part))) for part in range(count)]
        below = numbers.many(int(many.get(row.channel_id, 0)), "drop-out") if row.judged else "never seen published"
        title = f"expected {row.schedule or 'always'}" + (f", on the clock of {row.zone}" if row.schedule else "")
        figure = share(row.on_least, row.on_most).replace(" to ", "–")
        yield (
            Strip(links.link(links.channel(row.channel_id), row.name), below, boxes, figure, title),
            [b.day for b in boxes],
        )


def _aired(row: Any) -> Box:
    return Box(Day.ABSENT) if row is None else strips.of_channel(row.judged, row.expected, row.off_least, row.off_most)
