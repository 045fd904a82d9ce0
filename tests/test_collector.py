"""The daemon, the store and the spool: real HTTP servers polled, changes noticed, an absent database survived."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from socket import socket
from threading import Event, Thread

import pytest
from sqlalchemy import Engine, create_engine

from actions.add_server import add_server
from actions.change_server import change_server, pause_server, retire_server
from cdn.model import LOCAL_ADMIN, Poll, Reason
from cdn.settings import Settings, load
from collector.daemon import Daemon
from collector.share import phase, share
from collector.spool import Spool, SpoolTaken
from collector.store import Store
from collector.writer import Writer
from db.secrets import new_key
from tests.readings import FakeServer, moment
from tests.recorded import FIXTURES
from tests.test_writer import every, new_server, one


class Recorded(BaseHTTPRequestHandler):
    """Serves the recorded answers of an SRS origin."""

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].removeprefix("/api/v1/").strip("/")
        known = name in ("summaries", "streams", "clients")
        body = (FIXTURES / f"srs/origin-live/{name}.json").read_bytes() if known else b"{}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "Close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def srs_url() -> Iterator[str]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Recorded)
    Thread(target=httpd.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path, poll_interval=1.0, poll_deadline=1.0, collector_name="collector-1")


def eventually(check: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until `check` holds."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)


@pytest.fixture
def daemon(engine: Engine, config: Settings) -> Iterator[Daemon]:
    running = Daemon(config, engine, watch=0.1)
    running.start()
    yield running
    running.stop()


def test_recorded_answers_come_over_http_into_the_database(
    engine: Engine, config: Settings, srs_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    add_server(engine, {"name": "origin-1", "kind": "srs", "url": srs_url, "role": "origin"}, key="", by=LOCAL_ADMIN)
    add_server(
        engine,
        {"name": "gone-1", "kind": "srs", "url": "http://127.0.0.1:1", "role": "edge"},
        key="",
        by=LOCAL_ADMIN,
    )
    running = Daemon(config, engine, watch=0.1)
    running.start()
    eventually(lambda: one(engine, "SELECT count(*) >= 4 FROM sample") == (True,))
    running.stop()
    rows = every(
        engine, "SELECT name, up, software, reason, viewers FROM server_status JOIN server ON id = server_id ORDER BY 1"
    )
    assert rows == [("gone-1", False, None, "refused", None), ("origin-1", True, "SRS 6.0.157", None, 2.0)]
    # Of four players two have the address of the other server: it pulls, and that is a link.
    assert every(
        engine,
        "SELECT puller.name, origin.name FROM server_origin JOIN server puller ON puller.id = server_id"
        " JOIN server origin ON origin.id = origin_id",
    ) == [("gone-1", "origin-1")]
    assert one(engine, "SELECT count(*) FROM stream_status WHERE gone_at IS NULL") == (3,)
    assert one(engine, "SELECT stopped_at IS NOT NULL, servers FROM collector") == (True, 2)
    told = [record.getMessage() for record in caplog.records if "gone-1" in record.getMessage()]
    assert len(told) == 1  # one line for a change of state, not one a poll
    assert "refuses the connection" in told[0]


def test_silent_servers_do_not_hold_up_the_others(engine: Engine, config: Settings, srs_url: str) -> None:
    with socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(200)  # takes connections and never says a word
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for number in range(40):
            fields = {"name": f"silent-{number}", "kind": "srs", "url": url, "role": "edge"}
            add_server(engine, fields, key="", by=LOCAL_ADMIN)
        good = {"name": "origin-1", "kind": "srs", "url": srs_url, "role": "origin"}
        server_id = add_server(engine, good, key="", by=LOCAL_ADMIN)
        running = Daemon(config, engine, watch=0.1)
        running.start()
        polls = "SELECT count(*) FROM sample WHERE server_id = :id AND up"
        eventually(lambda: int(str(one(engine, polls, id=server_id)[0])) >= 3)
        eventually(lambda: one(engine, "SELECT count(*) FROM server_status WHERE reason = 'timed_out'") == (40,))
        running.stop()
    apart = "SELECT max(at - since) < interval '3 seconds' FROM sample WHERE server_id = :id"
    assert one(engine, apart, id=server_id) == (True,)


def test_changes_of_the_fleet_are_noticed(engine: Engine, daemon: Daemon, srs_url: str) -> None:
    fields = {"name": "origin-1", "kind": "srs", "url": srs_url, "role": "origin"}
    server_id = add_server(engine, fields, key="", by=LOCAL_ADMIN)
    eventually(lambda: one(engine, "SELECT count(*) > 0 FROM sample WHERE up") == (True,))
    (version,) = one(engine, "SELECT version FROM server")
    broken = {**fields, "url": "http://127.0.0.1:1"}
    change_server(engine, server_id, int(str(version)), broken, key="", by=LOCAL_ADMIN)
    eventually(lambda: one(engine, "SELECT up FROM server_status") == (False,))
    pause_server(engine, server_id, paused=True, by=LOCAL_ADMIN)
    eventually(lambda: one(engine, "SELECT servers FROM collector") == (0,))
    pause_server(engine, server_id, paused=False, by=LOCAL_ADMIN)
    eventually(lambda: one(engine, "SELECT servers FROM collector") == (1,))
    retire_server(engine, server_id, by=LOCAL_ADMIN, now=moment(0))
    eventually(lambda: one(engine, "SELECT servers FROM collector") == (0,))


def test_a_server_of_a_secret_we_cannot_read_is_not_asked(engine: Engine, daemon: Daemon, srs_url: str) -> None:
    fields = {"name": "origin-1", "kind": "srs", "url": srs_url, "role": "origin", "user": "u", "password": "p"}
    add_server(engine, fields, key=new_key(), by=LOCAL_ADMIN)
    eventually(lambda: every(engine, "SELECT reason FROM server_status") == [("no_credentials",)])


def polls(server: FakeServer, number: int) -> list[Poll]:
    made = []
    for _ in range(number):
        made.append(server.poll(since=moment(server.seconds - 15)))
        server.grow(15, 1_000)
    return made


def batch(spool: Spool) -> list[Poll]:
    """Take the oldest batch out of the spool."""
    oldest = spool.oldest()
    assert oldest is not None
    path, polls = oldest
    spool.remove(path)
    return polls


def test_spooled_polls_come_back_whole_and_in_order(tmp_path: Path) -> None:
    server = FakeServer(1)
    server.streams = {"/live/ä\n": 5}
    made = [*polls(server, 5), server.failed(Reason.TIMED_OUT)]
    spool = Spool(tmp_path, 10**6)
    spool.append(made[:2])
    spool.append(made[2:])
    spool.close()
    again = Spool(tmp_path, 10**6)
    assert len(again) == 6
    assert batch(again) == made[:2]
    assert batch(again) == made[2:]
    assert again.oldest() is None
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_full_spool_drops_the_oldest_and_tells_how_many(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = polls(FakeServer(1), 10)
    spool = Spool(tmp_path, 2_000)
    for poll in made:
        spool.append([poll])
    kept = len(spool)
    assert 0 < kept < 10
    assert spool.dropped == 10 - kept
    assert "lost" in caplog.text
    assert batch(spool) == [made[-kept]]


def test_a_spool_file_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10**6)
    made = polls(FakeServer(1), 2)
    spool.append([made[0]])
    spool.append([made[1]])
    spool.close()
    first = min(tmp_path.glob("*.polls"))
    first.write_bytes(b'{"half')
    (tmp_path / "000000000009-1.part").write_bytes(b"x")
    again = Spool(tmp_path, 10**6)
    assert batch(again) == [made[1]]
    assert sorted(path.suffix for path in tmp_path.iterdir()) == ["", ".unreadable"]


def test_two_collectors_of_one_name_do_not_share_a_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10**6)
    with pytest.raises(SpoolTaken, match="COLLECTOR_NAME"):
        Spool(tmp_path, 10**6)
    spool.close()
    Spool(tmp_path, 10**6).close()


class Switched(Writer):
    """A writer whose database can be cut off."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, "a")
        self._there = engine
        self.away = False

    def write(self, polls: Iterable[Poll]) -> int:
        self._engine = create_engine("postgresql+psycopg2://u@127.0.0.1:1/none") if self.away else self._there
        return super().write(polls)


