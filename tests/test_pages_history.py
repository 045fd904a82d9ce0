"""The pages of the past: what they say in every state, what an address may ask, and that their numbers are right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from sqlalchemy import Engine

import db.engine
from cdn.clock import utc_now
from db.asked import By, Flow, Only
from db.steps import Steps, floor, steps
from tests import fake_history, fake_live, rolled_rows
from tests.test_pages import Fleet, first_line, markup, opened, text
from ui import bandwidth, frames, history_figures, period, questions
from ui import history as words
from ui.html import Html, fill

BANDWIDTH, AUDIENCE = "pages/history/bandwidth.py", "pages/history/audience.py"
BOTH = (BANDWIDTH, AUDIENCE)


@pytest.fixture(autouse=True)
def _nothing_read() -> Iterator[None]:
    frames.forget()
    yield
    frames.forget()


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet("calm")
    fake_live.install(lambda: made.state, monkeypatch.setattr)
    return made


@pytest.mark.parametrize("state", ["calm", "many", "hostile", "empty", "away"])
@pytest.mark.parametrize("page", BOTH)
def test_a_page_of_the_past_is_drawn_in_every_state(fleet: Fleet, page: str, state: str) -> None:
    fleet.state = state
    app = opened(page)
    line = first_line(app)
    if state == "away":
        assert line == "The past cannot be read"
        assert "does not answer" in text(app)
    elif state == "empty":
        assert line == "Last 7 days: nobody knows"
        assert "in this time" in text(app)
    else:
        assert line.startswith("Last 7 days: ")
        assert "than the week before" in line or "the same as the week before" in line


@pytest.mark.parametrize("page", BOTH)
def test_hostile_names_stay_text(fleet: Fleet, page: str) -> None:
    fleet.state = "hostile"
    for by in ("Region", "Server", "Channel"):
        assert "<img src=x" not in markup(opened(page, by=by))


def test_the_address_holds_the_question(fleet: Fleet) -> None:
    app = opened(BANDWIDTH, by="Server", flow="Traffic out", time="90 days", compare="Year before", only="Region: Asia")
    shown = text(app)
    assert first_line(app).startswith("Last 90 days: ")
    assert "than the year before" in first_line(app)
    assert "Traffic out by server" in shown
    assert "All others" in shown  # five servers and the rest
    assert "points of 2 hours, mean" in shown
    assert app.multiselect(key="only").value == ["Region: Asia"]
    plain = opened(BANDWIDTH, time="never", by="planet")
    assert (plain.selectbox(key="by").value, first_line(plain)[:11]) == ("Region", "Last 7 days")


def test_nothing_to_compare_with_is_nothing(fleet: Fleet) -> None:
    app = opened(BANDWIDTH, compare="Nothing")
    assert first_line(app).endswith("on average")
    assert "before" not in text(app)


def test_days_may_be_chosen(fleet: Fleet) -> None:
    app = opened(BANDWIDTH, time="Choose…")
    today = app.date_input(key="to").value
    assert isinstance(app.date_input(key="from").value, type(today))
    assert " to " in first_line(app).split(":")[0]


def test_what_nobody_counts_is_said(fleet: Fleet) -> None:
    app = opened(BANDWIDTH, by="Channel", flow="Traffic in")
    assert first_line(app) == "Nobody counts that"
    assert "only what edges sent of it is counted" in text(app)


def fill_two_regions(engine: Engine) -> None:
    """Two regions of a real database, a day of five minutes at a rate each."""
    end = floor(utc_now(), 300)
    rows = []
    for name, region, bps in (("edge-1", "West", 8_000_000), ("edge-2", "East", 4_000_000)):
        server = rolled_rows.server(engine, name, since=end - timedelta(days=1), region=region)
        for number in range(1, 289):
            sent = {"delivered_bytes": bps * 300 // 8, "egress_bytes": bps * 300 // 8, "viewer_seconds": 300.0 * 40}
            rows.append(rolled_rows.traffic_row(server, end - timedelta(minutes=5 * number), **sent))
    rolled_rows.write(engine, "traffic_5m", rows)
    rolled_rows.roll_up(engine, end - timedelta(days=1, hours=1), end)


@pytest.fixture
def filled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    fill_two_regions(engine)
    return engine


def test_the_numbers_of_a_real_database_add_up(filled: Engine) -> None:
    app = opened(BANDWIDTH, time="24 hours")
    assert first_line(app) == "Last 24 hours: 12.0 Mbit/s on average"
    shown = text(app)
    assert "129.6 GB in all. 100.00 % of the time was seen." in shown
    assert "West 8.0" in shown
    assert "66.7 %" in shown
    assert "points of 5 minutes, mean" in shown
    watched = opened(AUDIENCE, time="24 hours")
    assert first_line(watched) == "Last 24 hours: 80 viewers on average"
    assert "1,920 viewer-hours in all" in text(watched)


def test_a_filter_takes_any_of_several_and_tells_two_of_one_name_apart() -> None:
    found = pd.DataFrame(
        [("region", 0, "West"), ("region", 0, ""), ("servers", 3, "edge"), ("servers", 9, "edge"), ("kind", 0, "srs")],
        columns=["dimension", "id", "name"],
    )
    offered = questions.choices(found)
    assert list(offered) == [
        "Region: West",
        "Region: No region",
        "Kind: SRS",
        "Server: edge (number 3)",
        "Server: edge (number 9)",
    ]
    chosen = ["Region: West", "Region: No region", "Server: edge (number 9)", "Region: Mars"]
    assert questions.only_of(chosen, offered) == Only(region=("West", ""), servers=(9,))


BERLIN = ZoneInfo("Europe/Berlin")


def drawn(start: datetime, hours: int, missing: tuple[int, ...] = ()) -> Any:
    over = steps(start, start + timedelta(hours=hours), fine=timedelta(0))
    times = [at for number, at in enumerate(over.times) if number not in missing]
    series = pd.DataFrame({"at": pd.to_datetime(times, utc=True), "place": 0, "value": 3e9})
    return history_figures.over_time(
        series, "value", {0: "<b>West"}, over, 1e9, BERLIN, 300, unit="Gbit/s", ghost=(series, over, "before")
    )


def test_a_line_is_broken_where_nobody_saw_and_where_the_clock_jumps() -> None:
    figure = drawn(datetime(2026, 3, 28, 12, tzinfo=UTC), 24, missing=(3,))
    own = [trace for trace in figure.data if trace.line.dash is None]
    assert [(trace.x0[:16], len(trace.y)) for trace in own] == [
        ("2026-03-28 13:00", 3),
        ("2026-03-28 17:00", 9),  # until the clocks go from two to three
        ("2026-03-29 03:00", 11),
    ]
    assert {trace.name for trace in own} == {"&lt;b&gt;West"}
    assert own[0].y[0] == 3.0
    assert "Gbit/s" in own[0].hovertemplate
    assert figure.layout.xaxis.range == ("2026-03-28 13:00:00.000", "2026-03-29 14:00:00.000")


def test_markers_stand_at_their_time_and_as_far_as_the_window_goes() -> None:
    over = steps(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
    found = fake_history.markers(over.start, over.end, ("<i>x</i>", "y", "z"))
    found.loc[0, "until"] = over.end + timedelta(days=3)
    series = fake_history.traffic(("",), over, By.TOTAL, 1)
    figure = history_figures.over_time(
        series, "bps", {0: "all"}, over, 1e9, BERLIN, 300, unit="Gbit/s", markers=found.head(1)
    )
    band, line = figure.layout.shapes
    assert (band.x0, band.x1) == ("2026-03-01 17:48:00.000", "2026-03-02 01:00:00.000")
    assert line.x0 == line.x1 == band.x0
    assert figure.layout.annotations[0].hovertext == "&lt;i&gt;x&lt;/i&gt;"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(300, "5 minutes"), (3_600, "an hour"), (7_200, "2 hours"), (86_400, "a day"), (604_800, "7 days")],
)
def test_steps_are_said_in_words(seconds: float, said: str) -> None:
    assert words.span_words(seconds) == said


def test_chosen_days_are_those_of_the_viewer_and_end_with_what_is_known() -> None:
    day = datetime(2026, 3, 29, tzinfo=BERLIN).date()
    ends = datetime(2026, 3, 30, 12, tzinfo=UTC)
    start, end = period.of_days(day, day, ends, BERLIN)
    assert (end - start) == timedelta(hours=23)
    assert period.of_days(day, day + timedelta(days=3), ends, BERLIN)[1] == ends
    assert period.spoken_days(day, day) == "29 Mar 2026"
    assert period.spoken_days(day - timedelta(days=100), day) == "19 Dec 2025 to 29 Mar 2026"


def test_change_is_a_dash_where_there_is_nothing_to_compare_with() -> None:
    assert [words.change(*each) for each in ((104.2, 100), (97, 100), (100.01, 100), (5, 0), (5, None), (None, 5))] == [
        "+4.2 %",
        "−3.0 %",
        "same",
        "–",
        "–",
        "–",
    ]


@pytest.mark.parametrize("by", ["Region", "Channel"])
def test_the_days_add_up_to_what_was_transferred(filled: Engine, by: str) -> None:
    over = steps(floor(utc_now(), 300) - timedelta(days=1), floor(utc_now(), 300))
    asked = bandwidth.Question(Flow.DELIVERED, By(by.lower()), Only(), _period(over))
    told = bandwidth.answer(asked, BERLIN)
    assert int(told.days.found["bytes"].sum()) == int(told.series["bytes"].sum())


def _period(over: Steps) -> period.Period:
    return period.Period(over.start, over.end, "", None, "")


def test_what_channels_took_in_is_told_of_short_times_and_what_longer_ones_lack_is_said(fleet: Fleet) -> None:
    short, long = (text(opened(BANDWIDTH, time=words_)) for words_ in ("7 days", "30 days"))
    assert "1 − what edges took in of the channel ÷ what they sent of it" in short
    assert "Not told of so long a time" not in short
    assert "Not told of so long a time" in long
    assert "of 7 days at most: choose a shorter time" in long


@pytest.mark.parametrize("page", BOTH)
def test_while_an_answer_is_on_the_way_the_page_says_so_and_then_no_more(
    fleet: Fleet, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[list[tuple[int, ...]]] = []

    def bones(rows: Iterable[tuple[int, ...]]) -> Html:
        waited.append(list(rows))
        return fill("<i></i>")

    monkeypatch.setattr("ui.waiting.bones", bones)
    assert 'class="waiting"' not in markup(opened(page))
    assert [rows[0] for rows in waited] == [(5, 2)]
    fleet.state = "away"
    frames.forget()
    assert 'class="waiting"' not in markup(opened(page))
    assert len(waited) == 2
