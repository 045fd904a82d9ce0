"""The simulated fleet: which servers there are, who pulls from whom, and the file that names them."""

from __future__ import annotations

import tomllib
from collections import Counter

import pytest

from demo.fleet import Size, plan, servers_toml
from demo.world import World
from tests.test_demo_world import srs


def test_the_fleet_file_names_every_server_with_what_the_product_needs() -> None:
    fleet = plan()
    listed = tomllib.loads(servers_toml(fleet))["server"]
    assert [one["name"] for one in listed] == [one.name for one in fleet.servers if one.listed]
    assert len({one["name"] for one in listed}) == len({one["url"] for one in listed}) == 22
    kinds = Counter((one["kind"], one["role"]) for one in listed)
    assert kinds == {
        ("srs", "origin"): 4,
        ("nginx_vts", "origin"): 1,
        ("srs", "edge"): 10,
        ("nginx", "edge"): 1,
        ("nginx_plus", "edge"): 1,
        ("nginx_rtmp", "edge"): 2,
        ("nginx_vts", "edge"): 2,
        ("angie", "edge"): 1,
    }
    asking = [one["kind"] for one in listed if "password" in one or "token" in one]
    assert sorted(asking) == ["angie", "nginx", "nginx_plus", "nginx_rtmp", "nginx_vts", "srs"]
    assert len({one["region"] for one in listed}) == 4
    assert all(set(one.get("origins", [])) <= {one["name"] for one in listed} for one in listed)


def test_two_servers_that_nobody_told_of_answer_and_pull() -> None:
    fleet = plan()
    hidden = [one for one in fleet.servers if not one.listed]
    assert [(one.kind, one.role, one.auth) for one in hidden] == [("srs", "edge", None)] * 2
    world = World(fleet, 1_795_521_600.0)
    world.advance(1_795_521_630.0)
    for one in hidden:
        assert sum(one.name in stream.pulls for stream in srs(world, one.origins[0]).listed) >= 3


@pytest.mark.parametrize("servers", [2, 17, 300, 1_000])
def test_a_fleet_of_any_size_has_names_and_addresses_of_its_own(servers: int) -> None:
    fleet = plan(Size(servers=servers, streams=20))
    assert len(fleet.servers) == servers
    assert len({one.name for one in fleet.servers}) == len({one.address for one in fleet.servers}) == servers
    edges = [one for one in fleet.servers if one.role == "edge"]
    assert all(len({channel.url for channel in one.channels}) == 20 for one in edges)
    published = [channel.url for one in fleet.servers if one.role == "origin" for channel in one.channels]
    assert len(published) == len(set(published))
    assert {channel.url for one in edges for channel in one.channels} <= set(published)


def test_one_address_serves_a_fleet_by_ports() -> None:
    fleet = plan(Size(servers=5, one_address=True, first_address="127.0.0.1"))
    assert [one.url for one in fleet.servers[:2]] == ["http://127.0.0.1:1985", "http://127.0.0.1:1986"]
