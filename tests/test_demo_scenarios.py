"""What goes wrong in the simulated CDN shows as it does on real servers, and ends."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import pytest

from demo.fleet import Fleet, plan
from demo.kinds.srs import answer
from demo.machine import Machine
from demo.scenarios import SCENARIOS, SCRIPT, Effect, combined, script
from demo.truth import truth
from demo.wire import parse_head
from demo.world import World
from tests.test_demo_shapes import shape_of
from tests.test_demo_world import EDGE, NOON, ORIGIN, SMALL, srs, stream

FIXTURES = Path(__file__).parent / "fixtures"


def listed(machine: Machine, what: str, now: float) -> str:
    request = parse_head(f"GET /api/v1/{what}/?count=1000 HTTP/1.1".encode(), first=True)
    assert request is not None
    return answer(machine, request, now).payload.decode().partition("\r\n\r\n")[2]


def test_a_restart_changes_ids_and_begins_at_zero() -> None:
    world = World(SMALL, NOON)
    world.advance(NOON + 60)
    old, server_id = srs(world, EDGE), world.machines[EDGE].server_id
    sent = old.counted.sent
    world.begin("restart", now=NOON + 61, server=EDGE)
    assert world.machines[EDGE].process is None
    world.advance(NOON + 64.5)
    new = srs(world, EDGE)
    assert (new.counted.sent, new.started, new.streams) == (0, NOON + 64, {})
    assert (new.service, new.pid) != (old.service, old.pid)
    assert world.machines[EDGE].server_id == server_id
    assert world.machines[EDGE].bytes_before >= sent
    world.advance(NOON + 100)
    assert new.counted.sent > 0
    assert set(new.streams) == set(old.streams)


def test_a_lost_publisher_shows_on_the_origin_and_the_edge_goes_on_lying() -> None:
    world = World(SMALL, NOON)
    world.advance(NOON + 60)
    channel = world.machines[ORIGIN].server.channels[0]
    publisher = stream(world, ORIGIN, channel.url).publisher
    world.begin("publisher-lost", now=NOON + 60, server=ORIGIN, channel=channel.url, seconds=75)
    world.advance(NOON + 67)
    gone, copy = stream(world, ORIGIN, channel.url), stream(world, EDGE, channel.url)
    assert (gone.publishing, gone.publisher, gone.publisher_client) == (False, publisher, None)
    recorded = (FIXTURES / "srs/publisher-stop/1after1s-origin-streams.json").read_text()
    assert shape_of(listed(world.machines[ORIGIN], "streams", NOON + 67)) == shape_of(recorded)
    sent, frames = copy.counted.sent, gone.frames(NOON + 67)
    world.advance(NOON + 85)
    assert copy.publishing
    assert copy.counted.sent == sent
    assert gone.frames(NOON + 85) == frames
    world.advance(NOON + 110)
    again = stream(world, ORIGIN, channel.url)
    assert again.id != gone.id
    assert (again.counted.sent, again.publishing, again.publisher) == (0, False, None)
    waiting = (FIXTURES / "srs/publisher-stop/4after48s-origin-streams.json").read_text()
    assert shape_of(listed(world.machines[ORIGIN], "streams", NOON + 110)) == shape_of(waiting)
    world.advance(NOON + 145)
    assert again.publishing
    assert again.publisher not in (None, publisher)
    assert copy.counted.sent > sent


def test_a_frozen_copy_stands_still_on_its_edge_alone() -> None:
    world = World(SMALL, NOON)
    world.advance(NOON + 30)
    url = world.machines[EDGE].server.channels[0].url
    world.begin("channel-frozen", now=NOON + 30, server=EDGE, channel=url)
    world.advance(NOON + 36)
    here, there = stream(world, EDGE, url), stream(world, "edge-fra-1", url)
    stood, moved = here.counted.sent, there.counted.sent
    world.advance(NOON + 60)
    assert (here.counted.sent, here.publishing) == (stood, True)
    assert there.counted.sent > moved


def test_a_lost_origin_freezes_its_channels_and_comes_back_with_them() -> None:
    world = World(SMALL, NOON)
    world.advance(NOON + 30)
    url = world.machines[ORIGIN].server.channels[0].url
    world.begin("origin-lost", now=NOON + 30, server=ORIGIN, seconds=60)
    world.advance(NOON + 36)
    sent = stream(world, EDGE, url).counted.sent
    world.advance(NOON + 80)
    assert stream(world, EDGE, url).counted.sent == sent
    world.advance(NOON + 110)
    assert stream(world, EDGE, url).counted.sent > sent
    assert stream(world, ORIGIN, url).publishing


def test_viewers_of_a_dead_edge_go_to_its_region() -> None:
    world = World(SMALL, NOON)
    world.advance(NOON + 30)
    before = srs(world, EDGE).viewers
    world.begin("edge-down", now=NOON + 30, server="edge-fra-1", seconds=60)
    world.advance(NOON + 36)
    assert srs(world, EDGE).viewers > before * 1.1
    assert srs(world, "origin-ams-1").listed[0].pulls.keys().isdisjoint({"edge-fra-1"})


def test_a_saturated_edge_sends_what_its_line_carries() -> None:
    world = World(SMALL, NOON + 8 * 3_600)
    world.begin("saturation", now=NOON + 8 * 3_600, server=EDGE)
    world.advance(NOON + 8 * 3_600 + 30)
    capacity = world.machines[EDGE].server.capacity
    assert capacity * 0.999 < srs(world, EDGE).egress <= capacity


def test_hostile_streams_come_and_go_with_the_attack() -> None:
    world = World(SMALL, NOON)
    world.begin("hostile-names", now=NOON, server=ORIGIN, seconds=30)
    world.advance(NOON + 10)
    names = {one.channel.name for one in srs(world, ORIGIN).listed}
    assert "<script>alert(1)</script>" in names
    assert len(names) >= 60
    request = parse_head(b"GET /api/v1/streams/?count=1000 HTTP/1.1", first=True)
    assert request is not None
    assert b"\xff\xfe" in answer(world.machines[ORIGIN], request, NOON + 10).payload
    world.advance(NOON + 40)
    assert len(srs(world, ORIGIN).listed) == len(world.machines[ORIGIN].server.channels)


def test_effects_combine_and_the_script_is_the_same_for_a_seed() -> None:
    both = combined((Effect(delay=1, viewers=2), Effect(delay=3, viewers=0.5, silent=True)))
    assert (both.delay, both.viewers, both.silent, both.down) == (3, 1.0, True, False)

    def first(fleet: Fleet) -> list[tuple[float, str, str, str | None]]:
        return [(cue.after, cue.scenario.name, cue.server, cue.channel) for cue in islice(script(fleet), 30)]

    assert first(plan()) == first(plan())
    assert {name for _, name, _, _ in first(plan())} == set(SCRIPT)
    assert all(later[0] - sooner[0] < 240 for sooner, later in pairwise(first(plan())))


def test_a_scenario_that_does_not_fit_is_refused_with_its_reason() -> None:
    world = World(SMALL, NOON)
    for name, server, channel, error in (
        ("none", None, None, LookupError),
        ("edge-down", "nobody", None, LookupError),
        ("edge-down", ORIGIN, None, ValueError),
        ("publisher-lost", ORIGIN, "/live/none", LookupError),
    ):
        with pytest.raises(error):
            world.begin(name, now=NOON, server=server, channel=channel)
    assert world.conditions.active == []


def test_a_publisher_that_connects_anew_changes_both_ids_and_is_hardly_missed() -> None:
    world = World(SMALL, NOON)
    world.advance(NOON + 60)
    channel = world.machines[ORIGIN].server.channels[0]
    before = stream(world, ORIGIN, channel.url)
    sent = stream(world, EDGE, channel.url).counted.sent
    world.begin("republished", now=NOON + 60, server=ORIGIN, channel=channel.url)
    world.advance(NOON + 66)
    after = stream(world, ORIGIN, channel.url)
    assert after.publishing
    assert after.id != before.id
    assert after.publisher not in (None, before.publisher)
    assert after.counted.sent < before.counted.sent
    assert stream(world, EDGE, channel.url).counted.sent > sent
    assert truth(world, NOON + 66)["channels"][channel.url]["republished"] == 1
    world.advance(NOON + 120)
    assert stream(world, ORIGIN, channel.url).id == after.id


def test_every_scenario_finds_its_subject_in_the_usual_fleet_and_says_where_there_is_none() -> None:
    world = World(plan(), NOON)
    for name in SCENARIOS:
        assert world.begin(name, now=NOON).server in world.machines
    for name in ("cache-miss-storm", "5xx-storm"):
        with pytest.raises(ValueError, match="no caching edge in this fleet"):
            World(SMALL, NOON).begin(name, now=NOON)
    (middle,) = [name for name in world.machines if name.startswith("middle")]
    with pytest.raises(ValueError, match="happens to one channel, middle-nyc-1 is none"):
        world.begin("publisher-lost", now=NOON, server=middle)
