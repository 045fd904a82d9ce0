"""How figures were made, whether they add up, and addresses that pull from nobody knows where."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from actions.adopt_puller import adopt_puller, dismiss_puller
from cdn.clock import utc_now
from cdn.errors import Forbidden, Unknown
from cdn.model import LOCAL_ADMIN, Actor, Kind, PollError, Reading, Reason, Role, Target, Timing
from cdn.settings import Settings, load
from collector.audit import AUDIT_SECONDS
from collector.detect import Found
from collector.discovery import discover, likely
from collector.writer import Writer
from db import pullers, working
from db.frame import records
from tests.readings import FakeServer
from tests.scene import Scene, client
from tests.test_writer import new_server


@pytest.fixture
def server(engine: Engine) -> FakeServer:
    return FakeServer(new_server(engine))


@pytest.fixture
def writer(engine: Engine) -> Writer:
    return Writer(engine, "a")


def differences(engine: Engine) -> dict[str, tuple[int, int]]:
    """(grown, difference) by counter."""
    return {row["counter"]: (row["grown"], row["difference"]) for row in records(working.audit(engine))}


def test_the_working_of_a_rate_is_its_two_raw_readings(engine: Engine, writer: Writer, server: FakeServer) -> None:
    server.egress = 2**60
    writer.write([server.poll()])
    server.grow(15, 30_001)
    writer.write([server.poll()])
    row = {each["name"]: each for each in records(working.readings(engine, server.server_id))}["egress_bytes"]
    assert (row["before"], row["now"], row["increase"]) == (2**60, 2**60 + 30_001, 30_001)  # to the byte
    assert (row["counted_seconds"], row["now_clock"] - row["before_clock"]) == (15, 15)
    assert (row["restarted"], row["estimated"]) == (False, False)
    assert (row["now_at"] - row["before_at"]) == timedelta(seconds=15)


def test_a_poll_without_newer_figures_leaves_the_working_as_it_was(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    writer.write([server.poll()])
    server.grow(15, 300)
    writer.write([server.poll()])
    server.wait(1)
    writer.write([server.poll()])
    row = records(working.readings(engine, server.server_id))[0]
    assert (row["now"] - row["before"], row["increase"]) == (300, 300)


def test_the_working_of_a_restart_says_so(engine: Engine, writer: Writer, server: FakeServer) -> None:
    writer.write([server.poll()])
    server.restart()
    server.grow(10, 777)
    writer.write([server.poll()])
    row = {each["name"]: each for each in records(working.readings(engine, server.server_id))}["egress_bytes"]
    assert (row["increase"], row["counted_seconds"], row["restarted"]) == (777, 10, True)
    assert row["before_process"] != row["now_process"]


def test_coverage_counts_what_was_polled_and_what_was_good(engine: Engine, writer: Writer, server: FakeServer) -> None:
    writer.write([server.poll()])
    for _ in range(3):
        server.grow(15, 1)
        writer.write([server.poll()])
    server.wait(15)
    writer.write([server.failed()])
    now = server.poll().at
    (row,) = records(working.coverage(engine, now, server.server_id))
    assert (row["polls"], row["good"], row["covered_seconds"], row["up_seconds"]) == (5, 4, 60, 45)


def test_the_audit_adds_up_through_restarts_gaps_and_failures(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    writer.write([server.poll()])
    for number in range(12):
        server.grow(15, 1_000 + number, 7)
        if number == 5:
            server.restart()
            server.grow(3, 55, 1)
        writer.write([server.failed() if number in (3, 8) else server.poll()])
    assert differences(engine) == {
        "egress_bytes": (55 + sum(1_000 + number for number in range(6, 12)), 0),
        "ingress_bytes": (1 + 6 * 7, 0),
    }


def test_the_audit_finds_what_does_not_add_up(engine: Engine, writer: Writer, server: FakeServer) -> None:
    writer.write([server.poll()])
    for _ in range(3):
        server.grow(15, 1_000)
        writer.write([server.poll()])
    with engine.begin() as connection:
        connection.execute(text("UPDATE sample SET egress_bytes = egress_bytes + 5 WHERE egress_bytes > 0"))
    assert differences(engine)["egress_bytes"] == (3_000, 15)


def test_the_audit_begins_anew_every_hour(engine: Engine, writer: Writer, server: FakeServer) -> None:
    writer.write([server.poll()])
    for _ in range(3):
        server.grow(AUDIT_SECONDS / 2 + 1, 1_000)
        writer.write([server.poll()])
    assert differences(engine)["egress_bytes"][0] <= 1_000
    assert differences(engine)["egress_bytes"][1] == 0


def test_a_server_polled_once_has_nothing_to_audit_yet(engine: Engine, writer: Writer, server: FakeServer) -> None:
    writer.write([server.poll()])
    assert differences(engine)["egress_bytes"] == (0, 0)


def test_collectors_and_sizes_are_told(engine: Engine) -> None:
    assert working.collectors(engine).empty
    found = working.sizes(engine)
    assert {"sample", "traffic_1m", "server_status"} <= set(found["table"])


@pytest.fixture
def pulled(engine: Engine) -> Scene:
    """An origin from which an address pulls that nobody entered, and at which somebody watches."""
    scene = Scene(engine, at=utc_now() - timedelta(seconds=30))
    scene.add("origin", Role.ORIGIN, "10.0.0.1")
    for url in ("/live/news", "/live/movies", "/live/kids"):
        scene.copy("origin", url).clients = 1
    scene.clients["origin"] = [
        *(client(url, "198.51.100.9", url=url) for url in ("/live/news", "/live/movies", "/live/kids")),
        client("somebody", "203.0.113.4"),
    ]
    Writer(engine, "a").write([scene.poll("origin")])
    return scene


def settings() -> Settings:
    return load()


def answers_as(kind: Kind, url: str) -> Found:
    reading = Reading("1", None, None, {}, {}, software="SRS 6.0.157")
    return Found(kind, url, reading, Timing(), frozenset(), None)


def test_an_address_that_pulls_is_found_tried_and_added_with_its_origin(engine: Engine, pulled: Scene) -> None:
    asked = []

    def ask(target: Target, _: Settings) -> Found:
        asked.append(target.url)
        return answers_as(Kind.SRS, target.url)

    now = utc_now()
    assert discover(engine, now, settings(), ask) == "servers that pull and are not monitored yet: 198.51.100.9"
    assert asked == ["http://198.51.100.9:1985"]  # nobody knocks at the door of a person who watches
    found = {row["address"]: row for row in records(pullers.pullers(engine, now))}
    assert found["198.51.100.9"]["origins"] == ["origin"]
    assert (found["198.51.100.9"]["kind"], found["198.51.100.9"]["told"]) == ("srs", "answers as SRS 6.0.157")
    assert (found["203.0.113.4"]["streams"], found["203.0.113.4"]["kind"]) == (1, None)
    name = adopt_puller(engine, "198.51.100.9", now=now, key="", by=LOCAL_ADMIN)
    with engine.begin() as connection:
        row = connection.execute(
            text(
                "SELECT server.name, server.kind, server.url, server.role, origin.name FROM server"
                " JOIN server_origin ON server_id = server.id JOIN server origin ON origin.id = origin_id"
            )
        ).one()
    assert tuple(row) == (name, "srs", "http://198.51.100.9:1985", "edge", "origin")


def test_what_does_not_answer_says_what_was_seen_and_is_left_alone_for_hours(engine: Engine, pulled: Scene) -> None:
    asked = []

    def ask(target: Target, _: Settings) -> Found:
        asked.append(target.url)
        raise PollError(Reason.REFUSED, f"GET {target.url} was refused")

    now = utc_now()
    assert discover(engine, now, settings(), ask) is None
    assert len(asked) == 3
    discover(engine, now + timedelta(minutes=1), settings(), ask)
    assert len(asked) == 3
    told = {row["address"]: row["told"] for row in records(pullers.pullers(engine, now))}
    assert told["198.51.100.9"] == "GET http://198.51.100.9:1985 was refused"
    with pytest.raises(Unknown):
        adopt_puller(engine, "198.51.100.9", now=now, key="", by=LOCAL_ADMIN)


def test_an_address_that_is_none_of_ours_is_not_asked_about_again(engine: Engine, pulled: Scene) -> None:
    now = utc_now()
    dismiss_puller(engine, "198.51.100.9", now=now, by=LOCAL_ADMIN)
    pulled.wait()
    Writer(engine, "b").write([pulled.poll("origin")])
    assert set(pullers.pullers(engine, now)["address"]) == {"203.0.113.4"}
    with pytest.raises(Forbidden):
        dismiss_puller(engine, "203.0.113.4", now=now, by=Actor("visitor", "viewer"))
    with pytest.raises(Unknown):
        dismiss_puller(engine, "192.0.2.1", now=now, by=LOCAL_ADMIN)


def test_an_address_within_a_servers_networks_is_known(engine: Engine, pulled: Scene) -> None:
    pulled.add("edge", Role.EDGE, "10.0.0.9", networks=("198.51.100.0/24",))
    assert set(pullers.pullers(engine, utc_now())["address"]) == {"203.0.113.4"}


def test_who_stopped_pulling_is_not_told_and_forgotten_after_a_week(engine: Engine, pulled: Scene) -> None:
    assert pullers.pullers(engine, utc_now() + timedelta(hours=1)).empty
    with engine.begin() as connection:
        assert pullers.forget_old(connection, utc_now() + timedelta(days=8)) == 2


def test_only_where_a_server_is_likely_somebody_knocks() -> None:
    assert likely({"198.51.100.1": 1, "203.0.113.5": 3, "10.1.2.3": 1, "8.8.8.8": 2, "8.8.4.4": 9}) == [
        "203.0.113.5",
        "10.1.2.3",
        "8.8.4.4",
    ]
