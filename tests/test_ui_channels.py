"""The words of channels: bounds stay bounds, what needs a look comes first, what is not known is not zero."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from cdn.health import ChannelState, CopyState
from cdn.model import EventKind, PublicationEnd
from ui import channel, channels, on_air, overview
from ui.headline import Headline
from ui.html import fill
from ui.status import CHANNEL_LOOKS, COPY_LOOKS

NOW = datetime(2026, 3, 1, 21, 4, tzinfo=UTC)


def ago(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(NOW - timedelta(seconds=seconds))


def plain(markup: object) -> str:
    return re.sub(r"<[^>]+>", "", str(markup))


def channel_row(**changes: Any) -> dict[str, Any]:
    """A channel on air as db.channels gives it, with changes."""
    row = {
        "id": 1,
        "vhost": "__defaultVhost__",
        "app": "live",
        "name": "news",
        "state": ChannelState.ON_AIR.value,
        "origin": "origin-1",
        "is_home": True,
        "viewers": 100.0,
        "copies": 3.0,
        "copies_frozen": 0.0,
        "copies_unknown": 0.0,
        "viewers_frozen": math.nan,
        "frozen_since": pd.NaT,
        "stalled_since": pd.NaT,
        "ingest_bps": 6e6,
        "frame_rate": 25.0,
        "video": "H264 High",
        "audio": "AAC LC 44.1 kHz",
        "width": 1920.0,
        "height": 1080.0,
        "published_after": ago(7_215),
        "published_by": ago(7_200),
        "ended_after": pd.NaT,
        "ended_by": pd.NaT,
        "at": ago(4),
        "gone_at": pd.NaT,
    }
    assert set(changes) <= set(row)
    return {**row, **changes}


TIMES = ("frozen_since", "stalled_since", "published_after", "published_by", "ended_after", "ended_by", "at", "gone_at")


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    found = pd.DataFrame(list(rows))
    for name in TIMES:
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]")
    return channels.begun(found)


def off_air(**changes: Any) -> dict[str, Any]:
    return channel_row(state="off_air", published_after=pd.NaT, published_by=pd.NaT, **changes)


def frozen(**changes: Any) -> dict[str, Any]:
    return channel_row(**{"state": "frozen", "copies_frozen": 2.0, "frozen_since": ago(240), **changes})


def stalled(**changes: Any) -> dict[str, Any]:
    return channel_row(**{"state": "stalled", "stalled_since": ago(240), **changes})


def publication(**changes: Any) -> dict[str, Any]:
    row = {
        "server_id": 1,
        "server": "origin-1",
        "channel_id": 1,
        "began_after": ago(7_215),
        "began_by": ago(7_200),
        "ended_after": pd.NaT,
        "ended_by": pd.NaT,
        "end_reason": None,
        "format": "1920 × 1080, H264 High",
        "off_air_least": math.nan,
        "off_air_most": math.nan,
    }
    assert set(changes) <= set(row)
    return {**row, **changes}


def told(*rows: dict[str, Any]) -> pd.DataFrame:
    found = pd.DataFrame(list(rows))
    for name in ("began_after", "began_by", "ended_after", "ended_by"):
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]")
    return found


NO_EVENTS = pd.DataFrame(columns=["at", "kind", "server", "before", "now"])


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (12, 26, "12 to 26 s"),
        (0, 15, "up to 15 s"),
        (-3, 15, "up to 15 s"),
        (11.9, 25.1, "11 to 26 s"),
        (12, 12, "12 s"),
        (80, 95, "80 s to 2 min"),
        (285, 315, "4 to 6 min"),
        (240, 240, "4 min"),
        (7_190, 7_230, "1 h 59 min to 2 h 1 min"),
        (0, 0, "up to 0 s"),
        (math.nan, 30, "up to 30 s"),
        (12, math.nan, "–"),
        (None, None, "–"),
    ],
)
def test_how_long_something_lasted_is_a_range_that_holds_both_bounds(least: Any, most: Any, words: str) -> None:
    assert channels.span(least, most) == words


@pytest.mark.parametrize(
    ("after", "by", "words"),
    [
        (ago(15), ago(0), "21:03–21:04"),
        (ago(40), ago(25), "21:03"),
        (pd.NaT, ago(25), "before 21:03"),
        (ago(90_015), ago(90_000), "yesterday 20:03–yesterday 20:04"),
        (pd.NaT, pd.NaT, "–"),
        (ago(15), pd.NaT, "–"),
    ],
)
def test_a_moment_between_two_looks_tells_both(after: Any, by: Any, words: str) -> None:
    assert channels.moment_words(after, by, NOW, UTC) == words


def test_the_exact_bounds_of_a_moment_are_its_title() -> None:
    shown = channels.moment(ago(40), ago(25), NOW, UTC)
    assert 'title="between 1 Mar 2026 21:03:20 UTC and 1 Mar 2026 21:03:35 UTC"' in shown


@pytest.mark.parametrize(
    ("app", "name", "vhost", "words"),
    [
        ("live", "news", "__defaultVhost__", ("news", "")),
        ("event", "news", "cdn.example", ("event/news", "on cdn.example")),
        ("", "news", "", ("news", "")),
        ("live", "", None, ("(no name)", "")),
    ],
)
def test_app_and_vhost_are_told_where_they_are_not_the_usual_ones(
    app: str, name: str, vhost: str | None, words: tuple[str, str]
) -> None:
    row = SimpleNamespace(app=app, name=name, vhost=vhost)
    assert (channels.label(row), channels.vhost(row)) == words


def test_every_state_has_a_look_of_its_own_in_words() -> None:
    assert set(CHANNEL_LOOKS) == set(ChannelState)
    assert set(COPY_LOOKS) == set(CopyState)
    for looks in (CHANNEL_LOOKS, COPY_LOOKS):
        assert len({look.word for look in looks.values()}) == len(looks)


def test_what_needs_a_look_comes_first_and_what_nobody_sees_before_what_some_see() -> None:
    found = frame(
        channel_row(id=1, name="fine", viewers=1e6),
        frozen(id=2, name="frozen"),
        off_air(id=3, name="waited-for", viewers=1.0),
        off_air(id=4, name="ended", viewers=0.0),
        stalled(id=5, name="stalled", viewers=0.0),
        channel_row(id=6, name="quiet", viewers=math.nan),
        channel_row(id=7, name="gone", state="gone", gone_at=ago(60)),
    )
    ordered = channels.worst_first(found)
    assert list(ordered["name"]) == ["stalled", "waited-for", "frozen", "ended", "fine", "quiet", "gone"]
    assert list(ordered.loc[channels.needs_a_look(ordered), "name"]) == ["stalled", "waited-for", "frozen"]


def test_off_air_is_only_red_while_viewers_wait() -> None:
    quiet, waited = frame(off_air(viewers=0.0), off_air(viewers=3.0)).itertuples()
    assert (channels.look(quiet).tone, channels.look(waited).tone) == ("nodata", "bad")
    unknown = next(frame(off_air(viewers=math.nan)).itertuples())
    assert channels.look(unknown).tone == "nodata"


def test_a_channel_left_the_air_when_its_newest_publication_ended() -> None:
    row = next(frame(off_air(ended_after=ago(315), ended_by=ago(300))).itertuples())
    assert (row.begun_after, row.begun_by) == (ago(315), ago(300))
    assert plain(channels.begun_words(row, NOW, UTC)) == "since 20:58–20:59"
    # Where nobody saw it end, nothing is said.
    assert channels.begun_words(next(frame(off_air()).itertuples()), NOW, UTC) == ""


@pytest.mark.parametrize(
    ("rows", "line", "tone"),
    [
        ([channel_row(), channel_row(id=2)], "2 channels on air", "ok"),
        ([off_air(viewers=0.0)], "No channel is on air", "planned"),
        ([frozen()], "news is frozen on 2 servers", "warn"),
        ([frozen(copies_frozen=1.0)], "news is frozen on 1 server", "warn"),
        ([frozen(), frozen(id=2, name="kids")], "kids and news are frozen", "warn"),
        ([stalled()], "Nothing comes in for news since 21:00", "bad"),
        ([stalled(), stalled(id=2, name="kids")], "Nothing comes in for kids and news", "bad"),
        ([off_air(), stalled(id=2, name="kids")], "Nothing comes in for kids since 21:00; news is off air", "bad"),
        ([off_air(id=id, name=f"c{id}") for id in range(4)], "4 channels are off air", "bad"),
        ([channel_row(state="unknown")], "Of 1 channel nobody knows whether it is on air", "nodata"),
    ],
)
def test_the_first_line_of_the_channels(rows: list[dict[str, Any]], line: str, tone: str) -> None:
    shown = on_air.headline(frame(*rows), fleet_of(), NOW, UTC)
    assert (plain(shown.title), shown.tone) == (line, tone)


def fleet_of(*kinds: str, paused: bool = False) -> pd.DataFrame:
    return pd.DataFrame(
        [{"kind": kind, "role": "edge", "paused": paused} for kind in kinds], columns=["kind", "role", "paused"]
    )


def test_below_the_first_line_stands_whom_it_touches_and_what_is_not_counted() -> None:
    found = frame(channel_row(viewers=1_200.0), off_air(id=2, viewers=0.0), channel_row(id=3, viewers=math.nan))
    below = plain(on_air.headline(found, fleet_of("nginx", "srs"), NOW, UTC).below)
    assert below == ("1,200 viewers; viewers on 1 NGINX edge are not counted here; 1 off air, and nobody waits for it.")


def test_viewers_that_nobody_counts_are_not_nought() -> None:
    below = plain(on_air.headline(frame(channel_row(viewers=math.nan)), fleet_of(), NOW, UTC).below)
    assert below == ""


@pytest.mark.parametrize(
    ("fleet", "words"),
    [
        (fleet_of("srs", "nginx_rtmp"), ""),
        (fleet_of("nginx", "nginx_vts", "nginx_plus"), "viewers on 3 NGINX edges are not counted here"),
        (fleet_of("angie", "nginx"), "viewers on 2 NGINX and Angie edges are not counted here"),
        (fleet_of("angie"), "viewers on 1 Angie edge are not counted here"),
        (fleet_of("nginx", paused=True), ""),
    ],
)
def test_edges_that_do_not_know_who_watches_are_said(fleet: pd.DataFrame, words: str) -> None:
    assert channels.uncounted(fleet) == words


def test_servers_that_do_not_answer_are_not_nought_servers() -> None:
    row = next(frame(channel_row(state="unknown", copies=0.0, copies_unknown=14.0)).itertuples())
    assert plain(channels.cells(row, NOW, UTC)[3]) == "–14 not known"


def test_numbers_of_a_channel_that_is_not_seen_are_the_last_ones_and_not_shown_as_now() -> None:
    row = next(frame(channel_row(state="unknown", viewers=math.nan)).itertuples())
    cells = channels.cells(row, NOW, UTC)
    assert [plain(cell) for cell in cells[4:8]] == ["–"] * 4
    assert 'title="last 6.0"' in str(cells[5])
    assert 'title="last 1920 × 1080, H264 High, AAC LC 44.1 kHz"' in str(cells[7])


def test_the_overview_tells_of_a_channel_in_a_few_words() -> None:
    found = frame(
        frozen(viewers=840.0, viewers_frozen=340.0),
        stalled(id=2, name="kids"),
        off_air(id=3, name="docu", viewers=1.0),
    )
    shown = [on_air.problem(row, NOW, UTC) for row in found.itertuples()]
    assert [plain(each.title) for each in shown] == [
        "news is frozen on 2 servers",
        "Nothing comes in for kids",
        "docu is off air",
    ]
    assert [plain(each.age) for each in shown] == [
        "4 min ago · 340 viewers on them",
        "4 min ago · 100 viewers",
        "since when is not known · 1 viewer waits",
    ]
    assert [each.tone for each in shown] == ["warn", "bad", "bad"]


def test_viewers_of_frozen_copies_that_nobody_counts_are_left_out() -> None:
    found = frame(frozen(viewers=500.0))
    assert plain(on_air.problem(next(found.itertuples()), NOW, UTC).age) == "4 min ago"


@pytest.mark.parametrize(
    ("tone", "title", "below"),
    [
        ("ok", "news is frozen on 2 servers", "All servers that are polled answer."),
        ("warn", "news is frozen on 2 servers", "edge-1 is nearly full."),
        ("bad", "edge-1 is nearly full", "Since 20:52. 1 channel needs a look, too."),
    ],
)
def test_the_overview_begins_with_the_worse_of_servers_and_channels(tone: str, title: str, below: str) -> None:
    line = Headline(tone, fill("edge-1 is nearly full"), fill("Since 20:52."))
    shown = on_air.with_channels(line, frame(frozen()), NOW, UTC)
    assert (plain(shown.title), plain(shown.below)) == (title, below)
    assert on_air.with_channels(line, frame(frozen()).head(0), NOW, UTC) is line


def copy(**changes: Any) -> SimpleNamespace:
    row = {
        "state": CopyState.WAITING,
        "is_home": False,
        "viewers": 0.0,
        "clients": 0.0,
        "egress_still_since": ago(40),
        "ingress_still_since": ago(50),
        "at": ago(60),
        "gone_at": ago(7_200),
    }
    return SimpleNamespace(**{**row, **changes})


@pytest.mark.parametrize(
    ("row", "without_source", "words"),
    [
        (copy(state=CopyState.FROZEN), False, "for 40 s"),
        (copy(state=CopyState.STALLED), False, "for 50 s"),
        (copy(state=CopyState.UNKNOWN), False, "last seen 60 s ago"),
        (copy(state=CopyState.GONE), False, "not listed since 2 h ago"),
        (copy(state=CopyState.ON_AIR), False, ""),
        (copy(is_home=True), True, "nobody publishes it here"),
        (copy(viewers=3.0), True, "nothing comes in at the origin"),
        (copy(), False, "nobody watches it here"),
        (copy(clients=2.0), False, "nothing is sent to it"),
        (copy(clients=math.nan, viewers=2.0), False, "nothing is sent to it"),
    ],
)
def test_the_state_of_a_copy_is_told_in_plain_words(row: Any, without_source: bool, words: str) -> None:
    assert plain(channel.copy_words(row, NOW, UTC, off_air=without_source)) == words


def test_a_publication_that_ended_tells_why_and_how_long_nothing_came() -> None:
    shown = channel.moments(
        told(
            publication(off_air_least=12.0, off_air_most=26.0),
            publication(
                began_after=pd.NaT,
                began_by=ago(10_800),
                ended_after=ago(7_226),
                ended_by=ago(7_212),
                end_reason=PublicationEnd.RECONNECTED,
            ),
        ),
        NO_EVENTS,
        NOW,
        UTC,
    )
    assert [(each.title, each.text) for each in shown] == [
        ("On air since 19:03–19:04", "1920 × 1080, H264 High"),
        ("On air until 19:03", "Then off air for 12 to 26 s. The publisher came back over another connection"),
    ]


def test_the_last_publication_that_ended_says_that_nobody_followed() -> None:
    (shown,) = channel.moments(
        told(publication(ended_after=ago(315), ended_by=ago(300), end_reason=PublicationEnd.STOPPED)),
        NO_EVENTS,
        NOW,
        UTC,
    )
    assert shown.title == "On air from 19:03–19:04 to 20:58–20:59"
    assert shown.text == "Its publisher left, and nobody has published it since"
    assert shown.tone == "bad"


def test_publications_on_two_origins_are_told_apart() -> None:
    both = told(
        publication(began_by=ago(60), off_air_least=5.0, off_air_most=20.0),
        publication(server_id=2, server="origin-2", ended_after=ago(90), ended_by=ago(75), end_reason="stopped"),
    )
    shown = channel.moments(both, NO_EVENTS, NOW, UTC)
    assert [each.title.rpartition(" on ")[2] for each in shown if isinstance(each.title, str)] == [
        "origin-1",
        "origin-2",
    ]
    # One origin went on while the other had none: the channel was not off the air.
    assert channel.off_air_in_all(both) == ""


def test_times_off_the_air_are_added_up_bound_by_bound() -> None:
    rows = [
        publication(off_air_least=0.0, off_air_most=15.0),
        publication(off_air_least=12.0, off_air_most=26.0),
        publication(),
    ]
    assert channel.off_air_in_all(told(*rows)) == "off air for 12 to 41 s in all"
    assert channel.off_air_in_all(told(publication())) == ""


def test_events_are_told_with_what_changed_into_what() -> None:
    events = pd.DataFrame(
        [
            (ago(60), EventKind.FORMAT.value, "origin-1", "1280 × 720", "1920 × 1080"),
            (ago(90), EventKind.RESTART.value, "origin-1", None, None),
            (ago(91), EventKind.VERSION.value, "origin-1", None, "SRS 6.0.184"),
            (ago(92), "a kind of tomorrow", "origin-1", None, None),
        ],
        columns=["at", "kind", "server", "before", "now"],
    )
    shown = channel.moments(told(publication()).head(0), events, NOW, UTC)
    assert [(each.title, each.text) for each in shown] == [
        ("Picture or sound changed on origin-1", "From 1280 × 720 to 1920 × 1080"),
        ("origin-1 started again", ""),
        ("origin-1 runs other software", "From not known to SRS 6.0.184"),
    ]


@pytest.mark.parametrize("state", list(ChannelState))
def test_every_state_of_a_channel_has_a_headline_and_facts(state: ChannelState) -> None:
    row = next(frame(channel_row(state=state.value, stalled_since=ago(240), frozen_since=ago(240))).itertuples())
    shown = channel.headline(row, NOW, UTC)
    assert plain(shown.title).startswith("news ")
    assert "Origin origin-1" in plain(shown.below)
    assert ("Comes in" in shown.below) == (state in (ChannelState.ON_AIR, ChannelState.FROZEN, ChannelState.STALLED))
    calm = state in (ChannelState.ON_AIR, ChannelState.GONE)
    assert (channel.explained(row, NOW, UTC) == "") == calm


def summary(**changes: float) -> dict[str, float]:
    same = {"delivered_bps": 5e9, "origin_offload": 0.94, "edges_without_traffic": 0.0, "origins_not_told": 0.0}
    return {**same, **changes}


@pytest.mark.parametrize(
    ("current", "words"),
    [
        (summary(), "94 % of it without the origins"),
        (summary(origin_offload=math.nan), "own servers left out"),
        (summary(edges_without_traffic=1.0), "94 % of it without the origins; 1 edge reports no traffic"),
        (
            summary(origin_offload=math.nan, edges_without_traffic=3.0, origins_not_told=2.0),
            "own servers left out; 3 edges report no traffic; 2 origins not told apart yet",
        ),
        (summary(delivered_bps=math.nan), "no server tells it"),
    ],
)
def test_delivered_says_what_it_holds(current: dict[str, float], words: str) -> None:
    assert overview.delivered_from(current) == words


def servers(*rows: tuple[str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["role", "kind", "viewers"])


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        (servers(("edge", "srs", 5.0), ("origin", "srs", 0.0)), "on 1 edge and 1 origin"),
        (servers(("edge", "srs", 5.0), ("edge", "nginx", math.nan)), "on 1 edge; 1 edge does not count them"),
        (servers(("edge", "srs", 5.0), ("origin", "srs", math.nan)), "on 1 edge; 1 origin not told apart yet"),
        (servers(("edge", "nginx", math.nan)), "no server counts them"),
        (servers(("edge", "srs", 5.0), ("origin", "nginx_vts", math.nan)), "on 1 edge"),
        (servers(), "no server counts them"),
    ],
)
def test_viewers_say_where_they_are_counted(counted: pd.DataFrame, words: str) -> None:
    assert overview.counted_on(counted) == words
