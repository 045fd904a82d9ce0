"""What can be measured on an open page."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

THUMB = 44
SMALLEST_TEXT = 14

_SMALL_TARGETS = """(least) => {
  const wanted = 'a[href], button, input, select, textarea, summary, [role=button], [role=tab], [role=radio],'
    + '[role=switch]';
  const found = [];
  for (const node of document.querySelectorAll(wanted)) {
    if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    // What is inside a label or a field is as large as that: a touch anywhere in it counts.
    const field = 'label, [data-testid=stTextInputRootElement], .react-aria-ComboBox > [role=group]';
    const whole = node.closest(field) ?? node;
    const box = whole.getBoundingClientRect();
    if (box.width < 2 || box.height < 2 || box.right <= 0) continue;
    if (box.width + 0.5 < least || box.height + 0.5 < least) {
      const name = node.getAttribute('aria-label') || node.textContent.trim() || node.outerHTML;
      found.push(`${node.tagName} "${name.slice(0, 80)}" ${box.width.toFixed(0)} x ${box.height.toFixed(0)}`);
    }
  }
  return found;
}"""

_SMALL_TEXT = """(least) => {
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const text = walk.currentNode.textContent.trim();
    const node = walk.currentNode.parentElement;
    if (!text || node.closest('style, script, .vh, noscript')) continue;
    if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const box = node.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    const style = getComputedStyle(node);
    if (style.fontFamily.includes('Material Symbols')) continue;
    const size = parseFloat(style.fontSize);
    if (size + 0.01 < least) found.add(`${size} px "${text.slice(0, 60)}" (${node.tagName}.${node.className})`);
  }
  return [...found];
}"""

_AXE = """() => axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations.flatMap((rule) =>
  rule.nodes.map((node) => `${rule.id} (${rule.impact}): ${node.target.join(' ')} ${node.html.slice(0, 160)} `
    + node.any.concat(node.all, node.none).map((check) => check.message).join('; '))))"""


def small_targets(page: Page) -> list[str]:
    """What a finger is to hit and is smaller than it."""
    found: list[str] = page.evaluate(_SMALL_TARGETS, THUMB)
    return found


def small_text(page: Page) -> list[str]:
    """Words too small for a phone."""
    found: list[str] = page.evaluate(_SMALL_TEXT, SMALLEST_TEXT)
    return found


def overflow(page: Page) -> list[int]:
    """Widths of the window, of the document and of Streamlit's scrolling box: equal where nothing sticks out."""
    found: list[int] = page.evaluate(
        """() => [document.documentElement.scrollWidth, document.body.scrollWidth,
          document.querySelector('[data-testid=stMain]').scrollWidth]"""
    )
    return found


def axe(page: Page) -> list[str]:
    """What axe-core finds wrong, of every level."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(_AXE)
    return found
