"""The simulated servers' answers against recorded answers of real ones: names, order, nesting, types, formatting."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from demo.fleet import Fleet, Size, plan
from demo.kinds import KINDS
from demo.machine import Machine
from demo.server import BasicAuth
from demo.wire import parse_head
from demo.world import World

RECORDED = Path(__file__).parent / "fixtures"
NOW = 1_795_476_000.0


def world(**size: Any) -> World:
    made = World(plan(Size(servers=7, origins=1, kinds={"srs": 1, "nginx": 1}, **size)), NOW)
    made.advance(NOW + 95)
    return made


def machine(simulated: World, kind: str, role: str, *, asks: bool = False) -> Machine:
    return next(
        one
        for one in simulated.machines.values()
        if (one.server.kind, one.server.role) == (kind, role)
        and (one.server.auth is not None) == asks
        and one.server.release != "5.0.216"
    )


def get(one: Machine, path: str, *headers: str) -> tuple[str, str]:
    """Head and body of what a machine answers."""
    request = parse_head("\r\n".join((f"GET {path} HTTP/1.1", "Host: test", *headers)).encode(), first=True)
    assert request is not None
    head, _, body = KINDS[one.server.kind](one, request, NOW + 96.5).payload.decode().partition("\r\n\r\n")
    return head, body


def shape(value: Any) -> Any:
    """What a JSON value looks like without its numbers and texts; lists by the shapes of their elements."""
    if isinstance(value, list):
        return ["list", *sorted({json.dumps(shape(entry)) for entry in value})]
    if isinstance(value, tuple):
        return [[name, shape(inner)] for name, inner in value]
    return value if isinstance(value, str) and value.startswith("number") else type(value).__name__


def shape_of(text: str) -> Any:
    """Shape of a JSON text: names in their order, and how many decimals a number has."""
    return shape(
        json.loads(
            text,
            object_pairs_hook=lambda pairs: tuple(pairs),
            parse_int=lambda number: "number",
            parse_float=lambda number: f"number with {len(number.partition('.')[2])} decimals",
        )
    )


@pytest.fixture(scope="module")
def origin() -> Machine:
    return machine(world(), "srs", "origin")


@pytest.fixture(scope="module")
def edge() -> Machine:
    return machine(world(), "srs", "edge")


def recorded(name: str) -> str:
    return (RECORDED / name).read_text()


@pytest.mark.parametrize("what", ["summaries", "streams/", "vhosts/", "versions", "", "tcmalloc"])
@pytest.mark.parametrize("role", ["origin", "edge1"])
def test_srs_answers_have_the_shape_of_recorded_ones(what: str, role: str, origin: Machine, edge: Machine) -> None:
    _, body = get(origin if role == "origin" else edge, f"/api/v1/{what}")
    assert shape_of(body) == shape_of(recorded(f"srs/{role}-live/{what.strip('/') or 'api_v1'}.json"))


@pytest.mark.parametrize("role", ["origin", "edge1"])
def test_srs_clients_have_the_shape_of_recorded_ones(role: str, origin: Machine, edge: Machine) -> None:
    _, body = get(origin if role == "origin" else edge, "/api/v1/clients/?count=1000")
    assert shape_of(body) == shape_of(recorded(f"srs/{role}-live/clients.json"))
    types = set(re.findall(r'"type":"([^"]+)"', body))
    assert types == ({"fmle-publish", "rtmp-play"} if role == "origin" else {"rtmp-play", "flv-play"})


@pytest.mark.parametrize("what", ["stream", "client", "vhost"])
def test_one_entry_by_its_id_has_the_shape_of_a_recorded_one(what: str, origin: Machine) -> None:
    _, listed = get(origin, f"/api/v1/{what}s/?count=100")
    first = json.loads(listed)[f"{what}s"][0]["id"]
    _, body = get(origin, f"/api/v1/{what}s/{first}")
    assert shape_of(body) == shape_of(recorded(f"srs/origin-live/{what}_one.json"))
    assert json.loads(body)[what]["id"] == first


def test_an_unknown_id_is_code_2048_and_nothing_else(origin: Machine) -> None:
    for what in ("streams", "clients", "vhosts"):
        assert get(origin, f"/api/v1/{what}/none")[1] == recorded("srs/origin-live/stream_unknown.json").strip()


def test_statistics_switched_off_look_like_recorded_ones(edge: Machine) -> None:
    simulated = world()
    one = machine(simulated, "srs", "edge")
    simulated.begin("stats-off", now=NOW + 96, server=one.server.name)
    body = json.loads(get(one, "/api/v1/summaries")[1])
    wanted = json.loads(recorded("srs/summaries-stats-off.json"))
    assert shape_of(get(one, "/api/v1/summaries")[1]) == shape_of(recorded("srs/summaries-stats-off.json"))
    ignored = {"cpus", "cpus_online"}
    assert {key: value for key, value in body["data"]["system"].items() if key not in ignored} == {
        key: value for key, value in wanted["data"]["system"].items() if key not in ignored
    }
    assert body["data"]["ok"] is False
    assert body["data"]["self"]["srs_uptime"] == int(NOW + 96.5)


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("summaries", "summaries.headers"),
        ("streams/", "streams.headers"),
        ("streams", "streams.noslash-302.headers"),
        ("clients", "clients.noslash-302.headers"),
        ("vhosts", "vhosts.noslash-302.headers"),
        ("streams?start=0&count=100", "streams_noslash_query-302.headers"),
    ],
)
def test_srs_headers_are_the_recorded_ones(path: str, file: str, origin: Machine) -> None:
    head, body = get(origin, f"/api/v1/{path}")
    wanted = (RECORDED / "srs/origin-live" / file).read_bytes().decode().strip().split("\r\n")
    if "302" not in file:
        wanted = [f"Content-Length: {len(body)}" if line.startswith("Content-Length") else line for line in wanted]
    assert head.split("\r\n") == wanted


def test_a_list_without_its_slash_says_where_it_is(origin: Machine) -> None:
    for what in ("streams", "clients", "vhosts"):
        assert get(origin, f"/api/v1/{what}")[1] == recorded(f"srs/origin-live/{what}.noslash-302.body.txt")


@pytest.mark.parametrize(
    ("file", "authorization"),
    [
        ("no-credentials", None),
        ("wrong-password", "Basic " + base64.b64encode(b"monitor:wrong").decode()),
        ("bearer", "Bearer abc"),
    ],
)
def test_srs_refuses_strangers_as_recorded(file: str, authorization: str | None) -> None:
    one = machine(world(), "srs", "edge", asks=True)
    headers = (f"Authorization: {authorization}",) if authorization else ()
    head, body = get(one, "/api/v1/summaries", *headers)
    text = (RECORDED / f"srs/auth-401/{file}.http").read_bytes().decode().strip()
    assert head.split("\r\n") == [re.sub(r"SRS/.*", "SRS/6.0.157(Hang)", line) for line in text.split("\r\n")]
    assert body == "0\r\n\r\n"


def test_srs_lets_the_right_password_in_and_guards_only_its_api() -> None:
    one = machine(world(), "srs", "edge", asks=True)
    assert isinstance(one.server.auth, BasicAuth)
    pair = base64.b64encode(f"{one.server.auth.user}:{one.server.auth.password}".encode()).decode()
    assert get(one, "/api/v1/summaries", f"Authorization: Basic {pair}")[0].startswith("HTTP/1.1 200 OK")
    assert get(one, "/")[0].startswith("HTTP/1.1 200 OK")


def test_srs_pages_its_lists_as_recorded(edge: Machine) -> None:
    def ids(query: str) -> list[str]:
        return [entry["id"] for entry in json.loads(get(edge, f"/api/v1/clients/{query}")[1])["clients"]]

    everybody = ids("?start=0&count=100000")
    assert everybody == sorted(everybody)
    assert len(everybody) > 100
    for query in ("", "?count=1", "?start=0&count=5", "?start=-5&count=-1", "?start=abc&count=xyz"):
        assert ids(query) == everybody[:10]
    assert ids("?start=10&count=10") == everybody[10:20]
    assert ids("?count=50") == everybody[:50]
    assert ids("?start=100000&count=10") == []


def test_nginx_status_is_written_as_recorded() -> None:
    one = machine(world(), "nginx", "edge")
    head, body = get(one, "/nginx_status")
    numbers = re.compile(r"\d+")
    assert numbers.sub("N", body) == numbers.sub("N", recorded("nginx/stub_status.txt"))
    wanted = (RECORDED / "nginx/auth_200_nginx_status.http").read_bytes().decode().partition("\r\n\r\n")[0]
    assert [line.partition(":")[0] for line in head.split("\r\n")] == [
        line.partition(":")[0] for line in wanted.split("\r\n")
    ]


def test_nginx_refuses_strangers_as_recorded() -> None:
    head, body = get(machine(world(), "nginx", "edge", asks=True), "/nginx_status")
    wanted, _, page = (RECORDED / "nginx/auth_401_nginx_status.http").read_bytes().decode().partition("\r\n\r\n")
    date = re.compile("Date: .*")
    assert date.sub("", head) == date.sub("", wanted)
    assert body == page


def test_the_same_size_and_seed_make_the_same_fleet() -> None:
    def names(fleet: Fleet) -> list[tuple[str, str, str]]:
        return [(one.name, one.url, one.release) for one in fleet.servers]

    assert names(plan(Size(servers=40, seed=3))) == names(plan(Size(servers=40, seed=3)))
