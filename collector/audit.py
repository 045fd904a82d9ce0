"""Since when a server's stored increases must add up to what its counters grew: the monitor audits itself. Pure."""

from __future__ import annotations

from dataclasses import replace

from cdn.units import HOUR
from collector.derive import Baseline, Increase
from collector.state import ServerState

# After so long the audit begins anew: what it has to add up stays small.
AUDIT_SECONDS = HOUR


def since(state: ServerState | None, grown: Increase | None, now: Baseline) -> Baseline | None:
    """The reading that the audit counts from after `now`; None where nothing is counted.

    Σ increases of all samples after it = counters now - its counters. Where what a counter grew was left out,
    because it fell or is not credible, the audit begins anew.
    """
    if not now.counters:
        return None
    if state is None or state.baseline is None or state.audited is None or grown is None:
        return now
    left_out = not now.counters.keys() <= grown.counts.keys()
    if grown.restarted:
        # All that the new process counted is in this poll's sample.
        return now if left_out else replace(now, at=state.at, counters=dict.fromkeys(now.counters, 0))
    left_out = left_out and grown.seconds > 0
    changed = state.audited.counters.keys() != now.counters.keys()
    old = (now.at - state.audited.at).total_seconds() > AUDIT_SECONDS
    return now if left_out or changed or old else state.audited
