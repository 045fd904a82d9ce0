"""Publications and format changes, from two neighbouring looks at a stream. Pure.

A publisher is recognised by the id its server gives its connection, so one that leaves and comes back between
two polls is seen. When exactly it left or came nobody knows: both are bounds, the looks before and after.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cdn.model import EventKind, PublicationEnd
from collector.state import StreamState

Row = tuple[Any, ...]


def moved(
    server_id: int, before: StreamState | None, now: StreamState, absent_since: datetime | None, restarted: bool
) -> list[Row]:
    """Rows of `publication` that this look leaves; sets the publication that is going on in `now`.

    absent_since: since when a stream that was never seen before can exist. restarted: so did its server.
    """
    going_on = before is not None and before.published_by is not None and before.publishing
    same = going_on and now.publishing and before is not None and before.publisher == now.publisher and not restarted
    if same:
        return []
    rows = []
    if going_on and before is not None:
        if restarted:
            reason = PublicationEnd.RESTARTED
        else:
            reason = PublicationEnd.RECONNECTED if now.publishing else PublicationEnd.STOPPED
        rows.append(_row(server_id, before, ended_after=before.at, ended_by=now.at, reason=reason))
        now.published_after = now.published_by = None
    if now.publishing:
        # Seen for the first time while it runs already: nobody knows since when.
        now.published_after = before.at if before is not None else absent_since
        now.published_by = now.at
        rows.append(_row(server_id, now))
    return rows


def _row(
    server_id: int,
    stream: StreamState,
    *,
    ended_after: datetime | None = None,
    ended_by: datetime | None = None,
    reason: PublicationEnd | None = None,
) -> Row:
    return (
        server_id,
        stream.id,
        stream.published_by,
        stream.published_after,
        ended_after,
        ended_by,
        None if reason is None else reason.value,
        stream.publisher,
        words(stream),
    )


def words(stream: StreamState) -> str | None:
    """A stream's format in words: "1920 × 1080, H264 High, AAC LC 44.1 kHz"; None where nothing is known."""
    size = f"{stream.width} × {stream.height}" if stream.width and stream.height else None
    return ", ".join(filter(None, (size, stream.video, stream.audio))) or None


def format_changed(server_id: int, before: StreamState, now: StreamState) -> list[Row]:
    """The row of `event` for a change of codec, profile, resolution or sample rate: one, however many changed."""
    if before.video is None and before.audio is None:
        return []
    if (before.video, before.audio, before.width, before.height) == (now.video, now.audio, now.width, now.height):
        return []
    return [(server_id, now.at, EventKind.FORMAT.value, now.id, before.at, words(before), words(now))]
