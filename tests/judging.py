"""Alerts played in tests: a rule, a line of values for it, and the moves that came of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from alerts import evaluate
from alerts.rules import Rule
from alerts.states import Move, MoveKind, Seen, State

START = datetime(2026, 11, 1, tzinfo=UTC)
RULE = Rule(1, "full", "load_against_capacity", 0.9, 0.8, for_seconds=60, keep_firing_seconds=60)
# A breach, between the thresholds, fine. Besides: "?" nobody knows, "x" it is not there, "=" nothing new was measured.
VALUES = {"B": 0.95, "m": 0.85, "c": 0.5}


def at(seconds: float) -> datetime:
    """The moment that many seconds after START."""
    return START + timedelta(seconds=seconds)


def seen(letter: str, seconds: float, every: float = 30.0) -> Seen | None:
    """What a letter of VALUES means, measured at `seconds` for the time since the one before; "?" and "x" see above."""
    if letter == "x":
        return None
    return Seen(VALUES.get(letter), at(seconds - every), at(seconds))


@dataclass
class Played:
    """An alert as it goes: judge it on, and look at its moves."""

    rule: Rule = RULE
    state: State | None = None
    seconds: float = 0.0
    moves: list[Move] = field(default_factory=list)
    last: Seen | None = None

    def judge(self, found: Seen | None, now: float, resumed: datetime | None = None) -> list[MoveKind]:
        """Judge at `now`; what moved."""
        self.state, moves = evaluate.step(self.rule, self.state, found, at(now), resumed=resumed)
        self.moves += moves
        return [move.kind for move in moves]

    def play(self, letters: Iterable[str], every: float = 30.0) -> list[str]:
        """Judge a letter every so many seconds (see VALUES; "=" is the measurement before once more); what moved."""
        before = len(self.moves)
        for letter in letters:
            self.last = self.last if letter == "=" else seen(letter, self.seconds, every)
            self.judge(self.last, self.seconds)
            self.seconds += every
        return [move.kind.value for move in self.moves[before:]]
