"""Keeps programs running: passes on their lines, starts again what dies, ends all in order."""

from __future__ import annotations

import select
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from launch.children import Child, Program
from launch.output import Output

TICK_SECONDS = 0.1
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
# Who ran this long had a good start: the next death is a new story.
SETTLED_SECONDS = 60.0


class Failed(Exception):
    """A step that must succeed did not; the message says which."""


class Supervisor:
    """Runs programs from the main thread, without threads of its own."""

    def __init__(self, output: Output, *, folder: Path, environment: Mapping[str, str]) -> None:
        self.environment: dict[str, str] = dict(environment)
        self._output = output
        self._folder = folder
        self._running: dict[str, Child] = {}
        self._programs: dict[str, Program] = {}
        self._started: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._beside: set[str] = set()
        self._interrupted = False
        self.hurried = False  # interrupted once more while stopping

    def catch_signals(self) -> None:
        """The first Ctrl-C, SIGTERM or SIGHUP raises KeyboardInterrupt; a later one makes `stop` kill."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._interrupt)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants to outlive the terminal
            signal.signal(signal.SIGHUP, self._interrupt)

    def run(self, program: Program, *, output: Path | None = None) -> None:
        """Run `program` to its end. Raises Failed where it does not succeed."""
        child = Child.start(program, folder=self._folder, environment=self.environment, output=output)
        try:
            while not child.ended:
                self.tick(child)
            self._pass_on(child)
        finally:
            child.close()
        if child.process.returncode:
            raise Failed(f"{program.name} {child.how_it_ended}; its lines above say why")

    def keep_running(self, program: Program) -> None:
        """Start `program`, and again whenever it ends, until `stop`."""
        self._programs[program.name] = program
        self._start(program)

    def run_beside(self, program: Program) -> None:
        """Start `program` beside the others, once, and show how far it says it is; its failure stops nobody."""
        self._beside.add(program.name)
        self.keep_running(program)

    def wait_until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Tick until `done` or until `seconds` have passed; returns whether it is done."""
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                return False
            self.tick()
        return True

    def tick(self, *others: Child) -> None:
        """Pass on what was printed, notice who died, start again who is due; waits a moment for something to happen."""
        if self._interrupted:
            # It was raised where Python lets nothing out, such as beside a fork.
            raise KeyboardInterrupt
        talking = [child for child in (*self._running.values(), *others) if child.talks]
        readable, _, _ = select.select(talking, [], [], TICK_SECONDS)
        for child in readable:
            self._pass_on(child)
        for child in [child for child in self._running.values() if child.ended]:
            self._bury(child)
        now = time.monotonic()
        for name in [name for name, due in self._due.items() if due <= now]:
            del self._due[name]
            self._start(self._programs[name])

    def stop(self) -> None:
        """End everything, the last started first, each in order; an interrupt meanwhile kills what is left."""
        self._interrupted = True
        self._due.clear()
        for name in reversed(self._programs):
            if name in self._running:
                self._end(self._running.pop(name))

    def _end(self, child: Child) -> None:
        child.signal(signal.SIGTERM)
        deadline = time.monotonic() + child.program.stop_seconds
        while not child.ended and time.monotonic() < deadline and not self.hurried:
            time.sleep(TICK_SECONDS / 10)
            self._pass_on(child)
        if not child.ended:
            self._output.say(f"{child.program.name} did not end in time and is killed")
            child.signal(signal.SIGKILL)
            child.process.wait()
        self._pass_on(child)
        child.close()

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._interrupted:
            self.hurried = True
            return
        self._interrupted = True
        raise KeyboardInterrupt

    def _start(self, program: Program) -> None:
        self._running[program.name] = Child.start(program, folder=self._folder, environment=self.environment)
        self._started[program.name] = time.monotonic()

    def _pass_on(self, child: Child) -> None:
        name = child.program.name
        show = self._output.progress if name in self._beside else self._output.line
        for line in child.lines():
            show(name, line)

    def _bury(self, child: Child) -> None:
        name = child.program.name
        self._pass_on(child)
        child.close()
        del self._running[name]
        if name in self._beside:
            self._output.end_progress()
            if child.process.returncode:
                self._output.say(f"{name} {child.how_it_ended}; its lines above say why")
            return
        now = time.monotonic()
        settled = now - self._started[name] > SETTLED_SECONDS
        pause = FIRST_PAUSE if settled else self._pauses.get(name, FIRST_PAUSE)
        self._pauses[name] = min(pause * 2, LONGEST_PAUSE)
        self._due[name] = now + pause
        self._output.say(f"{name} {child.how_it_ended}; it starts again in {pause:.0f} s")
