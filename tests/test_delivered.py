"""Traffic to viewers and traffic to own servers, told apart over several tiers, and stored once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from cdn.model import Kind, Role
from collector.writer import Writer
from db import live, minutes
from db.frame import records
from tests.scene import INTERVAL, Scene, client

URL = "/live/news"


@pytest.fixture
def scene(engine: Engine) -> Scene:
    return Scene(engine)


@pytest.fixture
def writer(engine: Engine) -> Writer:
    return Writer(engine, "a")


def origin_with_three_edges(scene: Scene) -> list[str]:
    """An origin that three edges pull from, ten viewers on each."""
    edges = ["edge-1", "edge-2", "edge-3"]
    scene.add("origin", Role.ORIGIN, "10.0.0.1")
    for number, edge in enumerate(edges, 2):
        scene.add(edge, Role.EDGE, f"10.0.0.{number}")
        scene.copy(edge).clients = 10
    scene.copy("origin").clients = 4
    scene.copy("origin").publisher = "studio"
    return edges


def lists(scene: Scene, *direct: str) -> None:
    """The origin's clients: the publisher, a pull of each edge, and people at the addresses `direct`."""
    sent = scene.copy("origin").egress // (3 + len(direct))
    scene.copy("origin").clients = 4 + len(direct)
    scene.clients["origin"] = [
        client("studio", "100.64.0.1", kind="fmle-publish"),
        *(client(f"pull-{number}", f"10.0.0.{number}", sent=sent) for number in (2, 3, 4)),
        *(client(address, address, sent=sent, kind="flv-play") for address in direct),
    ]


def flow(scene: Scene, edges: list[str], direct: int = 0) -> None:
    """15 s: 1 MB comes in, leaves the origin for each edge and each viewer there, and each edge tenfold."""
    scene.wait()
    origin = scene.copy("origin")
    origin.ingress += 1_000_000
    origin.egress += (len(edges) + direct) * 1_000_000
    for edge in edges:
        scene.copy(edge).egress += 10_000_000


def everything(scene: Scene, writer: Writer) -> None:
    writer.write([scene.poll(name) for name in scene.ids])


def summary(engine: Engine, scene: Scene) -> dict[str, float | None]:
    return records(live.summary(engine, scene.at + timedelta(seconds=1), INTERVAL))[0]


