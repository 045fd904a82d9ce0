"""One visit to a page: it is opened, what the browser complains about is noted, pictures are taken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Request

SHOTS = Path(__file__).parent / "shots"
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
# Streamlit asks for these below the address of a deep link first, where they are not.
HARMLESS_404 = ("_stcore/health", "_stcore/host-config")
# Drawn: the script has ended, the first line is there, every chart has its lines, roles are repaired.
DRAWN = """() => document.querySelector('.stApp')?.dataset.testScriptState === 'notRunning'
  && document.querySelector('.hl h1')
  && !document.querySelector('[data-testid=stSkeleton], [data-testid=stFileUploaderDropzone][role=presentation]')
  && !document.querySelector('ul:has(> div > li):not([role])')
  && [...document.querySelectorAll('.cx')].every((plot) => plot.querySelector('.scatterlayer path, .barlayer path'))"""


@dataclass
class Visit:
    """An open page and what happened on it. complaints: of the console and of scripts; strangers: other hosts asked."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def go(self, url: str) -> None:
        """Forget what happened before, open `url` and wait until all of it is drawn."""
        for noted in (self.complaints, self.strangers, self.dialogs):
            noted.clear()
        self.page.goto(url)
        self.wait()

    def wait(self) -> None:
        """Wait until everything is drawn."""
        self.page.wait_for_function(DRAWN)
        self.page.evaluate("() => document.fonts.ready.then(() => true)")

    def first_line(self) -> str:
        """The words of the headline."""
        return self.page.locator(".hl h1").first.inner_text().strip()

    def broken(self) -> list[str]:
        """What Streamlit says where a page's program has failed."""
        return self.page.locator("[data-testid=stException], [data-testid=stAlertContentError]").all_inner_texts()

    def picture(self, name: str) -> None:
        """Keep a picture of the whole page, however long: only Streamlit's inner box scrolls, so it is made as high."""
        whole, width, height = self.page.evaluate(
            "() => [document.querySelector('[data-testid=stMain]').scrollHeight + 60, innerWidth, innerHeight]"
        )
        SHOTS.mkdir(exist_ok=True)
        self.page.set_viewport_size({"width": width, "height": min(max(height, whole), 6_000)})
        self.page.wait_for_timeout(150)
        self.page.screenshot(path=SHOTS / f"{name}.png", animations="disabled")
        self.page.set_viewport_size({"width": width, "height": height})

    def _heard(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        if message.type == "error" and not where.endswith(HARMLESS_404):
            self.complaints.append(f"{message.text} ({where})")

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.hostname != "127.0.0.1":
            self.strangers.append(request.url)

    def _said(self, dialog: Dialog) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


@contextmanager
def visiting(browser: Browser, size: str = "desktop", theme: str = "light", before: str = "") -> Iterator[Visit]:
    """A fresh browser window; before: a script that runs before those of every page."""
    width, height = SIZES[size]
    phone = size == "phone"
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        has_touch=phone,
        is_mobile=phone,
        locale="en-GB",
        timezone_id="Europe/Berlin",
    )
    context.set_default_timeout(30_000)
    if before:
        context.add_init_script(before)
    visit = Visit(context.new_page())
    visit.page.on("console", visit._heard)
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("request", visit._asked)
    visit.page.on("dialog", visit._said)
    try:
        yield visit
    finally:
        context.close()
