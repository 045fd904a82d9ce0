"""Increases from cumulative counters, made once, here. Pure.

A counter only ever counts up while its process lives. Two readings of one subject give one increase:
same process, the difference; a new process, its own counter over its uptime. What the old process did
after it was last read is a gap, not a guess. Never a negative value, never a spike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cdn.health import BLIND_AFTER_INTERVALS
from cdn.units import MINUTE

# How far a source's clock may run from ours between two polls before we trust ours: sources that update
# their counters every few seconds look a few seconds early or late, a stepped clock looks minutes off.
CLOCK_SLACK_SECONDS = 10.0
CLOCK_SLACK_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Baseline:
    """The raw counters that the next reading of the subject is counted from.

    at: when we read them; clock: when the source says they were true (epoch seconds, None: it does not say);
    process: what must stay the same for the counters to go on (a server's process, a stream's incarnation).
    """

    at: datetime
    process: str | None
    clock: float | None
    counters: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Increase:
    """What grew, over how many seconds of the source's clock, ending at the reading.

    seconds 0 and no counts: the source has no newer figures, which is not zero.
    restarted: the counters began anew. estimated: the source could not say over how many seconds.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    restarted: bool = False
    estimated: bool = False


NOTHING_NEW = Increase()
# No server counts so much between two polls (a petabyte): the counter is broken, and counts from here on.
IMPLAUSIBLE = 10**15


def increase(before: Baseline, now: Baseline, uptime: float | None, *, anew: bool = False) -> tuple[Increase, Baseline]:
    """What grew from `before` to `now`, and the baseline for the next time.

    uptime: seconds the process had run at `now.clock`, None where unknown. A reading that is not newer
    than the baseline adds nothing: what it saw is in there already. Of a counter that fell although its
    process ran on nobody knows what it grew: it is left out this time. anew: the caller knows that the
    counters began anew, `uptime` seconds ago.
    """
    elapsed = (now.at - before.at).total_seconds()
    if elapsed <= 0 or not now.counters:
        return NOTHING_NEW, before
    changed = before.process is not None and now.process is not None and before.process != now.process
    fell = _fell(before.counters, now.counters)
    # A sum also falls when one of its parts goes away: a zone, a peer. Then the process is older than that.
    running_on = uptime is not None and uptime > elapsed + CLOCK_SLACK_SECONDS
    if changed and running_on and not anew:
        # Another server answers there now, and did so elsewhere before: what it counted is not of this interval.
        return Increase(restarted=True, estimated=True), now
    if anew or changed or (fell and not running_on):
        return _of_new_process(elapsed, now, uptime), now
    if now.clock is not None and now.clock == before.clock:
        return NOTHING_NEW, before
    seconds, estimated = _between(before, now, elapsed)
    former = before.counters
    counts = {name: value - former[name] for name, value in now.counters.items() if name in former}
    if fell or (counts and max(counts.values()) > IMPLAUSIBLE):
        counts = {name: count for name, count in counts.items() if 0 <= count <= IMPLAUSIBLE}
    if former.keys() <= now.counters.keys():
        return Increase(counts, seconds, estimated=estimated), now
    # A counter missing from one answer goes on from where it was last seen.
    kept = Baseline(now.at, now.process, now.clock, {**former, **now.counters})
    return Increase(counts, seconds, estimated=estimated), kept


def _fell(former: Mapping[str, int], counters: Mapping[str, int]) -> bool:
    # A plain loop: this runs for every stream of every poll.
    for name, value in counters.items():  # noqa: SIM110
        if value < former.get(name, 0):
            return True
    return False


def first(now: Baseline, absent_since: datetime | None) -> Increase | None:
    """The increase of a subject seen for the first time; None where it is a baseline only.

    absent_since: when its server was last read well without it. It began since then, so its counter is
    its increase. Without such a reading nobody knows when it began.
    """
    if absent_since is None or now.at <= absent_since:
        return None
    return Increase(_credible(now.counters), (now.at - absent_since).total_seconds(), restarted=True, estimated=True)


def covered_since(previous: datetime | None, at: datetime, interval: float) -> datetime:
    """Since when a poll at `at` vouches for its server: since the poll before, or for one interval after a gap.

    The very first poll vouches for nothing but its own moment.
    """
    if previous is None:
        return at
    if (at - previous).total_seconds() > BLIND_AFTER_INTERVALS * interval:
        return at - timedelta(seconds=interval)
    return min(previous, at)


def _of_new_process(elapsed: float, now: Baseline, uptime: float | None) -> Increase:
    credible = uptime is not None and 0 < uptime <= elapsed + CLOCK_SLACK_SECONDS
    seconds = uptime if credible and uptime is not None else elapsed
    return Increase(_credible(now.counters), seconds, restarted=True, estimated=not credible)


def _credible(counters: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counters.items() if count <= IMPLAUSIBLE}


def _between(before: Baseline, now: Baseline, elapsed: float) -> tuple[float, bool]:
    """Seconds between two readings of one process, and whether we had to use our own clock for want of a sane one."""
    if before.clock is None or now.clock is None:
        return elapsed, False
    by_source = now.clock - before.clock
    slack = max(CLOCK_SLACK_SECONDS, CLOCK_SLACK_SHARE * elapsed)
    if by_source <= 0 or abs(by_source - elapsed) > slack:
        return elapsed, True
    return by_source, False


def spread(count: int, start: float, end: float) -> list[tuple[int, int]]:
    """Split `count` evenly over the minutes that (start, end] touches: [(minute's epoch, part)].

    The parts are whole numbers and add up exactly to `count`: each is the difference of two rounded-down
    running totals. start, end: epoch seconds; an empty span puts everything into the minute of `end`.
    """
    span = end - start
    first_minute, last_minute = int(start // MINUTE), int(end // MINUTE)
    if end > start and end == last_minute * MINUTE:
        last_minute -= 1
    if span <= 0 or first_minute >= last_minute:
        return [(last_minute * MINUTE, count)]
    parts, given = [], 0
    for minute in range(first_minute, last_minute + 1):
        reached = min(end, (minute + 1) * MINUTE)
        total = count if minute == last_minute else int(count * (reached - start) / span)
        # Floating point may round a running total of huge counters past its end.
        total = min(max(total, given), count)
        parts.append((minute * MINUTE, total - given))
        given = total
    return parts


def seconds_in_minutes(start: float, end: float) -> list[tuple[int, float]]:
    """The minutes that (start, end] touches and the seconds of it in each: [(minute's epoch, seconds)]."""
    parts = []
    minute = int(start // MINUTE) * MINUTE
    while minute < end:
        seconds = min(end, minute + MINUTE) - max(start, minute)
        if seconds > 0:
            parts.append((minute, seconds))
        minute += MINUTE
    return parts
