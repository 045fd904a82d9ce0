"""The page of availability in every state: what it says first, its days, its lists; and the words of its figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import streamlit as st
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

import db.availability
from tests import fake_live
from tests.test_pages import Fleet, first_line, markup, opened
from ui import availability, availability_days, availability_rows, frames, strips, theme
from ui.html import fill
from ui.strips import Box, Day

PAGE = "pages/history/availability.py"
STATES = tuple(state for state in fake_live.STATES if state not in ("away", "many"))


@pytest.fixture(autouse=True)
def _nothing_read() -> Iterator[None]:
    frames.forget()
    yield
    frames.forget()


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet("problems")
    fake_live.install(lambda: made.state, monkeypatch.setattr)
    return made


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("view", availability.VIEWS)
def test_the_page_opens_in_every_state(fleet: Fleet, state: str, view: str) -> None:
    fleet.state = state
    assert first_line(opened(PAGE, of=view))


def test_it_says_how_much_was_up_and_how_well_that_is_known(fleet: Fleet) -> None:
    app = opened(PAGE)
    assert "servers were up 99." in first_line(app)
    text = markup(app)
    assert "so the true figure is between" in text
    assert "Mean time to repair" in text
    assert "MTTR" not in text


def test_every_server_has_a_box_a_day_told_in_words(fleet: Fleet) -> None:
    text = markup(opened(PAGE))
    names = fake_live.fleet("problems", datetime.now(UTC))["name"]
    assert text.count('class="av-d"') == len(names)
    assert text.count('aria-label="90 days: ') == len(names)
    assert "nobody was looking" in text
    assert 'class="d" title="' in text


def test_of_a_large_fleet_the_days_of_the_worst_are_read_until_somebody_asks_for_more(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.state = "many"
    asked: list[int] = []
    whole = db.availability.watched

    def noted(engine: Engine, bounds: Sequence[datetime], now: datetime, servers: Sequence[int] = ()) -> pd.DataFrame:
        asked.append(len(servers))
        return whole(engine, bounds, now, servers)

    monkeypatch.setattr(db.availability, "watched", noted)
    text = markup(opened(PAGE))
    assert asked == [0, 50]
    assert text.count('class="av-d"') == 50
    assert "the worst 50 of 1,000" in text
    assert markup(opened(PAGE, all="yes")).count('class="av-d"') == 200


def test_an_outage_that_goes_on_says_so(fleet: Fleet) -> None:
    assert "still down" in markup(opened(PAGE))


def test_calm_has_no_outage_and_says_so(fleet: Fleet) -> None:
    fleet.state = "calm"
    text = markup(opened(PAGE))
    assert "No outage" in text
    assert "up 100.00 % of the time" in text


def test_channels_tell_drop_outs_and_those_not_judged(fleet: Fleet) -> None:
    app = opened(PAGE, of="Channels")
    text = markup(app)
    assert "on air" in first_line(app)
    assert "1 channel never seen published is left out" in text
    assert "never seen published" in text


def test_another_month_is_in_the_address(fleet: Fleet) -> None:
    app = opened(PAGE)
    options: list[str] = app.selectbox(key="month").options
    app.selectbox(key="month").set_value(options[1]).run()
    assert options[1] in first_line(app)
    assert opened(PAGE, month=options[1]).selectbox(key="month").value == options[1]


def test_while_the_database_is_away_what_was_read_last_is_shown_as_old(fleet: Fleet) -> None:
    opened(PAGE)
    st.cache_data.clear()
    fleet.state = "away"
    text = markup(opened(PAGE))
    assert "what is below is old" in text
    assert "90 days: " in text


def test_with_nothing_ever_read_it_says_what_was_tried(fleet: Fleet) -> None:
    fleet.state = "away"
    assert "Availability cannot be read" in markup(opened(PAGE))


def test_hostile_names_stay_names(fleet: Fleet) -> None:
    fleet.state = "hostile"
    for view in availability.VIEWS:
        app: AppTest = opened(PAGE, of=view)
        assert "<img src=x" not in markup(app)


def test_a_share_is_one_figure_where_it_is_known_and_a_range_where_not() -> None:
    assert availability.share(0.9996, 0.99962) == "99.96 %"
    assert availability.share(0.9994, 0.9996) == "99.94 to 99.96 %"
    assert availability.share(None, 1.0) == "–"
    assert availability.between(0.9994, 0.9996) == "between 99.94 % and 99.96 %"
    assert availability.between(1.0, 1.0) == ""


def test_a_day_is_judged_by_what_was_seen_of_it() -> None:
    assert strips.of_server(86_400, 86_400, 86_400).day == Day.FINE
    assert strips.of_server(86_400, 86_400, 86_399.5).day == Day.FINE
    assert strips.of_server(86_400, 86_400, 86_300).day == Day.PARTLY
    assert strips.of_server(86_400, 86_400, 86_000).day == Day.DOWN
    assert strips.of_server(86_400, 1_000, 1_000).day == Day.BLIND
    # It was down for long, however little was seen.
    assert strips.of_server(86_400, 1_000, 100).day == Day.DOWN
    assert strips.of_server(0, 0, 0).day == Day.ABSENT
    assert strips.of_channel(True, 3_600, 0, 10).day == Day.PARTLY
    assert strips.of_channel(True, 3_600, 0, 3_600).day == Day.BLIND
    assert strips.of_channel(True, 3_600, 400, 500).day == Day.DOWN
    assert strips.of_channel(False, 3_600, 0, 0).day == Day.ABSENT


def test_a_strip_is_told_in_words_and_its_boxes_by_their_days() -> None:
    line = strips.Strip(fill("x"), "", [Box(Day.FINE), Box(Day.DOWN, 400)], "1 %", "")
    shown = strips.strips([line], date(2026, 2, 28), strips.SERVERS, 5)
    assert 'aria-label="2 days: 1 up all day, 1 down for 5 min or more"' in shown
    assert 'title="1 Mar: down for 5 min or more, 6 min in all"' in shown


def test_days_of_a_leap_february_and_of_changing_clocks_are_as_long_as_they_are() -> None:
    bounds = availability_days.bounds(date(2028, 2, 28), 3, ZoneInfo("Europe/Berlin"))
    assert [each.day for each in bounds] == [27, 28, 29, 1]
    changing = availability_days.bounds(date(2026, 3, 29), 1, ZoneInfo("Europe/Berlin"))
    assert (changing[1] - changing[0]).total_seconds() == 23 * 3_600


def test_the_worst_of_the_month_comes_first() -> None:
    month = pd.DataFrame(
        {"server": ["a", "b", "c"], "up_ratio": [1.0, 0.5, None], "least": [1.0, 0.5, 0.0], "most": [1.0, 0.5, 1.0]}
    )
    days = pd.DataFrame({"server": ["a"], "part": [0], "expected": [10.0], "covered": [10.0], "up": [10.0]})
    outages = pd.DataFrame({"server": ["b", "b"]})
    worst = availability_days.worst(month, "server", 3)
    lines = [line for line, _ in availability_days.server_strips(days, worst, outages, "server", 1)]
    assert [line.below for line in lines] == ["2 outages", "0 outages", "0 outages"]
    assert [line.figure for line in lines] == ["50.00 %", "100.00 %", "–"]


def test_its_styles_are_worn() -> None:
    assert "availability" in theme.SHEETS
    assert theme.SHEETS[-1] == "phone"


def test_a_channel_says_when_it_is_expected_and_admins_may_change_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened("pages/live/channel.py", id="3")
    assert "Expected <b>Mon-Fri 06:00-23:00</b> on the clock of Europe/Berlin" in markup(app)
    assert "reports/channel?id=3&amp;month=" in markup(app)
    app.text_input(key="schedule-3").set_value("Mon 6-23")
    app.button(key="schedule-save-3").click().run()
    assert "want them like 06:00-23:00" in markup(app)
    stored: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "pages.parts.schedule.set_schedule", lambda engine, id, words, zone, by: stored.append((words, zone))
    )
    app.text_input(key="schedule-3").set_value("Mon 06:00-23:00")
    app.button(key="schedule-save-3").click().run()
    assert stored == [("Mon 06:00-23:00", "Europe/Berlin")]
    assert "want them like" not in markup(app)


def test_response_times_stand_beside_the_month_before_from_its_beginning_on() -> None:
    at = pd.to_datetime(["2026-11-01T00:00Z", "2026-11-01T01:00Z", "2026-11-01T02:00Z"], utc=True)
    former = pd.to_datetime(["2026-10-01T01:00Z", "2026-10-01T05:00Z"], utc=True)
    now = pd.DataFrame({"at": at, "mean": [0.1, 0.2, 0.3]})
    before = pd.DataFrame({"at": former, "mean": [0.5, 0.6]})
    found = availability_rows.beside(now, before, timedelta(days=31))
    assert found["before"].fillna(-1).tolist() == [-1, 0.5, -1]
    assert found["mean"].tolist() == [0.1, 0.2, 0.3]
