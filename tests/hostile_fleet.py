"""A fleet in which everything that can have a name has one of the hostile ones, polled over HTTP and stored."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

import orjson
import pytest
from sqlalchemy import Engine, text

from actions import passwords
from actions.add_server import add_server
from actions.adopt_puller import dismiss_puller
from actions.annotations import add_annotation
from actions.change_server import change_server, pause_server
from actions.contracts import add_contract
from actions.tokens import make_token
from actions.users import add_user
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN, Actor, Invalid, Poll
from cdn.settings import load
from collector.fetch import Fetcher
from collector.poll import StateLog, limits, poll
from collector.sources import SOURCES
from collector.sources.script import Wanted
from collector.writer import Writer
from db import fleet as fleets
from db import minutes, pullers
from tests.hostile_names import NAMES
from tests.recorded import FIXTURES

INTERVAL = 15.0
PASSWORD = "seven green boats"
# When all are asked, in seconds before now: the first increase reaches over minutes that are over, as charts need it.
ASKED = (107, 32, 17, 2)
# Of these the servers send so much that their regions have a line of their own in the chart.
LOUD = ("script", "plotly", "colour of the style sheet", "fields", "entities")
_JSON = {
    name: orjson.loads((FIXTURES / f"srs/origin-live/{name}.json").read_bytes())
    for name in ("summaries", "streams", "clients")
}


@dataclass
class Hostile:
    """The fleet over `engine`. servers, users, tokens: the names that forms took; refused: those they did not.

    streams: url → the name that was meant by it, as the source passes it on. records: all that was logged.
    """

    engine: Engine
    url: str
    servers: dict[str, int] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    records: list[logging.LogRecord] = field(default_factory=list)


def passed_on(name: str) -> str:
    """A name as a server's JSON has it: bytes that are no character are passed through."""
    return name.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def typed() -> dict[str, str]:
    """The names as somebody types them, by what they try: what forms cannot take is shortened and cleaned by hand."""
    found: dict[str, str] = {}
    for what, name in NAMES.items():
        short = normalize("NFC", "".join(char for char in name if char.isprintable())).strip()[:80].strip()
        if short and short not in found.values():
            found[what] = short
    return found


class _Servers(BaseHTTPRequestHandler):
    """One listener for all servers: the first part of a path says which one is asked."""

    protocol_version = "HTTP/1.1"
    # Head and body in one piece: else each answer on a kept connection waits for 40 ms.
    wbufsize = -1
    round = 0
    loud: frozenset[int] = frozenset()

    def do_GET(self) -> None:
        _, server, path = urlsplit(self.path).path.split("/", 2)
        number, failing = int(server.strip("f")), server.startswith("f")
        name = list(NAMES.values())[number % len(NAMES)]
        status, body = (500, b"") if failing and number % 3 == 0 else (200, self._body(number, name, path, failing))
        self.send_response(status, passed_on(name).encode("latin-1", "ignore").decode("latin-1").split("\n")[0][:100])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self, number: int, name: str, path: str, failing: bool) -> bytes:
        if failing:
            raw = name.encode("utf-8", "surrogatepass")
            return raw if number % 3 == 1 else _dumped({"code": name})
        if path.endswith("summaries"):
            factor = 100 if number in type(self).loud else 1
            return _dumped(_summaries(name, type(self).round, factor))
        if "clients" in path:
            return _dumped({**_JSON["clients"], "clients": list(_clients())}) if number == 0 else b'{"code":9}'
        return _dumped({**_JSON["streams"], "streams": list(_streams(number, name, type(self).round))})

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def _dumped(value: Any) -> bytes:
    """JSON in which halves of characters are what they are: orjson would refuse them."""
    return json.dumps(value).encode()


