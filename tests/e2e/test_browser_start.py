"""The first visitor after a start."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from launch.__main__ import first_run
from launch.preparation import HOST
from tests.e2e.running import free_port, running
from tests.e2e.visit import visiting

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.parametrize(
    ("path", "title"), [("fleet", "No server is watched yet"), ("server?name=edge-1", "No server is called")]
)
def test_a_deep_link_shows_its_page_right_after_the_start(
    browser: Browser, tmp_path: Path, database_url: str, path: str, title: str
) -> None:
    port = free_port()
    # As `make run` starts it.
    command = ["-m", "streamlit", "run", "dashboard.py", f"--server.port={port}", f"--server.address={HOST}"]
    with running(command, port, tmp_path / "log", DATABASE_URL=database_url):
        assert first_run(port)
        with visiting(browser) as visit:
            visit.page.goto(f"http://{HOST}:{port}/{path}")
            visit.page.wait_for_selector(".hl h1")
            assert not visit.page.get_by_text("Page not found").count()
            assert title in visit.page.locator(".hl").inner_text()
            assert visit.broken() == []


def test_while_nobody_knows_who_may_come_in_that_is_said(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    command = ["-m", "streamlit", "run", "dashboard.py", f"--server.port={port}", f"--server.address={HOST}"]
    away = f"postgresql://nobody@{HOST}:{free_port()}/none"
    with running(command, port, tmp_path / "log", DATABASE_URL=away), visiting(browser) as visit:
        answer = visit.page.goto(f"http://{HOST}:{port}/fleet")
        assert answer is not None
        assert answer.status == 503
        assert "database" in visit.page.locator("body").inner_text()
