"""How the monitor itself does: its collectors, what it keeps, its first line. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pandas as pd

from cdn import VERSION
from cdn.settings import Settings
from db.retention import KEPT_BY
from ui import numbers, tables, verdict
from ui.audit import Audit
from ui.cards import Kpi
from ui.headline import Headline, since
from ui.html import Html, fill
from ui.status import Look, chip

WORKS = Look("check_circle", "Works", "ok")
SILENT = Look("cancel", "Silent", "bad")
STOPPED = Look("stop_circle", "Stopped", "nodata")
GONE = Look("help", "Gone", "nodata")
# A collector that fell silent is a fault; one that is gone for longer was taken away, and nobody said so.
FAULT_FOR = timedelta(days=1)
ROWS = 20
COLLECTOR_COLUMNS = (
    tables.Column("Collector"),
    tables.Column("State"),
    tables.Column("Asks", number=True),
    tables.Column("Polls so far", number=True),
    tables.Column("Late", number=True),
    tables.Column("Waiting on disk", number=True),
    tables.Column("Since"),
    tables.Column("Version"),
)
SIZE_COLUMNS = (
    tables.Column("What"),
    tables.Column("Size", number=True),
    tables.Column("Kept for"),
)


def look(row: Any, now: datetime) -> Look:
    """State of a collector; row: one of db.working.collectors."""
    if row.alive:
        return WORKS
    if not numbers.missing(row.stopped_at):
        return STOPPED
    return SILENT if now - row.heartbeat_at <= FAULT_FOR else GONE


def collector_rows(collectors: pd.DataFrame, now: datetime, zone: tzinfo) -> Iterator[tables.Row]:
    """The collectors as rows; those that are gone or stopped count for nothing any more."""
    row: Any
    for row in collectors.head(ROWS).itertuples():
        state = look(row, now)
        if state is WORKS:
            when: Html = fill("started {age} ago", age=since(row.started_at, now, zone))
        else:
            when = fill("last sign {age} ago", age=since(row.heartbeat_at, now, zone))
        yield tables.Row(
            [
                row.name,
                chip(state),
                numbers.many(int(row.servers), "server") if state is WORKS else tables.unknown("it asks nobody now"),
                numbers.count(row.polls),
                late_share(row.late_polls, row.polls),
                numbers.count(row.spooled_polls),
                when,
                row.version,
            ],
            folded=state in (STOPPED, GONE),
        )


def late_share(late: Any, polls: Any) -> str:
    """ "0.03 %"."""
    return numbers.percent(late / polls, 2) if polls else numbers.DASH


def size_rows(sizes: pd.DataFrame, settings: Settings) -> Iterator[tables.Row]:
    """What the database holds; sizes: db.working.sizes."""
    measured = sizes[sizes["table"].isin(list(KEPT_BY))].set_index("table")
    for table, (words, setting) in KEPT_BY.items():
        if table not in measured.index:
            continue
        kept = numbers.many(getattr(settings, setting), "day")
        yield tables.Row([tables.under(words, table), numbers.volume(measured.at[table, "bytes"]), kept])
    rest = sizes.loc[~sizes["table"].isin(list(KEPT_BY)), "bytes"].sum()
    words = "as they are now; publications and events"
    yield tables.Row([tables.under("Servers and streams", words), numbers.volume(rest), "as long as they are needed"])


@dataclass(frozen=True, slots=True)
class Monitor:
    """What is known of the monitor; each as read from db.working or db.live."""

    collectors: pd.DataFrame
    freshness: pd.DataFrame
    sizes: pd.DataFrame
    audit: Audit


def headline(seen: Monitor, now: datetime, zone: tzinfo) -> Headline:
    """Is the monitor itself fine?"""
    fresh = seen.freshness.iloc[0]
    if not int(fresh["servers"]):
        return Headline("planned", fill("The monitor has nothing to do"), fill("No server is watched yet."))
    if fresh["silent"]:
        line, _ = verdict.blind(seen.freshness, now, zone)
        return line
    alive = seen.collectors[seen.collectors["alive"].astype("bool")]
    silent = [row.name for row in seen.collectors.itertuples() if look(row, now) is SILENT]
    waiting = int(alive["spooled_polls"].sum())
    database = numbers.volume(seen.sizes["bytes"].sum())
    if len(seen.audit.wrong):
        count = seen.audit.wrong["id"].nunique()
        title = fill("The figures of {servers} do not add up", servers=numbers.many(count, "server"))
        return Headline("bad", title, fill("Fault of ours: what was stored is not what the counters grew."))
    if silent:
        names = silent[0] if len(silent) == 1 else numbers.many(len(silent), "collector")
        title = fill("{names} {verb} silent", names=names, verb="is" if len(silent) == 1 else "are")
        left = int(seen.collectors.loc[seen.collectors["name"].isin(silent), "spooled_polls"].sum())
        lost = f"{numbers.many(left, 'poll')} wait on its disk." if left else "Nothing is lost."
        others = "The other one asks" if len(alive) == 1 else f"The other {len(alive):,} ask"
        which = "its servers" if len(silent) == 1 else "their servers"
        return Headline("warn", title, fill("{others} {which} instead. {lost}", others=others, which=which, lost=lost))
    if waiting:
        title = fill("{polls} wait on disk", polls=numbers.many(waiting, "poll"))
        return Headline("warn", title, fill("The database did not take them yet; they are stored when it does."))
    works = "1 collector works" if len(alive) == 1 else f"{len(alive):,} collectors work"
    audited = "every figure adds up" if seen.audit.servers else "no figure could be audited yet"
    below = fill("{works}, {audited}, nothing waits. Database: {size}.", works=works, audited=audited, size=database)
    return Headline("ok", fill("The monitor itself is fine"), below)


def _spooled(row: Any) -> int:
    return int(row.spooled_polls)


def kpis(seen: Monitor, kept_days: int, now: datetime, zone: tzinfo) -> list[Kpi]:
    """Its numbers: collectors, polls on time, newest poll, waiting polls, database, version.

    kept_days: how long every poll is kept.
    """
    fresh, alive = seen.freshness.iloc[0], seen.collectors[seen.collectors["alive"].astype("bool")]
    polls, late = int(alive["polls"].sum()), int(alive["late_polls"].sum())
    present = (row for row in seen.collectors.itertuples() if look(row, now) in (WORKS, SILENT))
    waiting = sum(_spooled(row) for row in present)
    lateness = f"{late:,} of {polls:,} were late since the collectors started" if polls else "no collector is at work"
    share, _, percent = numbers.percent(1 - late / polls, 2).partition(" ") if polls else (numbers.DASH, "", "")
    size, _, unit = numbers.volume(seen.sizes["bytes"].sum()).partition(" ")
    newest = fresh["newest_at"]
    age = fill("never") if numbers.missing(newest) else fill("{age} ago", age=since(newest, now, zone))
    versions = sorted(set(alive["version"]) - {VERSION})
    return [
        Kpi("Polls on time", share, percent, note=lateness),
        Kpi(
            "Newest poll",
            numbers.clock(newest, zone, seconds=True),
            change=age,
            note=f"a server is asked every {fresh['interval']:g} s",
        ),
        Kpi("Collectors", f"{len(alive):,}", "at work", note=f"for {numbers.many(int(fresh['servers']), 'server')}"),
        Kpi("Polls waiting on disk", f"{waiting:,}", note="0 while the database takes them"),
        Kpi("Database", size, unit, note=f"every poll is kept for {numbers.many(kept_days, 'day')}"),
        Kpi(
            "Version",
            VERSION,
            note=f"collectors: {', '.join(versions)}" if versions else "the same in the collectors",
        ),
    ]
