"""The door in a real browser: signing in and out, another role under an open page, all of it without a script."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from actions.users import add_user, change_user, sign_out_everywhere
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN
from db import access
from db.frame import records
from launch.__main__ import first_run
from tests.e2e.running import free_port, running
from tests.e2e.visit import SHOTS, SIZES, Visit, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PASSWORD = "seven green boats"


@pytest.fixture
def url(browser: Browser, engine: Engine, database_url: str, tmp_path: Path) -> Iterator[str]:
    """The program over a database where ada is an admin and vi a viewer."""
    for name, role in (("ada", "admin"), ("vi", "viewer")):
        add_user(engine, name, role, PASSWORD, by=LOCAL_ADMIN, must_change=False)
    port = free_port()
    command = ["-m", "streamlit", "run", "dashboard.py", f"--server.port={port}", "--logger.hideWelcomeMessage=true"]
    with running(command, port, tmp_path / "log", DATABASE_URL=database_url):
        assert first_run(port)
        yield f"http://127.0.0.1:{port}/"


def account(engine: Engine, name: str) -> tuple[int, int]:
    return next((row["id"], row["version"]) for row in records(access.users(engine, utc_now())) if row["name"] == name)


def enter(visit: Visit, name: str, password: str = PASSWORD) -> None:
    visit.page.fill("#name", name)
    visit.page.fill("#password", password)
    visit.page.keyboard.press("Enter")


def seconds_until(visit: Visit, script: str) -> float:
    begun = time.monotonic()
    visit.page.wait_for_function(script, timeout=20_000)
    return time.monotonic() - begun


def test_somebody_signs_in_sees_the_page_they_wanted_and_signs_out(browser: Browser, url: str) -> None:
    with visiting(browser) as visit:
        visit.page.goto(f"{url}system?refresh=30+s")
        assert "/sign-in?next=" in visit.page.url
        enter(visit, "ada", "wrong password")
        assert "do not match" in visit.page.locator("[role=alert]").inner_text()
        visit.complaints.clear()  # the browser notes the answer 401
        enter(visit, "ada")
        visit.page.wait_for_selector(".hl h1")
        visit.wait()
        assert visit.page.url.startswith(f"{url}system")
        assert visit.first_line() == "The monitor has nothing to do"
        for path in ("", "fleet", "channels", "access", "system"):
            visit.go(f"{url}{path}")
            assert visit.complaints == []  # a script or style that the policy forbids would be one
            assert visit.strangers == []
        assert "cdn_" not in visit.page.evaluate("document.cookie")
        visit.page.click(".who [data-sign-out]")
        visit.page.wait_for_url("**/sign-in?out=1")
        assert "You are signed out." in visit.page.inner_text("main")
        visit.page.goto(url)
        assert "/sign-in?next=" in visit.page.url


def test_another_role_takes_effect_on_an_open_page_within_five_seconds(
    browser: Browser, url: str, engine: Engine
) -> None:
    with visiting(browser) as visit:
        visit.page.goto(f"{url}?refresh=5+s")
        enter(visit, "vi")
        visit.page.wait_for_selector(".hl h1")
        visit.wait()
        assert visit.page.locator(".tabbar a[href=fleet]").count() == 0
        user_id, version = account(engine, "vi")
        visit.page.evaluate("window.opened = true")
        change_user(engine, user_id, version, {"role": "admin"}, by=LOCAL_ADMIN, now=utc_now())
        # The page loads anew, as an admin's.
        assert seconds_until(visit, "() => !window.opened") < 5
        visit.wait()
        visit.go(f"{url}fleet")
        assert visit.first_line() == "No server is watched yet"


def test_a_page_that_is_only_watched_leads_to_the_sign_in_once_its_session_is_over(
    browser: Browser, url: str, engine: Engine
) -> None:
    with visiting(browser) as visit:
        visit.page.goto(f"{url}system?refresh=Off")
        enter(visit, "vi")
        visit.page.wait_for_selector(".hl h1")
        visit.wait()
        sign_out_everywhere(engine, account(engine, "vi")[0], by=LOCAL_ADMIN)
        assert seconds_until(visit, "() => location.pathname === '/sign-in'") < 5
        enter(visit, "vi")
        visit.page.wait_for_selector(".hl h1")
        assert "/system" in visit.page.url


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_at_the_door_fit_and_are_accessible(browser: Browser, url: str, size: str, theme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with visiting(browser, size, theme) as visit:
        for name, path in (("sign-in", "sign-in"), ("account", "account"), ("password", "password")):
            visit.page.goto(f"{url}{path}")
            if name == "account":
                enter(visit, "ada")
                visit.page.wait_for_selector("text=Where you are signed in")
            width = SIZES[size][0]
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
            low = "e => [...document.querySelectorAll('button, .other, input:not([type=hidden], .vh)')]"
            assert visit.page.evaluate(f"({low}.filter(n => n.getBoundingClientRect().height < 44).length)({{}})") == 0
            found = axe.run(visit.page).response["violations"]
            assert [each["id"] for each in found] == []
            SHOTS.mkdir(exist_ok=True)
            visit.page.screenshot(path=SHOTS / f"{name}-{size}-{theme}.png")


def test_signing_in_works_without_a_script(browser: Browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(f"{url}account")
        page.fill("#name", "ada")
        page.fill("#password", PASSWORD)
        page.click("button")
        assert page.inner_text("h1") == "ada"
        page.click("text=Sign out >> nth=0")
        assert "You are signed out." in page.inner_text("main")
    finally:
        context.close()
