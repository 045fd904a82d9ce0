"""Polls that the database could not take yet: a bounded line of files on disk, oldest first, read back once.

Each batch is one file, written whole and renamed into place, so a crash leaves a batch or none. A batch
is deleted after it was stored; if we die in between it is replayed, and the writer, finding its polls
there already, adds nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from cdn.model import Poll, Reading, Reason, StreamReading, Timing

log = logging.getLogger(__name__)

SUFFIX = ".polls"


class Spool:
    """The spool in `folder`, which may grow to `max_bytes`; beyond that the oldest batches go."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        for left in folder.glob("*.part"):
            left.unlink()
        self._batches = sorted(folder.glob(f"*{SUFFIX}"))
        self._bytes = sum(path.stat().st_size for path in self._batches)
        self._next = int(self._batches[-1].stem.partition("-")[0]) + 1 if self._batches else 1
        self.dropped = 0

    def __len__(self) -> int:
        """How many polls wait (counted by the batches' names)."""
        return sum(int(path.stem.partition("-")[2]) for path in self._batches)

    def append(self, polls: Sequence[Poll]) -> None:
        """Keep a batch. Where there is no room the oldest batches are dropped and counted."""
        content = b"\n".join(orjson.dumps(poll) for poll in polls)
        path = self._folder / f"{self._next:012d}-{len(polls)}{SUFFIX}"
        part = path.with_suffix(".part")
        part.write_bytes(content)
        part.rename(path)
        self._next += 1
        self._batches.append(path)
        self._bytes += len(content)
        while self._bytes > self._max_bytes and self._batches:
            self.dropped += int(self._batches[0].stem.partition("-")[2])
            self.remove()

    def oldest(self) -> list[Poll] | None:
        """The oldest batch; None where nothing waits. A file that cannot be read is set aside."""
        while self._batches:
            path = self._batches[0]
            try:
                return [_poll(orjson.loads(line)) for line in path.read_bytes().splitlines()]
            except (OSError, ValueError, KeyError, TypeError):
                log.exception("the spooled polls in %s cannot be read and are set aside", path)
                self._bytes -= path.stat().st_size if path.exists() else 0
                if path.exists():
                    path.rename(path.with_suffix(".unreadable"))
                self._batches.pop(0)
        return None

    def remove(self) -> None:
        """Delete the oldest batch: it is stored."""
        path = self._batches.pop(0)
        self._bytes -= path.stat().st_size
        path.unlink()


def _poll(value: dict[str, Any]) -> Poll:
    reading = value["reading"]
    return Poll(
        server_id=value["server_id"],
        at=datetime.fromisoformat(value["at"]),
        interval=value["interval"],
        timing=Timing(**value["timing"]),
        reading=None if reading is None else _reading(reading),
        since=None if value["since"] is None else datetime.fromisoformat(value["since"]),
        reason=None if value["reason"] is None else Reason(value["reason"]),
        detail=value["detail"],
    )


def _reading(value: dict[str, Any]) -> Reading:
    streams = value["streams"]
    rows = None if streams is None else tuple(StreamReading(**row) for row in streams)
    return Reading(**{**value, "streams": rows, "notes": tuple(value["notes"])})
