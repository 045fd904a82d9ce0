"""Sets of moments as intervals from a start to before an end. Results are in order and apart. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime

Interval = tuple[datetime, datetime]


def clipped(intervals: Iterable[Interval], start: datetime, end: datetime) -> list[Interval]:
    """What of `intervals` lies between `start` and `end`."""
    return [(max(a, start), min(b, end)) for a, b in intervals if max(a, start) < min(b, end)]


def part_of(intervals: Sequence[Interval], start: datetime, end: datetime) -> list[Interval]:
    """As `clipped`, of many intervals that are in order and apart."""
    found = []
    for place in range(bisect_right(intervals, start, key=lambda each: each[1]), len(intervals)):
        a, b = intervals[place]
        if a >= end:
            break
        found.append((max(a, start), min(b, end)))
    return found


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The moments in any of `intervals`, in whatever order these are."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return found


def common(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    """The moments in both; each in order and apart."""
    found: list[Interval] = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            found.append((start, end))
        if one[i][1] <= other[j][1]:
            i += 1
        else:
            j += 1
    return found


def minus(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    """The moments in `one` that are not in `other`; each in order and apart."""
    if not one:
        return []
    return common(one, gaps(other, one[0][0], one[-1][1]))


def gaps(intervals: Sequence[Interval], start: datetime, end: datetime) -> list[Interval]:
    """The moments between `start` and `end` in none of `intervals`, which are in order and apart."""
    inner = part_of(intervals, start, end)
    edges = [start, *(edge for interval in inner for edge in interval), end]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


def seconds(intervals: Iterable[Interval]) -> float:
    """How long they are together; they are apart."""
    return sum((end - start).total_seconds() for start, end in intervals)


def by_part(intervals: Iterable[Interval], bounds: Sequence[datetime]) -> list[float]:
    """Seconds of `intervals` (apart) in each part of time: from one of `bounds` (in order) to the next."""
    found = [0.0] * (len(bounds) - 1)
    for start, end in intervals:
        part = max(bisect_right(bounds, start) - 1, 0)
        while part < len(found) and bounds[part] < end:
            inside = min(end, bounds[part + 1]) - max(start, bounds[part])
            found[part] += max(inside.total_seconds(), 0.0)
            part += 1
    return found
