"""Windows, their steps and earlier ones, and hours and days of time zones: leap days, changes of clocks, half hours."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.busiest import busiest, daily, week
from db.steps import MOST_POINTS, Compared, days, earlier, in_whole_hours, steps
from tests import rolled_rows

BERLIN, KOLKATA, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata"), ZoneInfo("Australia/Lord_Howe")
ZONES = (ZoneInfo("UTC"), BERLIN, KOLKATA, LORD_HOWE, ZoneInfo("America/New_York"), ZoneInfo("Asia/Kathmandu"))
AT = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.datetimes(AT.replace(year=2001, tzinfo=None), AT.replace(year=2099, tzinfo=None), timezones=st.just(UTC))


@given(moments, st.integers(1, 400 * 1_440), st.booleans())
def test_steps_hold_their_window_in_whole_buckets_and_few_enough_points(
    start: datetime, minutes: int, fine_is_kept: bool
) -> None:
    end = start + timedelta(minutes=minutes)
    over = steps(start, end, fine_since=start if fine_is_kept else end)
    assert over.start <= start < end <= over.end
    assert over.start.timestamp() % over.bucket == over.end.timestamp() % over.bucket == 0
    assert over.seconds % over.bucket == 0
    assert over.points <= MOST_POINTS
    assert len(over.times) == len(over.lengths) == over.points
    assert sum(over.lengths) == (over.end - over.start).total_seconds()
    assert min(over.lengths) > 0
    assert over.bucket == 3_600 or fine_is_kept


@pytest.mark.parametrize(
    ("length", "seconds", "bucket"),
    [
        (timedelta(days=1), 300, 300),
        (timedelta(days=2), 300, 300),
        (timedelta(days=7), 600, 300),
        (timedelta(days=14), 900, 300),
        (timedelta(days=30), 3_600, 3_600),
        (timedelta(days=90), 7_200, 3_600),
        (timedelta(days=365), 21_600, 3_600),
        (timedelta(days=1_826), 172_800, 3_600),
    ],
)
def test_longer_windows_have_longer_steps(length: timedelta, seconds: int, bucket: int) -> None:
    over = steps(AT, AT + length)
    assert (over.seconds, over.bucket) == (seconds, bucket)


def test_days_of_a_zone_half_an_hour_off_are_read_in_five_minutes() -> None:
    start = datetime(2026, 3, 1, tzinfo=KOLKATA)
    assert steps(start, start + timedelta(days=60)).bucket == 300
    assert steps(start, start + timedelta(days=200)).bucket == 3_600


def test_a_window_that_does_not_begin_before_it_ends_is_refused() -> None:
    with pytest.raises(ValueError, match="begin before"):
        steps(AT, AT)


@pytest.mark.parametrize(
    ("compared", "start", "end", "wanted"),
    [
        (Compared.WEEK, "2026-03-30 20:00", "2026-03-30 22:00", ("2026-03-23 20:00", "2026-03-23 22:00")),
        (Compared.DAY, "2026-03-30 02:30", "2026-03-30 04:00", ("2026-03-29 03:30", "2026-03-29 04:00")),
        (Compared.MONTH, "2026-03-31 20:00", "2026-04-01 00:00", ("2026-02-28 20:00", "2026-03-01 00:00")),
        (Compared.MONTH, "2026-03-30 00:00", "2026-03-31 00:00", ("2026-02-28 00:00", "2026-03-01 00:00")),
        (Compared.YEAR, "2028-02-29 12:00", "2028-02-29 13:00", ("2027-02-28 12:00", "2027-02-28 13:00")),
        (Compared.MONTH, "2026-01-15 00:00", "2026-01-16 00:00", ("2025-12-15 00:00", "2025-12-16 00:00")),
        (Compared.BEFORE, "2026-03-29 00:00", "2026-03-30 00:00", ("2026-03-28 01:00", "2026-03-29 00:00")),
    ],
)
def test_an_earlier_window_is_at_the_same_times_of_the_clock(
    compared: Compared, start: str, end: str, wanted: tuple[str, str]
) -> None:
    begins, ends = (datetime.fromisoformat(each).replace(tzinfo=BERLIN).astimezone(UTC) for each in (start, end))
    found = earlier(begins, ends, compared, BERLIN)
    assert tuple(f"{each.astimezone(BERLIN):%Y-%m-%d %H:%M}" for each in found) == wanted


@given(moments, st.integers(1, 90 * 24), st.sampled_from(Compared), st.sampled_from(ZONES))
def test_an_earlier_window_is_earlier_and_not_empty(
    start: datetime, hours: int, compared: Compared, zone: ZoneInfo
) -> None:
    before, until = earlier(start, start + timedelta(hours=hours), compared, zone)
    assert before < until
    assert before < start
    assert until < start + timedelta(hours=hours)


def buckets(start: datetime, end: datetime, seconds: int) -> pd.DataFrame:
    """A bucket each `seconds`, of bytes that differ."""
    at = pd.date_range(start, end, freq=f"{seconds}s", inclusive="left", unit="us")
    made = pd.DataFrame({"at": at})
    made["bytes"] = pd.array([(number * 7_919) % 10_007 + 1 for number in range(len(at))], dtype="Int64")
    return made


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize(
    "start",
    [datetime(2026, 3, 24, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC), datetime(2028, 2, 25, tzinfo=UTC)],
    ids=["spring", "autumn", "leap"],
)
def test_hours_of_the_week_equal_the_slow_computation(start: datetime, zone: ZoneInfo) -> None:
    end = start + timedelta(days=15)
    found = buckets(start, end, 300).drop(index=range(100, 130))  # a gap
    made = busiest(found, steps(start, end, fine=timedelta(days=99)), zone)
    hourly: dict[tuple[datetime, timedelta | None], list[int]] = defaultdict(list)
    for row in rolled_rows.told(found):
        local = row.at.to_pydatetime().astimezone(zone)
        wall = local.replace(minute=0, second=0, tzinfo=None, fold=0)
        hourly[wall, local.utcoffset()].append(row.bytes)
    cells: dict[tuple[int, int], list[list[int]]] = defaultdict(list)
    for (wall, _), sizes in hourly.items():
        cells[wall.weekday(), wall.hour].append(sizes)
    assert len(made) == len(cells)
    for row in rolled_rows.told(made):
        parts = cells[row.weekday, row.hour]
        seconds = 300 * sum(map(len, parts))
        assert row.mean_bps == pytest.approx(8 * sum(map(sum, parts)) / seconds)
        assert row.peak_bps == pytest.approx(max(8 * sum(each) / (300 * len(each)) for each in parts))
        assert row.hours == len(parts)
    assert week(made, "mean_bps").shape == (7, 24)


def test_an_hour_that_comes_twice_is_two_and_one_left_out_is_none() -> None:
    for start, hours in ((datetime(2026, 10, 25, tzinfo=BERLIN), 2), (datetime(2026, 3, 29, tzinfo=BERLIN), 0)):
        begin, end = start.astimezone(UTC), (start + timedelta(days=1)).astimezone(UTC)
        made = busiest(buckets(begin, end, 3_600), steps(begin, end, fine=timedelta(0)), BERLIN)
        sunday_at_two = made[(made["weekday"] == 6) & (made["hour"] == 2)]
        assert sunday_at_two["hours"].sum() == hours
        assert len(daily(buckets(begin, end, 3_600), steps(begin, end, fine=timedelta(0)), BERLIN)) == 1


@pytest.mark.parametrize("zone", ZONES, ids=str)
def test_days_are_those_of_the_zone_and_hold_every_byte(zone: ZoneInfo) -> None:
    start, end = datetime(2028, 2, 26, 5, tzinfo=UTC), datetime(2028, 4, 20, 7, tzinfo=UTC)
    found = buckets(start, end, 300)
    made = daily(found, steps(start, end, fine=timedelta(days=99)), zone)
    wanted: dict[date, int] = defaultdict(int)
    for row in rolled_rows.told(found):
        wanted[row.at.to_pydatetime().astimezone(zone).date()] += row.bytes
    assert dict(zip(made["day"], map(int, made["bytes"]), strict=True)) == wanted
    assert date(2028, 2, 29) in wanted
    assert made["begins"].iloc[0] == start
    assert made["ends"].iloc[-1] == end
    assert (made["ends"].iloc[:-1].to_numpy() == made["begins"].iloc[1:].to_numpy()).all()


def test_days_have_as_many_hours_as_the_clocks_say() -> None:
    whole = list(days(datetime(2026, 3, 28, tzinfo=BERLIN), datetime(2026, 3, 31, tzinfo=BERLIN), BERLIN))
    assert [(end - begin).total_seconds() / 3_600 for begin, end in whole] == [24, 23, 24]


def test_zones_half_an_hour_off_are_known_also_where_only_their_summer_is() -> None:
    year = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC))
    assert in_whole_hours(*year, BERLIN)
    assert not in_whole_hours(*year, KOLKATA)
    assert not in_whole_hours(*year, LORD_HOWE)
