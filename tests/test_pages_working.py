"""How a figure is made, told in words and exact numbers: the sentences, and where a server's page shows them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

import db.engine
import db.working
from actions.add_server import add_server
from cdn.health import State
from cdn.model import LOCAL_ADMIN
from collector.writer import Writer
from tests import fake_live
from tests.fake_working import READING_COLUMNS
from tests.readings import FakeServer
from tests.test_pages import now_instead_of_then, opened
from ui import frames, working
from ui.groups import GROUPS, Group
from ui.readings import Working

NOW = datetime(2026, 11, 24, 20, 52, 20, tzinfo=UTC)
SERVER = "pages/live/server.py"
BY_KEY = {group.key: group for group in GROUPS}


def reading(name: str, before: int | None, now: int | None, increase: int | None, **changes: Any) -> dict[str, Any]:
    """A row of db.working.readings: two polls 15.01 s apart, 15.002 s by the server's clock."""
    at = NOW - timedelta(seconds=1)
    row = {
        "name": name,
        "before": before,
        "now": now,
        "before_at": at - timedelta(seconds=15.01),
        "now_at": at,
        "before_clock": at.timestamp() - 18.002,
        "now_clock": at.timestamp() - 3,
        "before_process": "a:1",
        "now_process": "a:1",
        "increase": increase,
        "counted_seconds": 15.002,
        "restarted": False,
        "estimated": False,
        "since": at - timedelta(seconds=15.01),
    }
    return {**row, **changes}


def told(
    group: Group,
    *readings: dict[str, Any],
    streams: pd.DataFrame | None = None,
    coverage: tuple[int, int, float] = (240, 239, 3_585.0),
    **server: Any,
) -> str:
    """What a reader sees of the working of `group`."""
    frame = pd.DataFrame(readings, columns=READING_COLUMNS)
    for name in ("before", "now", "increase"):
        frame[name] = pd.array([row[name] for row in readings], dtype="Int64")
    history = pd.DataFrame({line.column: [1.0] for line in group.lines} | {"counted_seconds": [15.0]})
    row = {"state": State.FINE, "good_at": pd.Timestamp(NOW), "at": pd.Timestamp(NOW), "role": "edge"}
    polls, good, covered = coverage
    work = Working(
        server=SimpleNamespace(**{**row, "url": "http://user:pass@10.0.0.1:1985/?token=x", **server}),
        readings=frame,
        coverage=pd.DataFrame([{"polls": polls, "good": good, "covered_seconds": covered, "up_seconds": covered}]),
        history=history,
        streams=pd.DataFrame() if streams is None else streams,
        clients_interval=60.0,
        now=NOW,
        zone=UTC,
    )
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", working.told(group, work))))


def test_a_rate_is_its_two_readings_and_the_formula_with_their_numbers() -> None:
    shown = told(BY_KEY["sent"], reading("egress_bytes", 4_012_345, 5_166_599, 1_154_254))
    assert "Reading 1 20:52:03.990 20:52:00.998 4,012,345" in shown
    assert "Reading 2 20:52:19.000 20:52:16.000 5,166,599" in shown
    assert "Between 15.010 s 15.002 s 1,154,254" in shown
    assert "(5,166,599 − 4,012,345) bytes × 8 ÷ 15.002 s = 615,520 bit/s shown as 0.6 Mbit/s" in shown
    assert "15.002 s by the server's own clock" in shown


def test_numbers_beyond_what_a_float_holds_are_exact() -> None:
    large = 2**60 + 1
    assert f"({large + 7:,} − {large:,}) bytes" in told(
        BY_KEY["sent"], reading("egress_bytes", large, large + 7, 7), reading("internal_bytes", None, None, 3)
    )


def test_things_that_are_counted_one_by_one_are_per_second() -> None:
    assert "(1,204 − 1,180) ÷ 15.002 s = 1.600 per second shown as 1.6/s" in told(
        BY_KEY["requests"], reading("requests", 1_180, 1_204, 24)
    )


