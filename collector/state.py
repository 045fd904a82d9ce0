"""What the collector remembers of a server between polls: exactly what `server_status` and `stream_status` hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collector.derive import Baseline
from collector.pulls import PullState


@dataclass(slots=True)
class StreamState:
    """The newest look at one stream, and what grew since its last row in `stream_sample`.

    at: when we looked last. baseline: None where the next look is a baseline only.
    viewers: None where own servers among the clients are not told apart.
    publishers, pulls: of the newest list of clients; None where there was none.
    video, audio, width, height: as published last.
    counts, seconds: the newest increase.
    egress_still_since, ingress_still_since: since when these bytes stand still; None: they move, or nobody knows.
    published_after, published_by: the publication that is going on began between these; both None: there is none.
    pending: increases (bytes, frames) since `pending_since`.
    """

    id: int
    at: datetime
    baseline: Baseline | None
    publishing: bool
    publisher: str | None
    viewers: int | None
    video: str | None
    audio: str | None
    width: int | None
    height: int | None
    pending_since: datetime
    clients: int | None = None
    publishers: int | None = None
    pulls: int | None = None
    egress_still_since: datetime | None = None
    ingress_still_since: datetime | None = None
    published_after: datetime | None = None
    published_by: datetime | None = None
    counts: Mapping[str, int] | None = None
    seconds: float | None = None
    pending_seconds: float = 0.0
    pending: dict[str, int] = field(default_factory=dict)
    gone_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ServerState:
    """The newest poll of one server. `metrics` are those of the last good poll, at `good_at`.

    counted_seconds: seconds over which the increases in `metrics` grew.
    streams_at: when its streams were last read completely.
    url: what answered so; behind another one other counters go on.
    previous: the baseline before `baseline`: what the newest increase was counted from.
    audited: since when every increase is stored: counters grown since then are what the samples since then add up to.
    pulls: of the newest list of clients; client_notes: what had to be said of it.
    address: where the server was reached.
    """

    server_id: int
    at: datetime
    up: bool
    state_since: datetime
    failures: int
    good_at: datetime | None
    baseline: Baseline | None
    streams_at: datetime | None
    metrics: Mapping[str, Any]
    counted_seconds: float | None
    software: str | None
    streams: Mapping[str, StreamState]
    url: str = ""
    certificate_expires: datetime | None = None
    clock_difference: float | None = None
    previous: Baseline | None = None
    audited: Baseline | None = None
    pulls: PullState | None = None
    client_notes: tuple[str, ...] = ()
    address: str | None = None
