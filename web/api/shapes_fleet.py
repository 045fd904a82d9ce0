"""Shapes of servers as they are set up, tried and found. Base units; null is "not known" or "the default"."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints
from pydantic.config import JsonDict

from cdn.model import AuthMethod, Kind, Reason, Role

Name = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Url = Annotated[str, StringConstraints(min_length=8, max_length=500, pattern=r"^(?i:https?)://")]
Secret = Annotated[str, StringConstraints(max_length=1_000)]
Bits = Annotated[float, Field(strict=True, ge=1_000, le=10**15)]
Seconds = Annotated[float, Field(strict=True, ge=1, le=3_600)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Network = Annotated[str, StringConstraints(min_length=2, max_length=60)]

_EXAMPLE: JsonDict = {
    "name": "edge-fra-1",
    "kind": "srs",
    "url": "http://192.0.2.10:1985",
    "role": "edge",
    "region": "Europe West",
    "capacity": 10_000_000_000,
    "tags": ["sport"],
    "origins": [],
}


class _Entered(BaseModel):
    """What may be entered of a server beside its name, kind, url and role."""

    model_config = ConfigDict(extra="forbid")

    region: Annotated[str, StringConstraints(max_length=80)] | None = None
    provider: Annotated[str, StringConstraints(max_length=80)] | None = None
    capacity: Bits | None = Field(None, description="bit/s of its link.")
    tags: Annotated[list[Tag], Field(max_length=100)] | None = None
    interval: Seconds | None = Field(None, description="Seconds between polls; null: the default.")
    verify_tls: StrictBool | None = Field(None, description="Whether its certificate must be good; true if left out.")
    user: Annotated[str, StringConstraints(max_length=200)] | None = Field(None, description="To sign in to it with.")
    password: Secret | None = Field(None, description="Stored encrypted, never shown again.")
    token: Secret | None = Field(None, description="A bearer token instead; stored encrypted, never shown again.")
    origins: Annotated[list[Name], Field(max_length=100)] | None = Field(
        None, description="Names of the servers it pulls from."
    )
    addresses: Annotated[list[Network], Field(max_length=100)] | None = Field(
        None, description="Networks it pulls from, like 192.0.2.0/28; its own address is known."
    )


class NewServer(_Entered):
    """A server to add."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    kind: Kind
    url: Url = Field(description="http or https; of NGINX the address of its status page.")
    role: Role


class ServerChanges(_Entered):
    """What to change of a server; what is left out stays. null brings back the default.

    A password or token that is left out stays, unless the address leads elsewhere. `user` null: signs in no more.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [{"region": "Europe East", "tags": ["sport", "news"]}]})

    version: Annotated[StrictInt, Field(ge=1, le=2**62)] | None = Field(
        None, description="What the change was made from; instead of If-Match."
    )
    name: Name | None = None
    kind: Kind | None = None
    url: Url | None = None
    role: Role | None = None


class ServerSettings(BaseModel):
    """A server as it is set up. Its secret is never told."""

    id: int
    version: int = Field(description="Counts the changes.")
    name: str
    kind: Kind
    url: str
    role: Role
    region: str
    provider: str
    capacity: float | None = Field(description="bit/s of its link.")
    tags: list[str]
    interval: float | None = Field(description="Seconds between polls; null: the default.")
    verify_tls: bool
    auth: AuthMethod
    user: str
    has_secret: bool = Field(description="Whether a password or token is stored.")
    origins: list[str] = Field(description="Names of the servers it pulls from.")
    addresses: list[str]
    paused: bool


class Trial(BaseModel):
    """A connection to try. Nothing is stored."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"url": "http://192.0.2.10:1985", "kind": "srs"}]}
    )

    url: Url
    kind: Kind | None = Field(None, description="Left out: every kind is tried.")
    role: Role | None = None
    verify_tls: StrictBool | None = None
    user: Annotated[str, StringConstraints(max_length=200)] | None = None
    password: Secret | None = None
    token: Secret | None = None


class Tried(BaseModel):
    """What a connection brought."""

    works: bool
    reason: Reason | None = Field(description="Why it does not work.")
    detail: str | None = Field(description="What was tried, seen and wanted.")
    kind: Kind | None = Field(description="What answers there.")
    url: str | None = Field(description="The address to enter.")
    software: str | None
    streams: int | None
    notes: list[str]
    response_seconds: float | None
    certificate_expires: datetime | None


class Puller(BaseModel):
    """An address that pulls from servers of ours and is none of them: perhaps a server nobody entered yet."""

    address: str
    origins: list[str]
    streams: int
    connections: int
    connected_seconds: float | None
    first_at: datetime
    tried_at: datetime | None
    kind: str | None = Field(description="What answers there; null: nothing we know, or nobody tried.")
    url: str | None
    told: str | None = Field(description="What trying it saw.")


class Adopted(BaseModel):
    """The server that was added."""

    name: str


class Collector(BaseModel):
    """A collector and its last sign of life."""

    name: str
    version: str
    alive: bool
    started_at: datetime
    heartbeat_at: datetime
    stopped_at: datetime | None
    servers: int
    polls: int
    late_polls: int
    spooled_polls: int
