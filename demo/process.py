"""The processes behind the simulated servers: what each has counted since it started.

Counters are whole bytes, grow only in `step`, and die with the process. SRS counts in steps of SAMPLE
seconds; between them every answer repeats the same numbers.
"""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field

from demo.crowd import Crowd
from demo.lineup import Channel, Encoding

SAMPLE = 3.0
RATE_BLOCK = 30.0
FRAME_BLOCK = 5.0
# Bytes of a handshake, seen from the server: what it sends to a publisher, what it receives from a player.
PUBLISHER_SENT = 4_386
PLAYER_RECEIVED = 3_473
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz0123456789012345678901234567890123456789"


def random_id(rng: random.Random, length: int) -> str:
    """A random name as SRS makes them: mostly digits."""
    return "".join(rng.choices(ALPHABET, k=length))


@dataclass(slots=True)
class Counted:
    """Bytes sent and received so far, and both as kbit/s over the last whole block of 30 s, as SRS shows them."""

    sent: int = 0
    received: int = 0
    kbps_sent: int = 0
    kbps_received: int = 0
    block_sent: int = 0
    block_received: int = 0

    def add(self, sent: int, received: int) -> None:
        """Count some more."""
        self.sent += sent
        self.received += received

    def close_block(self, seconds: float) -> None:
        """Make the rates of the block that ends now and lasted `seconds`."""
        self.kbps_sent = int((self.sent - self.block_sent) * 8 / 1_000 / seconds)
        self.kbps_received = int((self.received - self.block_received) * 8 / 1_000 / seconds)
        self.block_sent, self.block_received = self.sent, self.received


@dataclass(slots=True)
class Vhost:
    """A vhost of one SRS process."""

    id: str
    name: str
    counted: Counted = field(default_factory=Counted)


@dataclass(slots=True)
class Client:
    """One connection known by name: a publisher, or a server that pulls. since: epoch seconds."""

    id: str
    ip: str
    type: str
    since: float
    counted: Counted = field(default_factory=Counted)


@dataclass(slots=True)
class Stream:
    """One stream in one SRS process: where it is published, or a copy.

    position: the channel's media position at the last step. publisher: the id SRS shows as publish.cid, of a
    copy some player's. publication: which of the channel's publications it shows. people play it over RTMP or
    HTTP-FLV, sessions over HLS. pulls: by the pulling server's name. silent_since: where it is published, when
    the publisher went.
    """

    id: str
    channel: Channel
    vhost: Vhost
    name: str
    tc_url: str
    encoding: Encoding
    position: int
    publishing: bool
    publisher: str | None
    publication: int = 0
    publisher_client: Client | None = None
    people: Crowd = field(default_factory=Crowd)
    sessions: Crowd | None = None
    pulls: dict[str, Client] = field(default_factory=dict)
    counted: Counted = field(default_factory=Counted)
    frames_before: int = 0
    frames_since: float | None = None
    silent_since: float | None = None
    moving: bool = False
    viewer_kbps: int = 0
    block_media: int = 0

    def frames(self, now: float) -> int:
        """Frames counted by epoch second `now`: grows every 5 s while a publisher is there, never in a copy."""
        if self.frames_since is None:
            return self.frames_before
        blocks = (now - self.frames_since) // FRAME_BLOCK
        return self.frames_before + int(blocks * FRAME_BLOCK * self.encoding.fps)

    @property
    def viewers(self) -> int:
        """People who watch it here."""
        return self.people.size + (self.sessions.size if self.sessions else 0)

    @property
    def clients(self) -> int:
        """Clients as SRS counts them: the publisher and sessions that linger are among them."""
        sessions = self.sessions.listed if self.sessions else 0
        return self.people.size + sessions + len(self.pulls) + (self.publisher_client is not None)

    def close_block(self, seconds: float) -> None:
        """Make the rates of the block that ends now: its own, and those of its clients."""
        self.counted.close_block(seconds)
        for client in self.pulls.values():
            client.counted.close_block(seconds)
        if self.publisher_client:
            self.publisher_client.counted.close_block(seconds)
        media = self.people.media
        self.viewer_kbps, self.block_media = int((media - self.block_media) * 8 / 1_000 / seconds), media


@dataclass(slots=True)
class Process:
    """One process of a server, from epoch second `started` on. `counted_at`: when its counters were true."""

    rng: random.Random
    started: float
    counted_at: float
    pid: int = 0
    service: str = ""
    counted: Counted = field(default_factory=Counted)
    block_began: float = 0.0
    egress: float = 0.0
    viewers: int = 0
    memory_peak: int = 14_000

    def __post_init__(self) -> None:
        self.pid = self.rng.randint(2_000, 32_000)
        self.service = random_id(self.rng, 8)
        self.block_began = self.counted_at

    def carries(self, url: str) -> bool:
        """True where it pulls that stream from another server."""
        return False

    def watched(self) -> Mapping[str, int]:
        """People who watch each stream here, by url."""
        return {}


@dataclass(slots=True)
class SrsProcess(Process):
    """An SRS process: its vhosts and streams, both in the order of their ids, as SRS lists them."""

    streams: dict[str, Stream] = field(default_factory=dict)
    listed: list[Stream] = field(default_factory=list)
    vhosts: dict[str, Vhost] = field(default_factory=dict)
    # Clients in the order of their ids and when they were listed so: pages of one list are asked for in a row.
    roster: tuple[float, list[tuple[Client, Stream]]] | None = None

    def carries(self, url: str) -> bool:
        """True while it has a copy; what is published into it is pulled by nobody."""
        stream = self.streams.get(url)
        return stream is not None and stream.publisher_client is None

    def watched(self) -> Mapping[str, int]:
        """People who watch each stream here, by url."""
        return {url: stream.viewers for url, stream in self.streams.items()}

    def vhost(self, name: str) -> Vhost:
        """The vhost of that name, made at its first use and kept."""
        if name not in self.vhosts:
            self.vhosts[name] = Vhost(f"vid-{random_id(self.rng, 7)}", name)
        return self.vhosts[name]

    def open(
        self, channel: Channel, *, name: str, tc_url: str, encoding: Encoding, at: float, publishing: bool
    ) -> Stream:
        """A new stream, with a new id and counters at zero."""
        stream = Stream(
            id=f"vid-{random_id(self.rng, 7)}",
            channel=channel,
            vhost=self.vhost(channel.vhost),
            name=name,
            tc_url=tc_url,
            encoding=encoding,
            position=channel.position(at),
            publishing=publishing,
            publisher=None,
        )
        self.streams[channel.url] = stream
        insort(self.listed, stream, key=lambda one: one.id)
        return stream

    def close(self, stream: Stream) -> None:
        """Forget a stream; what it counted stays in its vhost's and the process's counters."""
        del self.streams[stream.channel.url]
        self.listed.remove(stream)

    def count(self, stream: Stream, sent: int, received: int) -> None:
        """Count bytes of a stream: in it, its vhost and the process."""
        stream.counted.add(sent, received)
        stream.vhost.counted.add(sent, received)
        self.counted.add(sent, received)

    def close_blocks(self, at: float) -> None:
        """Every 30 s: the rates SRS shows."""
        seconds = at - self.block_began
        if seconds < RATE_BLOCK:
            return
        self.block_began = at
        for stream in self.listed:
            stream.close_block(seconds)
        for vhost in self.vhosts.values():
            vhost.counted.close_block(seconds)
