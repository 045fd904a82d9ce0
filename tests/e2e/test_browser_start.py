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


@pytest.mark.parametrize("path", ["fleet", "server?name=edge-1"])
def test_a_deep_link_shows_its_page_right_after_the_start(browser: Browser, tmp_path: Path, path: str) -> None:
    port = free_port()
    # As `make run` starts it; nobody answers as the database, which pages say in their own words.
    command = ["-m", "streamlit", "run", "dashboard.py", f"--server.port={port}", f"--server.address={HOST}"]
    away = f"postgresql://nobody@{HOST}:{free_port()}/none"
    with running(command, port, tmp_path / "log", DATABASE_URL=away):
        assert first_run(port)
        with visiting(browser) as visit:
            visit.page.goto(f"http://{HOST}:{port}/{path}")
            visit.page.wait_for_selector(".hl h1")
            assert not visit.page.get_by_text("Page not found").count()
            assert "database" in visit.page.locator(".hl").inner_text()
            assert visit.broken() == []
