"""A simulated server: its place in the fleet, the process that runs on it, and what is wrong with it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from demo.fleet import Fleet, Server
from demo.lineup import Channel
from demo.process import Process, random_id
from demo.scenarios import NOTHING, Effect
from demo.traffic import Audience, audience, edge_peak

EVENING_LOAD = 0.62
VIEWERS_RETURN = 30.0


@dataclass(slots=True, eq=False)
class Machine:
    """A server and its process (None while it is down).

    server_id: SRS keeps it over restarts. bytes_before: what its former processes had sent. answers: HTTP
    requests taken so far. warm: its first process begins with its viewers and publishers. edges: the SRS edges
    that pull from it. attack: what strangers publish into it.
    """

    server: Server
    server_id: str
    booted: float
    audiences: Mapping[str, Audience]
    process: Process | None = None
    effect: Effect = NOTHING
    bytes_before: int = 0
    answers: int = 0
    warm: bool = True
    edges: list[Machine] = field(default_factory=list)
    attack: tuple[Channel, ...] = ()

    def returned(self, at: float) -> float:
        """Share of its viewers (0..1) that have come back since its process began."""
        if self.warm or self.process is None:
            return 1.0
        return min(1.0, max(0.0, (at - self.process.started) / VIEWERS_RETURN))


def machines(fleet: Fleet, *, now: float, scale: float) -> dict[str, Machine]:
    """The machines of a fleet by name, none running yet. scale: factor on all viewers."""
    built = {server.name: _machine(server, fleet.seed, now, scale) for server in fleet.servers}
    for machine in built.values():
        # NGINX edges fetch HLS through `hls_ctx off`: no SRS knows them as clients.
        if machine.server.kind == "srs":
            for origin in machine.server.origins:
                built[origin].edges.append(machine)
    return built


def _machine(server: Server, seed: int, now: float, scale: float) -> Machine:
    rng = random.Random(f"machine {seed} {server.name}")
    peak = edge_peak(server.capacity, server.channels, evening_load=EVENING_LOAD) * scale * rng.uniform(0.85, 1.1)
    watched = server.channels if server.role == "edge" else ()
    return Machine(
        server=server,
        server_id=f"vid-{random_id(rng, 7)}",
        booted=now - rng.uniform(2, 90) * 86_400,
        audiences={channel.url: audience(channel, edge=server.name, edge_peak=peak, seed=seed) for channel in watched},
    )
