"""Whatever a server answers, a source gives a reading whose every value is within bounds, or says what is wrong.

And every reading can be stored.
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from actions.add_server import add_server
from cdn.clock import utc_now
from cdn.metrics import BY_NAME
from cdn.model import LOCAL_ADMIN, ClientReading, Kind, Poll, PollError, Reading, Reason, Role, StreamReading, Timing
from collector.sources import SOURCES
from collector.sources.script import Ask, Reply, Wanted, run
from collector.writer import Writer
from tests.mutations import HUGE, NAMES, Recorded, hostile_bytes, hostile_json, hostile_xml, one_of_list
from tests.recorded import FIXTURES, target

EXAMPLES = {
    Kind.SRS: 900,
    Kind.NGINX_RTMP: 900,
    Kind.NGINX_VTS: 500,
    Kind.NGINX_PLUS: 500,
    Kind.ANGIE: 500,
    Kind.NGINX: 500,
}
# The same examples every time, one fault at a time.
CALM: dict[str, Any] = {
    "derandomize": True,
    "database": None,
    "report_multiple_bugs": False,
    "suppress_health_check": list(HealthCheck),
}
# A poll's deadline ends a script that asks for ever: here so many questions do.
MOST_ASKS = 60
Answers = Callable[[Ask], Reply]


def files(*patterns: str) -> Recorded:
    return Recorded(path.read_bytes() for pattern in patterns for path in sorted(FIXTURES.glob(pattern)))


SUMMARIES = files("srs/*/*summaries*.json", "srs/summaries-stats-off.json", "sequence-10s/[03].*.summaries.json")
STREAMS = files("srs/*/*streams.json", "sequence-10s/[03].*.streams.json")
CLIENTS = files("srs/*/*clients.json", "sequence-10s/[03].*.clients.json")
PLUS = {path.stem: path.read_bytes() for path in sorted((FIXTURES / "nginx_plus").glob("*.json"))}
ANGIE = files("angie/status_root*.json", "sequence-10s/[03].angie.status.json")
VTS = files("nginx_vts/*format_json.json", "sequence-10s/[03].*.vts.json")
RTMP = files("nginx_rtmp/*.xml", "sequence-10s/[03].*.xml")
STUB = files("nginx/*.txt", "sequence-10s/[03].*.stub_status.txt")


def hostile(recorded: Recorded) -> st.SearchStrategy[bytes]:
    """An answer that begins as one of these, or one of them as it was."""
    return st.one_of(hostile_json(recorded), hostile_json(recorded), hostile_bytes(recorded), one_of_list(recorded))


def published(names: Sequence[str], counts: Sequence[int]) -> bytes:
    """A list of SRS's streams as somebody publishes them who picks names to do harm; four counts a stream."""
    (row, *_) = json.loads((FIXTURES / "srs/origin-live/streams.json").read_bytes())["streams"]
    rows = []
    for number, name in enumerate(names):
        words = {"codec": name, "profile": name, "width": 10**number % 10**9, "height": 720}
        told = dict(zip(("clients", "send_bytes", "recv_bytes", "frames"), counts[4 * number :], strict=False))
        rows.append({**row, "url": name, "id": f"{name}{number}", "video": words, "audio": words, **told})
    return json.dumps({"code": 0, "server": "x", "streams": rows}).encode()


# Half a character alone is no JSON.
NAMED = [name for name in NAMES if name and name.isascii() | name.isprintable()]


def named() -> st.SearchStrategy[bytes]:
    names = st.lists(st.one_of(one_of_list(NAMED), st.text(min_size=1)), min_size=1, max_size=30)
    counts = st.lists(st.one_of(st.integers(0, HUGE), st.sampled_from([0, 1, HUGE])), min_size=120, max_size=120)
    return st.builds(published, names, counts)


def srs_answers() -> st.SearchStrategy[Answers]:
    def answers(summaries: bytes, streams: bytes, clients: bytes) -> Answers:
        bodies = {"summaries": summaries, "streams": streams, "clients": clients}
        return lambda ask: Reply(bodies[ask.path.split("/")[3]])

    good = one_of_list(SUMMARIES)
    streams = st.one_of(one_of_list(STREAMS), hostile(STREAMS), named())
    clients = st.one_of(one_of_list(CLIENTS), hostile(CLIENTS))
    return st.builds(answers, st.one_of(good, good, hostile(SUMMARIES)), streams, clients)


