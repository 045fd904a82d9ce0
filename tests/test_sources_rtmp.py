"""NGINX with RTMP is read exactly as it was recorded, and no XML does worse than a named error."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from itertools import repeat
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdn.model import Kind, PollError, Reading, Reason
from collector.sources import SOURCES
from collector.sources.script import Ask, Reply, Wanted, run
from tests.recorded import target
from tests.recorded_kinds import body, grew, increases, rates, rtmp

STAT = body("nginx_rtmp/rtmp_stat.xml")
STREAM = STAT[STAT.index(b"<stream>") : STAT.index(b"</stream>") + len(b"</stream>")]


def page(*streams: bytes, app: bytes = b"live") -> bytes:
    """The recorded page with other streams."""
    return STAT.replace(STREAM, b"".join(streams)).replace(b"<name>live</name>", b"<name>" + app + b"</name>")


def named(name: bytes) -> bytes:
    """The recorded stream under another name."""
    return STREAM.replace(b"<name>delta</name>", b"<name>" + name + b"</name>")


def urls(reading: Reading) -> list[str]:
    return [stream.url for stream in reading.streams or ()]


def test_a_page_is_read_as_it_was_recorded() -> None:
    reading = rtmp(STAT)
    assert (reading.workers, reading.process, reading.clock, reading.uptime) == (("19674",), "19674", None, 478.0)
    assert reading.counters == {"egress_bytes": 21543122, "ingress_bytes": 22087719, "accepted_connections": 2}
    assert reading.gauges == {"viewers": 1.0, "live_streams": 1.0, "connections": 2.0}
    assert (reading.software, reading.notes) == ("NGINX 1.22.1 with RTMP 1.1.4", ())
    (stream,) = reading.streams or ()
    assert (stream.url, stream.vhost, stream.app, stream.name) == ("/live/delta", "", "live", "delta")
    assert (stream.publishing, stream.publisher, stream.viewers) == (True, "19674:2", 1)
    assert (stream.incarnation, stream.age) == ("19674", 476.734)
    assert stream.counters == {"egress_bytes": 21306597, "ingress_bytes": 21852115}
    assert (stream.video, stream.audio, stream.width, stream.height) == ("H264 Main", "AAC LC", 426, 240)


def test_the_recorded_sequence_gives_the_right_rates() -> None:
    grown = increases(rtmp, "nginx.rtmp_stat.xml")
    assert not any(each.restarted or each.estimated for each in grown)
    assert grew(grown, "egress_bytes") == 6163471 - 2034735
    assert grew(grown, "ingress_bytes") == 6710400 - 2582780
    # It has no clock: that of the polls, 1795476542.726 - 1795476453.701 s.
    assert sum(each.seconds for each in grown) == pytest.approx(89.025)
    # One publisher of about 370 kbit/s and one player.
    assert all(365_000 < rate < 377_000 for rate in rates(grown, "egress_bytes")), rates(grown, "egress_bytes")


def test_players_waiting_without_a_publisher_are_all_viewers() -> None:
    reading = rtmp(body("nginx_rtmp/rtmp_stat_idle.xml"))
    assert reading.gauges == {"viewers": 1.0, "live_streams": 0.0, "connections": 1.0}
    (stream,) = reading.streams or ()
    assert (stream.publishing, stream.publisher, stream.viewers, stream.video) == (False, None, 1, None)


ONE, OTHER = (body(f"nginx_rtmp/rtmp_stat_2workers_{name}.xml") for name in (1, 10))


def asked(answers: Iterable[bytes], *known: str) -> tuple[Reading, int]:
    """The reading of a server whose workers answer so, one question after another, and how many were asked."""
    turn = iter(answers)
    count = 0

    def answer(ask: Ask) -> Reply:
        nonlocal count
        count += 1
        assert ask.fresh  # a kept connection stays with one worker
        return Reply(next(turn))

    wanted = Wanted(100, clients=True, workers=frozenset(known))
    return run(SOURCES[Kind.NGINX_RTMP].read(target(Kind.NGINX_RTMP), wanted), answer), count


def test_each_worker_answers_for_itself() -> None:
    one, other = rtmp(ONE), rtmp(OTHER)
    assert (one.workers, urls(one)) == (("2362",), ["/live/d"])
    assert (other.workers, urls(other)) == (("2361",), ["/live/a", "/live/b", "/live/c"])
    assert other.gauges == {"viewers": 0.0, "live_streams": 3.0, "connections": 3.0}


def test_what_all_workers_say_is_added_up() -> None:
    reading, count = asked([ONE, OTHER, OTHER])
    one, other = rtmp(ONE), rtmp(OTHER)
    assert (reading.workers, reading.process, count) == (("2361", "2362"), "2361+2362", 3)
    assert reading.counters == {name: value + other.counters[name] for name, value in one.counters.items()}
    assert urls(reading) == ["/live/a", "/live/b", "/live/c", "/live/d"]
    assert reading.gauges == {name: value + other.gauges[name] for name, value in one.gauges.items()}
    assert len(reading.clients or ()) == reading.gauges["connections"]


def test_it_is_asked_until_every_worker_that_answered_lately_did_so_again() -> None:
    reading, count = asked([ONE, ONE, ONE, ONE, OTHER, OTHER], "2361", "2362")
    assert (reading.workers, count) == (("2361", "2362"), 6)


def test_where_one_of_two_workers_does_not_answer_nothing_is_counted_and_that_is_said() -> None:
    reading, count = asked(repeat(ONE), "2361", "2362")
    assert (reading.counters, reading.gauges, reading.streams, reading.workers) == ({}, {}, None, ("2362",))
    assert reading.notes[0].startswith("Only 1 of its 2 worker processes answered")
    assert count == 6 + 2 * 12


def test_after_a_reload_none_of_the_old_workers_is_waited_for() -> None:
    reading, _ = asked(repeat(ONE), "100", "101")
    assert (reading.process, urls(reading)) == ("2362", ["/live/d"])


def test_the_age_tells_a_recreated_stream_from_one_that_went_on() -> None:
    ages = [(rtmp(body(f"sequence-10s/{n}.nginx.rtmp_stat.xml")).streams or ())[0].age or 0.0 for n in (0, 9)]
    assert ages[1] - ages[0] == pytest.approx(89.0)
    recreated = rtmp(STAT.replace(b"<time>476734</time>", b"<time>3000</time>"))
    assert (recreated.streams or ())[0].age == 3.0


def test_a_worker_that_just_began_has_run_for_half_a_second() -> None:
    assert rtmp(STAT.replace(b"<uptime>478<", b"<uptime>0<")).uptime == 0.5


def test_a_page_without_live_applications_knows_no_streams() -> None:
    begin, end = STAT.index(b"<server>"), STAT.index(b"</rtmp>")
    reading = rtmp(STAT[:begin] + b"<server><application><name>vod</name></application></server>" + STAT[end:])
    assert (reading.streams, reading.gauges) == (None, {})
    assert "rtmp_stat all" in reading.notes[0]
    assert reading.counters["egress_bytes"] == 21543122


def test_viewers_of_recordings_are_viewers() -> None:
    play = b"<play><stream><name>film</name><active/><nclients>4</nclients></stream><nclients>4</nclients></play>"
    reading = rtmp(STAT.replace(b"</application>", play + b"</application>", 1))
    assert reading.gauges == {"viewers": 5.0, "live_streams": 1.0, "connections": 6.0}
    assert urls(reading) == ["/live/delta"]


def test_streams_of_one_name_in_two_servers_are_added_up() -> None:
    waiting = STREAM.replace(b"<publishing/>", b"").replace(b"<nclients>2<", b"<nclients>5<")
    for pair in ((STREAM, waiting), (waiting, STREAM)):
        (stream,) = rtmp(page(*pair)).streams or ()
        assert (stream.publishing, stream.viewers) == (True, 6)
        assert stream.counters == {"egress_bytes": 2 * 21306597, "ingress_bytes": 2 * 21852115}


def test_more_streams_than_wanted_are_counted_but_not_followed() -> None:
    reading = rtmp(page(*(named(b"s%d" % number) for number in range(30))), 10)
    assert (len(reading.streams or ()), reading.streams_complete) == (10, False)
    assert reading.gauges["live_streams"] == 30.0
    assert "10" in reading.notes[0]


def test_hostile_names_are_kept_as_text_that_a_database_can_hold() -> None:
    hostile = [
        b"&lt;script&gt;",
        b"=cmd|",
        b"x" * 10_000,
        b"\xff\xfe",
        b"a\x01b",
        "\u202egnp.exe".encode(),
        b"",
        b"a/b",
    ]
    for name in hostile:
        (url,) = urls(rtmp(page(named(name))))
        assert url.startswith("/live/")
        assert "\x01" not in url
        assert len(url) <= 300
    assert urls(rtmp(page(named(b"a "), named(b"a")))) == ["/live/a ", "/live/a"]
    long = [urls(rtmp(page(named(b"x" * 5_000 + each), app=b"y" * 5_000)))[0] for each in (b"1", b"2")]
    assert long[0] != long[1]
    assert max(map(len, long)) <= 300


BOMB = b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "empty"),
        (b"Active connections: 1", "not XML"),
        (b"<html><body>hello</body></html>", "want rtmp"),
        (b"<rtmp>", "not XML"),
        (b"<rtmp/>", "pid is missing"),
        (STAT[:700], "not XML"),
        (BOMB + b"<rtmp>&b;</rtmp>", "DTD"),
        (b'<!DOCTYPE rtmp SYSTEM "http://127.0.0.1/x.dtd">' + STAT[41:], "DTD"),
        (b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rtmp>&x;</rtmp>', "DTD"),
        (b"<rtmp>&undefined;</rtmp>", "not XML"),
        (b"<a>" * 50_000, "deeply"),
        (b'<?xml version="1.0" encoding="no-such"?><rtmp/>', "XML"),
        (STAT.replace(b"<pid>19674<", b"<pid>-1<"), "pid is '-1'"),
        (STAT.replace(b"<uptime>478<", b"<uptime>soon<"), "uptime is 'soon'"),
        (STAT.replace(b"<bytes_out>21543122<", b"<bytes_out>" + b"9" * 19 + b"<"), "2^63"),
        (STAT.replace(b"<bytes_out>21543122<", b"<bytes_out>" + b"9" * 9_000 + b"<"), "bytes_out"),
        (STAT.replace(b"<bytes_out>21543122<", b"<bytes_out>1.5<"), "bytes_out is '1.5'"),
        (STAT.replace(b"<bytes_out>21543122<", "<bytes_out>\u0661<".encode()), "bytes_out"),
        (STAT.replace(b"<bytes_in>21852115</bytes_in>", b""), "bytes_in is missing"),
        (STAT.replace(b"<nclients>2</nclients>", b"<nclients/>", 1), "nclients is ''"),
        (page(*[STREAM.replace(b">21852115<", b">%d<" % (2**63 - 1))] * 2), "add up"),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(answer: bytes, words: str) -> None:
    with pytest.raises(PollError) as error:
        rtmp(answer)
    assert error.value.reason is Reason.WRONG_BODY
    assert words in error.value.detail
    assert len(error.value.detail) < 200


def test_an_odd_size_is_left_out() -> None:
    for odd in (b"-1", b"wide", b"1e9", b"9" * 30, b"0", b""):
        (stream,) = rtmp(STAT.replace(b"<width>426<", b"<width>" + odd + b"<")).streams or ()
        assert (stream.width, stream.height) == (None, 240)


@given(st.binary(max_size=300))
def test_no_bytes_at_all_bring_worse_than_a_named_error(garbage: bytes) -> None:
    with pytest.raises(PollError):
        rtmp(garbage)


def _cut(answer: bytes, at: int, piece: bytes) -> bytes:
    return answer[:at] + piece + answer[at + len(piece) :]


def _without(answer: bytes, at: int, piece: bytes) -> bytes:
    return answer[:at] + answer[at + len(piece) :]


@given(
    st.sampled_from([_cut, _without]),
    st.integers(0, len(STAT) - 1),
    st.binary(min_size=1, max_size=8) | st.sampled_from([b"<live>", b"</", b"&#0;", b"&#x1F600;", b"<!--", b"]]>"]),
)
def test_a_damaged_page_brings_a_reading_or_a_named_error(
    damage: Callable[[bytes, int, bytes], bytes], at: int, piece: bytes
) -> None:
    with contextlib.suppress(PollError):
        rtmp(damage(STAT, at, piece))


TAGS = ["pid", "uptime", "naccepted", "bytes_in", "bytes_out", "name", "time", "nclients", "id", "width", "codec"]


@given(st.sampled_from(TAGS), st.text(max_size=20) | st.integers().map(str) | st.floats().map(str))
def test_any_text_in_any_element_brings_a_reading_or_a_named_error(tag: str, content: str) -> None:
    whole = f"<{tag}>[^<]*</{tag}>".encode()
    answer = re.sub(whole, lambda _: f"<{tag}>{escape(content)}</{tag}>".encode("utf-8", "replace"), STAT)
    with contextlib.suppress(PollError):
        reading = rtmp(answer)
        assert all(len(stream.url) <= 300 for stream in reading.streams or ())
