"""Words where numbers are missing or wrong: notice, empty state, first steps."""

from __future__ import annotations

from collections.abc import Iterable

from ui.html import Html, esc, fill, icon, join


def notice(tone: str, symbol: str, title: object, text: object) -> Html:
    """Something to know about the whole page. tone: bad, warn, ok or "" (information)."""
    return fill(
        '<div class="notice {tone}" role="{role}">{icon}<div><b>{title}</b><p>{text}</p></div></div>',
        tone=tone,
        role="alert" if tone == "bad" else "status",
        icon=icon(symbol),
        title=title,
        text=text,
    )


def empty(symbol: str, title: object, text: object, tone: str = "") -> Html:
    """Nothing to show, and why that is good or what to do."""
    return fill(
        '<div class="empty {tone}">{icon}<b>{title}</b><p>{text}</p></div>',
        tone=tone,
        icon=icon(symbol),
        title=title,
        text=text,
    )


def steps(items: Iterable[tuple[str, object]]) -> Html:
    """What to do, one after the other: title and sentence of each step."""
    shown = (fill("<li><div><b>{title}</b><p>{text}</p></div></li>", title=title, text=text) for title, text in items)
    return fill('<ol class="steps">{items}</ol>', items=join(shown))


def paragraphs(*texts: object) -> Html:
    """Sentences in a card."""
    return join(fill('<p class="note">{text}</p>', text=esc(text)) for text in texts)