def test_one_origin_three_edges_and_ten_viewers_each_are_thirty_viewers(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    edges = origin_with_three_edges(scene)
    lists(scene)
    everything(scene, writer)
    flow(scene, edges)
    lists(scene)
    everything(scene, writer)
    seen = summary(engine, scene)
    assert seen["viewers"] == 30
    assert seen["delivered_bps"] == pytest.approx(30_000_000 * 8 / INTERVAL)
    assert seen["internal_bps"] == pytest.approx(3_000_000 * 8 / INTERVAL)
    assert seen["origin_offload"] == pytest.approx(0.9)
    assert (seen["streams_on_air"], seen["origins_not_told"]) == (1, 0)


def test_people_who_watch_on_an_origin_are_viewers_and_their_traffic_is_delivered(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    edges = origin_with_three_edges(scene)
    lists(scene, "198.51.100.7", "198.51.100.8")
    everything(scene, writer)
    flow(scene, edges, direct=2)
    scene.clients["origin"] = None  # between two lists of clients the shares are those of the last one
    everything(scene, writer)
    seen = summary(engine, scene)
    assert seen["viewers"] == 32
    assert seen["delivered_bps"] == pytest.approx(32_000_000 * 8 / INTERVAL)


def test_until_its_clients_are_told_apart_an_origin_is_left_out_and_said(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    edges = origin_with_three_edges(scene)
    everything(scene, writer)
    flow(scene, edges)
    everything(scene, writer)
    seen = summary(engine, scene)
    assert (seen["viewers"], seen["origins_not_told"]) == (30, 1)
    assert seen["delivered_bps"] == pytest.approx(30_000_000 * 8 / INTERVAL)
    assert (seen["internal_bps"], seen["origin_offload"]) == (None, None)


def test_pulls_become_links_without_typing(engine: Engine, scene: Scene, writer: Writer) -> None:
    edges = origin_with_three_edges(scene)
    lists(scene)
    everything(scene, writer)
    with engine.begin() as connection:
        links = connection.execute(text("SELECT server_id, origin_id FROM server_origin ORDER BY 1")).all()
        assert [tuple(link) for link in links] == [(scene.ids[edge], scene.ids["origin"]) for edge in edges]
        assert connection.scalar(text("SELECT max(version) FROM server")) == 1  # nobody's form is outdated by that


def test_a_tier_in_between_is_neither_a_viewer_nor_counted_twice(engine: Engine, scene: Scene, writer: Writer) -> None:
    """origin → middle → two edges: what the middle sends is internal, too."""
    scene.add("origin", Role.ORIGIN, "10.0.0.1")
    scene.add("middle", Role.ORIGIN, "10.0.0.2")
    for number, edge in enumerate(("edge-1", "edge-2"), 3):
        scene.add(edge, Role.EDGE, f"10.0.0.{number}")

    def step() -> None:
        scene.wait()
        scene.copy("origin").egress += 1_000_000
        scene.copy("origin").ingress += 1_000_000
        scene.copy("middle").egress += 2_000_000
        scene.copy("origin").clients, scene.copy("middle").clients = 2, 2
        scene.copy("edge-1").egress += 5_000_000
        scene.copy("edge-2").egress += 7_000_000
        scene.copy("edge-1").clients, scene.copy("edge-2").clients = 5, 7
        scene.clients["origin"] = [
            client("studio", "100.64.0.1", kind="fmle-publish"),
            client("m", "10.0.0.2", sent=scene.copy("origin").egress),
        ]
        scene.clients["middle"] = [
            client(str(number), f"10.0.0.{number}", sent=scene.copy("middle").egress // 2) for number in (3, 4)
        ]
        everything(scene, writer)

    for _ in range(3):
        step()
    seen = summary(engine, scene)
    assert seen["viewers"] == 12
    assert seen["delivered_bps"] == pytest.approx(12_000_000 * 8 / INTERVAL)
    assert seen["internal_bps"] == pytest.approx(3_000_000 * 8 / INTERVAL)
    assert seen["origin_offload"] == pytest.approx(1 - 1 / 12)


def test_what_caching_edges_read_from_an_origin_that_counts_http_is_not_delivered_twice(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    scene.add("shield", Role.ORIGIN, "10.0.0.1", Kind.NGINX_VTS)
    scene.add("cache-1", Role.EDGE, "10.0.0.2", Kind.ANGIE)
    scene.add("cache-2", Role.EDGE, "10.0.0.3", Kind.NGINX_VTS)
    with engine.begin() as connection:
        for cache in ("cache-1", "cache-2"):
            connection.execute(
                text("INSERT INTO server_origin VALUES (:a, :b)"), {"a": scene.ids[cache], "b": scene.ids["shield"]}
            )
    for step in range(2):
        scene.extra["shield"] = {"egress_bytes": step * 3_000_000}
        scene.extra["cache-1"] = {"egress_bytes": step * 20_000_000, "origin_bytes": step * 1_000_000}
        scene.extra["cache-2"] = {"egress_bytes": step * 30_000_000, "origin_bytes": step * 2_000_000}
        scene.wait()
        everything(scene, writer)
    seen = summary(engine, scene)
    assert seen["delivered_bps"] == pytest.approx(50_000_000 * 8 / INTERVAL)
    assert seen["internal_bps"] == pytest.approx(3_000_000 * 8 / INTERVAL)
    assert seen["origin_offload"] == pytest.approx(1 - 3 / 50)


def test_what_a_cache_reads_from_srs_is_in_no_counter_of_srs_and_not_taken_off(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    scene.add("origin", Role.ORIGIN, "10.0.0.1")
    scene.add("cache", Role.EDGE, "10.0.0.2", Kind.NGINX_VTS)
    scene.clients["origin"] = []
    with engine.begin() as connection:
        connection.execute(
            text("INSERT INTO server_origin VALUES (:a, :b)"), {"a": scene.ids["cache"], "b": scene.ids["origin"]}
        )
    for step in range(2):
        scene.extra["origin"] = {"egress_bytes": 0}
        scene.extra["cache"] = {"egress_bytes": step * 20_000_000, "origin_bytes": step * 1_000_000}
        scene.wait()
        everything(scene, writer)
    seen = summary(engine, scene)
    assert seen["delivered_bps"] == pytest.approx(20_000_000 * 8 / INTERVAL)
    assert seen["origin_offload"] == pytest.approx(0.95)


def test_the_minutes_and_the_samples_hold_the_same_internal_bytes_and_no_more_than_the_pulls_counted(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    edges = origin_with_three_edges(scene)
    lists(scene)
    everything(scene, writer)
    for number in range(20):
        flow(scene, edges, direct=1)
        if number % 4 == 3:
            lists(scene, "198.51.100.7")
        else:
            scene.clients["origin"] = None
        everything(scene, writer)
    with engine.begin() as connection:
        of_samples, of_minutes = (
            connection.scalar(text(f"SELECT sum(internal_bytes) FROM {table}")) for table in ("sample", "traffic_1m")
        )
    assert of_samples == of_minutes
    # The first list is the baseline; since then each of three pulls sent 20 MB.
    assert of_samples == pytest.approx(3 * 20_000_000, abs=3)
    later = scene.at + timedelta(minutes=2)
    minutes.keep(engine, later)
    found = live.traffic(engine, later, "1h")
    assert found["delivered_bps"].iloc[2] == pytest.approx(31_000_000 * 8 / INTERVAL, rel=0.01)
    assert found["viewers"].iloc[2] == pytest.approx(30 + 1, abs=1)
