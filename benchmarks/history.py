"""How long does it take to ask 90 days of 1,000 servers, and what do they cost on disk?

Each question is asked of the product's own functions. Cold: PostgreSQL is started anew and none of its files is in the
system's cache (pages of these files are given back with posix_fadvise; nothing else on the machine is touched).
Warm: asked again. The ratio says how much longer the same takes from the polls of a single day.

    python -m benchmarks.history --folder season
    python -m benchmarks.history --servers 200 --days 30

In a folder the data stay and are used again.
"""

# ruff: noqa: S608 (names of tables and columns are from here)
from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from sqlalchemy import Engine, text

from benchmarks.history_data import Amount, enter, fill
from cdn.months import Month
from db import billing, embedded, history, live, migrate, rollup
from db import engine as engines
from db.asked import By, Flow, Only
from db.bill import Direction
from db.contracts import Draft, Stored
from db.rolled import BY_DAY, BY_MONTH
from db.steps import steps

END = datetime(2026, 11, 24, 12, tzinfo=UTC)
INTERVAL = 15.0
RAW = (
    "SELECT {key} AS name, date_bin('5 minutes', t.at, :start) AS at, sum(t.egress_bytes)::bigint AS bytes"
    " FROM sample t JOIN server ON server.id = t.server_id WHERE t.at >= :start AND t.at < :end{only} GROUP BY 1, 2"
)
RAW_PERCENTILE = (
    "SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY bytes) FROM (SELECT date_bin('5 minutes', at, :start) AS at,"
    " sum(egress_bytes) AS bytes FROM sample WHERE at >= :start AND at < :end GROUP BY 1) summed"
)
RAW_LIVE = "SELECT DISTINCT ON (server_id) * FROM sample WHERE at >= :start AND at < :end ORDER BY server_id, at DESC"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; `raw`: the same from the polls of a day; `within`: how many ms it may take."""

    name: str
    ask: Callable[[Engine], object]
    within: float
    raw: str | None = None


def questions(engine: Engine, days: int) -> list[Question]:
    """What pages ask."""
    with engine.begin() as connection:
        server = int(connection.execute(text("SELECT min(id) FROM server WHERE role = 'edge'")).scalar_one())
        provider = str(connection.execute(text("SELECT min(provider) FROM server")).scalar_one())
    season = steps(END - timedelta(days=days), END)

    def bandwidth(by: By) -> Callable[[Engine], object]:
        return lambda engine: history.traffic(engine, season, flow=Flow.DELIVERED, by=by, only=Only(), most=10)

    def of_one(length: timedelta) -> Callable[[Engine], object]:
        over, only = steps(END - length, END), Only(servers=(server,))
        return lambda engine: history.traffic(engine, over, flow=Flow.DELIVERED, by=By.TOTAL, only=only)

    keys = {By.TOTAL: "''", By.SERVER: "server.name", By.TAG: "server.tags::text"}
    found = [
        Question(
            f"{days} days by {by.value}",
            bandwidth(by),
            100 if by in (By.TOTAL, By.ROLE, By.REGION, By.PROVIDER) else 300,
            RAW.format(key=keys.get(by, f"server.{by.value}"), only=""),
        )
        for by in (By.TOTAL, By.ROLE, By.REGION, By.PROVIDER, By.KIND, By.TAG, By.SERVER)
    ]
    one = RAW.format(key="server.name", only=f" AND t.server_id = {server}")
    for length in (timedelta(days=1), timedelta(days=14), timedelta(days=days)):
        found.append(Question(f"one server, {length.days} days", of_one(length), 100, one))
    found.append(Question("95th of a month, all servers", _percentile, 500, RAW_PERCENTILE))
    found.append(Question("a carrier's bill of a month", lambda engine: _bill(engine, provider), 500, RAW_PERCENTILE))
    return found + live_questions()


def live_questions() -> list[Question]:
    """What the overview asks, and all of that together."""
    parts: dict[str, Callable[[Engine], object]] = {
        "fleet": lambda engine: live.fleet(engine, END, INTERVAL),
        "freshness": lambda engine: live.freshness(engine, END, INTERVAL),
        "summary": lambda engine: live.summary(engine, END, INTERVAL),
        "an hour by region": lambda engine: live.traffic(engine, END, "1h"),
    }
    found = [Question(f"live: {name}", ask, 50) for name, ask in parts.items()]
    whole = Question("live overview, all of it", lambda engine: [ask(engine) for ask in parts.values()], 50, RAW_LIVE)
    a_day = Question("live: a day by region", lambda engine: live.traffic(engine, END, "24h"), 300)
    return [*found, whole, a_day]


def _percentile(engine: Engine) -> object:
    query = (
        "SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY egress_bytes) FROM sum_5m"
        " WHERE dimension = 'total' AND at >= :start AND at < :end"
    )
    with engine.begin() as connection:
        return connection.execute(text(query), {"start": END - timedelta(days=30), "end": END}).scalar_one()


def _bill(engine: Engine, provider: str) -> object:
    draft = Draft(
        name="Transit",
        provider=provider,
        servers=(),
        direction=Direction.OUT,
        percentile=95.0,
        commit_bps=10**9,
        price=Decimal("0.2"),
        overage_price=None,
        currency="EUR",
        zone="UTC",
        calibration=1.0,
        starts_on=date(2026, 1, 1),
    )
    last = END.replace(day=1) - timedelta(days=1)
    return billing.month(engine, Stored(1, 1, draft, ()), Month(last.year, last.month), END)


@contextmanager
def _running(folder: Path, major: int) -> Any:
    with embedded.running(folder, major=major) as cluster:
        engine = engines.create(cluster.url(), statement_timeout=600)
        try:
            yield engine
        finally:
            engine.dispose()


def _forget(folder: Path) -> None:
    """Take the files of a stopped PostgreSQL out of the system's cache."""
    for file in (folder / "postgresql").rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def _timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


