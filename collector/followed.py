"""At most so many streams of one server are followed one by one; the rest is one row. Pure.

Whoever may publish picks names, and may pick many. Streams that are followed stay followed, so that a flood of new
names pushes none of them out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from cdn.model import Reading, StreamReading
from cdn.units import MAX_COUNTER

# No stream is called so: every url has a slash.
OVERFLOW = "overflow"


def capped(reading: Reading, followed: Collection[str], most: int) -> Reading:
    """`reading` with at most `most` streams: those `followed` first, the rest added up as OVERFLOW, and said."""
    streams = reading.streams
    if streams is None or len(streams) <= most:
        return reading
    kept = sorted(streams, key=lambda each: (each.url not in followed, not each.publishing, each.url))
    rest = kept[most:]
    note = f"{len(streams):,} streams: {most:,} are followed one by one, the other {len(rest):,} in one row."
    return replace(reading, streams=(*kept[:most], _together(rest)), notes=(*reading.notes, note))


def _together(rest: Collection[StreamReading]) -> StreamReading:
    counters: dict[str, int] = {}
    for stream in rest:
        for name, count in stream.counters.items():
            counters[name] = min(counters.get(name, 0) + count, MAX_COUNTER)
    return StreamReading(
        url=OVERFLOW,
        vhost="",
        app="",
        name=OVERFLOW,
        incarnation=OVERFLOW,
        publishing=any(stream.publishing for stream in rest),
        publisher=None,
        viewers=min(sum(stream.viewers for stream in rest), MAX_COUNTER),
        counters=counters,
        clients=min(sum(stream.clients or 0 for stream in rest), MAX_COUNTER),
    )
