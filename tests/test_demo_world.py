"""The simulated CDN counts truly: bytes are conserved, steps come every 3 s, and what goes wrong shows as it does."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.fleet import Size, plan
from demo.http_process import NginxProcess
from demo.process import SrsProcess, Stream
from demo.scenarios import SCENARIOS
from demo.traffic import demand, match_factor
from demo.truth import truth
from demo.world import World

FIXTURES = Path(__file__).parent / "fixtures"
# A Tuesday, 12:00 UTC.
NOON = 1_795_521_600.0
SMALL = plan(Size(servers=8, origins=2, kinds={"srs": 2, "nginx": 1}, streams=11))
# Every kind and every tier.
WHOLE = plan(
    Size(
        servers=16,
        origins=2,
        kinds={"srs": 4, "nginx": 1, "nginx_vts": 1, "nginx_rtmp": 2, "nginx_plus": 1, "angie": 1},
        middle=1,
        shields=1,
        unlisted=2,
        direct=True,
        rtmp_workers=2,
    )
)
ORIGIN, EDGE = "origin-ams-1", "edge-ams-1"


def srs(world: World, name: str) -> SrsProcess:
    process = world.machines[name].process
    assert isinstance(process, SrsProcess)
    return process


def stream(world: World, name: str, url: str) -> Stream:
    return srs(world, name).streams[url]


@settings(max_examples=15)
@given(st.lists(st.floats(0.05, 40), min_size=2, max_size=6), st.sampled_from(sorted(SCENARIOS)))
def test_counters_do_not_depend_on_how_often_one_looks(pauses: list[float], scenario: str) -> None:
    often, once = World(WHOLE, NOON, calm=False), World(WHOLE, NOON, calm=False)
    end = NOON + sum(pauses)
    for world in (often, once):
        world.begin(scenario, now=NOON, seconds=15)
    for second in range(1, int(end - NOON) + 1):
        often.advance(NOON + second)
    often.advance(end)
    now = NOON
    for pause in pauses:
        now += pause
        once.advance(now)
    once.advance(end)
    assert truth(often, end) == truth(once, end)


def test_srs_counts_every_three_seconds() -> None:
    world = World(SMALL, NOON)
    seen = []
    for tenth in range(1, 200):
        world.advance(NOON + tenth / 10)
        seen.append((srs(world, EDGE).counted_at, srs(world, EDGE).counted.sent))
    assert len(set(seen)) in (7, 8)
    times = sorted({at for at, _ in seen})
    assert [later - sooner for sooner, later in pairwise(times)] == [pytest.approx(3)] * (len(times) - 1)


@settings(max_examples=20)
@given(st.lists(st.floats(0.5, 30), min_size=1, max_size=10), st.sampled_from(sorted(SCENARIOS)))
def test_counters_only_grow_and_every_sum_agrees(pauses: list[float], scenario: str) -> None:
    world = World(WHOLE, NOON)
    now, before = NOON, dict.fromkeys(world.machines, (0, ""))
    world.begin(scenario, now=now + 1, seconds=20)
    for pause in pauses:
        now += pause
        world.advance(now)
        for name, machine in world.machines.items():
            process = machine.process
            if process is None:
                continue
            sent, service = before[name]
            assert process.counted.sent >= sent or process.service != service
            before[name] = (process.counted.sent, process.service)
            if isinstance(process, SrsProcess):
                vhosts = [vhost.counted for vhost in process.vhosts.values()]
                assert sum(one.sent for one in vhosts) == process.counted.sent
                assert sum(one.received for one in vhosts) == process.counted.received
                for one in process.listed:
                    pulled = sum(pull.counted.sent for pull in one.pulls.values())
                    assert one.counted.sent >= pulled


def test_an_origin_sends_each_edge_each_stream_once() -> None:
    world = World(SMALL, NOON)
    world.advance(NOON + 60)
    origin = srs(world, ORIGIN)
    edges = [one.server for one in world.machines.values() if one.server.role == "edge" and one.server.kind == "srs"]
    for one in origin.listed:
        assert {pull.ip for pull in one.pulls.values()} == {edge.address for edge in edges}
        media = one.position - one.channel.position(origin.started)
        assert [pull.counted.sent for pull in one.pulls.values()] == [pytest.approx(media, abs=40)] * len(edges)
        assert one.publisher_client is not None
        assert one.clients == len(edges) + 1


def test_an_edge_sends_each_viewer_the_whole_stream() -> None:
    world = World(SMALL, NOON)
    world.advance(NOON + 30)
    news = stream(world, EDGE, "/live/news")
    sent, position = news.counted.sent, news.position
    world.advance(NOON + 33)
    assert news.counted.sent - sent == (news.position - position) * news.viewers
    assert (
        news.channel.encoding.bitrate * 0.85 < (news.position - position) * 8 / 3 < news.channel.encoding.bitrate * 1.15
    )


def test_frames_step_every_five_seconds_on_origins_and_are_zero_on_edges() -> None:
    world = World(SMALL, NOON)
    world.advance(NOON + 61)
    news = next(one for one in srs(world, ORIGIN).listed if one.channel.name != "concert")
    assert news.frames_since is not None
    since, per_second = news.frames_since, news.channel.encoding.fps
    assert [news.frames(since + seconds) for seconds in (4.9, 5, 9.9, 10)] == [
        per_second * seconds for seconds in (0, 5, 5, 10)
    ]
    assert all(one.frames(NOON + 61) == 0 for one in srs(world, EDGE).listed)


def test_evening_peaks_fill_edges_to_about_seventy_percent() -> None:
    fleet = plan()
    totals, fullest = [], []
    for hour in range(0, 24, 2):
        world = World(fleet, NOON + hour * 3_600)
        world.advance(NOON + hour * 3_600 + 10)
        told = truth(world, NOON + hour * 3_600 + 10)
        totals.append(told["egress"] / 1e9)
        fullest.append(max(one["egress"] / 10e9 for one in told["servers"].values()))
    assert 10 < min(totals) < max(totals) < 120
    assert 0.6 < max(fullest) < 0.85


def test_demand_breathes_over_the_day_and_has_no_steps() -> None:
    day = [demand(1, NOON + second) for second in range(0, 86_400, 60)]
    assert max(day) > 3.5 * min(day)
    assert max(abs(after - before) for before, after in pairwise(day)) < 0.01
    assert demand(1, NOON) != demand(8, NOON)
    matches = [match_factor(NOON + second) for second in range(0, 7 * 86_400, 600)]
    assert min(matches) == 1
    assert max(matches) == 1.8


def test_nginx_counts_requests_and_connections_of_its_viewers() -> None:
    world = World(SMALL, NOON)
    world.advance(NOON + 60)
    machine = next(one for one in world.machines.values() if one.server.kind == "nginx")
    assert isinstance(machine.process, NginxProcess)
    assert machine.process.requests == pytest.approx(machine.process.viewers * 0.5 * 60, rel=0.15)
    assert machine.process.counted.sent > 0
