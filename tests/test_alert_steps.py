"""One rule and one subject through the machine: each path once, and what must hold whatever is seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import evaluate
from alerts.rules import Comparison, NoData, Rule, Severity
from alerts.states import MoveKind, Phase, Seen
from tests.judging import RULE, VALUES, Played, at, seen

# Every letter is 30 s; the rule fires after 60 s and ends after 60 s (see tests.judging.VALUES).
PATHS = {
    "nothing is wrong": ("cccc", []),
    "between the thresholds nothing begins": ("mmmm", []),
    "a short breach": ("cBBc", ["pending", "cleared"]),
    "a breach that lasts": ("BBB", ["pending", "fired"]),
    "one that is interrupted begins again": ("BBcBBB", ["pending", "cleared", "pending", "fired"]),
    "between the thresholds is an interruption too": ("BBmBBB", ["pending", "cleared", "pending", "fired"]),
    "missing data neither breaks a breach nor feeds it": ("BB?B", ["pending", "fired"]),
    "missing data alone fires nothing": ("B????????", ["pending"]),
    "a measurement seen twice counts once": ("B=====", ["pending"]),
    "a recovery that lasts": ("BBBccc", ["pending", "fired", "resolved"]),
    "a short recovery": ("BBBccB", ["pending", "fired"]),
    "between the thresholds is no recovery": ("BBBmmmmm", ["pending", "fired"]),
    "between the thresholds a recovery begins again": ("BBBccmcc", ["pending", "fired"]),
    "a breach while it recovers": ("BBBccBccc", ["pending", "fired", "resolved"]),
    "missing data keeps a firing alert firing": ("BBB????????", ["pending", "fired"]),
    "missing data does not feed a recovery": ("BBBc????", ["pending", "fired"]),
    "a subject that is gone does not recover": ("BBBxxxxxxxx", ["pending", "fired"]),
    "a subject that is gone was never seen": ("xxxx", []),
    "a subject that comes back goes on": ("BBBxxxccc", ["pending", "fired", "resolved"]),
    "it can fire again": ("BBBcccBBB", ["pending", "fired", "resolved", "pending", "fired"]),
}


@pytest.mark.parametrize("path", PATHS)
def test_the_path(path: str) -> None:
    letters, wanted = PATHS[path]
    assert Played().play(letters) == wanted


NO_DATA_PATHS = {
    "missing data alone fires": ("???", ["pending", "fired"]),
    "it goes on with a breach": ("B?B", ["pending", "fired"]),
    "it stops a recovery": ("BBBc?c", ["pending", "fired"]),
    "a subject that is gone gives no data either, but is no breach": ("xxxx", []),
    "data comes back": ("????ccc", ["pending", "fired", "resolved"]),
}


@pytest.mark.parametrize("path", NO_DATA_PATHS)
def test_where_no_data_is_a_breach(path: str) -> None:
    letters, wanted = NO_DATA_PATHS[path]
    assert Played(replace(RULE, no_data=NoData.BREACH)).play(letters) == wanted


def test_a_rule_without_waiting_fires_and_ends_at_once() -> None:
    assert Played(replace(RULE, for_seconds=0, keep_firing_seconds=0)).play("cBc") == ["fired", "resolved"]


@pytest.mark.parametrize(
    ("comparison", "value", "wanted"),
    [
        (Comparison.ABOVE, 0.9, []),
        (Comparison.ABOVE, 0.9000001, ["fired"]),
        (Comparison.BELOW, 0.9, []),
        (Comparison.BELOW, 0.8999999, ["fired"]),
    ],
)
def test_the_threshold_itself_is_still_good(comparison: Comparison, value: float, wanted: list[str]) -> None:
    played = Played(replace(RULE, comparison=comparison, clear=0.9, for_seconds=0))
    assert played.judge(Seen(value, at(0), at(0)), 0) == wanted


def test_values_that_are_no_numbers_are_no_data() -> None:
    played = Played(replace(RULE, for_seconds=0))
    for value in (float("nan"), float("inf"), float("-inf")):
        assert played.judge(Seen(value, at(0), at(0)), 0) == []
    assert played.state is None


def test_a_move_tells_since_when_it_is_so_and_how_bad() -> None:
    played = Played()
    played.play("ccBBB")
    fired = played.moves[-1]
    assert (fired.kind, fired.at, fired.since) == (MoveKind.FIRED, at(120), at(60))
    assert (fired.value, fired.severity) == (VALUES["B"], Severity.WARNING)


def test_time_in_which_nobody_looked_feeds_no_breach() -> None:
    """Five minutes without judging, and then a measurement that covers its last half minute only."""
    played = Played()
    played.play("B")
    assert played.judge(seen("B", 300), 300) == []
    assert played.state is not None
    assert played.state.breached == 30
    assert played.judge(seen("B", 330), 330) == [MoveKind.FIRED]


def test_after_a_long_pause_everything_is_watched_for_its_full_time_again() -> None:
    pause = evaluate.TOLERANCE.total_seconds() + 60
    for letters, letter, wanted in (("BB", "B", MoveKind.FIRED), ("BBBcc", "c", MoveKind.RESOLVED)):
        played = Played()
        played.play(letters)
        played.seconds += pause
        assert played.play(letter * 2) == []
        assert played.play(letter) == [wanted.value]


def test_after_a_long_pause_one_good_look_ends_nothing() -> None:
    played = Played(replace(RULE, keep_firing_seconds=0))
    played.play("BBB")
    played.seconds += evaluate.TOLERANCE.total_seconds() + 60
    assert played.play("cc") == []
    assert played.play("c") == ["resolved"]


def test_an_older_measurement_than_the_last_one_changes_nothing() -> None:
    played = Played()
    played.play("BB")
    assert played.judge(seen("c", 15), 45) == []
    assert played.play("B") == ["fired"]


def test_a_changed_rule_counts_a_breach_anew() -> None:
    played = Played()
    played.play("BB")
    played.rule = replace(RULE, threshold=0.91, version=2)
    assert played.play("B") == []
    assert played.play("B") == ["fired"]
    assert played.moves[-1].since == at(0)


def test_a_pause_counts_also_for_what_had_no_state() -> None:
    """Without waiting it would fire at the first look; it has to be seen again an interval later."""
    played = Played(replace(RULE, for_seconds=0))
    assert played.judge(seen("B", 5), 5, resumed=at(5)) == [MoveKind.PENDING]
    assert played.judge(seen("B", 10), 10, resumed=at(5)) == []
    assert played.judge(seen("B", 20), 20, resumed=at(5)) == [MoveKind.FIRED]


def test_an_alert_stays_the_same_when_its_rule_gets_another_severity() -> None:
    played = Played()
    played.play("BBB")
    since = played.moves[-1].since
    played.rule = replace(RULE, severity=Severity.CRITICAL, version=2)
    assert played.play("BB") == ["severity"]
    assert played.moves[-1].severity is Severity.CRITICAL
    assert played.moves[-1].since == since


def test_a_changed_threshold_is_judged_anew_and_keeps_since() -> None:
    played = Played()
    played.play("BBBcc")
    played.rule = replace(RULE, threshold=0.94, clear=0.94, version=2)
    assert played.play("c") == []  # the recovery so far was one by the old thresholds
    assert played.state is not None
    assert played.state.since == at(0)
    assert played.play("cc") == ["resolved"]


def test_a_stopped_rule_leaves_its_alert_as_it_is() -> None:
    played = Played()
    played.play("BBB")
    firing = played.state
    played.rule = replace(RULE, enabled=False, version=2)
    assert played.play("cccccc") == []
    assert played.state == firing
    played.rule = replace(RULE, version=3)
    assert played.play("ccc") == ["resolved"]
    assert played.moves[-1].since == at(0)


def test_a_subject_that_stays_away_is_retired_and_not_resolved() -> None:
    played = Played(replace(RULE, retire_seconds=300))
    played.play("BBB")
    assert played.play("x" * 10) == []
    assert played.play("x") == ["retired"]
    assert played.state is None


def test_time_in_which_nobody_judged_retires_nothing() -> None:
    played = Played(replace(RULE, retire_seconds=900))
    played.play("BBBx")
    played.seconds += 3_600
    assert played.play("x") == []
    assert played.state is not None
    assert played.state.phase is Phase.FIRING


def test_retiring_by_hand_is_no_recovery() -> None:
    for letters, wanted in (("BBB", [MoveKind.RETIRED]), ("B", [MoveKind.CLEARED]), ("BBBccc", [])):
        played = Played()
        played.play(letters)
        assert played.state is not None
        state, moves = evaluate.retire(played.state, at(999))
        assert (state, [move.kind for move in moves]) == (None, wanted)


def test_flapping_is_said_once_and_its_end_once() -> None:
    played = Played(replace(RULE, for_seconds=0, keep_firing_seconds=0))
    moves = played.play("Bc" * 10)
    assert moves.count("flapping_began") == 1
    assert moves.index("flapping_began") == evaluate.FLAPS_FROM
    assert played.play("c" * 140) == ["flapping_ended"]
    assert played.state is None


def test_a_judgement_from_before_the_last_one_changes_nothing() -> None:
    played = Played()
    played.play("BBB")
    state = played.state
    assert played.judge(seen("c", 10), 10) == []
    assert played.state == state


def test_a_measurement_from_the_future_counts_until_now_only() -> None:
    played = Played()
    played.play("B")
    assert played.judge(Seen(VALUES["B"], at(0), at(900)), 30) == []
    assert played.state is not None
    assert (played.state.breached, played.state.seen_at) == (30, at(30))


OPENED = {MoveKind.FIRED}
CLOSED = {MoveKind.RESOLVED, MoveKind.RETIRED}
LETTERS = st.text(alphabet="BBBBmcccc?x=", max_size=120)
RULES = st.builds(
    lambda waits, keeps, no_data: replace(
        RULE, for_seconds=waits, keep_firing_seconds=keeps, no_data=no_data, retire_seconds=600
    ),
    *(st.sampled_from([0, 30, 60, 90]), st.sampled_from([0, 30, 60]), st.sampled_from(NoData)),
)


@given(rule=RULES, letters=LETTERS)
def test_whatever_is_seen_moves_are_in_order_and_change_the_state(rule: Rule, letters: str) -> None:
    played, firing, flapping = Played(rule), False, False
    for letter in letters:
        before, count = played.state, len(played.moves)
        played.play(letter)
        new = played.moves[count:]
        phase = played.state.phase if played.state else Phase.QUIET
        assert not new or played.state != before
        for move in new:
            assert move.since <= move.at
            if move.kind in OPENED | CLOSED:
                assert (move.kind in CLOSED) is firing  # never two at once, and none ends that did not fire
                firing = move.kind in OPENED
            if move.kind in (MoveKind.FLAPPING_BEGAN, MoveKind.FLAPPING_ENDED):
                assert (move.kind is MoveKind.FLAPPING_ENDED) is flapping
                flapping = not flapping
        assert firing is (phase is Phase.FIRING)
    times = [move.at for move in played.moves]
    assert times == sorted(times)


@given(rule=RULES, letters=LETTERS)
def test_the_same_again_gives_the_same(rule: Rule, letters: str) -> None:
    one, other = Played(rule), Played(rule)
    assert one.play(letters) == other.play(letters)
    assert (one.state, one.moves) == (other.state, other.moves)


@given(rule=RULES, letters=st.text(alphabet="BBBBmcccc", max_size=80), parts=st.integers(2, 5))
def test_judging_more_often_changes_nothing(rule: Rule, letters: str, parts: int) -> None:
    """The same measurements, each looked at several times before the next comes."""
    seldom, often = Played(rule), Played(rule)
    for place, letter in enumerate(letters):
        found = seen(letter, place * 30)
        seldom.judge(found, place * 30)
        for part in range(parts):
            often.judge(found, place * 30 + part * 30 / parts)
    flapping = (MoveKind.FLAPPING_BEGAN, MoveKind.FLAPPING_ENDED)
    assert [move for move in often.moves if move.kind not in flapping] == [
        move for move in seldom.moves if move.kind not in flapping
    ]


@given(rule=RULES, letters=st.text(alphabet="BBBBmcccc", max_size=80), late=st.integers(0, 29))
def test_judging_late_delays_a_move_by_no_more_than_that(rule: Rule, letters: str, late: int) -> None:
    soon, later = Played(rule), Played(rule)
    for place, letter in enumerate(letters):
        found = seen(letter, place * 30)
        soon.judge(found, place * 30)
        later.judge(found, place * 30 + late)
    assert [move.kind for move in soon.moves] == [move.kind for move in later.moves]
    assert all(b.at - a.at == timedelta(seconds=late) for a, b in zip(soon.moves, later.moves, strict=True))
