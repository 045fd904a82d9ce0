"""Figures: gaps stay gaps, the axis shows its whole time, series are small, colours are roles."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from tests import fake_live
from ui import figures
from ui.figures import Line
from ui.groups import GROUPS
from ui.sparkline import POINTS, bar, sparkline

NOW = datetime(2026, 11, 24, 20, 4, 30, tzinfo=UTC)
HOUR = figures.minutes(NOW, timedelta(hours=1))
BERLIN = ZoneInfo("Europe/Berlin")


def traffic(values: dict[int, dict[str, float]]) -> pd.DataFrame:
    """As db.live.traffic: minute of the hour shown (0 to 59) → region → bit/s."""
    rows = [(HOUR[minute], region, bps) for minute, each in values.items() for region, bps in each.items()]
    return pd.DataFrame(rows, columns=["at", "region", "delivered_bps"]).astype({"delivered_bps": "float64"})


def wide(values: dict[int, dict[str, float]]) -> pd.DataFrame:
    return figures.by_region(traffic(values), "delivered_bps", 1e9, HOUR)


def steady(minutes: list[int], **regions: float) -> dict[int, dict[str, float]]:
    return {minute: dict(regions) for minute in minutes}


def history(values: list[float], step: float = 15.0, up: list[float] | None = None) -> pd.DataFrame:
    at = pd.date_range(NOW, periods=len(values), freq=pd.Timedelta(seconds=step), unit="us")
    frame = pd.DataFrame({"at": at, "load": values, "other": values})
    return frame.assign(up_ratio=up if up is not None else [1.0] * len(values))


def drawn(figure: go.Figure) -> list[Any]:
    return [(trace.x0, [None if np.isnan(y) else float(y) for y in trace.y]) for trace in figure.data]


def test_the_minutes_are_the_last_whole_ones() -> None:
    assert (len(HOUR), HOUR[0], HOUR[-1]) == (60, pd.Timestamp("2026-11-24 19:04Z"), pd.Timestamp("2026-11-24 20:03Z"))
    assert str(HOUR.dtype) == "datetime64[us, UTC]"


def test_the_largest_region_is_first_and_small_ones_come_together() -> None:
    sums = wide(steady([5, 6], **{f"r{place}": (place + 1) * 1e9 for place in range(9)}))
    assert list(sums.columns) == ["r8", "r7", "r6", "r5", "r4", figures.OTHER]
    assert sums[figures.OTHER].iloc[5] == pytest.approx(1 + 2 + 3 + 4)
    assert sums.loc[HOUR[5]].sum() == pytest.approx(45)


def test_a_region_called_like_the_rest_is_part_of_the_rest() -> None:
    sums = wide({5: {figures.OTHER: 100e9, **{f"r{place}": (place + 1) * 1e9 for place in range(8)}}})
    assert list(sums.columns).count(figures.OTHER) == 1
    assert sums.loc[HOUR[5]].sum() == pytest.approx(136)


def test_minutes_nobody_saw_are_no_zeros() -> None:
    sums = wide({5: {"a": 1e9}, 9: {"a": 2e9, "b": float("nan")}})
    assert len(sums) == 60
    assert sums["a"].notna().sum() == 2
    assert "b" not in sums  # a region that never told anything is not drawn at zero


def test_without_any_value_there_is_nothing_to_draw() -> None:
    assert wide({}).empty
    assert wide(steady([3], a=float("nan"))).empty


@pytest.mark.parametrize("minutes", [[59], [0], [58, 59], [10, 20, 30], list(range(60))])
def test_the_chart_of_traffic_spans_the_whole_hour(minutes: list[int]) -> None:
    figure = figures.stacked_area(wide(steady(minutes, a=1e9)), UTC, 260)
    assert list(figure.layout.xaxis.range) == ["2026-11-24 19:04:00.000", "2026-11-24 20:04:00.000"]


def test_each_unbroken_piece_is_a_stack_of_its_own() -> None:
    figure = figures.stacked_area(wide(steady([3, 4, 5, 20, 21], a=1e9, b=2e9)), UTC, 260)
    groups: dict[str, list[Any]] = {}
    for trace in figure.data:
        groups.setdefault(trace.stackgroup, []).append((trace.name, trace.x0, len(trace.y)))
    assert groups == {
        "piece0": [("b", "2026-11-24 19:07:00.000", 3), ("a", "2026-11-24 19:07:00.000", 3)],
        "piece1": [("b", "2026-11-24 19:24:00.000", 2), ("a", "2026-11-24 19:24:00.000", 2)],
    }


def test_a_single_minute_is_a_mark_because_a_line_would_not_be_seen() -> None:
    figure = figures.stacked_area(wide(steady([3, 9, 10], a=1e9)), UTC, 260)
    assert [trace.mode for trace in figure.data] == ["markers", "lines"]


def test_times_are_those_of_the_viewers_clock() -> None:
    figure = figures.stacked_area(wide(steady([0, 1], a=1e9)), BERLIN, 260)
    assert figure.data[0].x0 == "2026-11-24 20:04:00.000"


def test_gaps_of_lines_stay_gaps() -> None:
    nan = float("nan")
    figure = figures.lines(history([1, 2, nan, 4, nan, 5, 6]), [Line("load", "Load")], 1, UTC, 150)
    (trace,) = figure.data
    assert trace.connectgaps is False
    assert drawn(figure) == [("2026-11-24 20:04:30.000", [1, 2, None, 4, None, 5, 6])]
    assert trace.mode == "lines+markers"
    assert list(trace.marker.size) == [0, 0, 0, figures.LONE_POINT, 0, 0, 0]  # only what stands alone


def test_filled_lines_are_broken_into_pieces() -> None:
    nan = float("nan")
    figure = figures.lines(history([1, 2, nan, 4, 5]), [Line("load", "Load")], 1, UTC, 150, filled=True)
    assert drawn(figure) == [("2026-11-24 20:04:30.000", [1, 2]), ("2026-11-24 20:05:15.000", [4, 5])]
    assert {trace.mode for trace in figure.data} == {"lines"}
    assert list(figure.layout.xaxis.range) == ["2026-11-24 20:04:30.000", "2026-11-24 20:05:45.000"]


def test_series_are_a_start_and_a_step_in_single_precision() -> None:
    (trace,) = figures.lines(history([1, 2, 3], step=90), [Line("load", "Load")], 1, UTC, 150).data
    assert trace.x is None
    assert trace.dx == 90_000
    assert trace.y.dtype == np.float32


def test_outages_are_bands_and_times_nobody_polled_are_not() -> None:
    nan = float("nan")
    frame = history([1, 2, nan, nan, nan, 6], up=[1, 0.5, 0, 1, nan, 1])
    figure = figures.lines(frame, [Line("load", "Load")], 1, UTC, 150)
    assert [(shape.x0, shape.x1) for shape in figure.layout.shapes] == [
        ("2026-11-24 20:04:45.000", "2026-11-24 20:05:15.000")
    ]


@pytest.mark.parametrize(("limit", "shown"), [(10.0, True), (7.5, True), (100.0, False)])
def test_a_limit_far_above_the_line_would_press_it_flat(limit: float, shown: bool) -> None:
    figure = figures.lines(history([1, 4]), [Line("load", "Load")], 1, UTC, 150, limit=(limit, "full at 10"))
    dashed = [shape for shape in figure.layout.shapes if shape.line.dash == "dash"]
    assert bool(dashed) is shown
    assert bool(figure.layout.annotations) is shown


def test_an_empty_history_is_an_empty_figure() -> None:
    assert figures.lines(history([]), [Line("load", "Load")], 1, UTC, 150).data == ()


@lru_cache(maxsize=1)
def of_every_kind() -> dict[str, go.Figure]:
    """Every figure of the pages, by name."""
    past = fake_live.server_history("problems", NOW, 5, "24h")
    made = {
        group.key: figures.lines(
            past, group.reported(past), group.fitting(past).size, BERLIN, 150, filled=group.filled, limit=(1.0, "full")
        )
        for group in GROUPS
        if group.reported(past)
    }
    shown = figures.by_region(fake_live.traffic("problems", NOW, "1h"), "delivered_bps", 1e9, HOUR)
    return {**made, "traffic": figures.stacked_area(shown, BERLIN, 260)}


@pytest.mark.parametrize("name", of_every_kind())
def test_every_figure_is_small_and_names_roles_instead_of_colours(name: str) -> None:
    figure = of_every_kind()[name]
    assert figure.data
    assert all(len(trace.y) <= 300 for trace in figure.data)
    sent = json.loads(figure.to_json())
    sent["layout"].pop("template")  # Plotly's own, which the browser drops
    text = json.dumps(sent)
    assert len(text) < 30_000
    colours = re.findall(r'color": "([^"]*)"', text)
    assert colours
    assert all(colour.startswith("var(--") for colour in colours)


@pytest.mark.parametrize("name", fake_live.HOSTILE)
def test_names_are_no_markup_in_figures(name: str) -> None:
    stacked = figures.stacked_area(wide(steady([3, 4], **{name: 1e9})), UTC, 260)
    line = figures.lines(history([1, 2]), [Line("load", name)], 1, UTC, 150)
    for trace in (*stacked.data, *line.data):
        assert "<" not in trace.name
        assert "‮" not in trace.name
        assert name not in (trace.hovertemplate or "")


def test_servers_without_a_region_have_a_name_too() -> None:
    assert [trace.name for trace in figures.stacked_area(wide({3: {"": 1e9}}), UTC, 260).data] == ["No region"]


def test_beyond_six_series_the_last_colour_is_used_again() -> None:
    assert [figures.role(place) for place in (0, 5, 6, 40)] == ["s0", "s5", "s5", "s5"]


def test_a_sparkline_needs_two_known_values() -> None:
    nan = float("nan")
    assert sparkline([]) == sparkline([1.0]) == sparkline([nan, 2.0, nan]) == ""
    assert sparkline([1.0, 2.0]).startswith('<img class="spark" alt="" src="data:image/svg+xml,')


def test_a_sparkline_is_broken_by_gaps_and_thinned() -> None:
    nan = float("nan")
    assert sparkline([1.0, 2.0, nan, 3.0, 4.0]).count("class=%27l%27") == 2
    long = sparkline([float(place) for place in range(1_000)])
    assert len(re.findall(r"L\d", long)) <= 2 * POINTS + 2


def test_a_steady_sparkline_stands_at_the_top_and_an_attack_is_no_number() -> None:
    assert "M0 2.0L100 2.0" in sparkline([5.0, 5.0])
    with pytest.raises(ValueError):
        sparkline(["<svg>", "x"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("share", "width"), [(0, 0), (0.5, 50), (1, 100), (1.7, 100), (-1, 0), (None, None), (float("nan"), None)]
)
def test_a_bar_never_leaves_its_box(share: float | None, width: int | None) -> None:
    drawn_bar = bar(share, "warn")
    assert drawn_bar == "" if width is None else f"width:{width}%" in drawn_bar
