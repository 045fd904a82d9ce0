"""Servers whose worker processes answer for themselves alone, in turn: nginx-rtmp with several workers. Pure.

Each worker's counters go on from where that worker was last read, not from another's. Its bytes are
counted over the time since any of them answered, so that sum and seconds both add up over a few polls.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from collector.derive import Baseline, Increase, increase

# A worker that has not answered for so long has probably gone: after a reload the old one never answers again.
FORGET_SECONDS = 600.0
MOST_WORKERS = 64


def grown(
    newest: Baseline, others: Mapping[str, Baseline], now: Baseline, uptime: float | None
) -> tuple[Increase | None, Baseline]:
    """What the worker that answered `now` has grown since it was last read; None where that is a baseline only.

    newest: of the worker that answered last; others: of those before it, by process.
    """
    if now.process == newest.process:
        return increase(newest, now, uptime)
    elapsed = (now.at - newest.at).total_seconds()
    before = others.get(now.process or "")
    if before is None:
        # Younger than the last answer: it began since. Older: it was there all along, unseen.
        began_since = uptime is not None and uptime <= elapsed
        return (increase(newest, now, uptime)[0] if began_since else None), now
    found, kept = increase(before, now, uptime)
    return Increase(found.counts, max(elapsed, 0.0), found.restarted, estimated=True), kept


def remembered(newest: Baseline, others: Mapping[str, Baseline], now: Baseline) -> dict[str, Baseline]:
    """The baselines of the workers other than the one that answered `now`, without those long silent."""
    known = {**others, newest.process or "": newest}
    known.pop(now.process or "", None)
    kept = {name: each for name, each in known.items() if _recent(each.at, now.at)}
    return dict(sorted(kept.items(), key=lambda item: item[1].at)[-MOST_WORKERS:])


def _recent(at: datetime, now: datetime) -> bool:
    return (now - at).total_seconds() <= FORGET_SECONDS
