"""What the simulated CDN says is true adds up: who was sent how much by whom, over tiers, restarts and misses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from demo.background import running
from demo.fleet import Size, plan
from demo.http_process import CacheProcess
from demo.lineup import Channel
from demo.rtmp_process import RtmpProcess
from demo.scenarios import SCENARIOS
from demo.truth import truth
from demo.world import World
from tests.test_demo_kinds import get
from tests.test_demo_serving import free_port
from tests.test_demo_world import NOON, WHOLE, srs

STEP = 3.0
TOTALS = ("egress_bytes", "internal_bytes", "delivered_bytes", "uncounted_bytes")


def media(channel: Channel, begin: float, end: float) -> int:
    return channel.position(end) - channel.position(begin)


def grown(world: World, begin: float, end: float) -> tuple[dict[str, Any], dict[str, Any]]:
    return truth(world, begin), truth(world, end)


def test_one_origin_three_edges_and_ten_viewers_each_are_thirty_viewers_and_their_bytes() -> None:
    fleet = plan(Size(servers=4, origins=1, streams=1))
    world = World(fleet, NOON, steady=10)
    before, after = grown(world, NOON + 30, NOON + 330)
    assert after["viewers"] == 30
    (channel,) = fleet.servers[0].channels
    told = after["channels"][channel.url]
    assert (told["viewers"], told["on_air"], len(told["servers"])) == (30, True, 4)
    delivered = after["delivered_bytes"] - before["delivered_bytes"]
    assert delivered == pytest.approx(30 * media(channel, NOON + 30, NOON + 330), rel=0.01)
    assert delivered * 8 / 300 == pytest.approx(3 * 10 * channel.encoding.bitrate, rel=0.02)
    internal = after["internal_bytes"] - before["internal_bytes"]
    assert internal == pytest.approx(3 * media(channel, NOON + 30, NOON + 330), rel=0.01)
    ingest = told["ingest_bytes"] - before["channels"][channel.url]["ingest_bytes"]
    assert ingest == pytest.approx(media(channel, NOON + 30, NOON + 330), rel=0.01)


def test_what_an_origin_counts_for_each_puller_is_what_the_puller_hands_on_to_each_viewer() -> None:
    world = World(WHOLE, NOON)
    world.advance(NOON + 240)
    checked = 0
    for machine in world.machines.values():
        if machine.server.kind != "srs" or machine.server.role != "origin":
            continue
        for stream in srs(world, machine.server.name).listed:
            for name, pull in stream.pulls.items():
                process = world.machines[name].process
                assert process is not None
                channel = stream.channel
                wanted = media(channel, NOON, NOON + 240)
                assert pull.counted.sent == pytest.approx(wanted, abs=2 * STEP * channel.encoding.bitrate / 8)
                if isinstance(process, RtmpProcess):
                    (copy,) = [one for one in process.streams() if one.channel == channel]
                    received = copy.flow.received
                    assert copy.flow.sent >= received
                else:
                    received = srs(world, name).streams[channel.url].people.media
                if world.machines[name].server.role == "edge":
                    assert received == pytest.approx(wanted, abs=2 * STEP * channel.encoding.bitrate / 8)
                checked += 1
    assert checked > 60


def test_what_each_server_pulled_is_what_the_others_sent_to_own_servers() -> None:
    world = World(WHOLE, NOON)
    for scenario in ("restart", "cache-miss-storm", "origin-lost", "republished"):
        world.begin(scenario, now=NOON)
    told = truth(world, NOON + 200)
    servers = told["servers"].values()
    assert sum(one["pulled_bytes"] for one in servers) == told["internal_bytes"]
    assert told["internal_bytes"] == sum(one["internal_bytes"] + one["internal_unlisted_bytes"] for one in servers)
    unlisted = sum(one["pulled_bytes"] for one in servers if not one["listed"])
    assert unlisted == sum(one["internal_unlisted_bytes"] for one in servers) > 0
    assert told["delivered_bytes"] == told["egress_bytes"] - told["internal_bytes"]
    assert told["listed"]["delivered_bytes"] < told["delivered_bytes"]
    assert told["listed"]["viewers"] == sum(one["viewers"] for one in servers if one["listed"]) < told["viewers"]


@pytest.mark.parametrize("scenario", [None, "cache-miss-storm", "origin-lost", "5xx-storm"])
def test_a_shield_sends_its_caching_edges_exactly_what_they_read_from_it(scenario: str | None) -> None:
    world = World(WHOLE, NOON)
    world.advance(NOON + 40)
    if scenario:
        server = "edge-ams-2" if scenario == "origin-lost" else None
        server = "origin-ams-1" if scenario == "origin-lost" else server
        world.begin(scenario, now=NOON + 40, server=server)
    world.advance(NOON + 100)
    (shield,) = [one for one in world.machines.values() if one.server.name.startswith("shield")]
    edges = [one for one in world.machines.values() if one.source is shield]
    assert {edge.server.kind for edge in edges} == {"nginx_vts", "nginx_plus", "angie"}
    page = json.loads(get(shield, shield.server.path, now=NOON + 100)[1])
    read = 0
    for edge in edges:
        assert isinstance(edge.process, CacheProcess)
        ((name, peer),) = edge.process.peers.items()
        assert name == f"{shield.server.address}:{shield.server.port}"
        read += peer.received
    assert page["serverZones"]["*"]["outBytes"] == read > 1_000_000
    # What the shield itself reads is HLS of SRS origins, which count nothing of it.
    from_origins = sum(peer["outBytes"] for peer in page["upstreamZones"]["srs_origin"])
    assert from_origins == truth(world, NOON + 100)["servers"][shield.server.name]["pulled_bytes"]
    assert from_origins < read


def test_what_srs_leaves_out_of_its_counters_is_in_the_truth() -> None:
    world = World(WHOLE, NOON)
    told = truth(world, NOON + 100)
    origin = told["servers"]["origin-ams-1"]
    assert origin["egress_bytes"] == origin["sent_bytes"] + origin["uncounted_bytes"]
    assert origin["uncounted_bytes"] > 0
    homes = [one for one in told["servers"].values() if one["uncounted_bytes"]]
    fetching = [one for one in told["servers"].values() if one["kind"] in ("nginx",) or "shield" in one["url"]]
    shield = next(one for name, one in told["servers"].items() if name.startswith("shield"))
    assert sum(one["uncounted_bytes"] for one in homes) == sum(one["pulled_bytes"] for one in (*fetching, shield))


def test_the_truth_outlives_processes() -> None:
    world = World(WHOLE, NOON)
    before = truth(world, NOON + 60)
    for name in world.machines:
        world.begin("restart", now=NOON + 60, server=name)
    during = truth(world, NOON + 62)
    assert not any(one["up"] for one in during["servers"].values())
    for total in TOTALS:
        assert during[total] == before[total]
    after = truth(world, NOON + 120)
    for total in TOTALS:
        assert after[total] > before[total]
    for name, one in after["servers"].items():
        assert one["egress_bytes"] >= before["servers"][name]["egress_bytes"]
        assert one["sent_bytes"] < one["egress_bytes"]


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_no_scenario_makes_more_arrive_than_was_sent_or_a_total_fall(scenario: str) -> None:
    world = World(WHOLE, NOON)
    world.begin(scenario, now=NOON + 1, seconds=20)
    before = truth(world, NOON)
    for second in range(2, 50, 4):
        after = truth(world, NOON + second)
        assert all(after[total] >= before[total] for total in TOTALS)
        assert after["internal_bytes"] == sum(one["pulled_bytes"] for one in after["servers"].values())
        assert after["internal_bytes"] <= after["egress_bytes"]
        before = after


def test_the_truth_is_asked_of_a_simulation_in_the_background() -> None:
    fleet = plan(Size(servers=4, origins=1, streams=2, first_address="127.0.13.21", srs_port=free_port()))
    with running(fleet, steady=10) as cdn:
        told = cdn.truth()
    assert told["viewers"] == 3 * 2 * 10
    assert set(told["channels"]) == {channel.url for channel in fleet.servers[0].channels}
