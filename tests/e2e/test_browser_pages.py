"""Every page, in every state, size and theme: what it says, what it asks for, and whether it can be read and hit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.e2e import measures
from tests.e2e.running import Site
from tests.e2e.visit import SIZES, Visit, visiting
from tests.fake_live import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@dataclass(frozen=True)
class Case:
    """A page to look at; path: below the site's address."""

    state: str
    theme: str
    size: str
    name: str
    path: str

    def __str__(self) -> str:
        return f"{self.name}-{self.state}-{self.size}-{self.theme}"


PAGES = {
    "overview": "",
    "channels": "channels",
    "channel": "channel?id=1",
    "server": "server?name=edge-fra-1",
    "server-nginx": "server?name=edge-web-1",
    "fleet": "fleet",
    "fleet-edit": "fleet?edit=edge-fra-1",
    "working": "server?name=origin-1&working=sent",
    "system": "system",
}
# Months read differ little between states: with figures, without any, with old ones, and with the names of strangers.
HISTORY = {name: name for name in ("bandwidth", "audience", "availability", "billing")}
# The server that shows most of what is special about a state.
SPECIAL = {
    "calm": "edge-fra-1",
    "problems": "edge-fra-2",
    "blind": "edge-fra-2",
    "away": "edge-fra-2",
    "many": "edge-0004",
    "hostile": HOSTILE[0],
}


def cases() -> Iterator[Case]:
    """All of them, state by state: a change of state takes seconds."""
    for state in ("calm", "empty"):
        for size in SIZES:
            yield from (Case(state, "light", size, name, path) for name, path in PAGES.items())
            yield Case(state, "dark", size, "fleet", "fleet")
    for size in SIZES:
        for state, theme in (("calm", "light"), ("empty", "light"), ("away", "dark")):
            yield from (Case(state, theme, size, name, path) for name, path in HISTORY.items())
    yield from (Case("hostile", "dark", "phone", name, name) for name in ("availability", "billing"))
    for state, server in SPECIAL.items():
        for size in SIZES:
            yield Case(state, "dark", size, "overview", "")
            yield Case(state, "dark", size, "channels", "channels")
            yield Case(state, "dark", size, "server", f"server?name={quote(server)}")
            yield Case(state, "dark", size, "working", f"server?name={quote(server)}&working=sent")
            yield Case(state, "dark", size, "system", "system")
    for size in SIZES:
        yield Case("problems", "light", size, "overview", "")
        yield Case("problems", "light", size, "fleet", "fleet")
        yield from (Case("off_air", "light", size, name, path) for name, path in list(PAGES.items())[:3])
        yield from (Case(state, "dark", size, "channel", "channel?id=1") for state in ("off_air", "many", "hostile"))


ALL = sorted(cases(), key=lambda case: [*SPECIAL, "off_air", "empty"].index(case.state))


@pytest.fixture(scope="module", params=ALL, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    """What is looked at."""
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def windows(browser: Browser) -> Iterator[dict[tuple[str, str], Visit]]:
    """A window of each size and theme. They are used again and again: a cold start costs seconds."""
    with ExitStack() as opened:
        yield {
            (size, theme): opened.enter_context(visiting(browser, size, theme))
            for size in SIZES
            for theme in ("light", "dark")
        }


@pytest.fixture(scope="module")
def visit(windows: dict[tuple[str, str], Visit], site: Site, case: Case) -> Visit:
    """The page of `case`, open."""
    site.show(case.state)
    window = windows[case.size, case.theme]
    window.go(site.url + case.path)
    window.picture(str(case))
    return window


def test_a_page_begins_with_its_first_line(visit: Visit) -> None:
    assert visit.first_line()
    assert visit.page.locator("h1").count() == 1
    assert not visit.page.get_by_text("Page not found").count()
    assert visit.broken() == []


def test_nothing_sticks_out_at_the_side(visit: Visit, case: Case) -> None:
    assert measures.overflow(visit.page) == [SIZES[case.size][0]] * 3


def test_a_thumb_hits_everything_on_a_phone(visit: Visit, case: Case) -> None:
    if case.size == "phone":
        assert measures.small_targets(visit.page) == []


def test_a_phone_shows_no_small_print(visit: Visit, case: Case) -> None:
    if case.size == "phone":
        assert measures.small_text(visit.page) == []


def test_axe_finds_nothing(visit: Visit) -> None:
    assert measures.axe(visit.page) == []


def test_nothing_is_asked_of_other_hosts_and_nobody_complains(visit: Visit) -> None:
    assert visit.strangers == []
    assert visit.complaints == []
    assert visit.dialogs == []
