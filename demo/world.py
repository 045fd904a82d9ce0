"""The simulated CDN: its machines, and time moving on.

Nothing here reads a clock or opens a socket: `now` (epoch seconds) comes in, and `on_change` tells
whoever listens for a machine that its process began or ended.
"""

from __future__ import annotations

import heapq
import logging
import math
import random
from collections.abc import Callable

from demo.conditions import Active, Conditions
from demo.fleet import Fleet
from demo.http_process import CacheProcess, NginxProcess
from demo.machine import Machine, machines
from demo.process import SAMPLE, Process, SrsProcess
from demo.rtmp_process import RtmpProcess
from demo.scenarios import SCENARIOS, Cue, Scenario, Subject, choose_channel, script, subject_of
from demo.server import Server
from demo.steps import period, step

log = logging.getLogger("demo")
# After a longer pause of the whole program one big step is enough: media positions are exact at any time.
CATCH_UP = 60.0


class World:
    """Every machine of a fleet, from epoch second `now` on.

    scale: factor on all viewers; calm: no script; steady: so many viewers on every stream of every edge, always.
    """

    def __init__(
        self, fleet: Fleet, now: float, *, scale: float = 1.0, calm: bool = True, steady: int | None = None
    ) -> None:
        self.fleet = fleet
        self.started = now
        self.machines = machines(fleet, now=now, scale=scale, steady=steady)
        self.conditions = Conditions(self.machines)
        self.on_change: Callable[[Machine], None] = lambda machine: None
        self._rng = random.Random(f"world {fleet.seed} {now}")
        self._due: list[tuple[float, int, Machine, Process]] = []
        self._scheduled = 0
        self._script = script(fleet)
        self._cue: Cue | None = None if calm else next(self._script, None)
        # Edges first, then the tiers they pull from: each finds its pulls.
        for machine in sorted(self.machines.values(), key=lambda one: (one.server.role, one.server.is_home)):
            began = now - self._rng.uniform(0, SAMPLE)
            self._begin(machine, began)
            step(machine, self.conditions, began)

    def advance(self, now: float) -> None:
        """Bring everything to `now`, whatever happens on the way in its order: the result does not depend on
        how often this is called."""
        while (event := min(self._next_cue(), self.conditions.next_end())) <= now:
            self._count(event)
            if self._cue and self._next_cue() <= event:
                cue, self._cue = self._cue, next(self._script, None)
                self.begin(cue.scenario.name, now=event, server=cue.server, channel=cue.channel)
            for over in self.conditions.expire(event):
                log.info("%s: %s is over", over.server, over.scenario.name)
            self._obey(event)
        self._count(now)

    def _next_cue(self) -> float:
        return self.started + self._cue.after if self._cue else math.inf

    def _count(self, now: float) -> None:
        """Let every counter step that is due by `now`, each kind in its period, each machine in its own rhythm."""
        while self._due and self._due[0][0] <= now:
            due, _, machine, process = heapq.heappop(self._due)
            if machine.process is process:
                each = period(process)
                at = due if now - due < CATCH_UP else due + (now - due) // each * each
                step(machine, self.conditions, at)
                self._schedule(machine, process, at + each)

    def begin(
        self,
        name: str,
        *,
        now: float,
        server: str | None = None,
        channel: str | None = None,
        seconds: float | None = None,
    ) -> Active:
        """Begin the scenario `name`, on a subject of its own choice where none is given.

        Raises LookupError for an unknown scenario, server or channel, ValueError where they do not fit.
        """
        if name not in SCENARIOS:
            raise LookupError(f"no scenario {name!r}; there are {', '.join(SCENARIOS)}")
        scenario = SCENARIOS[name]
        server, channel = self._subject(scenario, server, channel)
        lasting = scenario.seconds if seconds is None else seconds
        begun = self.conditions.begin(scenario, server, channel, now=now, seconds=lasting)
        log.info("%s: %s%s for %.0f s", server, name, f" of {channel}" if channel else "", lasting)
        self._obey(now)
        return begun

    def stop_scenarios(self, now: float) -> None:
        """End all scenarios; what is down comes back as a new process."""
        self.conditions.stop()
        self._obey(now)

    def _subject(self, scenario: Scenario, server: str | None, channel: str | None) -> tuple[str, str | None]:
        if server is None and channel is None:
            return subject_of(scenario, self.fleet, self._rng)
        if server is None:
            homes = [one.home for origin in self.fleet.servers for one in origin.channels if one.url == channel]
            if not homes:
                raise LookupError(f"no channel {channel!r}")
            server = homes[0]
        if server not in self.machines:
            raise LookupError(f"no server {server!r}")
        spec = self.machines[server].server
        if not scenario.subject.takes(spec):
            raise ValueError(f"{scenario.name} happens to one {scenario.subject}, {server} is none")
        if scenario.subject not in (Subject.CHANNEL, Subject.COPY):
            return server, None
        if channel is not None and channel not in {one.url for one in spec.channels}:
            raise LookupError(f"no channel {channel!r} on {server}")
        return server, channel or choose_channel(scenario, spec, self._rng)

    def _obey(self, now: float) -> None:
        """End the processes that are to be down, begin those that are not any more, reload those that are to."""
        for machine in self.machines.values():
            _reload(machine, now)
            if machine.effect.down and machine.process:
                machine.bytes_before += machine.process.counted.sent
                machine.received_before += machine.process.counted.received
                machine.process = None
                machine.warm = False
                self.on_change(machine)
            elif not machine.effect.down and machine.process is None:
                self._begin(machine, now)
                self.on_change(machine)

    def _begin(self, machine: Machine, at: float) -> None:
        machine.process = _process(machine.server, random.Random(self._rng.getrandbits(64)), at)
        self._schedule(machine, machine.process, at + period(machine.process))

    def _schedule(self, machine: Machine, process: Process, due: float) -> None:
        self._scheduled += 1
        heapq.heappush(self._due, (due, self._scheduled, machine, process))


def _process(server: Server, rng: random.Random, at: float) -> Process:
    if server.kind == "nginx_rtmp":
        return RtmpProcess(rng=rng, started=at, counted_at=at, count=server.workers)
    kind = SrsProcess if server.kind == "srs" else CacheProcess if server.caches else NginxProcess
    return kind(rng=rng, started=at, counted_at=at)


def _reload(machine: Machine, now: float) -> None:
    process, wanted = machine.process, machine.effect.reloaded
    if isinstance(process, (RtmpProcess, NginxProcess)) and wanted != process.reloading:
        process.reloading = wanted
        if wanted:
            process.reload(now)
        elif isinstance(process, RtmpProcess):
            process.settle()
