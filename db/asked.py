"""What a question about the past is about, and which tables answer it. Pure.

SQL here is of the rolled-up rows `t` and, where it matters which servers, of `dims`: a server, or servers that are
alike. Only names out of this file get into it; what people choose are parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any


class Unknowable(Exception):
    """Nobody counts that; the message says what is."""


class Flow(StrEnum):
    """Which bytes."""

    DELIVERED = "delivered"
    OUT = "out"
    IN = "in"
    OWN = "own"
    ORIGIN = "origin"


class By(StrEnum):
    """What figures are told apart by. TAG: servers with the same tags; those with several are a group of their own."""

    TOTAL = "total"
    SERVER = "server"
    ROLE = "role"
    REGION = "region"
    PROVIDER = "provider"
    KIND = "kind"
    TAG = "tag"
    CHANNEL = "channel"


FLOW_LABELS: dict[Flow, str] = {
    Flow.DELIVERED: "Traffic to viewers",
    Flow.OUT: "Traffic out",
    Flow.IN: "Traffic in",
    Flow.OWN: "Traffic to own servers",
    Flow.ORIGIN: "Traffic from origins",
}
_BYTES = {
    Flow.DELIVERED: "delivered_bytes",
    Flow.OUT: "egress_bytes",
    Flow.IN: "ingress_bytes",
    Flow.OWN: "internal_bytes",
    Flow.ORIGIN: "origin_bytes",
}


@dataclass(frozen=True, slots=True)
class Only:
    """Which servers and channels are asked about: any of those named; what is empty leaves none out.

    tag: servers that have any of them. "" is a region, too: that of servers without one.
    """

    servers: tuple[int, ...] = ()
    role: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    channels: tuple[int, ...] = ()

    @property
    def is_of_servers(self) -> bool:
        """Whether it leaves out any server."""
        return self != Only(channels=self.channels)

    def fields(self) -> dict[str, Any]:
        """Its fields by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def parameters(self) -> dict[str, Any]:
        """Those that `Source.where` has."""
        return {f"only_{name}": list(value) for name, value in self.fields().items() if value}


_TABLES = {
    "sum": "sum_{level} t",
    "group": "group_{level} t JOIN server_group dims ON dims.id = t.group_id",
    "traffic": "traffic_{level} t JOIN server dims ON dims.id = t.server_id",
    "channel": "channel_{level} t JOIN channel ON channel.id = t.channel_id",
    "stream": "stream_{level} t JOIN stream ON stream.id = t.stream_id JOIN channel ON channel.id = stream.channel_id"
    " JOIN server dims ON dims.id = t.server_id",
}
_ID = {"traffic": "t.server_id", "channel": "t.channel_id", "stream": "stream.channel_id"}
CHANNEL_NAME = (
    "CASE WHEN channel.app IN ('', 'live') THEN channel.name ELSE channel.app || '/' || channel.name END"
    " || CASE WHEN channel.vhost IN ('', '__defaultVhost__') THEN '' ELSE ' on ' || channel.vhost END"
)


@dataclass(frozen=True, slots=True)
class Source:
    """Which rows answer a question. rows: sum (of a dimension), group, traffic (of servers), channel, stream (copies
    of channels)."""

    rows: str
    only: Only
    is_many: bool
    dimension: str = ""

    def of_total(self) -> Source:
        """Where the total of all its groups is read: what edges sent of channels is not all that they sent."""
        return self if self.rows in ("channel", "stream") else source(By.TOTAL, self.only)

    def table(self, level: str) -> str:
        """The table of `level` ("5m", "1h")."""
        return f"{self.rows}_{level}"

    def tables(self, level: str) -> str:
        """What stands after FROM."""
        return _TABLES[self.rows].format(level=level)

    def value(self, flow: Flow) -> str:
        """The bytes of a row. Raises Unknowable."""
        if self.rows == "channel":
            if flow is not Flow.DELIVERED:
                raise Unknowable("of a channel only what edges sent of it is counted: ask for traffic to viewers")
            return "t.egress_bytes"
        if self.rows == "stream":
            copies = {Flow.OUT: "t.egress_bytes", Flow.IN: "t.ingress_bytes"}
            copies[Flow.DELIVERED] = "CASE WHEN dims.role = 'edge' THEN t.egress_bytes END"
            if flow not in copies:
                raise Unknowable("of a channel on a server only traffic in, out and to viewers is counted")
            return copies[flow]
        return f"t.{_BYTES[flow]}"

    @property
    def viewers(self) -> str:
        """The mean of concurrent viewers in a row's time."""
        return "t.viewer_seconds / nullif(t.up_seconds, 0)" if self.rows == "traffic" else "t.viewers"

    @property
    def viewer_seconds(self) -> str:
        """For how long viewers watched."""
        return "t.viewers::float8 * t.viewers_known" if self.rows == "stream" else "t.viewer_seconds"

    def id_column(self, by: By) -> str:
        """What tells the servers or channels of a question apart."""
        return "t.server_id" if by is By.SERVER else _ID[self.rows]

    def key(self, by: By) -> tuple[str, str]:
        """SQL of the id and the name of the group a row belongs to."""
        if by is By.SERVER:
            return "t.server_id", "dims.name"
        if by is By.CHANNEL:
            return self.id_column(by), CHANNEL_NAME
        if by is By.TOTAL:
            return "0::bigint", "''"
        if self.rows == "sum":
            return "0::bigint", "t.name"
        if by is By.TAG:
            return "0::bigint", "array_to_string(ARRAY(SELECT DISTINCT unnest(dims.tags) ORDER BY 1), ', ')"
        return "0::bigint", f"dims.{by.value}"

    def where(self, server: str = "t.server_id") -> str:
        """SQL of what is left out, beginning with AND; its parameters are those of `only`."""
        columns = {
            "servers": f"{server} = ANY(CAST(:only_servers AS bigint[]))",
            "tag": "dims.tags && CAST(:only_tag AS text[])",
            "channels": f"{_ID.get(self.rows, '')} = ANY(CAST(:only_channels AS bigint[]))",
        }
        given = [name.removeprefix("only_") for name in self.only.parameters()]
        if self.rows == "sum":
            named = "".join(f" AND t.name = ANY(CAST(:only_{name} AS text[]))" for name in given)
            return f" AND t.dimension = '{self.dimension}'{named}"
        return "".join(
            f" AND {columns.get(name, f'dims.{name} = ANY(CAST(:only_{name} AS text[]))')}" for name in given
        )


def source(by: By, only: Only, *, copies: bool = False, alike: bool = False) -> Source:
    """The rows that answer a question. Groups are few, sums fewer; servers and channels may be many.

    copies: read copies of channels, whatever else would do. alike: read rows that tell what the servers are (`dims`).
    """
    is_many = by in (By.SERVER, By.CHANNEL)
    if copies or by is By.CHANNEL or only.channels:
        on_servers = copies or only.is_of_servers or by not in (By.TOTAL, By.CHANNEL)
        return Source("stream" if on_servers else "channel", only, is_many)
    if by is By.SERVER or only.servers:
        return Source("traffic", only, is_many)
    # Sums know one dimension alone; which servers have any of some tags they do not tell.
    asked = {*([] if by is By.TOTAL else [by.value]), *(name for name, value in only.fields().items() if value)}
    if alike or len(asked) > 1 or only.tag:
        return Source("group", only, is_many)
    return Source("sum", only, is_many, asked.pop() if asked else By.TOTAL.value)
