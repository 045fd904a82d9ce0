"""Nothing moves or blinks on a refresh, links keep the page, the theme follows, a hidden tab rests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.e2e.running import Site
from tests.e2e.visit import Visit, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Where everything is, by what it is called; from the top of the document, not of the window.
PLACES = """() => {
  const main = document.querySelector('[data-testid=stMain]');
  const places = { scroll: main.scrollTop };
  const note = (name, node) => {
    const box = node.getBoundingClientRect();
    places[name] = [box.left, box.top + main.scrollTop, box.height].map(Math.round).join(' ');
  };
  document.querySelectorAll('.k-v b').forEach((node, place) => note(`number ${place}`, node));
  document.querySelectorAll('.tile').forEach((node) => note(`tile ${node.title.split(':')[0]}`, node));
  document.querySelectorAll('.tb tbody tr').forEach((row) => {
    note(`row ${row.cells[0].textContent}`, row);
    note(`state ${row.cells[0].textContent}`, row.cells[1]);
  });
  document.querySelectorAll('[class*=st-key-card-]').forEach((node) => {
    note(node.className.match(/st-key-[a-z-]+/)[0], node);
  });
  return places;
}"""
# Look at every frame: the chart's node is the same, and there are lines in it.
WATCH = """() => {
  const plot = document.querySelector('.cx');
  window.seen = { frames: 0, blank: 0, other: 0 };
  const look = () => {
    const now = document.querySelector('.cx');
    window.seen.frames += 1;
    if (now !== plot) window.seen.other += 1;
    if (!now?.querySelector('.scatterlayer path')) window.seen.blank += 1;
    requestAnimationFrame(look);
  };
  look();
}"""
# Every ten seconds; not at all. Streamlit writes a space as "+" or "%20"; links are compared as it writes them.
OFTEN, NEVER = "?refresh=10+s", "?refresh=Off"
HIDE = "Object.defineProperty(document, 'hidden', { get: () => window.away === true });"
NOW = "() => document.querySelector('[data-now]').dataset.now"


def refreshed(page: Page, before: str) -> str:
    """Wait for the next refresh; returns its time."""
    page.wait_for_function(f"(before) => ({NOW})() !== before", arg=before, timeout=15_000)
    page.wait_for_timeout(300)
    now: str = page.evaluate(NOW)
    return now


def zoom(page: Page) -> list[str]:
    """Drag over the middle of the first chart; returns the times it shows then."""
    page.locator(".cx").first.scroll_into_view_if_needed()
    box = page.locator(".cx .nsewdrag").first.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.3 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], middle, steps=5)
    page.mouse.up()
    page.wait_for_function("() => document.querySelector('.cx')._fullLayout.xaxis.autorange === false")
    page.wait_for_timeout(300)
    return shown(page)


def shown(page: Page) -> list[str]:
    """First and last time the chart shows."""
    found: list[str] = page.evaluate("() => document.querySelector('.cx')._fullLayout.xaxis.range")
    return found


def test_two_refreshes_move_nothing(browser: Browser, site: Site) -> None:
    site.show("problems")
    with visiting(browser) as visit:
        visit.go(f"{site.url}{OFTEN}")
        page = visit.page
        zoomed = zoom(page)
        page.mouse.move(5, 5)
        page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollTo(0, 300)")
        page.wait_for_timeout(300)
        places: dict[str, Any] = page.evaluate(PLACES)
        page.evaluate(WATCH)
        refreshed(page, refreshed(page, page.evaluate(NOW)))
        assert places["scroll"] == 300
        assert page.evaluate(PLACES) == places
        seen = page.evaluate("() => window.seen")
        assert seen["frames"] > 50
        assert (seen["blank"], seen["other"]) == (0, 0)
        assert shown(page) == zoomed
        assert visit.broken() == []


def test_a_link_changes_the_page_without_loading_it_and_back_keeps_the_answers(browser: Browser, site: Site) -> None:
    site.show("problems")
    with visiting(browser) as visit:
        visit.go(f"{site.url}{OFTEN}")
        page = visit.page
        page.evaluate("() => { window.same = true; }")
        page.locator(".tb a", has_text="edge-fra-2").click()
        page.wait_for_function("() => document.querySelector('.hl h1')?.textContent.startsWith('edge-fra-2')")
        assert "server?name=edge-fra-2" in page.url
        visit.wait()
        page.go_back()
        page.wait_for_function("() => document.querySelector('.hl h1')?.textContent.includes('problems')")
        visit.wait()
        assert page.url.endswith(OFTEN)
        assert page.locator("[data-testid=stSelectbox] input").first.input_value() == "10 s"
        assert page.evaluate("() => window.same")
        assert visit.complaints == []


def colours(visit: Visit) -> list[str]:
    """Of the card, the chart's first line and its times."""
    found: list[str] = visit.page.evaluate(
        """() => [getComputedStyle(document.querySelector('.kpi')).backgroundColor,
          getComputedStyle(document.querySelector('.scatterlayer path.js-line')).stroke,
          getComputedStyle(document.querySelector('.xtick text')).fill]"""
    )
    return found


def test_a_chart_takes_the_colours_of_the_other_theme_at_once(browser: Browser, site: Site) -> None:
    site.show("calm")
    with visiting(browser) as visit:
        visit.go(f"{site.url}{NEVER}")
        light = colours(visit)
        visit.page.locator("[data-testid=stMainMenu] button").click()
        visit.page.get_by_role("menuitemradio", name="Dark").or_(visit.page.get_by_label("Dark")).first.click()
        visit.page.wait_for_timeout(700)
        dark = colours(visit)
        assert all(one != other for one, other in zip(light, dark, strict=True))
        assert dark == ["rgb(19, 26, 36)", "rgb(91, 155, 255)", "rgb(148, 162, 180)"]


def test_the_keyboard_reaches_the_first_link_and_shows_where_it_is(browser: Browser, site: Site) -> None:
    site.show("problems")
    with visiting(browser) as visit:
        visit.go(f"{site.url}{NEVER}")
        page = visit.page
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("() => document.activeElement.matches('.hl h1 a')"):
                break
        assert page.evaluate("() => document.activeElement.matches('.hl h1 a')")
        assert page.evaluate("() => getComputedStyle(document.activeElement).outline").endswith("solid 2px")
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.querySelector('.hl h1 .chip')")
        assert "server?name=" in page.url


def test_a_hidden_tab_asks_nothing_and_catches_up_when_it_is_seen(browser: Browser, site: Site) -> None:
    site.show("calm")
    with visiting(browser, before=HIDE) as visit:
        sent: list[bytes | str] = []
        visit.page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
        visit.go(f"{site.url}{OFTEN}")
        page = visit.page
        page.evaluate("() => { window.away = true; document.dispatchEvent(new Event('visibilitychange')); }")
        page.wait_for_timeout(500)
        before, asked = page.evaluate(NOW), len(sent)
        page.wait_for_timeout(11_500)
        assert page.evaluate(NOW) == before
        assert len(sent) == asked
        page.evaluate("() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')); }")
        page.wait_for_function(f"(before) => ({NOW})() !== before", arg=before, timeout=3_000)
