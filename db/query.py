"""History of any quantity, by group and step: what /metrics/query and later explorations ask.

Every question is bounded before it is asked: so many rows may be read (`MOST_ROWS`), so many points be answered.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pandas as pd
from sqlalchemy import Connection, Engine, text

from db.delivered import MINUTES_IN_STEPS, split
from db.engine import reading
from db.frame import frame
from db.quantities import Across, Quantity, Source

# Rows of polls or minutes that one question may read; on two busy cores 2.9 million minutes took 3 to 8 s.
MOST_ROWS = 3_000_000
# Points of one series, and of all series of an answer.
MOST_POINTS, MOST_VALUES = 1_500, 150_000
STEPS: dict[str, int] = {
    "15s": 15,
    "30s": 30,
    "1m": 60,
    "2m": 120,
    "5m": 300,
    "10m": 600,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "2h": 7_200,
    "4h": 14_400,
    "12h": 43_200,
    "1d": 86_400,
}
WINDOWS: dict[str, timedelta] = {
    **{f"{minutes}m": timedelta(minutes=minutes) for minutes in (15, 30)},
    **{f"{hours}h": timedelta(hours=hours) for hours in (1, 3, 6, 12, 24)},
    **{f"{days}d": timedelta(days=days) for days in (2, 3, 5, 7, 8, 14)},
}
FINEST = {Source.MINUTES: 60, Source.POLLS: 15}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
# A step of unasked fineness has about so many points.
_USUAL_POINTS = 300


class Group(StrEnum):
    """What figures are told apart by."""

    TOTAL = "total"
    SERVER = "server"
    ROLE = "role"
    REGION = "region"
    PROVIDER = "provider"
    KIND = "kind"


class TooMuch(Exception):
    """The question would read more than it may; the message says how much."""


class WrongStep(Exception):
    """The step does not go with the window or the source; the message says what would."""


@dataclass(frozen=True, slots=True)
class Only:
    """Which servers are asked about; empty: all that there were."""

    servers: tuple[int, ...] = ()
    role: str = ""
    region: str = ""
    provider: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Steps of `step` seconds from `start`, whole ones on the clock, up to `end` (not included)."""

    start: datetime
    end: datetime
    step: int

    @property
    def points(self) -> int:
        """How many steps."""
        return round((self.end - self.start).total_seconds() / self.step)

    @property
    def times(self) -> list[datetime]:
        """When each step begins."""
        return [self.start + timedelta(seconds=self.step * number) for number in range(self.points)]


