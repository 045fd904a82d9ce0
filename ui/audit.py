"""Whether all increases that were stored add up to what the counters grew, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

from cdn.metrics import BY_NAME, Unit
from ui import links, numbers, tables
from ui.html import NOTHING, Html, fill, join

ROWS = 20
NAMED = 5
WRONG_COLUMNS = (
    tables.Column("Server"),
    tables.Column("Difference", number=True),
    tables.Column("What"),
    tables.Column("Its counter grew", number=True),
    tables.Column("We stored", number=True),
    tables.Column("Since"),
)


@dataclass(frozen=True, slots=True)
class Audit:
    """The self-audit in parts: rows that do not add up; names of servers too new to be audited.

    servers, counters: how many do add up or not; byte_count, other_count: what was stored of bytes and of other things.
    """

    servers: int
    counters: int
    since: Any
    byte_count: int
    other_count: int
    wrong: pd.DataFrame
    too_new: list[str]


def audited(audit: pd.DataFrame) -> Audit:
    """audit: db.working.audit."""
    without = audit[audit["difference"].isna()]
    told = audit[audit["difference"].notna()]
    is_bytes = told["counter"].map(_is_bytes).astype("bool")
    return Audit(
        servers=int(told["id"].nunique()),
        counters=len(told),
        since=told["since"].min(),
        byte_count=int(told.loc[is_bytes, "stored"].sum()),
        other_count=int(told.loc[~is_bytes, "stored"].sum()),
        wrong=told[told["difference"] != 0],
        too_new=list(dict.fromkeys(without["name"])),
    )


def _is_bytes(counter: Any) -> bool:
    return counter in BY_NAME and BY_NAME[counter].unit is Unit.BYTES


def audit_sentence(found: Audit, now: datetime, zone: tzinfo) -> str:
    """ "All increases of 24 servers add up to what their counters grew, to the byte: 1.2 TB since 20:41." """
    if not found.servers:
        return "Nothing can be audited yet: each server has to be polled twice."
    counted = numbers.volume(found.byte_count)
    exactly = "to the byte"
    if not found.byte_count and found.other_count:
        counted, exactly = f"{found.other_count:,} requests and connections", "to the last one"
    since_when = numbers.when(found.since, now, zone)
    servers = numbers.many(found.servers, "server")
    if found.wrong.empty:
        return (
            f"All increases of {servers} add up to what their counters grew, {exactly}: {counted} since {since_when}."
        )
    right = found.counters - len(found.wrong)
    return f"{right:,} of {found.counters:,} counters of {servers} add up to what they grew since {since_when}."


def wrong_rows(found: Audit, now: datetime, zone: tzinfo) -> Iterator[tables.Row]:
    """The counters that do not add up, largest difference first."""
    rows = found.wrong.assign(size=found.wrong["difference"].abs()).sort_values("size", ascending=False, kind="stable")
    row: Any
    for row in rows.head(ROWS).itertuples():
        unit = " bytes" if _is_bytes(row.counter) else ""
        sign = "+" if row.difference > 0 else "−"
        yield tables.Row(
            [
                links.link(links.server(row.name), row.name),
                f"{sign}{abs(int(row.difference)):,}{unit}",
                BY_NAME[row.counter].label if row.counter in BY_NAME else row.counter,
                f"{int(row.grown):,}",
                f"{int(row.stored):,}",
                numbers.when(row.since, now, zone),
            ]
        )


def not_audited(found: Audit) -> Html:
    """Which servers cannot be audited, and why; nothing where all can."""
    names = found.too_new
    if not names:
        return NOTHING
    one = "was not read twice since its counters last began: it is audited from its next poll on."
    more = "were not read twice since their counters last began: they are audited from their next poll on."
    return fill("{names} {why}", names=_named(names), why=one if len(names) == 1 else more)


def _named(names: list[str]) -> Html:
    linked = join((links.link(links.server(name), name) for name in names[:NAMED]), ", ")
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return fill("{linked}{more}", linked=linked, more=more)
