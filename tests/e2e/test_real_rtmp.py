"""A minute of real television through nginx with RTMP: what the product stores against what went over the wire."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest
from sqlalchemy import Engine, create_engine, text

from actions.add_server import add_server
from cdn.model import LOCAL_ADMIN
from cdn.settings import load
from collector.daemon import Daemon
from db import embedded
from db import engine as engines
from db.secrets import new_key
from tests.real_nginx import (
    HANDSHAKE,
    HEIGHT,
    WIDTH,
    Relay,
    RtmpServer,
    end,
    missing,
    player,
    publisher,
    running,
    serving,
)
from tests.test_collector import eventually
from tests.test_writer import every, one

LACKING = missing()
pytestmark = [
    pytest.mark.skipif(bool(LACKING), reason=f"not installed: {LACKING}"),
    # The first test waits for the minute that all of them look at.
    pytest.mark.timeout(240),
]
SECONDS = 60.0
INTERVAL = 1.0
PLAYERS = 2
# What the figures may be off.
PROMISED = 0.05
Row = tuple[object, ...]


@dataclass(frozen=True)
class Minute:
    """What was sent, and the database with what the collector made of it. Moments are seconds of the epoch.

    watched: between two polls of the RTMP server with everybody connected all the time.
    left: when the publisher had left. requests: what was asked of nginx besides the polls.
    status, stream: as stored while everybody was connected; afterwards: of the stream, two polls after `left`.
    """

    stored: Engine
    published: Relay
    played: Relay
    watched: tuple[float, float]
    left: float
    requests: int
    status: Row
    stream: Row
    afterwards: Row

    def sent(self, begin: float = 0.0, until: float = float("inf")) -> int:
        """Bytes that left nginx over RTMP."""
        return sum(relay.from_server.at(until) - relay.from_server.at(begin) for relay in (self.published, self.played))

    def received(self, begin: float = 0.0, until: float = float("inf")) -> int:
        """Bytes that came to nginx over RTMP."""
        return sum(relay.to_server.at(until) - relay.to_server.at(begin) for relay in (self.published, self.played))

    def handshakes(self) -> int:
        """Bytes of all handshakes, in one direction."""
        return HANDSHAKE * (self.published.connections + self.played.connections)


@pytest.fixture(scope="module")
def stored(cluster: embedded.Cluster) -> Iterator[Engine]:
    """A migrated database for all tests of this module."""
    maker = create_engine(cluster.url("postgres"), isolation_level="AUTOCOMMIT")
    with maker.connect() as connection:
        connection.execute(text("CREATE DATABASE minute TEMPLATE migrated"))
    maker.dispose()
    made = engines.create(cluster.url("minute"))
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def minute(stored: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Minute]:
    folder = tmp_path_factory.mktemp("rtmp")
    with serving(folder) as nginx:
        daemon = polling(stored, nginx, folder / "data")
        published, played = Relay(nginx.rtmp), Relay(nginx.rtmp)
        try:
            yield watch(stored, nginx, published, played)
        finally:
            daemon.stop()
            published.close()
            played.close()


def polling(stored: Engine, nginx: RtmpServer, folder: Path) -> Daemon:
    """A collector that polls both kinds of statistics of `nginx`."""
    key = new_key()
    for kind, path in (("nginx_rtmp", "/stat"), ("nginx", "/nginx_status")):
        fields = {"name": kind, "kind": kind, "role": "edge", "url": nginx.url(path)}
        add_server(stored, fields, key=key, by=LOCAL_ADMIN)
    # A machine that is busy for a while makes no poll fail.
    patient = {"poll_deadline": 30.0, "connect_timeout": 30.0, "read_timeout": 30.0}
    config = load(data_dir=folder, poll_interval=INTERVAL, collector_name="c", secret_key=key, **patient)
    daemon = Daemon(config, stored)
    daemon.start()
    return daemon


def watch(stored: Engine, nginx: RtmpServer, published: Relay, played: Relay) -> Minute:
    """Publish, play and ask for pages for a minute; then the publisher leaves, two polls later the players."""
    await_polls(stored, 1)
    with running(publisher(published.port, "news")) as publishing:
        eventually(lambda: newest(stored, "live_streams") == (1,), 20)
        with running(player(played.port, "news"), abruptly=True), running(player(played.port, "news"), abruptly=True):
            eventually(lambda: newest(stored, "viewers") == (PLAYERS,), 20)
            begin = await_polls(stored, 1)
            requests = ask(nginx, SECONDS)
            until = await_polls(stored, 1)
            status = newest(stored, "viewers, live_streams, connections")
            stream = one(stored, "SELECT publishing, viewers, video, audio, width, height FROM stream_status")
            end(publishing)
            left = time.time()
            await_polls(stored, 2)
            afterwards = one(stored, "SELECT publishing, viewers FROM stream_status")
    # The last words of the players, too.
    await_polls(stored, 2)
    return Minute(stored, published, played, (begin, until), left, requests, status, stream, afterwards)


def ask(nginx: RtmpServer, seconds: float) -> int:
    """Ask nginx for pages for so long; returns how many."""
    count, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        urlopen(nginx.url("/hello")).read()  # noqa: S310 — always http
        count += 1
        time.sleep(0.1)
    return count


def await_polls(stored: Engine, count: int) -> float:
    """Wait until each server was polled `count` times from now on; returns the last poll of the RTMP server."""
    began = time.time()
    query = (
        "SELECT kind, extract(epoch FROM max(at))::float FROM sample JOIN server ON id = server_id"
        " WHERE at > to_timestamp(:began) GROUP BY kind HAVING count(*) >= :count"
    )
    last: dict[str, float] = {}

    def polled() -> bool:
        last.update((str(kind), float(str(at))) for kind, at in every(stored, query, began=began, count=count))
        return len(last) == 2

    eventually(polled, 20)
    return last["nginx_rtmp"]


def newest(stored: Engine, columns: str) -> Row:
    """Of the RTMP server's newest good poll; empty before it."""
    query = f"SELECT {columns} FROM server_status JOIN server ON id = server_id WHERE kind = 'nginx_rtmp' AND up"
    return (every(stored, query) or [()])[0]