def _summaries(version: str, turn: int, factor: int) -> dict[str, Any]:
    answer: dict[str, Any] = orjson.loads(orjson.dumps(_JSON["summaries"]))
    own, system = answer["data"]["self"], answer["data"]["system"]
    # Software changes once, so that both of its names are told as an event.
    own["version"] = version if turn != 2 else f"6 {version}"
    own["cpu_percent"] = version  # no number: said in a note
    answer["service"] = version
    seconds = ASKED[0] - ASKED[turn]
    system["srs_sample_time"] += seconds * 1_000
    answer["data"]["now_ms"] += seconds * 1_000
    own["srs_uptime"] += seconds
    system["srs_send_bytes"] += turn * factor * 9_000_000
    system["srs_recv_bytes"] += turn * 90_000_000
    return answer


def _streams(number: int, name: str, turn: int) -> Iterator[dict[str, Any]]:
    """On server 0 a stream of every name; on each other one of its own."""
    row = _JSON["streams"]["streams"][0]
    names = enumerate(NAMES.values()) if number == 0 else [(number, name)]
    for place, each in names:
        # Every third one is called so in whole, the others in their name, or in app and vhost.
        url = (f"/live/{each}", each if each.strip() else f"/live/{each}", f"{each}/{each}/s{place}")[place % 3]
        # What changes is told as an event.
        codec = each if turn != 2 else f"H265 {each}"
        yield {
            **row,
            "id": f"{place}-{each}",
            "url": url,
            "name": each,
            "app": each,
            "clients": 3 + number % 5,
            "send_bytes": 1_000_000 * turn * (place + 1),
            "recv_bytes": 100_000 * turn,
            "frames": 375 * turn,
            "publish": {"active": True, "cid": each if turn < 3 else f"{each}{turn}"},
            "video": {"codec": codec, "profile": each, "width": 640, "height": 360},
            "audio": {"codec": each, "profile": each, "sample_rate": 44_100},
        }


def _clients() -> Iterator[dict[str, Any]]:
    row = _JSON["clients"]["clients"][0]
    for place, name in enumerate(NAMES.values()):
        yield {
            **row,
            "id": f"{place}{name}",
            "stream": f"{place}-{name}",
            "ip": name,
            "type": name if place % 2 else "rtmp-play",
        }
    # A server nobody entered: it pulls several streams.
    for place in range(4):
        yield {**row, "id": f"pull-{place}", "url": f"/live/{place}", "ip": "198.51.100.7", "type": "rtmp-play"}


class _Kept(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


@contextmanager
def hostile(engine: Engine) -> Iterator[Hostile]:
    """Such a fleet, its servers answering as long as the block runs."""
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), _Servers)
    Thread(target=httpd.serve_forever, args=(0.05,), daemon=True).start()
    fleet = Hostile(engine, f"http://127.0.0.1:{httpd.server_port}")
    kept, root = _Kept(fleet.records), logging.getLogger()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.INFO)
    try:
        with pytest.MonkeyPatch.context() as patch:
            # To hash a password takes long on purpose: once is enough for so many people.
            patch.setattr(passwords, "hashed", cache(passwords.hashed))
            _enter(fleet)
        _poll(fleet)
        _found(fleet)
        _told_no_more(kept, level)
        yield fleet
    finally:
        _told_no_more(kept, level)
        httpd.shutdown()
        httpd.server_close()


def _told_no_more(kept: logging.Handler, level: int) -> None:
    logging.getLogger().removeHandler(kept)
    logging.getLogger().setLevel(level)


