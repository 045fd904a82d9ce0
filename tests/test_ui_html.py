"""Hostile names on the screen: every part shows them letter by letter, and none of them becomes markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pandas as pd
import pytest

from tests import fake_live
from ui import cards, fleet, form, happened, links, notices, overview, server, tables, verdict
from ui.headline import facts, live, since
from ui.html import Html, code, esc, fill, hidden, icon, join, markdown, plain
from ui.numbers import MEGABIT
from ui.status import Look, chip
from ui.tiles import Region, Tile, tiles
from ui.timeline import Moment, timeline

NOW = datetime(2026, 11, 24, 20, 4, 30, tzinfo=UTC)
FLEET = fake_live.fleet("all_down", NOW).head(1)
SUMMARY = fake_live.summary("all_down", NOW)
ATTACKS = (
    *fake_live.HOSTILE,
    "<script>alert(1)</script>",
    "</style></td></tr></table><h1>",
    '" onmouseover="alert(1)',
    "javascript:alert(1)",
    "&lt;b&gt;&amp;",
    "{text} {name} {0} {} %s %(x)s $x ${x}",
    "a\nb\tc\x00d\x1b[31m",
    "‮gpj.exe‬⁦x⁩",
    "<!-- <![CDATA[ <?php ?>",
    "\\g<0> \\1",
    "`code` **bold** [a](http://evil.example) :red[x] $y$",
    "​​",
    "/../../etc/passwd?x=1&y=2#z",
)


class Skeleton(HTMLParser):
    """Tags and names of attributes of some markup, and apart from them all its text and values."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, ...]] = []
        self.words: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.words += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}",))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment",))

    def handle_decl(self, decl: str) -> None:
        self.tags.append(("declaration",))

    def unknown_decl(self, data: str) -> None:
        self.tags.append(("declaration",))

    def handle_pi(self, data: str) -> None:
        self.tags.append(("instruction",))


def one(name: str) -> pd.DataFrame:
    """A fleet of one server, everything about which is called `name`."""
    return FLEET.assign(name=name, region=name, provider=name, software=name, detail=name)


def row_of(name: str) -> object:
    return next(one(name).itertuples())


def stream(name: str) -> pd.DataFrame:
    found = fake_live.server_streams("calm", NOW, 1).head(2)
    return found.assign(name=name, app=name, vhost=name, video=name, audio=name)


def change(name: str) -> pd.DataFrame:
    return fake_live.state_changes("all_down", NOW, 1).assign(detail=name, reason=name)


def in_a_table(cells: list[object]) -> Html:
    columns = [tables.Column(f"column {place}") for place in range(len(cells))]
    return tables.table("caption", columns, [tables.Row(cells)])


EVENTS = pd.DataFrame(columns=["at", "after", "kind", "server_id", "vhost", "app", "name", "before", "now"])

