"""The pages of channels, drawn through the frame over an invented fleet; and what the overview says of channels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
import streamlit as st
from sqlalchemy import Engine
from streamlit.testing.v1 import AppTest

import db.channels
import db.engine
from cdn.clock import utc_now
from cdn.model import Role
from collector.writer import Writer
from tests import fake_channels, fake_live
from tests.scene import INTERVAL, Scene
from tests.test_pages import Fleet, first_line, markup, opened, text
from ui import frames

CHANNELS, CHANNEL = "pages/live/channels.py", "pages/live/channel.py"
# The ids of tests/fake_channels.py count from one, in the order of its names.
ID = {name: str(place) for place, name in enumerate(fake_channels.NAMES + fake_channels.MORE, 1)}


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


def rows(app: AppTest) -> list[str]:
    """The rows of the page's table, as markup."""
    return re.findall(r"<tr[^>]*><th scope=\"row\".*?</tr>", markup(app), re.DOTALL)


def names(app: AppTest) -> list[str]:
    """The first cell of every row."""
    heads = re.findall(r"<th scope=\"row\"[^>]*><a[^>]*>(.*?)</a>", "".join(rows(app)), re.DOTALL)
    return [unescape(head) for head in heads]


def row_of(app: AppTest, name: str) -> str:
    return next(row for row in rows(app) if f">{name}</a>" in row)


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("calm", "14 channels on air"),
        ("one", "2 channels on air"),
        ("empty", "No channels yet"),
        ("waiting", "No channels yet"),
        ("all_down", "Of 14 channels nobody knows whether they are on air"),
        ("many", "3 channels are off air; 3 channels are frozen"),
        ("away", "The database does not answer"),
    ],
)
def test_the_first_line_says_whether_channels_are_as_they_should_be(fleet: Fleet, state: str, line: str) -> None:
    fleet.state = state
    assert first_line(opened(CHANNELS)) == line


def test_the_first_line_names_what_is_wrong_and_since_when(fleet: Fleet) -> None:
    fleet.state = "off_air"
    line = first_line(opened(CHANNELS))
    assert re.fullmatch(
        r"Nothing comes in for kids since [\d:–yesterday ]+;"
        r" sport-1 is off air since [\d:–yesterday ]+; movies is frozen on 2 servers",
        line,
    )


def test_a_silent_collector_is_told_and_no_channel_is_called_on_air(fleet: Fleet) -> None:
    fleet.state = "blind"
    app = opened(CHANNELS)
    assert first_line(app).startswith("We are blind since")
    assert "On air</span>" not in markup(app)
    assert markup(app).count("No data") == 14


def test_without_a_server_the_page_leads_to_the_form_that_adds_one(fleet: Fleet) -> None:
    fleet.state = "empty"
    assert 'href="fleet">Add the first server' in markup(opened(CHANNELS))


def test_channels_that_were_read_before_stay_and_are_grey_while_the_database_is_away(fleet: Fleet) -> None:
    app = opened(CHANNELS)
    fleet.state = "away"
    st.cache_data.clear()
    app.run()
    assert first_line(app) == "The database does not answer"
    assert "as of" in text(app)
    assert "sport-1" in names(app)


def test_the_list_begins_with_what_needs_a_look(fleet: Fleet) -> None:
    fleet.state = "off_air"
    shown = names(opened(CHANNELS))
    assert shown[:4] == ["kids", "sport-1", "movies", "nature"]
    assert shown[-1] == "weather"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"show": "Needs a look"}, ["kids", "sport-1", "movies"]),
        ({"show": "Off air"}, ["sport-1", "weather"]),
        ({"find": "CITY"}, ["city-tv"]),
        ({"find": "cdn.example"}, ["city-tv"]),
        ({"find": "event/"}, ["event/drama"]),
        ({"find": "sport 2"}, ["sport-2"]),
        ({"find": "sport", "show": "On air"}, ["sport-2"]),
    ],
)
def test_what_is_shown_is_asked_in_the_address(fleet: Fleet, query: dict[str, str], shown: list[str]) -> None:
    fleet.state = "off_air"
    assert names(opened(CHANNELS, **query)) == shown


def test_filters_that_fit_nothing_say_so(fleet: Fleet) -> None:
    shown = text(opened(CHANNELS, find="<b>no</b>"))
    assert "No channel fits these filters" in shown
    assert "14 channels are known; take a filter away." in shown


@pytest.mark.parametrize(("query", "count"), [({}, 50), ({"channels": "all"}, 400)])
def test_hundreds_of_channels_are_fifty_rows_until_all_are_asked_for(
    fleet: Fleet, query: dict[str, str], count: int
) -> None:
    fleet.state = "many"
    assert len(rows(opened(CHANNELS, **query))) == count


