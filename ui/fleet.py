"""The rows of the fleet's list, and the words of servers that nobody entered yet. Pure."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cdn.model import KIND_LABELS, AuthMethod, Kind
from ui import links, numbers, tables, verdict
from ui.html import Html, fill, join
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


# Origins named in one sentence; beyond that they are counted.
NAMED = 2
# An edge pulls every stream that anybody watches on it, a viewer one or two.
STREAMS_OF_A_SERVER = 3


def likely_servers(pullers: pd.DataFrame) -> pd.DataFrame:
    """Those of db.pullers.pullers that are no mere viewers: they pull several streams, or were tried for a reason."""
    return pullers[(pullers["streams"] >= STREAMS_OF_A_SERVER) | pullers["tried_at"].notna()]


def found_title(pullers: pd.DataFrame) -> str:
    """ "2 addresses pull from origin-1 that you do not monitor: add them?"; pullers: not empty."""
    origins = sorted({name for names in pullers["origins"] for name in names})
    count = len(pullers)
    whence = " and ".join(origins) if len(origins) <= NAMED else numbers.many(len(origins), "origin")
    pull = "pulls" if count == 1 else "pull"
    addresses = numbers.many(count, "address", "addresses")
    return f"{addresses} {pull} from {whence} that you do not monitor: add {'it' if count == 1 else 'them'}?"


def found_words(row: Any) -> Html:
    """An address that pulls: what it pulls, for how long, from where, and what answers there."""
    connected = "" if numbers.missing(row.connected_seconds) else f" for {numbers.age(row.connected_seconds)}"
    names = list(row.origins)
    origins = join((links.link(links.server(name), name) for name in names[:NAMED]), ", ")
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return fill(
        '<div class="fnd"><b>{address}</b><p>Pulls {streams}{connected} from {origins}{more}</p><p>{told}</p></div>',
        address=row.address,
        streams=numbers.many(int(row.streams), "stream"),
        connected=connected,
        origins=origins,
        more=more,
        told=_told(row),
    )


def answers(row: Any) -> bool:
    """Whether a server of a kind we know answers at an address that pulls."""
    return not numbers.missing(row.kind)


def _told(row: Any) -> str:
    said = "" if numbers.missing(row.told) else str(row.told)
    if answers(row):
        return f"{verdict.capital(said) or 'It answers'} at {row.url}"
    return f"Nothing we know answers there: {said}" if said else "Not tried yet"


def entered_by_hand(address: str) -> str:
    """The address of a form for a server at that IP address, where SRS usually answers."""
    return links.enter(f"http://{f'[{address}]' if ':' in address else address}:1985")
