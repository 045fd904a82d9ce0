"""Outages: from the polls of a server, whoever polled, with gaps, late polls and batches."""

from __future__ import annotations

from datetime import datetime
from itertools import count, pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from cdn.model import Kind, Poll, Reason, Role
from collector.writer import Writer
from db.fleet import Draft, add
from tests.readings import FakeServer, moment

_names = count(1)


def new_server(engine: Engine) -> FakeServer:
    with Session(engine) as session, session.begin():
        draft = Draft(f"out-{next(_names)}", Kind.SRS, "http://127.0.0.1:1985", Role.EDGE)
        server = add(session, draft, "")
        session.flush()
        return FakeServer(server.id)


def outages(engine: Engine, server: FakeServer) -> list[tuple[Any, ...]]:
    query = (
        "SELECT began_after, began_by, ended_after, ended_by, reason FROM outage WHERE server_id = :id"
        " ORDER BY began_by"
    )
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(query), {"id": server.server_id})]


def polls(server: FakeServer, ups: str, seconds: float = 15) -> list[Poll]:
    """One poll a letter: + good, - failed."""
    made = []
    for each in ups:
        server.grow(seconds, 100)
        made.append(server.poll() if each == "+" else server.failed())
    return made


def test_an_outage_has_the_looks_before_and_after_as_bounds(engine: Engine) -> None:
    server = new_server(engine)
    writer = Writer(engine, "a")
    for poll in polls(server, "++--+"):
        writer.write([poll])
    assert outages(engine, server) == [(moment(30), moment(45), moment(60), moment(75), "refused")]


def test_one_that_goes_on_has_no_end_and_one_seen_from_the_first_poll_on_no_beginning(engine: Engine) -> None:
    server = new_server(engine)
    Writer(engine, "a").write(polls(server, "--"))
    assert outages(engine, server) == [(None, moment(15), None, None, "refused")]


def test_several_outages_in_one_batch_keep_their_reasons(engine: Engine) -> None:
    server = new_server(engine)
    batch = polls(server, "+-")
    server.grow(15, 1)
    batch.append(server.failed(Reason.TIMED_OUT))
    batch += polls(server, "+")
    server.grow(15, 1)
    batch.append(server.failed(Reason.TLS))
    batch += polls(server, "+-")
    Writer(engine, "a").write(batch)
    assert outages(engine, server) == [
        (moment(15), moment(30), moment(45), moment(60), "refused"),
        (moment(60), moment(75), moment(75), moment(90), "tls"),
        (moment(90), moment(105), None, None, "refused"),
    ]


def test_another_collector_goes_on_with_the_same_outage(engine: Engine) -> None:
    server = new_server(engine)
    Writer(engine, "a").write(polls(server, "+-"))
    Writer(engine, "b").write(polls(server, "-"))
    Writer(engine, "c").write(polls(server, "+"))
    assert outages(engine, server) == [(moment(15), moment(30), moment(45), moment(60), "refused")]


def test_a_gap_in_which_nobody_looked_widens_the_bounds(engine: Engine) -> None:
    server = new_server(engine)
    writer = Writer(engine, "a")
    writer.write(polls(server, "+"))
    writer.write(polls(server, "-", seconds=7_200))
    writer.write(polls(server, "+", seconds=7_200))
    assert outages(engine, server) == [(moment(15), moment(7_215), moment(7_215), moment(14_415), "refused")]


def test_a_gap_between_good_polls_is_no_outage(engine: Engine) -> None:
    server = new_server(engine)
    Writer(engine, "a").write(polls(server, "+") + polls(server, "+", seconds=86_400))
    assert outages(engine, server) == []


def test_a_server_that_was_paused_while_down_is_in_the_same_outage_when_it_is_polled_again(engine: Engine) -> None:
    server = new_server(engine)
    writer = Writer(engine, "a")
    writer.write(polls(server, "+-"))
    writer.write(polls(server, "-+", seconds=3_600))
    assert outages(engine, server) == [(moment(15), moment(30), moment(3_630), moment(7_230), "refused")]


def test_replayed_and_late_polls_change_nothing(engine: Engine) -> None:
    server = new_server(engine)
    batch = polls(server, "+--+++")
    late = batch.pop(1)
    writer = Writer(engine, "a")
    writer.write(batch)
    before = outages(engine, server)
    writer.write([late])
    writer.write(batch)
    Writer(engine, "b").write(batch)
    assert outages(engine, server) == before == [(moment(15), moment(45), moment(45), moment(60), "refused")]


plans = st.lists(
    st.tuples(
        st.sampled_from("+++--"),
        st.sampled_from([15.0, 15.0, 16.5, 400.0, 90_000.0]),
        st.sampled_from("aab"),  # which collector writes it
        st.integers(1, 4),  # so many polls in one transaction
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans)
def test_outages_are_in_order_never_overlap_and_agree_with_the_samples(
    engine: Engine, plan: list[tuple[str, float, str, int]]
) -> None:
    server = new_server(engine)
    writers = {name: Writer(engine, name) for name in "ab"}
    waiting: list[Poll] = []
    for up, seconds, name, most in plan:
        waiting += polls(server, up, seconds)
        if len(waiting) >= most:
            writers[name].write(waiting)
            waiting = []
    writers["b"].write(waiting)
    found = outages(engine, server)
    assert [row[:4] for row in found] == slow(stored_polls(engine, server))
    for former, row in pairwise(found):
        assert former[1] <= former[2] < former[3] <= row[0] < row[1]
    assert all(row[3] is not None for row in found[:-1])


def stored_polls(engine: Engine, server: FakeServer) -> list[tuple[datetime, bool]]:
    with engine.begin() as connection:
        query = text("SELECT at, up FROM sample WHERE server_id = :id ORDER BY at")
        return [(row.at, row.up) for row in connection.execute(query, {"id": server.server_id})]


def slow(looks: list[tuple[datetime, bool]]) -> list[tuple[datetime | None, ...]]:
    """Runs of failed polls, with the good ones around them."""
    found: list[tuple[datetime | None, ...]] = []
    number = 0
    while number < len(looks):
        if looks[number][1]:
            number += 1
            continue
        end = number
        while end < len(looks) and not looks[end][1]:
            end += 1
        over = end < len(looks)
        found.append(
            (
                looks[number - 1][0] if number else None,
                looks[number][0],
                looks[end - 1][0] if over else None,
                looks[end][0] if over else None,
            )
        )
        number = end
    return found
