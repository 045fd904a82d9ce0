"""The nouns of alerting: a rule, its scope, and a subject that it can be about. Plain data.

`checked.rule` is the only way to make a Rule of what somebody typed; `sentence.of` reads one back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import NamedTuple

from cdn.units import DAY


class Severity(IntEnum):
    """How bad it is; a higher one is worse."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """As it is written in forms, files, REST and the database."""
        return self.name.lower()

    @property
    def label(self) -> str:
        """As it is said on screen and in e-mail."""
        return "note" if self is Severity.INFO else self.word


class SubjectKind(StrEnum):
    """What sort of thing a rule looks at."""

    SERVER = "server"
    COPY = "copy"  # a stream on one server
    CHANNEL = "channel"  # across all servers
    CONTRACT = "contract"
    COLLECTOR = "collector"


class Comparison(StrEnum):
    """On which side of the threshold it is bad. The threshold itself is still good."""

    ABOVE = "above"
    BELOW = "below"


class NoData(StrEnum):
    """What it means where nobody knows the value. That it is well is no choice: no data is never good news."""

    KEEP = "keep"  # everything stays as it is
    BREACH = "breach"  # as bad as a value beyond the threshold


class SubjectKey(NamedTuple):
    """Which thing it is: durable, also after it is renamed. id: the number or name its table knows it by."""

    kind: SubjectKind
    id: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing that rules can be about, with the labels by which scopes find it; an empty label is one it lacks.

    server: name of the server (of a server itself: its own name). channel: key of the channel, the same way.
    """

    kind: SubjectKind
    id: str
    name: str
    role: str = ""
    region: str = ""
    provider: str = ""
    tags: tuple[str, ...] = ()
    server: str = ""
    channel: str = ""

    @property
    def key(self) -> SubjectKey:
        """Which thing it is."""
        return SubjectKey(self.kind, self.id)

    def labels(self, dimension: str) -> tuple[str, ...]:
        """Its labels in one of DIMENSIONS; none where it lacks it."""
        if dimension == "tag":
            return self.tags
        label: str = getattr(self, dimension)
        return (label,) if label else ()


DIMENSIONS = ("role", "region", "provider", "tag", "server", "channel")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which subjects a rule is about: any of the labels of a dimension, in every dimension that names some.

    Empty is all of them. A subject that lacks a label the scope asks for is not in it.
    """

    role: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()

    def asked(self) -> dict[str, tuple[str, ...]]:
        """dimension → labels, of those that it names."""
        named: dict[str, tuple[str, ...]] = {name: getattr(self, name) for name in DIMENSIONS}
        return {name: labels for name, labels in named.items() if labels}

    def has(self, subject: Subject) -> bool:
        """True where `subject` is in it."""
        return all(set(labels) & set(subject.labels(name)) for name, labels in self.asked().items())


EVERYTHING = Scope()


class Asked(NamedTuple):
    """A value that somebody has to form for a rule: what, divided by what (None: nothing), averaged over seconds."""

    watched: str
    denominator: str | None
    over: float


@dataclass(frozen=True, slots=True)
class Rule:
    """What to watch, from when on it is an alert, and until when.

    watched, denominator: names in WATCHED. threshold, clear: in the base unit of what is watched; the alert ends only
    where the value is at or beyond `clear`. All times in seconds: `over` to average, `for_seconds` of a breach without
    a break until it fires, `keep_firing_seconds` of a recovery without a break until it ends, `retire_seconds` until
    the alert of a thing that is not there any more is put away. version: counts its changes.
    """

    id: int
    name: str
    watched: str
    threshold: float
    clear: float
    comparison: Comparison = Comparison.ABOVE
    denominator: str | None = None
    over: float = 60.0
    for_seconds: float = 60.0
    keep_firing_seconds: float = 120.0
    retire_seconds: float = float(DAY)
    severity: Severity = Severity.WARNING
    scope: Scope = field(default=EVERYTHING)
    no_data: NoData = NoData.KEEP
    message: str = ""
    runbook: str = ""
    enabled: bool = True
    version: int = 1

    @property
    def asks(self) -> Asked:
        """The value it needs."""
        return Asked(self.watched, self.denominator, self.over)

    def breached(self, value: float) -> bool:
        """True where `value` is beyond the threshold."""
        return value > self.threshold if self.comparison is Comparison.ABOVE else value < self.threshold

    def cleared(self, value: float) -> bool:
        """True where `value` is at or beyond the clear threshold, on the good side."""
        return value <= self.clear if self.comparison is Comparison.ABOVE else value >= self.clear
