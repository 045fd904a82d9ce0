"""What the product says of the simulated CDN is what the simulated CDN knows to be true: bytes, viewers, channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cdn.health import ChannelState
from db import channels, live, working
from db.delivered import TOTALS, split
from db.engine import reading
from db.frame import records
from demo.fleet import DEFAULT_SIZE, plan
from tests.simulated import CLIENTS_EVERY, INTERVAL, Simulated, first_address, simulated

# All kinds, two tiers, viewers on an origin; every server is one of ours.
FLEET = plan(replace(DEFAULT_SIZE, servers=22, unlisted=0, first_address=first_address()))
ROUNDS = 3 * CLIENTS_EVERY
# It counts connections, but no bytes.
STUB_STATUS = {server.name for server in FLEET.servers if server.kind == "nginx"}
COUNTS_VIEWERS = {"srs", "nginx_rtmp"}


@pytest.fixture
def scene(engine: Engine) -> Iterator[Simulated]:
    with simulated(engine, FLEET) as made:
        yield made


def run(scene: Simulated, rounds: int = ROUNDS) -> tuple[dict[str, Any], dict[str, Any]]:
    """Poll for a while; returns the truth at the first poll and at the last."""
    scene.poll()
    first = scene.cdn.truth()
    for _ in range(rounds):
        scene.step()
    return first, scene.cdn.truth()


def counted(engine: Engine, metric: str) -> dict[str, int]:
    """What the samples of each server add up to."""
    query = text(
        f"SELECT server.name, sum({metric})::bigint AS total FROM sample JOIN server ON server.id = server_id"
        " GROUP BY server.name"
    )
    with engine.begin() as connection:
        return {row.name: row.total or 0 for row in connection.execute(query)}


def grown(first: dict[str, Any], last: dict[str, Any], name: str) -> dict[str, int]:
    """What was really sent and received between two looks, as far as such a server counts it."""
    now, then = last["servers"][name], first["servers"][name]
    left_out = now["uncounted_bytes"] - then["uncounted_bytes"]
    return {
        "egress": now["egress_bytes"] - then["egress_bytes"] - left_out,
        "ingress": now["ingress_bytes"] - then["ingress_bytes"],
        "internal": now["internal_bytes"] - then["internal_bytes"] - left_out,
    }


def test_every_byte_of_every_server_is_counted_once(engine: Engine, scene: Simulated) -> None:
    first, last = run(scene)
    stored = {name: counted(engine, name) for name in ("egress_bytes", "ingress_bytes")}
    for name in last["servers"].keys() - STUB_STATUS:
        true = grown(first, last, name)
        assert (stored["egress_bytes"][name], stored["ingress_bytes"][name]) == (true["egress"], true["ingress"]), name


def test_nothing_is_counted_twice_through_restarts_failures_and_gaps(engine: Engine, scene: Simulated) -> None:
    scene.poll()
    first = scene.cdn.truth()
    names = [server.name for server in FLEET.servers if server.kind in ("srs", "nginx_vts") and server.role == "edge"]
    for number in range(20):
        if number % 5 == 1:
            scene.begin("restart", names[number % len(names)], seconds=4)
        if number % 7 == 2:
            scene.begin("edge-down", names[(number + 3) % len(names)], seconds=40)
        # Some are not asked each time.
        scene.step(*(name for place, name in enumerate(scene.targets) if (place + number) % 6))
    scene.step()
    last = scene.cdn.truth()
    stored = counted(engine, "egress_bytes")
    for name in names:
        true = grown(first, last, name)["egress"]
        # What a process sent after it was last read is lost with it, and nothing else.
        assert 0.75 * true < stored[name] <= true, name
    assert records(working.audit(engine)[working.audit(engine)["difference"] != 0]) == []


def test_viewers_are_people_and_each_is_counted_once(engine: Engine, scene: Simulated) -> None:
    _, last = run(scene)
    found = {row["name"]: row for row in records(live.fleet(engine, scene.at + timedelta(seconds=1), INTERVAL))}
    off = {}
    for name, true in last["servers"].items():
        if true["kind"] in COUNTS_VIEWERS:
            if found[name]["viewers"] != true["viewers"]:
                off[name] = (true["role"], found[name]["viewers"] - true["viewers"])
        else:
            assert found[name]["viewers"] is None, name  # not counted there, and never 0
    # Somebody publishes into an edge: SRS does not tell that client from a viewer. And it lists a session of HLS for
    # some time after its viewer left.
    assert [extra for role, extra in off.values() if role == "edge"] == [1], off
    lingering = sum(extra for role, extra in off.values() if role == "origin")
    assert lingering in (0, 1, 2), off
    summary = records(live.summary(engine, scene.at + timedelta(seconds=1), INTERVAL))[0]
    watching = sum(one["viewers"] for one in last["servers"].values() if one["kind"] in COUNTS_VIEWERS)
    assert summary["viewers"] == watching + 1 + lingering


def test_delivered_and_internal_traffic_are_what_was_really_sent_to_viewers_and_to_own_servers(
    engine: Engine, scene: Simulated
) -> None:
    first, last = run(scene)
    internal = counted(engine, "internal_bytes")
    for server in FLEET.servers:
        if server.role == "origin" and server.kind == "srs":
            true = grown(first, last, server.name)["internal"]
            # Where people watch beside own servers the newest bytes are an estimate until the next list of clients.
            assert internal[server.name] == pytest.approx(true, rel=0.002), server.name
    rows = (
        "SELECT CAST(:now AS timestamptz) AS at, server_id, sum(egress_bytes) AS egress_bytes,"
        " sum(internal_bytes) AS internal_bytes, sum(origin_bytes) AS origin_bytes,"
        " 8.0 AS counted_seconds FROM sample GROUP BY server_id"
    )
    with reading(engine) as connection:
        # Over 8 s every byte is a bit/s.
        totals = connection.execute(text(f"WITH {split(rows)} SELECT {TOTALS} FROM split"), {"now": scene.at}).one()
    delivered = sum(
        true["egress_bytes"]
        - true["internal_bytes"]
        - (first["servers"][name]["egress_bytes"] - first["servers"][name]["internal_bytes"])
        for name, true in last["servers"].items()
        if name not in STUB_STATUS
    )
    assert totals.delivered_bps == pytest.approx(delivered, rel=0.0005)
    home = sum(
        last["servers"][one.name]["internal_bytes"] - first["servers"][one.name]["internal_bytes"]
        for one in FLEET.servers
        if one.role == "origin" and not one.origins
    )
    # What a server reads that counts no bytes is in no counter: SRS leaves out what it sends to caches.
    home -= sum(last["servers"][name]["pulled_bytes"] - first["servers"][name]["pulled_bytes"] for name in STUB_STATUS)
    assert totals.origin_offload == pytest.approx(1 - home / delivered, abs=0.00005)


def test_links_between_servers_are_found_without_typing(engine: Engine, scene: Simulated) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM server_origin"))
    run(scene, rounds=2 * CLIENTS_EVERY)
    with engine.begin() as connection:
        rows = connection.execute(
            text(
                "SELECT puller.name AS puller, origin.name AS origin FROM server_origin"
                " JOIN server puller ON puller.id = server_id JOIN server origin ON origin.id = origin_id"
            )
        )
        found = {(row.puller, row.origin) for row in rows}
    true = {(one.name, origin) for one in FLEET.servers if one.kind in ("srs", "nginx_rtmp") for origin in one.origins}
    assert found == true


def test_channels_are_what_is_published_where_and_who_watches(engine: Engine, scene: Simulated) -> None:
    first, last = run(scene)
    found = {row["name"]: row for row in records(channels.channels(engine, scene.at + timedelta(seconds=1), INTERVAL))}
    assert len(found) == len(last["channels"]) == last["channels_on_air"]
    counting = {name for name, one in last["servers"].items() if one["kind"] in COUNTS_VIEWERS}
    for true in last["channels"].values():
        row = found[true["name"]]
        assert (row["state"], row["origin"]) == (ChannelState.ON_AIR, true["home"])
        watched = sum(
            last["servers"][name]["watched"].get(url, 0)
            for name in counting
            for url in last["channels"]
            if last["channels"][url] is true
        )
        assert row["viewers"] - watched in (0, 1, 2), true["name"]
        seconds = last["now"] - first["now"]
        bitrate = (
            (true["ingest_bytes"] - first["channels"][next(iter(_urls(last, true)))]["ingest_bytes"]) * 8 / seconds
        )
        assert row["ingest_bps"] == pytest.approx(bitrate, rel=0.15), true["name"]


def _urls(truth: dict[str, Any], channel: dict[str, Any]) -> list[str]:
    return [url for url, one in truth["channels"].items() if one is channel]
