"""Angie is read exactly as it was recorded, and nothing it may send does worse than a named error."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdn.model import Kind, PollError, Reason
from collector.sources import SOURCES
from collector.sources.script import Ask, Reply, Wanted, run
from tests.recorded import changed, target
from tests.recorded_kinds import angie, body, grew, increases, rates

TREE = "angie/status_root.json"
ZONE = ("http", "server_zones", "cdn_edge")
PEER = ("http", "upstreams", "srs_origin", "peers", "127.0.0.1:8080")


def test_a_tree_is_read_as_it_was_recorded() -> None:
    reading = angie(body(TREE))
    assert (reading.process, reading.clock, reading.uptime) == ("1795476397.736", None, None)
    assert reading.counters == {
        "accepted_connections": 239,
        "dropped_connections": 0,
        "requests": 306,
        "egress_bytes": 13358041,
        "ingress_bytes": 32137,
        "origin_bytes": 13274607,
        "responses_1xx": 0,
        "responses_2xx": 141,
        "responses_3xx": 0,
        "responses_4xx": 110,
        "responses_5xx": 55,
        "cache_hit": 42,
        "cache_miss": 44,
        "cache_bypass": 0,
        "cache_expired": 54,
        "cache_stale": 0,
        "cache_updating": 1,
        "cache_revalidated": 0,
    }
    assert reading.gauges == {
        "connections": 4.0,
        "idle_connections": 2.0,
        "cache_bytes": 13340672.0,
        "origins_down": 0.0,
    }
    assert (reading.software, reading.streams) == ("Angie 1.12.1", None)
    assert reading.notes == ("Traffic of its stream (TCP and UDP) zones is not counted here.",)


def test_the_recorded_sequence_gives_the_right_rates() -> None:
    grown = increases(angie, "angie.status.json")
    assert not any(each.restarted or each.estimated for each in grown)
    assert grew(grown, "egress_bytes") == 10880257 - 4040373
    assert grew(grown, "ingress_bytes") == 26235 - 8993
    assert grew(grown, "origin_bytes") == 10812215 - 4017727
    assert [grew(grown, f"responses_{each}xx") for each in (2, 4, 5)] == [115 - 40, 90 - 30, 45 - 15]
    assert grew(grown, "requests") == 250 - 85
    # It has no clock: that of the polls, 1795476542.726 - 1795476453.701 s.
    assert sum(each.seconds for each in grown) == pytest.approx(89.025)
    assert rates(grown, "egress_bytes")[0] == pytest.approx((4654587 - 4040373) * 8 / 9.654, rel=1e-4)
    assert all(450_000 < rate < 900_000 for rate in rates(grown, "egress_bytes"))


def test_times_may_be_seconds_since_the_epoch() -> None:
    reading = angie(body("angie/status_root_date_epoch.json"))
    assert reading.process == "1795475976.000"
    assert reading.counters["egress_bytes"] == 4324456


def test_after_a_reload_the_load_time_does_not_name_the_process() -> None:
    assert angie(changed(TREE, "angie", "generation", value=2)).process is None
    assert angie(changed(TREE, "angie", "load_time", value="yesterday")).process is None


def test_the_tree_is_asked_for_where_the_url_says() -> None:
    for url, path in (("http://a", "/status/"), ("http://a/", "/status/"), ("http://a/b/status", "/")):
        asked: list[str] = []

        def answer(ask: Ask, asked: list[str] = asked) -> Reply:
            asked.append(ask.path)
            return Reply(body(TREE))

        run(SOURCES[Kind.ANGIE].read(target(Kind.ANGIE, url=url), Wanted(1)), answer)
        assert asked == [path]


def test_without_zones_traffic_is_unknown_and_that_is_said() -> None:
    reading = angie(changed(TREE, "http", value={}))
    assert set(reading.counters) == {"accepted_connections", "dropped_connections"}
    assert set(reading.gauges) == {"connections", "idle_connections"}
    assert "status_zone" in reading.notes[0]


def test_zones_caches_and_peers_are_added_up() -> None:
    tree = orjson.loads(body(TREE))
    http = tree["http"]
    http["server_zones"]["second"] = http["server_zones"]["cdn_edge"]
    http["caches"]["second"] = http["caches"]["hls"]
    peers = http["upstreams"]["srs_origin"]["peers"]
    for state in ("down", "unavailable", "unhealthy", "checking", "busy", "recovering", "draining"):
        peers[state] = {**peers["127.0.0.1:8080"], "state": state}
    reading = angie(orjson.dumps(tree))
    assert reading.counters["egress_bytes"] == 2 * 13358041
    assert reading.counters["responses_4xx"] == 2 * 110
    assert reading.counters["cache_hit"] == 2 * 42
    assert reading.counters["origin_bytes"] == 8 * 13274607
    assert reading.gauges["origins_down"] == 4.0
    assert reading.gauges["cache_bytes"] == 2 * 13340672.0


def test_a_peer_without_a_state_leaves_the_number_of_origins_down_unknown() -> None:
    reading = angie(changed(TREE, *PEER, "state", value=...))
    assert "origins_down" not in reading.gauges
    assert reading.counters["origin_bytes"] == 13274607


def test_codes_outside_the_classes_are_in_none() -> None:
    reading = angie(changed(TREE, *ZONE, "responses", value={"xxx": 9, "101": 1, "304": 2, "499": 3, "599": 4, "": 5}))
    assert [reading.counters[f"responses_{each}xx"] for each in range(1, 6)] == [1, 0, 2, 3, 4]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "empty"),
        (b"<html>", "not JSON"),
        (b"[1,2,3,4,5,6,7,8,9]", "no object"),
        (body("nginx_vts/vts_status_format_json.json"), "angie is missing"),
        (body("angie/status_http.json"), "angie is missing"),
        (b'{"code":0,"server":"vid","urls":{"v1":"x"}}', "angie is missing"),
        (changed(TREE, "angie", value="x"), "angie is 'x'"),
        (changed(TREE, "angie", "version", value=...), "version"),
        (changed(TREE, "http", value=...), "http is missing"),
        (changed(TREE, "connections", value=...), "connections is missing"),
        (changed(TREE, "connections", "accepted", value=-1), "accepted is -1"),
        (changed(TREE, "angie", "generation", value="one"), "generation is 'one'"),
        (changed(TREE, "http", "server_zones", value=[]), "server_zones is []"),
        (changed(TREE, *ZONE, value=None), "'cdn_edge' is missing"),
        (changed(TREE, *ZONE, "data", "sent", value=1.5), "sent is 1.5"),
        (changed(TREE, *ZONE, "data", "sent", value=2**63), "2^63"),
        (changed(TREE, *ZONE, "responses", "404", value=True), "404 is True"),
        (changed(TREE, *PEER, "data", value=...), "data is missing"),
        (changed(TREE, "http", "caches", "hls", "hit", "responses", value="x"), "responses is 'x'"),
        (changed(TREE, "http", "server_zones", value={"z" * 9_000: 1}), "zzz"),
    ],
)
def test_a_tree_that_cannot_be_used_says_why(answer: bytes, words: str) -> None:
    with pytest.raises(PollError) as error:
        angie(answer)
    assert error.value.reason is Reason.WRONG_BODY
    assert words in error.value.detail
    assert len(error.value.detail) < 200


@given(st.binary(max_size=300))
def test_no_bytes_at_all_bring_worse_than_a_named_error(garbage: bytes) -> None:
    with pytest.raises(PollError):
        angie(garbage)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACES = [
    ("angie",),
    ("angie", "load_time"),
    ("connections",),
    ("connections", "active"),
    ("http",),
    ZONE,
    (*ZONE, "responses"),
    ("http", "caches"),
    ("http", "caches", "hls"),
    ("http", "caches", "hls", "size"),
    ("http", "upstreams"),
    ("http", "upstreams", "srs_origin"),
    PEER,
    (*PEER, "state"),
    ("stream",),
    ("stream", "server_zones"),
]


@given(st.sampled_from(PLACES), json_values)
def test_any_json_in_any_place_brings_a_reading_or_a_named_error(place: tuple[str, ...], value: Any) -> None:
    with contextlib.suppress(PollError):
        angie(changed(TREE, *place, value=value))