class FullDisk(Spool):
    """A spool whose disk takes nothing while `full`."""

    full = False

    def append(self, polls: Sequence[Poll]) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().append(polls)


def test_polls_outlive_an_absent_database_and_a_full_disk(engine: Engine, tmp_path: Path) -> None:
    writer, spool = Switched(engine), FullDisk(tmp_path, 10**7)
    store = Store(writer, spool)
    store.start()
    writer.away = spool.full = True
    made = polls(FakeServer(new_server(engine)), 5)
    for poll in made:
        store.put(poll)
    eventually(lambda: store._trouble_since is not None)
    writer.away = spool.full = False
    eventually(lambda: one(engine, "SELECT count(*) FROM sample") == (5,))
    store.stop(3)


class Stuck(Writer):
    """A writer whose database takes a batch and never answers until it is let go."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, "a")
        self.go = Event()

    def write(self, polls: Iterable[Poll]) -> int:
        self.go.wait(20)
        return super().write(polls)


def test_a_database_that_hangs_keeps_no_poll_in_memory_alone(engine: Engine, tmp_path: Path) -> None:
    writer = Stuck(engine)
    store = Store(writer, Spool(tmp_path, 10**7), stuck=0.1)
    store.start()
    made = polls(FakeServer(new_server(engine)), 6)
    store.put(made[0])
    eventually(lambda: store._writing_since is not None)
    time.sleep(0.2)
    for poll in made[1:]:
        store.put(poll)
    assert store.waiting == 5
    writer.go.set()
    eventually(lambda: one(engine, "SELECT count(*), sum(egress_bytes)::bigint FROM sample") == (6, 5_000))
    store.stop(3)


def test_polls_outlive_an_absent_database_and_are_stored_once(engine: Engine, tmp_path: Path) -> None:
    writer = Switched(engine)
    store = Store(writer, Spool(tmp_path, 10**7))
    store.start()
    made = polls(FakeServer(new_server(engine)), 30)
    store.put(made[0])
    eventually(lambda: one(engine, "SELECT count(*) FROM sample") == (1,))
    writer.away = True
    for poll in made[1:20]:
        store.put(poll)
    eventually(lambda: store.waiting == 19)
    writer.away = False
    for poll in made[20:]:
        store.put(poll)
    eventually(lambda: one(engine, "SELECT count(*) FROM sample") == (30,))
    store.stop(3)
    assert store.waiting == 0
    assert one(engine, "SELECT sum(egress_bytes)::bigint FROM sample") == (29_000,)
    # Every poll came with its own increase: nothing was lumped together, nothing counted twice.
    assert one(engine, "SELECT count(*) FROM sample WHERE egress_bytes = 1000") == (29,)


def test_what_was_seen_before_the_end_is_stored_or_kept_on_disk(engine: Engine, tmp_path: Path) -> None:
    writer = Switched(engine)
    made = polls(FakeServer(new_server(engine)), 4)
    store = Store(writer, Spool(tmp_path, 10**7))
    store.start()
    writer.away = True
    for poll in made[:2]:
        store.put(poll)
    store.stop(3)
    store = Store(Writer(engine, "a"), Spool(tmp_path, 10**7))
    assert store.waiting == 2
    store.start()
    for poll in made[2:]:
        store.put(poll)
    store.stop(5)
    assert one(engine, "SELECT count(*), sum(egress_bytes)::bigint FROM sample") == (4, 3_000)


def test_several_collectors_share_the_fleet_without_talking() -> None:
    fleet = range(1, 601)
    names = ["a", "b", "c"]
    parts = [share(fleet, names, name) for name in names]
    assert set().union(*parts) == set(fleet)
    assert sum(map(len, parts)) == 600
    assert all(150 < len(part) < 250 for part in parts)
    # When one goes, only its servers move.
    assert share(fleet, ["a", "b"], "a") >= parts[0]


def test_polls_are_spread_over_the_interval() -> None:
    moments = sorted(phase(server_id, 15.0) for server_id in range(1, 151))
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert max(gaps) < 0.3
    assert moments[0] >= 0
    assert moments[-1] < 15
