"""Tokens of one's own in a real browser: made, shown, revoked, with a thumb and without a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine

from actions.users import add_user
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN
from db import access
from launch.__main__ import first_run
from tests.e2e import measures
from tests.e2e.running import free_port, running
from tests.e2e.visit import SHOTS, SIZES, visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PASSWORD = "seven green boats"


@pytest.fixture
def url(browser: Browser, engine: Engine, database_url: str, tmp_path: Path) -> Iterator[str]:
    """The program over a database where ada is an admin."""
    add_user(engine, "ada", "admin", PASSWORD, by=LOCAL_ADMIN, must_change=False)
    port = free_port()
    command = ["-m", "streamlit", "run", "dashboard.py", f"--server.port={port}", "--logger.hideWelcomeMessage=true"]
    with running(command, port, tmp_path / "log", DATABASE_URL=database_url):
        assert first_run(port)
        yield f"http://127.0.0.1:{port}/"


def make(page: Page, url: str, name: str) -> str:
    """Sign in where that is asked for, make a token, and read it as somebody who copies it."""
    page.goto(f"{url}account")
    if "/sign-in" in page.url:
        page.fill("#name", "ada")
        page.fill("#password", PASSWORD)
        page.click("button")
        page.wait_for_selector("text=Make a token")
    page.fill("#name", name)
    page.select_option("#scope", "operate")
    page.click("text=Make it")
    return page.locator(".made code").inner_text()


def test_without_a_script_a_token_is_made_works_and_is_revoked(browser: Browser, url: str, engine: Engine) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        secret = make(page, url, "wall")
        asked = {"Authorization": f"Bearer {secret}"}
        assert context.request.get(f"{url}api/v1/servers", headers=asked).status == 200
        assert context.request.get(f"{url}api/v1/users", headers=asked).status == 403
        page.click("summary")
        page.click("text=Revoke wall for good")
        assert "The token opens nothing any more." in page.inner_text("main")
        assert access.bearer(engine, secret, utc_now()) is None
        assert context.request.get(f"{url}api/v1/servers", headers=asked).status == 401
    finally:
        context.close()


def test_the_page_fits_and_is_accessible_with_tokens_on_it(browser: Browser, url: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for theme in ("light", "dark"):
        for size in SIZES:
            with visiting(browser, size, theme) as visit:
                make(visit.page, url, f"{size} {theme}")
                visit.page.click("summary >> nth=0")
                assert visit.page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
                if size == "phone":
                    assert measures.small_targets(visit.page) == []
                    assert measures.small_text(visit.page) == []
                found = axe.run(visit.page).response["violations"]
                assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
                assert visit.complaints == []
                SHOTS.mkdir(exist_ok=True)
                visit.page.screenshot(path=SHOTS / f"tokens-{size}-{theme}.png", full_page=True)
