"""The bars of days: what a day is, what is known of it, and what it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from db import busiest
from db.asked import By, Only
from db.steps import steps
from tests import fake_live
from tests.test_pages import Fleet
from tests.test_pages_history import BERLIN
from ui import days, frames


@pytest.fixture(autouse=True)
def _nothing_read() -> Iterator[None]:
    frames.forget()
    yield
    frames.forget()


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet("calm")
    fake_live.install(lambda: made.state, monkeypatch.setattr)
    return made


def drawn_days(start: datetime, length: timedelta, zone: Any, missing: tuple[int, ...] = ()) -> Any:
    buckets = steps(start, start + length, fine=timedelta(0))
    kept = [at for number, at in enumerate(buckets.times) if number not in missing]
    carried = pd.DataFrame({"at": pd.to_datetime(kept, utc=True), "bytes": pd.array([10**12] * len(kept), "Int64")})
    return days.Days(busiest.daily(carried, buckets, zone), buckets)


def test_a_bar_is_a_day_of_the_viewer_and_pale_where_a_part_of_it_is_not_known() -> None:
    # From noon; the clocks go forward on the 29th, which has 23 hours, all of them seen.
    found = drawn_days(datetime(2026, 3, 28, 11, tzinfo=UTC), timedelta(days=3), BERLIN)
    figure = found.figure(BERLIN)
    (bars,) = figure.data
    assert found.scale.word == "TB"
    assert list(bars.y) == [12.0, 23.0, 24.0, 13.0]
    assert bars.x0 == "2026-03-28 00:00:00"
    assert [each == 1.0 for each in bars.marker.opacity] == [False, True, True, False]
    assert sum(found.found["bytes"]) == 72 * 10**12


def test_a_day_nobody_saw_has_no_bar_and_one_with_a_gap_is_pale() -> None:
    gone = (*range(24, 48), 50)
    figure = drawn_days(datetime(2026, 3, 1, tzinfo=UTC), timedelta(days=3), UTC, gone).figure(UTC)
    (bars,) = figure.data
    assert list(bars.y[[0, 2]]) == [24.0, 23.0]
    assert pd.isna(bars.y[1])
    assert [each == 1.0 for each in bars.marker.opacity] == [True, False, False]
    begin, end = (datetime.fromisoformat(str(at)) for at in figure.layout.xaxis.range)
    assert end - begin == timedelta(days=days.FEWEST)  # three days are not as wide as the card


def test_days_are_made_of_hours_or_of_five_minutes_where_hours_lie_across_midnight(
    fleet: Fleet,
) -> None:
    over = steps(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC))
    made = [days.made_of(over, By.TOTAL, Only(), ZoneInfo(zone)) for zone in ("Europe/Berlin", "Asia/Kolkata")]
    assert [(each.seconds, each.bucket) for each in made] == [(3_600, 3_600), (300, 300)]
