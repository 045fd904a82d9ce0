"""One poll moves a server's state and leaves rows behind. Pure: the writer stores what comes out of here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from cdn.health import BLIND_AFTER_INTERVALS
from cdn.metrics import COUNTERS, METRICS
from cdn.model import Poll, Reading, StreamReading
from cdn.units import DAY, HOUR, MINUTE
from collector import workers
from collector.derive import (
    CLOCK_SLACK_SECONDS,
    NOTHING_NEW,
    Baseline,
    Increase,
    covered_since,
    first,
    increase,
    seconds_in_minutes,
    spread,
)
from collector.state import ServerState, StreamState
from db.measurements import STREAM_COUNTERS

# A stream gone for longer is forgotten here; should it come back, it began since it was gone.
REMEMBER_GONE_SECONDS = HOUR
# Minutes older than this are not written: their table no longer keeps them. The sample has the whole increase.
LONGEST_SPREAD_SECONDS = 8 * DAY

Row = tuple[Any, ...]
# (server, minute's epoch) → egress, ingress, viewer seconds, stream seconds, covered, up, counted seconds
Traffic = dict[tuple[int, int], list[Any]]


@dataclass(slots=True)
class Step:
    """What one poll leaves: the new state, and rows in the column order of `db/samples.py`."""

    state: ServerState
    sample: Row
    streams: list[tuple[StreamState, datetime]] = field(default_factory=list)
    stream_samples: list[Row] = field(default_factory=list)


def advance(state: ServerState | None, poll: Poll, ids: Mapping[str, int], traffic: Traffic) -> Step:
    """Account for `poll`, which is newer than `state` (None: the server was never polled).

    ids: id of every stream of the reading by url. `traffic` is added to.
    """
    since = covered_since(state.at if state else None, poll.at, poll.interval)
    if state is not None and state.url != poll.url:
        state = _elsewhere(state)
    if poll.reading is None:
        step = Step(_after_failure(state, poll), sample_row(poll, since, None))
        add_traffic(traffic, poll, since, None)
        return step
    grown, baseline = _grown(state, poll, poll.reading)
    counted = grown if grown is not None and grown.seconds > 0 else None
    step = Step(_after_success(state, poll, poll.reading, counted, baseline), sample_row(poll, since, grown))
    add_traffic(traffic, poll, since, counted)
    if poll.reading.streams is not None:
        _advance_streams(state, step, poll, poll.reading, ids)
    return step


def _elsewhere(state: ServerState) -> ServerState:
    """The state without what another url counted: behind the new one every counter begins with a baseline."""
    streams = {url: replace(stream, baseline=None) for url, stream in state.streams.items()}
    return replace(state, baseline=None, workers={}, streams_at=None, streams=streams)


def _grown(state: ServerState | None, poll: Poll, reading: Reading) -> tuple[Increase | None, Baseline]:
    now = Baseline(poll.at, reading.process, reading.clock, dict(reading.counters))
    if state is None or state.baseline is None:
        return None, now
    if reading.worker is not None:
        return workers.grown(state.baseline, state.workers, now, reading.uptime)
    return increase(state.baseline, now, reading.uptime)


def _after_failure(state: ServerState | None, poll: Poll) -> ServerState:
    if state is None:
        return ServerState(
            poll.server_id, poll.at, False, poll.at, 1, None, None, None, {}, None, None, {}, url=poll.url
        )
    since = poll.at if state.up else state.state_since
    return replace(state, at=poll.at, up=False, state_since=since, failures=state.failures + 1, url=poll.url)


def _after_success(
    state: ServerState | None, poll: Poll, reading: Reading, counted: Increase | None, baseline: Baseline
) -> ServerState:
    # A source without newer figures leaves the last rate standing for a while: it is not zero, but it gets old.
    increases: Mapping[str, Any] = {}
    seconds: float | None = None
    if counted is not None:
        increases, seconds = counted.counts, counted.seconds
    elif state is not None and _is_recent(baseline, poll):
        increases = {each.name: state.metrics[each.name] for each in COUNTERS if each.name in state.metrics}
        seconds = state.counted_seconds
    others = _other_workers(state, reading, baseline)
    # One of several workers lists only its own streams.
    streams_read = reading.streams is not None and reading.streams_complete and not others
    return ServerState(
        poll.server_id,
        poll.at,
        True,
        state.state_since if state and state.up else poll.at,
        0,
        poll.at,
        baseline,
        poll.at if streams_read else (state.streams_at if state else None),
        {**increases, **reading.gauges},
        seconds,
        reading.software,
        state.streams if state else {},
        others,
        poll.url,
    )


def _other_workers(state: ServerState | None, reading: Reading, now: Baseline) -> Mapping[str, Baseline]:
    if state is None or state.baseline is None or reading.worker is None:
        return {}
    return workers.remembered(state.baseline, state.workers, now)


def sample_row(poll: Poll, since: datetime, grown: Increase | None) -> Row:
    """The `sample` row of one poll; `grown` is None where nothing is known to have been counted."""
    counts: Mapping[str, int] = grown.counts if grown else {}
    gauges: Mapping[str, float] = poll.reading.gauges if poll.reading else {}
    return (
        poll.server_id,
        poll.at,
        since,
        grown.seconds if grown else None,
        grown.restarted if grown else False,
        grown.estimated if grown else False,
        *poll_values(poll),
        *(counts.get(each.name) if each.is_counter else gauges.get(each.name) for each in METRICS),
    )


def poll_values(poll: Poll) -> Row:
    """up, reason, detail and the response times, as every table of polls has them."""
    return (
        poll.up,
        None if poll.reason is None else poll.reason.value,
        poll.detail,
        poll.timing.connect,
        poll.timing.first_byte,
        poll.timing.total,
    )


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
    for position, name in ((0, "egress_bytes"), (1, "ingress_bytes")):
        if name in counted.counts:
            for minute, part in spread(counted.counts[name], start, end):
                if minute >= oldest:
                    _add(_cell(traffic, server_id, minute), position, part)
    if "egress_bytes" in counted.counts:
        for minute, seconds in seconds_in_minutes(max(start, oldest), end):
            _cell(traffic, server_id, minute)[6] += seconds


def _cell(traffic: Traffic, server_id: int, minute: int) -> list[Any]:
    return traffic.setdefault((server_id, minute), [None, None, None, None, 0.0, 0.0, 0.0])


def _add(cell: list[Any], position: int, value: float | None) -> None:
    if value is not None:
        cell[position] = value if cell[position] is None else cell[position] + value


def _advance_streams(
    state: ServerState | None, step: Step, poll: Poll, reading: Reading, ids: Mapping[str, int]
) -> None:
    """Move every stream of the reading, and say which are gone. Replaces `step.state.streams`."""
    old: Mapping[str, StreamState] = state.streams if state else {}
    absent_since = _absent_since(state, poll, reading)
    uptime = reading.uptime if _restarted(state, reading) else None
    streams = {url: each for url, each in old.items() if each.gone_at is None or _is_kept(each.gone_at, poll)}
    for seen in reading.streams or ():
        before = old.get(seen.url)
        now = _stream_after(before, seen, ids[seen.url], poll.at, reading.clock, absent_since, uptime)
        streams[seen.url] = _flush_pending(now, poll, step)
    if reading.streams_complete and not step.state.workers:
        listed = {seen.url for seen in reading.streams or ()}
        for url, before in old.items():
            if url not in listed and before.gone_at is None:
                streams[url] = _stream_gone(before, poll, step)
    step.state = replace(step.state, streams=streams)


def _is_kept(gone_at: datetime, poll: Poll) -> bool:
    return (poll.at - gone_at).total_seconds() <= REMEMBER_GONE_SECONDS


def _is_recent(baseline: Baseline, poll: Poll) -> bool:
    return (poll.at - baseline.at).total_seconds() <= BLIND_AFTER_INTERVALS * poll.interval


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


def _stream_gone(before: StreamState, poll: Poll, step: Step) -> StreamState:
    gone = StreamState(
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
        gone_at=poll.at,
    )
    return _flush_pending(gone, poll, step)


def _flush_pending(stream: StreamState, poll: Poll, step: Step) -> StreamState:
    """Write the stream's row for the minute that has ended, if one has; keep the rest pending."""
    at = poll.at
    ended = at.timestamp() // MINUTE > stream.pending_since.timestamp() // MINUTE
    if ended or (stream.gone_at is not None and stream.pending_seconds > 0):
        step.stream_samples.append(
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
    step.streams.append((stream, at))
    return stream
