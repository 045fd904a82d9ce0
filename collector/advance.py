"""One poll moves a server's state and leaves rows behind. Pure: the writer stores what comes out of here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from cdn.health import BLIND_AFTER_INTERVALS
from cdn.metrics import COUNTERS, METRICS
from cdn.model import EventKind, Poll, Reading
from collector import audit, outages
from collector.derive import Baseline, Increase, covered_since, increase
from collector.minutes import Traffic, add_traffic
from collector.own import Own
from collector.own_traffic import with_internal, with_viewers
from collector.pulls import Clients, told_apart
from collector.state import ServerState, StreamState
from collector.streams import Moved, advance_streams

Row = tuple[Any, ...]
NOBODY = Own()


@dataclass(slots=True)
class Step:
    """What one poll leaves: the new state, and rows in the column order of `db/samples.py`."""

    state: ServerState
    sample: Row
    streams: list[StreamState] = field(default_factory=list)
    stream_samples: list[Row] = field(default_factory=list)
    publications: list[Row] = field(default_factory=list)
    outages: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    clients: Clients | None = None


def advance(state: ServerState | None, poll: Poll, ids: Mapping[str, int], traffic: Traffic, own: Own = NOBODY) -> Step:
    """Account for `poll`, which is newer than `state` (None: the server was never polled).

    ids: id of every stream of the reading by url. `traffic` is added to. own: all servers of ours.
    """
    since = covered_since(state.at if state else None, poll.at, poll.interval)
    if state is not None and state.url != poll.url:
        state = _elsewhere(state)
    if poll.reading is None:
        step = Step(_after_failure(state, poll), sample_row(poll, since, None), outages=outages.moved(state, poll))
        add_traffic(traffic, poll, since, None)
        return step
    reading = poll.reading
    grown, baseline = _grown(state, poll, reading)
    listed = None
    if reading.clients is not None and reading.clients_complete and own.settled:
        listed = told_apart(reading.clients, own, poll.server_id)
    moved = _moved(state, poll, reading, ids, own, listed, complete=reading.streams_complete)
    grown, pulls = with_internal(state, poll, reading, grown, moved, listed)
    if moved is not None and poll.server_id in own.origins and pulls is not None:
        reading = with_viewers(reading, moved)
        poll = replace(poll, reading=reading)
    counted = grown if grown is not None and grown.seconds > 0 else None
    after = _after_success(state, poll, reading, counted, baseline)
    notes = _client_notes(state, reading) if poll.server_id in own.origins else ()
    after = replace(after, pulls=pulls, client_notes=notes, audited=audit.since(state, grown, baseline))
    step = Step(after, sample_row(poll, since, grown), events=_events(state, poll, reading, grown), clients=listed)
    step.outages = outages.moved(state, poll)
    add_traffic(traffic, poll, since, counted)
    if moved is not None:
        step.state = replace(step.state, streams=moved.streams)
        step.streams, step.stream_samples = moved.changed, moved.samples
        step.publications = moved.publications
        step.events += moved.events
    return step


def _moved(
    state: ServerState | None,
    poll: Poll,
    reading: Reading,
    ids: Mapping[str, int],
    own: Own,
    listed: Clients | None,
    *,
    complete: bool,
) -> Moved | None:
    if reading.streams is None:
        return None
    return advance_streams(
        state,
        poll,
        reading,
        ids,
        complete=complete,
        listed=listed,
        is_origin=poll.server_id in own.origins,
        is_home=poll.server_id in own.homes,
        is_source=poll.server_id not in own.pulling,
    )


def _events(state: ServerState | None, poll: Poll, reading: Reading, grown: Increase | None) -> list[Row]:
    """Rows of `event` that this poll leaves of the server itself: a restart, other software."""
    if state is None or state.baseline is None:
        return []
    rows: list[Row] = []
    # Where other counters go on that nobody knew, it is no restart.
    if grown is not None and grown.restarted and grown.counts:
        rows.append((poll.server_id, poll.at, EventKind.RESTART.value, 0, state.at, None, None))
    if state.software and reading.software and state.software != reading.software:
        rows.append((poll.server_id, poll.at, EventKind.VERSION.value, 0, state.at, state.software, reading.software))
    return rows


def _elsewhere(state: ServerState) -> ServerState:
    """The state without what another url counted: behind the new one every counter begins with a baseline."""
    streams = {url: replace(stream, baseline=None) for url, stream in state.streams.items()}
    return replace(
        state, baseline=None, previous=None, audited=None, pulls=None, client_notes=(), streams_at=None, streams=streams
    )


def _grown(state: ServerState | None, poll: Poll, reading: Reading) -> tuple[Increase | None, Baseline]:
    now = Baseline(poll.at, reading.process, reading.clock, dict(reading.counters))
    if state is None or state.baseline is None:
        return None, now
    return increase(state.baseline, now, reading.uptime)


def _after_failure(state: ServerState | None, poll: Poll) -> ServerState:
    if state is None:
        return ServerState(
            server_id=poll.server_id,
            at=poll.at,
            up=False,
            state_since=poll.at,
            failures=1,
            good_at=None,
            baseline=None,
            streams_at=None,
            metrics={},
            counted_seconds=None,
            software=None,
            streams={},
            url=poll.url,
            certificate_expires=poll.certificate_expires,
        )
    since = poll.at if state.up else state.state_since
    expires = poll.certificate_expires or state.certificate_expires
    return replace(
        state,
        at=poll.at,
        up=False,
        state_since=since,
        failures=state.failures + 1,
        url=poll.url,
        certificate_expires=expires,
    )


def _after_success(
    state: ServerState | None,
    poll: Poll,
    reading: Reading,
    counted: Increase | None,
    baseline: Baseline,
) -> ServerState:
    # A source without newer figures leaves the last rate standing for a while: it is not zero, but it gets old.
    increases: Mapping[str, Any] = {}
    seconds: float | None = None
    if counted is not None:
        increases, seconds = counted.counts, counted.seconds
    elif state is not None and _is_recent(baseline, poll):
        increases = {each.name: state.metrics[each.name] for each in COUNTERS if each.name in state.metrics}
        seconds = state.counted_seconds
    streams_read = reading.streams is not None and reading.streams_complete
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
        poll.url,
        poll.certificate_expires,
        poll.clock_difference,
        _previous(state, baseline),
        address=poll.address or (state.address if state else None),
    )


def _client_notes(state: ServerState | None, reading: Reading) -> tuple[str, ...]:
    """What has to be said of an origin's clients: of the newest list, which most polls do not ask for."""
    asked = reading.clients is not None or reading.client_notes
    return reading.client_notes if asked or state is None else state.client_notes


def _previous(state: ServerState | None, now: Baseline) -> Baseline | None:
    """What the newest increase was counted from: it stays while the source has no newer figures."""
    if state is None:
        return None
    return state.baseline if state.baseline is not now else state.previous


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
