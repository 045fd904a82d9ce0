"""Figures of a month's bill: its values sorted, its course with what is above, and peak time by day. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from cdn.months import INTERVAL
from ui.figures import time_layout

# What a screen can tell apart; the free ones are shown all.
POINTS = 900
HALF_HOUR = 6


def sorted_values(bps: pd.Series, free: int, size: float, height: int, agreed: tuple[float, str] | None) -> go.Figure:
    """All values of a month, the highest first, over percent of it; those that are free shaded, the one that bills
    marked.

    bps: known ones; size: bit/s of the unit shown; agreed: (bit/s, words) of a dashed line.
    """
    figure = go.Figure(layout=_number_layout(height))
    ordered = np.sort(bps.to_numpy(dtype=np.float64))[::-1] / size
    if not len(ordered):
        return figure
    free = min(free, len(ordered) - 1)
    percent = 100.0 / len(ordered)
    step = max(1, len(ordered) // POINTS)
    # Evenly stepped, so that the points are few bytes; the one that bills is a mark of its own.
    figure.add_scatter(
        name="Value",
        x0=0.0,
        dx=step * percent,
        y=ordered[::step].astype(np.float32),
        mode="lines",
        fill="tozeroy",
        line={"width": 1.5, "color": "var(--s0)"},
        hovertemplate="%{y:,.1f}",
    )
    figure.add_scatter(
        name="What bills",
        x0=free * percent,
        dx=percent,
        y=ordered[free : free + 1].astype(np.float32),
        mode="markers",
        marker={"size": 11, "color": "var(--outage)", "line": {"width": 1.5, "color": "var(--card)"}},
        hovertemplate="%{y:,.1f}",
    )
    figure.add_vrect(x0=0, x1=free * percent, fillcolor="var(--muted)", opacity=0.18, line_width=0, layer="below")
    figure.update_xaxes(range=[0, 100])
    _agree(figure, agreed, size, float(ordered[0]))
    return figure


def course(
    intervals: pd.DataFrame, size: float, zone: tzinfo, height: int, agreed: tuple[float, str] | None
) -> go.Figure:
    """The month as it went, by half hours their highest five minutes; those above what is agreed, or free, marked.

    intervals: of db.billing.MonthBill. What nobody saw is a gap.
    """
    figure = go.Figure(layout=time_layout(height))
    if intervals.empty:
        return figure
    values = intervals["bps"].to_numpy(dtype=np.float64) / size
    marked = intervals["above" if agreed else "free"].to_numpy(dtype=bool)
    start, step = pd.Timestamp(intervals["at"].iloc[0]), HALF_HOUR * INTERVAL
    for name, shown, colour in (
        ("Highest 5 minutes", values, "var(--s0)"),
        ("Above the agreed rate" if agreed else "Free peak time", np.where(marked, values, np.nan), "var(--outage)"),
    ):
        figure.add_scatter(
            name=name,
            x0=_local(start, zone),
            dx=step.total_seconds() * 1_000,
            y=_highest(shown),
            mode="lines" if shown is values else "lines+markers",
            marker={"size": 3},
            connectgaps=False,
            line={"width": 1.3, "color": colour},
            hovertemplate="%{y:,.1f}",
        )
    end = start + len(intervals) * INTERVAL
    figure.update_xaxes(range=[_local(start, zone), _local(end, zone)], hoverformat="%a %-d %b %H:%M")
    _agree(figure, agreed, size, float(np.nanmax(values)) if np.isfinite(values).any() else 0.0)
    return figure


def peak_days(intervals: pd.DataFrame, column: str, zone: tzinfo) -> pd.DataFrame:
    """day ("2026-11-01"), hours: of `column` ("above", "free"), one row for each day of `zone` so far."""
    days = intervals["at"].dt.tz_convert(zone).dt.date
    hours = intervals[column].groupby(days).sum() * INTERVAL.total_seconds() / 3_600
    return pd.DataFrame({"day": [f"{day:%Y-%m-%d}" for day in hours.index], "hours": hours.to_numpy(dtype=np.float64)})


def peak_by_day(days: pd.DataFrame, height: int) -> go.Figure:
    """`peak_days`, a bar a day."""
    figure = go.Figure(layout=time_layout(height))
    if days.empty:
        return figure
    first = datetime.fromisoformat(days["day"].iloc[0])
    day = timedelta(days=1)
    figure.add_bar(
        name="Hours",
        x0=f"{first:%Y-%m-%d} 00:00:00",
        dx=day.total_seconds() * 1_000,
        y=days["hours"].to_numpy(dtype=np.float32),
        marker={"color": "var(--s0)"},
        hovertemplate="%{y:,.1f}",
    )
    figure.update_xaxes(range=[str(first - day / 2), str(first + len(days) * day - day / 2)], hoverformat="%a %-d %b")
    return figure


def _highest(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """The highest of each half hour; NaN where none is known."""
    padded = np.full(-(-len(values) // HALF_HOUR) * HALF_HOUR, np.nan)
    padded[: len(values)] = values
    rows = padded.reshape(-1, HALF_HOUR)
    known = ~np.isnan(rows).all(axis=1)
    found = np.full(len(rows), np.nan)
    found[known] = np.nanmax(rows[known], axis=1)
    return found.astype(np.float32)


def _agree(figure: go.Figure, agreed: tuple[float, str] | None, size: float, highest: float) -> None:
    if agreed is None:
        return
    figure.add_hline(
        y=agreed[0] / size,
        line={"color": "var(--limit)", "width": 1.5, "dash": "dash"},
        annotation={
            "text": agreed[1],
            "xanchor": "right",
            "x": 1,
            "font": {"color": "var(--muted)"},
            "bgcolor": "var(--card)",
            "opacity": 0.85,
        },
    )
    figure.update_yaxes(range=[0, 1.12 * max(agreed[0] / size, highest)])


def _local(at: pd.Timestamp, zone: tzinfo) -> str:
    return at.tz_convert(zone).strftime("%Y-%m-%d %H:%M:%S")


def _number_layout(height: int) -> dict[str, Any]:
    layout = time_layout(height)
    layout["xaxis"] = {"type": "linear", "showgrid": False, "ticksuffix": " %", "nticks": 6, "hoverformat": ".2f"}
    return layout
