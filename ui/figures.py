"""DataFrame → Plotly figure. Pure: no widgets, no reads, no clock.

Colours are roles, custom properties of the style sheet, so that one figure serves both themes. Series
are x0, dx and float32: a third of the bytes of dates. What nobody saw is a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from ui.html import plain

Floats = npt.NDArray[np.float32]

SERIES_COLOURS = 6
OTHER = "Other regions"
LIMIT_SHOWN_FROM = 0.4
# Diameter of a value that stands alone between gaps.
LONE_POINT = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: a column of the frame, its name on screen."""

    column: str
    name: str
    dotted: bool = False


def role(place: int) -> str:
    """Name of the colour of the series at `place` ("s0" to "s5")."""
    return f"s{min(place, SERIES_COLOURS - 1)}"


def minutes(until: datetime, length: timedelta) -> pd.DatetimeIndex:
    """The minutes (their beginnings) of the `length` of time before the minute that `until` is in."""
    end = pd.Timestamp(until).floor("min")
    return pd.date_range(end - length, end, freq="min", inclusive="left", unit="us")


def by_region(traffic: pd.DataFrame, column: str, size: float, span: pd.DatetimeIndex) -> pd.DataFrame:
    """`column` of db.live.traffic as one column a region, divided by `size`, one row for each minute of `span`.

    The largest region is first; beyond six the smaller ones are "Other regions". Minutes nobody saw are rows of NaN.
    Empty where no region has any value.
    """
    if traffic.empty:
        return pd.DataFrame()
    wide = traffic.pivot(index="at", columns="region", values=column).astype("float64") / size
    wide = wide.dropna(axis="columns", how="all")
    wide = wide[wide.mean().sort_values(ascending=False, kind="stable").index]
    if wide.shape[1] > SERIES_COLOURS:
        # Somebody may have called a region like that.
        kept = [name for name in wide.columns if name != OTHER][: SERIES_COLOURS - 1]
        rest = wide.drop(columns=kept).sum(axis="columns", min_count=1)
        wide = wide[kept].assign(**{OTHER: rest})
    return wide.reindex(span)


def stacked_area(wide: pd.DataFrame, zone: tzinfo, height: int) -> go.Figure:
    """The columns of `wide` (see `by_region`) on top of each other, over its whole span of time.

    Plotly would draw a stack straight across a gap, so each unbroken piece is a stack of its own.
    """
    figure = go.Figure(layout=time_layout(height))
    step = _step(wide.index)
    figure.update_xaxes(range=_range(wide.index, step, zone))
    for piece, (start, end) in enumerate(_pieces(wide.notna().any(axis="columns").to_numpy(dtype=bool))):
        part = wide.iloc[start:end]
        for place, name in enumerate(wide.columns):
            figure.add_scatter(
                name=label(name) if name else "No region",
                x0=_local(part.index[0], zone),
                dx=step,
                y=part[name].to_numpy(dtype=np.float32),
                stackgroup=f"piece{piece}",
                # A line of one point would not be seen.
                mode="lines" if len(part) > 1 else "markers",
                marker={"size": LONE_POINT},
                line={"width": 1, "color": f"var(--{role(place)})"},
                hovertemplate="%{y:,.1f}",
            )
    return figure


