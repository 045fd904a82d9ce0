"""The rows of the fleet's list. Pure."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cdn.model import KIND_LABELS, AuthMethod, Kind
from ui import links, tables
from ui.status import LOOKS, chip

SIGNS_IN_WITH = {AuthMethod.NONE: "nothing", AuthMethod.BASIC: "user, password", AuthMethod.BEARER: "token"}
COLUMNS = (
    tables.Column("Server"),
    tables.Column("State"),
    tables.Column("Kind"),
    tables.Column("Role", phone=False),
    tables.Column("Region"),
    tables.Column("Asked every", number=True),
    tables.Column("Signs in with", phone=False),
)


def matching(servers: pd.DataFrame, wanted: str) -> pd.DataFrame:
    """The rows of db.live.fleet in which every word of `wanted` occurs, in whatever field."""
    text = servers[["name", "url", "region", "provider", "kind", "role"]].agg(" ".join, axis="columns")
    text = (text + " " + servers["tags"].map(" ".join)).str.lower()
    words = wanted.lower().split()
    return servers[[all(word in line for word in words) for line in text]]


def cells(row: Any) -> list[object]:
    """One server as cells; its name leads to the form that changes it."""
    return [
        links.link(links.edit(row.name), row.name),
        chip(LOOKS[row.state]),
        row.software or KIND_LABELS[Kind(row.kind)],
        str(row.role).capitalize(),
        row.region or tables.unknown("no region set"),
        f"{row.interval:g} s",
        SIGNS_IN_WITH[AuthMethod(row.auth)],
    ]
