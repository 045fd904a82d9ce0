"""The statements of `db/query.py`: a quantity by group and step, out of polls, minutes or roll-ups. Pure.

Only names of the catalogue and members of enumerations get into them; what people choose are parameters.
"""

from __future__ import annotations

from enum import StrEnum

from cdn.units import DAY
from db.asked import By, Only, source
from db.delivered import MINUTES_IN_STEPS, split
from db.quantities import Across, Quantity
from db.rolled import FIVE_MINUTES, HOUR


class Level(StrEnum):
    """How fine the rows are that answer a question: every poll, minutes, five minutes, hours, days."""

    POLLS = "polls"
    MINUTES = "1m"
    FIVE_MINUTES = "5m"
    HOURS = "1h"
    DAYS = "1d"

    @property
    def is_rolled(self) -> bool:
        """Whether these rows are roll-ups."""
        return self in (Level.FIVE_MINUTES, Level.HOURS, Level.DAYS)


class Group(StrEnum):
    """What figures are told apart by."""

    TOTAL = "total"
    SERVER = "server"
    ROLE = "role"
    REGION = "region"
    PROVIDER = "provider"
    KIND = "kind"


# Steps are made of whole rows of so many seconds; polls come about so often.
SECONDS = {Level.POLLS: 15, Level.MINUTES: 60, Level.FIVE_MINUTES: FIVE_MINUTES, Level.HOURS: HOUR, Level.DAYS: DAY}
_KEYS = {
    Group.TOTAL: ("0::bigint", "''"),
    Group.SERVER: ("dims.id", "dims.name"),
    Group.ROLE: ("0::bigint", "dims.role"),
    Group.REGION: ("0::bigint", "dims.region"),
    Group.PROVIDER: ("0::bigint", "dims.provider"),
    Group.KIND: ("0::bigint", "dims.kind"),
}
_STEP = "date_bin(make_interval(secs => :step), t.at, :start) AS at"
_FORMED = {
    Across.SUM: "sum(part.top / nullif(part.bottom, 0))",
    Across.MEAN: "avg(part.top / nullif(part.bottom, 0))",
    Across.RATIO: "sum(part.top) / nullif(sum(part.bottom) FILTER (WHERE part.top IS NOT NULL), 0)",
}
# In roll-ups a server may be known for a part of a step alone: it weighs as much as it was known.
_FORMED_ROLLED = {**_FORMED, Across.MEAN: "sum(part.top) / nullif(sum(part.bottom), 0)"}


def table(quantity: Quantity, level: Level) -> str:
    """The table of that level in which a quantity is."""
    if level.is_rolled:
        return f"{'traffic' if quantity.is_narrow else 'server'}_{level.value}"
    return {Level.POLLS: "sample", Level.MINUTES: "traffic_1m"}[level]


def where(only: Only, server: str = "dims.id") -> str:
    """What is left out of servers `dims`, beginning with AND."""
    return source(By.SERVER, only).where(server)


def figures(quantity: Quantity, group: Group, level: Level, only: Only) -> str:
    """id, name, at, value of the :most largest groups from :start to before :end, and how many `series` there are."""
    id_, name = _KEYS[group]
    if quantity.told_apart and not level.is_rolled:
        # Who reads from whom needs all servers, whoever is asked about.
        parts, formed, rows = f"WITH {split(MINUTES_IN_STEPS)},", quantity.told_apart, "split"
    else:
        columns, formed = f"{quantity.top} AS top, ({quantity.bottom})::float8 AS bottom", _FORMED[quantity.across]
        if level.is_rolled:
            formed = _FORMED_ROLLED[quantity.across]
            if quantity.rolled:
                columns, formed = quantity.rolled.columns, quantity.rolled.formed or formed
        parts, rows = f"WITH formed AS ({_of_servers(quantity, level, only, columns)}),", "formed"
    return (
        f"{parts} told_by_group AS (SELECT part.at, {id_} AS id, {name} AS name, {formed} AS value"
        f" FROM {rows} part JOIN server dims ON dims.id = part.server_id WHERE true{where(only)} GROUP BY 1, 2, 3),"
        " known AS (SELECT * FROM told_by_group WHERE value IS NOT NULL),"
        " largest AS (SELECT id, name, avg(value) AS mean, count(*) OVER () AS series"
        "  FROM known GROUP BY id, name ORDER BY mean DESC, name, id LIMIT :most)"
        " SELECT known.id, known.name, known.at, known.value, largest.series FROM known"
        " JOIN largest USING (id, name) ORDER BY largest.mean DESC, known.name, known.id, known.at"
    )


def _of_servers(quantity: Quantity, level: Level, only: Only, columns: str) -> str:
    """A row for each server and step, with `columns`."""
    return (
        f"SELECT {_STEP}, t.server_id, {columns} FROM {table(quantity, level)} t JOIN server dims"
        f" ON dims.id = t.server_id WHERE t.at >= :start AND t.at < :end{where(only, 't.server_id')} GROUP BY 1, 2"
    )


def extremes(quantity: Quantity, group: Group, level: Level, only: Only) -> str:
    """id, name, at, least, most of a gauge: of every server that was seen in the step."""
    id_, name = _KEYS[group]
    gauge = quantity.gauge
    least, most, rows = f"{gauge}_min", f"{gauge}_max", f"server_{level.value}"
    if not level.is_rolled:
        least = most = gauge
        rows = "sample"
    return (
        f"SELECT {id_} AS id, {name} AS name, {_STEP}, min(t.{least})::float8 AS least, max(t.{most})::float8 AS most"
        f" FROM {rows} t JOIN server dims ON dims.id = t.server_id"
        f" WHERE t.at >= :start AND t.at < :end{where(only, 't.server_id')} GROUP BY 1, 2, 3"
    )


def servers(only: Only) -> str:
    """servers, polls (a second) and seconds (that they existed) of those asked about from :start to :end."""
    return (
        "SELECT count(*) AS servers, coalesce(sum(1 / coalesce(interval_seconds, :interval)), 0)::float8 AS polls,"
        " coalesce(sum(greatest(0, extract(epoch FROM least(coalesce(dims.retired_at, :end), CAST(:end AS timestamptz))"
        " - greatest(dims.created_at, CAST(:start AS timestamptz))))), 0)::float8 AS seconds"
        f" FROM server dims WHERE (dims.retired_at IS NULL OR dims.retired_at > :start){where(only)}"
    )
