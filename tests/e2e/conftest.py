"""One browser and one dashboard for all tests. Where there is no browser, they are skipped and say why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from launch.__main__ import first_run
from tests.e2e.running import Site, free_port, running

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = Path("/usr/bin/chromium")
# It talks to nobody but us.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: requirements-dev.txt")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The dashboard over the invented fleet; after the browser, so that it is not started in vain."""
    folder = tmp_path_factory.mktemp("site")
    state, port = folder / "state", free_port()
    state.write_text("calm", encoding="utf-8")
    with running(["-m", "tests.e2e.serve", str(port), str(state)], port, folder / "log"):
        assert first_run(port)
        yield Site(port, state)
