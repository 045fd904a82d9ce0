"""Everybody who is connected to a simulated SRS, as `/api/v1/clients/` tells it: who they are, and exact bytes."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from demo.crowd import Crowd
from demo.fleet import plan
from demo.kinds.srs import answer
from demo.machine import Machine
from demo.process import PUBLISHER_SENT
from demo.wire import parse_head
from demo.world import World
from tests.test_demo_world import NOON, srs

EVENING = NOON + 7 * 3_600
FLEET = plan()
DIRECT = next(server for server in FLEET.servers if server.direct)
DOOR = next(channel.through for server in FLEET.servers for channel in server.channels if channel.through)


def listed(machine: Machine, what: str, query: str = "?count=100000", now: float = EVENING + 95) -> Any:
    request = parse_head(f"GET /api/v1/{what}/{query} HTTP/1.1".encode(), first=True)
    assert request is not None
    head, _, body = answer(machine, request, now).payload.decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK")
    return json.loads(body)[what]


@pytest.fixture(scope="module")
def world() -> World:
    made = World(FLEET, EVENING)
    made.advance(EVENING + 95)
    return made


def clients(world: World, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = listed(world.machines[name], "clients")
    return found


def test_an_origin_lists_its_publishers_the_servers_that_pull_and_people_who_watch_there(world: World) -> None:
    machine, rows = world.machines[DIRECT.name], clients(world, DIRECT.name)
    channels = len(DIRECT.channels)
    kinds = Counter(row["type"] for row in rows)
    assert (kinds["fmle-publish"], kinds["flash-publish"]) == (channels - 1, 1)
    assert {"rtmp-play", "flv-play", "hls-play"} <= set(kinds)
    assert all(row["publish"] == row["type"].endswith("-publish") for row in rows)
    own = {one.server.address: one.server for one in world.machines.values()}
    pulls = Counter(row["ip"] for row in rows if row["type"] == "rtmp-play" and row["ip"] in own)
    pulling = [one for one in own.values() if one.pulls_rtmp and DIRECT.name in one.origins]
    assert set(pulls) == {one.address for one in pulling}
    assert any(one.kind == "nginx_rtmp" for one in pulling)
    # Each server pulls each stream it carries once.
    assert max(Counter((row["ip"], row["url"]) for row in rows if row["ip"] in own).values()) == 1
    people = [row for row in rows if not row["publish"] and row["ip"] not in own]
    assert machine.process is not None
    assert len([row for row in people if row["type"] != "hls-play"]) <= machine.process.viewers <= len(people)
    assert all(ip_address(row["ip"]) in ip_network("198.51.100.0/24") for row in people)
    assert {row["name"].rpartition(".")[2] for row in people if row["type"] == "hls-play"} == {"m3u8"}


def test_what_is_published_through_an_edge_is_not_active_there_and_comes_to_the_origin_from_it(world: World) -> None:
    channel = next(channel for channel in DIRECT.channels if channel.through)
    row = next(row for row in listed(world.machines[DOOR], "streams") if row["url"] == channel.url)
    assert (row["publish"], row["video"], row["clients"]) == ({"active": False}, None, 1)
    (publisher,) = [row for row in clients(world, DOOR) if row["publish"]]
    assert (publisher["type"], publisher["url"]) == ("fmle-publish", channel.url)
    (handed_on,) = [row for row in clients(world, DIRECT.name) if row["type"] == "flash-publish"]
    assert handed_on["ip"] == world.machines[DOOR].server.address
    assert handed_on["recv_bytes"] > 1_000_000


def test_a_tier_in_between_says_active_with_a_players_id_and_has_no_publisher(world: World) -> None:
    (middle,) = [one for one in world.machines.values() if one.server.name.startswith("middle")]
    rows = clients(world, middle.server.name)
    assert {row["type"] for row in rows} == {"rtmp-play"}
    assert {row["ip"] for row in rows} == {edge.server.address for edge in middle.edges}
    for stream in listed(middle, "streams"):
        assert stream["publish"]["active"] is True
        assert stream["publish"]["cid"]
        having = [edge for edge in middle.edges if stream["url"] in {one.url for one in edge.server.channels}]
        assert (stream["frames"], stream["clients"]) == (0, len(having))
    home = clients(world, DIRECT.name)
    assert sum(row["ip"] == middle.server.address for row in home) == len(DIRECT.channels)


@pytest.mark.parametrize("name", ["edge-ams-1", "edge-nyc-1", "middle-nyc-1", DIRECT.name, "edge-lon-2"])
def test_the_clients_of_a_stream_were_sent_what_the_stream_sent(name: str) -> None:
    fresh = World(FLEET, EVENING)
    # Before anybody leaves, whom nobody could ask any more.
    fresh.advance(EVENING + 12)
    sent: dict[str, int] = defaultdict(int)
    handshakes: dict[str, int] = defaultdict(int)
    count: Counter[str] = Counter()
    for row in clients(fresh, name):
        sent[row["stream"]] += row["send_bytes"]
        handshakes[row["stream"]] += PUBLISHER_SENT if row["publish"] else 0
        count[row["stream"]] += 1
    streams = listed(fresh.machines[name], "streams")
    assert len(streams) >= 3
    for stream in streams:
        assert stream["clients"] == count[stream["id"]]
        left = stream["send_bytes"] - sent[stream["id"]]
        assert 0 <= left <= stream["send_bytes"] * 0.02 + handshakes[stream["id"]]


def test_an_edge_lists_one_client_for_each_viewer_and_pages_them_in_the_order_of_ids(world: World) -> None:
    machine = world.machines["edge-ams-1"]
    everybody = [row["id"] for row in clients(world, "edge-ams-1")]
    assert machine.process is not None
    assert len(everybody) == machine.process.viewers > 1_000
    assert everybody == sorted(everybody)
    pages = [
        row["id"] for start in range(0, 2_000, 500) for row in listed(machine, "clients", f"?start={start}&count=500")
    ]
    assert pages == everybody[:2_000]
    assert [row["id"] for row in listed(machine, "clients", "?count=1")] == everybody[:10]


def test_clients_come_and_go_and_the_same_seed_makes_the_same_ones() -> None:
    one, other = World(FLEET, EVENING), World(FLEET, EVENING)
    for world in (one, other):
        world.advance(EVENING + 200)
    before = {row["id"]: row for row in clients(one, "edge-ams-1")}
    assert before == {row["id"]: row for row in clients(other, "edge-ams-1")}
    one.advance(EVENING + 700)
    later = {row["id"]: row for row in clients(one, "edge-ams-1")}
    stayed = before.keys() & later.keys()
    assert 0.5 * len(before) < len(stayed) < len(before)
    assert len(later) > len(stayed)
    assert all(later[name]["send_bytes"] > before[name]["send_bytes"] for name in stayed)
    assert all(later[name]["ip"] == before[name]["ip"] for name in stayed)


def test_hls_sessions_linger_with_counters_that_stand_still() -> None:
    crowd = Crowd(lingers=48)
    crowd.resize(10, 0.0)
    crowd.send(100)
    crowd.resize(7, 3.0)
    crowd.send(100)
    assert (crowd.size, crowd.listed) == (7, 10)
    assert Counter(viewer.sent for viewer in crowd.everybody()) == {200: 7, 100: 3}
    assert [viewer.sent for viewer in crowd.everybody() if not viewer.there] == [100] * 3
    crowd.resize(7, 51.0)
    assert (crowd.size, crowd.listed) == (7, 7)


def test_a_crowd_counts_every_byte_of_everybody_however_they_come_and_go() -> None:
    crowd, sent = Crowd(lingers=1e9), 0
    for step in range(400):
        crowd.resize((step * 37) % 90, step * 3.0)
        sent += crowd.send(step)
    assert sum(viewer.sent for viewer in crowd.everybody()) == sent
    assert len({viewer.number for viewer in crowd.everybody()}) == crowd.met
    assert crowd.size == sum(viewer.there for viewer in crowd.everybody())


def test_an_origin_counts_sessions_that_linger_among_its_clients(world: World) -> None:
    later = World(FLEET, EVENING)
    later.advance(EVENING + 400)
    process = srs(later, DIRECT.name)
    sessions = [stream.sessions for stream in process.listed if stream.sessions]
    assert sum(one.listed for one in sessions) > sum(one.size for one in sessions)
    assert sum(stream.clients for stream in process.listed) == len(clients(later, DIRECT.name))