def test_a_restart_is_said_and_the_new_process_stands_alone() -> None:
    new = {"restarted": True, "now_process": "a:2", "counted_seconds": 10.0}
    shown = told(BY_KEY["sent"], reading("egress_bytes", 9_000_000, 777, 777, **new))
    assert "The server started again between the readings, so its counters began at 0" in shown
    assert "stands over the 10.000 s it had run by then" in shown
    assert "777 bytes × 8 ÷ 10.000 s = 622 bit/s" in shown
    assert "9,000,000 −" not in shown
    guessed = told(BY_KEY["sent"], reading("egress_bytes", 9_000_000, 777, 777, **new, estimated=True))
    assert "It does not say since when it runs" in guessed
    assert "estimated" in guessed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"before_clock": float("nan"), "now_clock": float("nan")}, "does not say when its counters were true"),
        ({"now_clock": NOW.timestamp() + 900, "estimated": True}, "the server's own jumped in between"),
    ],
)
def test_whose_seconds_they_are_is_said(changes: dict[str, Any], said: str) -> None:
    shown = told(BY_KEY["sent"], reading("egress_bytes", 10, 110, 100, counted_seconds=15.01) | changes)
    assert said in shown
    assert "÷ 15.010 s" in shown


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (reading("egress_bytes", None, 5, None, counted_seconds=float("nan")), "One reading so far"),
        (reading("egress_bytes", 9, 5, None), "It fell although the server ran on"),
        (reading("egress_bytes", 5, 9, None, restarted=True), "Other processes answer now"),
    ],
)
def test_a_figure_that_cannot_be_made_says_why(row: dict[str, Any], said: str) -> None:
    shown = told(BY_KEY["sent"], row)
    assert said in shown
    assert "bit/s" not in shown


def test_the_last_hour_says_how_much_of_it_was_seen() -> None:
    shown = told(BY_KEY["sent"], reading("egress_bytes", 1, 2, 1))
    assert "239 of 240 polls were answered, and 59 min 45 s of 60 min were seen" in shown
    assert "Nobody polled this server in the last hour" in told(BY_KEY["sent"], coverage=(0, 0, 0.0))


def test_a_gauge_is_as_the_server_said_and_its_password_stays_unsaid() -> None:
    shown = told(BY_KEY["peak"], process_memory_peak=312_000_512.0)
    assert "as the server said at 20:52:20.000, asked at http://10.0.0.1:1985/" in shown
    assert "312,000,512 bytes shown as 312.0 MB" in shown
    assert "pass@" not in shown
    assert "token" not in shown


def test_traffic_to_own_servers_explains_how_it_is_estimated_and_settled() -> None:
    shown = told(BY_KEY["own"], reading("internal_bytes", None, None, 1_154_254))
    assert "what each stream sent × its own servers ÷ its players" in shown
    assert "Every 60 s the list of clients settles it" in shown
    assert "1,154,254 bytes × 8 ÷ 15.002 s = 615,520 bit/s" in shown
    assert "Reading 1" not in shown


def test_the_viewers_of_an_origin_are_its_clients_less_publishers_and_own_servers() -> None:
    rows = [[213.0, 199.0, 13.0, True, False], [10.0, 10.0, 0.0, False, False], [7.0, 1.0, 1.0, True, True]]
    streams = pd.DataFrame(rows, columns=["clients", "pulls", "viewers", "publishing", "gone"])
    shown = told(BY_KEY["viewers"], streams=streams, role="origin", viewers=13.0)
    assert "223 clients − 1 that publish − 209 own servers = 13" in shown


