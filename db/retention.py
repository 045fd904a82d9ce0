"""How long each table of measurements is kept, what is kept now, and what a setting costs.

Settings say how long (`KEPT_BY`). A longer one counts at once; a shorter one only when somebody confirmed it
(`python -m db shorten`): a slip in the environment destroys nothing. What was agreed is in the table `kept`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd
from sqlalchemy import Connection, Engine, select, text
from sqlalchemy.dialects.postgresql import insert

from cdn.settings import Settings
from cdn.units import DAY, HOUR
from db import partitions
from db.engine import reading
from db.models import Kept

# table → words, and the setting that says for how many days it is kept
KEPT_BY: dict[str, tuple[str, str]] = {
    "sample": ("Every poll", "retain_samples_days"),
    "stream_sample": ("Minutes of streams", "retain_stream_samples_days"),
    "traffic_1m": ("Minutes of servers", "retain_minutes_days"),
    "fleet_1m": ("Minutes in all, by region, provider, …", "retain_minutes_days"),
    "traffic_5m": ("Five minutes of servers: traffic", "retain_five_minutes_days"),
    "server_5m": ("Five minutes of servers: all else", "retain_five_minutes_days"),
    "group_5m": ("Five minutes of servers that are alike", "retain_five_minutes_days"),
    "sum_5m": ("Five minutes in all, by region, provider, …", "retain_five_minutes_days"),
    "stream_5m": ("Five minutes of streams", "retain_stream_five_minutes_days"),
    "channel_5m": ("Five minutes of channels", "retain_stream_five_minutes_days"),
    "traffic_1h": ("Hours of servers: traffic", "retain_hours_days"),
    "server_1h": ("Hours of servers: all else", "retain_hours_days"),
    "group_1h": ("Hours of servers that are alike", "retain_hours_days"),
    "sum_1h": ("Hours in all, by region, provider, …", "retain_hours_days"),
    "traffic_1d": ("Days of servers: traffic", "retain_hours_days"),
    "channel_1h": ("Hours of channels", "retain_hours_days"),
    "stream_1h": ("Hours of streams", "retain_stream_hours_days"),
}

# What a row is of, where it is not a server.
_SUBJECTS = {"channel": "channel_id", "group": "group_id", "sum": "(dimension, name)", "fleet": "(dimension, name)"}


def kept_days(settings: Settings) -> dict[str, int]:
    """Days each table is to be kept, by the settings alone."""
    return {table: int(getattr(settings, name)) for table, (_, name) in KEPT_BY.items()}


@dataclass(frozen=True, slots=True)
class Shorter:
    """A table whose setting is shorter than what was agreed: partitions that would go."""

    table: str
    agreed: int
    wanted: int
    partitions: tuple[str, ...]


def in_force(connection: Connection, settings: Settings) -> dict[str, int]:
    """Days each table is kept now; agrees to settings that are new or longer."""
    wanted = kept_days(settings)
    agreed = _agreed(connection)
    longer = {table: days for table, days in wanted.items() if days > agreed.get(table, 0)}
    _agree(connection, longer)
    return {**wanted, **agreed, **longer}


def shorter(engine: Engine, settings: Settings, now: datetime) -> list[Shorter]:
    """What the settings would drop and nobody agreed to yet. Raises Unavailable."""
    with reading(engine) as connection:
        agreed = _agreed(connection)
    found = []
    for table, days in kept_days(settings).items():
        if days < agreed.get(table, 0):
            oldest = now.astimezone(UTC).date() - timedelta(days=days)
            parts = partitions.existing(engine, table).items()
            gone = tuple(name for name, first in parts if partitions.next_day(table, first) <= oldest)
            found.append(Shorter(table, agreed[table], days, gone))
    return found


def agree(engine: Engine, settings: Settings) -> None:
    """Let the settings count, shorter ones too. Raises Unavailable."""
    with reading(engine) as connection:
        _agree(connection, kept_days(settings))


def usage(engine: Engine, settings: Settings, now: datetime) -> pd.DataFrame:
    """One row a table: table, words, setting, days (agreed), since (first day), bytes, row_bytes (bytes a row),
    rows_a_day and servers (of the last 24 hours), server_day_bytes, full_bytes (once it is as old as it is kept).
    NaN: not known.

    Sizes hold indexes. Raises Unavailable.
    """
    with reading(engine) as connection:
        agreed = {**kept_days(settings), **_agreed(connection)}
        rows: list[dict[str, object]] = [
            {"table": table, "words": words, "setting": setting.upper(), "days": agreed[table]}
            | _measured(connection, table, now, agreed[table])
            for table, (words, setting) in KEPT_BY.items()
        ]
    for row in rows:
        row["since"] = min(partitions.existing(engine, str(row["table"])).values(), default=None)
    return pd.DataFrame(rows)


def _measured(connection: Connection, table: str, now: datetime, days: int) -> dict[str, float]:
    size = connection.execute(_SIZE, {"table": table}).one()
    rows = connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0 if size.unknown else size.rows
    subject = _SUBJECTS.get(table.partition("_")[0], "server_id")
    lately = connection.execute(
        text(
            f"SELECT count(*) AS rows, count(DISTINCT {subject}) AS subjects,"
            f" extract(epoch FROM max(at) - min(at))::float8 AS span FROM {table} WHERE at > :since AND at <= :now"
        ),
        {"since": now - timedelta(days=1), "now": now},
    ).one()
    row_bytes = size.bytes / rows if rows else math.nan
    # Of a shorter time nobody can tell how many a day has.
    a_day = lately.rows * DAY / lately.span if lately.rows > 1 and lately.span >= HOUR else math.nan
    return {
        "bytes": size.bytes,
        "row_bytes": row_bytes,
        "rows_a_day": a_day,
        "servers": lately.subjects,
        "server_day_bytes": row_bytes * a_day / lately.subjects if lately.subjects else math.nan,
        "full_bytes": row_bytes * a_day * days,
    }


# Rows as the last ANALYZE found them; -1 where a part was never looked at.
_SIZE = text(
    "SELECT coalesce(sum(pg_total_relation_size(child.oid)), 0)::bigint AS bytes,"
    " coalesce(sum(child.reltuples), 0)::float8 AS rows, coalesce(min(child.reltuples), 0) < 0 AS unknown"
    " FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid JOIN pg_class parent ON parent.oid = inhparent"
    " WHERE parent.relname = :table AND pg_table_is_visible(parent.oid) AND pg_relation_size(child.oid) > 0"
)


def _agreed(connection: Connection) -> dict[str, int]:
    return {row.name: row.days for row in connection.execute(select(Kept.name, Kept.days))}


def _agree(connection: Connection, days: dict[str, int]) -> None:
    if days:
        query = insert(Kept).values([{"name": table, "days": count} for table, count in days.items()])
        connection.execute(query.on_conflict_do_update(index_elements=["name"], set_={"days": query.excluded.days}))
