"""Outages, from two neighbouring polls of a server. Pure.

When exactly a server stopped answering nobody knows: between the last good poll and the first failed one; and it
answered again between the last failed and the first good one. Where nobody looked in between, the bounds are wide.
Two failed polls with a blind gap between them are one outage: that it was over meanwhile nobody saw.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cdn.model import Poll
from collector.state import ServerState

Row = tuple[Any, ...]
Key = tuple[Any, ...]


def moved(before: ServerState | None, poll: Poll) -> list[Row]:
    """The rows of `outage` that this poll leaves, which is newer than `before`; at most one.

    Row: server_id, began_by, began_after, ended_after, ended_by, reason. The state alone says which outage ends, so
    that another collector goes on with it; the reason was stored when it began.
    """
    if not poll.up and (before is None or before.up):
        reason = None if poll.reason is None else poll.reason.value
        return [(poll.server_id, poll.at, before.at if before else None, None, None, reason)]
    if poll.up and before is not None and not before.up:
        return [(poll.server_id, before.state_since, before.good_at, before.at, poll.at, None)]
    return []


def together(known: dict[Key, Row], rows: Iterable[Row]) -> None:
    """Add `rows` to those of the same transaction; one that began in it keeps its reason when it ends."""
    for row in rows:
        former = known.get(row[:2])
        known[row[:2]] = row if former is None else (*row[:5], former[5] or row[5])
