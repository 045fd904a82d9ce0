"""NGINX with VTS is read exactly as it was recorded, and nothing it may send does worse than a named error."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdn.model import PollError, Reason
from collector.derive import Baseline, increase
from tests.readings import moment
from tests.recorded import changed
from tests.recorded_kinds import body, grew, increases, rates, vts

PAGE = "nginx_vts/vts_status_format_json.json"
ZONE = ("serverZones", "cdn.lab")


def document(name: str = PAGE) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(body(name))
    return found


def test_a_page_is_read_as_it_was_recorded() -> None:
    reading = vts(body(PAGE))
    assert reading.process is None
    assert reading.clock == 1795475364.375
    assert reading.uptime == pytest.approx(477.381)
    assert reading.counters == {
        "requests": 1086,
        "egress_bytes": 73057896,
        "ingress_bytes": 123799,
        "origin_bytes": 36442247,
        "responses_1xx": 0,
        "responses_2xx": 624,
        "responses_3xx": 0,
        "responses_4xx": 308,
        "responses_5xx": 154,
        "cache_hit": 333,
        "cache_miss": 119,
        "cache_bypass": 0,
        "cache_expired": 171,
        "cache_stale": 0,
        "cache_updating": 1,
        "cache_revalidated": 0,
        "cache_scarce": 0,
    }
    assert reading.gauges == {
        "connections": 7.0,
        "idle_connections": 4.0,
        "reading_connections": 0.0,
        "writing_connections": 1.0,
        "cache_bytes": 9302016.0,
    }
    assert (reading.software, reading.streams, reading.notes) == ("NGINX 1.22.1 with VTS v0.2.7", None, ())


def test_the_recorded_sequence_gives_the_right_rates() -> None:
    grown = increases(vts, "nginx.vts.json")
    assert not any(each.restarted or each.estimated for each in grown)
    assert grew(grown, "egress_bytes") == 21690062 - 8057794
    assert grew(grown, "origin_bytes") == 10817981 - 4019416
    assert grew(grown, "ingress_bytes") == 36881 - 12841
    assert grew(grown, "responses_5xx") == 45 - 15
    assert [grew(grown, f"cache_{state}") for state in ("hit", "miss", "expired", "updating")] == [64, 22, 32, 1]
    # Of the server's own clock: 1795476542836 - 1795476453836 ms.
    assert sum(each.seconds for each in grown) == pytest.approx(89.0)
    assert rates(grown, "egress_bytes")[0] == pytest.approx((9279853 - 8057794) * 8 / 9.650)
    assert all(1_000_000 < rate < 1_600_000 for rate in rates(grown, "egress_bytes"))


def test_zones_are_added_up_without_their_sum() -> None:
    page = document()
    second = {**page["serverZones"]["cdn.lab"], "requestCounter": 14, "outBytes": 104, "inBytes": 1}
    page["serverZones"] = {"cdn.lab": page["serverZones"]["cdn.lab"], "b": second, "*": page["serverZones"]["*"]}
    reading = vts(orjson.dumps(page))
    assert (reading.counters["requests"], reading.counters["egress_bytes"]) == (1100, 73058000)


def test_a_sum_of_another_name_is_not_counted_twice() -> None:
    page = document()
    page["serverZones"]["everything"] = page["serverZones"].pop("*")
    assert vts(orjson.dumps(page)).counters == vts(body(PAGE)).counters
    del page["serverZones"]["everything"]
    assert vts(orjson.dumps(page)).counters == vts(body(PAGE)).counters


def test_zones_without_traffic_are_true_zeros() -> None:
    reading = vts(changed(PAGE, "serverZones", value={}))
    assert (reading.counters["egress_bytes"], reading.counters["responses_5xx"], reading.counters["cache_hit"]) == (
        0,
        0,
        0,
    )


def test_without_upstreams_or_caches_nothing_is_known_of_them() -> None:
    page = document()
    del page["upstreamZones"], page["cacheZones"]
    for zone in page["serverZones"].values():
        zone["responses"] = {each: zone["responses"][each] for each in ("1xx", "2xx", "3xx", "4xx", "5xx")}
    reading = vts(orjson.dumps(page))
    assert not [name for name in reading.counters if name.startswith("cache_")]
    assert "origin_bytes" not in reading.counters
    assert "cache_bytes" not in reading.gauges


def test_a_reload_is_no_restart() -> None:
    page = document()
    before = vts(body(PAGE))
    page["loadMsec"] = page["nowMsec"] + 4_000
    page["nowMsec"] += 10_000
    after = vts(orjson.dumps(page))
    assert after.uptime == 6.0
    grown, _ = increase(_baseline(before.counters, before.clock, 0), _baseline(after.counters, after.clock, 10), 6.0)
    assert (grown.restarted, grown.counts["egress_bytes"], grown.seconds) == (False, 0, 10.0)


def test_a_restart_that_keeps_the_counters_counts_no_byte_twice() -> None:
    page = document()
    before = vts(body(PAGE))
    page["connections"] |= {"accepted": 1, "handled": 1, "requests": 2}
    page["loadMsec"] = page["nowMsec"] + 4_000
    page["nowMsec"] += 10_000
    page["serverZones"]["cdn.lab"]["outBytes"] += 77
    after = vts(orjson.dumps(page))
    grown, _ = increase(_baseline(before.counters, before.clock, 0), _baseline(after.counters, after.clock, 10), 6.0)
    assert grown.counts["egress_bytes"] == 77


def _baseline(counters: Any, clock: float | None, seconds: float) -> Baseline:
    return Baseline(moment(seconds), None, clock, counters)


def test_the_uptime_says_that_a_zone_was_deleted_by_hand() -> None:
    page = document()
    second = {**page["serverZones"]["cdn.lab"], "outBytes": 5}
    page["serverZones"] = {"b": second, "*": second}
    reading = vts(orjson.dumps(page))
    assert reading.counters["egress_bytes"] == 5
    # Ten seconds after the page before: the sum fell, but the process and its configuration are older.
    assert reading.uptime is not None
    assert reading.uptime > 10


def test_integers_beyond_53_bits_are_exact() -> None:
    page = document()
    page["serverZones"]["cdn.lab"]["outBytes"] = 2**53 + 1
    assert vts(orjson.dumps(page)).counters["egress_bytes"] == 2**53 + 1


def test_counters_of_32_bits_that_wrapped_round_go_on() -> None:
    page = document()
    page["serverZones"]["cdn.lab"]["overCounts"] |= {"maxIntegerSize": 2**32 - 1, "outBytes": 3, "4xx": 1}
    page["upstreamZones"]["srs_origin"][0]["overCounts"] |= {"maxIntegerSize": 2**32 - 1, "outBytes": 2}
    counters = vts(orjson.dumps(page)).counters
    assert counters["egress_bytes"] == 73057896 + 3 * 2**32
    assert counters["responses_4xx"] == 308 + 2**32
    assert counters["origin_bytes"] == 36442247 + 2 * 2**32


@pytest.mark.parametrize(
    ("used", "free", "full"), [(14_209, 1_015_808, False), (1_040_000, 8_576, True), (9, 4_096, True)]
)
def test_full_shared_memory_is_said(used: int, free: int, full: bool) -> None:
    shared = {"name": "vts", "maxSize": 1_048_576, "usedSize": used, "usedNode": 4, "freeSize": free}
    notes = vts(changed(PAGE, "sharedZones", value=shared)).notes
    assert bool(notes) is full
    assert not full or "vhost_traffic_status_zone" in notes[0]


def test_a_clock_that_counts_from_the_machines_start_is_no_time_of_day() -> None:
    page = document() | {"loadMsec": 5_000, "nowMsec": 65_000}
    reading = vts(orjson.dumps(page))
    assert (reading.clock, reading.uptime) == (None, 60.0)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>", "not JSON"),
        (b'{"loadMsec":1', "not JSON"),
        (b"[]", "no object"),
        (b'{"code":0,"server":"vid","service":"x","pid":"1","urls":{}}', "format/json"),
        (body("angie/status_root.json"), "format/json"),
        (changed(PAGE, "nowMsec", value="x"), "nowMsec is 'x'"),
        (changed(PAGE, "serverZones", value=[]), "serverZones is []"),
        (changed(PAGE, *ZONE, value=7), "'cdn.lab' is 7"),
        (changed(PAGE, *ZONE, "outBytes", value=-1), "outBytes is -1"),
        (changed(PAGE, *ZONE, "outBytes", value=2**64 - 1), "2^63"),
        (changed(PAGE, *ZONE, "outBytes", value=1.5), "outBytes is 1.5"),
        (changed(PAGE, *ZONE, "responses", value=...), "responses is missing"),
        (changed(PAGE, *ZONE, "responses", "5xx", value="many"), "5xx is 'many'"),
        (changed(PAGE, "connections", value=...), "connections is missing"),
        (changed(PAGE, "upstreamZones", value=3), "upstreamZones is 3"),
        (changed(PAGE, "upstreamZones", "srs_origin", value=[3]), "'srs_origin' is [3]"),
        (changed(PAGE, "upstreamZones", value={"u" * 5_000: 3}), "uuu"),
    ],
)
def test_a_page_that_cannot_be_used_says_why(page: bytes, words: str) -> None:
    with pytest.raises(PollError) as error:
        vts(page)
    assert error.value.reason is Reason.WRONG_BODY
    assert words in error.value.detail
    assert len(error.value.detail) < 200


def test_sums_beyond_a_counter_are_refused() -> None:
    page = document()
    huge = {**page["serverZones"]["cdn.lab"], "outBytes": 2**63 - 1}
    page["serverZones"] = {"a": huge, "b": huge, "*": huge}
    with pytest.raises(PollError, match="add up"):
        vts(orjson.dumps(page))


def test_an_odd_gauge_is_left_out() -> None:
    reading = vts(changed(PAGE, "connections", "active", value=-3))
    assert "connections" not in reading.gauges
    assert reading.counters["egress_bytes"] == 73057896


@given(st.binary(max_size=300))
def test_no_bytes_at_all_bring_worse_than_a_named_error(garbage: bytes) -> None:
    with pytest.raises(PollError):
        vts(garbage)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACES = [
    ("loadMsec",),
    ("connections",),
    ("sharedZones",),
    ("sharedZones", "maxSize"),
    ZONE,
    (*ZONE, "responses"),
    (*ZONE, "overCounts"),
    (*ZONE, "overCounts", "maxIntegerSize"),
    ("upstreamZones",),
    ("upstreamZones", "srs_origin"),
    ("cacheZones", "hls"),
    ("cacheZones", "hls", "usedSize"),
    ("nginxVersion",),
]


@given(st.sampled_from(PLACES), json_values)
def test_any_json_in_any_place_brings_a_reading_or_a_named_error(place: tuple[str, ...], value: Any) -> None:
    with contextlib.suppress(PollError):
        vts(changed(PAGE, *place, value=value))