def _spread(times: list[float]) -> str:
    worst = quantiles(times, n=20)[18] if len(times) > 4 else max(times)
    return f"{median(times):7.0f} {worst:7.0f}"


def measure(folder: Path, major: int, asked: list[Question], cold: int, warm: int) -> None:
    """Ask every question and print one line each."""
    print(f"{'ms':32} {'cold: median, p95':>15} {'warm: median, p95':>19}  wanted  a day of polls, ratio", flush=True)
    for question in asked:
        first = []
        for _ in range(cold):
            _forget(folder)
            with _running(folder, major) as engine:
                with engine.connect():
                    pass
                first.append(_timed(lambda ask=question.ask, engine=engine: ask(engine)))  # type: ignore[misc]
        with _running(folder, major) as engine:
            question.ask(engine)
            again = [_timed(lambda ask=question.ask: ask(engine)) for _ in range(warm)]  # type: ignore[misc]
            raw = _raw(engine, question.raw) if question.raw else None
        ratio = "" if raw is None else f"  {raw:7.0f}  {raw / median(again):6.1f}"
        print(
            f"{question.name:32} {_spread(first)}   {_spread(again)}  {question.within:6.0f}{ratio}"
            f"   load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


def _raw(engine: Engine, query: str) -> float:
    def ask() -> None:
        with engine.begin() as connection:
            connection.execute(text(query), {"start": END - timedelta(days=1), "end": END}).fetchall()

    return min(_timed(ask) for _ in range(2))


def roll_ups(folder: Path, major: int) -> None:
    """Five minutes that come in anew, again and again, and the hour they are of."""
    with _running(folder, major) as engine:
        with engine.begin() as connection:
            servers = [row.id for row in connection.execute(text("SELECT id FROM server"))]
        times = []
        for number in range(2, 8):
            at = END - timedelta(hours=1) + timedelta(minutes=5 * number)
            with engine.begin() as connection:
                for table in ("traffic_5m", "server_5m", "stream_5m", "channel_5m", "group_5m", "sum_5m"):
                    connection.execute(text(f"DELETE FROM {table} WHERE at = :at"), {"at": at})
                rollup.note(connection, [(server, at) for server in servers])
            now = at + timedelta(minutes=5, seconds=31)
            times.append(_timed(lambda now=now: rollup.roll_up(engine, now)))  # type: ignore[misc]
        print(f"{'roll-up of five minutes':32} {'':15}   {_spread(times)}    1000   load {os.getloadavg()[0]:.1f}")
        hour = _timed(lambda: rollup.roll_up(engine, END + timedelta(minutes=1)))
        print(f"{'roll-up of their hour':32} {'':15}   {hour:7.0f}", flush=True)


def sizes(folder: Path, major: int) -> None:
    """What a row costs on disk with its share of indexes, and each server a day."""
    tables = [*(table.name for table in (*BY_DAY, *BY_MONTH)), "sample", "traffic_1m", "stream_sample"]
    with _running(folder, major) as engine, engine.begin() as connection:
        servers = connection.execute(text("SELECT count(*) FROM server")).scalar_one()
        print(
            f"{'on disk':16} {'rows':>12} {'bytes a row':>12} {'rows a server and day':>22} {'kB a server and day':>20}"
        )
        for name in sorted(tables):
            total, rows = connection.execute(
                text(
                    f"SELECT (SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('{name}')),"
                    f" (SELECT count(*) FROM {name})"
                )
            ).one()
            span = connection.execute(
                text(f"SELECT extract(epoch FROM max(at) - min(at))::float8 / 86400 FROM {name}")
            ).scalar()
            if rows and span:
                each, a_day = float(total) / rows, rows / servers / span
                print(f"{name:16} {rows:12} {each:12.0f} {a_day:22.0f} {each * a_day / 1000:20.1f}", flush=True)


def main() -> None:
    """Make the data where they are missing, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the database is kept (default: nowhere)")
    parser.add_argument("--servers", type=int, default=1_000)
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--major", type=int, choices=(16, 18), default=18, help="version of PostgreSQL")
    parser.add_argument("--cold", type=int, default=3)
    parser.add_argument("--warm", type=int, default=15)
    parser.add_argument("--live", action="store_true", help="ask for live pages only, of few days")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="season-") as made:
        run(asked, asked.folder or Path(made))


def run(asked: argparse.Namespace, kept: Path) -> None:
    """Measure over a database in `kept`."""
    kept.mkdir(parents=True, exist_ok=True)
    kept.chmod(0o711)
    days = 2 if asked.live else asked.days
    folder = kept / f"{asked.servers}x{asked.streams}-{days}-{asked.major}"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    with _running(folder, asked.major) as engine:
        if not (folder / "made").exists():
            migrate.upgrade(engine.url.render_as_string(hide_password=False))
            amount = Amount(asked.servers, asked.streams, days, raw_hours=2 if asked.live else 24)
            enter(engine, amount)
            fill(engine, amount, END)
            (folder / "made").touch()
        wanted = live_questions() if asked.live else questions(engine, days)
        with engine.begin() as connection:
            version = connection.execute(text("SHOW server_version")).scalar()
    print(
        f"{asked.servers} servers x {asked.streams} streams, {days} days, PostgreSQL {version}, {os.cpu_count()} cores"
    )
    measure(folder, asked.major, wanted, asked.cold, asked.warm)
    roll_ups(folder, asked.major)
    sizes(folder, asked.major)


if __name__ == "__main__":
    main()
