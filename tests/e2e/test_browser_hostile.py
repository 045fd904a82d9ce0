"""Names are shown, and never run: those that servers give themselves, and all that people type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from sqlalchemy import Engine, text

from cdn.settings import settings
from launch.__main__ import first_run
from tests.e2e.running import Site, free_port, running
from tests.e2e.visit import SIZES, Visit, visiting
from tests.fake_live import HOSTILE
from tests.hostile_fleet import LOUD, PASSWORD, Hostile, hostile, typed

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The names would set the title, or read `y`.
TRAP = """window.caught = [];
Object.defineProperty(window, 'y', { get() { window.caught.push('y'); } });"""


@pytest.fixture(scope="module")
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """A window with traps."""
    site.show("hostile")
    with visiting(browser, before=TRAP) as opened:
        yield opened


NAMED = [f"server?name={quote(name)}" for name in HOSTILE]


@pytest.mark.parametrize("path", ["", "fleet", "system", *NAMED, f"{NAMED[0]}&working=sent"])
def test_a_name_is_shown_and_never_run(site: Site, visit: Visit, path: str) -> None:
    visit.go(site.url + path)
    for link in visit.page.locator(".stHtml a:visible").all()[:30]:
        link.dispatch_event("mouseover")
    assert visit.page.evaluate("() => window.caught") == []
    assert visit.page.locator(".stHtml img:not(.spark), .stHtml [onmouseover], .stHtml [onerror]").count() == 0
    assert visit.page.title().endswith(settings().brand_name)
    assert (visit.dialogs, visit.strangers, visit.broken()) == ([], [], [])
    if path.startswith("server"):
        # The state beside the name: the server was found by it.
        assert visit.page.locator(".hl h1 .chip").count() == 1


@pytest.fixture
def fleet(browser: Browser, engine: Engine) -> Iterator[Hostile]:
    """A fleet in a database of its own, everything in which has a hostile name."""
    with hostile(engine) as made:
        yield made


@pytest.fixture
def url(fleet: Hostile, database_url: str, tmp_path: Path) -> Iterator[str]:
    """The program over it."""
    port = free_port()
    command = ["-m", "streamlit", "run", "dashboard.py", f"--server.port={port}", "--logger.hideWelcomeMessage=true"]
    with running(command, port, tmp_path / "log", DATABASE_URL=database_url):
        assert first_run(port)
        yield f"http://127.0.0.1:{port}/"


# Whatever a name tried: what it ran, what it put into the page, and how far the page can be pushed sideways.
DONE = """() => ({
  ran: window.__pwned ?? null,
  made: [...document.querySelectorAll('.pwned, .stApp iframe, .stApp base, .stHtml script, .stHtml svg, svg a')]
    .map((each) => each.outerHTML.slice(0, 200)),
  leads: [...document.querySelectorAll('a[href], [src], form')]
    .map((each) => each.href?.baseVal ?? each.href ?? each.src ?? each.action)
    .filter((address) => address && !/^(data:image|blob:)/.test(address) && new URL(address).host !== location.host),
  width: Math.max(document.documentElement.scrollWidth,
    document.querySelector('[data-testid=stMain]')?.scrollWidth ?? 0),
})"""


def unharmed(visit: Visit, size: str) -> None:
    """Nothing but text came out of any name on the page."""
    done = visit.page.evaluate(DONE)
    width = SIZES[size][0]
    assert {**done, "width": max(width, done["width"])} == {"ran": None, "made": [], "leads": [], "width": width}, (
        visit.page.url
    )
    assert (visit.dialogs, visit.strangers, visit.broken()) == ([], [], []), visit.page.url
    assert visit.page.title().endswith(settings().brand_name)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("size", SIZES)
def test_everything_with_a_hostile_name_is_shown_and_nothing_of_it_runs(
    browser: Browser, fleet: Hostile, url: str, size: str
) -> None:
    names = list(typed().values())
    with fleet.engine.connect() as connection:
        channels = list(connection.execute(text("SELECT id FROM channel ORDER BY id")).scalars())
    with visiting(browser, size) as visit:
        visit.page.goto(f"{url}sign-in?next={quote(names[1])}")
        unharmed(visit, size)
        visit.page.fill("#name", names[0])
        visit.page.fill("#password", PASSWORD)
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_selector(".hl h1")
        visit.page.goto(f"{url}account")
        unharmed(visit, size)
        for path in (
            *("", "?servers=all", "channels?channels=all", "fleet", "system", "access", "access?view=Tokens"),
            *("access?view=Changes", f"fleet?edit={quote(names[4])}", f"access?person={quote(names[1])}"),
            *(f"channel?id={id}" for id in channels[:: len(channels) // 4]),
            *(f"server?name={quote(name, safe='')}" for name in names[:: 4 if size == "phone" else 16]),
        ):
            visit.go(url + path)
            unharmed(visit, size)
            if path == "?servers=all":
                shown = visit.page.locator(".stApp").inner_text()
                assert [name for name in names if "\u0301" not in name and " ".join(name.split()) not in shown] == []


@pytest.mark.timeout(120)
def test_a_chart_shows_the_names_of_its_lines_as_text(browser: Browser, url: str) -> None:
    with visiting(browser) as visit:
        visit.page.goto(url)
        names = list(typed().values())
        visit.page.fill("#name", names[0])
        visit.page.fill("#password", PASSWORD)
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_selector(".hl h1")
        visit.wait()
        visit.page.wait_for_function("() => document.querySelector('.cx')?._fullData")
        lines = visit.page.evaluate("() => document.querySelector('.cx')._fullData.map((line) => line.name)")
        assert {"var(--s0)", "{name} {0} {} {0.__class__} $name ${name}"} < set(lines)
        said = ""
        for number in range(len(lines)):
            point = f"[{{curveNumber: {number}, pointNumber: 0}}]"
            visit.page.evaluate(f"() => Plotly.Fx.hover(document.querySelector('.cx'), {point})")
            visit.page.wait_for_timeout(150)  # Plotly shows no more than so often where the pointer is
            said += visit.page.locator(".cx .hoverlayer").first.text_content() or ""
        # Long ones are cut.
        assert all(typed()[what][:30] in said for what in LOUD)
        unharmed(visit, "desktop")