def span(quantity: Quantity, window: str, step: str | None, until: datetime, series: int) -> Span:
    """The steps of a question: as asked, or as fine as is useful and allowed. Raises WrongStep.

    until: the steps are whole ones before it; series: how many there may be.
    """
    length, finest = round(WINDOWS[window].total_seconds()), FINEST[quantity.source]
    allowed = min(MOST_POINTS, MOST_VALUES // series)
    if step is None:
        fitting = [each for each in STEPS.values() if each >= finest and length // each <= min(allowed, _USUAL_POINTS)]
        seconds = fitting[0]
    else:
        seconds = STEPS[step]
        if seconds < finest:
            raise WrongStep(f"{quantity.name} is known by {quantity.source}: want {finest} s or more")
        if seconds > length:
            raise WrongStep(f"a window of {window} has no step of {step}")
        if length // seconds > allowed:
            raise WrongStep(
                f"that is {length // seconds:,} points of each series; want a longer step for at most {allowed:,}"
            )
    end = _EPOCH + timedelta(seconds=(until - _EPOCH).total_seconds() // seconds * seconds)
    return Span(end - timedelta(seconds=length // seconds * seconds), end, seconds)


_WHERE = (
    "(CAST(:servers AS bigint[]) = '{}' OR server.id = ANY(CAST(:servers AS bigint[])))"
    " AND (:role = '' OR server.role = :role) AND (:region = '' OR server.region = :region)"
    " AND (:provider = '' OR server.provider = :provider) AND (:kind = '' OR server.kind = :kind)"
)
_KEYS = {
    Group.TOTAL: ("0::bigint", "''"),
    Group.SERVER: ("server.id", "server.name"),
    Group.ROLE: ("0::bigint", "server.role"),
    Group.REGION: ("0::bigint", "server.region"),
    Group.PROVIDER: ("0::bigint", "server.provider"),
    Group.KIND: ("0::bigint", "server.kind"),
}
_TABLES = {Source.MINUTES: "traffic_1m", Source.POLLS: "sample"}
_BUCKET = "date_bin(make_interval(secs => :step), {table}.at, :start)"


_FORMED = {
    Across.SUM: "sum(part.top / nullif(part.bottom, 0))",
    Across.MEAN: "avg(part.top / nullif(part.bottom, 0))",
    Across.RATIO: "sum(part.top) / nullif(sum(part.bottom) FILTER (WHERE part.top IS NOT NULL), 0)",
}


def history(
    engine: Engine, quantity: Quantity, group: Group, over: Span, only: Only, *, interval: float, most: int
) -> pd.DataFrame:
    """Figures of `quantity` in base units: id (of the server, or 0), name (of the group), at, value.

    The `most` series that are largest on average; `series` in each row says how many there are. Steps of which nobody
    knows anything have no row. interval: seconds between polls of servers without an own. Raises TooMuch.
    """
    parameters = {
        "start": over.start,
        "end": over.end,
        "step": over.step,
        "most": most,
        "servers": list(only.servers),
        "role": only.role,
        "region": only.region,
        "provider": only.provider,
        "kind": only.kind,
    }
    with reading(engine) as connection:
        _refuse_too_much(connection, quantity, over, parameters, interval)
        query = text(_statement(quantity, group))
        return frame(connection, query, parameters, times=("at",), numbers=("value",))


def _statement(quantity: Quantity, group: Group) -> str:
    id_, name = _KEYS[group]
    if quantity.told_apart:
        # Who reads from whom needs all servers, whoever is asked about.
        parts, formed, source = f"WITH {split(MINUTES_IN_STEPS)},", quantity.told_apart, "split"
    else:
        table = _TABLES[quantity.source]
        parts = (
            f"WITH formed AS (SELECT {_BUCKET.format(table=table)} AS at, {table}.server_id,"
            f" {quantity.top} AS top, ({quantity.bottom})::float8 AS bottom FROM {table}"
            f" JOIN server ON server.id = {table}.server_id"
            f" WHERE {table}.at >= :start AND {table}.at < :end AND {_WHERE} GROUP BY 1, 2),"
        )
        formed, source = _FORMED[quantity.across], "formed"
    return (
        f"{parts} told_by_group AS (SELECT part.at, {id_} AS id, {name} AS name, {formed} AS value"
        f" FROM {source} part JOIN server ON server.id = part.server_id WHERE {_WHERE} GROUP BY 1, 2, 3),"
        " known AS (SELECT * FROM told_by_group WHERE value IS NOT NULL),"
        " largest AS (SELECT id, name, avg(value) AS mean, count(*) OVER () AS series"
        "  FROM known GROUP BY id, name ORDER BY mean DESC, name, id LIMIT :most)"
        " SELECT known.id, known.name, known.at, known.value, largest.series FROM known"
        " JOIN largest USING (id, name) ORDER BY largest.mean DESC, known.name, known.id, known.at"
    )


_SERVERS = text(
    "SELECT count(*) AS servers, coalesce(sum(1 / coalesce(interval_seconds, :interval)), 0)::float8 AS polls"
    f" FROM server WHERE {_WHERE} AND (server.retired_at IS NULL OR server.retired_at > :start)"
)


def _refuse_too_much(
    connection: Connection, quantity: Quantity, over: Span, parameters: dict[str, object], interval: float
) -> None:
    asked = {**parameters, "interval": interval}
    if quantity.told_apart:
        asked |= {"servers": [], "role": "", "region": "", "provider": "", "kind": ""}
    found = connection.execute(_SERVERS, asked).one()
    seconds = (over.end - over.start).total_seconds()
    rows = found.servers * seconds / 60 if quantity.source is Source.MINUTES else found.polls * seconds
    if rows > MOST_ROWS:
        raise TooMuch(
            f"it would read about {rows / 1e6:,.1f} million {quantity.source} of {found.servers:,} servers,"
            f" and may read {MOST_ROWS / 1e6:,.0f} million"
        )