def plus_answers() -> st.SearchStrategy[Answers]:
    def answers(name: str, changed: bytes) -> Answers:
        bodies = {**PLUS, name: changed}

        def answer(ask: Ask) -> Reply:
            found = bodies.get(ask.path.strip("/").replace("/", "_"))
            if found is None:
                raise PollError(Reason.HTTP_STATUS, f"GET {ask.path} gave 404, want 200")
            return Reply(found)

        return answer

    return st.sampled_from(sorted(PLUS)).flatmap(
        lambda name: st.builds(answers, st.just(name), hostile(Recorded([PLUS[name]])))
    )


def in_turn(bodies: list[bytes], header: str) -> Answers:
    """Answers that take turns: several workers, each for itself."""
    turns = iter(range(10**9))
    return lambda _: Reply(bodies[next(turns) % len(bodies)], header)


def workers(body: bytes) -> list[bytes]:
    """The same of two worker processes."""
    return [re.sub(rb"<pid>[0-9]*", b"<pid>%d" % number, body) for number in (7, 41)]


def pages(bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[Answers]:
    return st.builds(in_turn, st.lists(bodies, min_size=1, max_size=3), st.one_of(one_of_list(NAMES), st.text()))


ANSWERS: Mapping[Kind, st.SearchStrategy[Answers]] = {
    Kind.SRS: srs_answers(),
    Kind.NGINX_RTMP: st.one_of(
        pages(st.one_of(hostile_xml(RTMP), hostile_xml(RTMP), hostile_bytes(RTMP), one_of_list(RTMP))),
        st.builds(in_turn, hostile_xml(RTMP).map(workers), st.just("nginx")),
    ),
    Kind.NGINX_VTS: pages(hostile(VTS)),
    Kind.NGINX_PLUS: plus_answers(),
    Kind.ANGIE: pages(hostile(ANGIE)),
    Kind.NGINX: pages(st.one_of(hostile_bytes(STUB), one_of_list(STUB))),
}
WANTED = st.builds(
    Wanted,
    st.sampled_from([1, 50, 20_000]),
    st.booleans(),
    st.sampled_from([1, 100, 10_000]),
    st.sampled_from([frozenset[str](), frozenset({"41", "7"})]),
)


def read(kind: Kind, answers: Answers, role: Role, wanted: Wanted) -> Reading | PollError:
    """What the source makes of these answers. Anything but a reading or a PollError passes through."""
    asked = iter(range(MOST_ASKS))

    def answer(ask: Ask) -> Reply:
        if next(asked, None) is None:
            raise PollError(Reason.TIMED_OUT, "the deadline of the poll")
        return answers(ask)

    try:
        return run(SOURCES[kind].read(target(kind, role, "http://127.0.0.1"), wanted), answer)
    except PollError as error:
        return error


@pytest.mark.parametrize("kind", list(EXAMPLES))
def test_whatever_is_answered_a_reading_is_within_bounds_or_the_fault_is_named(kind: Kind) -> None:
    outcomes: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES[kind], **CALM)
    @given(ANSWERS[kind], st.sampled_from(Role), WANTED)
    def judge(answers: Answers, role: Role, wanted: Wanted) -> None:
        found = read(kind, answers, role, wanted)
        if isinstance(found, PollError):
            outcomes[found.reason.value] += 1
            assert found.reason in Reason
            within(found.detail, 1_000)
            assert len(found.detail) > 10
        else:
            outcomes["read"] += 1
            check(kind, found, wanted)

    judge()
    # Neither of the two is rare, or the other would not have been tried.
    assert min(outcomes["read"], outcomes.total() - outcomes["read"]) > EXAMPLES[kind] / 20, outcomes


def check(kind: Kind, reading: Reading, wanted: Wanted) -> None:
    """Fails where a value of `reading` is not what cdn.model says of it, or no column holds it."""
    for name, count in reading.counters.items():
        assert BY_NAME[name].is_counter
        whole(count)
    for name, value in reading.gauges.items():
        assert name in SOURCES[kind].reports
        assert not BY_NAME[name].is_counter
        amount(value, 1e20)
    assert reading.uptime is None or amount(reading.uptime, 1e19) > 0
    for moment in (reading.clock, reading.now):
        assert moment is None or (type(moment) is float and abs(moment) < 1e17)
    within(reading.process, 500)
    within(reading.software, 120)
    for note in (*reading.notes, *reading.workers):
        within(note, 2_000)
    assert len(reading.notes) < 20
    if reading.streams is not None:
        assert len(reading.streams) <= wanted.max_streams
        assert len({stream.url for stream in reading.streams}) == len(reading.streams)
        for stream in reading.streams:
            check_stream(stream)
    if reading.clients is not None:
        assert wanted.clients
        assert len(reading.clients) <= wanted.max_clients
        for client in reading.clients:
            check_client(client)


