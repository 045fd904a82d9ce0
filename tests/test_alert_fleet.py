"""The whole fleet judged at once: the same as one by one, on the subjects of each rule's scope."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alerts import evaluate
from alerts.evaluate import Held
from alerts.look import Column, Fleet, Look
from alerts.rules import NoData, Rule, Scope, Subject, SubjectKey, SubjectKind
from alerts.states import MoveKind
from tests.judging import RULE, VALUES, at, seen

States = dict[tuple[int, SubjectKey], Held]
AT_ONCE = replace(RULE, for_seconds=0, keep_firing_seconds=0)


def server(number: int) -> Subject:
    region, tags = ("fra", "ams", "")[number % 3], (("news",), ("news", "4k"), ())[number % 3]
    role = "origin" if number % 4 == 0 else "edge"
    return Subject(
        SubjectKind.SERVER, str(number), f"s{number}", role=role, region=region, tags=tags, server=f"s{number}"
    )


CHANNEL = Subject(SubjectKind.CHANNEL, "1", "news", channel="news")


def look(fleet: Fleet, letters: str, seconds: float = 0.0) -> Look:
    """A letter of tests.judging.VALUES for each subject."""
    values = np.array([VALUES.get(letter, np.nan) for letter in letters])
    ends = np.full(len(letters), at(seconds).timestamp())
    return Look(fleet, {RULE.asks: Column(values, ends - 30, ends)})


def kept(states: States, judged: list[evaluate.Judged]) -> States:
    """The states after storing what came out, as an engine does."""
    after = dict(states)
    for rule, subject, state, _ in judged:
        after.pop((rule.id, subject.key), None)
        if state is not None:
            after[rule.id, subject.key] = Held(subject, state)
    return after


def fired(judged: list[evaluate.Judged]) -> list[str]:
    return [each.subject.name for each in judged if MoveKind.FIRED in [move.kind for move in each.moves]]


SCOPES = st.builds(
    Scope,
    role=st.sampled_from([(), ("edge",), ("origin",)]),
    region=st.sampled_from([(), ("fra",), ("fra", "ams"), ("nowhere",)]),
    tag=st.sampled_from([(), ("4k",), ("4k", "news")]),
)


@given(
    scopes=st.lists(SCOPES, min_size=1, max_size=4),
    no_data=st.sampled_from(NoData),
    rounds=st.lists(st.text(alphabet="BBmc?", min_size=8, max_size=8), max_size=8),
)
def test_the_fleet_is_judged_as_one_by_one(scopes: list[Scope], no_data: NoData, rounds: list[str]) -> None:
    rules = [replace(RULE, id=number, scope=scope, no_data=no_data) for number, scope in enumerate(scopes)]
    fleet = Fleet([*map(server, range(7)), CHANNEL])
    together: States = {}
    alone: States = {}
    for number, letters in enumerate(rounds):
        now = at(number * 30)
        judged = evaluate.evaluate(rules, together, look(fleet, letters, number * 30), now)
        together = kept(together, judged)
        for rule in rules:
            for subject, letter in zip(fleet.subjects, letters, strict=True):
                if subject.kind is SubjectKind.SERVER and rule.scope.has(subject):
                    before = alone.get((rule.id, subject.key))
                    state, _ = evaluate.step(rule, before and before.state, seen(letter, number * 30), now)
                    alone = kept(alone, [evaluate.Judged(rule, subject, state, ())])
        assert together == alone


def test_a_rule_looks_at_things_of_its_kind_and_in_its_scope_only() -> None:
    fleet = Fleet([server(1), CHANNEL, server(2), server(3), server(4)])
    rule = replace(AT_ONCE, scope=Scope(role=("edge",), region=("ams", "fra")))
    assert fired(evaluate.evaluate([rule], {}, look(fleet, "BBBBB"), at(0))) == ["s1", "s3"]


def test_what_nobody_asked_for_is_known_of_nobody() -> None:
    fleet = Fleet([server(1), CHANNEL])
    empty = Look(fleet, {})
    assert evaluate.evaluate([AT_ONCE], {}, empty, at(0)) == []
    assert fired(evaluate.evaluate([replace(AT_ONCE, no_data=NoData.BREACH)], {}, empty, at(0))) == ["s1"]


def firing(rule: Rule, subject: Subject) -> States:
    return kept({}, evaluate.evaluate([rule], {}, look(Fleet([subject]), "B"), at(0)))


def test_a_subject_that_is_gone_keeps_its_alert_and_its_labels() -> None:
    states = firing(AT_ONCE, server(1))
    (judged,) = evaluate.evaluate([AT_ONCE], states, look(Fleet([server(2)]), "c", 30), at(30))
    assert (judged.subject, judged.moves) == (server(1), ())
    assert judged.state is not None
    assert judged.state.gone_since == at(30)


def test_what_the_scope_leaves_out_now_is_retired() -> None:
    states = firing(AT_ONCE, server(1))
    narrower = replace(AT_ONCE, scope=Scope(region=("fra",)), version=2)
    (judged,) = evaluate.evaluate([narrower], states, look(Fleet([server(1)]), "B", 30), at(30))
    assert judged.state is None
    assert [move.kind for move in judged.moves] == [MoveKind.RETIRED]


def test_a_renamed_subject_keeps_its_alert_under_its_new_name() -> None:
    renamed = replace(server(1), name="new")
    (judged,) = evaluate.evaluate([AT_ONCE], firing(AT_ONCE, server(1)), look(Fleet([renamed]), "c", 30), at(30))
    assert (judged.subject.name, [move.kind for move in judged.moves]) == ("new", [MoveKind.RESOLVED])


def test_states_of_stopped_and_unknown_rules_are_left_alone() -> None:
    states = firing(AT_ONCE, server(1))
    now = look(Fleet([server(1)]), "c", 30)
    assert evaluate.evaluate([replace(AT_ONCE, enabled=False)], states, now, at(30)) == []
    assert evaluate.evaluate([replace(AT_ONCE, id=99)], states, now, at(30)) == []


def test_a_flood_after_a_pause_waits_until_everything_was_seen_twice() -> None:
    fleet = Fleet([server(number) for number in range(50)])
    states: States = {}
    for seconds, wanted in ((0, 0), (10, 0), (20, 50)):
        judged = evaluate.evaluate([AT_ONCE], states, look(fleet, "B" * 50, seconds), at(seconds), resumed=at(0))
        assert len(fired(judged)) == wanted
        states = kept(states, judged)
