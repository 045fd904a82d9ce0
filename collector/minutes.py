"""One sample added to the minutes it touches. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cdn.model import Poll
from cdn.units import DAY
from collector.derive import Increase, seconds_in_minutes, spread

# Minutes older than this are not written: their table no longer keeps them. The sample has the whole increase.
LONGEST_SPREAD_SECONDS = 8 * DAY

# (server, minute's epoch) → egress, ingress, viewer seconds, stream seconds, covered, up, counted seconds, bytes to
# own servers, bytes from its origin
Traffic = dict[tuple[int, int], list[Any]]
_BYTES = ((0, "egress_bytes"), (1, "ingress_bytes"), (7, "internal_bytes"), (8, "origin_bytes"))


def add_traffic(traffic: Traffic, poll: Poll, since: datetime, counted: Increase | None) -> None:
    """Add one sample to the minutes it touches: coverage on our clock, bytes over the seconds they grew in."""
    server_id, end = poll.server_id, poll.at.timestamp()
    gauges: Mapping[str, float] = poll.reading.gauges if poll.reading else {}
    viewers, streams = gauges.get("viewers"), gauges.get("live_streams")
    for minute, seconds in seconds_in_minutes(since.timestamp(), end):
        cell = _cell(traffic, server_id, minute)
        cell[4] += seconds
        if poll.up:
            cell[5] += seconds
            _add(cell, 2, None if viewers is None else viewers * seconds)
            _add(cell, 3, None if streams is None else streams * seconds)
    if counted is None:
        return
    start = end - counted.seconds
    oldest = end - LONGEST_SPREAD_SECONDS
    for position, name in _BYTES:
        if name in counted.counts:
            for minute, part in spread(counted.counts[name], start, end):
                if minute >= oldest:
                    _add(_cell(traffic, server_id, minute), position, part)
    if "egress_bytes" in counted.counts:
        for minute, seconds in seconds_in_minutes(max(start, oldest), end):
            _cell(traffic, server_id, minute)[6] += seconds


def _cell(traffic: Traffic, server_id: int, minute: int) -> list[Any]:
    return traffic.setdefault((server_id, minute), [None, None, None, None, 0.0, 0.0, 0.0, None, None])


def _add(cell: list[Any], position: int, value: float | None) -> None:
    if value is not None:
        cell[position] = value if cell[position] is None else cell[position] + value
