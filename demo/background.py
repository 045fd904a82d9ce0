"""The simulated CDN in a thread of another program: for tests and benchmarks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from demo.fleet import Fleet
from demo.serving import Serving
from demo.truth import truth
from demo.world import World

T = TypeVar("T")


class Running:
    """A simulated CDN that answers in a thread of its own."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop, clock: Callable[[], float]) -> None:
        self.fleet = world.fleet
        self._world, self._loop, self._clock = world, loop, clock

    def ask(self, question: Callable[[World, float], T]) -> T:
        """`question(world, now)` asked in the simulation's thread, with everything counted up to now."""
        done: Future[T] = Future()

        def call() -> None:
            try:
                now = self._clock()
                self._world.advance(now)
                done.set_result(question(self._world, now))
            except Exception as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(call)
        return done.result(timeout=10)

    def truth(self) -> dict[str, Any]:
        """What is true now; see demo.truth."""
        return self.ask(truth)

    def begin(self, scenario: str, server: str, *, channel: str | None = None, seconds: float | None = None) -> None:
        """Let a scenario begin, as POST /scenarios does."""
        self.ask(lambda world, now: world.begin(scenario, now=now, server=server, channel=channel, seconds=seconds))


@contextmanager
def running(
    fleet: Fleet,
    *,
    clock: Callable[[], float] = time.time,
    scale: float = 1.0,
    calm: bool = True,
    control_port: int = 0,
    steady: int | None = None,
) -> Iterator[Running]:
    """The fleet answers while the block runs; options as of World. Raises serving.CannotListen where it cannot."""
    loop = asyncio.new_event_loop()
    world = World(fleet, clock(), scale=scale, calm=calm, steady=steady)
    serving = Serving(world, clock, control_port=control_port)
    loop.run_until_complete(serving.start())
    thread = threading.Thread(target=loop.run_forever, name="simulated-cdn", daemon=True)
    thread.start()
    try:
        yield Running(world, loop, clock)
    finally:
        asyncio.run_coroutine_threadsafe(serving.stop(), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()
