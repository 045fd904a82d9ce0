"""Names that servers give themselves are shown, and never run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from cdn.settings import settings
from tests.e2e.running import Site
from tests.e2e.visit import Visit, visiting
from tests.fake_live import HOSTILE

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
