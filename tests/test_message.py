"""What a notification says: the same in subject, text and HTML, whatever the names in it are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.message import Severity, State, Told, duration, subject, web_link, written

SINCE = datetime(2026, 11, 24, 19, 52, 4, tzinfo=UTC)
DOWN = Told(
    id="7",
    state="firing",
    severity="critical",
    headline="edge-fra-1 is down",
    brand="CDN monitor",
    sentence="No answer for 3 checks in a row.",
    facts=(("What we saw", "no answer within 5 s"),),
    since=SINCE,
    zone="Europe/Berlin",
    channels=1,
    viewers=1520,
    what_to_do="Look whether it answers to ping.\nElse call the provider.",
    runbook="https://wiki.example/down",
    link="https://monitor.example/incident?id=4&x=1",
    acknowledge="https://monitor.example/acknowledge?t=abc",
    change="https://monitor.example/contacts",
    why="You get this because you are a contact for critical alerts.",
)


class Read(HTMLParser):
    """What an HTML document shows, where its links lead, and what else it would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.shown = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.fetched += [value or "" for name, value in attrs if name in ("src", "background", "srcset")]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.shown += data


@pytest.mark.parametrize(
    ("state", "severity", "wanted"),
    [
        ("firing", "critical", "[FIRING critical] edge-fra-1 is down"),
        ("firing", "info", "[FIRING note] edge-fra-1 is down"),
        ("resolved", "warning", "[RESOLVED warning] edge-fra-1 is down"),
        ("both", "critical", "[FIRING AND RESOLVED critical] edge-fra-1 is down"),
        ("test", "critical", "[TEST] edge-fra-1 is down"),
    ],
)
def test_the_subject_says_state_severity_and_what(state: State, severity: Severity, wanted: str) -> None:
    assert subject(replace(DOWN, state=state, severity=severity)) == wanted


def test_a_group_says_how_many_more_there_are() -> None:
    told = replace(DOWN, others=tuple(f"edge-{number} is down" for number in range(15)), more=1000)
    letter = written(told)
    assert letter.subject == "[FIRING critical] edge-fra-1 is down and 1,015 more"
    for shown in (letter.text, Read(letter.html).shown):
        assert "edge-9 is down" in shown
        assert "edge-10 is down" not in shown
        assert "and 1,005 more" in shown


def test_text_and_html_say_the_same() -> None:
    letter = written(DOWN)
    read = Read(letter.html)
    said = (
        *("Open problem · critical", "✕", "edge-fra-1 is down", "No answer for 3 checks in a row."),
        *("24 Nov 2026, 20:52:04 (Europe/Berlin)", "1 channel, 1,520 viewers", "What we saw", "no answer within 5 s"),
        *("Look whether it answers to ping.", "Else call the provider.", "because you are a contact", "CDN monitor"),
    )
    for each in said:
        assert each in letter.text
        assert each in read.shown
    for link in (DOWN.link, DOWN.acknowledge, DOWN.change, DOWN.runbook):
        assert link in letter.text
        assert link in read.links


def test_what_nobody_knows_is_said_and_not_zero() -> None:
    assert "Touches: 12 channels, viewers not known\n" in written(replace(DOWN, channels=12, viewers=None)).text
    assert "Touches: not known\n" in written(replace(DOWN, channels=None, viewers=None)).text
    assert "0 channels, 0 viewers, 90 viewer minutes" in written(replace(DOWN, channels=0, viewers=0, minutes=90)).text


def test_what_is_over_says_how_long_it_took_and_wants_nobody() -> None:
    told = replace(DOWN, state="resolved", until=datetime(2026, 11, 24, 22, 2, 4, tzinfo=UTC))
    letter = written(told)
    assert "Over · critical" in letter.text
    assert "Until: 24 Nov 2026, 23:02:04 (Europe/Berlin), after 2 h 10 min" in letter.text
    assert "cknowledge" not in letter.text + letter.html


def test_nothing_is_fetched_to_show_it_and_the_ground_stays_white() -> None:
    html = written(DOWN).html
    assert Read(html).fetched == []
    assert "url(" not in html
    assert 'content="light only"' in html
    assert 'body bgcolor="#ffffff"' in html


@pytest.mark.parametrize(("colour", "on"), [("#1d63d8", "#ffffff"), ("#ffee00", "#17202c"), ("red;x:y", "#ffffff")])
def test_the_button_can_be_read_on_any_brand(colour: str, on: str) -> None:
    html = written(replace(DOWN, colour=colour)).html
    assert f"color:{on};font-size:16px;line-height:22px;font-weight:600" in html
    assert "red;x" not in html


def test_a_zone_nobody_knows_is_told_as_utc() -> None:
    assert "Since: 24 Nov 2026, 19:52:04 (UTC)" in written(replace(DOWN, zone="../etc/passwd")).text


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "https://", "http://[::1", "https://x/ y", "https://x/\n", 'https://x/"', "ftp://x/", "x"],
)
def test_what_is_no_web_address_becomes_no_link(url: str) -> None:
    assert web_link(url) == ""
    assert url not in Read(written(replace(DOWN, link=url, runbook=url, acknowledge=url, change=url)).html).links


@given(st.text(max_size=400))
def test_no_name_changes_the_structure(name: str) -> None:
    told = replace(
        DOWN, headline=name, sentence=name, facts=((name, name),), brand=name, why=name, what_to_do="x", others=(name,)
    )
    letter = written(told)
    plain_tags = Read(written(replace(told, headline="h", sentence="s", facts=(("a", "b"),), others=("o",))).html).tags
    assert len(letter.subject.splitlines()) == 1
    assert len(letter.subject) < 220
    # A name of blanks alone is no sentence and no reason.
    if name.split():
        assert Read(letter.html).tags == plain_tags
    letter.text.encode()


def test_a_flood_of_facts_is_cut_and_says_so() -> None:
    letter = written(replace(DOWN, facts=tuple((f"Fact {number}", "x" * 5_000) for number in range(500))))
    assert "Further facts: 480, not shown here" in letter.text
    assert len(letter.html) < 50_000


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-3, "0 s"), (4, "4 s"), (61, "1 min"), (7_200, "2 h"), (7_800, "2 h 10 min"), (300_000, "3 days")],
)
def test_a_length_of_time_is_said_as_people_do(seconds: float, said: str) -> None:
    assert duration(seconds) == said
