"""The shapes of the API's answers. Base units: bit/s, seconds, ratios 0..1; null is "not known", never 0."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field, create_model

from cdn.health import ChannelState, CopyState, State
from cdn.metrics import COUNTERS, GAUGES
from cdn.model import EventKind, Kind, PublicationEnd, Reason, Role
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

    `viewers` are people, own servers that pull left out; null where nobody told the two apart.
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
    version: int = Field(description="Counts its changes.")
    state: State
    state_since: datetime | None
    at: datetime | None = Field(description="The newest poll.")
    good_at: datetime | None = Field(description="The newest poll that brought figures.")
    reason: Reason | None = Field(description="Why the newest poll failed.")
    detail: str | None
    software: str | None
    notes: list[str] | None = Field(description="What the newest good answer left out or says of itself.")
    certificate_expires: datetime | None = Field(description="When its TLS certificate ends.")
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
    channel_id: int
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


class Channel(BaseModel):
    """The same vhost, app and name on all servers. What comes in is told of the origin it is published on."""

    id: int
    vhost: str
    app: str
    name: str
    state: ChannelState
    origin: str = Field(description="Where it is published; the server that tells most where no first origin lists it.")
    is_home: bool = Field(description="Whether `origin` is a first origin, which publishers send to.")
    viewers: float | None = Field(description="People watching on all servers that answer and count them.")
    copies: int = Field(description="Servers that carry it on.")
    copies_frozen: int = Field(description="Of `copies`, those on which it stands still although somebody watches.")
    copies_unknown: int = Field(description="Servers that listed it last, but do not answer now.")
    frozen_since: datetime | None = Field(description="Since when the first of `copies_frozen` stands still.")
    stalled_since: datetime | None = Field(description="Since when nothing comes in although somebody publishes.")
    ingest_bps: float | None = Field(description="What comes in; null where no first origin lists it.")
    frame_rate: float | None = Field(description="Pictures a second, mean of three minutes.")
    video: str | None
    audio: str | None
    width: int | None
    height: int | None
    published_after: datetime | None = Field(
        description="Its publication began after this look; null where nobody looked before it began."
    )
    published_by: datetime | None = Field(
        description="Its publication had begun at this look; null where it is not on."
    )
    at: datetime = Field(description="The newest look at any copy.")
    gone_at: datetime | None = Field(description="When the last server stopped listing it.")


class ChannelCopy(BaseModel):
    """A channel on one server."""

    server_id: int
    server: str
    role: Role
    region: str
    is_home: bool = Field(description="Whether the server is a first origin, which publishers send to.")
    state: CopyState
    viewers: float | None = Field(description="People watching here; null where nobody told them from own servers.")
    clients: float | None = Field(description="All connections: publishers, viewers, own servers.")
    pulls: float | None = Field(description="Own servers among the clients.")
    egress_bps: float | None
    ingress_bps: float | None
    frame_rate: float | None = Field(description="Pictures a second, mean of three minutes; edges do not count them.")
    video: str | None
    audio: str | None
    width: int | None
    height: int | None
    egress_still_since: datetime | None = Field(description="Since when it sends nothing, for ten seconds or more.")
    ingress_still_since: datetime | None = Field(description="Since when nothing comes in, for ten seconds or more.")
    published_after: datetime | None = Field(description="As of the channel.")
    published_by: datetime | None = Field(description="As of the channel.")
    at: datetime = Field(description="The newest look.")
    gone_at: datetime | None = Field(description="When the server stopped listing it.")


class ChannelWithCopies(Channel):
    """A channel, and every server that carries it, first origins first."""

    on_servers: list[ChannelCopy]


class Publication(BaseModel):
    """Somebody published a channel on a first origin. Polls see only before and after, so times are bounds."""

    server_id: int
    server: str
    channel_id: int
    vhost: str
    app: str
    name: str
    began_after: datetime | None = Field(description="It began after this; null where nobody looked before it began.")
    began_by: datetime = Field(description="It had begun at this look.")
    ended_after: datetime | None = Field(description="It was still on at this look; null where it goes on.")
    ended_by: datetime | None = Field(description="It had ended at this look; null where it goes on.")
    end_reason: PublicationEnd | None
    publisher: str | None = Field(description="The id its server gave the publisher's connection.")
    format: str | None = Field(description='In words: "1920 × 1080, H264 High, AAC LC 44.1 kHz".')
    off_air_least: float | None = Field(
        description="Seconds off the air before it began, at least; null where no publication before it is known."
    )
    off_air_most: float | None = Field(description="Seconds off the air before it began, at most.")


class Event(BaseModel):
    """Something that happened once, to a server or to a channel on it."""

    at: datetime = Field(description="Seen then.")
    after: datetime | None = Field(description="Not yet so at this look; it happened in between.")
    kind: EventKind
    server_id: int
    server: str
    channel_id: int | None = Field(description="null: it happened to the server itself.")
    vhost: str | None
    app: str | None
    name: str | None
    before: str | None = Field(description="What was so before, in words.")
    now: str | None = Field(description="What is so since, in words.")


class Health(BaseModel):
    """Whether the program lives, and whether it can do its work."""

    status: str
