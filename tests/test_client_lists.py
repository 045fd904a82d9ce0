"""Between two lists of clients: what had to be said of one stays said, and one that fails is not asked for at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import orjson
import pytest
from sqlalchemy import Engine

from actions.add_server import add_server
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN, Kind, Poll, Role, Target, Timing
from cdn.settings import load
from collector.daemon import Daemon
from collector.sources import SOURCES
from collector.sources.script import Ask, Reply, Wanted, run
from collector.spool import Spool
from collector.writer import Writer
from db import live
from db.frame import records
from tests.recorded import FIXTURES
from tests.test_collector import eventually

Answer = Callable[[str], bytes]
INTERVAL = 15.0
UNKNOWN = ["1 clients of types we do not know count as viewers: moq-play."]


def recorded(path: str) -> bytes:
    """As the recorded SRS origin answered."""
    return (FIXTURES / f"srs/origin-live/{urlsplit(path).path.removeprefix('/api/v1/').strip('/')}.json").read_bytes()


def clients(path: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = orjson.loads(recorded(path))["clients"]
    return found


def strange(path: str) -> bytes:
    """One of its clients is of a type that nobody knows."""
    if "/clients/" not in path:
        return recorded(path)
    rows = clients(path)
    return orjson.dumps({"code": 0, "clients": [{**rows[0], "type": "moq-play"}, *rows[1:]]})


def unreadable(path: str) -> bytes:
    return b'{"code":1061}' if "/clients/" in path else recorded(path)


@dataclass
class Origin:
    """An origin of the fleet, polled by hand. at: the time."""

    engine: Engine
    id: int
    url: str = "http://10.0.0.1:1985"
    role: Role = Role.ORIGIN
    at: datetime = field(default_factory=lambda: utc_now() - timedelta(hours=1))

    def poll(self, answer: Answer, *, listed: bool, most: int = 10_000) -> Poll:
        """What `answer` answers 15 s later, as a poll. listed: its clients were asked for."""
        self.at += timedelta(seconds=INTERVAL)
        polled = Target(self.id, "origin-1", Kind.SRS, self.url, self.role, INTERVAL)
        wanted = Wanted(2_000, clients=listed, max_clients=most)
        reading = run(SOURCES[Kind.SRS].read(polled, wanted), lambda ask: reply(ask, answer))
        return Poll(self.id, self.at, INTERVAL, Timing(0.001, 0.002, 0.003), reading, url=self.url)

    def notes(self) -> list[str]:
        """What the server's page says that its answers leave out."""
        (row,) = records(live.fleet(self.engine, self.at + timedelta(seconds=1), INTERVAL))
        found: list[str] = row["notes"]
        return found


def reply(ask: Ask, answer: Answer) -> Reply:
    return Reply(answer(ask.path))


@pytest.fixture
def origin(engine: Engine) -> Origin:
    fields = {"name": "origin-1", "kind": "srs", "url": "http://10.0.0.1:1985", "role": "origin"}
    return Origin(engine, add_server(engine, fields, key="", by=LOCAL_ADMIN))


@pytest.mark.parametrize(
    ("answer", "most", "beginning"),
    [
        (strange, 10_000, UNKNOWN[0]),
        (unreadable, 10_000, "Its clients could not be read, so its viewers are not known: "),
        (recorded, 3, "More than 3 clients: the rest is not read, so its viewers are not known."),
    ],
    ids=["unknown types", "not readable", "too long"],
)
def test_what_a_list_left_out_is_said_at_every_poll_until_the_next_list(
    engine: Engine, origin: Origin, answer: Answer, most: int, beginning: str
) -> None:
    writer = Writer(engine, "a")
    writer.write([origin.poll(answer, listed=True, most=most)])
    first = origin.notes()
    assert [note[: len(beginning)] for note in first] == [beginning]
    for _ in range(3):
        writer.write([origin.poll(answer, listed=False)])
        assert origin.notes() == first
    writer.write([origin.poll(recorded, listed=True)])
    assert origin.notes() == []
    writer.write([origin.poll(recorded, listed=False)])
    assert origin.notes() == []


def test_it_is_said_on_after_a_failed_poll_and_by_another_collector(engine: Engine, origin: Origin) -> None:
    Writer(engine, "a").write([origin.poll(unreadable, listed=True)])
    first = origin.notes()
    origin.at += timedelta(seconds=INTERVAL)
    Writer(engine, "b").write([Poll(origin.id, origin.at, INTERVAL, Timing(), None, url=origin.url)])
    assert origin.notes() == []  # there is no answer that could leave anything out
    Writer(engine, "c").write([origin.poll(unreadable, listed=False)])
    assert origin.notes() == first


