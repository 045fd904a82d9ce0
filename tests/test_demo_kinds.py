"""The NGINX family's simulated answers against recorded ones: keys, nesting, types, layout, heads, errors."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from demo.fleet import Size, plan
from demo.kinds import KINDS
from demo.kinds.angie import written
from demo.machine import Machine
from demo.server import BasicAuth, Token
from demo.wire import parse_head
from demo.world import World

RECORDED = Path(__file__).parent / "fixtures"
NOW = 1_795_476_000.0
KINDS_ONCE = {"srs": 1, "nginx": 1, "nginx_vts": 1, "nginx_rtmp": 1, "nginx_plus": 1, "angie": 1}
PATHS = {
    "nginx": "/nginx_status",
    "nginx_vts": "/status/format/json",
    "nginx_rtmp": "/stat",
    "nginx_plus": "/api/9/nginx",
    "angie": "/status/",
}


def world(**more: Any) -> World:
    made = World(
        plan(Size(**{"servers": 9, "origins": 1, "kinds": KINDS_ONCE, "shields": 1, "open": True, **more})), NOW
    )
    made.advance(NOW + 95)
    return made


def of_kind(simulated: World, kind: str) -> Machine:
    return next(m for m in simulated.machines.values() if (m.server.kind, m.server.role) == (kind, "edge"))


def get(one: Machine, path: str, *headers: str, now: float = NOW + 96.5) -> tuple[str, str]:
    """Head and body of what a machine answers."""
    request = parse_head("\r\n".join((f"GET {path} HTTP/1.1", "Host: test", *headers)).encode(), first=True)
    assert request is not None
    head, _, body = KINDS[one.server.kind](one, request, now).payload.decode().partition("\r\n\r\n")
    return head, body


def recorded(name: str) -> str:
    return (RECORDED / name).read_bytes().decode()


def shape(value: Any) -> Any:
    """Keys in their order and types of a JSON value. Status codes, and names of zones and peers, are one each."""
    if isinstance(value, dict):
        named: dict[str, Any] = {}
        for name, inner in value.items():
            named[re.sub(r"^\d{3}$", "code", re.sub(r"^([\d.]+:\d+|cdn\.lab|tv\.cdn\.example)$", "name", name))] = (
                shape(inner)
            )
        return list(named.items())
    if isinstance(value, list):
        return ["list", *sorted({json.dumps(shape(inner)) for inner in value})]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def without(value: dict[str, Any], *path: str) -> dict[str, Any]:
    """The value less what is at that path."""
    *outer, last = path
    inner = value
    for name in outer:
        inner = inner[name]
    del inner[last]
    return value


def names_of_head(head: str) -> list[str]:
    return [line.partition(":")[0] for line in head.strip().split("\r\n")]


@pytest.fixture(scope="module")
def simulated() -> World:
    return world()


def test_vts_has_the_keys_and_types_of_the_recorded_page(simulated: World) -> None:
    head, body = get(of_kind(simulated, "nginx_vts"), "/status/format/json")
    text = recorded("nginx_vts/vts_status_format_json.json")
    assert shape(json.loads(body)) == shape(json.loads(text))
    assert '": ' not in body
    assert names_of_head(head) == names_of_head(recorded("nginx_vts/vts_json.headers"))
    head, jsonp = get(of_kind(simulated, "nginx_vts"), "/status/format/jsonp")
    assert names_of_head(head) == names_of_head(recorded("nginx_vts/vts_jsonp.headers"))
    assert "Content-Type: application/javascript" in head
    assert jsonp.endswith(f"({body})") or jsonp.startswith("ngx_http_vhost_traffic_status_jsonp_callback({")


def test_vts_zones_without_traffic_are_missing_and_the_star_is_their_sum(simulated: World) -> None:
    page = json.loads(get(of_kind(simulated, "nginx_vts"), "/status/format/json")[1])
    star = page["serverZones"].pop("*")
    for key in ("requestCounter", "inBytes", "outBytes"):
        assert star[key] == sum(zone[key] for zone in page["serverZones"].values()) > 0
    fresh = World(simulated.fleet, NOW)
    assert json.loads(get(of_kind(fresh, "nginx_vts"), "/status/format/json", now=NOW)[1])["serverZones"] == {}


def test_vts_counters_agree_with_each_other(simulated: World) -> None:
    page = json.loads(get(of_kind(simulated, "nginx_vts"), "/status/format/json")[1])
    zone = page["serverZones"]["*"]
    classes = sum(zone["responses"][f"{digit}xx"] for digit in range(1, 6))
    states = {state: count for state, count in zone["responses"].items() if not state.endswith("xx")}
    assert classes == zone["requestCounter"]
    assert len(states) == 8
    # A robot's request for what is not there does not go through the cache.
    assert zone["responses"]["4xx"] > 0
    assert sum(states.values()) == zone["requestCounter"] - zone["responses"]["4xx"]
    assert page["cacheZones"]["hls"]["responses"] == states
    (peer,) = page["upstreamZones"]["srs_origin"]
    assert peer["requestCounter"] == states["miss"] + states["expired"]
    assert peer["down"] is False


@pytest.mark.parametrize(
    "part",
    [
        "",
        "angie",
        "connections",
        "resolvers",
        "http",
        "http/caches",
        "http/location_zones",
        "http/server_zones",
        "http/upstreams",
    ],
)
def test_angie_has_the_keys_and_types_of_the_recorded_tree(simulated: World, part: str) -> None:
    head, body = get(of_kind(simulated, "angie"), f"/status/{part}")
    name = part.replace("/", "_") or "root"
    wanted = json.loads(recorded(f"angie/status_{name}.json"))
    if not part:
        # No RTMP passes through this one.
        wanted = without(without(wanted, "stream"), "slabs", "rtmp_edge1")
    assert shape(json.loads(body)) == shape(wanted)
    assert names_of_head(head) == names_of_head(recorded(f"angie/{name}.headers"))


def test_angie_tells_times_as_numbers_where_asked_to(simulated: World) -> None:
    tree = json.loads(get(of_kind(simulated, "angie"), "/status/?date=epoch")[1])
    wanted = json.loads(recorded("angie/status_root_date_epoch.json"))
    assert shape(tree) == shape(without(without(wanted, "stream"), "slabs", "rtmp_edge1"))


@pytest.mark.parametrize("name", ["root", "http", "stream", "slabs", "resolvers"])
def test_angie_lays_its_json_out_as_recorded(name: str) -> None:
    text = recorded(f"angie/status_{name}.json")
    assert written(json.loads(text)) == text.strip()


def test_angie_says_what_is_not_there_as_recorded(simulated: World) -> None:
    head, body = get(of_kind(simulated, "angie"), "/status/nosuch")
    wanted, _, told = recorded("angie/404.http").partition("\r\n\r\n")
    date = re.compile("Date: .*")
    assert date.sub("", head) == date.sub("", wanted)
    assert body.strip() == told.strip()


@pytest.mark.parametrize(
    "path",
    [
        "api", "api/9/nginx", "api/9/connections", "api/9/processes", "api/9/http/requests", "api/9/http/server_zones",
        "api/9/http/location_zones", "api/9/http/caches", "api/9/http/upstreams", "api/9/http/limit_conns",
        "api/9/http/limit_reqs", "api/9/resolvers", "api/9/ssl", "api/9/workers",
    ],
)  # fmt: skip
def test_nginx_plus_has_the_keys_and_types_of_its_schema(simulated: World, path: str) -> None:
    told = json.loads(get(of_kind(simulated, "nginx_plus"), f"/{path}/")[1])
    wanted = json.loads(recorded(f"nginx_plus/{path.replace('/', '_')}.json"))
    if path.endswith("location_zones"):
        wanted = dict(sorted(wanted.items()))
    if path.endswith("server_zones"):
        del wanted["api"]
    if path.endswith("upstreams"):
        # The other peer was away.
        wanted["srs_origin"]["peers"] = [without(wanted["srs_origin"]["peers"][0], "downstart")]
    assert shape(told) == shape(wanted)


def test_nginx_plus_lists_what_it_has_and_answers_the_rest_with_an_error_of_its_own(simulated: World) -> None:
    one = of_kind(simulated, "nginx_plus")
    assert json.loads(get(one, "/api/")[1]) == json.loads(recorded("nginx_plus/api.json"))
    listed = set(json.loads(recorded("nginx_plus/api_9.json"))) - {"stream"}
    assert set(json.loads(get(one, "/api/9/")[1])) == listed
    assert json.loads(get(one, "/api/9/http")[1]) == json.loads(recorded("nginx_plus/api_9_http.json"))
    for path in ("stream", "stream/server_zones", "nothing", "http/nothing"):
        head, body = get(one, f"/api/9/{path}")
        assert head.startswith("HTTP/1.1 404 Not Found\r\n")
        assert shape(json.loads(body)) == shape(json.loads(recorded("nginx_plus/api_9_error_404.json")))
        assert json.loads(body)["error"]["code"] == "PathNotFound"
    assert json.loads(get(one, "/api/77/nginx")[1])["error"]["code"] == "UnknownVersion"
    assert set(json.loads(get(one, "/api/9/nginx?fields=version,build")[1])) == {"version", "build"}


@pytest.mark.parametrize("kind", sorted(PATHS))
def test_each_kind_lets_in_who_says_who_he_is_and_nobody_else(kind: str) -> None:
    one = of_kind(world(open=False), kind)
    auth = one.server.auth
    if isinstance(auth, Token):
        right, wrong = f"Bearer {auth.token}", "Bearer other"
    else:
        assert isinstance(auth, BasicAuth)
        right, wrong = (
            "Basic " + base64.b64encode(f"{auth.user}:{password}".encode()).decode()
            for password in (auth.password, "other")
        )
    assert get(one, PATHS[kind], f"Authorization: {right}")[0].startswith("HTTP/1.1 200 OK\r\n")
    for headers in ((), (f"Authorization: {wrong}",)):
        head, body = get(one, PATHS[kind], *headers)
        file = "angie/401.http" if kind == "angie" else "nginx/auth_401_nginx_status.http"
        wanted, _, page = recorded(file).partition("\r\n\r\n")
        assert names_of_head(head) == names_of_head(wanted)
        assert re.sub(r"\d+\.\d+\.\d+", "N", body) == re.sub(r"\d+\.\d+\.\d+", "N", page)


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        ("nginx_vts", lambda page: page["serverZones"]["*"]["outBytes"]),
        ("angie", lambda tree: tree["http"]["server_zones"]["cdn_edge"]["data"]["sent"]),
    ],
)
def test_bytes_are_counted_when_a_request_ends_so_single_seconds_jump(kind: str, read: Callable[[Any], int]) -> None:
    alone = world(streams=1)
    one = of_kind(alone, kind)
    seen = []
    for second in range(1, 25):
        alone.advance(NOW + 100 + second)
        seen.append(read(json.loads(get(one, PATHS[kind])[1])))
    steps = [later - sooner for sooner, later in pairwise(seen)]
    assert sum(step == 0 for step in steps) >= 15
    assert max(steps) > 3 * sum(steps) / len(steps)