def test_on_a_phone_channels_that_are_fine_are_folded_and_those_that_are_not_stay(fleet: Fleet) -> None:
    shown = rows(opened(CHANNELS))
    assert [row.startswith('<tr class="folded"') for row in shown] == [False] * 10 + [True] * 4


def test_a_vhost_is_told_where_it_is_not_the_default_one(fleet: Fleet) -> None:
    app = opened(CHANNELS)
    assert "on cdn.example" in row_of(app, "city-tv")
    assert markup(app).count("on cdn.example") == 1
    assert "__defaultVhost__" not in markup(app)


def test_what_is_not_known_is_a_dash_and_not_zero(fleet: Fleet) -> None:
    fleet.state = "one"
    row = row_of(opened(CHANNELS), "news")
    assert row.count('title="not counted here">–') == 2  # what comes in, and pictures: no origin tells them
    assert "tells most of it" in row
    assert "<td" in row
    assert ">0<" not in row


def test_a_channel_that_began_before_anybody_looked_says_before(fleet: Fleet) -> None:
    app = opened(CHANNELS)
    assert re.search(r">before (yesterday )?\d\d:\d\d<", row_of(app, "news"))
    assert ">before" not in row_of(app, "movies")


def test_viewers_that_no_server_counts_are_said_quietly(fleet: Fleet) -> None:
    below = re.search(r'<p class="hl-b">(.*?)</p>', markup(opened(CHANNELS)))
    assert below
    assert re.search(r"viewers on 3 [\w ]+ edges are not counted here", below[1])


def test_a_channel_shows_every_server_that_carries_it_its_origin_first(fleet: Fleet) -> None:
    shown = names(opened(CHANNEL, id=ID["sport-1"]))
    assert shown[0] == "origin-1"
    assert len(shown) == 15


def test_a_frozen_channel_says_where_it_stands_still_and_for_how_long(fleet: Fleet) -> None:
    fleet.state = "off_air"
    app = opened(CHANNEL, id=ID["movies"])
    assert first_line(app).startswith("movies Frozen on 2 for 4 min")
    assert "It comes in, but stands still on 2 servers" in text(app)
    shown = rows(app)
    assert ["Frozen</span>" in row for row in shown[:4]] == [False, True, True, False]
    assert shown[0].count("On air</span>") == 1


def test_servers_wait_for_a_channel_that_nobody_publishes(fleet: Fleet) -> None:
    fleet.state = "off_air"
    app = opened(CHANNEL, id=ID["sport-1"])
    assert "2,800 viewers wait." in text(app)
    assert "nobody publishes it here" in rows(app)[0]
    assert "nothing comes in at the origin" in rows(app)[1]
    assert "Its publisher left, and nobody has published it since" in text(app)


def test_the_story_of_a_channel_tells_gaps_as_ranges(fleet: Fleet) -> None:
    shown = text(opened(CHANNEL, id=ID["kids"]))
    assert "Then off air for 4 to 6 min. Its server started again" in shown
    assert "Then off air for up to 30 s. The publisher came back over another connection" in shown
    assert "off air for 4 to 6 min in all" in shown


def test_the_story_tells_changes_of_the_format_and_restarts_of_the_origin_once_each(fleet: Fleet) -> None:
    shown = text(opened(CHANNEL, id=ID["kids"]))
    assert shown.count("Picture or sound changed") == 1
    assert "From 1280 × 720, H264 Main, AAC LC 44.1 kHz to 1920 × 1080" in shown
    assert shown.count("origin-1 started again") == 1
    assert "nan" not in shown


@pytest.mark.parametrize("id", ["999", "", "x", "1 OR 1", "<b>1</b>", "9" * 40, "-1", "1.0"])
def test_an_unknown_channel_is_a_clear_page(fleet: Fleet, id: str) -> None:
    assert first_line(opened(CHANNEL, id=id)) == ("No server lists this channel" if id else "Which channel?")


@pytest.mark.parametrize("page", [CHANNELS, CHANNEL])
def test_hostile_names_of_channels_stay_text(fleet: Fleet, page: str) -> None:
    fleet.state = "hostile"
    shown = markup(opened(page, **({"id": "1"} if page == CHANNEL else {})))
    assert "&lt;img src=x onerror=" in shown
    assert "<img src=x" not in shown
    assert not re.search(r"<[^>]*\son\w+=", re.sub(r'"[^"]*"', '""', shown))


