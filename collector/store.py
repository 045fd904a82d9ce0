"""The thread that stores polls: everything of the last second at once, or into the spool while the database is away."""

from __future__ import annotations

import logging
import queue
import threading
import time

from cdn.model import Poll
from collector.spool import Spool
from collector.writer import Writer
from db.engine import Unavailable

log = logging.getLogger(__name__)

GATHER_SECONDS = 1.0
# One transaction stays short, also when a backlog is worked off.
BATCH_POLLS = 500
RETRY_SECONDS = 2.0


class Store(threading.Thread):
    """Takes polls from any thread (`put`) and writes them; `stop` writes what is left."""

    def __init__(self, writer: Writer, spool: Spool) -> None:
        super().__init__(name="store", daemon=True)
        self._writer = writer
        self._spool = spool
        self._queue: queue.SimpleQueue[Poll | None] = queue.SimpleQueue()
        self._batch: list[Poll] = []
        self._away_since: float | None = None
        self._stopping = threading.Event()

    @property
    def waiting(self) -> int:
        """Polls in the spool."""
        return len(self._spool)

    def put(self, poll: Poll) -> None:
        """Take a poll to be stored."""
        self._queue.put(poll)

    def run(self) -> None:
        """Store until stopped; every poll ends in the database or in the spool."""
        while not self._stopping.is_set():
            self._batch += self._gather()
            self._store()
        self._batch += self._drain()
        self._store()

    def stop(self, seconds: float) -> None:
        """Write what is left; after `seconds` put it into the spool instead. Nothing is half-written.

        A batch that was being written then is spooled too: replayed, it adds nothing if it was stored.
        """
        self._stopping.set()
        self._queue.put(None)
        self.join(seconds)
        if self.is_alive():
            left = self._batch + self._drain()
            if left:
                self._spool.append(left)
                log.warning("the database did not answer in time: %d polls wait on disk", len(left))

    def _gather(self) -> list[Poll]:
        """Wait for a poll, then for those that follow within a second."""
        gathered: list[Poll] = []
        try:
            # With a backlog there is something to do even if no poll comes.
            first = self._queue.get(timeout=RETRY_SECONDS if self._away_since is not None else None)
        except queue.Empty:
            return gathered
        if first is None:
            return gathered
        gathered.append(first)
        self._stopping.wait(GATHER_SECONDS)
        return gathered + self._drain()

    def _drain(self) -> list[Poll]:
        drained: list[Poll] = []
        while True:
            try:
                poll = self._queue.get_nowait()
            except queue.Empty:
                return drained
            if poll is not None:
                drained.append(poll)

    def _store(self) -> None:
        """Write the batch; behind a backlog it queues up, so that every server's polls stay in order."""
        try:
            if len(self._spool):
                self._keep()
                self._replay()
            while self._batch:
                self._writer.write(self._batch[:BATCH_POLLS])
                del self._batch[:BATCH_POLLS]
        except Unavailable as error:
            if self._away_since is None:
                self._away_since = time.monotonic()
                log.warning("%s; polls are kept on disk until it does", error)
            self._keep()
            return
        if self._away_since is not None:
            log.info("the database answers again after %.0f s", time.monotonic() - self._away_since)
            self._away_since = None

    def _keep(self) -> None:
        if self._batch:
            self._spool.append(self._batch)
            self._batch = []

    def _replay(self) -> None:
        """Store the spool, oldest first. Stops between two batches when asked to end."""
        while (polls := self._spool.oldest()) is not None:
            for start in range(0, len(polls), BATCH_POLLS):
                self._writer.write(polls[start : start + BATCH_POLLS])
            self._spool.remove()
            if self._stopping.is_set():
                return