def check_stream(stream: StreamReading) -> None:
    assert stream.url
    for said in (stream.url, stream.vhost, stream.app, stream.name, stream.incarnation, stream.publisher):
        within(said, 300)
    within(stream.video, 200)
    within(stream.audio, 200)
    assert set(stream.counters) <= {"egress_bytes", "ingress_bytes", "frames"}
    for count in (*stream.counters.values(), stream.viewers, stream.clients or 0):
        whole(count)
    for size in (stream.width, stream.height):
        assert size is None or 0 <= whole(size) < 2**31
    assert stream.age is None or amount(stream.age, 1e11) >= 0


def check_client(client: ClientReading) -> None:
    for said in (client.id, client.url, client.address, client.kind):
        within(said, 300)
    for count in (client.sent, client.received):
        assert count is None or whole(count) >= 0
    assert client.connected is None or amount(client.connected, 1e11) >= 0


def whole(count: int) -> int:
    """A count that a bigint holds."""
    assert type(count) is int
    assert 0 <= count <= HUGE
    return count


def amount(value: float, highest: float) -> float:
    assert type(value) is float
    assert math.isfinite(value)
    assert 0 <= value <= highest
    return value


def within(said: str | None, limit: int) -> None:
    """Text that PostgreSQL holds, and that is no flood."""
    if said is not None:
        assert isinstance(said, str)
        assert len(said) <= limit
        assert "\x00" not in said
        said.encode("utf-8")


@pytest.fixture
def servers(engine: Engine) -> dict[tuple[Kind, Role], int]:
    """A server of every kind in every role, none of which knows another."""
    ids = {}
    for kind in EXAMPLES:
        for role in Role:
            fields = {"name": f"{kind}-{role}", "kind": kind.value, "role": role.value, "url": "http://10.0.0.1/status"}
            ids[kind, role] = add_server(engine, fields, key="", by=LOCAL_ADMIN)
    return ids


def test_every_reading_can_be_stored_whatever_names_and_numbers_it_holds(
    engine: Engine, servers: dict[tuple[Kind, Role], int], caplog: pytest.LogCaptureFixture
) -> None:
    writer = Writer(engine, "fuzz", 500)
    start = utc_now() - timedelta(hours=2)
    stored: Counter[Kind] = Counter()
    refused: list[tuple[str, Any]] = []
    asked: Counter[tuple[Kind, Role]] = Counter()

    @settings(max_examples=700, phases=[Phase.generate], **CALM)
    @given(
        st.sampled_from([Kind.SRS, Kind.SRS, *EXAMPLES]).flatmap(lambda kind: st.tuples(st.just(kind), ANSWERS[kind])),
        st.sampled_from(Role),
        WANTED,
    )
    def store(answered: tuple[Kind, Answers], role: Role, wanted: Wanted) -> None:
        kind, answers = answered
        found = read(kind, answers, role, wanted)
        asked[kind, role] += 1
        at = start + timedelta(seconds=10 * asked[kind, role])
        timing, reading = Timing(0.001, 0.002, 0.003), None if isinstance(found, PollError) else found
        poll = Poll(servers[kind, role], at, 10.0, timing, reading)
        if isinstance(found, PollError):
            poll = replace(poll, reason=found.reason, detail=found.detail)
        caplog.clear()
        if writer.write([poll]) == 1:
            stored[kind] += reading is not None
        else:
            refused.append((caplog.text[-1_500:], found))

    summaries = (FIXTURES / "srs/origin-live/summaries.json").read_bytes()
    everybody = published(NAMED, range(4 * len(NAMED)))
    with caplog.at_level(logging.ERROR):
        found = read(
            Kind.SRS, lambda ask: Reply(summaries if "summaries" in ask.path else everybody), Role.ORIGIN, Wanted(500)
        )
        assert isinstance(found, Reading)
        assert writer.write([Poll(servers[Kind.SRS, Role.ORIGIN], start, 10.0, Timing(), found)]) == 1
        store()
    assert not refused, f"{len(refused)} of {asked.total()}: {refused[0]}"
    assert all(stored[kind] > 10 for kind in EXAMPLES), stored
    with engine.begin() as connection:
        samples = connection.scalar(text("SELECT count(*) FROM sample WHERE up"))
        assert samples == stored.total() + 1
        assert connection.scalar(text("SELECT count(*) FROM stream")) >= len(NAMED)
