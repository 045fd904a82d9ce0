"""Figures of the past: series stacked or as lines, the time compared with as a ghost, markers. Pure.

Plotly's axes know no zones: they show the viewer's clock. Where it jumps, as where nobody saw anything, a line is
broken, so every point stands at the time that the clock showed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from db.history import OTHER
from db.steps import Steps
from ui.figures import label, time_layout
from ui.html import plain

LONE_POINT = 5
# Of shorter windows each day is named.
WEEKDAYS = timedelta(days=15)
NAMED = [
    {"dtickrange": [None, 60_000], "value": "%H:%M:%S"},
    {"dtickrange": [60_000, 86_399_999], "value": "%H:%M"},
    {"dtickrange": [86_400_000, None], "value": "%a %-d %b"},
]
LONGEST_MARK = 40
MARKS = {"deploy": "var(--limit)", "match": "var(--s0)", "incident": "var(--outage)", "other": "var(--muted)"}
# Grey comes last.
COLOURS = ("s0", "s1", "s2", "s3", "s5", "s4")


def named(series: pd.DataFrame, nameless: str, other: str) -> dict[int, str]:
    """place → name on screen, in the order of drawing. nameless: of what has no name."""
    first: Iterator[Any] = iter(series.drop_duplicates("place").itertuples())
    return {int(row.place): other if row.place == OTHER else str(row.name) or nameless for row in first}


def colour(place: int) -> str:
    """The colour's role of the series at `place`; grey is what all others are together."""
    return COLOURS[min(place, len(COLOURS) - 1)] if place != OTHER else COLOURS[-1]


def over_time(
    series: pd.DataFrame,
    value: str,
    names: dict[int, str],
    over: Steps,
    size: float,
    zone: tzinfo,
    height: int,
    *,
    unit: str,
    digits: int = 1,
    stacked: bool = True,
    ghost: tuple[pd.DataFrame, Steps, str] | None = None,
    markers: pd.DataFrame | None = None,
) -> go.Figure:
    """`series` (place, at, `value`), a step a point, divided by `size`; unit: of what comes out.

    ghost: (at, `value`), its steps and its name: another time laid over this one, beginning where it begins.
    markers: as db.annotations gives them.
    """
    figure = go.Figure(layout={**time_layout(height, digits), "hovermode": "x unified"})
    grid = pd.DatetimeIndex(over.times)
    wide = series.pivot(index="at", columns="place", values=value).reindex(grid)
    wide = wide[list(names)].astype("float64") / size if names else wide
    walls = _walls(grid, zone)
    step = over.seconds * 1_000.0
    for number, (first, end) in enumerate(pieces(wide.notna().any(axis="columns").to_numpy(), walls, step)):
        for place, name in names.items():
            values = wide[place].to_numpy(dtype=np.float32)[first:end]
            figure.add_scatter(
                name=label(name),
                x0=_text(walls[first]),
                dx=step,
                # In a stack what is not known adds nothing.
                y=np.nan_to_num(values) if stacked else values,
                stackgroup=f"piece{number}" if stacked else None,
                mode="lines" if end - first > 1 else "markers",
                marker={"size": LONE_POINT},
                line={"width": 1 if stacked else 1.6, "color": f"var(--{colour(place)})"},
                hovertemplate=f"%{{y:,.{digits}f}} {unit}",
            )
    if ghost is not None:
        _add_ghost(figure, *ghost, value, size, walls[0], zone, f"%{{y:,.{digits}f}} {unit}")
    if markers is not None:
        add_markers(figure, markers, over.start, over.end, zone)
    window = pd.DatetimeIndex([over.start, over.end])
    figure.update_xaxes(range=[_text(at) for at in _walls(window, zone)], hoverformat="%a %-d %b %H:%M", nticks=9)
    if over.end - over.start <= WEEKDAYS:
        figure.update_xaxes(tickformatstops=NAMED)
    return figure


def pieces(known: np.ndarray, walls: pd.DatetimeIndex, step: float) -> Iterator[tuple[int, int]]:
    """(first, end) of each run of known points that the clock shows `step` milliseconds apart."""
    first: int | None = None
    gaps = np.diff(walls.to_numpy()).astype("timedelta64[ms]").astype("float64") != step
    for place, is_known in enumerate(known):
        if first is not None and (not is_known or gaps[place - 1]):
            yield first, place
            first = None
        if is_known and first is None:
            first = place
    if first is not None:
        yield first, len(known)


def _add_ghost(
    figure: go.Figure,
    before: pd.DataFrame,
    over: Steps,
    name: str,
    value: str,
    size: float,
    start: pd.Timestamp,
    zone: tzinfo,
    hover: str,
) -> None:
    grid = pd.DatetimeIndex(over.times)
    values = before.set_index("at")[value].reindex(grid).astype("float64").to_numpy(dtype=np.float32) / np.float32(size)
    walls = _walls(grid, zone)
    walls = walls + (start - walls[0])
    step = over.seconds * 1_000.0
    for first, end in pieces(~np.isnan(values), walls, step):
        figure.add_scatter(
            name=label(name),
            x0=_text(walls[first]),
            dx=step,
            y=values[first:end],
            mode="lines" if end - first > 1 else "markers",
            marker={"size": LONE_POINT},
            line={"width": 1.8, "color": "var(--text)", "dash": "dot"},
            hovertemplate=hover,
        )


def add_markers(figure: go.Figure, markers: pd.DataFrame, start: datetime, end: datetime, zone: tzinfo) -> None:
    """Draw `markers`, as db.annotations gives them, into a chart that reaches from `start` to `end`."""
    for marker in markers.itertuples():
        _add_marker(figure, marker, pd.Timestamp(start), pd.Timestamp(end), zone)


def _add_marker(figure: go.Figure, marker: Any, first: pd.Timestamp, last: pd.Timestamp, zone: tzinfo) -> None:
    """A dotted line with a flag, and a pale band where it lasts."""
    shade = MARKS.get(marker.kind, MARKS["other"])
    begins = max(pd.Timestamp(marker.at), first)
    ends = marker.until if not pd.isna(marker.until) else marker.at
    begin, end = (_text(at) for at in _walls(pd.DatetimeIndex([begins, min(ends, last)]), zone))
    if ends > begins:
        figure.add_shape(
            type="rect",
            layer="below",
            xref="x",
            yref="paper",
            x0=begin,
            x1=end,
            y0=0,
            y1=1,
            fillcolor=shade,
            opacity=0.13,
            line={"width": 0},
        )
    figure.add_shape(
        type="line",
        xref="x",
        yref="paper",
        x0=begin,
        x1=begin,
        y0=0,
        y1=1,
        line={"color": shade, "width": 1.4, "dash": "dot"},
    )
    figure.add_annotation(
        x=begin,
        y=1,
        yref="paper",
        yanchor="bottom",
        showarrow=False,
        text="⚑",
        font={"color": shade, "size": 16},
        hovertext=label(plain(marker.words)[:LONGEST_MARK]),
    )
    figure.update_layout(margin={"l": 44, "r": 6, "t": 26, "b": 24})


def _walls(times: pd.DatetimeIndex, zone: tzinfo) -> pd.DatetimeIndex:
    """What the clocks of `zone` show at `times`."""
    moments = times.tz_localize("UTC") if times.tz is None else times
    return moments.tz_convert(zone).tz_localize(None)


def _text(at: pd.Timestamp | datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
