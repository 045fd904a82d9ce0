"""The streams of one poll: which grew by how much, which are new, which are gone. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cdn.health import BLIND_AFTER_INTERVALS
from cdn.model import Poll, Reading, StreamReading
from cdn.units import HOUR, MAX_COUNTER, MINUTE
from collector import publications
from collector.derive import CLOCK_SLACK_SECONDS, NOTHING_NEW, Baseline, Increase, first, increase
from collector.followed import OVERFLOW
from collector.pulls import Clients
from collector.state import ServerState, StreamState
from db.measurements import STREAM_COUNTERS

# A stream gone for longer is forgotten here; should it come back, it began since it was gone.
REMEMBER_GONE_SECONDS = HOUR
# What players and edges acknowledge trickles on when the picture stands still.
STILL_BYTES_PER_SECOND = 125.0


@dataclass(slots=True)
class Moved:
    """All streams of a server by url, those that this poll changed, and rows that it leaves.

    egress: bytes that each stream sent since the poll before, by url.
    samples, publications, events: rows for the tables of these names (`db/samples.py`).
    """

    streams: dict[str, StreamState]
    changed: list[StreamState] = field(default_factory=list)
    egress: dict[str, int] = field(default_factory=dict)
    samples: list[tuple[Any, ...]] = field(default_factory=list)
    publications: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Look:
    """What is the same for all streams of one poll.

    absent_since: since when a stream that was not there before can exist (None: nobody knows).
    uptime: an upper bound of a stream's age where its server restarted.
    listed: who is who among the clients, where this poll tells.
    """

    poll: Poll
    clock: float | None
    absent_since: datetime | None
    uptime: float | None
    listed: Clients | None
    is_origin: bool
    is_home: bool
    restarted: bool


def advance_streams(
    state: ServerState | None,
    poll: Poll,
    reading: Reading,
    ids: Mapping[str, int],
    *,
    complete: bool,
    listed: Clients | None = None,
    is_origin: bool = False,
    is_home: bool = False,
    is_source: bool = False,
) -> Moved:
    """Move every stream of `reading`, and say which are gone.

    ids: id of every stream by url. complete: False where one that is missing may be listed elsewhere.
    listed: the clients, where this poll lists them. is_origin, is_home: of the server (`collector/own.py`).
    is_source: it pulls from nobody of ours, so what changes here changes first here.
    """
    old: Mapping[str, StreamState] = state.streams if state else {}
    restarted = _restarted(state, reading)
    look = _Look(
        poll=poll,
        clock=reading.clock,
        absent_since=None if _is_listed(old, OVERFLOW) else _absent_since(state, poll, reading),
        uptime=reading.uptime if restarted else None,
        listed=listed,
        is_origin=is_origin,
        is_home=is_home,
        restarted=restarted,
    )
    moved = Moved({url: each for url, each in old.items() if each.gone_at is None or _is_kept(each.gone_at, poll)})
    for seen in reading.streams or ():
        before = old.get(seen.url)
        now, grown = _stream_after(before, seen, ids[seen.url], look)
        if grown.seconds > 0:
            moved.egress[seen.url] = grown.counts.get("egress_bytes", 0)
        _note(moved, before, now, look, is_source=is_source)
        _move(moved, seen.url, now, poll)
    if complete:
        seen_urls = {seen.url for seen in reading.streams or ()}
        for url, before in old.items():
            if url not in seen_urls and before.gone_at is None:
                now = _stream_gone(before, poll.at)
                _note(moved, before, now, look, is_source=is_source)
                _move(moved, url, now, poll)
    return moved


def _is_listed(streams: Mapping[str, StreamState], url: str) -> bool:
    return url in streams and streams[url].gone_at is None


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
    before: StreamState | None, seen: StreamReading, stream_id: int, look: _Look
) -> tuple[StreamState, Increase]:
    """The stream's state after `look`, and what it has grown by."""
    at, absent_since, uptime = look.poll.at, look.absent_since, look.uptime
    now = Baseline(at, seen.incarnation, look.clock, seen.counters)
    anew = False
    if seen.age is not None:
        uptime = seen.age
        began = at - timedelta(seconds=seen.age)
        absent_since = None if absent_since is None else max(absent_since, began)
        anew = before is not None and before.baseline is not None and began > before.baseline.at
    if seen.url == OVERFLOW and not look.restarted:
        uptime = math.inf  # its counters fall where one of many leaves: that is no new beginning
    known = before
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
        pending[name] = min(pending.get(name, 0) + count, MAX_COUNTER)
    fresh = grown.seconds > 0
    publishers, pulls = _told_apart(known, seen.url, look.listed)
    state = StreamState(
        id=stream_id,
        at=at,
        baseline=baseline,
        publishing=seen.publishing,
        publisher=seen.publisher,
        viewers=_viewers(seen, publishers, pulls, look),
        # Without a publisher there is no format: it stays what it was, so that the next one can be compared.
        video=seen.video or (known.video if known else None),
        audio=seen.audio or (known.audio if known else None),
        width=seen.width or (known.width if known else None),
        height=seen.height or (known.height if known else None),
        pending_since=pending_since,
        clients=seen.clients,
        publishers=publishers,
        pulls=pulls,
        egress_still_since=_still_since("egress", before, grown, seen),
        ingress_still_since=_still_since("ingress", before, grown, seen),
        published_after=known.published_after if known else None,
        published_by=known.published_by if known else None,
        counts=grown.counts if fresh else counts,
        seconds=grown.seconds if fresh else seconds,
        pending_seconds=pending_seconds + grown.seconds,
        pending=pending,
    )
    return state, grown


