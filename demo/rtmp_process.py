"""nginx-rtmp: worker processes that each know only their own connections, and answer for themselves."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from demo.crowd import Crowd
from demo.lineup import Channel, Encoding
from demo.process import Process

BANDWIDTH_BLOCK = 10.0


@dataclass(slots=True)
class Flow:
    """Bytes in and out, and both as bit/s over the last whole block of 10 s."""

    received: int = 0
    sent: int = 0
    bits_in: int = 0
    bits_out: int = 0
    block_in: int = 0
    block_out: int = 0

    def close_block(self, seconds: float) -> None:
        """Make the rates of the block that ends now and lasted `seconds`."""
        self.bits_in = int((self.received - self.block_in) * 8 / seconds)
        self.bits_out = int((self.sent - self.block_out) * 8 / seconds)
        self.block_in, self.block_out = self.received, self.sent


@dataclass(slots=True)
class RtmpStream:
    """A stream that one worker pulls for those who play it there. slot: its number, of which ids are made."""

    channel: Channel
    encoding: Encoding
    slot: int
    source: str
    since: float
    position: int
    moving: bool = False
    people: Crowd = field(default_factory=Crowd)
    flow: Flow = field(default_factory=Flow)
    pull_since: float = 0.0


@dataclass(slots=True)
class Worker:
    """One worker process."""

    pid: int
    started: float
    accepted: int = 0
    flow: Flow = field(default_factory=Flow)
    streams: dict[str, RtmpStream] = field(default_factory=dict)

    def close_block(self, seconds: float) -> None:
        """Make the rates of the block that ends now."""
        self.flow.close_block(seconds)
        for stream in self.streams.values():
            stream.flow.close_block(seconds)


@dataclass(slots=True)
class RtmpProcess(Process):
    """All workers. retired: those of before a reload, which serve on until it is over and are never asked.

    turn: how many were asked, so that the workers answer one after the other.
    """

    count: int = 1
    workers: list[Worker] = field(default_factory=list)
    retired: list[Worker] = field(default_factory=list)
    turn: int = 0
    reloading: bool = False

    def __post_init__(self) -> None:
        Process.__post_init__(self)
        self.workers = self._hired(self.rng, self.started)

    def _hired(self, rng: random.Random, at: float) -> list[Worker]:
        first = rng.randint(self.pid + 1, self.pid + 400)
        return [Worker(first + number, at) for number in range(self.count)]

    @property
    def serving(self) -> list[Worker]:
        """The workers with connections: the retired ones as long as there are any."""
        return self.retired or self.workers

    def streams(self) -> Iterator[RtmpStream]:
        """Every stream of every worker."""
        for worker in self.serving:
            yield from worker.streams.values()

    def carries(self, url: str) -> bool:
        """True while a worker pulls that stream."""
        return any(url in worker.streams for worker in self.serving)

    def watched(self) -> Mapping[str, int]:
        """People who watch each stream here, by url."""
        return {stream.channel.url: stream.people.size for stream in self.streams()}

    def reload(self, at: float) -> None:
        """New workers take new connections; the old ones serve on."""
        self.retired = self.serving
        self.workers = self._hired(self.rng, at)

    def settle(self) -> None:
        """The old workers are gone, and everybody connects to the new ones."""
        self.retired = []
