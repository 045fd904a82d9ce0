"""Shapes of one server looked into: history, streams, connections, working. Base units; null is "not known"."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, create_model

from cdn.metrics import COUNTERS, GAUGES
from cdn.model import Reason
from db.live import rate_name


class Change(BaseModel):
    """A server's state changed."""

    at: datetime
    up: bool
    reason: Reason | None
    detail: str | None
    restarted: bool = Field(description="Its process was replaced.")
    lasted_seconds: float | None = Field(description="Until the next change, or until now.")


class HistoryCore(BaseModel):
    """A step of a server's history: rates as Σ increase ÷ Σ counted seconds, gauges as means. null: nobody polled."""

    at: datetime = Field(description="When the step began.")
    up_ratio: float | None = Field(description="Share of the polls that were good.")
    connect_seconds: float | None
    first_byte_seconds: float | None
    response_seconds: float | None


_FIGURES: dict[str, Any] = dict.fromkeys(
    (*map(rate_name, COUNTERS), *(each.name for each in GAUGES)), (float | None, None)
)
HistoryStep: type[HistoryCore] = create_model("HistoryStep", __base__=HistoryCore, **_FIGURES)


class ServerStream(BaseModel):
    """A stream on one server, also those that went within an hour."""

    url: str
    vhost: str
    app: str
    name: str
    publishing: bool
    viewers: float | None
    clients: float | None = Field(description="All connections: publishers, viewers, own servers.")
    pulls: float | None = Field(description="Own servers among the clients.")
    egress_bps: float | None
    ingress_bps: float | None
    frame_rate: float | None
    video: str | None
    audio: str | None
    width: float | None
    height: float | None
    egress_still_since: datetime | None
    ingress_still_since: datetime | None
    at: datetime
    gone_at: datetime | None


class Connection(BaseModel):
    """Somebody connected to a server now."""

    id: str
    url: str = Field(description="Of the stream.")
    address: str
    kind: str = Field(description="As the server calls it.")
    publishing: bool
    is_own: bool = Field(description="A server of ours that pulls.")
    sent_bytes: int | None
    received_bytes: int | None
    connected_seconds: float | None


class Connections(BaseModel):
    """Who is connected to a server, as it told just now. Nothing of it is stored."""

    clients: list[Connection] | None = Field(description="null where it did not list them; `notes` say why.")
    complete: bool
    settled: bool = Field(description="False: an own server may pass for a player.")
    notes: list[str]


class Working(BaseModel):
    """How a counter's newest increase was made: two readings, and the seconds between them."""

    name: str
    before: int | None
    now: int | None
    before_at: datetime | None
    now_at: datetime | None
    before_process: str | None
    now_process: str | None
    increase: int | None
    counted_seconds: float | None
    restarted: bool | None
    estimated: bool | None


class ServerWorking(BaseModel):
    """How a server's figures are made: the last hour's polls, and its counters one by one."""

    polls: int = Field(description="In the last hour.")
    good: int
    covered_seconds: float
    up_seconds: float
    counters: list[Working]
