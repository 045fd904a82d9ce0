"""The hours of the week, the busiest the darkest: asked for, drawn as cells, and as a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, tzinfo
from typing import Any

import pandas as pd

from db.asked import Flow, Only
from db.busiest import busiest
from db.busiest import week as grid
from db.export import Column as FileColumn
from db.steps import Steps, in_whole_hours, steps
from ui import past
from ui.history import DAYS
from ui.html import Html, fill, join
from ui.numbers import DASH, Scale, in_scale, missing, rate_scale

# So long before the end, or the window where that is longer.
LENGTH = timedelta(days=28)
# In five minutes, where hours do not fit the zone, of windows up to so long.
FINE_WEEKS = timedelta(days=100)


@dataclass(frozen=True, slots=True)
class Week:
    """found: of `db.busiest.busiest`; over: the window it is made of."""

    found: pd.DataFrame
    over: Steps

    @property
    def scale(self) -> Scale:
        """The one unit of all hours."""
        return rate_scale(self.found["mean_bps"])

    @property
    def busiest(self) -> str:
        """ "Sun 21 to 22": the hour with the largest mean."""
        return busiest_words(grid(self.found, "mean_bps"))

    def heat(self) -> Html:
        """The hours as cells."""
        scale = self.scale
        means, peaks = (grid(self.found, column) for column in ("mean_bps", "peak_bps"))
        return heat(means, peaks, scale, f"Mean of each hour of the week in {scale.word}")

    def file(self) -> tuple[pd.DataFrame, list[FileColumn]]:
        """The hours as a file."""
        frame = self.found.assign(day=[DAYS[number] for number in self.found["weekday"]])
        columns = [FileColumn("day", "Day"), FileColumn("hour", "Hour"), FileColumn("mean_bps", "Mean", "bit/s")]
        return frame, [*columns, FileColumn("peak_bps", "Most", "bit/s"), FileColumn("hours", "Hours known")]


def week(over: Steps, flow: Flow, only: Only, zone: tzinfo) -> Week:
    """The hours of the weeks up to the end of `over`. Raises Unavailable, Unknowable."""
    weeks = made_of(over, zone)
    return Week(busiest(past.hours(weeks, flow.value, only), weeks, zone), weeks)


def made_of(over: Steps, zone: tzinfo) -> Steps:
    """Four weeks before the end, or the window where it is longer; in five minutes where hours do not fit the zone."""
    start = min(over.start, over.end - LENGTH)
    whole = in_whole_hours(start, over.end, zone)
    fine = timedelta(0) if whole else FINE_WEEKS
    end = over.end.replace(minute=0, second=0, microsecond=0) if whole else over.end
    begin = start.replace(minute=0, second=0, microsecond=0) if whole else start
    return steps(begin, end, fine=fine)


def heat(means: pd.DataFrame, peaks: pd.DataFrame, scale: Scale, what: str) -> Html:
    """The hours of the week as cells, the darker the more. means, peaks: of `db.busiest.week`."""
    most = float(means.max().max()) or 1.0
    # There is room for every third hour; the others are for those who listen.
    shown, spoken = '<th scope="col">{hour}</th>', '<th scope="col"><span class="vh">{hour}</span></th>'
    heads = join(fill(spoken if hour % 3 else shown, hour=f"{hour:02}") for hour in range(24))
    rows = join(
        fill(
            '<tr><th scope="row">{day}</th>{cells}</tr>',
            day=DAYS[day],
            cells=join(_hour(day, hour, means.loc[day, hour], peaks.loc[day, hour], most, scale) for hour in range(24)),
        )
        for day in range(7)
    )
    return fill(
        '<table class="heat"><caption class="vh">{what}</caption><thead><tr><td></td>{heads}</tr></thead>'
        "<tbody>{rows}</tbody></table>",
        what=what,
        heads=heads,
        rows=rows,
    )


def _hour(day: int, hour: int, mean: Any, peak: Any, most: float, scale: Scale) -> Html:
    spoken_hour = f"{DAYS[day]} {hour:02}:00 to {(hour + 1) % 24:02}:00"
    if missing(mean):
        return fill('<td class="none" title="{said}: not known"><span class="vh">–</span></td>', said=spoken_hour)
    value = in_scale(mean, scale)
    return fill(
        '<td style="--v:{share}" title="{said}: {value} {unit} on average, {peak} at most">'
        '<span class="vh">{value}</span></td>',
        share=f"{max(0.0, float(mean)) / most:.3f}",
        said=spoken_hour,
        value=value,
        unit=scale.word,
        peak=in_scale(peak, scale),
    )


def busiest_words(means: pd.DataFrame) -> str:
    """ "Sun 21 to 22": the hour of the week with the largest mean."""
    stacked = means.stack().dropna()
    if stacked.empty:
        return DASH
    best: Any = stacked.idxmax()
    day, hour = int(best[0]), int(best[1])
    return f"{DAYS[day]} {hour:02} to {(hour + 1) % 24:02}"