def test_a_list_that_says_nothing_keeps_what_was_counted_of_pulls(engine: Engine, origin: Origin) -> None:
    # Notes and pulls are kept in one place: neither takes the other's away.
    Writer(engine, "a").write([origin.poll(strange, listed=True)])
    Writer(engine, "b").write([origin.poll(recorded, listed=False)])
    assert origin.notes() == UNKNOWN
    with engine.connect() as connection:
        (kept,) = connection.exec_driver_sql("SELECT pulls FROM server_status").one()
    assert {"process", "listed_at", "sent", "estimated", "owed"} < kept.keys()
    Writer(engine, "c").write([origin.poll(recorded, listed=True)])
    with engine.connect() as connection:
        (kept,) = connection.exec_driver_sql("SELECT pulls FROM server_status").one()
    assert kept.keys() == {"process", "listed_at", "sent", "estimated", "owed"}


def test_of_several_polls_in_one_batch_the_list_may_be_an_earlier_one(engine: Engine, origin: Origin) -> None:
    Writer(engine, "a").write([origin.poll(strange, listed=True), origin.poll(strange, listed=False)])
    assert origin.notes() == UNKNOWN


def test_what_was_said_of_another_url_is_forgotten(engine: Engine, origin: Origin) -> None:
    writer = Writer(engine, "a")
    writer.write([origin.poll(strange, listed=True)])
    origin.url = "http://10.0.0.2:1985"
    writer.write([origin.poll(recorded, listed=False)])
    assert origin.notes() == []


def test_what_was_said_of_an_origin_is_forgotten_when_it_is_an_edge(engine: Engine, origin: Origin) -> None:
    Writer(engine, "a").write([origin.poll(strange, listed=True)])
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE server SET role = 'edge'")
    origin.role = Role.EDGE
    Writer(engine, "b").write([origin.poll(recorded, listed=False)])
    assert origin.notes() == []


def test_a_poll_out_of_the_spool_brings_what_its_list_left_out(engine: Engine, origin: Origin, tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10**6)
    spool.append([origin.poll(strange, listed=True), origin.poll(strange, listed=False)])
    oldest = spool.oldest()
    assert oldest is not None
    Writer(engine, "a").write(oldest[1])
    spool.close()
    assert origin.notes() == UNKNOWN


class Counted(BaseHTTPRequestHandler):
    """Serves an SRS origin and counts what it is asked for by path."""

    answer: Answer
    asked: Counter[str]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        type(self).asked[path] += 1
        body = type(self).answer(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, Counter[str]]]:
    """A server that answers so: its address, and how often each path was asked for."""
    asked: Counter[str] = Counter()
    handler = type("Answering", (Counted,), {"answer": staticmethod(answer), "asked": asked})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=httpd.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}", asked
    finally:
        httpd.shutdown()
        httpd.server_close()


@contextmanager
def polling(engine: Engine, folder: Path, answer: Answer) -> Iterator[tuple[Daemon, int, Counter[str]]]:
    """A daemon that polls one such origin every second, wants its clients once a minute, and what it has asked for."""
    with serving(answer) as (url, asked):
        fields = {"name": "origin-1", "kind": "srs", "url": url, "role": "origin"}
        server_id = add_server(engine, fields, key="", by=LOCAL_ADMIN)
        daemon = Daemon(
            load(data_dir=folder, poll_interval=1.0, poll_deadline=0.9, clients_interval=60, collector_name="a"),
            engine,
            watch=0.1,
        )
        daemon.start()
        try:
            yield daemon, server_id, asked
        finally:
            daemon.stop()


@pytest.mark.parametrize("answer", [recorded, strange, unreadable])
def test_clients_are_asked_for_once_a_while_whether_they_could_be_listed_or_not(
    engine: Engine, tmp_path: Path, answer: Answer
) -> None:
    with polling(engine, tmp_path, answer) as (_daemon, _server_id, asked):
        eventually(lambda: asked["/api/v1/summaries"] >= 4)
    assert asked["/api/v1/clients/"] == 1


def test_clients_that_could_not_be_listed_are_asked_for_again_when_their_time_has_come(
    engine: Engine, tmp_path: Path
) -> None:
    with polling(engine, tmp_path, unreadable) as (daemon, server_id, asked):
        eventually(lambda: server_id in daemon._listed)
        daemon._listed[server_id] -= timedelta(seconds=60)
        eventually(lambda: asked["/api/v1/clients/"] == 2)
        polls = asked["/api/v1/summaries"]
        eventually(lambda: asked["/api/v1/summaries"] >= polls + 2)
    assert asked["/api/v1/clients/"] == 2


def test_a_poll_that_brought_nothing_leaves_the_list_due(engine: Engine, tmp_path: Path) -> None:
    # Not even the summaries could be read: nobody asked for the clients yet.
    there = False

    def answer(path: str) -> bytes:
        return recorded(path) if there else b'{"code":1061}'

    with polling(engine, tmp_path, answer) as (_daemon, _server_id, asked):
        eventually(lambda: asked["/api/v1/summaries"] >= 2)
        assert asked["/api/v1/clients/"] == 0
        there = True
        eventually(lambda: asked["/api/v1/clients/"] == 1)
