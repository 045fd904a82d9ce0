"""How a PostgreSQL server of our own is ended: in order if it can be, also one that a killed program left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

SECONDS = 8.0


def stop_leftover(data: Path) -> None:
    """Shut down a server that a killed program left running on `data`; forget a process file of a dead one.

    Only for who holds the folder's lock: then no living program of ours uses it.
    """
    file = data / "postmaster.pid"
    try:
        pid = int(file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return
    if _works_in(pid, data):
        shut_down(pid, data, lambda: not _works_in(pid, data), SECONDS)
    if Path("/proc/self/cwd").exists():
        # Its number may belong to another program by now; PostgreSQL would then refuse to start.
        file.unlink(missing_ok=True)


def _works_in(pid: int, data: Path) -> bool:
    """True where process `pid` is alive and has `data` as its folder, as PostgreSQL's main process has."""
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", data)
    except OSError:
        return False


def shut_down(pid: int, data: Path, ended: Callable[[], bool], seconds: float) -> None:
    """Fast shutdown, after `seconds` an immediate one, after as many again the end.

    A killed server ends none of its sessions: one that waits for the disk outlives it, and hinders the next start.
    So they are ended, too.
    """
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if ended():
            break
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        _within(seconds, ended)
    _within(seconds, lambda: not _kill_sessions(data))


def _kill_sessions(data: Path) -> bool:
    """Kill every PostgreSQL process in `data`; returns whether there was any. Only where the system shows them."""
    found = [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _is_session(entry, data)]
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(found)


def _is_session(process: Path, data: Path) -> bool:
    try:
        return (process / "comm").read_text() == "postgres\n" and os.path.samefile(process / "cwd", data)
    except OSError:
        return False


def _within(seconds: float, done: Callable[[], bool]) -> bool:
    """Wait until `done`, `seconds` at the most; returns whether it is."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
