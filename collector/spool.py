"""Polls that the database could not take yet: a bounded line of files on disk, oldest first, read back once.

Each batch is one compressed file, written whole, forced to disk and renamed into place, so a crash leaves a
batch or none. A batch is deleted after it was stored; if we die in between it is replayed, and the writer,
finding its polls there already, adds nothing. Two collectors never share a spool: each locks its own.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import threading
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import orjson
from pydantic import TypeAdapter

from cdn.model import Poll

log = logging.getLogger(__name__)

_POLL = TypeAdapter(Poll)

SUFFIX = ".polls"
# A batch's place in the line and how many polls it holds. Other files in the folder are not ours.
_NAME = re.compile(r"[0-9]{12,18}-[0-9]{1,9}\.polls", re.ASCII)


class SpoolTaken(Exception):
    """Another collector of the same name runs on the same folder."""


class Spool:
    """The spool in `folder`, which may grow to `max_bytes`; beyond that the oldest batches go.

    Raises SpoolTaken where another process uses the folder. Methods may be called from any thread.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._guard = threading.RLock()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._lock = (folder / "lock").open("ab")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SpoolTaken(f"{folder} is in use by another collector; give this one a COLLECTOR_NAME") from None
        for left in folder.glob("*.part"):
            left.unlink()
        self._batches = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
        self._bytes = sum(path.stat().st_size for path in self._batches)
        self._next = int(self._batches[-1].stem.partition("-")[0]) + 1 if self._batches else 1
        self.dropped = 0

    def __len__(self) -> int:
        """How many polls wait (counted by the batches' names)."""
        with self._guard:
            return sum(_polls_in(path) for path in self._batches)

    def close(self) -> None:
        """Let another process have the folder."""
        self._lock.close()

    def append(self, polls: Sequence[Poll]) -> None:
        """Keep a batch. Where there is no room the oldest batches are dropped, counted and told. Raises OSError."""
        content = zlib.compress(b"\n".join(orjson.dumps(poll) for poll in polls), 1)
        with self._guard:
            path = self._folder / f"{self._next:012d}-{len(polls)}{SUFFIX}"
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
            self._next += 1
            self._batches.append(path)
            self._bytes += len(content)
            dropped = 0
            while self._bytes > self._max_bytes and self._batches:
                dropped += _polls_in(self._batches[0])
                self._forget_oldest()
        if dropped:
            self.dropped += dropped
            log.error("the spool is full (SPOOL_BYTES): its %d oldest polls are lost, %d so far", dropped, self.dropped)

    def oldest(self) -> tuple[Path, list[Poll]] | None:
        """The oldest batch and its name for `remove`; None where nothing waits. An unreadable file is set aside."""
        while True:
            with self._guard:
                if not self._batches:
                    return None
                path = self._batches[0]
            try:
                return path, [_poll(line) for line in zlib.decompress(path.read_bytes()).splitlines()]
            except (OSError, ValueError, zlib.error):
                log.exception("the spooled polls in %s cannot be read and are set aside", path)
                self._set_aside(path)

    def remove(self, path: Path) -> None:
        """Delete a batch: it is stored. Nothing happens where it was dropped meanwhile."""
        with self._guard:
            if self._batches and self._batches[0] == path:
                self._forget_oldest()

    def _set_aside(self, path: Path) -> None:
        """Keep an unreadable batch under another name: it is in the line no more, and takes no room in it."""
        with self._guard:
            if self._batches and self._batches[0] == path:
                self._batches.pop(0)
            with suppress(OSError):
                self._bytes -= path.stat().st_size
                path.rename(path.with_suffix(".unreadable"))

    def _forget_oldest(self) -> None:
        path = self._batches.pop(0)
        with suppress(OSError):
            self._bytes -= path.stat().st_size
            path.unlink()


def _polls_in(path: Path) -> int:
    return int(path.stem.partition("-")[2])


def _poll(line: bytes) -> Poll:
    """The poll in `line`, every value of the type cdn.model says. Raises ValueError."""
    poll = _POLL.validate_json(line)
    if any(moment is not None and moment.tzinfo is None for moment in (poll.at, poll.since, poll.certificate_expires)):
        raise ValueError("a time without its zone")
    return poll
