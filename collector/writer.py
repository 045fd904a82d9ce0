"""The one writer: all polls of the last second in one transaction, counted from what the database holds.

The state that a poll is counted from is cached here and checked against the database under a row lock. If
another collector has written meanwhile, it is read again. So however many collectors poll a server, and
however late a poll arrives, every byte is counted once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cdn.model import Poll
from collector import outages
from collector.advance import Row, Step, advance, sample_row
from collector.derive import NOTHING_NEW, covered_since
from collector.followed import OVERFLOW, capped
from collector.minutes import Traffic, add_traffic
from collector.own import Own, known
from collector.pulls import Stranger
from collector.state import ServerState
from collector.stored import load_states, status_row, stream_row
from db import fleet, partitions, rollup, samples
from db.engine import Connection, Engine, Rejected, reachable

log = logging.getLogger(__name__)

# A spooled poll may meet a sample whose interval began before it, at most this much later.
LATE_HORIZON = timedelta(days=1)


CLOCK_SLACK = timedelta(seconds=5)
# How long a server's new address or link may stay unnoticed.
OWN_SECONDS = timedelta(seconds=30)


class _MissingDays(Exception):
    """The batch touches days whose partitions may not exist yet."""

    def __init__(self, days: set[date]) -> None:
        super().__init__(days)
        self.days = days


class Writer:
    """Stores polls. Used by one thread. `collector`: name stored with each status; max_streams: followed a server."""

    def __init__(self, engine: Engine, collector: str, max_streams: int = 2_000) -> None:
        self._engine = engine
        self._collector = collector
        self._max_streams = max_streams
        self._own = Own()
        self._own_read: datetime | None = None
        self._states: dict[int, ServerState] = {}
        self._days: set[date] = set()
        self._clock_told = False

    def write(self, polls: Iterable[Poll]) -> int:
        """Store `polls`; returns how many were stored. All of it or nothing is written.

        Raises Unavailable where the database is away; nothing is lost as long as the caller keeps the
        polls. A poll that the database refuses is told in the log and left out, so that it cannot stop
        the others.
        """
        batch = sorted(polls, key=lambda poll: (poll.server_id, poll.at))
        if not batch:
            return 0
        try:
            self._write(batch)
            return len(batch)
        except Rejected:
            # Among the causes: a day's partition that was there is no longer kept.
            self._days.clear()
            if len({poll.server_id for poll in batch}) == 1:
                return self._one_by_one(batch)
        return sum(self.write(group) for group in _by_server(batch))

    def _one_by_one(self, batch: Sequence[Poll]) -> int:
        stored = 0
        for poll in batch:
            try:
                self._write([poll])
                stored += 1
            except Rejected:
                log.exception("a poll of server %d at %s cannot be stored and is left out", poll.server_id, poll.at)
        return stored

    def _write(self, batch: Sequence[Poll]) -> None:
        with reachable(self._engine):
            try:
                with self._engine.begin() as connection:
                    changed = self._write_in(connection, batch)
            except _MissingDays as missing:
                for table in partitions.POLLED:
                    partitions.ensure(self._engine, table, missing.days)
                self._days |= missing.days
                with self._engine.begin() as connection:
                    changed = self._write_in(connection, batch)
        self._states |= changed

    def _write_in(self, connection: Connection, batch: Sequence[Poll]) -> dict[int, ServerState]:
        now = samples.database_clock(connection)
        batch = self._in_time(now, batch)
        own = self._own_servers(connection, now, batch)
        states = self._checked_states(connection, {poll.server_id for poll in batch})
        batch = [self._capped(states.get(poll.server_id), poll) for poll in batch]
        ids = self._stream_ids(connection, states, batch)
        traffic: Traffic = {}
        rows: list[Row] = []
        stream_samples: list[Row] = []
        streams: dict[tuple[int, int], Row] = {}
        publications: dict[tuple[Any, ...], Row] = {}
        events: list[Row] = []
        outage_rows: dict[outages.Key, Row] = {}
        pullers: dict[tuple[int, str], Row] = {}
        links: set[tuple[int, int]] = set()
        newest: dict[int, Poll] = {}
        for poll in batch:
            state = states.get(poll.server_id)
            if state is not None and poll.at <= state.at:
                rows += self._late(connection, poll, traffic)
                continue
            step: Step = advance(state, poll, ids.get(poll.server_id, {}), traffic, own)
            states[poll.server_id] = step.state
            newest[poll.server_id] = poll
            rows.append(step.sample)
            stream_samples += step.stream_samples
            for stream in step.streams:
                streams[poll.server_id, stream.id] = stream_row(poll.server_id, stream, poll.at)
            publications |= {row[:3]: row for row in step.publications}
            events += step.events
            outages.together(outage_rows, step.outages)
            if step.clients is not None:
                links |= {(puller, poll.server_id) for puller in step.clients.links}
                for each in step.clients.strangers:
                    pullers[poll.server_id, each.address] = _puller_row(poll, each)
        minutes = _traffic_rows(traffic)
        self._require_days({row[1].astimezone(UTC).date() for row in (*rows, *stream_samples, *minutes)})
        samples.write(
            connection,
            samples=rows,
            statuses=[status_row(states[server_id], poll, self._collector) for server_id, poll in newest.items()],
            streams=[streams[key] for key in sorted(streams)],
            stream_samples=stream_samples,
            traffic=minutes,
            publications=[publications[key] for key in sorted(publications)],
            events=events,
            outages=[outage_rows[key] for key in sorted(outage_rows)],
            pullers=[pullers[key] for key in sorted(pullers)],
        )
        samples.link(connection, links - own.links)
        rollup.note(connection, _touched(rows, stream_samples))
        return {server_id: states[server_id] for server_id in newest}

    def _own_servers(self, connection: Connection, now: datetime, batch: Sequence[Poll]) -> Own:
        """All servers of ours, read again every half minute, and at once where one was reached at a new address."""
        reached = {poll.server_id: poll.address for poll in batch if poll.address is not None}
        moved = any(self._own.reached.get(server_id) != address for server_id, address in reached.items())
        if moved or self._own_read is None or now - self._own_read > OWN_SECONDS:
            places, links = fleet.own_servers(connection)
            self._own = known((place._replace(address=reached.get(place.id, place.address)) for place in places), links)
            self._own_read = now
        return self._own

    def _capped(self, state: ServerState | None, poll: Poll) -> Poll:
        if poll.reading is None or poll.reading.streams is None or len(poll.reading.streams) <= self._max_streams:
            return poll
        followed = {url for url, each in state.streams.items() if each.gone_at is None} if state else set()
        return replace(poll, reading=capped(poll.reading, followed - {OVERFLOW}, self._max_streams))

    def _in_time(self, now: datetime, batch: Sequence[Poll]) -> list[Poll]:
        """`batch` with no poll from the future: our clock was wrong then, so it happened just now.

        One poll stamped ahead would make all true ones look late until its moment comes.
        """
        ahead = [poll for poll in batch if poll.at > now + CLOCK_SLACK]
        if ahead and not self._clock_told:
            seconds = (ahead[0].at - now).total_seconds()
            log.error("this machine's clock is %.0f s ahead of the database's: polls get the database's time", seconds)
        self._clock_told = bool(ahead)
        return [replace(poll, at=now) if poll.at > now + CLOCK_SLACK else poll for poll in batch]

    def _require_days(self, days: set[date]) -> None:
        """Raise _MissingDays for days not made ahead: late polls and the bytes of a long gap reach back."""
        if not days <= self._days:
            raise _MissingDays(days - self._days)

    def _checked_states(self, connection: Connection, server_ids: set[int]) -> dict[int, ServerState]:
        """The state of each server as the database has it now, locked."""
        stored = samples.lock(connection, server_ids)
        known = {each: state for each in stored if (state := self._states.get(each)) and state.at == stored[each]}
        stale = [each for each in stored if each not in known]
        return known | load_states(connection, stale) if stale else known

    def _stream_ids(
        self, connection: Connection, states: dict[int, ServerState], batch: Sequence[Poll]
    ) -> dict[int, dict[str, int]]:
        """Ids of all streams in the batch, by server and url; new ones are made."""
        ids: dict[int, dict[str, int]] = {}
        new: dict[tuple[int, str], tuple[str, str, str]] = {}
        for poll in batch:
            if poll.reading is None or poll.reading.streams is None:
                continue
            known = states[poll.server_id].streams if poll.server_id in states else {}
            found = ids.setdefault(poll.server_id, {})
            for stream in poll.reading.streams:
                if stream.url in known:
                    found[stream.url] = known[stream.url].id
                elif stream.url not in found:
                    new[poll.server_id, stream.url] = (stream.vhost, stream.app, stream.name)
        for (server_id, url), stream_id in samples.stream_ids(connection, new).items():
            ids[server_id][url] = stream_id
        return ids

    def _late(self, connection: Connection, poll: Poll, traffic: Traffic) -> list[Row]:
        """A poll older than the state: it adds what it saw, but no bytes: those are in a newer sample already."""
        since = covered_since(poll.since, poll.at, poll.interval)
        if samples.is_covered(connection, poll.server_id, since, poll.at, poll.at + LATE_HORIZON):
            return []
        add_traffic(traffic, poll, since, None)
        return [sample_row(poll, since, NOTHING_NEW if poll.up else None)]


def _puller_row(poll: Poll, stranger: Stranger) -> Row:
    return (
        poll.server_id,
        stranger.address,
        stranger.streams,
        stranger.connections,
        stranger.connected,
        poll.at,
        poll.at,
    )


def _by_server(batch: Sequence[Poll]) -> list[list[Poll]]:
    groups: dict[int, list[Poll]] = {}
    for poll in batch:
        groups.setdefault(poll.server_id, []).append(poll)
    return list(groups.values())


def _touched(rows: Sequence[Row], stream_samples: Sequence[Row]) -> set[tuple[int, datetime]]:
    """The five minutes of each server that rows of `sample` and `stream_sample` tell of."""
    touched: set[tuple[int, datetime]] = set()
    for server_id, at, since, counted, *_ in rows:
        start = min(since, at - timedelta(seconds=counted)) if counted else since
        touched.update((server_id, bucket) for bucket in rollup.buckets(start, at))
    # A server's streams mostly have the same times.
    spans = {(row[0], row[3], row[1]) for row in stream_samples}
    for server_id, since, at in spans:
        touched.update((server_id, bucket) for bucket in rollup.buckets(since, at))
    return touched


def _traffic_rows(traffic: Traffic) -> list[Row]:
    return [
        (server_id, datetime.fromtimestamp(minute, UTC), *cell) for (server_id, minute), cell in sorted(traffic.items())
    ]
