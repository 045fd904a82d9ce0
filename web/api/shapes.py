"""The shapes of the API's answers. Base units: bit/s, seconds, ratios 0..1; null is "not known", never 0."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field, create_model

from cdn.health import State
from cdn.metrics import COUNTERS, GAUGES
from cdn.model import Kind, Reason, Role
from db.live import rate_name


class Figures(BaseModel):
    """The fleet in a few figures at one time."""

    delivered_bps: float | None = Field(description="Traffic to viewers: of all servers, less that to own servers.")
    internal_bps: float | None = Field(description="Traffic to own servers.")
    origin_offload: float | None = Field(
        description="Share of delivered_bps that did not have to leave the first origins, 0..1."
    )
    viewers: float | None = Field(description="People watching, on the servers that count them; no own servers.")
    streams_on_air: float | None = Field(description="Channels published somewhere.")
    servers_up: float | None
    servers_total: float | None


class Freshness(BaseModel):
    """How old the newest figures are."""

    newest_at: datetime | None = Field(description="The newest poll of any server.")
    silent: bool = Field(description="True where servers should be polled and for three intervals nobody did.")
    collectors_alive: int


class Summary(BaseModel):
    """The fleet now and an hour ago."""

    at: datetime
    now: Figures
    hour_ago: Figures
    edges_without_traffic: int = Field(description="Edges that answer but count no bytes; not in delivered_bps.")
    origins_not_told: int = Field(
        description="Origins of which nobody told viewers and own servers apart yet; not in delivered_bps."
    )
    states: dict[State, int] = Field(description="How many servers are in which state.")
    freshness: Freshness


class ServerCore(BaseModel):
    """A server, its state and its newest figures (those of `good_at`).

    The viewers of an origin are its clients less its publishers: own edges that pull from it included.
    """

    id: int
    name: str
    kind: Kind
    role: Role
    region: str
    provider: str
    url: str
    tags: list[str]
    capacity_bps: float | None
    interval: float = Field(description="Seconds between polls.")
    paused: bool
    state: State
    state_since: datetime | None
    at: datetime | None = Field(description="The newest poll.")
    good_at: datetime | None = Field(description="The newest poll that brought figures.")
    reason: Reason | None = Field(description="Why the newest poll failed.")
    detail: str | None
    software: str | None
    notes: list[str] | None = Field(description="What the newest good answer left out or says of itself.")
    certificate_expires: datetime | None = Field(description="When its TLS certificate ends, where it was verified.")
    clock_difference: float | None = Field(description="Seconds its clock is ahead of ours.")
    connect_seconds: float | None
    first_byte_seconds: float | None
    response_seconds: float | None


_FIGURES = dict.fromkeys((*map(rate_name, COUNTERS), *(each.name for each in GAUGES)), (float | None, None))
Server: type[ServerCore] = create_model("Server", __base__=ServerCore, **_FIGURES)  # type: ignore[call-overload]


class Stream(BaseModel):
    """A stream on a server."""

    server_id: int
    server: str
    url: str
    vhost: str
    app: str
    name: str
    publishing: bool
    viewers: float | None
    egress_bps: float | None
    ingress_bps: float | None
    video: str | None
    audio: str | None
    width: int | None
    height: int | None
    at: datetime


class Health(BaseModel):
    """Whether the program lives, and whether it can do its work."""

    status: str
