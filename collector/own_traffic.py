"""What one poll says of the traffic to own servers, and of the viewers that are left without them. Pure."""

from __future__ import annotations

from dataclasses import replace

from cdn.model import Poll, Reading
from collector.derive import Increase
from collector.pulls import Clients, PullState, account
from collector.state import ServerState
from collector.streams import Moved


def with_internal(
    state: ServerState | None,
    poll: Poll,
    reading: Reading,
    grown: Increase | None,
    moved: Moved | None,
    listed: Clients | None,
) -> tuple[Increase | None, PullState | None]:
    """The increase with what went to own servers (`internal_bytes`), and what the next poll needs to know of them.

    listed: the clients, where this poll lists them; before the first list nobody knows.
    """
    before = state.pulls if state else None
    estimate = _to_own_servers(moved) if moved is not None else 0
    given, pulls = account(before, estimate, listed, reading.process, poll.at)
    if grown is None or given is None or pulls is None:
        return grown, pulls
    if grown.seconds <= 0 or "egress_bytes" not in grown.counts:
        # Without newer figures nothing is counted now: it is owed to the next increase.
        return grown, replace(pulls, owed=pulls.owed + given)
    return replace(grown, counts={**grown.counts, "internal_bytes": given}), pulls


def _to_own_servers(moved: Moved) -> int:
    """What the streams sent to own servers, if all players of a stream get the same."""
    total = 0
    for url, sent in moved.egress.items():
        stream = moved.streams[url]
        players = (stream.clients or 0) - (stream.publishers or 0)
        if stream.pulls and players > 0:
            total += sent * min(stream.pulls, players) // players
    return total


def with_viewers(reading: Reading, moved: Moved) -> Reading:
    """The reading with the viewers of an origin: who watches there directly, own servers left out."""
    viewers = sum(stream.viewers or 0 for stream in moved.streams.values() if stream.gone_at is None)
    return replace(reading, gauges={**reading.gauges, "viewers": float(viewers)})
