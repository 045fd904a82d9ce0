"""Channels: what every server's copy tells of one programme, its publications, and what happened to it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from cdn.health import ChannelState, CopyState
from cdn.model import Role
from collector.followed import OVERFLOW, capped
from collector.writer import Writer
from db import channels
from db.frame import records
from tests.scene import INTERVAL, Copy, Scene

URL = "/live/news"


@pytest.fixture
def scene(engine: Engine) -> Scene:
    """An origin with one channel, on two edges."""
    made = Scene(engine)
    made.add("origin", Role.ORIGIN, "10.0.0.1")
    made.copy("origin").publisher = "studio-1"
    made.copy("origin").clients = 3
    for number, edge in enumerate(("edge-1", "edge-2"), 2):
        made.add(edge, Role.EDGE, f"10.0.0.{number}")
        made.copy(edge).clients = 10
    with engine.begin() as connection:
        for edge in ("edge-1", "edge-2"):
            connection.execute(
                text("INSERT INTO server_origin VALUES (:a, :b)"), {"a": made.ids[edge], "b": made.ids["origin"]}
            )
    return made


@pytest.fixture
def writer(engine: Engine) -> Writer:
    return Writer(engine, "a", max_streams=5)


def step(scene: Scene, writer: Writer, *still: str, seconds: float = INTERVAL, without: tuple[str, ...] = ()) -> None:
    """15 s in which every copy moves but those on the servers `still`; then all are polled but those `without`."""
    scene.wait(seconds)
    for name, copies in scene.copies.items():
        for copy in copies.values():
            if name in still or not copy.publishing:
                continue
            if name == "origin":
                copy.ingress += 1_000_000
                copy.frames += int(25 * seconds)
                copy.egress += 2_000_000
            else:
                copy.egress += 10_000_000
    writer.write([scene.poll(name) for name in scene.ids if name not in without])


def channel(engine: Engine, scene: Scene) -> dict[str, Any]:
    (row,) = records(channels.channels(engine, scene.at + timedelta(seconds=1), INTERVAL))
    return row


def states(engine: Engine, scene: Scene) -> dict[str, str]:
    found = channels.copies(engine, scene.at + timedelta(seconds=1), INTERVAL, channel(engine, scene)["id"])
    return dict(zip(found["server"], found["state"], strict=True))


def published(engine: Engine, scene: Scene) -> list[dict[str, Any]]:
    now = scene.at + timedelta(seconds=1)
    return records(channels.publications(engine, now, since=now - timedelta(hours=1)))


def happened(engine: Engine, scene: Scene) -> list[tuple[str, str, str | None, str | None]]:
    now = scene.at + timedelta(seconds=1)
    found = records(channels.events(engine, now, since=now - timedelta(hours=1)))
    return [(row["kind"], row["server"], row["before"], row["now"]) for row in found]


def test_a_channel_is_one_row_however_many_servers_carry_it(engine: Engine, scene: Scene, writer: Writer) -> None:
    for _ in range(10):
        step(scene, writer)
    row = channel(engine, scene)
    assert (row["app"], row["name"], row["state"], row["origin"]) == ("live", "news", ChannelState.ON_AIR, "origin")
    assert (row["copies"], row["copies_frozen"], row["viewers"]) == (2, 0, 20)
    assert row["ingest_bps"] == pytest.approx(1_000_000 * 8 / INTERVAL)
    assert row["frame_rate"] == pytest.approx(25)
    assert (row["video"], row["audio"], row["width"], row["height"]) == ("H264 High", "AAC LC 44.1 kHz", 1920, 1080)
    assert set(states(engine, scene).values()) == {CopyState.ON_AIR}


def test_a_copy_that_stands_still_while_somebody_watches_is_frozen_within_two_polls(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    step(scene, writer)
    step(scene, writer)
    before = scene.at
    step(scene, writer, "edge-2")
    row = channel(engine, scene)
    assert (row["state"], row["copies_frozen"], row["frozen_since"]) == (ChannelState.FROZEN, 1, before)
    assert states(engine, scene) == {"origin": CopyState.ON_AIR, "edge-1": CopyState.ON_AIR, "edge-2": CopyState.FROZEN}
    step(scene, writer)
    assert channel(engine, scene)["state"] == ChannelState.ON_AIR


def test_a_copy_that_nobody_watches_may_stand_still(engine: Engine, scene: Scene, writer: Writer) -> None:
    scene.copy("edge-2").clients = 0
    for _ in range(3):
        step(scene, writer, "edge-2")
    assert states(engine, scene)["edge-2"] == CopyState.WAITING
    assert channel(engine, scene)["state"] == ChannelState.ON_AIR


def test_an_edge_that_says_active_without_a_source_waits_and_the_channel_is_off_air(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    step(scene, writer)
    scene.copy("origin").publishing = False
    for _ in range(2):
        step(scene, writer, "edge-1", "edge-2")
    assert channel(engine, scene)["state"] == ChannelState.OFF_AIR
    assert set(states(engine, scene).values()) == {CopyState.WAITING}


def test_a_publisher_that_sends_nothing_is_stalled_and_its_edges_are_not_at_fault(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    step(scene, writer)
    step(scene, writer)
    step(scene, writer, "origin", "edge-1", "edge-2")
    row = channel(engine, scene)
    assert row["state"] == ChannelState.STALLED
    assert row["stalled_since"] == scene.at - timedelta(seconds=INTERVAL)
    assert states(engine, scene)["edge-1"] == CopyState.WAITING


def test_acknowledgements_that_trickle_on_do_not_hide_a_copy_that_stands_still(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    step(scene, writer)
    scene.copy("edge-2").egress += 200
    step(scene, writer, "edge-2")
    assert states(engine, scene)["edge-2"] == CopyState.FROZEN


def test_where_the_origin_does_not_answer_nobody_knows_unless_copies_move(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    step(scene, writer)
    for _ in range(2):
        step(scene, writer, without=("origin",))
        writer.write([scene.failed("origin")])
    assert channel(engine, scene)["state"] == ChannelState.ON_AIR
    for _ in range(2):
        step(scene, writer, "edge-1", "edge-2", without=("origin",))
        writer.write([scene.failed("origin")])
    row = channel(engine, scene)
    assert (row["state"], row["copies_unknown"]) == (ChannelState.UNKNOWN, 1)


def test_a_channel_that_nobody_lists_any_more_is_gone(engine: Engine, scene: Scene, writer: Writer) -> None:
    step(scene, writer)
    for name in scene.ids:
        scene.copies[name].clear()
    step(scene, writer)
    row = channel(engine, scene)
    assert (row["state"], row["gone_at"]) == (ChannelState.GONE, scene.at)


def test_without_a_first_origin_in_the_fleet_edges_tell_whether_a_channel_is_on_air(engine: Engine) -> None:
    scene, writer = Scene(engine), Writer(engine, "a")
    scene.add("edge-1", Role.EDGE, "10.0.0.2")
    scene.copy("edge-1").clients = 4
    for _ in range(3):
        step(scene, writer)
    row = channel(engine, scene)
    assert (row["state"], row["ingest_bps"], row["viewers"]) == (ChannelState.ON_AIR, None, 4)
    step(scene, writer, "edge-1")
    assert channel(engine, scene)["state"] == ChannelState.FROZEN


def test_a_publication_is_a_row_whose_ends_are_bounds(engine: Engine, scene: Scene, writer: Writer) -> None:
    step(scene, writer)
    first_seen = scene.at
    step(scene, writer)
    last_seen = scene.at
    scene.copy("origin").publishing = False
    scene.copy("origin").publisher = None
    step(scene, writer)
    gone = scene.at
    step(scene, writer)
    last_gone = scene.at
    scene.copy("origin").publishing, scene.copy("origin").publisher = True, "studio-2"
    step(scene, writer)
    newest, oldest = published(engine, scene)
    assert (oldest["began_after"], oldest["began_by"]) == (None, first_seen)  # it was there before anybody looked
    assert (oldest["ended_after"], oldest["ended_by"], oldest["end_reason"]) == (last_seen, gone, "stopped")
    assert (newest["began_after"], newest["began_by"], newest["ended_by"]) == (last_gone, scene.at, None)
    assert (newest["off_air_least"], newest["off_air_most"]) == (15, 45)
    assert newest["format"] == "1920 × 1080, H264 High, AAC LC 44.1 kHz"


def test_a_publisher_that_reconnects_between_two_polls_is_seen_by_its_id(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    step(scene, writer)
    step(scene, writer)
    origin = scene.copy("origin")
    origin.publisher, origin.id, origin.ingress, origin.egress = "studio-2", "s2", 0, 0
    step(scene, writer)
    newest, oldest = published(engine, scene)
    assert oldest["end_reason"] == "reconnected"
    assert (newest["off_air_least"], newest["off_air_most"]) == (0, 15)
    assert newest["publisher"] == "studio-2"


def test_a_stranger_player_on_an_edge_makes_no_publication(engine: Engine, scene: Scene, writer: Writer) -> None:
    for number in range(3):
        scene.copy("edge-1").publisher = f"player-{number}"
        step(scene, writer)
    assert [row["server"] for row in published(engine, scene)] == ["origin"]


def test_a_restarted_origin_ends_its_publications_and_is_one_event(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    step(scene, writer)
    step(scene, writer)
    scene.process["origin"] = 2
    scene.copies["origin"] = {URL: Copy(URL, clients=3, publisher="studio-2")}
    step(scene, writer)
    newest, oldest = published(engine, scene)
    assert oldest["end_reason"] == "restarted"
    assert newest["ended_by"] is None
    assert happened(engine, scene) == [("restart", "origin", None, None)]


def test_a_publication_goes_on_while_its_server_does_not_answer(engine: Engine, scene: Scene, writer: Writer) -> None:
    step(scene, writer)
    for _ in range(4):
        scene.wait()
        writer.write([scene.failed("origin")])
    step(scene, writer)
    (row,) = published(engine, scene)
    assert row["ended_by"] is None


def test_publications_go_on_in_another_collector(engine: Engine, scene: Scene, writer: Writer) -> None:
    step(scene, writer)
    step(scene, Writer(engine, "b"))
    (row,) = published(engine, scene)
    assert row["ended_by"] is None


def test_another_codec_and_size_is_one_event_told_where_it_changed_first(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    step(scene, writer)
    for name in scene.ids:
        copy = scene.copy(name)
        copy.video, copy.width, copy.height, copy.audio = "HEVC Main", 3840, 2160, "AAC LC 48 kHz"
    step(scene, writer)
    assert happened(engine, scene) == [
        (
            "format",
            "origin",
            "1920 × 1080, H264 High, AAC LC 44.1 kHz",
            "3840 × 2160, HEVC Main, AAC LC 48 kHz",
        )
    ]


def test_a_format_that_comes_back_after_a_break_is_no_event(engine: Engine, scene: Scene, writer: Writer) -> None:
    step(scene, writer)
    origin = scene.copy("origin")
    kept = (origin.video, origin.audio, origin.width, origin.height)
    origin.publishing, origin.publisher = False, None
    origin.video = origin.audio = origin.width = origin.height = None
    step(scene, writer)
    origin.publishing, origin.publisher = True, "studio-2"
    origin.video, origin.audio, origin.width, origin.height = kept
    step(scene, writer)
    assert happened(engine, scene) == []


def test_streams_beyond_the_most_are_one_row_and_said(engine: Engine, scene: Scene, writer: Writer) -> None:
    step(scene, writer)
    for number in range(20):
        scene.copy("edge-1", f"/live/a-flood-{number:02}").clients = 1
    step(scene, writer)
    with engine.begin() as connection:
        rows = connection.execute(
            text(
                "SELECT stream.url, status.viewers FROM stream_status status JOIN stream ON stream.id = stream_id"
                " WHERE status.server_id = :id AND gone_at IS NULL ORDER BY url"
            ),
            {"id": scene.ids["edge-1"]},
        ).all()
        notes = connection.scalar(
            text("SELECT notes FROM server_status WHERE server_id = :id"), {"id": scene.ids["edge-1"]}
        )
    assert len(rows) == 6
    assert (URL, 10) in {tuple(row) for row in rows}  # what was followed stays followed
    assert (OVERFLOW, 16) in {tuple(row) for row in rows}
    assert notes == ["21 streams: 5 are followed one by one, the other 16 in one row."]
    assert OVERFLOW not in set(channels.channels(engine, scene.at, INTERVAL)["name"])


def test_a_stream_that_leaves_the_crowd_brings_none_of_its_old_bytes(
    engine: Engine, scene: Scene, writer: Writer
) -> None:
    for number in range(6):
        scene.copy("edge-1", f"/live/b-{number}").egress = 10**12
    step(scene, writer)
    step(scene, writer)
    del scene.copies["edge-1"][URL]
    step(scene, writer)
    step(scene, writer)
    with engine.begin() as connection:
        counted = connection.scalar(
            text(
                "SELECT sum(pending_egress_bytes) + coalesce((SELECT sum(egress_bytes) FROM stream_sample), 0)"
                " FROM stream_status"
            )
        )
    assert counted is not None
    assert 10**7 < counted < 10**9


def test_a_capped_reading_keeps_those_on_air_and_adds_up_the_rest(scene: Scene) -> None:
    for number in range(8):
        scene.copy("edge-1", f"/live/x-{number}").egress = 100 + number
    reading = scene.poll("edge-1").reading
    assert reading is not None
    kept = capped(reading, {"/live/x-7"}, 2)
    assert kept.streams is not None
    assert [stream.url for stream in kept.streams] == ["/live/x-7", URL, OVERFLOW]
    assert kept.streams[-1].counters["egress_bytes"] == sum(100 + number for number in range(7))
