"""When channels are expected on air: what people write, and what it means on the clock of a zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdn.intervals import Interval, by_part, common, minus, seconds, union
from cdn.schedule import (
    ALWAYS,
    DAYS,
    NEVER,
    Schedule,
    ScheduleError,
    Span,
    expected,
    parse,
)

BERLIN = ZoneInfo("Europe/Berlin")


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def test_nothing_is_always_and_never_is_never() -> None:
    assert parse("") == parse("  ") == ALWAYS
    assert parse("Never") == NEVER
    window = at(2026, 3, 1), at(2026, 4, 1)
    assert expected(ALWAYS, BERLIN, *window) == [window]
    assert expected(NEVER, BERLIN, *window) == []


def test_days_and_hours_are_read_as_people_write_them() -> None:
    found = parse("Mon-Fri 06:00-23:00; sat,Sunday 10:00-02:00")
    assert Span(0, 360, 1380) in found.spans
    assert Span(6, 600, 1560) in found.spans
    assert len(found.spans) == 7
    assert parse("Fri-Mon 1:00-2:00").spans == tuple(Span(day, 60, 120) for day in (0, 4, 5, 6))
    assert {span.weekday for span in parse("06:00-10:00,16:00-24:00").spans} == set(range(7))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Mon-Fri", '"Mon-Fri" has no hours'),
        ("Mon 6-23", '"6-23" in "Mon 6-23" are no hours: want them like 06:00-23:00'),
        ("Foo 06:00-07:00", '"Foo" is no day: want one of Mon, Tue'),
        ("Mon 06:00-25:00", "there is no 25:00 on the clock"),
        ("Mon 06:60-07:00", "there is no 06:60 on the clock"),
        ("Mon 06:00-06:00", "has no length: want 00:00-24:00"),
        ("24:00-02:00", "begins at 24:00"),
        (";", "names no time"),
        ("x" * 501, "want at most 500"),
    ],
)
def test_what_is_no_schedule_is_told_in_words(words: str, said: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        parse(words)
    assert said in str(caught.value)


def test_a_span_over_midnight_reaches_into_a_window_that_begins_after_it() -> None:
    found = expected(parse("Sat 22:00-03:00"), BERLIN, at(2026, 1, 4, 0), at(2026, 1, 5))
    assert found == [(at(2026, 1, 4, 0), at(2026, 1, 4, 2))]


def test_the_day_the_clock_goes_forward_is_an_hour_shorter_and_back_an_hour_longer() -> None:
    whole = parse("00:00-24:00")
    march = expected(whole, BERLIN, at(2026, 3, 1), at(2026, 4, 1))
    assert march == [(at(2026, 3, 1), at(2026, 4, 1))]
    sunday = parse("Sun 00:00-24:00")
    assert seconds(expected(sunday, BERLIN, at(2026, 3, 28), at(2026, 3, 31))) == 23 * 3600
    assert seconds(expected(sunday, BERLIN, at(2026, 10, 24), at(2026, 10, 27))) == 25 * 3600


def test_hours_that_the_clock_skips_begin_at_its_change() -> None:
    window = at(2026, 3, 29), at(2026, 3, 30)
    assert expected(parse("Sun 02:15-04:00"), BERLIN, *window) == [(at(2026, 3, 29, 1), at(2026, 3, 29, 2))]
    assert expected(parse("Sun 02:15-02:45"), BERLIN, *window) == []
    assert expected(parse("Sun 01:00-02:30"), BERLIN, *window) == [(at(2026, 3, 29, 0), at(2026, 3, 29, 1))]


def test_hours_that_come_twice_begin_and_end_at_the_first() -> None:
    window = at(2026, 10, 25), at(2026, 10, 26)
    assert expected(parse("Sun 02:30-04:00"), BERLIN, *window) == [(at(2026, 10, 25, 0, 30), at(2026, 10, 25, 3))]
    assert expected(parse("Sun 02:00-02:30"), BERLIN, *window) == [(at(2026, 10, 25, 0), at(2026, 10, 25, 0, 30))]


spans = st.builds(
    lambda day, start, length: Span(day, start, start + length),
    st.integers(0, 6),
    st.integers(0, 1439),
    st.integers(1, 1440),
)
zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
# Changes of clocks, a leap day, ends of years.
begins = st.sampled_from([at(2026, 3, 28), at(2026, 10, 24), at(2028, 2, 27), at(2026, 12, 30), at(2026, 4, 4)])


@given(st.lists(spans, min_size=1, max_size=4), zones, begins, st.integers(0, 5_000), st.integers(1, 6_000))
def test_every_minute_is_expected_if_the_clock_on_the_wall_says_so(
    chosen: list[Span], zone: str, begin: datetime, offset: int, minutes: int
) -> None:
    start = begin + timedelta(minutes=offset)
    end = start + timedelta(minutes=minutes)
    tz = ZoneInfo(zone)
    found = expected(Schedule(always=False, spans=tuple(chosen)), tz, start, end)
    assert found == union(found)
    for number in range(0, minutes, 7):
        moment = start + timedelta(minutes=number)
        local = moment.astimezone(tz)
        if shown_twice(local):
            continue
        assert any(a <= moment < b for a, b in found) == slow(chosen, local), moment


def shown_twice(local: datetime) -> bool:
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def slow(chosen: list[Span], local: datetime) -> bool:
    minute = local.hour * 60 + local.minute
    today, yesterday = local.weekday(), (local.weekday() - 1) % 7
    before = (local.weekday() - 2) % 7
    return any(
        (span.weekday == today and span.start <= minute < span.end)
        or (span.weekday == yesterday and span.start <= minute + 1440 < span.end)
        or (span.weekday == before and span.start <= minute + 2880 < span.end)
        for span in chosen
    )


sets = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8)


def intervals(pairs: list[tuple[int, int]]) -> list[Interval]:
    return union(
        (at(2026, 1, 1, 0, 0, a), at(2026, 1, 1, 0, 0, b)) for a, b in [(min(p), max(p)) for p in pairs] if b < 60
    )


@given(sets, sets)
def test_common_moments_are_in_both_and_the_rest_is_in_one(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    first, second = intervals(one), intervals(other)
    both, rest = common(first, second), minus(first, second)
    for second_number in range(60):
        moment = at(2026, 1, 1, 0, 0, second_number)
        inside = [any(a <= moment < b for a, b in each) for each in (first, second, both, rest)]
        assert inside[2:] == [inside[0] and inside[1], inside[0] and not inside[1]]


@given(sets, st.lists(st.integers(0, 60), min_size=2, max_size=6, unique=True))
def test_seconds_by_part_are_those_of_each_part(pairs: list[tuple[int, int]], cuts: list[int]) -> None:
    found = intervals(pairs)
    bounds = [at(2026, 1, 1) + timedelta(seconds=cut) for cut in sorted(cuts)]
    slow_parts = [
        sum(any(a <= at(2026, 1, 1) + timedelta(seconds=each) < b for a, b in found) for each in range(start, end))
        for start, end in pairwise(sorted(cuts))
    ]
    assert by_part(found, bounds) == slow_parts


def test_every_day_has_a_name_that_is_read_back() -> None:
    assert [parse(f"{day} 01:00-02:00").spans[0].weekday for day in DAYS] == list(range(7))
