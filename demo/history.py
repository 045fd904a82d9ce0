"""`python -m demo history`: weeks of history for the simulated CDN, written into DATABASE_URL.

Roll-ups are written as such; of the last day the polls, which the product itself rolls up. History ends where the
live polls begin, and goes on the same curves: see `demo/curves.py`. All of it is one transaction.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from cdn.clock import utc_now
from db import backfill, groups, rollup, samples
from db import engine as engines
from db.backfill import Connection, Unready
from db.bulk import copy
from db.engine import Engine
from db.measurements import event, publication, sample, stream_sample, traffic_1m
from db.rolled import BY_DAY, BY_MONTH, outage
from demo import history_nouns as nouns
from demo.curves import Flags, Floats
from demo.figures import Copies
from demo.fleet import Fleet
from demo.history_rows import Places
from demo.raw_rows import INTERVAL, SUMMED, LastDay
from demo.rolled_rows import FIVE_MINUTES, Span, rolled_tables
from demo.season import Season, season
from demo.server import RTMP_KINDS
from demo.traffic import DAY, HOUR

Progress = Callable[[float, str], None]
DEFAULT_DAYS = 90
STREAM_DAYS = 62
# Windows times copies that are worked on at once.
AT_ONCE = 1_500_000
# How far one is when the roll-ups of the season are written, and when all is.
ROLLED, WRITTEN = 0.7, 0.88
LONGEST_WAIT = 300.0
BETWEEN_LINES = 0.5


@dataclass(frozen=True, slots=True)
class Extent:
    """days: of history in all; of them of five minutes of streams, and of the wide rows of servers."""

    days: int = DEFAULT_DAYS
    stream_days: int = STREAM_DAYS
    wide_days: int = 400


USUAL = Extent()


def _silent(_done: float, _what: str) -> None:
    """Tell nobody."""


def write_history(
    engine: Engine, fleet: Fleet, now: datetime, extent: Extent = USUAL, progress: Progress = _silent
) -> bool:
    """Write the history of `fleet` up to the first polls, or up to `now` where there are none.

    Returns False where there is history already, or somebody writes it. Raises Unready, Unavailable.
    """
    last_day = int(now.timestamp() // HOUR) * HOUR - DAY
    begin = last_day - (extent.days - 1) * DAY
    with backfill.writing(engine) as connection:
        if backfill.has_history(connection):
            return False
        servers = _known(connection, fleet)
        # By themselves: a collector that meets a stream waits for whoever makes it at the same time.
        _streams(connection, Copies(fleet), servers)
    _prepare(engine, begin, now)
    with backfill.writing(engine) as connection:
        if not backfill.lock(connection) or backfill.has_history(connection):
            return False
        work = _Writing(connection, fleet, season(fleet, begin, now.timestamp()), servers)
        work.rolled(Span(begin, last_day), extent, lambda done, what: progress(done * ROLLED, what))
        ends = work.last_day(last_day, lambda done, what: progress(ROLLED + done * (WRITTEN - ROLLED), what))
        work.nouns(ends)
        backfill.existed_since(connection, list(servers.values()), nouns.moment(begin))
    return True


def roll_up(engine: Engine, now: datetime, progress: Progress = _silent) -> None:
    """Roll up the last day; waits where a collector is at it already. Raises Unavailable."""
    before = now - timedelta(seconds=2 * FIVE_MINUTES)
    everything = left = backfill.buckets_due(engine, before)
    deadline = time.monotonic() + LONGEST_WAIT
    while left and time.monotonic() < deadline:
        progress(1 - (1 - WRITTEN) * left / everything, "rolling up the last day")
        if not rollup.roll_up(engine, now):
            time.sleep(0.5)
        left = backfill.buckets_due(engine, before)


def tell(fleet: Fleet, extent: Extent, *, unless_there: bool) -> int:
    """Write and roll up, and say on standard output how far it is; returns the exit status.

    Raises SettingsError, Unready, Unavailable.
    """
    began, last = time.monotonic(), [0.0]

    def progress(done: float, what: str) -> None:
        if time.monotonic() - last[0] >= BETWEEN_LINES:
            last[0] = time.monotonic()
            print(f"{done * 100:.0f} % {what}", flush=True)

    engine = engines.shared()
    if not write_history(engine, fleet, utc_now(), extent, progress):
        if not unless_there:
            print("There is history already, or somebody writes it just now: nothing was written.", file=sys.stderr)
        return 0 if unless_there else 1
    roll_up(engine, utc_now(), progress)
    print(f"{extent.days} days of history are there; it took {time.monotonic() - began:.0f} s.", flush=True)
    return 0


def _known(connection: Connection, fleet: Fleet) -> dict[str, int]:
    """Name → id of the servers that are listed. Raises Unready."""
    found = backfill.servers(connection)
    wanted = [server.name for server in fleet.servers if server.listed]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise Unready(
            f"{len(missing)} of {len(wanted)} servers are not in the database, {missing[0]} among them; import them"
            " first: python -m demo fleet > servers.toml (with the same options),"
            " then python -m collector import servers.toml"
        )
    return {name: found[name] for name in wanted}


def _listed(copies: Copies, servers: dict[str, int]) -> list[int]:
    """The copies that servers list as streams."""
    found = enumerate(copies.servers[number] for number, _ in copies.pairs)
    return [at for at, server in found if server.name in servers and server.kind in RTMP_KINDS]


def _streams(connection: Connection, copies: Copies, servers: dict[str, int]) -> list[int]:
    """Ids of the streams that these copies are, made where they are new."""
    keys = {}
    for at in _listed(copies, servers):
        number, channel = copies.pairs[at]
        vhost = "" if channel.vhost == "__defaultVhost__" else channel.vhost
        keys[servers[copies.servers[number].name], channel.url] = (vhost, channel.app, channel.name)
    found = samples.stream_ids(connection, keys)
    return [found[key] for key in keys]


def _prepare(engine: Engine, begin: float, now: datetime) -> None:
    """Groups and partitions, which have transactions of their own."""
    groups.keep(engine)
    first = datetime.fromtimestamp(begin, UTC).date()
    days = [first + timedelta(days=number) for number in range((now.date() - first).days + 2)]
    backfill.ensure_days(engine, [table.name for table in (*BY_DAY, *BY_MONTH)], days)
    backfill.ensure_days(engine, [table.name for table in (sample, stream_sample, traffic_1m)], days[-4:])


class _Writing:
    """One transaction that writes a season."""

    def __init__(self, connection: Connection, fleet: Fleet, told: Season, servers: dict[str, int]) -> None:
        self._connection, self._fleet, self._season, self._servers = connection, fleet, told, servers
        self._copies = Copies(fleet)
        self._places = self._placed()

    def _placed(self) -> Places:
        """Which servers and copies the product knows, and as what."""
        numbers = [at for at, server in enumerate(self._fleet.servers) if server.name in self._servers]
        copies = _listed(self._copies, self._servers)
        ids = _streams(self._connection, self._copies, self._servers)
        channels = backfill.channels(self._connection, ids)
        placed = backfill.groups(self._connection)
        servers = [self._servers[self._fleet.servers[number].name] for number in numbers]
        return Places(
            np.array(numbers),
            np.array(servers),
            np.array([placed[server] for server in servers]),
            np.array(copies),
            np.array(ids),
            np.array([channels[stream] for stream in ids]),
        )

    def rolled(self, span: Span, extent: Extent, progress: Progress) -> None:
        """Five minutes and hours of the whole season but for its last day."""
        most = max(1, AT_ONCE // len(self._copies.pairs) // 12) * 12
        for part in span.parts(most):
            figures = self._copies.figures(self._season, part.starts, FIVE_MINUTES)
            ages = {"stream_5m": extent.stream_days, "channel_5m": extent.stream_days, "server_5m": extent.wide_days}
            for table, columns in rolled_tables(self._copies, self._places, self._season, figures, part):
                if part.begin >= span.end - (ages.get(table.name, extent.days) - 1) * DAY:
                    backfill.write(self._connection, table, columns)
            progress((part.end - span.begin) / (span.end - span.begin), f"{part.words}")
        at = span.begin // DAY * DAY
        while at < span.end:
            rollup.sum_up(self._connection, nouns.moment(at), nouns.moment(at + DAY))
            at += DAY

    def last_day(self, begin: float, progress: Progress) -> Floats:
        """The polls of the last day; returns when each server's last one was."""
        now = self._season.end
        first = backfill.first_polls(self._connection)
        ends = np.array(
            [first[server].timestamp() if server in first else now for server in self._places.servers.tolist()]
        )
        day = LastDay(self._copies, self._places, self._season, begin, ends)
        reasons = self._reasons(begin)
        for number, hour in enumerate(day.hours()):
            for polls in hour.polls:
                self._write_polls(polls.columns, polls.good, reasons)
            backfill.write(self._connection, traffic_1m, hour.minutes)
            backfill.write(self._connection, stream_sample, hour.streams)
            if hour.open is not None:
                names = ("server_id", "at", *SUMMED)
                plain = zip(*(_plain(name, hour.open[name]) for name in names), strict=True)
                backfill.add(self._connection, traffic_1m, names, list(plain), 2)
            progress((number + 1) * HOUR / (now - begin), "the polls of the last day")
        last: Floats = begin + day.late + day.counts * INTERVAL
        due = {
            (server, at)
            for server, until in zip(self._places.servers.tolist(), last.tolist(), strict=True)
            for at in rollup.buckets(nouns.moment(begin), nouns.moment(until))
        }
        rollup.note(self._connection, due)
        return last

    def _reasons(self, begin: float) -> dict[int, str]:
        """Server → why it was away in the last day."""
        return {self._servers[one.server]: one.reason for one in self._season.outages if one.end > begin}

    def _write_polls(self, columns: dict[str, Floats], good: Flags, reasons: dict[int, str]) -> None:
        backfill.write(self._connection, sample, {name: values[good] for name, values in columns.items()})
        for server in np.unique(columns["server_id"][~good]).tolist():
            chosen = ~good & (columns["server_id"] == server)
            reason = reasons.get(int(server), "refused").encode()
            some = {name: values[chosen] for name, values in columns.items()}
            backfill.write(self._connection, sample, some | {"reason": np.full(int(chosen.sum()), reason)})

    def nouns(self, ends: Floats) -> None:
        """What people and collectors noted."""
        end = nouns.moment(float(ends.max()))
        copies = self._places.copies.tolist()
        names = [(self._fleet.servers[number].name, channel.url) for number, channel in self._copies.pairs]
        streams = {names[copy_]: stream for copy_, stream in zip(copies, self._places.streams.tolist(), strict=True)}
        columns = [column.name for column in outage.columns]
        order = ("server_id", "began_by", "began_after", "ended_after", "ended_by", "reason")
        assert set(columns) == set(order)
        copy(self._connection, outage, order, nouns.outages(self._season, self._servers))
        copy(self._connection, event, samples.EVENT_COLUMNS, nouns.restarts(self._season, self._servers))
        published = nouns.publications(self._season, self._fleet, streams, self._servers, end)
        copy(self._connection, publication, samples.PUBLICATION_COLUMNS, published)
        providers = {server.city.provider for server in self._fleet.servers}
        backfill.insert(self._connection, [*nouns.markers(self._season), *nouns.contracts(self._season, providers)])


def _plain(name: str, values: Floats) -> list[object]:
    """Values as `db.bulk` takes them."""
    if name == "at":
        return [nouns.moment(value) for value in values.tolist()]
    whole = name == "server_id" or name.endswith("_bytes")
    return [None if value != value else int(value) if whole else value for value in values.tolist()]