def _enter(fleet: Hostile) -> None:
    """What people type: as it is first, to be refused or taken, then as a form takes it."""
    engine = fleet.engine
    for what, name in NAMES.items():
        number = len(fleet.servers)
        try:
            fields = {"name": name, "kind": "srs", "role": "edge", "url": f"{fleet.url}/{number}", "region": name}
            fleet.servers[name.strip()] = add_server(engine, fields, key="", by=LOCAL_ADMIN)
        except Invalid as fault:
            fleet.refused[what] = str(fault)
    names = typed()
    for what, name in names.items():
        number = _server(fleet, name)
        if what in LOUD:
            _Servers.loud |= {number}
        role = ("admin", "operator", "viewer")[len(fleet.users) % 3] if fleet.users else "admin"
        try:
            fleet.users[name] = add_user(engine, name, role, PASSWORD, by=LOCAL_ADMIN, must_change=False)
        except Invalid as fault:
            fleet.refused[f"user {what}"] = str(fault)
        by = Actor(name, "admin", "password", "192.0.2.7")
        make_token(engine, name, "read", None, by=by, user_id=None, now=utc_now())
        fleet.tokens.append(name)
        add_annotation(engine, {"at": utc_now() - timedelta(hours=1), "words": name, "region": name}, by=by)
        terms = {"name": name, "provider": name, "price": "1", "starts_on": "2026-01-01"}
        add_contract(engine, terms, by=by)
    for number, name in enumerate(names.values()):
        fields = {"name": f"failing {number}", "kind": "srs", "role": "edge", "url": f"{fleet.url}/f{number}"}
        fleet.servers[fields["name"]] = add_server(engine, {**fields, "region": name}, key="", by=LOCAL_ADMIN)
    pause_server(engine, next(reversed(fleet.servers.values())), paused=True, by=LOCAL_ADMIN)


def _server(fleet: Hostile, name: str) -> int:
    """A server of that name, as typed; returns its place in urls. The first one is an origin that has all streams."""
    known = fleet.servers.get(name)
    number = len(fleet.servers) if known is None else list(fleet.servers).index(name)
    role = "edge" if number else "origin"
    fields: dict[str, Any] = {"name": name, "kind": "srs", "role": role, "url": f"{fleet.url}/{number}"}
    fields |= {"region": name, "provider": name, "tags": [name.replace(",", "")[:40].strip()], "capacity": "9 Tbit/s"}
    if known is None:
        fleet.servers[name] = add_server(fleet.engine, fields, key="", by=LOCAL_ADMIN)
    else:
        change_server(fleet.engine, known, 1, fields, key="", by=Actor(name, "admin", "token", name))
    return number


def _poll(fleet: Hostile) -> None:
    """Ask all servers some times, 15 s of their time apart; what they said is stored."""
    settings = load(poll_interval=INTERVAL)
    fetcher, states = Fetcher(limits(settings)), StateLog()
    writer = Writer(fleet.engine, "collector-1")
    with fleet.engine.begin() as connection:
        targets = fleets.targets(connection, list(fleet.servers.values()), INTERVAL, "")
    begun = utc_now()
    for turn, ago in enumerate(ASKED):
        _Servers.round = turn
        at = begun - timedelta(seconds=ago)
        polls: list[Poll] = []
        for target in targets:
            wanted = Wanted(20_000, clients=turn in (1, 3))
            done = poll(target, fetcher, SOURCES, now=_still(at), since=None, wanted=wanted)
            states.note(target, done)
            polls.append(done)
        writer.write(polls)
    minutes.keep(fleet.engine, utc_now())
    fetcher.close()


def _still(at: datetime) -> Any:
    return lambda: at


def _found(fleet: Hostile) -> None:
    """What collectors say of themselves, and what was seen at addresses that nobody entered."""
    now = utc_now()
    with fleet.engine.begin() as connection:
        for number, name in enumerate(NAMES.values()):
            named = passed_on(name).replace("\x00", "\ufffd")[:80]
            sign = fleets.Sign(f"{number} {named}", named, now - timedelta(hours=1), 3, 9, 1, number)
            fleets.heartbeat(connection, sign, 15.0)
        told = passed_on(NAMES["image"]) + NAMES["line"]
        pullers.note_tried(connection, now, "198.51.100.7", None, None, told)
    for name in fleet.tokens[:3]:
        dismiss_puller(fleet.engine, "198.51.100.7", now=now, by=Actor(name, "admin"))
    with fleet.engine.begin() as connection:
        connection.execute(text("UPDATE puller SET dismissed_at = NULL"))
