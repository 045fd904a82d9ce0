"""The machine that moves alerts: one rule and one subject (`step`), or the whole fleet (`evaluate`). Pure.

Time counts only where somebody looked: a breach and a recovery grow by the time that measurements cover, never by the
time between two judgements. So judging more often, twice, or late changes nothing but when a move is noticed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from alerts.look import Look
from alerts.rules import NoData, Rule, Subject, SubjectKey
from alerts.states import Move, MoveKind, Phase, Seen, State
from alerts.watched import WATCHED
from cdn.units import HOUR

# Nobody judged for longer: what was seen before says nothing of now, and all is watched anew before it moves.
TOLERANCE = timedelta(minutes=10)
# The least time to watch after such a pause: one judgement, as often as they are usually made.
INTERVAL = timedelta(seconds=15)
# Turns (fired, ended) within an hour from which on it flaps, and down to which it does not any more.
FLAPS_FROM, FLAPS_UNTIL = 6, 2
_HOUR = timedelta(seconds=HOUR)

Stepped = tuple[State | None, tuple[Move, ...]]


class Held(NamedTuple):
    """A state and whose it is, with the labels it had when it was last there."""

    subject: Subject
    state: State


class Judged(NamedTuple):
    """What came of judging a rule for a subject. state None: nothing has to be kept."""

    rule: Rule
    subject: Subject
    state: State | None
    moves: tuple[Move, ...]


class _Evidence(NamedTuple):
    """Something new to judge by: true at `at`, and for the `seconds` before that were not judged yet."""

    breached: bool
    cleared: bool
    at: datetime
    seconds: float
    value: float | None


def step(
    rule: Rule, state: State | None, seen: Seen | None, now: datetime, *, resumed: datetime | None = None
) -> Stepped:
    """Judge one subject by one rule: the state to keep, and how it moved. A stopped rule leaves all as it is.

    seen: None where the subject is not there at all; a Seen without value where nobody knows its value.
    resumed: when judging began after a pause that the state cannot tell of, because there was none to keep.
    """
    if not rule.enabled or (state is not None and now <= state.judged_at):
        return state, ()
    before = state or State(Phase.QUIET, rule.severity, now, now, rule.version)
    evidence = _evidence(rule, state, seen, now)
    if state is None and (evidence is None or not evidence.breached):
        return None, ()
    moves: list[MoveKind] = []
    if before.severity is not rule.severity and before.phase is Phase.FIRING:
        moves.append(MoveKind.SEVERITY)
    current = _caught_up(rule, before, seen, now, resumed)
    if current.gone_since is not None and (now - current.gone_since).total_seconds() >= rule.retire_seconds:
        return retire(current, now)
    if evidence is not None:
        current = _moved(rule, current, evidence, now, moves)
    current = _flapping(current, now, moves)
    told = tuple(Move(kind, now, current.severity, current.since, current.value) for kind in moves)
    kept = current.phase is not Phase.QUIET or bool(current.turns) or current.flapping
    return (current if kept else None), told


def retire(state: State, now: datetime) -> Stepped:
    """Put away the alert of a subject or a rule that is not there any more. That is no recovery, nor told as one."""
    kinds = {Phase.FIRING: [MoveKind.RETIRED], Phase.PENDING: [MoveKind.CLEARED], Phase.QUIET: []}[state.phase]
    kinds = [*kinds, MoveKind.FLAPPING_ENDED] if state.flapping else kinds
    return None, tuple(Move(kind, now, state.severity, state.since, state.value) for kind in kinds)


def _evidence(rule: Rule, state: State | None, seen: Seen | None, now: datetime) -> _Evidence | None:
    """What is new to judge by; None where nothing is."""
    if seen is None:
        return None
    last = None if state is None else state.seen_at
    if seen.value is None or not math.isfinite(seen.value):
        if rule.no_data is NoData.KEEP:
            return None
        start = now if state is None else max(state.judged_at, last or state.judged_at)
        return _Evidence(True, False, now, max((now - start).total_seconds(), 0.0), None)
    # A clock may be ahead of ours; nothing is known of what is still to come.
    at = min(seen.at, now)
    if last is not None and at <= last:
        return None
    seconds = 0.0 if last is None else max((at - max(seen.since, last)).total_seconds(), 0.0)
    return _Evidence(rule.breached(seen.value), rule.cleared(seen.value), at, seconds, seen.value)


def _caught_up(rule: Rule, state: State, seen: Seen | None, now: datetime, resumed: datetime | None) -> State:
    """The state after what has nothing to do with the value: time went by, the rule changed, the subject left."""
    paused = now - state.judged_at > TOLERANCE
    anew = paused or state.rule_version != rule.version
    wait = max(timedelta(seconds=rule.for_seconds), INTERVAL)
    warm = [end for end in (state.warm_until, resumed and resumed + wait, now + wait if paused else None) if end]
    warm_until = max(warm, default=None)
    return state._replace(
        severity=rule.severity,
        judged_at=now,
        rule_version=rule.version,
        breached=0.0 if anew else state.breached,
        recovered=0.0 if anew else state.recovered,
        recovering_since=None if anew else state.recovering_since,
        warm_until=warm_until if warm_until is not None and now < warm_until else None,
        gone_since=None if seen is not None else now if paused else state.gone_since or now,
    )


def _moved(rule: Rule, state: State, evidence: _Evidence, now: datetime, moves: list[MoveKind]) -> State:
    """The state after new evidence; adds to `moves`."""
    value = state.value if evidence.value is None else evidence.value
    if state.phase is Phase.FIRING:
        return _recovering(rule, state._replace(value=value, seen_at=evidence.at), evidence, moves)
    if not evidence.breached:
        if state.phase is Phase.PENDING:
            moves.append(MoveKind.CLEARED)
        return state._replace(phase=Phase.QUIET, breached=0.0, value=value, seen_at=evidence.at)
    begins = state.phase is Phase.QUIET
    breached = 0.0 if begins else state.breached + evidence.seconds
    since = evidence.at if begins else state.since
    if breached >= rule.for_seconds and state.warm_until is None:
        moves.append(MoveKind.FIRED)
        phase, fired_at = Phase.FIRING, now
    else:
        if begins:
            moves.append(MoveKind.PENDING)
        phase, fired_at = Phase.PENDING, None
    return state._replace(
        phase=phase,
        since=since,
        fired_at=fired_at,
        breached=breached,
        value=value,
        seen_at=evidence.at,
    )


def _recovering(rule: Rule, state: State, evidence: _Evidence, moves: list[MoveKind]) -> State:
    """A firing state after new evidence: it goes on, recovers further, or ends."""
    if not evidence.cleared:
        return state._replace(recovering_since=None, recovered=0.0)
    recovered = 0.0 if state.recovering_since is None else state.recovered + evidence.seconds
    if recovered < rule.keep_firing_seconds or state.warm_until is not None:
        return state._replace(recovering_since=state.recovering_since or evidence.at, recovered=recovered)
    moves.append(MoveKind.RESOLVED)
    return state._replace(phase=Phase.QUIET, fired_at=None, breached=0.0, recovering_since=None, recovered=0.0)


def _flapping(state: State, now: datetime, moves: list[MoveKind]) -> State:
    """The state after counting its turns of the last hour; says once that it flaps, and once that it stopped."""
    turns = tuple(turn for turn in state.turns if now - turn < _HOUR)
    if MoveKind.FIRED in moves or MoveKind.RESOLVED in moves:
        turns = (*turns, now)
    if len(turns) >= FLAPS_FROM and not state.flapping:
        moves.append(MoveKind.FLAPPING_BEGAN)
        return state._replace(turns=turns, flapping=True)
    if state.flapping and len(turns) <= FLAPS_UNTIL:
        moves.append(MoveKind.FLAPPING_ENDED)
        return state._replace(turns=turns, flapping=False)
    return state if turns == state.turns else state._replace(turns=turns)


def evaluate(
    rules: Iterable[Rule],
    states: Mapping[tuple[int, SubjectKey], Held],
    look: Look,
    now: datetime,
    *,
    resumed: datetime | None = None,
) -> list[Judged]:
    """Judge the whole fleet at one moment: whatever has a state, and whatever is beyond a threshold now.

    states: by (id of the rule, subject). States of rules that are not among `rules`, or stopped, are left alone. The
    alert of a subject that is there, but not in its rule's scope any more, is put away.
    """
    held: dict[int, dict[SubjectKey, Held]] = {}
    for (rule_id, key), each in states.items():
        held.setdefault(rule_id, {})[key] = each
    judged: list[Judged] = []
    for rule in rules:
        if rule.enabled:
            judged += _of_rule(rule, held.get(rule.id, {}), look, now, resumed)
    return judged


def _of_rule(
    rule: Rule, held: Mapping[SubjectKey, Held], look: Look, now: datetime, resumed: datetime | None
) -> Iterable[Judged]:
    """Judge one rule. Only what is beyond the threshold, or has a state, needs to be looked at one by one."""
    within = look.fleet.within(WATCHED[rule.watched].kind, rule.scope)
    for row in look.beyond(rule, within):
        subject = look.fleet.subjects[row]
        if subject.key not in held:
            state, moves = step(rule, None, look.seen(rule.asks, row), now, resumed=resumed)
            if state is not None or moves:
                yield Judged(rule, subject, state, moves)
    for key, (subject, before) in held.items():
        place = look.fleet.rows.get(key)
        if place is not None and not within[place]:
            yield Judged(rule, look.fleet.subjects[place], *retire(before, now))
            continue
        seen = None if place is None else look.seen(rule.asks, place)
        state, moves = step(rule, before, seen, now, resumed=resumed)
        if moves or state != before:
            yield Judged(rule, subject if place is None else look.fleet.subjects[place], state, moves)
