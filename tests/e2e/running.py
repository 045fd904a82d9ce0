"""The dashboard as a running program, for a browser to look at."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cdn.settings import ROOT, environment
from launch.preparation import HOST, answers

START_SECONDS = 60.0
# By then the program that is looked at has seen another state, and dropped what it read in the former one.
SEEN_SECONDS = 1.2


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Site:
    """A dashboard at `url` over the fleet whose state `file` names."""

    def __init__(self, port: int, file: Path) -> None:
        self.url = f"http://{HOST}:{port}/"
        self._file = file

    def show(self, state: str) -> None:
        """Bring the fleet into `state`, and wait until nobody is answered from what was read before."""
        if self._file.read_text(encoding="utf-8") != state:
            self._file.write_text(state, encoding="utf-8")
            time.sleep(SEEN_SECONDS)


@contextmanager
def running(command: Sequence[str], port: int, log: Path, **changes: str) -> Iterator[None]:
    """Run a web program that listens on `port` until the block ends. Raises RuntimeError where it does not come up."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=environment(**changes), stdout=output, stderr=output
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not answers(port, "/_stcore/health", seconds=1):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{' '.join(command)} does not listen: {log.read_text(errors='replace')[-2_000:]}")
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
