"""Recorded answers made hostile: bytes, types, sizes, nesting, numbers and names are changed, a few at once."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from xml.etree import ElementTree

from hypothesis import strategies as st

T = TypeVar("T")

HUGE = 2**63 - 1
NAMES = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff tail",
    "/",
    "//",
    "live",
    "/live/alpha",
    "\\N",
    "\\.",
    "{}",
    '{"a",NULL}',
    "'; DROP TABLE server; --",
    "<script>alert(1)</script>",
    "tab\tline\nreturn\r",
    "\u202emp3.live",
    "🎬" * 90,
    "é" * 400,
    "x" * 100_000,
    "2026-03-01T12:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999-23:59",
    "NaN",
    "-Infinity",
    "１２",
    "up",
]
NUMBERS = [
    0,
    -1,
    1,
    2**31,
    2**32 - 1,
    2**53 + 1,
    HUGE,
    HUGE - 1,
    HUGE + 1,
    2**64 - 1,
    2**64,
    10**30,
    -(2**63),
    0.1,
    -0.0,
    1e15,
    1e300,
    5e-324,
    float("nan"),
    float("inf"),
    float("-inf"),
    True,
]


def one_of_list(values: Sequence[T]) -> st.SearchStrategy[T]:
    """One of `values`, without showing all of them wherever the strategy is shown."""
    return st.integers(0, len(values) - 1).map(values.__getitem__)


_SHALLOW = st.one_of(
    one_of_list(NUMBERS),
    one_of_list(NAMES),
    st.integers(-(2**70), 2**70),
    st.integers(0, HUGE),
    st.floats(),
    st.text(max_size=40),
    st.none(),
)
VALUES = st.one_of(
    _SHALLOW,
    _SHALLOW,
    st.lists(_SHALLOW, max_size=3),
    st.dictionaries(one_of_list(NAMES), _SHALLOW, max_size=3),
    st.sampled_from([10, 900, 1_000, 1_010, 5_000]).map(lambda depth: Raw("[" * depth + "]" * depth)),
    st.sampled_from([900, 1_000]).map(lambda depth: Raw('{"a":' * depth + "1" + "}" * depth)),
)


class Recorded(tuple[bytes, ...]):
    """Recorded answers, shown in few words."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{len(self)} recorded answers"


class Raw(str):
    """JSON text that takes the place of a value as it is: deeper than any value could be."""

    __slots__ = ()


@st.composite
def hostile_json(draw: st.DrawFn, recorded: Sequence[bytes]) -> bytes:
    """One of these JSON answers with some of its values, members and names changed, perhaps also its bytes."""
    document = json.loads(draw(one_of_list(recorded)))
    raw: dict[str, Raw] = {}
    for _ in range(draw(st.integers(1, 3))):
        document = draw(_changed(document, raw))
    text = json.dumps(document)
    for mark, value in raw.items():
        text = text.replace(f'"{mark}"', value)
    body = text.encode()
    return draw(hostile_bytes([body])) if draw(st.integers(0, 4)) == 0 else body


