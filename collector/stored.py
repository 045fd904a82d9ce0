"""A server's state as rows of `server_status` and `stream_status`, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cdn.metrics import METRICS
from cdn.model import Poll
from collector.advance import Row, poll_values
from collector.derive import Baseline
from collector.pulls import PullState
from collector.state import ServerState, StreamState
from db import samples
from db.engine import Connection
from db.measurements import STREAM_COUNTERS


def status_row(state: ServerState, poll: Poll, collector: str) -> Row:
    """The `server_status` row after `poll`, in the order of `samples.STATUS_COLUMNS`."""
    base = state.baseline
    return (
        state.server_id,
        state.at,
        *poll_values(poll),
        state.good_at,
        state.state_since,
        state.failures,
        state.software,
        _notes(state, poll),
        collector,
        state.url,
        state.address,
        state.certificate_expires,
        state.clock_difference,
        base.at if base else None,
        base.process if base else None,
        base.clock if base else None,
        dict(base.counters) if base else {},
        _baseline_row(state.previous),
        _baseline_row(state.audited),
        _pulls_row(state.pulls, state.client_notes),
        state.streams_at,
        state.counted_seconds,
        *(state.metrics.get(each.name) for each in METRICS),
    )


def stream_row(server_id: int, stream: StreamState, at: datetime) -> Row:
    """The `stream_status` row, in the order of `samples.STREAM_STATUS_COLUMNS`."""
    base, counts = stream.baseline, stream.counts or {}
    return (
        server_id,
        stream.id,
        at,
        stream.gone_at,
        (base.process if base else None) or "",
        stream.publishing,
        stream.publisher,
        stream.viewers,
        stream.clients,
        stream.publishers,
        stream.pulls,
        stream.video,
        stream.audio,
        stream.width,
        stream.height,
        stream.egress_still_since,
        stream.ingress_still_since,
        stream.published_after,
        stream.published_by,
        base.clock if base else None,
        *(base.counters.get(name) if base else None for name in STREAM_COUNTERS),
        stream.seconds,
        *(counts.get(name) for name in STREAM_COUNTERS),
        stream.pending_since,
        stream.pending_seconds,
        *(stream.pending.get(name, 0) for name in STREAM_COUNTERS),
    )


def _baseline_row(base: Baseline | None) -> dict[str, Any] | None:
    """A reading as `server_status` keeps it beside the newest one: at, clock, process, counters."""
    if base is None:
        return None
    return {
        "at": base.at.isoformat(),
        "clock": base.clock,
        "process": base.process,
        "counters": dict(base.counters),
    }


def _notes(state: ServerState, poll: Poll) -> list[str]:
    """What the answer leaves out; of its clients what the newest list left out, however long ago that is."""
    if poll.reading is None:
        return []
    return list(dict.fromkeys((*poll.reading.notes, *state.client_notes)))


def _pulls_row(pulls: PullState | None, notes: tuple[str, ...]) -> dict[str, Any] | None:
    """The newest list of clients as `server_status` keeps it; `notes` alone where none was whole yet."""
    said = {"notes": list(notes)} if notes else {}
    if pulls is None:
        return said or None
    return {
        "process": pulls.process,
        "listed_at": pulls.listed_at.isoformat(),
        "sent": dict(pulls.sent),
        "estimated": pulls.estimated,
        "owed": pulls.owed,
        **said,
    }


def load_states(connection: Connection, server_ids: Sequence[int]) -> dict[int, ServerState]:
    """The stored state of each of `server_ids` that was ever polled."""
    streams: dict[int, dict[str, StreamState]] = {}
    for row in samples.load_stream_status(connection, server_ids):
        streams.setdefault(row["server_id"], {})[row["url"]] = _stream(row)
    return {
        row["server_id"]: _server(row, streams.get(row["server_id"], {}))
        for row in samples.load_status(connection, server_ids)
    }


def _server(row: Mapping[str, Any], streams: Mapping[str, StreamState]) -> ServerState:
    baseline = None
    if row["counted_at"] is not None:
        baseline = Baseline(row["counted_at"], row["process"], row["clock"], row["counters"])
    return ServerState(
        server_id=row["server_id"],
        at=row["at"],
        up=row["up"],
        state_since=row["state_since"],
        failures=row["failures"],
        good_at=row["good_at"],
        baseline=baseline,
        streams_at=row["streams_at"],
        metrics={each.name: row[each.name] for each in METRICS if row[each.name] is not None},
        counted_seconds=row["counted_seconds"],
        software=row["software"],
        streams=streams,
        url=row["url"],
        certificate_expires=row["certificate_expires"],
        clock_difference=row["clock_difference"],
        previous=_baseline(row["previous"]),
        audited=_baseline(row["audited"]),
        pulls=_pulls(row["pulls"]),
        client_notes=tuple((row["pulls"] or {}).get("notes", ())),
        address=row["address"],
    )


def _baseline(row: Mapping[str, Any] | None) -> Baseline | None:
    if row is None:
        return None
    return Baseline(datetime.fromisoformat(row["at"]), row["process"], row["clock"], row["counters"])


def _pulls(row: Mapping[str, Any] | None) -> PullState | None:
    if row is None or "listed_at" not in row:
        return None
    kept = {name: value for name, value in row.items() if name != "notes"}
    return PullState(**{**kept, "listed_at": datetime.fromisoformat(row["listed_at"])})


def _stream(row: Mapping[str, Any]) -> StreamState:
    totals = {name: row[f"{name}_total"] for name in STREAM_COUNTERS if row[f"{name}_total"] is not None}
    counts = {name: row[name] for name in STREAM_COUNTERS if row[name] is not None}
    return StreamState(
        id=row["stream_id"],
        at=row["at"],
        baseline=Baseline(row["at"], row["incarnation"], row["clock"], totals) if totals else None,
        publishing=row["publishing"],
        publisher=row["publisher"],
        viewers=row["viewers"],
        video=row["video"],
        audio=row["audio"],
        width=row["width"],
        height=row["height"],
        pending_since=row["pending_since"],
        clients=row["clients"],
        publishers=row["publishers"],
        pulls=row["pulls"],
        egress_still_since=row["egress_still_since"],
        ingress_still_since=row["ingress_still_since"],
        published_after=row["published_after"],
        published_by=row["published_by"],
        counts=counts or None,
        seconds=row["counted_seconds"],
        pending_seconds=row["pending_seconds"],
        pending={name: row[f"pending_{name}"] for name in STREAM_COUNTERS},
        gone_at=row["gone_at"],
    )
