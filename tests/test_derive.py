"""Increases from counters: never negative, never a spike, never a byte lost that somebody saw."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from collector.derive import NOTHING_NEW, Baseline, covered_since, first, increase, seconds_in_minutes, spread
from tests.readings import moment


def baseline(at: float, count: int, *, process: str | None = "a", clock: float | None = None) -> Baseline:
    return Baseline(moment(at), process, clock, {"egress_bytes": count})


def test_the_increase_of_one_process_is_the_difference_over_the_sources_clock() -> None:
    grown, kept = increase(baseline(0, 100, clock=1000.0), baseline(15, 700, clock=1012.0), None)
    assert (grown.counts, grown.seconds) == ({"egress_bytes": 600}, 12.0)
    assert not grown.restarted
    assert kept.counters == {"egress_bytes": 700}


def test_the_same_sample_time_is_no_new_value_and_not_zero() -> None:
    before = baseline(0, 100, clock=1000.0)
    assert increase(before, baseline(2, 100, clock=1000.0), None) == (NOTHING_NEW, before)


def test_a_new_process_adds_its_own_counter_over_its_uptime() -> None:
    grown, _ = increase(
        baseline(0, 9_000, process="a", clock=1000.0), baseline(15, 300, process="b", clock=1014.0), 4.0
    )
    assert (grown.counts["egress_bytes"], grown.seconds, grown.restarted, grown.estimated) == (300, 4.0, True, False)


def test_a_fallen_counter_is_a_restart_even_where_the_process_is_unknown() -> None:
    grown, _ = increase(baseline(0, 9_000, process=None), baseline(15, 300, process=None), None)
    assert (grown.counts["egress_bytes"], grown.seconds, grown.restarted, grown.estimated) == (300, 15.0, True, True)


def test_a_new_process_with_a_higher_counter_is_still_a_restart() -> None:
    grown, _ = increase(baseline(0, 100, process="a"), baseline(15, 5_000, process="b"), 10.0)
    assert (grown.counts["egress_bytes"], grown.seconds) == (5_000, 10.0)


def test_a_process_older_than_the_last_look_counted_elsewhere_and_is_a_baseline_only() -> None:
    """The url leads to another server now, which has run for a day: its bytes are not of these 15 seconds."""
    grown, kept = increase(baseline(0, 9_000, process="a"), baseline(15, 10**15, process="b"), 86_400.0)
    assert (grown.counts, grown.seconds, grown.restarted) == ({}, 0.0, True)
    again, _ = increase(kept, baseline(30, 10**15 + 500, process="b"), 86_415.0)
    assert again.counts == {"egress_bytes": 500}


def test_a_reading_that_is_not_newer_adds_nothing() -> None:
    before = baseline(30, 900)
    assert increase(before, baseline(15, 500), None) == (NOTHING_NEW, before)


def test_a_stepped_clock_of_the_source_is_replaced_by_ours() -> None:
    for clock in (1_600.0, 400.0, 1_000.5):
        grown, _ = increase(baseline(0, 0, clock=1000.0), baseline(60, 600, clock=clock), None)
        assert (grown.seconds, grown.estimated) == (60.0, True)


def test_a_counter_missing_from_one_answer_goes_on_from_where_it_was() -> None:
    _, kept = increase(baseline(0, 100), Baseline(moment(15), "a", None, {"ingress_bytes": 5}), None)
    grown, _ = increase(kept, baseline(30, 160), None)
    assert grown.counts == {"egress_bytes": 60}


def test_a_subject_seen_first_counts_from_when_its_server_was_read_without_it() -> None:
    grown = first(baseline(15, 480), moment(0))
    assert grown is not None
    assert (grown.counts, grown.seconds, grown.estimated) == ({"egress_bytes": 480}, 15.0, True)


def test_a_subject_first_seen_in_the_first_poll_is_a_baseline_only() -> None:
    assert first(baseline(15, 480), None) is None


def test_a_poll_vouches_for_the_time_since_the_one_before_but_not_for_a_gap() -> None:
    assert covered_since(moment(0), moment(15), 15) == moment(0)
    assert covered_since(moment(0), moment(45), 15) == moment(0)
    assert covered_since(moment(0), moment(3_600), 15) == moment(3_585)
    assert covered_since(None, moment(15), 15) == moment(15)


@given(
    count=st.integers(0, 2**63 - 1),
    start=st.floats(1_700_000_000, 1_700_009_000),
    seconds=st.floats(0, 9_000),
)
def test_a_count_split_over_minutes_adds_up_to_the_byte(count: int, start: float, seconds: float) -> None:
    parts = spread(count, start, start + seconds)
    assert sum(part for _, part in parts) == count
    assert all(part >= 0 for _, part in parts)
    assert len({minute for minute, _ in parts}) == len(parts)
    assert all(minute % 60 == 0 and minute <= start + seconds and minute + 60 >= start for minute, _ in parts)


def test_a_count_is_split_evenly() -> None:
    assert spread(90, 30, 120) == [(0, 30), (60, 60)]
    assert spread(90, 60, 120) == [(60, 90)]
    assert spread(7, 125.5, 125.5) == [(120, 7)]


@given(start=st.floats(0, 10_000), seconds=st.floats(0, 5_000))
def test_the_seconds_in_minutes_add_up(start: float, seconds: float) -> None:
    parts = seconds_in_minutes(start, start + seconds)
    assert abs(sum(part for _, part in parts) - ((start + seconds) - start)) < 1e-6
    assert all(0 < part <= 60 for _, part in parts)


steps = st.lists(
    st.tuples(st.sampled_from(["grow", "restart", "repeat"]), st.integers(0, 10**12), st.floats(1, 100_000)),
    max_size=30,
)


@given(steps)
def test_increases_add_up_to_what_the_counters_grew(plan: list[tuple[str, int, float]]) -> None:
    """Σ increases = Σ over processes of the highest counter seen, less where we began."""
    at, count, process = 0.0, 5_000, 0
    before = Baseline(moment(at), "0", at, {"egress_bytes": count})
    highest, total = {0: count}, 0
    for step, size, seconds in plan:
        at += seconds
        if step == "restart":
            process, count = process + 1, 0
        clock = before.clock if step == "repeat" else at
        count += 0 if step == "repeat" else size
        now = Baseline(moment(at), str(process), clock, {"egress_bytes": count})
        grown, before = increase(before, now, seconds / 2)
        assert all(value >= 0 for value in grown.counts.values())
        assert grown.seconds >= 0
        total += grown.counts.get("egress_bytes", 0)
        highest[process] = count
    assert total == sum(highest.values()) - 5_000


def test_the_time_of_a_baseline_moves_with_each_new_figure() -> None:
    before = baseline(0, 0, clock=0.0)
    _, kept = increase(before, baseline(15, 10, clock=15.0), None)
    assert kept.at - before.at == timedelta(seconds=15)


def test_an_answer_that_counts_nothing_changes_nothing() -> None:
    before = Baseline(moment(0), "a", None, {"egress_bytes": 100})
    assert increase(before, Baseline(moment(15), None, None, {}), None) == (NOTHING_NEW, before)


def test_other_counters_that_went_on_unseen_are_a_baseline() -> None:
    """A second worker was met for the first time: it counted all along."""
    before = Baseline(moment(0), "a", None, {"egress_bytes": 100})
    found, kept = increase(before, Baseline(moment(15), "a+b", None, {"egress_bytes": 9_160}), 3_600.0)
    assert (found.counts, kept.counters) == ({}, {"egress_bytes": 9_160})


def test_a_sum_that_falls_because_a_part_went_away_is_no_restart() -> None:
    """A zone or a peer was removed: the process is far older than the interval, so nothing began anew."""
    before = Baseline(moment(0), None, 0.0, {"egress_bytes": 9_000_000, "requests": 50})
    now = Baseline(moment(15), None, 15.0, {"egress_bytes": 4_000_000, "requests": 70})
    grown, kept = increase(before, now, 86_400.0)
    assert (grown.counts, grown.seconds, grown.restarted) == ({"requests": 20}, 15.0, False)
    assert kept.counters["egress_bytes"] == 4_000_000
    again, _ = increase(kept, Baseline(moment(30), None, 30.0, {"egress_bytes": 4_500_000, "requests": 80}), 86_415.0)
    assert again.counts["egress_bytes"] == 500_000
