"""Who watches a stream: people who came together and have been sent the same, so that each one's bytes are exact.

Nobody is remembered one by one. A cohort knows when it came and how much media had been sent by then; whoever is
asked about gets a number, from which name and address are made. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

# How long people stay, and how often those who have had enough are replaced.
STAY = 1_800.0
TURNOVER = 60.0
# More than this many are not told apart: the oldest leave.
MOST_COHORTS = 48


@dataclass(slots=True, eq=False)
class Cohort:
    """`count` people with the numbers from `first` on, there since epoch second `since`.

    media, acks: what one viewer had been sent and had acknowledged when they came.
    """

    first: int
    count: int
    since: float
    media: int
    acks: int


@dataclass(slots=True)
class Departed:
    """A cohort that left, at `at`, when `media` and `acks` had been counted."""

    cohort: Cohort
    at: float
    media: int
    acks: int


@dataclass(frozen=True, slots=True)
class Viewer:
    """One of the crowd: bytes of media it was sent, and its acknowledgements; there: False once it left."""

    number: int
    since: float
    sent: int
    acks: int
    there: bool = True


@dataclass(slots=True)
class Crowd:
    """All who watch one stream. `media` is what each of them was sent since the stream began, if there all the time.

    stay: seconds that people stay. lingers: seconds for which who left is still listed, with counters that stand
    still.
    """

    stay: float = STAY
    lingers: float = 0.0
    size: int = 0
    met: int = 0
    media: int = 0
    acks: int = 0
    cohorts: deque[Cohort] = field(default_factory=deque)
    departed: deque[Departed] = field(default_factory=deque)
    turned_at: float = 0.0

    def resize(self, wanted: int, at: float) -> int:
        """Let people come and go until there are `wanted`; returns how many came."""
        if at - self.turned_at >= TURNOVER:
            self._turn_over(at)
        while self.departed and at - self.departed[0].at >= self.lingers:
            self.departed.popleft()
        # Who came last leaves first; those who stay are replaced bit by bit.
        surplus = self.size - wanted
        while surplus > 0:
            surplus -= self._leave(self.cohorts[-1], surplus, at)
        joining = wanted - self.size
        if joining > 0:
            self.cohorts.append(Cohort(self.met, joining, at, self.media, self.acks))
            self.met += joining
            self.size += joining
        return max(0, joining)

    def _turn_over(self, at: float) -> None:
        """Let the part of them leave that has stayed long enough; others come instead."""
        leaving = min(self.size, int(self.size * (at - self.turned_at) / self.stay)) if self.turned_at else 0
        if len(self.cohorts) > MOST_COHORTS:
            leaving = max(leaving, self.cohorts[0].count)
        if leaving or not self.turned_at:
            self.turned_at = at
        while leaving > 0:
            leaving -= self._leave(self.cohorts[0], leaving, at)

    def _leave(self, cohort: Cohort, most: int, at: float) -> int:
        gone = min(most, cohort.count)
        if self.lingers:
            leaving = Cohort(cohort.first + cohort.count - gone, gone, cohort.since, cohort.media, cohort.acks)
            self.departed.append(Departed(leaving, at, self.media, self.acks))
        cohort.count -= gone
        self.size -= gone
        if not cohort.count:
            self.cohorts.remove(cohort)
        return gone

    def send(self, media: int) -> int:
        """Send everybody so much and let them acknowledge it; returns the bytes sent in all."""
        self.media += media
        self.acks += 1
        return media * self.size

    @property
    def listed(self) -> int:
        """How many a server still lists: those who are there, and those who linger."""
        return self.size + sum(gone.cohort.count for gone in self.departed)

    def everybody(self) -> Iterator[Viewer]:
        """Everyone who is listed."""
        for one in self.cohorts:
            for number in range(one.first, one.first + one.count):
                yield Viewer(number, one.since, self.media - one.media, self.acks - one.acks)
        for gone in self.departed:
            one = gone.cohort
            for number in range(one.first, one.first + one.count):
                yield Viewer(number, one.since, gone.media - one.media, gone.acks - one.acks, there=False)
