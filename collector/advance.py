"""One poll moves a server's state and leaves rows behind. Pure: the writer stores what comes out of here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cdn.health import BLIND_AFTER_INTERVALS
from cdn.metrics import COUNTERS, METRICS
from cdn.model import Poll, Reading
from collector import workers
from collector.derive import Baseline, Increase, covered_since, increase
from collector.minutes import Traffic, add_traffic
from collector.state import ServerState, StreamState
from collector.streams import advance_streams

Row = tuple[Any, ...]


@dataclass(slots=True)
class Step:
    """What one poll leaves: the new state, and rows in the column order of `db/samples.py`."""

    state: ServerState
    sample: Row
    streams: list[StreamState] = field(default_factory=list)
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
        complete = poll.reading.streams_complete and not step.state.workers
        moved = advance_streams(state, poll, poll.reading, ids, complete=complete)
        step.state = replace(step.state, streams=moved.streams)
        step.streams, step.stream_samples = moved.changed, moved.samples
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
        poll.certificate_expires,
        poll.clock_difference,
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


def _is_recent(baseline: Baseline, poll: Poll) -> bool:
    return (poll.at - baseline.at).total_seconds() <= BLIND_AFTER_INTERVALS * poll.interval
