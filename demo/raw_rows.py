"""The last day of a season as polls would have left it: samples, minutes of servers, minutes of streams. Pure.

Windows of 15 s lie one behind the other from the day's begin; each server's end a little later than the common grid, so
that its last poll is where the live ones begin. Minutes are sums of windows, cut like any poll's increase: they add up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from demo import history_rows as rows
from demo.curves import Flags, Floats
from demo.figures import Copies, Figures
from demo.history_rows import Places, Table
from demo.machine_figures import told
from demo.season import Season
from demo.traffic import HOUR

INTERVAL = 15.0
IN_MINUTE = 4
IN_HOUR = int(HOUR / INTERVAL)
COUNTED = ("egress_bytes", "ingress_bytes", "internal_bytes", "origin_bytes")
SUMMED = (*COUNTED, "viewer_seconds", "stream_seconds", *rows.SECONDS)
# The last poll of a server is this long before its first live one, which has a row of its own.
BEFORE = 2e-6


@dataclass(frozen=True, slots=True)
class Polls:
    """Polls of servers of one kind, as flat columns of `sample`; `good` tells which ones were answered."""

    columns: Table
    good: Flags


@dataclass(frozen=True, slots=True)
class Hour:
    """What an hour leaves. minutes: flat columns of `traffic_1m`; open: the last ones, which live polls add to."""

    polls: list[Polls]
    minutes: Table
    open: Table | None
    streams: Table


class LastDay:
    """From epoch second `begin` to `ends`, one a listed server. Who ends much later than the first one has a gap."""

    def __init__(self, copies: Copies, places: Places, season: Season, begin: float, ends: Floats) -> None:
        self._copies, self._places, self._season, self._begin = copies, places, season, begin
        lasts = ends - begin
        # Where some end on this side of a window's border and some beyond it, the latter have one window more.
        self.windows = int(lasts.min() // INTERVAL) + 1
        self.counts = np.minimum(lasts // INTERVAL, self.windows)
        self.late = np.clip(lasts - self.counts * INTERVAL, 0.0, INTERVAL - 0.001)
        servers = [copies.servers[number] for number in places.numbers]
        kinds = sorted({server.kind for server in servers})
        self._kinds = {kind: [at for at, server in enumerate(servers) if server.kind == kind] for kind in kinds}
        columns = {int(number): at for at, number in enumerate(places.numbers)}
        self._server_of_copy = np.array([columns[int(copies.server[copy])] for copy in places.copies], dtype=np.int64)
        self._tail: Table = {}
        self._was_good = np.ones(len(servers), dtype=bool)

    def hours(self) -> Iterator[Hour]:
        """The hours in turn; the last one is what is left."""
        for first in range(0, self.windows, IN_HOUR):
            yield self._hour(first, min(first + IN_HOUR, self.windows))

    def _hour(self, first: int, last: int) -> Hour:
        starts: Floats = self._begin + INTERVAL * np.arange(first, last, dtype=np.float64)
        figures = self._copies.figures(self._season, starts, INTERVAL)
        index = np.arange(first, last)[:, None]
        is_there = index < self.counts
        good = (figures.up[:, self._places.numbers] > 0.5) & is_there
        length = np.where(is_there, INTERVAL, 0.0)
        if first == 0:
            length[0] += self.late
        table = self._increases(figures, good, length)
        end: Floats = self._begin + self.late + INTERVAL * np.minimum(index + 1, self.counts)
        end -= np.where(index + 1 >= self.counts, BEFORE, 0.0)
        polls = [self._polls(kind, columns, figures, table, good, length, end) for kind, columns in self._kinds.items()]
        self._was_good = good[-1]
        minutes, rest = self._minutes(table, first, last)
        return Hour(polls, minutes, rest, self._streams(figures, good, length, end))

    def _increases(self, figures: Figures, good: Flags, length: Floats) -> Table:
        """What each window added to a server's sums."""
        table = rows.traffic(self._copies, self._places, figures, INTERVAL)
        longer = length / INTERVAL
        found = {name: np.where(good, np.rint(table[name] * longer), np.nan) for name in COUNTED}
        for name in ("viewer_seconds", "stream_seconds"):
            found[name] = np.where(good, table[name] * longer, np.nan)
        found["covered_seconds"] = length
        found["up_seconds"] = np.where(good, length, 0.0)
        found["counted_seconds"] = np.where(np.isnan(found["egress_bytes"]), 0.0, length)
        return found

    def _polls(
        self,
        kind: str,
        columns: list[int],
        figures: Figures,
        table: Table,
        good: Flags,
        length: Floats,
        end: Floats,
    ) -> Polls:
        numbers = [int(number) for number in self._places.numbers[columns]]
        said = told(kind, figures, numbers, self.uptime(figures, numbers, end[:, columns]))
        answered = good[:, columns]
        before = np.vstack([self._was_good[columns], answered[:-1]])
        gone = np.where(answered, 0.0, np.nan)
        found: Table = {
            "server_id": self._places.servers[columns] + 0 * end[:, columns],
            "at": end[:, columns],
            "since": np.maximum(self._begin, end[:, columns] - length[:, columns]),
            "counted_seconds": length[:, columns] + gone,
            "restarted": (answered & ~before).astype(np.float64),
            "estimated": np.zeros_like(gone),
            "up": answered.astype(np.float64),
            **{name: table[name][:, columns] for name in COUNTED},
            **{name: np.rint(rate * length[:, columns]) + gone for name, rate in said.counters.items()},
            **{name: value + gone for name, value in said.gauges.items()},
        }
        for name in ("viewers", "live_streams", "connections"):
            if name in found:
                found[name] = np.rint(found[name])
        there = length[:, columns].ravel() > 0
        return Polls({name: values.ravel()[there] for name, values in found.items()}, answered.ravel()[there])

    def uptime(self, figures: Figures, numbers: list[int], at: Floats) -> Floats:
        """Seconds since each server's process began: with the season, or after its last outage."""
        return at - self._season.process_began([self._copies.servers[number].name for number in numbers], at)

    def _minutes(self, table: Table, first: int, last: int) -> tuple[Table, Table | None]:
        """Minutes of the hour; where a window reaches into the next one it is cut by its share."""
        left = (first - last) % IN_MINUTE
        share = (INTERVAL - self.late) / INTERVAL
        found: Table = {}
        for name in SUMMED:
            nothing = 0.0 if name in rows.SECONDS else np.nan
            padded = np.vstack([table[name], np.full((left, table[name].shape[1]), nothing)])
            parts = padded.reshape(-1, IN_MINUTE, padded.shape[1])
            head = parts[:, -1] * share
            if name in COUNTED:
                head = np.rint(head)
            tail = parts[:, -1] - head
            before = np.vstack([self._tail.get(name, np.full_like(tail[:1], nothing)), tail[:-1]])
            self._tail[name] = tail[-1:]
            found[name] = rows.total(np.concatenate([before[:, None], parts[:, :-1], head[:, None]], axis=1))
        count = len(found["covered_seconds"])
        at: Floats = self._begin + 60.0 * (first // IN_MINUTE + np.arange(count, dtype=np.float64))
        if last < self.windows:
            return self._flat(found, at), None
        # The last minute, and what reaches into the one after.
        ends = {name: np.vstack([values[-1:], self._tail[name]]) for name, values in found.items()}
        rest = self._flat(ends, np.array([at[-1], at[-1] + 60.0]))
        return self._flat({name: values[:-1] for name, values in found.items()}, at[:-1]), rest

    def _flat(self, table: Table, at: Floats) -> Table:
        blank = 0 * table["covered_seconds"]
        keys = {"server_id": self._places.servers + blank, "at": at[:, None] + blank}
        return {name: values.ravel() for name, values in (keys | table).items()}

    def _streams(self, figures: Figures, good: Flags, length: Floats, end: Floats) -> Table:
        """Every fourth poll leaves a row of each stream that was there; so does the last one."""
        edges = np.arange(0, len(end), IN_MINUTE)
        closing = np.append(edges[1:] - 1, len(end) - 1)
        chosen, servers = self._places.copies, self._server_of_copy
        there = (figures.there[:, chosen] > 0.5) & good[:, servers]
        seconds = np.where(there, length[:, servers], 0.0)
        counted = np.add.reduceat(seconds, edges, axis=0)
        last = end[closing][:, servers]
        since = last - np.add.reduceat(length[:, servers], edges, axis=0)
        found: Table = {
            "server_id": self._places.servers[servers] + 0 * last,
            "stream_id": self._places.streams + 0 * last,
            "at": last,
            "since": np.maximum(since, self._begin),
            "counted_seconds": counted,
            "publishing": np.where(self._copies.handed_on[chosen], 0.0, 1.0) + 0 * last,
            "viewers": np.rint(figures.viewers[closing][:, chosen]),
            "frames": 0 * last,
        }
        for name, rate in (("egress_bytes", figures.sent), ("ingress_bytes", figures.received)):
            found[name] = np.add.reduceat(np.rint(rate[:, chosen] * seconds / 8), edges, axis=0)
        present = counted > 0
        return {name: values[present] for name, values in found.items()}
