"""What was transferred on each day of the viewer's zone: asked for, drawn as bars, and as a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from db.asked import By, Flow, Only
from db.busiest import daily
from db.export import Column as FileColumn
from db.rolled import HOUR
from db.steps import FINE_ODD, Steps, in_whole_hours
from db.steps import days as days_of
from ui import past
from ui.figures import time_layout
from ui.history_figures import NAMED
from ui.numbers import Scale, volume_scale

HEIGHT = 220
# Fewer days are not drawn wider than so many would be.
FEWEST = 7
# So many days are told with their weekday.
WEEKDAYS = 10
_DAY = timedelta(days=1)
_WHOLE, _PART = 1.0, 0.45
FILE = (
    FileColumn("day", "Day"),
    FileColumn("begins", "Begins"),
    FileColumn("ends", "Ends"),
    FileColumn("bytes", "Bytes"),
    FileColumn("mean_bps", "Mean", "bit/s"),
    FileColumn("peak_bps", "Most", "bit/s"),
    FileColumn("known_seconds", "Known", "seconds"),
)


@dataclass(frozen=True, slots=True)
class Days:
    """found: of `db.busiest.daily`; over: the buckets it is made of."""

    found: pd.DataFrame
    over: Steps

    @property
    def scale(self) -> Scale:
        """The one unit of the bars."""
        return volume_scale(self.found["bytes"])

    def figure(self, zone: tzinfo) -> go.Figure:
        """A bar a day; pale where only a part of it is known, none where nothing is."""
        return figure(self.found, self.over, self.scale, zone)

    def file(self) -> tuple[pd.DataFrame, list[FileColumn]]:
        """The days as a file."""
        return self.found, list(FILE)


def days(over: Steps, flow: Flow, by: By, only: Only, zone: tzinfo) -> Days:
    """The days of a window; by channel what belongs to any channel. Raises Unavailable, Unknowable."""
    buckets = made_of(over, by, only, zone)
    if by is By.CHANNEL:
        carried = past.traffic(buckets, flow.value, by.value, only)
        return Days(daily(carried.groupby("at", as_index=False).agg(bytes=("bytes", "sum")), buckets, zone), buckets)
    return Days(daily(past.hours(buckets, flow.value, only), buckets, zone), buckets)


def made_of(over: Steps, by: By, only: Only, zone: tzinfo) -> Steps:
    """The buckets that days of `zone` are made of: hours or less, five minutes where hours lie across its midnight.

    Where that is too long ago or too long for them, an hour belongs to the day it begins in.
    """
    if over.end - over.start <= FINE_ODD and not in_whole_hours(over.start, over.end, zone):
        over = past.stepped(over.start, over.end, by, only, FINE_ODD)
    size = min(over.bucket, HOUR)
    return Steps(over.start, over.end, size, size)


def whole(found: pd.DataFrame, zone: tzinfo) -> pd.Series:
    """Of each day of `db.busiest.daily` whether all of it is in the window and was counted."""
    lengths = [_length(row.day, zone) for row in found.itertuples()]
    return found["known_seconds"] >= np.array(lengths, dtype=np.float64)


def figure(found: pd.DataFrame, over: Steps, scale: Scale, zone: tzinfo) -> go.Figure:
    """A bar a day; pale where only a part of it is known, none where nothing is. found: of `db.busiest.daily`."""
    made = go.Figure(layout=time_layout(HEIGHT))
    every = [begins.astimezone(zone).date() for begins, _ in days_of(over.start, over.end, zone)]
    known = found.set_index("day")["bytes"].reindex(every)
    is_whole = pd.Series(whole(found, zone).to_numpy(), index=found["day"]).reindex(every)
    first = datetime.combine(every[0], datetime.min.time())
    made.add_bar(
        name="Transferred",
        x0=f"{first:%Y-%m-%d} 00:00:00",
        dx=_DAY.total_seconds() * 1_000,
        y=(known.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan) / scale.size).astype(np.float32),
        marker={"color": "var(--s0)", "opacity": [_WHOLE if each is True else _PART for each in is_whole]},
        hovertemplate=f"%{{y:,.1f}} {scale.word}",
    )
    # Room at both sides: of one or two days the bars would be as wide as the card.
    spare = max(0, FEWEST - len(every)) / 2
    begin, end = first - _DAY * (0.5 + spare), first + _DAY * (len(every) - 0.5 + spare)
    made.update_layout(bargap=0.25)
    made.update_xaxes(range=[f"{at:%Y-%m-%d %H:%M:%S}" for at in (begin, end)], hoverformat="%a %-d %b %Y")
    if len(every) <= WEEKDAYS:
        made.update_xaxes(tickformatstops=NAMED, nticks=max(FEWEST, len(every)) + 1)
    return made


def _length(day: object, zone: tzinfo) -> float:
    """Seconds of a day: 23, 24 or 25 hours."""
    midnight = datetime.combine(pd.Timestamp(str(day)).date(), datetime.min.time(), zone)
    next_one = midnight + _DAY
    return next_one.timestamp() - midnight.timestamp()