def numbers(stored: Engine, query: str, **parameters: object) -> list[float]:
    """The one row that `query` gives."""
    return [float(str(each)) for each in one(stored, query, **parameters)]


def test_a_minute_of_traffic_is_what_went_over_the_wire(minute: Minute) -> None:
    begin, until = minute.watched
    assert until - begin >= SECONDS
    # Moments are rounded to microseconds on their way: a millisecond is more than that and less than an interval.
    query = (
        "SELECT sum(egress_bytes), sum(ingress_bytes), sum(counted_seconds) FROM sample"
        " JOIN server ON id = server_id WHERE kind = 'nginx_rtmp'"
        " AND at > to_timestamp(:begin) + interval '1 ms' AND at < to_timestamp(:until) + interval '1 ms'"
    )
    egress, ingress, seconds = numbers(minute.stored, query, begin=begin, until=until)
    sent, received = minute.sent(begin, until), minute.received(begin, until)
    assert received > 1_000_000
    assert sent == pytest.approx(PLAYERS * received, rel=PROMISED)
    assert egress == pytest.approx(sent, rel=PROMISED)
    assert ingress == pytest.approx(received, rel=PROMISED)
    assert egress / seconds == pytest.approx(sent / (until - begin), rel=PROMISED)


def test_over_a_whole_broadcast_everything_but_the_handshakes_is_counted(minute: Minute) -> None:
    totals = "SELECT sum(egress_bytes), sum(ingress_bytes) FROM {}"
    counted = numbers(minute.stored, totals.format("sample"))
    truth = [minute.sent() - minute.handshakes(), minute.received() - minute.handshakes()]
    # Measured to the byte; a tenth of a handshake leaves room for what is under way when a connection breaks.
    assert counted == pytest.approx(truth, abs=HANDSHAKE / 10)
    assert numbers(minute.stored, totals.format("traffic_1m")) == counted


def test_a_streams_traffic_is_that_of_its_publisher_and_players(minute: Minute) -> None:
    told = "SELECT egress_bytes, ingress_bytes FROM stream_sample"
    pending = "SELECT pending_egress_bytes, pending_ingress_bytes FROM stream_status"
    query = f"SELECT sum(egress_bytes), sum(ingress_bytes) FROM ({told} UNION ALL {pending}) AS minutes"
    assert numbers(minute.stored, query) == pytest.approx([minute.sent(), minute.received()], rel=PROMISED)


def test_viewers_streams_and_format_are_those_of_the_broadcast(minute: Minute) -> None:
    assert minute.status == (PLAYERS, 1, PLAYERS + 1)
    assert minute.stream == (True, PLAYERS, "H264 Main", "AAC LC", WIDTH, HEIGHT)


def test_the_publisher_leaving_is_seen_by_the_second_poll_while_players_wait(minute: Minute) -> None:
    query = (
        "SELECT live_streams FROM sample JOIN server ON id = server_id"
        " WHERE kind = 'nginx_rtmp' AND at > to_timestamp(:left) ORDER BY at LIMIT 2"
    )
    assert every(minute.stored, query, left=minute.left)[1] == (0,)
    assert minute.afterwards == (False, PLAYERS)


def test_every_request_is_counted_and_no_poll_failed(minute: Minute) -> None:
    # The statistics of RTMP are asked for twice a poll: there might be another worker.
    query = (
        "SELECT sum(requests), (SELECT sum(CASE server.kind WHEN 'nginx_rtmp' THEN 2 ELSE 1 END)"
        " FROM sample AS poll JOIN server ON server.id = poll.server_id"
        " WHERE poll.at > min(sample.at) AND poll.at <= max(sample.at))"
        " FROM sample JOIN server ON id = server_id WHERE kind = 'nginx'"
    )
    counted, asked = numbers(minute.stored, query)
    # A poll of the other statistics may fall on the border.
    assert counted - asked == pytest.approx(minute.requests, abs=2)
    assert one(minute.stored, "SELECT count(*) FROM sample WHERE NOT up") == (0,)
