"""Sources read what real servers answered, exactly; and say plainly why an answer cannot be read."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdn.metrics import BY_NAME, DERIVED
from cdn.model import KIND_LABELS, Kind, PollError, Reason, Role
from collector.derive import Baseline, increase
from collector.sources import SOURCES
from collector.sources.script import Ask, Reply, Wanted, run
from collector.sources.srs import split_url
from tests.readings import moment
from tests.recorded import FIXTURES, changed, nginx, recorded, srs, target
from tests.recorded_kinds import COMPLETE, one_page

SUMMARIES = "srs/origin-live/summaries.json"
STREAMS = "srs/origin-live/streams.json"


def body(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def test_an_origin_is_read_as_it_was_recorded() -> None:
    reading = recorded("srs/origin-live/", Role.ORIGIN)
    assert reading.process == "1vn0pr1m:19651"
    assert reading.clock == 1795475039.769
    assert reading.counters == {"egress_bytes": 43255268, "ingress_bytes": 31788131}
    assert reading.software == "SRS 6.0.157"
    assert reading.gauges == {
        "system_cpu": 0.03,
        "system_memory": 0.02,
        "system_swap": 0.0,
        "disk_busy": 0.02,
        "load_1m": 0.53,
        "load_5m": 0.51,
        "load_15m": 0.41,
        "processors": 2.0,
        "connections": 7.0,
        "process_cpu": 0.02,
        "process_memory_peak": 20216 * 1024,
        "process_uptime": 153.0,
        "live_streams": 3.0,
    }
    streams = {stream.url: stream for stream in reading.streams or ()}
    assert set(streams) == {"/live/alpha", "/live/beta", "cdn.lab/live/gamma"}
    alpha, gamma = streams["/live/alpha"], streams["cdn.lab/live/gamma"]
    assert (alpha.app, alpha.name, alpha.vhost, alpha.viewers, alpha.publisher) == ("live", "alpha", "", 2, "6471369q")
    assert (gamma.vhost, gamma.app, gamma.name, gamma.viewers) == ("cdn.lab", "live", "gamma", 0)
    assert alpha.counters == {"egress_bytes": 29974854, "ingress_bytes": 14760081, "frames": 3753}
    assert (alpha.video, alpha.audio, alpha.width, alpha.height) == ("H264 Main", "AAC LC 44.1 kHz", 640, 360)


def test_the_clients_of_an_edge_are_players_only() -> None:
    reading = recorded("srs/edge1-live/", Role.EDGE)
    assert reading.gauges["viewers"] == 3.0
    assert {stream.url: stream.viewers for stream in reading.streams or ()} == {"/live/beta": 1, "/live/alpha": 2}


def test_a_stream_is_known_by_its_url_although_a_player_renamed_it() -> None:
    (stream,) = recorded("srs/restart/1just-after-edge1-").streams or ()
    assert (stream.url, stream.name) == ("/live/alpha", "alpha")


def test_an_idle_server_has_no_streams_and_no_viewers() -> None:
    reading = recorded("srs/edge1-idle/")
    assert reading.streams == ()
    assert reading.gauges["viewers"] == 0.0


def test_the_recorded_sequence_gives_the_right_rates_through_the_restart() -> None:
    """An edge polled ten times, restarted after poll 4: no negative value, no spike, no byte twice."""
    rates, total = [], 0
    before = None
    for number in range(10):
        reading = recorded(f"sequence-10s/{number}.edge1.")
        at = moment(float(body(f"sequence-10s/{number}.time")) - 1795476453)
        now = Baseline(at, reading.process, reading.clock, reading.counters)
        if before is None:
            before = now
            continue
        grown, before = increase(before, now, reading.uptime)
        assert grown.restarted == (number == 5)
        assert not grown.estimated
        total += grown.counts["egress_bytes"]
        rates.append(grown.counts["egress_bytes"] * 8 / grown.seconds)
    assert total == (23662058 - 12410497) + 13836305
    # Two players of each of two channels, a constant 2.2 to 2.5 Mbit/s; the poller's own clock would jitter by a third.
    assert all(2_150_000 < rate < 2_500_000 for rate in rates), rates


def test_the_recorded_sequence_of_nginx_counts_requests() -> None:
    readings = [nginx(body(f"sequence-10s/{number}.nginx.stub_status.txt")) for number in range(10)]
    requests = [reading.counters["requests"] for reading in readings]
    assert requests == sorted(requests)
    assert readings[3].counters == {"requests": 188, "accepted_connections": 121, "dropped_connections": 0}
    assert readings[3].gauges == {
        "connections": 7.0,
        "reading_connections": 0.0,
        "writing_connections": 1.0,
        "idle_connections": 4.0,
    }
    assert readings[3].software == "NGINX 1.22.1"


def test_lists_are_read_page_by_page_until_one_is_short() -> None:
    row = orjson.loads(body(STREAMS))["streams"][0]
    rows = [{**row, "url": f"/live/{number}", "id": str(number)} for number in range(2_500)]
    asked: list[str] = []

    def answer(ask: Ask) -> Reply:
        asked.append(ask.path)
        if ask.path == "/api/v1/summaries":
            return Reply(body(SUMMARIES))
        start = int(ask.path.partition("start=")[2].partition("&")[0])
        return Reply(orjson.dumps({"code": 0, "streams": rows[start : start + 1_000]}))

    reading = run(SOURCES[Kind.SRS].read(target(role=Role.ORIGIN), Wanted(10_000)), answer)
    assert len(reading.streams or ()) == 2_500
    assert len(asked) == 4
    capped = run(SOURCES[Kind.SRS].read(target(role=Role.ORIGIN), Wanted(500)), answer)
    assert (len(capped.streams or ()), capped.streams_complete) == (500, False)
    assert "500" in capped.notes[0]


def test_a_stream_listed_twice_is_one_and_on_air_if_either_says_so() -> None:
    document = orjson.loads(body(STREAMS))
    twin = {**document["streams"][0], "id": "other", "publish": {"active": False}, "clients": 0}
    for rows in ([twin, document["streams"][0]], [document["streams"][0], twin]):
        reading = srs(body(SUMMARIES), orjson.dumps({"code": 0, "streams": rows}), Role.ORIGIN)
        assert [stream.publishing for stream in reading.streams or ()] == [True]


def test_a_players_waiting_for_an_off_air_stream_are_all_viewers() -> None:
    waiting = changed(STREAMS, "streams", 1, "publish", value={"active": False})
    reading = srs(body(SUMMARIES), waiting, Role.ORIGIN)
    assert reading.gauges["live_streams"] == 2.0
    assert {stream.url: stream.viewers for stream in reading.streams or ()}["/live/alpha"] == 3


@pytest.mark.parametrize(
    ("summaries", "streams", "reason", "words"),
    [
        (b"<html>hello</html>", None, Reason.WRONG_BODY, "not JSON"),
        (b'{"code":0,"data":{"ok":tr', None, Reason.WRONG_BODY, "not JSON"),
        (b"", None, Reason.WRONG_BODY, "empty"),
        (b"[1]", None, Reason.WRONG_BODY, "no object"),
        (b"[" * 100_000, None, Reason.WRONG_BODY, "JSON"),
        (b'{"code":2048,"server":"v"}', None, Reason.SERVER_ERROR, "code 2048"),
        (b'{"code":"0"}', None, Reason.WRONG_BODY, "code is '0'"),
        (body("srs/origin-live/api_v1.json"), None, Reason.WRONG_BODY, "data"),
        (body("srs/summaries-stats-off.json"), None, Reason.STATS_OFF, "stats"),
        (changed(SUMMARIES, "data", "ok", value=False), None, Reason.NOT_READY, "ok is false"),
        (changed(SUMMARIES, "data", "ok", value=...), None, Reason.WRONG_BODY, "data.ok is missing"),
        (changed(SUMMARIES, "data", "system", "srs_send_bytes", value=-1), None, Reason.WRONG_BODY, "-1"),
        (changed(SUMMARIES, "data", "system", "srs_send_bytes", value=1.5), None, Reason.WRONG_BODY, "1.5"),
        (changed(SUMMARIES, "data", "system", "srs_send_bytes", value="7"), None, Reason.WRONG_BODY, "'7'"),
        (changed(SUMMARIES, "data", "system", "srs_send_bytes", value=True), None, Reason.WRONG_BODY, "True"),
        (changed(SUMMARIES, "data", "system", "srs_send_bytes", value=2**64 - 1), None, Reason.WRONG_BODY, "2^63"),
        (body(SUMMARIES).replace(b"43255268", b"NaN"), None, Reason.WRONG_BODY, "not JSON"),
        (body(SUMMARIES).replace(b"43255268", b"1e400"), None, Reason.WRONG_BODY, "not JSON"),
        (body(SUMMARIES).replace(b"43255268", b"9" * 40), None, Reason.WRONG_BODY, "want a whole number"),
        (None, body("srs/origin-live/api_v1.json"), Reason.WRONG_BODY, "streams is missing"),
        (None, b'{"code":0,"streams":{}}', Reason.WRONG_BODY, "want a list"),
        (None, b'{"code":0,"streams":[null]}', Reason.WRONG_BODY, "want an object"),
        (None, changed(STREAMS, "streams", 0, "url", value=7), Reason.WRONG_BODY, "url is 7"),
        (None, changed(STREAMS, "streams", 0, "clients", value=-3), Reason.WRONG_BODY, "clients is -3"),
        (None, changed(STREAMS, "streams", 0, "publish", value=None), Reason.WRONG_BODY, "publish is missing"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(
    summaries: bytes | None, streams: bytes | None, reason: Reason, words: str
) -> None:
    with pytest.raises(PollError) as error:
        srs(summaries if summaries is not None else body(SUMMARIES), streams if streams is not None else body(STREAMS))
    assert error.value.reason is reason
    assert words in error.value.detail
    assert len(error.value.detail) < 200


@pytest.mark.parametrize("value", [-0.5, "high", None, 1e30, True, [1]])
def test_an_odd_gauge_is_left_out_and_said_but_the_bytes_are_kept(value: Any) -> None:
    reading = srs(changed(SUMMARIES, "data", "system", "load_1m", value=value), body(STREAMS))
    assert "load_1m" not in reading.gauges
    assert "load_1m" in reading.notes[0]
    assert reading.counters["egress_bytes"] == 43255268


def test_hostile_names_are_kept_as_text_that_a_database_can_hold() -> None:
    for name in ("<script>alert(1)</script>", "=cmd|'/c'", "a\x00b", "new\nline", "x" * 10_000, "\u202egnp.exe"):
        reading = srs(body(SUMMARIES), changed(STREAMS, "streams", 0, "url", value=f"/live/{name}"))
        url = (reading.streams or ())[0].url
        assert "\x00" not in url
        assert len(url) <= 300
    long = [f"/live/{'x' * 5_000}{number}" for number in (1, 2)]
    urls = [
        (srs(body(SUMMARIES), changed(STREAMS, "streams", 0, "url", value=each)).streams or ())[0].url for each in long
    ]
    assert urls[0] != urls[1]


@given(st.binary(max_size=300))
def test_no_bytes_at_all_bring_worse_than_a_named_error(garbage: bytes) -> None:
    for summaries in (garbage, body(SUMMARIES)):
        with pytest.raises(PollError):
            srs(summaries, garbage)
    with pytest.raises(PollError):
        nginx(garbage)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["data", "service", "pid", "code"]), json_values)
def test_any_json_in_any_place_brings_a_reading_or_a_named_error(key: str, value: Any) -> None:
    try:
        document = changed(SUMMARIES, key, value=value)
    except TypeError:
        return  # an integer beyond 64 bits cannot be written
    with contextlib.suppress(PollError):
        srs(document, body(STREAMS))


@pytest.mark.parametrize(
    "page",
    [
        b"Active connections: 1\n",
        b"<html>404</html>",
        b"Active connections: -1 \nserver accepts handled requests\n 1 1 1 \nReading: 0 Writing: 1 Waiting: 0 \n",
        b"Active connections: 1 \nserver accepts handled requests\n 1 2 1 \nReading: 0 Writing: 1 Waiting: 0 \n",
        b"Active connections: 1 \nserver accepts handled requests\n 1 1 "
        + b"9" * 20
        + b" \nReading: 0 Writing: 1 Waiting: 0 \n",
    ],
)
def test_a_page_that_is_no_stub_status_is_a_wrong_body(page: bytes) -> None:
    with pytest.raises(PollError) as error:
        nginx(page)
    assert error.value.reason is Reason.WRONG_BODY


def test_every_kind_has_recorded_answers_and_every_metric_a_source() -> None:
    assert set(SOURCES) == set(Kind) == set(KIND_LABELS) == set(COMPLETE)
    for kind, source in SOURCES.items():
        assert (FIXTURES / kind.value).is_dir(), f"no recorded answers of {kind.value}"
        assert source.label == KIND_LABELS[kind]
    assert set(BY_NAME) == set().union(DERIVED, *(source.reports for source in SOURCES.values()))


@pytest.mark.parametrize("kind", list(Kind))
def test_a_source_emits_what_it_says_it_reports(kind: Kind) -> None:
    reading, source = COMPLETE[kind](), SOURCES[kind]
    assert {*reading.counters, *reading.gauges} == source.reports
    assert all(BY_NAME[name].is_counter for name in reading.counters)
    assert not any(BY_NAME[name].is_counter for name in reading.gauges)
    assert (reading.streams is not None) is source.streams
    assert all(path.startswith("/") for path in source.identify)


# One page each; an NGINX Plus answers in parts.
PAGES = {
    Kind.SRS: "srs/origin-live/summaries.json",
    Kind.NGINX: "nginx/stub_status.txt",
    Kind.NGINX_VTS: "nginx_vts/vts_status_format_json.json",
    Kind.NGINX_RTMP: "nginx_rtmp/rtmp_stat.xml",
    Kind.NGINX_PLUS: "nginx_plus/api.json",
    Kind.ANGIE: "angie/status_root.json",
}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("other", ["srs/origin-live/api_v1.json", "angie/status_http.json", *PAGES.values()])
def test_no_kind_is_taken_for_another(kind: Kind, other: str) -> None:
    if other != PAGES[kind]:
        with pytest.raises(PollError):
            one_page(kind, body(other))


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("/live/alpha", ("", "live", "alpha")),
        ("cdn.lab/live/gamma", ("cdn.lab", "live", "gamma")),
        ("cdn.lab/live/eu/gamma", ("cdn.lab", "live/eu", "gamma")),
        ("odd", ("", "", "odd")),
    ],
)
def test_a_streams_url_has_vhost_app_and_name(url: str, parts: tuple[str, str, str]) -> None:
    assert split_url(url) == parts


def test_the_servers_own_clock_is_told() -> None:
    assert recorded("srs/origin-live/", Role.ORIGIN).now == 1795475040.456
    assert nginx(body("nginx/stub_status.txt")).now is None
