"""The thread that stores polls: everything of the last second at once, or into the spool while the database is away.

It never ends by itself. Whatever goes wrong, a poll is in the database, on disk, or (where neither takes
it) in memory up to a bound, and what is lost beyond that is counted and told.
"""

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
# A database that takes a batch for longer is stuck rather than slow: what comes meanwhile goes to disk.
STUCK_SECONDS = 10.0
# Kept in memory while neither database nor disk takes them.
MOST_IN_MEMORY = 20_000


class Store(threading.Thread):
    """Takes polls from any thread (`put`) and writes them; `stop` writes what is left."""

    def __init__(self, writer: Writer, spool: Spool, stuck: float = STUCK_SECONDS) -> None:
        super().__init__(name="store", daemon=True)
        self._writer = writer
        self._spool = spool
        self._stuck = stuck
        self._queue: queue.SimpleQueue[Poll | None] = queue.SimpleQueue()
        self._batch: list[Poll] = []
        self._writing_since: float | None = None
        self._trouble_since: float | None = None
        self._rescue = threading.Lock()
        self._stopping = threading.Event()

    @property
    def waiting(self) -> int:
        """Polls in the spool."""
        return len(self._spool)

    def put(self, poll: Poll) -> None:
        """Take a poll to be stored."""
        self._queue.put(poll)
        since = self._writing_since
        if since is not None and time.monotonic() - since > self._stuck:
            self._spool_queue()

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
            left = [*self._batch, *self._drain()]
            self._to_disk(left)
            log.warning("the database did not answer in time: %d polls wait on disk", len(left))
        self._spool.close()

    def _gather(self) -> list[Poll]:
        """Wait for a poll, then for those that follow within a second."""
        gathered: list[Poll] = []
        try:
            # With a backlog there is something to do even if no poll comes.
            first = self._queue.get(timeout=RETRY_SECONDS if self._backlog else None)
        except queue.Empty:
            return gathered
        if first is None:
            return gathered
        gathered.append(first)
        self._stopping.wait(GATHER_SECONDS)
        return gathered + self._drain()

    @property
    def _backlog(self) -> bool:
        return self._trouble_since is not None or bool(self._batch) or len(self._spool) > 0

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
                self._batch = self._to_disk(self._batch)
                self._replay()
            while self._batch and not len(self._spool):
                self._write(self._batch[:BATCH_POLLS])
                del self._batch[:BATCH_POLLS]
        except Unavailable as error:
            if self._trouble_since is None:
                log.warning("%s; polls are kept on disk until it does", error)
            self._in_trouble()
        except Exception:
            # A fault of ours, or a database that is there and refuses: the polls outlive it either way.
            if self._trouble_since is None:
                log.exception("polls cannot be stored; they are kept on disk and tried again")
            self._in_trouble()
        else:
            if self._trouble_since is not None:
                log.info("polls are stored again after %.0f s", time.monotonic() - self._trouble_since)
            self._trouble_since = None

    def _in_trouble(self) -> None:
        if self._trouble_since is None:
            self._trouble_since = time.monotonic()
        self._batch = self._to_disk(self._batch)

    def _write(self, polls: list[Poll]) -> None:
        self._writing_since = time.monotonic()
        try:
            self._writer.write(polls)
        finally:
            self._writing_since = None

    def _replay(self) -> None:
        """Store the spool, oldest first. Stops between two batches when asked to end."""
        while (oldest := self._spool.oldest()) is not None:
            path, polls = oldest
            for start in range(0, len(polls), BATCH_POLLS):
                self._write(polls[start : start + BATCH_POLLS])
            self._spool.remove(path)
            if self._stopping.is_set():
                return

    def _spool_queue(self) -> None:
        """Called while a write is stuck: what waits in memory goes to disk, and so survives a crash."""
        if self._rescue.acquire(blocking=False):
            try:
                left = self._to_disk(self._drain())
                for poll in left:
                    self._queue.put(poll)
            finally:
                self._rescue.release()

    def _to_disk(self, polls: list[Poll]) -> list[Poll]:
        """Spool `polls`; returns what has to stay in memory because the disk does not take it."""
        if not polls:
            return []
        try:
            self._spool.append(polls)
        except OSError as error:
            lost = max(0, len(polls) - MOST_IN_MEMORY)
            log.error(
                "polls cannot be kept on disk (%s): %d wait in memory, %d are lost", error, len(polls) - lost, lost
            )
            return polls[lost:]
        return []
