"""The streams of one poll: which grew by how much, which are new, which are gone. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cdn.health import BLIND_AFTER_INTERVALS
from cdn.model import Poll, Reading, StreamReading
from cdn.units import HOUR, MINUTE
from collector.derive import CLOCK_SLACK_SECONDS, NOTHING_NEW, Baseline, first, increase
from collector.state import ServerState, StreamState
from db.measurements import STREAM_COUNTERS

# A stream gone for longer is forgotten here; should it come back, it began since it was gone.
REMEMBER_GONE_SECONDS = HOUR


@dataclass(slots=True)
class Moved:
    """All streams of a server by url, those that this poll changed, and rows for `stream_sample`."""

    streams: dict[str, StreamState]
    changed: list[StreamState] = field(default_factory=list)
    samples: list[tuple[Any, ...]] = field(default_factory=list)


def advance_streams(
    state: ServerState | None, poll: Poll, reading: Reading, ids: Mapping[str, int], *, complete: bool
) -> Moved:
    """Move every stream of `reading`, and say which are gone.

    ids: id of every stream by url. complete: False where one that is missing may be listed elsewhere.
    """
    old: Mapping[str, StreamState] = state.streams if state else {}
    absent_since = _absent_since(state, poll, reading)
    uptime = reading.uptime if _restarted(state, reading) else None
    moved = Moved({url: each for url, each in old.items() if each.gone_at is None or _is_kept(each.gone_at, poll)})
    for seen in reading.streams or ():
        before = old.get(seen.url)
        now = _stream_after(before, seen, ids[seen.url], poll.at, reading.clock, absent_since, uptime)
        _move(moved, seen.url, now, poll)
    if complete:
        listed = {seen.url for seen in reading.streams or ()}
        for url, before in old.items():
            if url not in listed and before.gone_at is None:
                _move(moved, url, _stream_gone(before, poll.at), poll)
    return moved


def _is_kept(gone_at: datetime, poll: Poll) -> bool:
    return (poll.at - gone_at).total_seconds() <= REMEMBER_GONE_SECONDS


def _restarted(state: ServerState | None, reading: Reading) -> bool:
    return state is not None and state.baseline is not None and state.baseline.process != reading.process


def _absent_since(state: ServerState | None, poll: Poll, reading: Reading) -> datetime | None:
    """Since when a stream that was not there before can exist; None where nobody knows."""
    if state is None or state.streams_at is None:
        return None
    if _restarted(state, reading):
        if reading.uptime is None:
            return state.streams_at
        # No stream is older than its server's process; of a process older than our last look nobody knows.
        started = poll.at - timedelta(seconds=reading.uptime)
        return started if started >= state.streams_at - timedelta(seconds=CLOCK_SLACK_SECONDS) else None
    recent = (poll.at - state.streams_at).total_seconds() <= BLIND_AFTER_INTERVALS * poll.interval
    return state.streams_at if recent else None


def _stream_after(
    before: StreamState | None,
    seen: StreamReading,
    stream_id: int,
    at: datetime,
    clock: float | None,
    absent_since: datetime | None,
    uptime: float | None,
) -> StreamState:
    """The stream's state at `at`. uptime: an upper bound of its age where its server restarted."""
    now = Baseline(at, seen.incarnation, clock, seen.counters)
    anew = False
    if seen.age is not None:
        uptime = seen.age
        began = at - timedelta(seconds=seen.age)
        absent_since = None if absent_since is None else max(absent_since, began)
        anew = before is not None and before.baseline is not None and began > before.baseline.at
    if before is not None and before.gone_at is not None and _process(before) != seen.incarnation:
        before = None  # it was gone meanwhile: it began since, not since it was last there
    if before is None:
        grown, baseline = first(now, absent_since) or NOTHING_NEW, now
        pending_since, pending_seconds, pending = absent_since or at, 0.0, dict[str, int]()
        counts, seconds = None, None
    else:
        grown, baseline = increase(before.baseline, now, uptime, anew=anew) if before.baseline else (NOTHING_NEW, now)
        pending_since, pending_seconds, pending = before.pending_since, before.pending_seconds, dict(before.pending)
        counts, seconds = before.counts, before.seconds
    for name, count in grown.counts.items():
        pending[name] = pending.get(name, 0) + count
    fresh = grown.seconds > 0
    return StreamState(
        id=stream_id,
        baseline=baseline,
        publishing=seen.publishing,
        publisher=seen.publisher,
        viewers=seen.viewers,
        video=seen.video,
        audio=seen.audio,
        width=seen.width,
        height=seen.height,
        pending_since=pending_since,
        counts=grown.counts if fresh else counts,
        seconds=grown.seconds if fresh else seconds,
        pending_seconds=pending_seconds + grown.seconds,
        pending=pending,
    )


def _process(stream: StreamState) -> str | None:
    return stream.baseline.process if stream.baseline else None


def _stream_gone(before: StreamState, at: datetime) -> StreamState:
    return StreamState(
        id=before.id,
        baseline=before.baseline,
        publishing=False,
        publisher=None,
        viewers=0,
        video=before.video,
        audio=before.audio,
        width=before.width,
        height=before.height,
        pending_since=before.pending_since,
        pending_seconds=before.pending_seconds,
        pending=dict(before.pending),
        gone_at=at,
    )


def _move(moved: Moved, url: str, stream: StreamState, poll: Poll) -> None:
    """Note the stream's new state; a minute that has ended leaves its row, the rest stays pending."""
    at = poll.at
    ended = at.timestamp() // MINUTE > stream.pending_since.timestamp() // MINUTE
    if ended or (stream.gone_at is not None and stream.pending_seconds > 0):
        moved.samples.append(
            (
                poll.server_id,
                at,
                stream.id,
                stream.pending_since,
                stream.pending_seconds,
                stream.publishing,
                stream.viewers,
                *(stream.pending.get(name, 0) for name in STREAM_COUNTERS),
            )
        )
        stream.pending_since, stream.pending_seconds, stream.pending = at, 0.0, {}
    moved.streams[url] = stream
    moved.changed.append(stream)
