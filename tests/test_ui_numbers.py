"""Numbers on the screen: units, rounding at their borders, and what is shown where nobody knows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from ui import numbers
from ui.numbers import GIGABIT, MEGABIT, Scale

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 24, 20, 4, 30, tzinfo=UTC)
NOTHING = (None, float("nan"), np.nan, pd.NaT, pd.NA, float("inf"), float("-inf"), np.float32("nan"))
WORDS: tuple[Callable[[Any], str], ...] = (
    numbers.rate,
    numbers.volume,
    numbers.count,
    numbers.per_second,
    numbers.percent,
    numbers.plain,
    numbers.duration,
    numbers.age,
    lambda value: numbers.in_scale(value, MEGABIT),
    lambda value: numbers.clock(value, BERLIN),
    lambda value: numbers.when(value, NOW, BERLIN),
    lambda value: numbers.exact(value, BERLIN),
)


@pytest.mark.parametrize("value", NOTHING, ids=repr)
def test_what_nobody_knows_is_a_dash_everywhere(value: Any) -> None:
    assert {words(value) for words in WORDS} == {numbers.DASH}
    assert numbers.missing(value)
    assert numbers.known(value) is None
    assert numbers.epoch(value) is None


def test_zero_is_a_number() -> None:
    assert numbers.in_scale(0, GIGABIT) == "0"
    assert numbers.count(0) == "0"
    assert numbers.per_second(0.0) == "0/s"
    assert numbers.percent(0) == "0.0 %"
    assert numbers.duration(0) == "0 ms"
    assert numbers.age(0) == "0 s"
    assert numbers.rate(0) == "0 Mbit/s"
    assert numbers.volume(0) == "0 kB"


@pytest.mark.parametrize(
    ("bps", "words"),
    [
        (1, "<0.1 Mbit/s"),
        (49_999, "<0.1 Mbit/s"),
        (50_000, "0.1 Mbit/s"),
        (76_300_000, "76.3 Mbit/s"),
        (999_940_000, "999.9 Mbit/s"),
        (999_960_000, "1.0 Gbit/s"),
        (1_000_000_000, "1.0 Gbit/s"),
        (181_460_000_000, "181.5 Gbit/s"),
        (12_345_678_900_000, "12,345.7 Gbit/s"),
        (-5_000_000_000, "−5.0 Gbit/s"),
        (-10, "0.0 Mbit/s"),
        (np.int64(2_500_000), "2.5 Mbit/s"),
        (np.float32(2.5e9), "2.5 Gbit/s"),
    ],
)
def test_rates_change_their_unit_where_a_thousand_would_be_written(bps: Any, words: str) -> None:
    assert numbers.rate(bps) == words


def test_a_column_of_rates_has_the_unit_of_its_largest() -> None:
    assert numbers.rate_scale([1e6, None, 2e9, float("nan")]) == GIGABIT
    assert numbers.rate_scale([1e6, 999.94e6]) == MEGABIT
    assert numbers.rate_scale([-2e9]) == GIGABIT
    assert numbers.rate_scale([None, pd.NA]) == MEGABIT
    assert numbers.rate_scale([]) == MEGABIT
    assert numbers.rate_scale(pd.Series([1e9, np.nan])) == GIGABIT


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, "<0.1 kB"),
        (500, "0.5 kB"),
        (999_940, "999.9 kB"),
        (999_960, "1.0 MB"),
        (312e6, "312.0 MB"),
        (960e9, "960.0 GB"),
        (2.44e12, "2.4 TB"),
        (1e15, "1.0 PB"),
        (4.2e18, "4,200.0 PB"),
        (-2e9, "−2.0 GB"),
    ],
)
def test_volumes_have_the_largest_unit_that_keeps_a_digit_before_the_point(value: float, words: str) -> None:
    assert numbers.volume(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(60_249.4, "60,249"), (-3, "−3"), (-0.2, "0"), (0.6, "1"), (10**12, "1,000,000,000,000")]
)
def test_counts_are_whole_with_commas(value: float, words: str) -> None:
    assert numbers.count(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.01, "<0.1/s"), (12.25, "12.2/s"), (99.94, "99.9/s"), (99.96, "100/s"), (1_234.5, "1,234/s"), (-7, "−7.0/s")],
)
def test_frequencies_lose_their_decimal_from_a_hundred_on(value: float, words: str) -> None:
    assert numbers.per_second(value) == words


@pytest.mark.parametrize(
    ("ratio", "digits", "words"),
    [
        (0.96, 1, "96.0 %"),
        (0.9996, 1, "99.9 %"),
        (0.99999, 2, "99.99 %"),
        (0.999, 0, "99 %"),
        (1, 2, "100.00 %"),
        (1.5, 1, "150.0 %"),
        (12.3456, 1, "1,234.6 %"),
        (-0.051, 1, "−5.1 %"),
        (-0.0001, 1, "0.0 %"),
    ],
)
def test_percent_never_rounds_up_to_a_hundred(ratio: float, digits: int, words: str) -> None:
    assert numbers.percent(ratio, digits) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0001, "<1 ms"), (0.031, "31 ms"), (0.9994, "999 ms"), (0.9996, "1.0 s"), (12.34, "12.3 s"), (-0.002, "−2 ms")],
)
def test_durations_are_milliseconds_below_a_second(seconds: float, words: str) -> None:
    assert numbers.duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (4.9, "4 s"),
        (89, "89 s"),
        (90, "1 min"),
        (12 * 60, "12 min"),
        (89 * 60 + 59, "89 min"),
        (90 * 60, "1 h 30 min"),
        (2 * 3600, "2 h"),
        (2 * 3600 + 600, "2 h 10 min"),
        (10 * 3600 + 600, "10 h"),
        (47 * 3600, "47 h"),
        (48 * 3600, "2 days"),
        (4_000 * 86_400, "4,000 days"),
    ],
)
def test_ages_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert numbers.age(seconds) == words


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (datetime(2026, 11, 24, 19, 52, 4, tzinfo=UTC), "20:52"),
        (datetime(2026, 11, 23, 23, 30, tzinfo=UTC), "00:30"),
        (datetime(2026, 11, 23, 17, 42, tzinfo=UTC), "yesterday 18:42"),
        (datetime(2026, 11, 19, 12, 0, tzinfo=UTC), "19 Nov"),
        (datetime(2025, 11, 24, 12, 0, tzinfo=UTC), "24 Nov 2025"),
        (pd.Timestamp("2026-11-24 19:52:04", tz="UTC"), "20:52"),
    ],
)
def test_moments_are_told_by_the_viewers_day(at: Any, words: str) -> None:
    assert numbers.when(at, NOW, BERLIN) == words


def test_the_exact_moment_names_its_zone() -> None:
    at = datetime(2026, 11, 24, 19, 52, 4, tzinfo=UTC)
    assert numbers.exact(at, BERLIN) == "24 Nov 2026 20:52:04 CET"
    assert numbers.clock(at, BERLIN, seconds=True) == "20:52:04"
    assert numbers.epoch(at) == int(at.timestamp())


def test_other_numbers() -> None:
    assert numbers.plain(1.26) == "1.3"
    assert numbers.plain(-0.04) == "0.0"
    assert numbers.plain(12_345.6, 0) == "12,346"
    assert numbers.many(1, "server") == "1 server"
    assert numbers.many(1_200, "server") == "1,200 servers"
    assert numbers.many(2, "is", "are") == "2 are"
    assert numbers.in_scale(7_200, Scale("hours", 3_600)) == "2.0"
