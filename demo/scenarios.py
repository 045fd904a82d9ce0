"""What can go wrong, as data: each scenario names what it does to its subject while it lasts. Pure.

A new scenario is one line in SCENARIOS; a new effect is one field of Effect and the place that heeds it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum

from demo.fleet import Fleet
from demo.server import Server


class Subject(StrEnum):
    """What a scenario happens to. CHANNEL: one channel, at its home origin; COPY: one channel at one edge."""

    SERVER = "server"
    SRS = "SRS server"
    CLOCK = "server that tells the time"
    NGINX = "server of the NGINX family"
    EDGE = "edge"
    CACHE = "caching edge"
    ORIGIN = "origin"
    HOME = "origin with publishers"
    CHANNEL = "channel"
    COPY = "channel on an edge"

    def takes(self, server: Server) -> bool:
        """True where the scenario can happen to this server."""
        match self:
            case Subject.SERVER:
                return True
            case Subject.SRS:
                return server.kind == "srs"
            case Subject.CLOCK:
                return server.kind in ("srs", "nginx_vts", "nginx_plus")
            case Subject.NGINX:
                return server.kind != "srs"
            case Subject.EDGE:
                return server.role == "edge"
            case Subject.CACHE:
                return server.role == "edge" and server.caches
            case Subject.COPY:
                return server.role == "edge" and server.pulls_rtmp
            case Subject.ORIGIN:
                return server.role == "origin"
            case Subject.HOME | Subject.CHANNEL:
                return server.is_home


@dataclass(frozen=True, slots=True)
class Effect:
    """What is wrong with a server, or with one channel on it. The default is: nothing.

    down: the process is gone, connections are refused, and it comes back as a new one. silent: connects,
    never answers; the process lives. delay, drip: seconds before an answer, and between its single bytes.
    clock_shift: seconds its clock is wrong by. hostile_streams: streams a stranger publishes into it.
    off_air, flapping: the channel's publisher is away, or comes and goes. republished: it connects anew at once;
    reencoded: and sends another codec and size. frozen: the channel's bytes stand still. missed, failing: shares
    (0..1) of a cache's requests that it fetches anew, or answers 503. reloaded: its configuration is read again.
    viewers, bitrate: factors.
    """

    down: bool = False
    silent: bool = False
    delay: float = 0.0
    drip: float = 0.0
    locked: bool = False
    garbage: bool = False
    stats_off: bool = False
    clock_shift: float = 0.0
    hostile_streams: int = 0
    off_air: bool = False
    flapping: bool = False
    republished: bool = False
    reencoded: bool = False
    frozen: bool = False
    missed: float = 0.0
    failing: float = 0.0
    reloaded: bool = False
    viewers: float = 1.0
    bitrate: float = 1.0


NOTHING = Effect()
FACTORS = ("viewers", "bitrate")


def combined(effects: Iterable[Effect]) -> Effect:
    """Several effects at once: flags add up, factors multiply, of amounts the largest counts."""
    merged = {part.name: getattr(NOTHING, part.name) for part in fields(Effect)}
    for effect in effects:
        for name, value in merged.items():
            other = getattr(effect, name)
            merged[name] = value * other if name in FACTORS else max(value, other, key=abs)
    return Effect(**merged)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that can happen: what it is called, what one sees, to what, for how many seconds."""

    name: str
    summary: str
    subject: Subject
    seconds: float
    effect: Effect


SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("edge-down", "an edge refuses connections", Subject.EDGE, 120, Effect(down=True)),
        Scenario("edge-silent", "an edge connects but never answers", Subject.EDGE, 120, Effect(silent=True)),
        Scenario("edge-slow", "an edge answers after 2.5 s", Subject.EDGE, 150, Effect(delay=2.5)),
        Scenario("edge-dripping", "an edge answers one byte every 0.2 s", Subject.EDGE, 120, Effect(drip=0.2)),
        Scenario("restart", "a server's process is replaced", Subject.SERVER, 3, Effect(down=True)),
        Scenario("origin-lost", "an origin is gone with all it publishes", Subject.ORIGIN, 90, Effect(down=True)),
        Scenario("publisher-lost", "a channel's publisher is away", Subject.CHANNEL, 75, Effect(off_air=True)),
        Scenario("publisher-flapping", "a publisher comes and goes", Subject.CHANNEL, 90, Effect(flapping=True)),
        Scenario("bitrate-collapse", "a channel falls to a tenth", Subject.CHANNEL, 120, Effect(bitrate=0.1)),
        Scenario("channel-frozen", "an edge's copy stands still", Subject.COPY, 120, Effect(frozen=True)),
        Scenario("saturation", "an edge gets more viewers than fit", Subject.EDGE, 180, Effect(viewers=4.0)),
        Scenario("auth-broken", "a server no longer takes its password", Subject.SERVER, 90, Effect(locked=True)),
        Scenario("garbage", "a server answers nonsense", Subject.SERVER, 90, Effect(garbage=True)),
        Scenario("stats-off", "an SRS has its statistics off", Subject.SRS, 90, Effect(stats_off=True)),
        Scenario("clock-wrong", "a clock is 7 min ahead", Subject.CLOCK, 180, Effect(clock_shift=420.0)),
        Scenario("hostile-names", "a stranger's stream names", Subject.HOME, 120, Effect(hostile_streams=60)),
        Scenario("republished", "a publisher connects anew", Subject.CHANNEL, 3, Effect(republished=True)),
        Scenario(
            "encoder-changed", "another codec and size", Subject.CHANNEL, 240, Effect(reencoded=True, bitrate=0.75)
        ),
        Scenario("cache-miss-storm", "a cache fetches most anew", Subject.CACHE, 150, Effect(missed=0.6)),
        Scenario("5xx-storm", "a cache answers 503 to many", Subject.CACHE, 120, Effect(failing=0.35)),
        Scenario("reload", "an NGINX reads its configuration", Subject.NGINX, 45, Effect(reloaded=True)),
    )
}

# What happens by itself: mostly mild, often enough that nobody watches in vain.
SCRIPT = (
    "edge-slow", "publisher-lost", "cache-miss-storm", "edge-down", "republished", "saturation", "restart",
    "channel-frozen", "5xx-storm", "encoder-changed", "auth-broken", "reload", "publisher-flapping", "edge-silent",
    "bitrate-collapse",
)  # fmt: skip
FIRST_AFTER = 90.0
EVERY = 170.0


@dataclass(frozen=True, slots=True)
class Cue:
    """One line of the script: `after` seconds from the start, `scenario` happens to `server` (and `channel`)."""

    after: float
    scenario: Scenario
    server: str
    channel: str | None


def subject_of(scenario: Scenario, fleet: Fleet, rng: random.Random) -> tuple[str, str | None]:
    """A server the scenario can happen to, and a channel's url where it needs one. Raises ValueError if none fits."""
    fitting = [server for server in fleet.servers if scenario.subject.takes(server)]
    if not fitting:
        raise ValueError(f"no {scenario.subject} in this fleet")
    server = rng.choice(fitting)
    return server.name, choose_channel(scenario, server, rng)


def choose_channel(scenario: Scenario, server: Server, rng: random.Random) -> str | None:
    """One of the server's most watched channels, where the scenario happens to a channel."""
    if scenario.subject not in (Subject.CHANNEL, Subject.COPY) or not server.channels:
        return None
    return rng.choice(server.channels[:3]).url


def script(fleet: Fleet) -> Iterator[Cue]:
    """What happens by itself, endlessly: the same for the same fleet and seed."""
    number = 0
    while True:
        rng = random.Random(f"script {fleet.seed} {number}")
        scenario = SCENARIOS[SCRIPT[number % len(SCRIPT)]]
        after = FIRST_AFTER + number * EVERY + rng.uniform(0, 30)
        number += 1
        try:
            server, channel = subject_of(scenario, fleet, rng)
        except ValueError:
            continue
        yield Cue(after, scenario, server, channel)