PARTS: dict[str, Callable[[str], Html]] = {
    "text": esc,
    "attribute": lambda name: fill('<p title="{name}"></p>', name=name),
    "joined": lambda name: join([name, name], ", "),
    "icon": lambda name: icon(name, name),
    "code": code,
    "hidden": hidden,
    "link": lambda name: links.link(links.server(name), name),
    "edit": lambda name: links.link(links.edit(name), name, name),
    "all servers": lambda name: links.link(links.overview(servers="all", refresh=name), name),
    "chip": lambda name: chip(Look(name, name, name), name),
    "head of a card": lambda name: cards.card_head(name, name),
    "kpis": lambda name: cards.kpis([cards.Kpi(name, name, name, fill("{n}", n=name), name, [1, 2])]),
    "problems": lambda name: cards.problems([cards.Problem(name, name, esc(name), esc(name), esc(name))], 3),
    "legend": lambda name: cards.legend([("s0", name, name)]),
    "figure now": lambda name: cards.figure_now(name, name, name),
    "table": lambda name: tables.table(
        name, [tables.Column(name), tables.Column(name, True)], [tables.Row([name] * 2)]
    ),
    "cell": lambda name: tables.cell(name, name),
    "unknown": tables.unknown,
    "two lines": lambda name: tables.under(name, name),
    "tiles": lambda name: tiles([Region(name, name, [Tile(name, "down", 0.5), Tile(name, "fine", 0.5)])]),
    "timeline": lambda name: timeline([Moment(name, name, name, name, name, name)]),
    "notice": lambda name: notices.notice("bad", name, name, name),
    "empty": lambda name: notices.empty(name, name, name, name),
    "steps": lambda name: notices.steps([(name, name)]),
    "paragraphs": lambda name: notices.paragraphs(name, name),
    "facts": lambda name: facts([(name, name)]),
    "found": lambda name: form.found([(name, name)]),
    "verdict": lambda name: verdict.verdict(one(name), SUMMARY, NOW, UTC).title,
    "problem": lambda name: cards.problems([verdict.problem(row_of(name), NOW, UTC)]),
    "cut off": lambda name: verdict.cut_off(name, NOW, NOW, UTC)[1],
    "blind": lambda name: verdict.blind(fake_live.freshness("blind", NOW).assign(last_collector=name), NOW, UTC)[1],
    "server": lambda name: join([(line := server.headline(row_of(name), NOW, UTC)).title, line.below]),
    "streams": lambda name: tables.table(
        "streams", server.stream_columns("edge"), server.stream_rows(stream(name), "edge", NOW, UTC, known=True)
    ),
    "changes": lambda name: timeline(happened.moments(change(name), EVENTS, None, NOW, UTC)),
    "overview": lambda name: in_a_table(overview.cells(row_of(name), MEGABIT, NOW, UTC)),
    "regions": lambda name: tiles(overview.regions(one(name).assign(role="edge"))),
    "fleet": lambda name: in_a_table(fleet.cells(row_of(name))),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_hostile_name_never_becomes_markup(part: str) -> None:
    harmless = Skeleton(PARTS[part]("edge1"))
    for attack in ATTACKS:
        hostile = Skeleton(PARTS[part](attack))
        assert hostile.tags == harmless.tags
        # Once on the way into the page, never twice: the name is read as it was written.
        assert any(plain(attack) in words for words in hostile.words)


@pytest.mark.parametrize("part", ["link", "edit", "all servers", "tiles", "fleet", "overview"])
def test_addresses_stay_inside_the_program(part: str) -> None:
    for attack in ATTACKS:
        for address in re.findall(r'href="([^"]*)"', PARTS[part](attack)):
            assert re.fullmatch(r"(server|fleet|\./)\?(name|edit|servers=all&amp;refresh)=[\w%+.~*-]+", address)


def test_markup_is_not_escaped_twice() -> None:
    inner = fill("<b>{x}</b>", x="<")
    assert fill("<p>{inner}</p>", inner=inner) == "<p><b>&lt;</b></p>"
    assert esc(esc("&")) == "&amp;"


def test_characters_that_turn_or_hide_text_are_replaced() -> None:
    assert esc("edge‮gpj.exe") == "edge�gpj.exe"
    assert esc("a\x00b") == "a�b"
    assert esc("北京 🛰") == "北京 🛰"


def test_markdown_is_shown_letter_by_letter() -> None:
    assert markdown("a **b** [c](d) :red[e] <f> `g`") == r"a \*\*b\*\* \[c\]\(d\) \:red\[e\] \<f\> \`g\`"
    assert markdown("北京 edge 1") == "北京 edge 1"


def test_ages_tick_from_the_moment_itself() -> None:
    at = NOW - timedelta(seconds=12)
    assert since(at, NOW, UTC) == (
        f'<span data-since="{int(at.timestamp())}" title="24 Nov 2026 20:04:18 UTC">12 s</span>'
    )
    assert since(None, NOW, UTC) == "–"


@pytest.mark.parametrize(
    ("at", "silent", "words"),
    [(None, False, "No poll yet"), (NOW, False, "Live · last poll"), (NOW, True, "Not live · last poll")],
)
def test_the_corner_says_whether_the_page_is_live(at: datetime | None, silent: bool, words: str) -> None:
    assert words in live(at, NOW, UTC, silent=silent)