@st.composite
def _changed(draw: st.DrawFn, document: Any, raw: dict[str, Raw]) -> Any:
    places = list(_places(document))
    if not places:
        return draw(_SHALLOW)
    # First a name, then one of the places that have it: what is there once is as likely as what is there often.
    names = list(dict.fromkeys(key if isinstance(key, str) else -1 for _, key in places))
    name = draw(one_of_list(names))
    inner, key = draw(one_of_list([place for place in places if place[1] == name or name == -1]))
    action = draw(st.sampled_from(["value", "value", "value", "remove", "rename", "repeat", "whole", "crowd"]))
    if action == "whole":
        # All members of that name at once: a whole list of streams called the same, or all counters at their end.
        value = draw(_SHALLOW)
        for each, other in places:
            if other == key:
                each[other] = value
    elif action == "remove":
        del inner[key]
    elif action == "repeat" and isinstance(inner[key], list) and inner[key]:
        inner[key] = [
            copy.deepcopy(row) for _ in range(draw(st.sampled_from([2, 30, 999, 1_000]))) for row in inner[key]
        ][:3_000]
    elif action == "crowd" and isinstance(inner[key], list) and inner[key] and isinstance(inner[key][0], dict):
        row = inner[key][0]
        named = draw(one_of_list(["url", "id", "ip", "stream", *row]))
        inner[key] = [copy.deepcopy(row) | {named: name} for name in NAMES]
    elif action == "rename" and isinstance(inner, dict):
        inner[draw(one_of_list(NAMES))] = inner.pop(key)
    else:
        value = draw(VALUES)
        inner[key] = value
        if isinstance(value, Raw):
            inner[key] = f"raw-{len(raw)}"
            raw[inner[key]] = value
    return document


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every (object or list, key or index) in `value`."""
    found: list[tuple[Any, Any]] = []
    open_: list[Any] = [value]
    while open_:
        inner = open_.pop()
        members = inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
        for key, each in members:
            found.append((inner, key))
            open_.append(each)
    return found


@st.composite
def hostile_xml(draw: st.DrawFn, recorded: Sequence[bytes]) -> bytes:
    """One of these XML answers with some of its elements changed, perhaps also its bytes."""
    root = ElementTree.fromstring(draw(one_of_list(recorded)))
    for _ in range(draw(st.integers(1, 3))):
        parents: dict[str, list[Any]] = {}
        for each in root.iter():
            if len(each):
                parents.setdefault(each.tag, []).append(each)
        if not parents:
            break
        parent = draw(one_of_list(parents[draw(one_of_list(sorted(parents)))]))
        number = draw(st.integers(0, len(parent) - 1))
        _CHANGES[draw(st.sampled_from(sorted(_CHANGES)))](draw, root, parent, number)
    body = ElementTree.tostring(root, "utf-8", xml_declaration=True)
    body = draw(one_of_list(_PROLOGUES)) + body.partition(b"\n")[2]
    return draw(hostile_bytes([body])) if draw(st.integers(0, 4)) == 0 else body


_PROLOGUES = [
    b"",
    b"",
    b"",
    b'<?xml version="1.0" encoding="utf-8" ?>\n<?xml-stylesheet type="text/xsl" href="stat.xsl"?>\n',
    b'<?xml version="1.0" encoding="utf-16"?>',
    b'<?xml version="1.0" encoding="no-such"?>',
    b'<!DOCTYPE rtmp [<!ENTITY a "aaaa">]>',
    b"\xef\xbb\xbf",
]


def _set_text(draw: st.DrawFn, _root: Any, parent: Any, number: int) -> None:
    parent[number].text = str(draw(_SHALLOW)).encode("utf-8", "replace").decode()


def _set_all(draw: st.DrawFn, root: Any, parent: Any, number: int) -> None:
    value = str(draw(_SHALLOW)).encode("utf-8", "replace").decode()
    for element in root.iter(parent[number].tag):
        if not len(element):
            element.text = value


def _repeat(draw: st.DrawFn, _root: Any, parent: Any, number: int) -> None:
    parent.extend([copy.deepcopy(parent[number]) for _ in range(draw(st.sampled_from([1, 2, 300])))])


def _crowd(draw: st.DrawFn, _root: Any, parent: Any, number: int) -> None:
    """The same again under every name there is."""
    for name in NAMES:
        twin = copy.deepcopy(parent[number])
        for child in list(twin)[: draw(st.integers(1, 3))]:
            child.text = name.encode("utf-8", "replace").decode()
        parent.append(twin)


def _nest(draw: st.DrawFn, _root: Any, parent: Any, number: int) -> None:
    inner = parent[number]
    for _ in range(draw(st.sampled_from([1, 10, 40, 200]))):
        inner = ElementTree.SubElement(inner, "a")


_CHANGES: dict[str, Callable[[st.DrawFn, Any, Any, int], None]] = {
    "text": _set_text,
    "texts": _set_all,
    "remove": lambda _draw, _root, parent, number: parent.remove(parent[number]),
    "repeat": _repeat,
    "crowd": _crowd,
    "nest": _nest,
    "rename": lambda draw, _root, parent, number: setattr(
        parent[number], "tag", draw(st.sampled_from(["a", "publishing", "stream", "client", "live", "name"]))
    ),
}


@st.composite
def hostile_bytes(draw: st.DrawFn, recorded: Sequence[bytes]) -> bytes:
    """One of these answers, cut, mixed up, or with other bytes in it."""
    body = draw(one_of_list(recorded))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        until = min(len(body), at + draw(st.sampled_from([0, 1, 2, 5, 100, 10_000])))
        new = draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from(
                    [
                        b"\x00",
                        b"\xff",
                        b"\xc3\x28",
                        b"\xed\xa0\x80",
                        b"9" * 30,
                        b"-",
                        b"e999",
                        b"null",
                        b"[" * 2_000,
                        b"<a>" * 5_000,
                    ]
                ),
                st.just(body[:until]),
            )
        )
        body = body[:at] + new + body[until:]
    return body[:2_000_000]
