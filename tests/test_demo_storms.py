"""What goes wrong in the simulated caches and nginx-rtmp, and with an encoder, shows as it does on real servers."""

from __future__ import annotations

import pytest

from demo.http_process import CacheProcess
from demo.lineup import CHANGED
from demo.machine import Machine
from demo.rtmp_process import RtmpProcess
from demo.world import World
from tests.test_demo_scenarios import listed
from tests.test_demo_world import EDGE, NOON, ORIGIN, WHOLE, stream


def of_kind(world: World, kind: str) -> Machine:
    found = (one for one in world.machines.values() if (one.server.kind, one.server.role) == (kind, "edge"))
    return next(found)


def cache(machine: Machine) -> CacheProcess:
    assert isinstance(machine.process, CacheProcess)
    return machine.process


@pytest.mark.parametrize("kind", ["nginx_vts", "nginx_plus", "angie"])
def test_a_storm_of_misses_lets_the_hit_ratio_fall_and_the_traffic_of_the_shield_rise(kind: str) -> None:
    def minute(world: World, begin: float) -> tuple[float, int, int]:
        """Hit ratio, bytes from the shield and bytes the shield sent, over a minute."""
        process, shield = cache(of_kind(world, kind)), of_shield(world)
        before = {state: one.responses for state, one in process.states.items()}
        read, sent = sum(peer.received for peer in process.peers.values()), shield.counted.sent
        world.advance(begin + 60)
        grown = {state: one.responses - before[state] for state, one in process.states.items()}
        return (
            grown["hit"] / sum(grown.values()),
            sum(peer.received for peer in process.peers.values()) - read,
            shield.counted.sent - sent,
        )

    world = World(WHOLE, NOON)
    world.advance(NOON + 30)
    ratio, read, sent = minute(world, NOON + 30)
    world.begin("cache-miss-storm", now=NOON + 90, server=of_kind(world, kind).server.name)
    stormy_ratio, stormy_read, stormy_sent = minute(world, NOON + 90)
    assert ratio > 0.9
    assert stormy_ratio == pytest.approx(0.4, abs=0.05)
    assert stormy_read > 20 * read
    assert stormy_sent - sent == pytest.approx(stormy_read - read, rel=0.1)


def of_shield(world: World) -> CacheProcess:
    return cache(next(one for name, one in world.machines.items() if name.startswith("shield")))


@pytest.mark.parametrize("kind", ["nginx_vts", "nginx_plus", "angie"])
def test_a_storm_of_errors_answers_503_to_a_third_and_sends_that_much_less(kind: str) -> None:
    world = World(WHOLE, NOON)
    process, shield = cache(of_kind(world, kind)), of_shield(world)
    world.advance(NOON + 60)
    sent, errors, requests = process.counted.sent, process.zone.classes()["5xx"], process.zone.requests
    world.begin("5xx-storm", now=NOON + 60, server=of_kind(world, kind).server.name)
    calm_sent, shield_sent = sent, shield.counted.sent
    world.advance(NOON + 120)
    share = (process.zone.classes()["5xx"] - errors) / (process.zone.requests - requests)
    assert errors == 0
    assert share == pytest.approx(0.35, abs=0.02)
    assert process.zone.codes["503"] == process.zone.classes()["5xx"]
    assert process.counted.sent - sent == pytest.approx(0.65 * calm_sent, rel=0.15)
    assert shield.counted.sent > shield_sent
    assert sum(process.zone.classes().values()) == process.zone.requests


def test_without_its_origin_a_cache_answers_old_playlists_and_502() -> None:
    world = World(WHOLE, NOON)
    machine = of_kind(world, "nginx_vts")
    process = cache(machine)
    world.advance(NOON + 30)
    (shield,) = [name for name in world.machines if name.startswith("shield")]
    world.begin("origin-lost", now=NOON + 30, server=shield, seconds=60)
    (peer,) = process.peers.values()
    asked = peer.requests
    sent = process.counted.sent
    world.advance(NOON + 60)
    assert process.zone.codes["502"] > 0
    assert process.states["stale"].responses > 0
    assert process.states["updating"].responses > 0
    assert peer.requests == asked
    assert peer.classes()["5xx"] == 0
    assert process.counted.sent - sent < 0.01 * sent
    world.advance(NOON + 120)
    assert peer.requests > asked


def test_a_changed_encoder_shows_everywhere_and_changes_back() -> None:
    world = World(WHOLE, NOON)
    world.advance(NOON + 60)
    channel = world.machines[ORIGIN].server.channels[0]
    first = stream(world, ORIGIN, channel.url)
    world.begin("encoder-changed", now=NOON + 60, server=ORIGIN, channel=channel.url, seconds=60)
    world.advance(NOON + 70)
    changed = stream(world, ORIGIN, channel.url)
    assert changed.id != first.id
    assert changed.publisher != first.publisher
    rtmp = of_kind(world, "nginx_rtmp").process
    assert isinstance(rtmp, RtmpProcess)
    (copy,) = [one for one in rtmp.streams() if one.channel.url == channel.url]
    assert changed.encoding == stream(world, EDGE, channel.url).encoding == copy.encoding == CHANGED
    told = listed(world.machines[EDGE], "streams", NOON + 70)
    assert '"codec":"HEVC","profile":"Main","level":"5.0","width":2560,"height":1440' in told
    world.advance(NOON + 130)
    assert stream(world, ORIGIN, channel.url).encoding == channel.encoding
    assert stream(world, ORIGIN, channel.url).id != changed.id


@pytest.mark.parametrize("kind", ["nginx_vts", "nginx_plus", "angie"])
def test_a_reload_changes_when_it_was_loaded_and_keeps_the_counters_and_a_restart_does_not(kind: str) -> None:
    world = World(WHOLE, NOON)
    machine = of_kind(world, kind)
    process = cache(machine)
    world.advance(NOON + 30)
    sent, loaded = process.counted.sent, process.loaded
    world.begin("reload", now=NOON + 30, server=machine.server.name)
    assert machine.process is process
    assert (process.counted.sent, process.loaded, process.generation) == (sent, NOON + 30, 2)
    assert loaded < NOON
    world.advance(NOON + 100)
    assert (process.loaded, process.generation) == (NOON + 30, 2)
    world.begin("restart", now=NOON + 100, server=machine.server.name)
    world.advance(NOON + 110)
    assert cache(machine) is not process
    assert cache(machine).generation == 1
    assert cache(machine).zone.requests < process.zone.requests


def test_after_a_reload_a_new_worker_answers_with_nothing_while_the_old_one_serves_on() -> None:
    world = World(WHOLE, NOON)
    machine = of_kind(world, "nginx_rtmp")
    process = machine.process
    assert isinstance(process, RtmpProcess)
    world.advance(NOON + 30)
    old, sent = list(process.workers), process.counted.sent
    world.begin("reload", now=NOON + 30, server=machine.server.name, seconds=45)
    world.advance(NOON + 60)
    assert {worker.pid for worker in process.workers}.isdisjoint(worker.pid for worker in old)
    assert [(worker.flow.sent, worker.streams) for worker in process.workers] == [(0, {})] * len(old)
    assert process.counted.sent > 1.5 * sent
    assert all(worker.flow.sent > 0 and worker.streams for worker in old)
    world.advance(NOON + 90)
    assert all(worker.flow.sent > 0 and worker.streams for worker in process.workers)
    assert process.viewers > 0
    assert not process.retired
