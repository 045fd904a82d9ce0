"""Lists of clients: who is connected to an SRS or an nginx-rtmp server, read where wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from cdn.model import Kind, PollError, Reading, Reason, Role
from collector.own import known
from collector.pulls import told_apart
from collector.sources import SOURCES
from collector.sources.script import Ask, Reply, Wanted, run
from db.fleet import Place
from tests.recorded import FIXTURES, target

Rows = list[dict[str, Any]]


def rows(name: str = "origin-live") -> Rows:
    """The recorded clients of an SRS server."""
    listed: Rows = orjson.loads((FIXTURES / "srs" / name / "clients.json").read_bytes())["clients"]
    return listed


def read(
    clients: Rows | Callable[[str], bytes], role: Role = Role.ORIGIN, most: int = 10_000, name: str = "origin-live"
) -> Reading:
    """An SRS server read with its clients: as recorded, but for the clients."""

    def answer(ask: Ask) -> Reply:
        if ask.path.startswith("/api/v1/clients/"):
            return Reply(clients(ask.path) if callable(clients) else page(clients))
        part = "summaries" if ask.path == "/api/v1/summaries" else "streams"
        return Reply((FIXTURES / "srs" / name / f"{part}.json").read_bytes())

    return run(SOURCES[Kind.SRS].read(target(role=role), Wanted(2_000, clients=True, max_clients=most)), answer)


def page(clients: Rows) -> bytes:
    return orjson.dumps({"code": 0, "server": "vid-1", "service": "s", "pid": "1", "clients": clients})


def test_the_clients_of_an_origin_are_read_as_they_were_recorded() -> None:
    reading = read(rows())
    assert reading.clients is not None
    found = {client.id: client for client in reading.clients}
    assert len(found) == 7
    pull = found["8s724u87"]
    assert (pull.url, pull.address, pull.kind, pull.publishing) == ("/live/alpha", "127.0.0.1", "rtmp-play", False)
    assert (pull.sent, pull.connected) == (13_799_905, 142.72)
    assert found["1832m35x"].publishing
    assert reading.notes == ()


def test_without_being_wanted_they_are_not_asked_for() -> None:
    asked = []

    def answer(ask: Ask) -> Reply:
        asked.append(ask.path)
        part = "summaries" if ask.path == "/api/v1/summaries" else "streams"
        return Reply((FIXTURES / "srs/origin-live" / f"{part}.json").read_bytes())

    reading = run(SOURCES[Kind.SRS].read(target(role=Role.ORIGIN), Wanted(2_000)), answer)
    assert reading.clients is None
    assert not any("clients" in path for path in asked)


def test_of_the_recorded_clients_one_edge_pulls_two_streams_and_two_people_watch() -> None:
    """Everything runs on one machine there: of an address one client a stream is the edge that is known."""
    own = known([Place(1, True, False, (), "127.0.0.1"), Place(2, False, True, (), "127.0.0.1")])
    reading = read(rows())
    found = told_apart(reading.clients or (), own, 1)
    assert found.pulls == {"/live/alpha": 1, "/live/beta": 1}
    assert found.publishers == {"/live/alpha": 1, "/live/beta": 1, "cdn.lab/live/gamma": 1}
    assert found.sent == {"8s724u87": 13_799_905, "o545f38p": 6_635_821}
    clients = {stream.url: stream.clients or 0 for stream in reading.streams or ()}
    assert {url: count - found.publishers[url] - found.pulls.get(url, 0) for url, count in clients.items()} == {
        "/live/alpha": 1,
        "/live/beta": 1,
        "cdn.lab/live/gamma": 0,
    }


def test_types_we_do_not_know_count_as_viewers_and_are_said() -> None:
    listed = rows()
    listed[0]["type"] = "moq-play"
    reading = read(listed)
    assert reading.notes == ("1 clients of types we do not know count as viewers: moq-play.",)
    assert {stream.url: stream.viewers for stream in reading.streams or ()}["/live/beta"] == 2


def test_a_publisher_is_told_by_what_it_does_not_by_its_type() -> None:
    listed = rows()
    for client in listed:
        client["type"] = "srt-publish" if client["publish"] else client["type"]
    assert sum(client.publishing for client in read(listed).clients or ()) == 3


def test_a_list_of_several_pages_is_read_to_its_end_though_it_shifts() -> None:
    many = [{**rows()[0], "id": f"client-{number}"} for number in range(2_500)]
    asked = []

    def answer(path: str) -> bytes:
        start = int(path.partition("start=")[2].partition("&")[0])
        asked.append(start)
        # One came meanwhile: everybody moves down, and one is listed twice.
        return page(many[max(start - 1, 0) :][:1_000])

    reading = read(answer)
    assert asked == [0, 1_000, 2_000]
    assert len(reading.clients or ()) == 2_500
    assert reading.clients_complete


def test_a_list_that_is_too_long_is_cut_and_said() -> None:
    many = [{**rows()[0], "id": f"client-{number}"} for number in range(3_000)]

    def answer(path: str) -> bytes:
        start = int(path.partition("start=")[2].partition("&")[0])
        return page(many[start:][:1_000])

    reading = read(answer, most=1_500)
    assert (len(reading.clients or ()), reading.clients_complete) == (1_500, False)
    assert reading.notes == ("More than 1,500 clients: the rest is not read, so its viewers are not known.",)


def test_clients_that_cannot_be_read_do_not_hide_the_rest() -> None:
    def answer(path: str) -> bytes:
        raise PollError(Reason.TIMED_OUT, f"GET {path} got no answer for 4 s")

    reading = read(answer)
    assert reading.clients is None
    assert len(reading.streams or ()) == 3
    assert reading.notes[0].startswith("Its clients could not be read, so its viewers are not known: GET /api/v1/cli")


@pytest.mark.parametrize("broken", [b"[]", b'{"code":0,"urls":{}}', b'{"code":2048}', b'{"code":0,"clients":[7]}'])
def test_a_list_of_clients_that_is_none_is_said_and_left_out(broken: bytes) -> None:
    reading = read(lambda _: broken)
    assert (reading.clients, len(reading.notes)) == (None, 1)


def test_every_client_of_an_rtmp_server_is_in_its_one_answer() -> None:
    answer = Reply((FIXTURES / "nginx_rtmp/rtmp_stat.xml").read_bytes(), "nginx/1.22.1")
    source = SOURCES[Kind.NGINX_RTMP]
    reading = run(source.read(target(Kind.NGINX_RTMP), Wanted(100, clients=True)), lambda _: answer)
    assert [(client.url, client.kind, client.publishing, client.sent) for client in reading.clients or ()] == [
        ("/live/delta", "player", False, None),
        ("/live/delta", "publisher", True, None),
    ]
    alone = run(source.read(target(Kind.NGINX_RTMP), Wanted(100)), lambda _: answer)
    assert alone.clients is None
