"""One poll of one server: fetch what its source asks for, read it, report. It never fails, it reports."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from cdn.model import REASON_WORDS, Kind, Poll, PollError, Reading, Reason, Target, Timing
from cdn.settings import Settings
from collector.fetch import Exchange, Fetcher, Limits
from collector.sources.script import Ask, Reply, Source, Wanted, run

log = logging.getLogger(__name__)


def poll(
    target: Target,
    fetcher: Fetcher,
    sources: Mapping[Kind, Source],
    *,
    now: Callable[[], datetime],
    since: datetime | None,
    wanted: Wanted,
) -> Poll:
    """Poll `target` once. Whatever it does, a Poll comes back: a reading, or the reason why there is none.

    since: when this collector polled it before; wanted: how much to read. The time of the poll is that of the first
    answer, which holds the counters.
    """
    began = now()
    reading: Reading | None = None
    reason: Reason | None = None
    detail: str | None = None
    timing = Timing()
    with fetcher.begin(target) as exchange:
        try:
            reading = run(sources[target.kind].read(target, wanted), lambda ask: reply(exchange, ask))
        except PollError as error:
            reason, detail = error.reason, error.detail
        except Exception as error:
            # A fault of ours in reading one server's answer must not blind us to the others.
            log.exception("%s: the answer could not be read", target.name)
            reason, detail = Reason.WRONG_BODY, f"the answer could not be read ({type(error).__name__})"
        timing = exchange.timing
    at = began + timedelta(seconds=timing.total) if reading and timing.total is not None else now()
    expires = exchange.certificate_expires
    return Poll(
        target.id, at, target.interval, timing, reading, since, reason, detail, target.url, expires, exchange.address
    )


def limits(settings: Settings) -> Limits:
    """What a poll may cost, as set."""
    return Limits(settings.connect_timeout, settings.read_timeout, settings.poll_deadline, settings.max_answer_bytes)


def reply(exchange: Exchange, ask: Ask) -> Reply:
    """Fetch what a source asks for. Raises PollError."""
    answer = exchange.get(ask.path, fresh=ask.fresh)
    return Reply(answer.body, answer.server_header)


class StateLog:
    """One line in the log when a server changes its state, none while it stays as it is."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[bool, Reason | None]] = {}

    def note(self, target: Target, done: Poll) -> None:
        """Tell a change of `target`: up, down, or down for another reason."""
        state = (done.up, done.reason)
        before = self._known.get(target.id)
        if before == state:
            return
        self._known[target.id] = state
        fields = {"server": target.name, "up": done.up, "reason": done.reason.value if done.reason else None}
        if done.up:
            software = done.reading.software if done.reading else None
            log.info("%s is up (%s)", target.name, software or target.kind.value, extra={"fields": fields})
        else:
            words = REASON_WORDS[done.reason] if done.reason else "no answer"
            log.warning("%s is down: %s. %s", target.name, words, done.detail or "", extra={"fields": fields})

    def forget(self, server_id: int) -> None:
        """Forget a server that is no longer polled."""
        self._known.pop(server_id, None)
