"""NGINX Plus is read as its public schema says, and nothing it may send does worse than a named error."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdn.model import PollError, Reason
from tests.recorded import FIXTURES, changed
from tests.recorded_kinds import body, plus

NGINX = "nginx_plus/api_9_nginx.json"
ZONES = "nginx_plus/api_9_http_server_zones.json"
CACHES = "nginx_plus/api_9_http_caches.json"
UPSTREAMS = "nginx_plus/api_9_http_upstreams.json"


def name(path: str) -> str:
    """The file's name alone."""
    return path.rpartition("/")[2]


def test_the_api_is_read_as_its_schema_says() -> None:
    reading = plus()
    assert reading.process == "4100"
    assert reading.clock == 1768037400.456
    assert reading.uptime == pytest.approx(5400.333)
    assert reading.counters == {
        "accepted_connections": 51234,
        "dropped_connections": 0,
        "requests": 987654,
        "egress_bytes": 912345678901 + 9123456,
        "ingress_bytes": 98765432 + 410233,
        "origin_bytes": 84000000000,
        "responses_1xx": 0,
        "responses_2xx": 690000 + 1150,
        "responses_3xx": 5000,
        "responses_4xx": 4800 + 45,
        "responses_5xx": 300 + 5,
        "cache_hit": 450000,
        "cache_miss": 50000,
        "cache_bypass": 3,
        "cache_expired": 190000,
        "cache_stale": 120,
        "cache_updating": 60,
        "cache_revalidated": 15,
    }
    assert reading.gauges == {
        "connections": 249.0,
        "idle_connections": 212.0,
        "cache_bytes": 1073741824.0,
        "origins_down": 1.0,
    }
    assert (reading.software, reading.streams, reading.notes) == ("NGINX Plus 1.29.0 nginx-plus-r35", None, ())


@pytest.mark.parametrize(("url", "root"), [("http://a", "/api/"), ("http://a/api", "/"), ("http://a/x/api/", "/")])
def test_the_api_is_asked_for_where_the_url_says(url: str, root: str) -> None:
    asked: list[str] = []
    plus(url=url, asked=asked)
    top = f"{root}9"
    assert asked == [
        root,
        f"{top}/nginx",
        f"{top}/connections",
        f"{top}/http",
        f"{top}/http/server_zones",
        f"{top}/http/requests",
        f"{top}/http/caches",
        f"{top}/http/upstreams",
    ]


@pytest.mark.parametrize(
    ("listed", "wanted"), [([1, 2, 3, 4], 4), ([9, 8], 9), ([4, 5, 6, 7, 8, 9, 10, 11], 9), ([7, 12, 3], 7)]
)
def test_the_newest_version_that_both_know_is_used(listed: list[int], wanted: int) -> None:
    recorded = {
        name(str(each)).replace("api_9", f"api_{wanted}"): each.read_bytes()
        for each in (FIXTURES / "nginx_plus").glob("api_9*.json")
    }
    asked: list[str] = []
    assert plus({"api.json": orjson.dumps(listed), **recorded}, asked=asked).counters["requests"] == 987654
    assert asked[1] == f"/api/{wanted}/nginx"


def test_a_part_that_is_not_listed_is_not_asked_for() -> None:
    asked: list[str] = []
    reading = plus({"api_9_http.json": b'["requests","server_zones"]'}, asked=asked)
    assert "/api/9/http/caches" not in asked
    assert "origin_bytes" not in reading.counters
    assert "cache_hit" not in reading.counters
    assert reading.counters["requests"] == 987654


def test_without_zones_caches_and_upstreams_nothing_is_known_of_them() -> None:
    reading = plus({name(each): b"{}" for each in (ZONES, CACHES, UPSTREAMS)})
    assert set(reading.counters) == {"accepted_connections", "dropped_connections", "requests"}
    assert set(reading.gauges) == {"connections", "idle_connections"}
    assert "status_zone" in reading.notes[0]


