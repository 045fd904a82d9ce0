"""The nouns of judging: what was seen of a subject, where its alert stands, and how it moved. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from alerts.rules import Severity


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of what a rule asks, for one subject that is there.

    value: in base units, formed over (since, at]; None where nobody knows: then `since` and `at` say nothing.
    since: from when on there was data without a break (an average reaches back `over` seconds at most).
    """

    value: float | None
    since: datetime
    at: datetime


class Phase(StrEnum):
    """Where an alert stands."""

    PENDING = "pending"  # a breach, not long enough yet
    FIRING = "firing"
    QUIET = "quiet"  # no alert; remembered only because of how often it came and went


class MoveKind(StrEnum):
    """How an alert moved."""

    PENDING = "pending"
    FIRED = "fired"
    RESOLVED = "resolved"  # it recovered
    CLEARED = "cleared"  # was pending only, and went away
    SEVERITY = "severity"  # the same alert, its rule has another severity now
    FLAPPING_BEGAN = "flapping_began"
    FLAPPING_ENDED = "flapping_ended"
    RETIRED = "retired"  # what it was about is not there any more; nobody saw it recover


@dataclass(frozen=True, slots=True)
class Move:
    """One move. at: when it was judged. since: when the breach was first seen. value: the last one known."""

    kind: MoveKind
    at: datetime
    severity: Severity
    since: datetime
    value: float | None


class State(NamedTuple):
    """All that has to be kept from one judgement to the next, for one rule and one subject.

    since: when the breach was first seen. fired_at: when it fired, None before. breached, recovered: seconds of the
    breach, or of the recovery while firing, that somebody saw. recovering_since: None where it does not recover.
    seen_at: the newest moment that was judged by; judged_at: when that was done last. warm_until: neither fires nor
    ends before, because nobody judged for a while. gone_since: since when the subject is not there. turns: when it
    fired and ended within the last hour. rule_version: what it was judged by. A tuple, because in a storm thousands
    are made anew at each judgement.
    """

    phase: Phase
    severity: Severity
    since: datetime
    judged_at: datetime
    rule_version: int
    fired_at: datetime | None = None
    breached: float = 0.0
    recovering_since: datetime | None = None
    recovered: float = 0.0
    value: float | None = None
    seen_at: datetime | None = None
    warm_until: datetime | None = None
    gone_since: datetime | None = None
    turns: tuple[datetime, ...] = ()
    flapping: bool = False