def _told_apart(before: StreamState | None, url: str, listed: Clients | None) -> tuple[int | None, int | None]:
    """Publishers and own servers among a stream's clients, by the newest list of them."""
    if listed is not None:
        return listed.publishers.get(url, 0), listed.pulls.get(url, 0)
    return (before.publishers, before.pulls) if before else (None, None)


def _viewers(seen: StreamReading, publishers: int | None, pulls: int | None, look: _Look) -> int | None:
    """People watching: clients less publishers and own servers; None where nobody told an origin's apart."""
    if pulls is None or publishers is None or seen.clients is None:
        return None if look.is_origin else seen.viewers
    return max(0, seen.clients - publishers - pulls)


def _still_since(direction: str, before: StreamState | None, grown: Increase, seen: StreamReading) -> datetime | None:
    """Since when the bytes of that direction stand still, as far as anybody looked."""
    if before is None or not seen.publishing:
        return None
    since: datetime | None = getattr(before, f"{direction}_still_since")
    if grown.seconds <= 0:
        return since
    count = grown.counts.get(f"{direction}_bytes")
    if count is None or count >= STILL_BYTES_PER_SECOND * grown.seconds:
        return None
    return since or before.at


def _process(stream: StreamState) -> str | None:
    return stream.baseline.process if stream.baseline else None


def _stream_gone(before: StreamState, at: datetime) -> StreamState:
    return replace(
        before,
        at=at,
        publishing=False,
        publisher=None,
        viewers=0,
        clients=0,
        publishers=None,
        pulls=None,
        egress_still_since=None,
        ingress_still_since=None,
        counts=None,
        seconds=None,
        pending=dict(before.pending),
        gone_at=at,
    )


def _note(moved: Moved, before: StreamState | None, now: StreamState, look: _Look, *, is_source: bool) -> None:
    """Note what this look tells of the stream's publications and of its format."""
    if look.is_home:
        moved.publications += publications.moved(look.poll.server_id, before, now, look.absent_since, look.restarted)
    if is_source and before is not None:
        moved.events += publications.format_changed(look.poll.server_id, before, now)


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
