"""The tables of the pages of the past: the window in numbers, who carried the most, what was watched most. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import Any

import pandas as pd

from cdn.units import HOUR
from db.asked import By
from ui import links
from ui.history import change, moment
from ui.html import Html, fill
from ui.numbers import count, percent, rate, volume
from ui.questions import NAMELESS
from ui.rows import each
from ui.sparkline import bar
from ui.tables import Column, Row, cell, under, unknown

NUMBERS = (Column("What"), Column("Value", number=True), Column("Change", number=True))


def number_rows(rows: Iterable[tuple[str, object, object]]) -> list[Row]:
    """What, value, change."""
    return [Row((what, value, changed)) for what, value, changed in rows]


def group_columns(by: str, measure: str, against: str) -> tuple[Column, ...]:
    """Columns of the table of groups."""
    return (
        Column(by),
        Column(measure, number=True),
        Column("Share", number=True),
        Column(""),
        Column("Peak", number=True),
        Column(f"Change on {against}" if against else "Change", number=True),
    )


def group_rows(grown: pd.DataFrame, peaks: pd.DataFrame, by: By, zone: tzinfo, most: int = 10) -> list[Row]:
    """The largest groups: bytes, share of all, peak and when, change."""
    total = float(grown["bytes"].sum()) if grown["bytes"].notna().any() else 0.0
    highest = {(row.id, row.name): row for row in each(peaks)}
    rows = []
    for row in each(grown[grown["bytes"].notna()].head(most)):
        share = row.bytes / total if total else None
        peak: Any = highest.get((row.id, row.name))
        name = str(row.name) or NAMELESS.get(by, "(no name)")
        rows.append(
            Row(
                (
                    _linked(by, int(row.id), name),
                    volume(row.bytes),
                    percent(share),
                    bar(share, ""),
                    unknown("not known") if peak is None else under(rate(peak.bps), moment(peak.at, zone)),
                    cell(change(row.bytes, row.before), "nothing to compare with"),
                )
            )
        )
    return rows


def _linked(by: By, id: int, name: str) -> Html:
    if by is By.SERVER:
        return links.link(links.server(name), name)
    if by is By.CHANNEL:
        return links.link(links.channel(id), name)
    return fill("{name}", name=name)


WATCHED = "Viewer-hours"


def audience_columns(by: str, against: str) -> tuple[Column, ...]:
    """Columns of the ranking by how long was watched."""
    return (
        Column(by),
        Column(WATCHED, number=True),
        Column("Share", number=True),
        Column(""),
        Column("Most at once", number=True),
        Column(f"Change on {against}" if against else "Change", number=True),
    )


def audience_rows(found: pd.DataFrame, by: By, zone: tzinfo, most: int) -> list[Row]:
    """The most watched: viewer-hours, share of all, most at once and when, change."""
    shown = found[found["viewer_seconds"].notna()]
    total = float(shown["viewer_seconds"].sum())
    rows = []
    for row in each(shown.head(most)):
        share = row.viewer_seconds / total if total else None
        name = str(row.name) or NAMELESS.get(by, "(no name)")
        rows.append(
            Row(
                (
                    _linked(by, int(row.id), name),
                    count(row.viewer_seconds / HOUR),
                    percent(share),
                    bar(share, ""),
                    under(count(row.peak), moment(row.peak_at, zone)),
                    cell(change(row.viewer_seconds, row.before), "nothing to compare with"),
                )
            )
        )
    return rows
