"""A simulated server: its place in the fleet, the process that runs on it, and what is wrong with it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from demo.fleet import Fleet
from demo.lineup import Channel
from demo.process import Process, random_id
from demo.scenarios import NOTHING, Effect
from demo.server import Server
from demo.traffic import Audience, audience, edge_peak

EVENING_LOAD = 0.62
VIEWERS_RETURN = 30.0


@dataclass(slots=True)
class Ledger:
    """Bytes since the simulation began, over all processes, that no process of the server counts by itself.

    uncounted: sent as HLS that SRS leaves out of its counters. internal, internal_unlisted: sent to own servers,
    those the product was told of and the others; what is uncounted is among it. pulled: got from own servers, as
    those who sent it count. ingest: from publishers, by the channel's url.
    """

    uncounted: int = 0
    internal: int = 0
    internal_unlisted: int = 0
    pulled: int = 0
    ingest: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(slots=True, eq=False)
class Machine:
    """A server and its process (None while it is down).

    server_id: SRS keeps it over restarts. bytes_before, received_before: what its former processes had sent and
    received. answers: HTTP requests taken so far. warm: its first process begins with its viewers and publishers.
    edges: the servers that pull from it over RTMP. source: the one tier it pulls from, None where it pulls from
    the homes of its channels. attack: what strangers publish into it.
    """

    server: Server
    server_id: str
    booted: float
    audiences: Mapping[str, Audience]
    process: Process | None = None
    effect: Effect = NOTHING
    bytes_before: int = 0
    received_before: int = 0
    answers: int = 0
    warm: bool = True
    edges: list[Machine] = field(default_factory=list)
    source: Machine | None = None
    attack: tuple[Channel, ...] = ()
    ledger: Ledger = field(default_factory=Ledger)

    def returned(self, at: float) -> float:
        """Share of its viewers (0..1) that have come back since its process began."""
        if self.warm or self.process is None:
            return 1.0
        return min(1.0, max(0.0, (at - self.process.started) / VIEWERS_RETURN))

    def pullers(self, channel: Channel) -> list[Machine]:
        """The servers that pull a channel from here now."""
        return [edge for edge in self.edges if edge.process and edge.process.carries(channel.url)]

    def sends_to(self, puller: Machine, media: int) -> None:
        """Note that own traffic of `media` bytes went to another server."""
        if puller.server.listed:
            self.ledger.internal += media
        else:
            self.ledger.internal_unlisted += media
        puller.ledger.pulled += media

    @property
    def sent(self) -> int:
        """All bytes sent since the simulation began."""
        running = self.process.counted.sent if self.process else 0
        return self.bytes_before + running + self.ledger.uncounted

    @property
    def received(self) -> int:
        """All bytes received that its processes counted since the simulation began."""
        return self.received_before + (self.process.counted.received if self.process else 0)


def machines(fleet: Fleet, *, now: float, scale: float, steady: int | None = None) -> dict[str, Machine]:
    """The machines of a fleet by name, none running yet.

    scale: factor on all viewers. steady: so many on every stream of every edge, always.
    """
    built = {server.name: _machine(server, fleet.seed, now, scale, steady) for server in fleet.servers}
    for machine in built.values():
        origins = [built[name] for name in machine.server.origins]
        if len(origins) == 1 and not origins[0].server.is_home:
            machine.source = origins[0]
        # Who fetches HLS through `hls_ctx off` is known to no SRS as a client.
        if machine.server.pulls_rtmp:
            for origin in origins:
                origin.edges.append(machine)
    return built


def _machine(server: Server, seed: int, now: float, scale: float, steady: int | None) -> Machine:
    rng = random.Random(f"machine {seed} {server.name}")
    peak = edge_peak(server.capacity, server.channels, evening_load=EVENING_LOAD) * scale * rng.uniform(0.85, 1.1)
    watched = () if server.role == "origin" and not server.direct else server.channels
    if server.direct:
        peak, steady = server.direct * scale, None
    return Machine(
        server=server,
        server_id=f"vid-{random_id(rng, 7)}",
        booted=now - rng.uniform(2, 90) * 86_400,
        audiences={
            channel.url: audience(channel, edge=server.name, edge_peak=peak, seed=seed, steady=steady)
            for channel in watched
            if channel.through != server.name
        },
    )
