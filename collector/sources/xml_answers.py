"""Reading XML answers: no DTD, no entities, bounded depth, and every number checked."""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from cdn.units import MAX_COUNTER
from collector.sources.answers import begins, optional_gauge, seen, text, wrong

MAX_DEPTH = 32
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WHOLE = re.compile("[0-9]{1,19}", re.ASCII)
_DECIMAL = re.compile("[0-9]{1,19}(\\.[0-9]{1,19})?", re.ASCII)


class _TooDeep(Exception):
    """Elements nested beyond MAX_DEPTH."""


class _Shallow(TreeBuilder):
    """Builds the tree, but refuses to go deep."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0

    def start(self, tag: Any, attrs: Any, /) -> Any:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _TooDeep
        return super().start(tag, attrs)

    def end(self, tag: Any, /) -> Element:
        self._depth -= 1
        return super().end(tag)


def xml_root(body: bytes, root: str, path: str) -> Element:
    """The root element of the XML in `body`, which must be called `root`. Raises PollError(WRONG_BODY)."""
    try:
        element = _parse(body)
    except DefusedXmlException:
        raise wrong(path, "the answer is XML with a DTD or entities, want none") from None
    except _TooDeep:
        raise wrong(path, "the answer is nested too deeply") from None
    except (ParseError, LookupError, ValueError):
        raise wrong(path, f"the answer is not XML, it begins {begins(body)}") from None
    if element.tag != root:
        raise wrong(path, f"the answer is XML of {seen(element.tag)}, want {root}")
    return element


def _parse(body: bytes) -> Element:
    try:
        return _feed(body)
    except ParseError:
        # One name that is no UTF-8 or holds a control character, and whoever may publish picks names,
        # must not hide a whole server.
        clean = _NOT_XML.sub("\ufffd", body.decode("utf-8", "replace"))
        return _feed(clean.encode())


def _feed(body: bytes) -> Element:
    parser = DefusedXMLParser(target=_Shallow(), forbid_dtd=True)
    parser.feed(body)
    root = parser.close()
    if not isinstance(root, Element):
        raise ParseError("no element")
    return root


def xml_counter(element: Element, tag: str, path: str) -> int:
    """The counter in the child `tag`: a whole number from 0 to 2^63 - 1. Raises PollError."""
    found = (element.findtext(tag) or "").strip()
    if not _WHOLE.fullmatch(found) or int(found) > MAX_COUNTER:
        shown = seen(found) if element.find(tag) is not None else "missing"
        raise wrong(path, f"{tag} is {shown}, want a whole number from 0 to 2^63 - 1")
    return int(found)


def xml_gauge(element: Element | None, tag: str, highest: float) -> float | None:
    """The gauge in the child `tag`; None where it is missing, no number or beyond `highest`."""
    found = xml_text(element, tag, 40).strip()
    return optional_gauge({tag: float(found)}, tag, highest) if _DECIMAL.fullmatch(found) else None


def xml_text(element: Element | None, tag: str, limit: int) -> str:
    """The text of the child `tag` as it is, bounded; "" where it is missing."""
    return "" if element is None else text(element.findtext(tag), limit)
