"""A drawn page, judged: nothing in it came out of a name but text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message  # type: ignore[import-untyped]
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from cdn.settings import ROOT
from tests.hostile_fleet import typed
from tests.hostile_names import NAMES, Seen, misread
from ui.html import plain

# Every page there is, and every word that an address may hold for one of them.
PAGES = tuple(
    sorted(str(path.relative_to(ROOT)) for path in (ROOT / "pages").glob("*/*.py") if path.parent.name != "parts")
)
_SOURCES = "\n".join(path.read_text() for folder in ("pages", "ui") for path in (ROOT / folder).rglob("*.py"))
ASKED = frozenset(
    re.findall(r'query_params(?:\.get|\.pop)?[(\[]\s*"(\w+)"', _SOURCES)
    + re.findall(r'key="(\w+)",(?:(?!key=)[^#])*?bind="query-params"', _SOURCES)
)
# Texts of Streamlit's elements that it shows letter by letter, or not at all. Any other is Markdown to it.
_LETTERS = frozenset(
    (
        *("id", "key", "user_key", "form_id", "type", "url", "value", "set_value", "default", "options", "raw_value"),
        *("raw_values", "placeholder", "component_name", "js_content", "html_content", "css_content", "json", "icon"),
        *("query_param_key", "autocomplete", "accepted_type"),
    )
)
_MARKS = re.compile(r"[!-/:-@\[-`{-~]")
# Names of which something is left to read as Markdown. One character alone is in every sentence.
_IN_MARKDOWN = tuple(
    {each for name in (*NAMES.values(), *typed().values()) for each in (name, plain(name)) if _MARKS.search(each)}
    - {"."}
)


def faults(app: AppTest) -> list[str]:
    """What is wrong with a page."""
    found: list[str] = []
    for message in messages(app):
        if message.DESCRIPTOR.name == "Html":
            body = str(getattr(message, "body"))  # noqa: B009
            if not body.startswith("<style"):
                found += [f"{fault} in {body[:120]!r}" for fault in Seen(body).wrong]
            continue
        if message.DESCRIPTOR.name == "BidiComponent":
            found += misread(_figure(message))
        for name, text in _texts(message):
            if name not in _LETTERS and any(each in text for each in _IN_MARKDOWN):
                found.append(f"{message.DESCRIPTOR.name} reads Markdown in its {name}: {text[:200]!r}")
    return found


def messages(app: AppTest) -> Iterator[Message]:
    """Everything that is sent to the browser."""
    waiting: list[Any] = [app._tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Block):
            waiting += node.children.values()
        if isinstance(proto := getattr(node, "proto", None), Message):
            yield proto


def _texts(message: Message) -> Iterator[tuple[str, str]]:
    """(field, text) of every text in a message and in those inside it."""
    for field, value in message.ListFields():
        for each in [value] if isinstance(value, str | bytes | bool | int | float | Message) else list(value):
            if isinstance(each, Message):
                yield from _texts(each)
            elif isinstance(each, str):
                yield field.name, each


def words(app: AppTest) -> str:
    """All that a reader of the page's HTML can read, also where only a pointer shows it."""
    found = []
    for message in messages(app):
        if message.DESCRIPTOR.name == "Html" and not (body := str(getattr(message, "body"))).startswith("<style"):  # noqa: B009
            seen = Seen(body)
            found += [seen.words, *seen.values]
    return "\n".join(found)


def figures(app: AppTest) -> list[dict[str, Any]]:
    """The charts of the page, as Plotly gets them."""
    return [_figure(message) for message in messages(app) if message.DESCRIPTOR.name == "BidiComponent"]


def _figure(message: Message) -> dict[str, Any]:
    told = json.loads(getattr(message, "json"))  # noqa: B009
    figure: dict[str, Any] = json.loads(told["figure"])
    figure["layout"].pop("template", None)  # chart.js takes it away
    return {**figure, "alt": told["alt"].replace("<", "‹"), "unit": told["unit"]}
