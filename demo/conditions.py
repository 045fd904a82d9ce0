"""What is wrong at the moment: the scenarios under way, and what they mean for a machine or a channel."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from demo import hostile
from demo.lineup import CHANGED, Channel, Encoding
from demo.machine import Machine
from demo.scenarios import NOTHING, Effect, Scenario, Subject, combined

# Viewers of a dead edge go to its region's others, which do not take more than this factor.
MOST_CROWDED = 1.5
PUBLISHERS_RETURN = 2.0
FLAP_PERIOD, FLAP_AWAY = 15.0, 6.0
EVERYWHERE = ""


@dataclass(frozen=True, slots=True)
class Active:
    """A scenario under way, from epoch second `since` until `until`. channel: a url where it has one."""

    scenario: Scenario
    server: str
    channel: str | None
    since: float
    until: float


class Conditions:
    """The scenarios under way over a set of machines."""

    def __init__(self, machines: Mapping[str, Machine]) -> None:
        self.active: list[Active] = []
        self.publications: Counter[str] = Counter()
        self._machines = machines
        self._of_channel: dict[tuple[str, str], Effect] = {}
        self._flapping_since: dict[str, float] = {}
        self._crowding: dict[str, float] = {}
        self._crowd()

    def begin(self, scenario: Scenario, server: str, channel: str | None, *, now: float, seconds: float) -> Active:
        """Let a scenario begin; the same one on the same subject is replaced."""
        same = (scenario.name, server, channel)
        self.active = [one for one in self.active if (one.scenario.name, one.server, one.channel) != same]
        begun = Active(scenario, server, channel, now, now + seconds)
        self.active.append(begun)
        if channel and (scenario.effect.republished or scenario.effect.reencoded):
            self.publications[channel] += 1
        self._heed()
        return begun

    def expire(self, now: float) -> list[Active]:
        """End the scenarios whose time is over and return them."""
        over = [one for one in self.active if one.until <= now]
        if over:
            self.active = [one for one in self.active if one.until > now]
            self._come_back(over)
            self._heed()
        return over

    def _come_back(self, over: list[Active]) -> None:
        """A publisher that changes its encoder back connects anew for it."""
        for one in over:
            if one.channel and one.scenario.effect.reencoded:
                self.publications[one.channel] += 1

    def next_end(self) -> float:
        """When the next scenario is over; infinity without one."""
        return min((one.until for one in self.active), default=math.inf)

    def stop(self) -> None:
        """End every scenario."""
        self._come_back(self.active)
        self.active = []
        self._heed()

    def of_channel(self, server: str, channel: Channel) -> Effect:
        """What is wrong with a channel on a server: with the channel everywhere, or with this copy."""
        if not self._of_channel:
            return NOTHING
        everywhere = self._of_channel.get((EVERYWHERE, channel.url), NOTHING)
        here = self._of_channel.get((server, channel.url), NOTHING)
        if here is NOTHING:
            return everywhere
        return here if everywhere is NOTHING else combined((everywhere, here))

    def on_air(self, channel: Channel, at: float) -> bool:
        """True while the channel's publisher sends and its home origin takes it."""
        home = self._machines[channel.home]
        if home.process is None or (not home.warm and at < home.process.started + PUBLISHERS_RETURN):
            return False
        if channel in home.attack:
            return home.effect.hostile_streams > 0
        effect = self.of_channel(channel.home, channel)
        since = self._flapping_since.get(channel.url, at)
        if effect.off_air or (effect.flapping and (at - since) % FLAP_PERIOD < FLAP_AWAY):
            return False
        return not channel.through or self._machines[channel.through].process is not None

    def machine(self, name: str) -> Machine:
        """The machine of that name."""
        return self._machines[name]

    def encoding(self, channel: Channel) -> Encoding:
        """How the channel is encoded at the moment."""
        effect = self._of_channel.get((EVERYWHERE, channel.url), NOTHING) if self._of_channel else NOTHING
        return CHANGED if effect.reencoded else channel.encoding

    def source(self, machine: Machine, channel: Channel) -> Machine:
        """The machine that another one has a channel from."""
        return machine.source or self._machines[channel.home]

    def arrives(self, machine: Machine, channel: Channel, at: float) -> bool:
        """True while a channel's media reach a server that pulls it: it is on air, and who hands it on lives."""
        between = machine.source
        if between is not None and (between.process is None or not self.arrives(between, channel, at)):
            return False
        return self.on_air(channel, at)

    def crowding(self, region: str) -> float:
        """Factor on the viewers of a region's edges: more than 1 while some of them are down."""
        return self._crowding.get(region, 1.0)

    def _heed(self) -> None:
        """Work out what the active scenarios mean for every machine and channel."""
        of_server: dict[str, list[Effect]] = defaultdict(list)
        of_channel: dict[tuple[str, str], list[Effect]] = defaultdict(list)
        self._flapping_since = {}
        for one in self.active:
            if one.channel is None:
                of_server[one.server].append(one.scenario.effect)
                continue
            where = EVERYWHERE if one.scenario.subject is Subject.CHANNEL else one.server
            of_channel[where, one.channel].append(one.scenario.effect)
            if one.scenario.effect.flapping:
                self._flapping_since[one.channel] = one.since
        self._of_channel = {key: combined(effects) for key, effects in of_channel.items()}
        for name, machine in self._machines.items():
            machine.effect = combined(of_server[name]) if name in of_server else NOTHING
            if machine.effect.hostile_streams:
                machine.attack = hostile.channels(machine.effect.hostile_streams, name)
        self._crowd()

    def _crowd(self) -> None:
        total: dict[str, int] = defaultdict(int)
        serving: dict[str, int] = defaultdict(int)
        for machine in self._machines.values():
            if machine.server.role == "edge":
                region = machine.server.city.region.name
                total[region] += 1
                serving[region] += not machine.effect.down
        self._crowding = {
            region: min(MOST_CROWDED, count / serving[region]) if serving[region] else 1.0
            for region, count in total.items()
        }
