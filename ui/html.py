"""Markup, and the one place where data becomes part of it. Names come from strangers: nothing else may escape."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import LiteralString

from cdn.plain_text import plain as plain

# Every mark that means something somewhere in Markdown: a backslash before any of them takes the meaning away.
_MARKS = re.compile(r"[!-/:-@\[-`{-~]")


class Html(str):
    """Text that is markup already; made by `esc`, `fill` and `join` alone."""

    __slots__ = ()


def esc(value: object) -> Html:
    """`value` as harmless markup: Html stays as it is, everything else is shown letter by letter."""
    if isinstance(value, Html):
        return value
    return Html(escape(plain(value), quote=True))


def markdown(text: object) -> str:
    """`text` for the places where Streamlit reads Markdown (a toast), shown letter by letter."""
    return _MARKS.sub(r"\\\g<0>", plain(text))


def fill(template: LiteralString, **data: object) -> Html:
    """`template` with its {names} replaced by escaped `data`. Quote every attribute in the template."""
    return Html(template.format_map({name: esc(value) for name, value in data.items()}))


def join(parts: Iterable[object], between: LiteralString = "") -> Html:
    """The parts, escaped, one after the other."""
    return Html(between.join(esc(part) for part in parts))


NOTHING = Html("")


def icon(name: str, tone: str = "") -> Html:
    """A Material Symbol by name. It is decoration: the words beside it say the same."""
    return fill('<i class="ms {tone}" data-i="{name}" aria-hidden="true"></i>', tone=tone, name=name)


def code(text: str) -> Html:
    """Something to type, inside a sentence."""
    return fill('<code class="c">{text}</code>', text=text)


def hidden(text: str) -> Html:
    """Words for screen readers alone."""
    return fill('<span class="vh">{text}</span>', text=text)
