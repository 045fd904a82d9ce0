"""Pages to print, on a screen and on paper: what they say, whether all of it is there, and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.e2e import measures
from tests.e2e.running import Site
from tests.e2e.visit import SIZES, Visit, visiting
from tests.fake_live import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# What is left of a sheet of A4 between its margins, in CSS pixels.
PAPER = {"width": 673, "height": 1_001}
BACK = {"contract": "Back to billing", "channel": "Back to all channels"}


@pytest.fixture(scope="module", params=SIZES)
def window(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Visit]:
    """A window of each size."""
    with visiting(browser, request.param) as visit:
        yield visit


@pytest.mark.parametrize("of", BACK)
def test_a_page_to_print_is_whole_on_a_screen_and_on_paper(window: Visit, site: Site, of: str) -> None:
    site.show("hostile")
    page, size = window.page, window.page.viewport_size
    assert size is not None
    page.goto(f"{site.url}reports/{of}?id=1&zone=Europe/Berlin")
    assert page.locator("h1").inner_text().startswith(HOSTILE[0])
    assert page.title().startswith(HOSTILE[0])
    assert page.locator("header").get_by_text("made ").count() == 1
    assert page.locator("tbody tr").count() > 2
    assert page.evaluate("() => document.documentElement.scrollWidth") == size["width"]
    assert measures.axe(page) == []
    if size["width"] == SIZES["phone"][0]:
        assert measures.small_text(page) == []
        assert measures.small_targets(page) == []
    page.emulate_media(media="print")
    page.set_viewport_size({"width": PAPER["width"], "height": PAPER["height"]})
    assert page.evaluate("() => document.documentElement.scrollWidth") == PAPER["width"]
    assert not page.get_by_role("link", name=BACK[of]).is_visible()
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": size["width"], "height": size["height"]})
    page.get_by_role("link", name=BACK[of]).click()
    window.wait()
    assert window.broken() == []
    assert window.strangers == []
    assert window.complaints == []
