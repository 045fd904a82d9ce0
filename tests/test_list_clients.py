"""Who is connected: asked of a server once, over real HTTP, with recorded and with many clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from sqlalchemy import Engine

from actions.add_server import add_server
from actions.list_clients import list_clients
from cdn.errors import Forbidden, Unknown
from cdn.model import LOCAL_ADMIN, Actor, Kind, PollError, Reason, Role, Target
from cdn.settings import load
from collector import detect
from db.fleet import Place
from tests.recorded import FIXTURES
from ui import connected

LIVE = FIXTURES / "srs/origin-live"
SETTINGS = load(max_clients_per_server=2_000)
OPERATOR = Actor("olga", "operator")


@contextmanager
def answering(answer: Callable[[str], bytes]) -> Iterator[str]:
    """A server that answers each path so, as long as the block runs; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answer(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=httpd.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}"
    finally:
        httpd.shutdown()
        httpd.server_close()


def recorded(path: str) -> bytes:
    """As the recorded SRS origin answered."""
    return (LIVE / f"{urlsplit(path).path.removeprefix('/api/v1/').strip('/')}.json").read_bytes()


def many(count: int) -> Callable[[str], bytes]:
    """The recorded origin with `count` players, in pages."""
    rows = orjson.loads(recorded("/api/v1/clients/"))["clients"]
    player = next(row for row in rows if row["type"] == "rtmp-play")

    def answer(path: str) -> bytes:
        if not path.startswith("/api/v1/clients/"):
            return recorded(path)
        query = parse_qs(urlsplit(path).query)
        start, page = int(query["start"][0]), int(query["count"][0])
        numbers = range(start, min(start + page, count))
        clients = [{**player, "id": str(number), "ip": f"198.51.100.{number % 250}"} for number in numbers]
        return orjson.dumps({"code": 0, "clients": clients})

    return answer


def target(url: str, kind: Kind = Kind.SRS) -> Target:
    return Target(1, "origin-1", kind, url, Role.ORIGIN, 15.0)


def test_recorded_clients_are_told_apart() -> None:
    own = Place(2, False, True, ("127.0.0.1/32",), "10.0.0.2")
    with answering(recorded) as url:
        found = detect.list_clients(target(url), SETTINGS, [own])
    assert found.clients is not None
    assert found.complete
    assert len(found.clients) == 7
    assert connected.summary(found.clients, found.own) == "3 publishers, 2 own servers, 2 players from 1 address"
    rows = connected.stream_rows(found.clients, found.own)
    # Players, their addresses, own servers, publishers. Of a second pull of one stream by one server: a viewer.
    assert [[str(cell) for cell in row.cells] for row in rows] == [
        ["/live/alpha", "1", "1", "1", "1"],
        ["/live/beta", "1", "1", "1", "1"],
        ["cdn.lab/live/gamma", "0", "0", "0", "1"],
    ]


def test_a_list_is_read_to_its_last_page() -> None:
    with answering(many(1_500)) as url:
        found = detect.list_clients(target(url), SETTINGS)
    assert found.complete
    assert len(found.clients or ()) == 1_500
    assert connected.summary(found.clients or (), found.own).endswith("1,500 players from 250 addresses")


def test_a_list_that_is_too_long_is_cut_and_says_so() -> None:
    with answering(many(4_500)) as url:
        found = detect.list_clients(target(url), SETTINGS)
    assert (len(found.clients or ()), found.complete) == (2_000, False)


def test_an_nginx_with_rtmp_tells_its_clients_but_not_their_bytes() -> None:
    page = (FIXTURES / "nginx_rtmp/rtmp_stat.xml").read_bytes()
    with answering(lambda _: page) as url:
        found = detect.list_clients(target(f"{url}/stat", Kind.NGINX_RTMP), SETTINGS)
        ours = detect.list_clients(
            target(f"{url}/stat", Kind.NGINX_RTMP), SETTINGS, [Place(2, False, True, (), "127.0.0.1")]
        )
    assert connected.summary(found.clients or (), found.own) == "1 publisher, 0 own servers, 1 player from 1 address"
    assert connected.summary(ours.clients or (), ours.own) == "1 publisher, 1 own server, 0 players"
    assert "not counted one by one here" in str(next(connected.largest(found.clients or (), found.own)).cells)


def test_a_list_that_cannot_be_read_leaves_the_reason() -> None:
    def answer(path: str) -> bytes:
        return b'{"code": 1061}' if path.startswith("/api/v1/clients/") else recorded(path)

    with answering(answer) as url:
        found = detect.list_clients(target(url), SETTINGS)
    assert found.clients is None
    assert "code 1061" in found.notes[-1]


def test_the_largest_connections_are_those_with_most_bytes() -> None:
    with answering(recorded) as url:
        found = detect.list_clients(target(url), SETTINGS)
    rows = [[str(cell) for cell in row.cells] for row in connected.largest(found.clients or (), found.own)]
    assert rows[0] == ["127.0.0.1", "Player", "/live/alpha", "hls-play", "2 min", "16.2 MB", "6.4 kB"]
    assert len(rows) == 7


def test_a_stored_server_is_asked_by_an_operator_and_by_nobody_less(engine: Engine) -> None:
    with answering(recorded) as url:
        fields = {"name": "origin-1", "kind": "srs", "url": url, "role": "origin"}
        server_id = add_server(engine, fields, key="", by=LOCAL_ADMIN)
        found = list_clients(engine, server_id, settings=SETTINGS, by=OPERATOR)
        assert len(found.clients or ()) == 7
        with pytest.raises(Forbidden):
            list_clients(engine, server_id, settings=SETTINGS, by=Actor("vera", "viewer"))


def test_a_server_that_lists_no_clients_is_not_asked(engine: Engine) -> None:
    fields = {"name": "edge-1", "kind": "nginx", "url": "http://127.0.0.1:9/status", "role": "edge"}
    server_id = add_server(engine, fields, key="", by=LOCAL_ADMIN)
    for unknown in (server_id, server_id + 1):
        with pytest.raises(Unknown):
            list_clients(engine, unknown, settings=SETTINGS, by=OPERATOR)


def test_a_server_that_does_not_answer_says_why(engine: Engine) -> None:
    with answering(recorded) as url:
        pass
    server_id = add_server(
        engine, {"name": "origin-1", "kind": "srs", "url": url, "role": "origin"}, key="", by=LOCAL_ADMIN
    )
    with pytest.raises(PollError) as caught:
        list_clients(engine, server_id, settings=SETTINGS, by=OPERATOR)
    assert caught.value.reason is Reason.REFUSED
