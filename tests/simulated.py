"""The simulated CDN polled by the product's own code over real HTTP, in made-up time: minutes pass in moments."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import Engine, text

from actions.import_servers import import_servers
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN, Poll, Role, Target
from cdn.settings import Settings, load
from collector.fetch import Fetcher
from collector.poll import limits, poll
from collector.sources import SOURCES
from collector.sources.script import Wanted
from collector.writer import Writer
from db import fleet as fleets
from db.secrets import new_key
from demo.background import Running, running
from demo.fleet import Fleet, servers_toml
from demo.world import World

T = TypeVar("T")


def first_address() -> str:
    """Where a simulated CDN of this process alone may listen: tests run beside each other."""
    number = os.getpid()
    return f"127.{60 + number % 150}.{number // 150 % 250}.1"


INTERVAL = 15.0
CLIENTS_EVERY = 4


@dataclass
class Simulated:
    """A simulated CDN, and what the product knows of it. `at` is what time it is in both."""

    cdn: Running
    engine: Engine
    settings: Settings
    at: datetime
    targets: dict[str, Target] = field(default_factory=dict)
    rounds: int = 0
    polled: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._fetcher = Fetcher(limits(self.settings))
        self._writer = Writer(self.engine, "a")

    def ask(self, question: Callable[[World, float], T]) -> T:
        """What the simulated CDN itself knows."""
        return self.cdn.ask(question)

    def begin(self, scenario: str, server: str, *, channel: str | None = None, seconds: float = 3_600) -> None:
        """Let something go wrong."""
        self.cdn.begin(scenario, server, channel=channel, seconds=seconds)

    def wait(self, seconds: float = INTERVAL) -> None:
        """Let time pass, and everything the servers count with it."""
        self.at += timedelta(seconds=seconds)
        self.ask(lambda world, now: None)

    def poll(self, *names: str) -> dict[str, Poll]:
        """Poll those servers (all where none is named) once, and store what they said."""
        done = {}
        lists = self.rounds % CLIENTS_EVERY == 0
        for name in names or self.targets:
            target = self.targets[name]
            wanted = Wanted(20_000, clients=lists and target.role is Role.ORIGIN)
            done[name] = poll(
                target, self._fetcher, SOURCES, now=lambda: self.at, since=self.polled.get(name), wanted=wanted
            )
            self.polled[name] = done[name].at
        self._writer.write(done.values())
        self.rounds += 1
        return done

    def step(self, *names: str, seconds: float = INTERVAL) -> dict[str, Poll]:
        """Wait, then poll."""
        self.wait(seconds)
        return self.poll(*names)

    def close(self) -> None:
        self._fetcher.close()


@contextmanager
def simulated(engine: Engine, fleet: Fleet, *, deadline: float = 5.0) -> Iterator[Simulated]:
    """`fleet` answering, imported into the database; its time begins last evening and stands still by itself.

    deadline: seconds of real time a poll may take.
    """
    key = new_key()
    settings = load(poll_interval=INTERVAL, poll_deadline=deadline, read_timeout=deadline, secret_key=key)
    import_servers(engine, servers_toml(fleet), key=key, by=LOCAL_ADMIN)
    # The same time of day whenever tests run: as many people watch.
    began = (utc_now() - timedelta(days=1)).replace(hour=18, minute=30, second=0, microsecond=0)
    holder: list[Simulated] = []
    with running(fleet, clock=lambda: (holder[0].at if holder else began).astimezone(UTC).timestamp()) as cdn:
        scene = Simulated(cdn, engine, settings, began)
        holder.append(scene)
        with engine.begin() as connection:
            ids = [row.id for row in connection.execute(text("SELECT id FROM server"))]
            scene.targets = {each.name: each for each in fleets.targets(connection, ids, INTERVAL, key)}
        yield scene
        scene.close()
