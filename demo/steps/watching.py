"""Who wants to watch what on a machine, and what its line can carry."""

from __future__ import annotations

from collections.abc import Iterator

from demo.conditions import Conditions
from demo.lineup import Channel
from demo.machine import Machine
from demo.process import Process
from demo.traffic import demand


def wanted(machine: Machine, conditions: Conditions, at: float) -> float:
    """The factor on every audience of a machine at the moment."""
    region = machine.server.city.region
    found = demand(region.utc_offset, at) * conditions.crowding(region.name)
    return found * machine.effect.viewers * machine.returned(at)


def audience(machine: Machine, conditions: Conditions, at: float) -> Iterator[tuple[Channel, int]]:
    """Each channel a machine can have, and how many want to watch it here."""
    audiences = machine.audiences
    factor = wanted(machine, conditions, at) if audiences else 0.0
    for channel in machine.server.channels:
        watched = audiences.get(channel.url)
        yield channel, watched.viewers(factor, at) if watched else 0


def fitting(machine: Machine, bits: float) -> float:
    """Share of the wanted bit/s that the server's line can carry."""
    return machine.server.capacity / bits if bits > machine.server.capacity else 1.0


def close(process: Process, at: float, egress: float, viewers: int, memory: int) -> None:
    """End a step: what was sent in it, in bit/s, to how many people, and the memory that took, in KiB."""
    process.egress = egress
    process.counted_at = at
    process.viewers = viewers
    process.memory_peak = max(process.memory_peak, memory)