def lines(
    history: pd.DataFrame,
    shown: Sequence[Line],
    size: float,
    zone: tzinfo,
    height: int,
    *,
    filled: bool = False,
    digits: int = 1,
    limit: tuple[float, str] | None = None,
) -> go.Figure:
    """Lines over time from evenly stepped rows with `at`; gaps stay gaps, outages are bands behind them.

    filled: the area under the lines is filled; digits: decimals of the numbers; limit: (value, words) of a
    dashed line, left out where it is so far away that it would press the lines flat. The axis starts at zero.
    """
    figure = go.Figure(layout=time_layout(height, digits))
    if history.empty:
        return figure
    step = _step(history["at"])
    for place, line in enumerate(shown):
        values = (history[line.column].to_numpy(dtype=np.float64) / size).astype(np.float32)
        # A fill runs straight across a gap, so each unbroken piece is a trace of its own.
        pieces = list(_pieces(~np.isnan(values))) if filled else [(0, len(values))]
        for start, end in pieces:
            figure.add_scatter(
                name=label(line.name),
                x0=_local(history["at"].iloc[start], zone),
                dx=step,
                y=values[start:end],
                mode="lines+markers" if _lone(values[start:end]).any() else "lines",
                marker={"size": np.where(_lone(values[start:end]), LONE_POINT, 0).astype(np.uint8)},
                connectgaps=False,
                fill="tozeroy" if filled else None,
                line={"width": 1.5, "color": f"var(--{role(place)})", "dash": "dot" if line.dotted else "solid"},
                hovertemplate=f"%{{y:,.{digits}f}}",
            )
    # The axis shows the whole window, also where its edges are gaps.
    figure.update_layout(shapes=[_band(*span, zone) for span in outages(history)])
    figure.update_xaxes(range=_range(history["at"], step, zone))
    highest = max(float(history[line.column].max()) for line in shown) / size
    if limit is not None and highest >= LIMIT_SHOWN_FROM * limit[0]:
        figure.add_hline(
            y=limit[0],
            line={"color": "var(--limit)", "width": 1.5, "dash": "dash"},
            annotation={"text": limit[1], "xanchor": "left", "x": 0, "font": {"color": "var(--muted)"}},
        )
        figure.update_yaxes(range=[0, 1.15 * max(limit[0], highest)])
    return figure


def _band(start: pd.Timestamp, end: pd.Timestamp, zone: tzinfo) -> dict[str, Any]:
    return {
        "type": "rect",
        "layer": "below",
        "xref": "x",
        "yref": "paper",
        "x0": _local(start, zone),
        "x1": _local(end, zone),
        "y0": 0,
        "y1": 1,
        "line": {"width": 0},
        "fillcolor": "var(--outage)",
        "opacity": 0.25,
    }


def outages(history: pd.DataFrame) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """(start, end) of the spans in which polls brought nothing; steps nobody polled are no outage."""
    down = (history["up_ratio"] < 1).to_numpy(dtype=bool)
    step = pd.Timedelta(milliseconds=_step(history["at"]))
    times = history["at"]
    return [(times.iloc[start], times.iloc[end - 1] + step) for start, end in _pieces(down)]


def _pieces(present: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """(start, end) of each unbroken run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], present, [False])).astype(np.int8)))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        yield int(start), int(end)


def _lone(values: Floats) -> npt.NDArray[np.bool_]:
    """True for values with a gap on both sides: a line would not show them."""
    absent = np.concatenate(([True], np.isnan(values), [True]))
    return ~absent[1:-1] & absent[:-2] & absent[2:]


def _range(times: pd.Series | pd.Index, step: float, zone: tzinfo) -> list[str]:
    """Beginning of the first and end of the last step, for the axis."""
    moments = pd.DatetimeIndex(times)
    return [_local(moments[0], zone), _local(moments[-1] + pd.Timedelta(milliseconds=step), zone)]


def label(name: object) -> str:
    """A name as Plotly shows it letter by letter: it reads markup in names."""
    return escape(plain(name), quote=False)


def _step(times: pd.Series | pd.Index) -> float:
    """Milliseconds between rows."""
    if len(times) < 2:
        return 60_000.0
    moments = pd.DatetimeIndex(times)
    return float((moments[1] - moments[0]).total_seconds() * 1_000)


def _local(at: pd.Timestamp, zone: tzinfo) -> str:
    """`at` as the viewer's clock shows it: Plotly's axes know no zones."""
    return at.tz_convert(zone).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def time_layout(height: int, digits: int = 1) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 44, "r": 6, "t": 8, "b": 24},
        "showlegend": False,
        "hovermode": "x unified",
        "uirevision": "keep",
        "xaxis": {
            "type": "date",
            "showgrid": False,
            "autotickangles": [0],
            "nticks": 7,
            "hoverformat": "%H:%M:%S",
            "tickformatstops": [
                {"dtickrange": [None, 60_000], "value": "%H:%M:%S"},
                {"dtickrange": [60_000, 86_400_000], "value": "%H:%M"},
                {"dtickrange": [86_400_000, None], "value": "%-d %b"},
            ],
        },
        "yaxis": {
            "rangemode": "tozero",
            "zeroline": False,
            "fixedrange": True,
            "nticks": 5,
            "separatethousands": True,
            "minexponent": 9,
        },
    }