def test_the_overview_leads_to_the_channels(fleet: Fleet) -> None:
    assert 'href="channels">All channels' in markup(opened())


def test_the_overview_begins_with_channels_where_the_servers_are_fine(fleet: Fleet) -> None:
    fleet.state = "off_air"
    app = opened()
    assert first_line(app).startswith("Nothing comes in for kids since")
    assert "All servers that are polled answer." in text(app)
    shown = text(app)
    assert "Nothing comes in for kids" in shown
    assert re.search(r"sport-1 is off airNobody publishes itsince [\d:–yesterday ]+ · 2,800 viewers wait", shown)
    # Of the 14 edges two stand still: their viewers are told, not all.
    assert re.search(r"movies is frozen on 2 servers.*4 min ago · 200 viewers on them", shown)


def test_the_overview_names_broken_channels_below_broken_servers(fleet: Fleet) -> None:
    fleet.state = "problems"
    app = opened()
    assert first_line(app) == "2 problems: edge-fra-2 is down, edge-par-1 sends no data"
    assert "3 channels need a look, too." in text(app)
    listed = re.findall(r'<li class="pr">.*?<a[^>]*>(.*?)</a>', markup(app), re.DOTALL)
    assert listed[:3] == ["edge-fra-2 is down", "edge-par-1 sends no data", "edge-waw-1 is nearly full"]
    assert listed[3:] == ["Nothing comes in for kids", "sport-1 is off air", "movies is frozen on 2 servers"]


def test_many_broken_channels_do_not_push_servers_off_the_overview(fleet: Fleet) -> None:
    fleet.state = "many"
    app = opened()
    listed = re.findall(r'<li class="pr">.*?<a[^>]*>(.*?)</a>', markup(app), re.DOTALL)
    assert (len(listed), sum(name.endswith("is down") for name in listed)) == (6, 3)
    assert 'href="channels?show=Needs+a+look">All 6 channels that need a look' in markup(app)


def test_a_silent_collector_calls_no_channel_broken(fleet: Fleet) -> None:
    fleet.state = "blind"
    assert "channel" not in "".join(re.findall(r'<li class="pr">.*?</li>', markup(opened()), re.DOTALL))


@pytest.fixture
def scene(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A real database: an origin and an edge carried news until a moment ago; its publisher left, viewers stayed."""
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    made = Scene(engine, at=utc_now() - timedelta(seconds=5 * INTERVAL))
    made.add("origin", Role.ORIGIN, "10.0.0.1")
    made.add("edge", Role.EDGE, "10.0.0.2")
    made.copy("origin").publisher = "studio-1"
    made.copy("edge").clients = 12
    writer = Writer(engine, "c")
    for number in range(5):
        made.wait()
        if number == 3:
            made.copy("origin").publishing = False
        if made.copy("origin").publishing:
            made.copy("origin").ingress += 1_000_000
            made.copy("edge").egress += 10_000_000
        writer.write([made.poll(name) for name in made.ids])
    return made


def test_a_channel_whose_publisher_left_is_told_by_every_page_over_a_real_database(scene: Scene) -> None:
    found = db.channels.channels(scene.engine, utc_now(), INTERVAL)
    assert first_line(opened(CHANNELS)).startswith("news is off air since")
    assert first_line(opened()).startswith("news is off air since")
    app = opened(CHANNEL, id=str(found["id"].iloc[0]))
    assert first_line(app).startswith("news Off air since")
    assert "12 viewers wait." in text(app)
    assert "Its publisher left, and nobody has published it since" in text(app)


def test_invented_channels_look_like_stored_ones(scene: Scene) -> None:
    now = utc_now()
    invented = fake_live.fleet("calm", now)
    since = now - timedelta(hours=24)
    id = int(db.channels.channels(scene.engine, now, INTERVAL)["id"].iloc[0])
    pairs = [
        (db.channels.channels(scene.engine, now, INTERVAL), fake_channels.channels("calm", now, invented, ())),
        (db.channels.copies(scene.engine, now, INTERVAL, id), fake_channels.copies("calm", now, invented, (), 1)),
        (
            db.channels.publications(scene.engine, now, since=since),
            fake_channels.publications("calm", now, invented, (), since=since),
        ),
        (
            db.channels.events(scene.engine, now, since=since),
            fake_channels.events("calm", now, invented, (), since=since),
        ),
    ]
    for real, fake in pairs:
        assert list(real.columns) == list(fake.columns)
        same = [name for name in real.columns if real[name].dtype != "object" and len(real)]
        assert {name: str(real[name].dtype) for name in same} == {name: str(fake[name].dtype) for name in same}
