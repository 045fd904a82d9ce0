"""How long servers took to answer. Out of roll-ups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
from sqlalchemy import Connection, Engine, text

from db.availability import floor, known_until, whole_hour
from db.engine import reading
from db.frame import frame
from db.rolled import FIVE_MINUTES, HOUR

# At most so many points, and how long they are.
MOST_POINTS = 1_500
STEPS = (FIVE_MINUTES, HOUR, 6 * HOUR, 24 * HOUR)


def step_of(start: datetime, end: datetime) -> int:
    """Seconds of the points of `response_times` between the two."""
    length = (end - start).total_seconds()
    return next((step for step in STEPS if length / step <= MOST_POINTS / 2), STEPS[-1])


def response_times(
    engine: Engine, start: datetime, end: datetime, now: datetime, servers: Sequence[int] = ()
) -> pd.DataFrame:
    """How long answers took, in even steps of `step_of` seconds: at, mean, longest (seconds; NaN: nobody
    knows), known: the seconds of server time that `mean` is of.

    mean: over the time that is known, of all servers together. servers: only these.
    """
    seconds = step_of(start, end)
    begin = floor(start) if seconds == FIVE_MINUTES else whole_hour(start)
    over = max(min(end, known_until(engine, now)), begin)
    grid = pd.date_range(begin, over, freq=pd.Timedelta(seconds=seconds), inclusive="left", unit="us")
    with reading(engine) as connection:
        found = _responses(connection, begin, over, seconds, servers)
    return pd.DataFrame({"at": grid}).merge(found, on="at", how="left")


def _responses(
    connection: Connection, start: datetime, end: datetime, seconds: int, servers: Sequence[int]
) -> pd.DataFrame:
    table = "server_5m" if seconds == FIVE_MINUTES else "server_1h"
    query = text(
        "SELECT date_bin(make_interval(secs => :step), at, :start) AS at,"
        " sum(response_seconds::float8 * response_seconds_known)"
        "  / nullif(sum(response_seconds_known::float8), 0) AS mean,"
        " sum(response_seconds_known::float8) AS known,"
        f" max(response_seconds_max)::float8 AS longest FROM {table} WHERE at >= :start AND at < :end"
        "  AND (CAST(:servers AS bigint[]) = '{}' OR server_id = ANY(CAST(:servers AS bigint[])))"
        " GROUP BY 1 ORDER BY 1"
    )
    parameters = {"step": seconds, "start": start, "end": end, "servers": list(servers)}
    return frame(connection, query, parameters, times=("at",), numbers=("mean", "known", "longest"))
