"""NGINX and its relatives serving HLS: what they count of requests, caches and the servers behind them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from demo.process import Process

# The states a cached answer can have, in the order VTS lists them.
STATES = ("miss", "bypass", "expired", "stale", "updating", "revalidated", "hit", "scarce")
CACHE_BYTES = 64 * 1_073_741_824


@dataclass(slots=True)
class Tally:
    """Requests to, or from, something: how many, their bytes, the answers by status code, milliseconds in all."""

    requests: int = 0
    received: int = 0
    sent: int = 0
    msec: int = 0
    codes: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, code: str, requests: int, received: int, sent: int, msec: int = 0) -> None:
        """Count requests that were answered by `code`."""
        self.requests += requests
        self.received += received
        self.sent += sent
        self.msec += msec
        self.codes[code] += requests

    def classes(self) -> dict[str, int]:
        """Answers by class of their code, `1xx` to `5xx`."""
        found = {f"{digit}xx": 0 for digit in range(1, 6)}
        for code, count in self.codes.items():
            found[f"{code[0]}xx"] += count
        return found


@dataclass(slots=True)
class Peer(Tally):
    """A server behind this one. received: what was read from it. selected: when it was asked last."""

    selected: float = 0.0


@dataclass(slots=True)
class Answers:
    """Answers of one state of the cache."""

    responses: int = 0
    bytes: int = 0


@dataclass(slots=True)
class NginxProcess(Process):
    """NGINX with HLS viewers. Fractions of connections wait in `accepted` until they are whole.

    loaded: when its configuration was read last, the `generation`-th since its start. watching: people by the
    url of what they watch; needed: the bit/s they need, by the same.
    """

    accepted: float = 0.0
    requests: int = 0
    active: int = 0
    reading: int = 0
    writing: int = 0
    loaded: float = 0.0
    generation: int = 1
    reloading: bool = False
    watching: dict[str, int] = field(default_factory=dict)
    needed: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Process.__post_init__(self)
        self.loaded = self.started

    def watched(self) -> Mapping[str, int]:
        """People who watch each channel here, by url."""
        return self.watching

    def reload(self, at: float) -> None:
        """Read the configuration again: counters stay."""
        self.loaded = at
        self.generation += 1


@dataclass(slots=True)
class CacheProcess(NginxProcess):
    """NGINX with a cache. zone: all its requests, and those of its locations; states: answers through the cache.

    stored: the newest object it holds of a kind (`playlist`, `segment`) and channel. strangers: requests since the
    last one for what is not there.
    """

    zone: Tally = field(default_factory=Tally)
    locations: dict[str, Tally] = field(default_factory=lambda: {"playlist": Tally(), "segment": Tally()})
    states: dict[str, Answers] = field(default_factory=lambda: {state: Answers() for state in STATES})
    peers: dict[str, Peer] = field(default_factory=dict)
    stored: dict[tuple[str, str], int] = field(default_factory=dict)
    written: int = 0
    strangers: int = 0

    @property
    def cached(self) -> int:
        """Bytes in the cache: it fills once, then the oldest go."""
        return min(self.written // 4_096 * 4_096, CACHE_BYTES)
