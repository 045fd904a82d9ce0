"""A stretch of a season as rows of the roll-up tables, flat and in the order of time. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from db import rolled
from demo import history_rows as rows
from demo.curves import Floats
from demo.figures import Copies, Figures
from demo.history_rows import Places, Table
from demo.machine_figures import told
from demo.season import Season
from demo.traffic import HOUR

FIVE_MINUTES = float(rolled.FIVE_MINUTES)


@dataclass(frozen=True, slots=True)
class Span:
    """From epoch second `begin` to `end`, whole hours."""

    begin: float
    end: float

    @property
    def starts(self) -> Floats:
        """When each five minutes begin."""
        return np.arange(self.begin, self.end, FIVE_MINUTES)

    @property
    def words(self) -> str:
        """Which day it is about."""
        return f"{datetime.fromtimestamp(self.begin, UTC):%-d %b %Y}"

    def parts(self, windows: int) -> Iterator[Span]:
        """The same in parts of at most `windows` times five minutes; a part is of one day."""
        begin = self.begin
        while begin < self.end:
            midnight = (begin // 86_400 + 1) * 86_400
            end = min(self.end, midnight, begin + windows * FIVE_MINUTES)
            yield Span(begin, end)
            begin = end


def rolled_tables(
    copies: Copies, places: Places, season: Season, figures: Figures, span: Span
) -> Iterator[tuple[Any, Table]]:
    """(table, columns) for every roll-up table."""
    five, hour = span.starts, np.arange(span.begin, span.end, HOUR)
    narrow = rows.traffic(copies, places, figures, FIVE_MINUTES)
    for traffic, group, at, table in (
        (rolled.traffic_5m, rolled.group_5m, five, narrow),
        (rolled.traffic_1h, rolled.group_1h, hour, rows.hours(narrow)),
    ):
        yield traffic, flat({"server_id": places.servers}, at, table)
        names, sums = rows.grouped(table, places.groups)
        yield group, flat({"group_id": names}, at, sums)
    yield from _wide(copies, places, season, figures, five, hour)
    streams = rows.streams(copies, places, figures, FIVE_MINUTES)
    keys = {"server_id": places.servers[_servers_of(copies, places)], "stream_id": places.streams}
    yield rolled.stream_5m, present(flat(keys, five, streams), "counted_seconds")
    yield rolled.stream_1h, present(flat(keys, hour, rows.stream_hours(streams)), "counted_seconds")
    names, sums = rows.channels(copies, places, streams)
    yield rolled.channel_5m, present(flat({"channel_id": names}, five, sums), "egress_bytes")
    by_hour = rows.channel_hours(sums)
    yield rolled.channel_1h, present(flat({"channel_id": names}, hour, by_hour), "egress_bytes")


def _servers_of(copies: Copies, places: Places) -> npt.NDArray[np.int64]:
    columns = {int(number): at for at, number in enumerate(places.numbers)}
    return np.array([columns[int(copies.server[copy])] for copy in places.copies], dtype=np.int64)


def _wide(
    copies: Copies, places: Places, season: Season, figures: Figures, five: Floats, hour: Floats
) -> Iterator[tuple[Any, Table]]:
    kinds = sorted({copies.servers[number].kind for number in places.numbers})
    for kind in kinds:
        chosen = [at for at, number in enumerate(places.numbers) if copies.servers[number].kind == kind]
        numbers = [int(places.numbers[at]) for at in chosen]
        ends = np.repeat(five[:, None] + FIVE_MINUTES, len(numbers), axis=1)
        began = season.process_began([copies.servers[number].name for number in numbers], ends)
        said = told(kind, figures, numbers, np.maximum(0.0, ends - began))
        table = rows.wide(said, figures.up[:, numbers], FIVE_MINUTES)
        keys = {"server_id": places.servers[chosen]}
        yield rolled.server_5m, flat(keys, five, table)
        yield rolled.server_1h, flat(keys, hour, rows.wide_hours(table, said.gauges))


def flat(keys: dict[str, npt.NDArray[np.int64]], at: Floats, table: Table) -> Table:
    """One row a window and key."""
    width = len(next(iter(keys.values())))
    found: Table = {name: np.tile(values.astype(np.float64), len(at)) for name, values in keys.items()}
    found["at"] = np.repeat(at, width)
    return found | {name: values.ravel() for name, values in table.items()}


def present(table: Table, name: str) -> Table:
    """The rows in which `name` is known."""
    chosen = ~np.isnan(table[name])
    return {each: values[chosen] for each, values in table.items()}