def test_a_share_is_of_sums_and_tells_them() -> None:
    group = BY_KEY["cache"]
    assert group.share is not None
    history = pd.DataFrame(
        {
            "counted_seconds": [10.0, 30.0],
            "cache_hit_per_second": [9.0, 1.0],
            "cache_miss_per_second": [1.0, float("nan")],
            "cache_stale_per_second": [0.0, 2.0],
        }
    )
    # Not the mean of 0.9 and 0.33: 90 + 30 of 100 + 90.
    assert group.share.counted(history) == (120, 190)
    assert group.share.counted(history.drop(columns="counted_seconds")) is None
    assert group.share.counted(history.drop(columns="cache_hit_per_second")) is None


@pytest.fixture
def calm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pages over an invented calm fleet, and nothing remembered."""
    frames.forget()
    fake_live.install(lambda: "calm", monkeypatch.setattr)
    yield
    frames.forget()


def markup(app: AppTest) -> str:
    return "\n".join(str(block.proto.body) for block in app.get("html"))


@pytest.mark.usefixtures("calm")
def test_the_working_opens_by_the_address_and_stands_behind_its_chart() -> None:
    blocks = [str(block.proto.body) for block in opened(SERVER, name="edge-fra-1", working="received").get("html")]
    (place,) = [number for number, block in enumerate(blocks) if "How “Traffic received” is made" in block]
    heads = [number for number, block in enumerate(blocks) if '<div class="ch">' in block]
    assert "Traffic received" in blocks[heads[heads.index(place) - 1]]
    assert "bytes × 8 ÷ 15.002 s" in blocks[place + 1]


@pytest.mark.usefixtures("calm")
def test_every_chart_leads_to_its_working_and_back() -> None:
    closed = markup(opened(SERVER, name="origin-1", window="6 hours"))
    hrefs = re.findall(r'<a class="how" href="([^"]+)">', closed)
    assert len(hrefs) == closed.count('<p class="big">')
    assert hrefs[0] == "server?name=origin-1&amp;window=6+hours&amp;working=sent"
    shown = markup(opened(SERVER, name="origin-1", working="sent"))
    assert '<a class="how" href="server?name=origin-1">Hide' in shown


@pytest.mark.usefixtures("calm")
@pytest.mark.parametrize("key", [group.key for group in GROUPS])
@pytest.mark.parametrize("name", ["origin-1", "edge-fra-1", "edge-web-3"])
def test_every_chart_has_a_working(name: str, key: str) -> None:
    shown = markup(opened(SERVER, name=name, working=key))
    if f'working={key}"' in markup(opened(SERVER, name=name)):
        assert '<div class="made">' in shown
    else:
        assert '<div class="made">' not in shown


@pytest.mark.usefixtures("calm")
def test_nothing_is_read_for_a_working_that_nobody_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(name: str, real: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
        def answer(*given: Any) -> pd.DataFrame:
            asked.append(name)
            return real(*given)

        return answer

    for name in ("readings", "coverage"):
        monkeypatch.setattr(db.working, name, noted(name, getattr(db.working, name)))
    opened(SERVER, name="edge-fra-1")
    opened(SERVER, name="edge-fra-1", working="<b>no such chart</b>")
    assert asked == []
    opened(SERVER, name="edge-fra-1", working="sent")
    assert sorted(asked) == ["coverage", "readings"]


def test_the_working_of_a_real_server_is_that_of_its_figure(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    frames.forget()
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    fields = {"name": "edge-1", "kind": "srs", "url": "http://10.0.0.1:1985", "role": "edge"}
    server = FakeServer(add_server(engine, fields, key="", by=LOCAL_ADMIN))
    writer = Writer(engine, "c")
    for _ in range(3):
        writer.write([now_instead_of_then(server.poll(), timedelta(seconds=60))])
        server.grow(15, 30_000_000)
    shown = markup(opened(SERVER, name="edge-1", working="sent"))
    assert "(61,000,000 − 31,000,000) bytes × 8 ÷ 15.000 s = 16,000,000 bit/s" in shown
    assert "of 3 polls were answered" in shown
    frames.forget()
