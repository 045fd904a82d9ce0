"""What the writer leaves in the database: every byte once, whoever polled and however late it arrives."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from cdn.clock import utc_now
from cdn.model import Kind, Poll, Role
from cdn.settings import load
from collector.writer import Writer
from db import live, partitions, samples
from db.engine import Unavailable
from db.fleet import Draft, add
from db.retention import kept_days
from tests.readings import START, FakeServer, moment

_names = count(1)


def new_server(engine: Engine) -> int:
    with Session(engine) as session, session.begin():
        draft = Draft(f"edge-{next(_names)}", Kind.SRS, "http://127.0.0.1:1985", Role.EDGE, region="West")
        server = add(session, draft, "")
        session.flush()
        return server.id


@pytest.fixture
def server(engine: Engine) -> FakeServer:
    return FakeServer(new_server(engine))


@pytest.fixture
def writer(engine: Engine) -> Writer:
    return Writer(engine, "a")


def one(engine: Engine, query: str, **parameters: object) -> tuple[object, ...]:
    with engine.begin() as connection:
        return tuple(connection.execute(text(query), parameters).one())


def every(engine: Engine, query: str, **parameters: object) -> list[tuple[object, ...]]:
    with engine.begin() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


def test_the_first_poll_is_a_baseline_and_the_second_an_increase(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    writer.write([server.poll()])
    server.grow(15, 30_000, 600)
    writer.write([server.poll()])
    assert every(
        engine, "SELECT egress_bytes, ingress_bytes, counted_seconds, up, viewers FROM sample ORDER BY at"
    ) == [
        (None, None, None, True, 7.0),
        (30_000, 600, 15.0, True, 7.0),
    ]


def test_two_polls_of_one_server_in_one_batch_count_from_each_other(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    polls = [server.poll()]
    for _ in range(3):
        server.grow(15, 100)
        polls.append(server.poll())
    writer.write(reversed(polls))
    assert one(engine, "SELECT sum(egress_bytes)::bigint, count(*) FROM sample") == (300, 4)


def test_a_failed_poll_is_down_and_keeps_the_last_figures(engine: Engine, writer: Writer, server: FakeServer) -> None:
    writer.write([server.poll()])
    server.grow(15, 30_000)
    good = server.poll()
    writer.write([good])
    for _ in range(2):
        server.wait(15)
        writer.write([server.failed()])
    row = one(engine, "SELECT up, reason, failures, egress_bytes, good_at, state_since FROM server_status")
    assert row == (False, "refused", 2, 30_000, good.at, moment(30))


def test_bytes_of_a_gap_are_counted_by_the_poll_that_ends_it(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    writer.write([server.poll()])
    server.grow(600, 900_000)
    writer.write([server.poll()])
    assert one(engine, "SELECT egress_bytes, counted_seconds, at - since FROM sample ORDER BY at DESC LIMIT 1") == (
        900_000,
        600.0,
        timedelta(seconds=15),
    )
    minutes = every(engine, "SELECT egress_bytes, covered_seconds, counted_seconds FROM traffic_1m ORDER BY at")
    assert [row[0] for row in minutes] == [90_000] * 10
    assert [row[2] for row in minutes] == [60.0] * 10
    assert [row[1] for row in minutes] == [0.0] * 9 + [15.0]  # only the last poll's interval was watched


def test_bytes_of_a_gap_longer_than_any_partition_made_ahead_are_kept(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    writer.write([server.poll()])
    server.grow(5 * 86_400, 7_200_000)
    Writer(engine, "a").write([server.poll()])
    assert one(engine, "SELECT sum(egress_bytes)::bigint FROM sample") == (7_200_000,)
    assert one(engine, "SELECT sum(egress_bytes)::bigint, count(*) FROM traffic_1m") == (7_200_000, 7_200)


def test_a_source_without_newer_figures_adds_nothing_and_keeps_its_rate(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    writer.write([server.poll()])
    server.grow(15, 30_000)
    writer.write([server.poll()])
    server.wait(2)
    writer.write([server.poll()])
    newest = "SELECT egress_bytes, counted_seconds FROM sample ORDER BY at DESC LIMIT 1"
    assert one(engine, newest) == (None, 0.0)
    assert one(engine, "SELECT egress_bytes, counted_seconds FROM server_status") == (30_000, 15.0)
    server.grow(13, 26_000)
    writer.write([server.poll()])
    assert one(engine, newest) == (26_000, 15.0)


def test_the_state_survives_a_restart_of_the_collector(engine: Engine, writer: Writer, server: FakeServer) -> None:
    server.streams = {"/live/alpha": 1_000}
    writer.write([server.poll()])
    server.grow(15, 30_000)
    Writer(engine, "a").write([server.poll()])
    server.grow(15, 4_000)
    Writer(engine, "b").write([server.poll()])
    assert one(engine, "SELECT sum(egress_bytes)::bigint FROM sample") == (34_000,)
    assert one(engine, "SELECT egress_bytes_total, pending_egress_bytes FROM stream_status") == (35_000, 34_000)


def test_a_poll_that_arrives_late_adds_what_it_saw_but_no_bytes(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    first = server.poll()
    writer.write([first])
    server.grow(300, 100_000)
    spooled = server.poll(since=moment(285))
    server.grow(300, 100_000)
    other = Writer(engine, "b")
    other.write([server.poll()])
    writer.write([spooled])
    assert one(engine, "SELECT sum(egress_bytes)::bigint, count(*) FROM sample") == (200_000, 3)
    assert one(engine, "SELECT sum(egress_bytes)::bigint FROM traffic_1m") == (200_000,)
    assert one(engine, "SELECT at FROM server_status") == (moment(600),)


def test_a_batch_stored_twice_is_stored_once(engine: Engine, writer: Writer, server: FakeServer) -> None:
    polls = [server.poll()]
    for _ in range(4):
        since = moment(server.seconds)
        server.grow(15, 100)
        polls.append(server.poll(since))
    writer.write(polls)
    before = every(engine, "SELECT * FROM sample ORDER BY at"), every(engine, "SELECT * FROM traffic_1m ORDER BY at")
    for again in (writer, Writer(engine, "b")):
        again.write(polls)
    assert before == (
        every(engine, "SELECT * FROM sample ORDER BY at"),
        every(engine, "SELECT * FROM traffic_1m ORDER BY at"),
    )


def test_streams_become_channels_minutes_and_are_gone_when_they_vanish(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    server.streams = {"/live/alpha": 0}
    writer.write([server.poll()])
    for _ in range(6):
        server.grow(15, 1_000)
        writer.write([server.poll()])
    assert one(engine, "SELECT app, name FROM channel") == ("live", "alpha")
    (sampled,) = one(engine, "SELECT sum(egress_bytes)::bigint FROM stream_sample")
    (pending,) = one(engine, "SELECT pending_egress_bytes FROM stream_status")
    assert isinstance(sampled, int)
    assert isinstance(pending, int)
    assert sampled + pending == 6_000
    assert sampled >= 4_000  # a whole minute was written
    server.streams = {}
    server.grow(15, 1_000)
    writer.write([server.poll()])
    assert one(engine, "SELECT gone_at, publishing FROM stream_status") == (moment(server.seconds), False)


def test_a_stream_that_appears_counts_from_when_it_was_not_there(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    writer.write([server.poll()])
    server.grow(15, 1_000)
    server.streams = {"/live/late": 640}
    writer.write([server.poll()])
    assert one(engine, "SELECT pending_egress_bytes, pending_seconds FROM stream_status") == (640, 15.0)


def test_a_stream_that_was_there_at_the_first_poll_is_a_baseline(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    server.streams = {"/live/old": 640}
    writer.write([server.poll()])
    assert one(engine, "SELECT pending_egress_bytes FROM stream_status") == (0,)


def test_a_stream_that_comes_back_counts_from_when_it_was_gone(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    server.streams = {"/live/news": 0}
    writer.write([server.poll()])
    server.streams = {}
    for _ in range(20):
        server.grow(15, 0)
        writer.write([server.poll()])
    server.streams = {"/live/news": 450}
    server.incarnations = {"/live/news": 1}
    server.grow(15, 0)
    writer.write([server.poll()])
    assert one(engine, "SELECT egress_bytes, counted_seconds FROM stream_status") == (450, 15.0)


def test_a_database_that_is_away_is_said_and_nothing_is_lost(server: FakeServer, engine: Engine) -> None:
    away = create_engine("postgresql+psycopg2://nobody@127.0.0.1:1/none")
    polls = [server.poll()]
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:1/none"):
        Writer(away, "a").write(polls)
    assert Writer(engine, "a").write(polls) == 1


def test_a_poll_the_database_refuses_does_not_stop_the_others(engine: Engine, writer: Writer) -> None:
    good, bad = FakeServer(new_server(engine)), FakeServer(999_999)  # there is no such server
    assert writer.write([bad.poll(), good.poll()]) == 1
    assert one(engine, "SELECT server_id FROM server_status") == (good.server_id,)


def test_hostile_names_are_stored_as_they_are(engine: Engine, writer: Writer, server: FakeServer) -> None:
    names = ["/live/a\tb\\N", '/live/"quoted",{x}', "/live/<script>", "/live/line\nbreak", "/live/NULL", "/live/ünï"]
    server.streams = dict.fromkeys(names, 0)
    writer.write([server.poll()])
    server.grow(90, 6_000)
    writer.write([server.poll()])
    stored = every(engine, "SELECT url FROM stream JOIN stream_status ON stream_id = id ORDER BY 1")
    assert sorted(str(name) for (name,) in stored) == sorted(names)


def test_coverage_of_a_minute_knows_up_and_down(engine: Engine, writer: Writer, server: FakeServer) -> None:
    writer.write([server.poll()])
    for good in (True, True, False, True):
        server.grow(15, 100)
        writer.write([server.poll() if good else server.failed()])
    row = one(engine, "SELECT covered_seconds, up_seconds, viewer_seconds, egress_bytes FROM traffic_1m")
    assert row == (60.0, 45.0, 7.0 * 45, 400)


events = st.lists(
    st.tuples(
        st.sampled_from(["grow", "grow", "restart", "repeat", "fail"]),
        st.integers(0, 10**9),
        st.sampled_from([1.0, 15.0, 15.0, 40.0, 200.0]),
        st.sampled_from("ab"),  # which of two collectors polls
        st.sampled_from([0, 0, 0, 1, 4]),  # how many steps later it gets to write
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events)
def test_bytes_are_conserved_whoever_polls_and_whenever_it_is_written(
    engine: Engine, plan: list[tuple[str, int, float, str, int]]
) -> None:
    """Σ increases = what the counters grew as far as polls in order saw it, in samples, minutes and streams alike."""
    server = FakeServer(new_server(engine))
    server.streams = {"/live/a": 500}
    writers = {name: Writer(engine, name) for name in "ab"}
    due: list[tuple[int, str, Poll]] = []
    seen = 0.0
    highest: dict[int, int] = {}
    began = None
    last: dict[str, object] = {}
    for step, (what, size, seconds, collector, delay) in enumerate([("grow", 0, 1.0, "a", 0), *plan]):
        if what == "restart":
            server.restart()
        if what == "repeat":
            server.wait(seconds)
        else:
            server.grow(seconds, size)
        poll = server.failed() if what == "fail" else server.poll(since=last.get(collector))  # type: ignore[arg-type]
        last[collector] = poll.at
        due.append((step + delay, collector, poll))
        for _, name, ready in sorted((each for each in due if each[0] <= step), key=lambda each: each[2].at):
            writers[name].write([ready])
            if ready.at.timestamp() > seen:  # only what comes in order is counted
                seen = ready.at.timestamp()
                if ready.reading is not None:
                    began = ready.reading.counters["egress_bytes"] if began is None else began
                    highest[int(str(ready.reading.process))] = ready.reading.counters["egress_bytes"]
        due = [each for each in due if each[0] > step]
    expected = sum(highest.values()) - (began or 0)
    of_server = {"id": server.server_id}
    total = (
        "SELECT coalesce(sum(egress_bytes), 0)::bigint, coalesce(min(egress_bytes), 0) >= 0"
        " FROM {} WHERE server_id = :id"
    )
    assert one(engine, total.format("sample"), **of_server) == (expected, True)
    assert one(engine, total.format("traffic_1m"), **of_server) == (expected, True)
    overlap = one(
        engine,
        "SELECT count(*) FROM sample a JOIN sample b ON a.server_id = b.server_id AND a.at < b.at"
        " AND b.since < a.at WHERE a.server_id = :id",
        **of_server,
    )
    assert overlap == (0,)


def test_partitions_are_made_ahead_and_dropped_when_their_day_is_over(engine: Engine) -> None:
    keep = kept_days(load())
    made = partitions.maintain(engine, START, keep)
    assert set(partitions.existing(engine, "sample")) == set(made.made) & {
        partitions.name_of("sample", (START + timedelta(days=day)).date()) for day in range(-1, 4)
    }
    assert partitions.maintain(engine, START, keep) == partitions.Report()
    later = partitions.maintain(engine, START + timedelta(days=9), keep)
    assert partitions.name_of("stream_sample", START.date()) in later.dropped
    assert partitions.name_of("sample", START.date()) not in later.dropped


def test_dropping_a_partition_waits_for_no_reader_and_blocks_no_writer(engine: Engine, writer: Writer) -> None:
    server = FakeServer(new_server(engine))
    writer.write([server.poll()])
    keep = kept_days(load())
    with engine.begin() as reader:
        reader.execute(text("SELECT count(*) FROM sample")).scalar()
        report = partitions.maintain(engine, START + timedelta(days=100), keep)
        assert partitions.name_of("sample", START.date()) in report.postponed
        server.grow(15, 100)
        assert writer.write([server.poll()]) == 1
    report = partitions.maintain(engine, START + timedelta(days=100), keep)
    assert partitions.name_of("sample", START.date()) in report.dropped


def test_a_poll_from_the_future_does_not_hide_those_that_follow(engine: Engine, writer: Writer) -> None:
    server = FakeServer(new_server(engine))
    server.seconds = (utc_now() - START).total_seconds() - 60
    writer.write([server.poll()])
    ahead = replace(server.poll(), at=utc_now() + timedelta(days=2))
    writer.write([ahead])
    for _ in range(3):
        time.sleep(0.02)
        server.egress += 100
        server.stepped_at += 1
        writer.write([replace(server.poll(), at=utc_now())])
    assert one(engine, "SELECT sum(egress_bytes)::bigint, max(at) <= now() FROM sample") == (300, True)


def test_another_server_behind_a_changed_url_begins_with_a_baseline(engine: Engine, writer: Writer) -> None:
    server = FakeServer(new_server(engine), has_clock=False)
    server.streams = {"/live/a": 50}
    writer.write([server.poll()])
    server.grow(15, 1_000)
    writer.write([server.poll()])
    server.grow(15, 10**15)
    writer.write([replace(server.poll(), url="http://10.0.0.2:1985")])
    server.grow(15, 70)
    writer.write([replace(server.poll(), url="http://10.0.0.2:1985")])
    assert one(engine, "SELECT sum(egress_bytes)::bigint FROM sample") == (1_070,)
    assert one(engine, "SELECT pending_egress_bytes FROM stream_status") == (1_070,)


def test_figures_that_stand_still_for_long_are_no_rate_any_more(engine: Engine, writer: Writer) -> None:
    server = FakeServer(new_server(engine))
    writer.write([server.poll()])
    server.grow(15, 30_000)
    writer.write([server.poll()])
    for _ in range(4):
        server.wait(15)
        writer.write([server.poll()])
    assert one(engine, "SELECT egress_bytes, counted_seconds, viewers FROM server_status") == (None, None, 7.0)


def test_streams_long_gone_are_forgotten(engine: Engine, writer: Writer) -> None:
    server = FakeServer(new_server(engine))
    for number in range(8):
        server.streams = {f"/live/{number}-{name}": 0 for name in range(20)}
        server.grow(1_200, 0)
        writer.write([server.poll()])
    assert len(writer._states[server.server_id].streams) <= 5 * 20
    with engine.begin() as connection:
        assert samples.forget_gone_streams(connection, moment(server.seconds)) == 120
        assert samples.forget_gone_streams(connection, moment(server.seconds)) == 0


def test_a_partition_that_went_away_meanwhile_is_made_again(engine: Engine, writer: Writer, server: FakeServer) -> None:
    writer.write([server.poll()])
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE {partitions.name_of('sample', START.date())}"))
    server.grow(15, 100)
    assert writer.write([server.poll()]) == 1


def test_how_far_a_servers_clock_is_off_and_when_its_certificate_ends_is_kept(
    engine: Engine, writer: Writer, server: FakeServer
) -> None:
    poll = server.poll()
    assert poll.reading is not None
    reading = replace(poll.reading, now=poll.at.timestamp() + 420.0, notes=("One thing was left out.",))
    writer.write([replace(poll, reading=reading, certificate_expires=moment(86_400))])
    columns = "clock_difference, certificate_expires, notes"
    assert one(engine, f"SELECT {columns} FROM server_status") == (420.0, moment(86_400), ["One thing was left out."])
    row = live.fleet(engine, poll.at, 15.0).iloc[0]
    assert (row["clock_difference"], row["notes"]) == (420.0, ["One thing was left out."])


def test_tens_of_thousands_of_new_streams_come_in_one_batch(engine: Engine) -> None:
    writer, servers = Writer(engine, "a", max_streams=4_000), [FakeServer(new_server(engine)) for _ in range(6)]
    for server in servers:
        server.streams = {f"/live/channel-{number}": 0 for number in range(3_000)}
    assert writer.write([server.poll() for server in servers]) == 6
    assert one(engine, "SELECT count(*), count(DISTINCT channel_id) FROM stream") == (18_000, 3_000)