@pytest.mark.parametrize(
    "value", [None, "", "yesterday", [], True, "9999-99-99T00:00:00Z", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_that_is_none_leaves_the_clock_unknown(value: Any) -> None:
    reading = plus({name(NGINX): changed(NGINX, "timestamp", value=value)})
    assert reading.uptime is None
    assert reading.counters["requests"] == 987654


@pytest.mark.parametrize(
    ("file", "answer", "words"),
    [
        ("api.json", b"", "empty"),
        ("api.json", b"<html>", "not JSON"),
        ("api.json", b"[]", "list of versions"),
        ("api.json", b'["v1"]', "list of versions"),
        ("api.json", b"[true]", "list of versions"),
        ("api.json", b"[1,2,3]", "newest version is 3"),
        ("api.json", b"[10]", "want one of 4 to 9"),
        ("api.json", body("angie/status_root.json"), "no list"),
        ("api.json", b'{"code":0,"server":"vid","urls":{"v1":"x"}}', "no list"),
        ("api_9_nginx.json", b"[]", "no object"),
        ("api_9_nginx.json", b"{}", "version is missing"),
        ("api_9_nginx.json", changed(NGINX, "ppid", value="x"), "ppid is 'x'"),
        ("api_9_connections.json", b"{}", "accepted is missing"),
        ("api_9_http.json", b"{}", "no list"),
        ("api_9_http_requests.json", b'{"total":-1}', "total is -1"),
        ("api_9_http_server_zones.json", b'{"a":1}', "'a' is 1"),
        ("api_9_http_server_zones.json", changed(ZONES, "api", "sent", value=2**63), "2^63"),
        ("api_9_http_server_zones.json", changed(ZONES, "api", "sent", value=2**63 - 1), "add up"),
        ("api_9_http_server_zones.json", changed(ZONES, "api", "responses", value=...), "responses is missing"),
        ("api_9_http_caches.json", changed(CACHES, "hls", "hit", "responses", value=0.5), "responses is 0.5"),
        ("api_9_http_upstreams.json", changed(UPSTREAMS, "srs_origin", "peers", value={}), "peers"),
        ("api_9_http_upstreams.json", changed(UPSTREAMS, "srs_origin", "peers", 0, "received", value="1"), "received"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(file: str, answer: bytes, words: str) -> None:
    with pytest.raises(PollError) as error:
        plus({file: answer})
    assert error.value.reason is Reason.WRONG_BODY
    assert words in error.value.detail
    assert len(error.value.detail) < 200


FILES = [
    "api.json",
    "api_9_nginx.json",
    "api_9_connections.json",
    "api_9_http.json",
    "api_9_http_requests.json",
    "api_9_http_server_zones.json",
    "api_9_http_caches.json",
    "api_9_http_upstreams.json",
]


@given(st.sampled_from(FILES), st.binary(max_size=300))
def test_no_bytes_at_all_bring_worse_than_a_named_error(file: str, garbage: bytes) -> None:
    with contextlib.suppress(PollError):
        plus({file: garbage})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(FILES), json_values)
def test_any_json_for_any_part_brings_a_reading_or_a_named_error(file: str, value: Any) -> None:
    with contextlib.suppress(PollError):
        plus({file: orjson.dumps(value)})


@given(st.sampled_from(["load_timestamp", "timestamp", "ppid", "version", "build", "generation"]), json_values)
def test_any_json_about_the_process_brings_a_reading_or_a_named_error(key: str, value: Any) -> None:
    with contextlib.suppress(PollError):
        plus({name(NGINX): changed(NGINX, key, value=value)})


@given(st.sampled_from([(ZONES, "api"), (CACHES, "hls"), (UPSTREAMS, "srs_origin")]), json_values)
def test_any_json_for_a_zone_cache_or_upstream_brings_a_reading_or_a_named_error(
    place: tuple[str, str], value: Any
) -> None:
    with contextlib.suppress(PollError):
        plus({name(place[0]): changed(place[0], place[1], value=value)})
