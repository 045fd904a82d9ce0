"""One child process: its start, its lines, its end."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from db.leash import end_with_parent

MAX_LINE_BYTES = 64_000


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `stop_seconds`: how long it may take to end in order."""

    name: str
    command: tuple[str, ...]
    stop_seconds: float = 5.0


@dataclass(slots=True)
class Child:
    """A running program. It has a process group of its own, so a Ctrl-C in the terminal does not reach it by itself."""

    program: Program
    process: subprocess.Popen[bytes]
    _pipe: int = field(repr=False)
    _rest: bytes = field(default=b"", repr=False)
    talks: bool = True  # False once it has closed its output

    @classmethod
    def start(
        cls, program: Program, *, folder: Path, environment: Mapping[str, str], output: Path | None = None
    ) -> Child:
        """Start `program` in `folder`; what it prints goes to `output`, or like its errors to `lines`.

        Call it from the main thread: the child is ended when the thread that started it ends.
        """
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        try:
            with output.open("wb") if output else os.fdopen(os.dup(writing), "wb") as printed:
                process = subprocess.Popen(
                    program.command,
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=writing,
                    start_new_session=True,
                    preexec_fn=end_with_parent(signal.SIGTERM),
                )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return cls(program, process, reading)

    def fileno(self) -> int:
        """The pipe its lines come through, for `select`."""
        return self._pipe

    @property
    def ended(self) -> bool:
        """True once the process is no more."""
        return self.process.poll() is not None

    @property
    def how_it_ended(self) -> str:
        """Exit status or signal, in words."""
        status = self.process.returncode
        if status is not None and status < 0:
            return f"ended by {signal.Signals(-status).name}"
        return f"ended with exit status {status}"

    def lines(self) -> list[str]:
        """The whole lines it has printed since the last call; never waits."""
        while True:
            try:
                chunk = os.read(self._pipe, 65_536)
            except BlockingIOError:
                break
            if not chunk:
                self.talks = False
                break
            self._rest += chunk
        *whole, self._rest = self._rest.split(b"\n")
        if self._rest and (len(self._rest) > MAX_LINE_BYTES or self.ended):
            whole, self._rest = [*whole, self._rest], b""
        return [line.decode(errors="replace").rstrip("\r") for line in whole]

    def signal(self, number: signal.Signals) -> None:
        """Send `number` to the process and whatever it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def close(self) -> None:
        """Let go of the pipe; what the program left running in its group is ended."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        os.close(self._pipe)
