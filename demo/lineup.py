"""What is on: the channels of the simulated CDN, their encodings and how much of the audience each has. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

MBIT = 1_000_000
EVENTS_VHOST = "events.cdn.example"
FIRST_NAMES = (
    "sport-1",
    "news",
    "movies",
    "sport-2",
    "series",
    "kids",
    "docu",
    "music",
    "culture",
    "weather",
    "concert",
)
THEMES = ("sport", "news", "movies", "arena", "series", "kids", "docu", "music", "culture", "regional")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a channel is encoded. bitrate in bit/s (audio included), the rest as SRS names it."""

    bitrate: int
    width: int
    height: int
    fps: int
    profile: str
    level: str
    codec: str = "H264"


FULL_HD = Encoding(6 * MBIT, 1920, 1080, 50, "High", "4.2")
HD = Encoding(4 * MBIT, 1280, 720, 50, "Main", "3.2")
SD = Encoding(2 * MBIT, 1024, 576, 25, "Main", "3.1")
# What a channel changes to when somebody reconfigures its encoder.
CHANGED = Encoding(4 * MBIT, 2560, 1440, 25, "Main", "5.0", "HEVC")


@dataclass(frozen=True, slots=True)
class Channel:
    """One programme, published to its home origin and pulled from there by the edges of its pod.

    share: part of its pod's audience as 0..1. phase: 0..2π, so that channels do not wobble in step.
    through: the edge its publisher sends it to, which hands it on to the home; empty where it sends to the home.
    """

    name: str
    vhost: str
    app: str
    home: str
    encoding: Encoding
    share: float
    phase: float
    has_matches: bool = False
    through: str = ""

    @property
    def url(self) -> str:
        """Its durable key as SRS writes it: `/live/news`, in a named vhost `events.cdn.example/live/concert`."""
        prefix = "" if self.vhost == "__defaultVhost__" else self.vhost
        return f"{prefix}/{self.app}/{self.name}"

    def position(self, at: float) -> int:
        """Bytes of media the encoder has made up to epoch second `at`: grows at about the bitrate, a little unevenly.

        Everybody who sends or receives the channel from a to b moves position(b) − position(a) bytes.
        """
        # The sine's slope stays below one, so the position never falls.
        return int(self.encoding.bitrate / 8 * (at + 0.2 * math.sin(at / 5 + self.phase)))


def channel_name(index: int) -> str:
    """Name of the index-th channel of the whole fleet, never twice the same."""
    if index < len(FIRST_NAMES):
        return FIRST_NAMES[index]
    past = index - len(FIRST_NAMES)
    return f"{THEMES[past % len(THEMES)]}-{past // len(THEMES) + 3}"


def lineup(origins: Sequence[str], *, first: int, count: int, seed: int) -> tuple[Channel, ...]:
    """The `count` channels of one pod, spread over its origins; their shares add up to 1."""
    rng = random.Random(f"lineup {seed} {first}")
    weights = [1 / (rank + 2) ** 0.8 for rank in range(count)]
    total = sum(weights)
    channels = []
    for rank, weight in enumerate(weights):
        name = channel_name(first + rank)
        is_event = name == "concert"
        channels.append(
            Channel(
                name=name,
                vhost=EVENTS_VHOST if is_event else "__defaultVhost__",
                app="live",
                home=origins[rank % len(origins)],
                encoding=FULL_HD if rank < 4 or is_event else HD if rank < 8 else SD,
                share=weight / total,
                phase=rng.uniform(0, 2 * math.pi),
                has_matches=name.startswith(("sport", "arena")),
            )
        )
    return tuple(channels)
