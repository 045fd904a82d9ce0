"""What pages of the past may be asked, in words: which bytes, told apart by what, of which servers and channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pandas as pd

from cdn.model import KIND_LABELS, Kind
from db.asked import By, Flow, Only
from ui.rows import each

FLOWS: dict[str, Flow] = {
    "Traffic to viewers": Flow.DELIVERED,
    "Traffic out": Flow.OUT,
    "Traffic in": Flow.IN,
    "To own servers": Flow.OWN,
    "From origins": Flow.ORIGIN,
}
BYS: dict[str, By] = {
    "Region": By.REGION,
    "Server": By.SERVER,
    "Role": By.ROLE,
    "Provider": By.PROVIDER,
    "Kind": By.KIND,
    "Tag": By.TAG,
    "Channel": By.CHANNEL,
    "All together": By.TOTAL,
}
NAMELESS: dict[By, str] = {
    By.TOTAL: "All together",
    By.REGION: "No region",
    By.PROVIDER: "No provider",
    By.TAG: "No tag",
}
_DIMENSIONS = {
    "role": "Role",
    "region": "Region",
    "provider": "Provider",
    "kind": "Kind",
    "tag": "Tag",
    "servers": "Server",
    "channels": "Channel",
}


def choices(found: pd.DataFrame) -> dict[str, tuple[str, int, str]]:
    """`db.history.known` as choices of a filter: words → (field of Only, id, name). Two of one name are told apart."""
    rows = sorted(each(found), key=lambda row: list(_DIMENSIONS).index(row.dimension))
    words = [f"{_DIMENSIONS[row.dimension]}: {spoken(row.dimension, row.name)}" for row in rows]
    often = Counter(words)
    return {
        said if often[said] == 1 else f"{said} (number {row.id})": (row.dimension, int(row.id), str(row.name))
        for said, row in zip(words, rows, strict=True)
    }


def spoken(dimension: str, name: str) -> str:
    """A name of a dimension as people say it."""
    if dimension == "kind" and name in set(Kind):
        return KIND_LABELS[Kind(name)]
    if dimension == "role":
        return {"edge": "Edges", "origin": "Origins"}.get(name, name)
    return name or {"region": "No region", "provider": "No provider"}.get(dimension, "(no name)")


def only_of(chosen: Iterable[str], offered: dict[str, tuple[str, int, str]]) -> Only:
    """What is asked about, of the choices made."""
    fields: dict[str, list[Any]] = {}
    for words in chosen:
        if words in offered:
            dimension, id_, name = offered[words]
            fields.setdefault(dimension, []).append(id_ if dimension in ("servers", "channels") else name)
    return Only(**{name: tuple(values) for name, values in fields.items()})


def renamed(found: pd.DataFrame, by: By) -> pd.DataFrame:
    """Kinds and roles by the names that people use."""
    if by not in (By.KIND, By.ROLE):
        return found
    return found.assign(name=[spoken(by.value, name) if name else name for name in found["name"]])
