"""Big questions about the past, asked of months of rows, read the partitions and indexes that are meant for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import BigInteger, Engine, Text, event, text

from cdn.model import Kind, Role
from db import airtime, audience, availability, embedded, history, partitions, query, responses
from db import engine as engines
from db.asked import By, Flow, Only
from db.models import Base
from db.quantities import QUANTITIES
from db.query_sql import Group, Level
from db.query_steps import Span
from db.steps import steps
from tests import rolled_rows
from tests.databases import Databases

END = datetime(2026, 6, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SERVERS, CHANNELS, COPIES = 40, 40, 2
# table → days of it, and how long its rows are
MONTHS = {
    **dict.fromkeys(("traffic_5m", "server_5m", "channel_5m", "group_5m", "sum_5m"), (12, "5 min")),
    **dict.fromkeys(("traffic_1h", "server_1h", "channel_1h", "group_1h", "sum_1h"), (120, "1 hour")),
    "traffic_1d": (120, "1 day"),
    "stream_5m": (4, "5 min"),
    "stream_1h": (70, "1 hour"),
}
# What a row is of: columns, and a query of all that there are.
SUBJECTS = {
    "traffic": ("server_id", "SELECT id FROM server"),
    "server": ("server_id", "SELECT id FROM server"),
    "channel": ("channel_id", "SELECT id FROM channel"),
    "stream": ("server_id, stream_id", "SELECT server_id, id FROM stream"),
    "group": ("group_id", "SELECT id FROM server_group"),
    "sum": (
        "dimension, name",
        "SELECT 'total', '' UNION SELECT 'region', region FROM server_group UNION SELECT 'provider', provider"
        " FROM server_group UNION SELECT 'role', role FROM server_group UNION SELECT 'kind', kind FROM server_group",
    ),
}
FILLED = ("egress_bytes", "delivered_bytes", "viewers", "viewer_seconds", "system_cpu", "response_seconds", "requests")


@pytest.fixture(scope="module")
def months(cluster: embedded.Cluster, databases: Databases) -> Iterator[Engine]:
    """Two fleets of twenty servers for months, their channels, publications and outages."""
    with databases.one() as name:
        engine = engines.create(cluster.url(name))
        for number in range(SERVERS):
            role, kind = (Role.EDGE, Kind.SRS) if number % 4 else (Role.ORIGIN, Kind.ANGIE)
            region = ("West", "East")[number % 2]
            rolled_rows.server(engine, f"s{number:02}", END - 200 * DAY, role=role, kind=kind, region=region)
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL synchronous_commit = off"))
            for statement in (_CHANNELS, _STREAMS, _PUBLICATIONS, _OUTAGES):
                connection.execute(text(statement), {"end": END, "channels": CHANNELS, "copies": COPIES})
        for table, (days, every) in MONTHS.items():
            _fill(engine, table, days, every)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
        yield engine
        engine.dispose()


_CHANNELS = (
    "INSERT INTO channel (vhost, app, name, created_at) SELECT '', 'live', 'c' || n, CAST(:end AS timestamptz)"
    " - interval '400 days' FROM generate_series(1, :channels) n"
)
_STREAMS = (
    "INSERT INTO stream (server_id, channel_id, url) SELECT server.id, channel.id, '/live/' || channel.name"
    " FROM channel JOIN server ON (server.id + channel.id) % 40 < :copies"
)
# Each channel ten times a day for a year; the last one goes on.
_PUBLICATIONS = (
    "INSERT INTO publication (server_id, stream_id, began_after, began_by, ended_after, ended_by)"
    " SELECT server_id, id, at - interval '10 s', at, at + interval '2 h', at + interval '2 h 10 s' FROM stream,"
    " generate_series(CAST(:end AS timestamptz) - interval '365 days', :end, '144 min') at"
)
_OUTAGES = (
    "INSERT INTO outage (server_id, began_after, began_by, ended_after, ended_by, reason)"
    " SELECT id, at - interval '10 s', at, at + interval '60 s', at + interval '70 s', 'refused' FROM server,"
    " generate_series(CAST(:end AS timestamptz) - interval '365 days', :end, '6 h') at"
)


def _fill(engine: Engine, table: str, days: int, every: str) -> None:
    start = END - days * DAY
    partitions.ensure(engine, table, [(start + number * DAY).date() for number in range(days + 1)])
    keys, subjects = SUBJECTS[table.partition("_")[0]]
    columns = Base.metadata.tables[table].columns
    told = [column for column in columns if not column.primary_key and (not column.nullable or column.name in FILLED)]
    values = ", ".join("(1e9 * random())::bigint" if isinstance(each.type, BigInteger) else "300" for each in told)
    assert not any(isinstance(each.type, Text) for each in told)
    statement = (
        f"INSERT INTO {table} ({keys}, at, {', '.join(each.name for each in told)}) SELECT of.*, at, {values}"
        f" FROM generate_series(CAST(:start AS timestamptz), :until, '{every}') at, ({subjects}) of ORDER BY at"
    )
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL synchronous_commit = off"))
        connection.execute(text(statement), {"start": start, "until": END - timedelta(minutes=5)})


@dataclass(frozen=True)
class Read:
    """A scan in a plan that was carried out: of which table or partition, by which index, and how many rows it met."""

    table: str
    index: str
    condition: str
    rows: float


def reads(engine: Engine, ask: Callable[[Engine], object]) -> list[Read]:
    """Every scan that `ask` makes for its questions."""
    said: list[tuple[str, Any]] = []

    def noted(_c: Any, _k: Any, statement: str, parameters: Any, _x: Any, _m: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            said.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", noted)
    try:
        ask(engine)
    finally:
        event.remove(engine, "before_cursor_execute", noted)
    found = []
    with engine.connect() as connection:
        for statement, parameters in said:
            query = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}"
            (plan,) = connection.exec_driver_sql(query, parameters).one()
            found += list(_scans(plan[0]["Plan"]))
    return found


def _scans(node: dict[str, Any]) -> Iterator[Read]:
    parts = node.get("Plans", [])
    if (table := node.get("Relation Name")) is not None:
        # A bitmap's index is told by the node below.
        by = parts[0] if parts and node["Node Type"] == "Bitmap Heap Scan" else node
        thrown_away = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        rows = (node["Actual Rows"] + thrown_away) * node["Actual Loops"]
        yield Read(table, by.get("Index Name", ""), by.get("Index Cond", ""), rows)
    for part in parts:
        yield from _scans(part)


SERVER, CHANNEL = 8, 7


@dataclass(frozen=True)
class Question:
    """What is asked of the `days` up to END; reads: which tables, and how.

    key: by the key of a server or channel; time: by the time, whole partitions perhaps without an index.
    """

    name: str
    days: int
    ask: Callable[[Engine, datetime], object]
    reads: dict[str, str]


def _figures(metric: str, level: Level, step: int, *servers: int) -> Callable[[Engine, datetime], object]:
    def ask(engine: Engine, start: datetime) -> object:
        over, only = Span(start, END, step, level), Only(servers=servers)
        return query.history(engine, QUANTITIES[metric], Group.REGION, over, only, interval=15.0, most=5)

    return ask


def _viewers(by: By, **only: Any) -> Callable[[Engine, datetime], object]:
    return lambda engine, start: audience.viewers(engine, steps(start, END), by=by, only=Only(**only), most=3)


def _traffic(by: By, **only: Any) -> Callable[[Engine, datetime], object]:
    return lambda engine, start: history.traffic(
        engine, steps(start, END), flow=Flow.OUT, by=by, only=Only(**only), most=3
    )


def _answers(*servers: int) -> Callable[[Engine, datetime], object]:
    return lambda engine, start: responses.response_times(engine, start, END, END, servers)


QUESTIONS = (
    Question("a metric of all, months", 90, _figures("system_cpu", Level.HOURS, 7_200), {"server_1h": "time"}),
    Question("a metric of one, months", 90, _figures("system_cpu", Level.HOURS, 7_200, SERVER), {"server_1h": "key"}),
    Question("a metric of all, a day", 1, _figures("requests", Level.FIVE_MINUTES, 300), {"server_5m": "time"}),
    Question("a metric of one, a day", 1, _figures("requests", Level.FIVE_MINUTES, 300, SERVER), {"server_5m": "key"}),
    Question("traffic of one, days", 90, _figures("delivered", Level.DAYS, 86_400, SERVER), {"traffic_1d": "key"}),
    Question("how long answers took, months", 90, _answers(), {"server_1h": "time"}),
    Question("how long answers took, a day", 1, _answers(), {"server_5m": "time"}),
    Question("how long answers of one took, months", 90, _answers(SERVER), {"server_1h": "key"}),
    Question("how long answers of one took, a day", 1, _answers(SERVER), {"server_5m": "key"}),
    Question("viewers, months", 90, _viewers(By.TOTAL), {"sum_1h": "key"}),
    Question("viewers by region, months", 90, _viewers(By.REGION), {"sum_1h": "key"}),
    Question("viewers of a channel, months", 90, _viewers(By.TOTAL, channels=(CHANNEL,)), {"channel_1h": "key"}),
    Question("viewers of a channel, a day", 1, _viewers(By.TOTAL, channels=(CHANNEL,)), {"channel_5m": "key"}),
    Question("viewers by channel, a day", 1, _viewers(By.CHANNEL), {"channel_5m": "time"}),
    Question("a channel by server, a month", 30, _viewers(By.SERVER, channels=(CHANNEL,)), {"stream_1h": "key"}),
    Question("channels of a server, a month", 30, _viewers(By.CHANNEL, servers=(SERVER,)), {"stream_1h": "key"}),
    Question("traffic by region, months", 90, _traffic(By.REGION), {"sum_1h": "key"}),
    Question("traffic of one server, a day", 1, _traffic(By.TOTAL, servers=(SERVER,)), {"traffic_5m": "key"}),
)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: each.name)
def test_a_question_reads_what_lies_in_its_window_and_no_more(months: Engine, question: Question) -> None:
    start = END - question.days * DAY
    found = [read for read in reads(months, lambda engine: question.ask(engine, start)) if "_p20" in read.table]
    assert {_parent(read) for read in found} == question.reads.keys()
    met: dict[str, float] = {}
    for read in found:
        first = datetime.strptime(read.table[-8:], "%Y%m%d").replace(tzinfo=UTC)
        last = datetime.combine(partitions.next_day(_parent(read), first.date()), datetime.min.time(), UTC)
        assert first < END, f"{read.table} is of a time after the question"
        assert last > start, f"{read.table} is of a time before the question"
        is_whole = start <= first
        if question.reads[_parent(read)] == "key":
            assert is_small(months, read) or (read.index.endswith("_pkey") and _by_key(read.condition)), read
        else:
            assert is_whole or read.index.endswith(("_at_idx", "_pkey")), read
        met[read.table] = max(met.get(read.table, 0), read.rows)
    for table, how in question.reads.items():
        with months.connect() as connection:
            counted = text(f"SELECT count(*) FROM {table} WHERE at >= :start AND at < :end")
            inside = connection.execute(counted, {"start": start, "end": END}).scalar_one()
        # Of one of forty a fortieth; of the sums one or two dimensions of five.
        share = {"key": 0.5 if table.startswith("sum") else 0.15, "time": 1.4}[how]
        assert sum(rows for name, rows in met.items() if name.startswith(table)) <= inside * share


def _parent(read: Read) -> str:
    return read.table.rpartition("_p")[0]


def _by_key(condition: str) -> bool:
    return any(name in condition for name in ("server_id =", "channel_id =", "stream_id =", "dimension ="))


def is_small(engine: Engine, read: Read) -> bool:
    """Whether a partition has so few pages that no index would help."""
    with engine.connect() as connection:
        return bool(connection.scalar(text("SELECT pg_relation_size(:table) < 500000"), {"table": read.table}))


def test_whether_servers_were_up_is_read_by_hours_but_for_the_cut_ones(months: Engine) -> None:
    found = reads(months, lambda engine: availability.watched(engine, [END - 30 * DAY - HOUR / 2, END], END))
    looked_for = [read for read in found if read.condition == "(server_id = server.id)"]
    assert all(read.rows <= SERVERS for read in looked_for)
    five = [read for read in found if read.table.startswith("traffic_5m") and read not in looked_for]
    hours = [read for read in found if read.table.startswith("traffic_1h") and read not in looked_for]
    assert {read.table for read in hours} == {"traffic_1h_p20260501", "traffic_1h_p20260601"}
    assert all(read.index.endswith("_at_idx") for read in five)
    # Five minutes of the three last hours and of the cut one; a page range of the index holds some more.
    assert sum(read.rows for read in five) < 12_000


@pytest.mark.parametrize(("ago", "days"), [(0, 3), (300, 3)])
def test_publications_are_read_from_the_window_on_and_not_from_the_first_one_on(
    months: Engine, ago: int, days: int
) -> None:
    end = END - ago * DAY
    found = reads(months, lambda engine: airtime.airtime(engine, [end - days * DAY, end], END))
    found = [read for read in found if read.table == "publication"]
    with months.connect() as connection:
        whole = connection.scalar(text("SELECT count(*) FROM publication"))
        streams = connection.scalar(text("SELECT count(*) FROM stream"))
    assert all(read.index for read in found)
    begun = (2 * days + 2 * airtime.FOLLOWED.days) * 10 * streams
    assert 0 < sum(read.rows for read in found) <= begun + 2 * streams < whole / 10
