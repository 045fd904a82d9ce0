"""What the page of a server says of its clock and certificate, of its streams, and of what happened on it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from cdn.model import EventKind, PublicationEnd
from ui import happened
from ui.groups import GROUPS
from ui.server import certificate, clock_words, stream_columns, stream_rows

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("difference", "words"),
    [(None, ""), (float("nan"), ""), (0.4, ""), (-1.9, ""), (420.0, "7 min ahead"), (-3.2, "3 s behind")],
)
def test_a_clock_that_is_off_is_said_and_one_that_is_right_is_not(difference: float | None, words: str) -> None:
    assert clock_words(difference) == words


def test_a_certificate_is_good_until_a_day_or_has_ended() -> None:
    assert certificate(pd.NaT, NOW, UTC) == ""
    assert certificate(NOW + timedelta(days=30, hours=1), NOW, UTC) == "good until 31 Mar, 30 days"
    assert certificate(NOW - timedelta(days=9), NOW, UTC) == "ended 20 Feb"


def stream(**changes: Any) -> pd.DataFrame:
    """One row of db.server.server_streams: on air, 20 clients of which 12 are own servers."""
    row: dict[str, Any] = {
        "url": "/live/news",
        "vhost": "",
        "app": "live",
        "name": "news",
        "publishing": True,
        "viewers": 7.0,
        "clients": 20.0,
        "pulls": 12.0,
        "egress_bps": 9e6,
        "ingress_bps": 6e6,
        "frame_rate": 25.0,
        "egress_still_since": pd.NaT,
        "ingress_still_since": pd.NaT,
        "video": "H264",
        "audio": "AAC",
        "width": 1920.0,
        "height": 1080.0,
        "at": pd.Timestamp(NOW),
        "gone_at": pd.NaT,
        "gone": False,
    }
    return pd.DataFrame([{**row, **changes}])


def cells(role: str, *, known: bool = True, **changes: Any) -> dict[str, str]:
    """The cells of that stream on a server of that role, by the heading of their column."""
    (row,) = stream_rows(stream(**changes), role, NOW, UTC, known=known)
    return {column.heading: str(cell) for column, cell in zip(stream_columns(role), row.cells, strict=True)}


def test_an_origin_tells_viewers_and_own_servers_apart() -> None:
    shown = cells("origin")
    assert (shown["Viewers"], shown["Own servers"]) == ("7", "12")
    assert "Own servers" not in cells("edge")


def test_what_nobody_told_apart_yet_is_a_dash_that_says_so() -> None:
    shown = cells("origin", viewers=float("nan"), pulls=float("nan"))
    for column in ("Viewers", "Own servers"):
        assert shown[column] == '<span class="none" title="not told apart yet">–</span>'
    assert "not counted here" in cells("edge", viewers=float("nan"))["Viewers"]


STILL = pd.Timestamp(NOW - timedelta(seconds=10))


@pytest.mark.parametrize(
    ("role", "changes", "stands_still"),
    [
        ("origin", {"ingress_still_since": STILL}, True),
        ("origin", {"ingress_still_since": STILL + timedelta(seconds=1)}, False),
        ("origin", {"ingress_still_since": STILL, "publishing": False}, False),
        ("origin", {"egress_still_since": STILL}, True),
        ("origin", {"egress_still_since": STILL, "viewers": 0.0, "pulls": 0.0, "clients": 1.0}, False),
        ("edge", {"egress_still_since": STILL}, True),
        ("edge", {"egress_still_since": STILL, "viewers": 0.0, "clients": 0.0}, False),
        # What an edge pulls is not counted as coming in by all of them.
        ("edge", {"ingress_still_since": STILL}, False),
        ("edge", {"egress_still_since": STILL, "gone": True}, False),
    ],
)
def test_a_stream_stands_still_where_somebody_waits_for_it(
    role: str, changes: dict[str, Any], stands_still: bool
) -> None:
    assert ("Stands still" in cells(role, **changes)["State"]) == stands_still


def test_a_server_that_does_not_answer_has_no_stream_that_stands_still() -> None:
    assert "No data" in cells("edge", egress_still_since=STILL, known=False)["State"]


def test_streams_that_are_not_followed_one_by_one_say_so() -> None:
    assert cells("edge", url="overflow", app="", name="overflow")["Stream"] == (
        "other streams, not followed one by one"
    )


def test_an_origins_viewers_are_viewers_like_those_of_any_server() -> None:
    titles = {group.key: group.title for group in GROUPS}
    assert (titles["viewers"], titles["own"]) == ("Viewers", "Traffic to own servers")


def frame(rows: list[dict[str, Any]], *times: str) -> pd.DataFrame:
    found = pd.DataFrame(rows)
    for name in times:
        found[name] = pd.to_datetime(found[name], utc=True)
    return found


def shown_moments(
    events: list[dict[str, Any]], publications: list[dict[str, Any]] | None = None
) -> list[tuple[str, str, str]]:
    """(time, title, text) of what happened, with one change of state an hour ago that was a restart."""
    changes = frame(
        [
            {
                "at": NOW - timedelta(hours=1),
                "up": True,
                "reason": None,
                "detail": None,
                "restarted": True,
                "lasted_seconds": 9.0,
            }
        ],
        "at",
    )
    event = {"app": "live", "name": "news", "before": None, "now": None}
    ended = {"app": "live", "name": "news", "ended_after": None, "end_reason": None}
    told = happened.moments(
        changes,
        frame([{**event, **each} for each in events] or [{**event, "at": NOW, "kind": "none"}], "at"),
        None
        if publications is None
        else frame([{**ended, **each} for each in publications], "ended_after", "ended_by"),
        NOW,
        UTC,
    )
    return [(moment.time, str(moment.title), str(moment.text)) for moment in told]


def test_other_software_and_formats_stand_between_the_changes_of_state() -> None:
    shown = shown_moments(
        [
            {"at": NOW, "kind": EventKind.FORMAT.value, "before": "1280 × 720", "now": "1920 × 1080"},
            {"at": NOW - timedelta(hours=2), "kind": EventKind.VERSION.value, "before": "SRS 5", "now": "SRS 6"},
        ]
    )
    assert shown == [
        ("12:00", "live/news changed its format", "1280 × 720 → 1920 × 1080"),
        ("11:00", "Started again", "Its counters began anew"),
        ("10:00", "Runs other software", "SRS 5 → SRS 6"),
    ]


def test_a_restart_is_told_once() -> None:
    shown = shown_moments([{"at": NOW - timedelta(hours=1), "kind": EventKind.RESTART.value}])
    assert [title for _, title, _ in shown] == ["Started again"]


def test_publications_that_ended_at_one_look_are_told_together() -> None:
    by, after = NOW - timedelta(minutes=5), NOW - timedelta(minutes=5, seconds=15)
    ended = {"ended_by": by, "ended_after": after, "end_reason": PublicationEnd.RESTARTED.value}
    names = [{**ended, "name": name} for name in ("news", "kids", "docu", "music")]
    alone = {"ended_by": NOW, "name": "sport", "end_reason": PublicationEnd.RECONNECTED.value}
    going_on = {"ended_by": None, "name": "movies"}
    shown = shown_moments([], [*names, alone, going_on])
    assert shown[0] == (
        "12:00",
        "live/sport was interrupted",
        "Its publisher came back on another connection. Seen at 12:00:00",
    )
    assert shown[1] == (
        "11:55",
        "live/news, live/kids and 2 other streams ended",
        "The server started again. Between 11:54:45 and 11:55:00",
    )
    assert not any(re.search("movies", title) for _, title, _ in shown)


def test_a_certificate_without_an_end_is_beyond_no_calendar() -> None:
    forever = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert certificate(pd.Timestamp(forever), datetime(2026, 3, 1, tzinfo=UTC), ZoneInfo("Asia/Tokyo")) == (
        "without an end"
    )
