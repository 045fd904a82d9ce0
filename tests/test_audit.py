"""Since when a server's stored increases must add up: only a restart of which everything was counted begins at zero."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import Engine

from collector import audit
from collector.derive import IMPLAUSIBLE, Baseline, increase
from collector.state import ServerState
from collector.writer import Writer
from db import working
from db.frame import records
from tests.readings import FakeServer, moment
from tests.test_writer import new_server


def reading(seconds: float, process: str, **counters: int) -> Baseline:
    at = moment(seconds)
    return Baseline(at, process, at.timestamp(), counters)


def state(base: Baseline, audited: Baseline | None = None) -> ServerState:
    """The state of a server whose newest reading is `base`."""
    return ServerState(1, base.at, True, base.at, 0, base.at, base, None, {}, None, None, {}, audited=audited or base)


def begins(before: Baseline, now: Baseline, uptime: float | None) -> tuple[datetime, dict[str, int]]:
    """Since when, and from which counters, the audit counts after a poll that read `now`."""
    grown, base = increase(before, now, uptime)
    found = audit.since(state(before), grown, base)
    assert found is not None
    return found.at, dict(found.counters)


BEFORE = reading(0, "1", egress_bytes=5_000, ingress_bytes=70)


def test_after_a_restart_all_that_the_new_process_counted_must_be_stored() -> None:
    now = reading(15, "2", egress_bytes=300, ingress_bytes=4)
    assert begins(BEFORE, now, 10) == (BEFORE.at, {"egress_bytes": 0, "ingress_bytes": 0})


def test_after_a_restart_with_a_counter_nobody_believes_the_audit_begins_with_the_new_reading() -> None:
    # The broken counter is in no sample: to want it from zero on would be to miss it for an hour.
    now = reading(15, "2", egress_bytes=IMPLAUSIBLE + 1, ingress_bytes=4)
    assert begins(BEFORE, now, 10) == (now.at, dict(now.counters))


def test_behind_another_process_that_is_older_nothing_was_counted_and_the_audit_begins_anew() -> None:
    now = reading(15, "2", egress_bytes=900_000, ingress_bytes=4)
    assert begins(BEFORE, now, 86_400) == (now.at, dict(now.counters))


def test_while_its_process_runs_on_the_audit_counts_on_from_where_it_began() -> None:
    now = reading(15, "1", egress_bytes=6_000, ingress_bytes=75)
    assert begins(BEFORE, now, 100) == (BEFORE.at, dict(BEFORE.counters))


@pytest.mark.parametrize(("broken", "kept"), [(False, 55 + 1_000), (True, 1_000)])
def test_the_audit_adds_up_after_a_restart_whatever_of_it_was_counted(engine: Engine, broken: bool, kept: int) -> None:
    server, writer = FakeServer(new_server(engine)), Writer(engine, "a")
    writer.write([server.poll()])
    server.grow(15, 1_000)
    writer.write([server.poll()])
    server.restart()
    server.grow(3, 55, 10**17 if broken else 7)
    writer.write([server.poll()])
    server.grow(15, 1_000, 9)
    writer.write([server.poll()])
    found = {row["counter"]: (row["grown"], row["difference"]) for row in records(working.audit(engine))}
    assert found == {"egress_bytes": (kept, 0), "ingress_bytes": (9 if broken else 16, 0)}


def test_a_collector_that_takes_over_goes_on_with_the_audit(engine: Engine) -> None:
    server = FakeServer(new_server(engine))
    Writer(engine, "a").write([server.poll()])
    server.restart()
    server.grow(5, 40, 2)
    Writer(engine, "a").write([server.poll()])
    server.grow(15, 1_000, 3)
    Writer(engine, "b").write([server.poll()])
    found = {row["counter"]: (row["grown"], row["difference"]) for row in records(working.audit(engine))}
    assert found == {"egress_bytes": (1_040, 0), "ingress_bytes": (5, 0)}
