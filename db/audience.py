"""How many watched: over time, by region or channel, how long in all, and what most.

Viewers of a step are the mean of its buckets' sums that are known; a series' share in a bucket where others are known
and it is not is nothing, so series add up to the total. Raises Unavailable.
"""

from __future__ import annotations

import pandas as pd
from sqlalchemy import Connection, Engine, text

from db.asked import By, Only, Source, source
from db.engine import reading
from db.frame import frame
from db.history import OTHER, parameters, select
from db.steps import Steps

_KEYS = ["id", "name"]


def viewers(engine: Engine, over: Steps, *, by: By, only: Only, most: int = 6) -> pd.DataFrame:
    """id, name, place, at, viewers: as `history.traffic`, of concurrent viewers."""
    asked = source(by, only)
    with reading(engine) as connection:
        total = _sums(connection, over, By.TOTAL, asked.of_total()).rename(columns={"value": "all"})
        ranked = _watched(connection, over, by, asked)
        many = len(ranked) > most + 1
        shown = ranked.head(most) if many else ranked
        ids = list(map(int, shown["id"])) if asked.is_many else None
        found = _sums(connection, over, by, asked, ids)
    keys = list(zip(shown["id"], shown["name"], strict=True))
    places = {key: place for place, key in enumerate(keys)}
    named = [key in places for key in zip(found["id"], found["name"], strict=True)]
    found = found[pd.Series(named, index=found.index, dtype="bool")]
    if many:
        part = found.groupby("at")["value"].sum()
        rest = total.set_index("at")["all"].sub(part, fill_value=0).clip(lower=0)
        rest_rows = pd.DataFrame({"id": OTHER, "name": "", "at": rest.index, "value": rest.to_numpy()})
        found = pd.concat([found, rest_rows], ignore_index=True)
    found = found.merge(total[["at", "buckets"]].rename(columns={"buckets": "known"}), on="at", how="left")
    found["viewers"] = found["value"] / found["known"]
    found["place"] = [places.get(key, OTHER) for key in zip(found["id"], found["name"], strict=True)]
    order = found["place"].where(found["place"] != OTHER, len(places))
    found = found.assign(order=order).sort_values(["order", "at"], kind="stable")
    return found[["id", "name", "place", "at", "viewers"]].reset_index(drop=True)


def ranking(engine: Engine, over: Steps, before: Steps, *, by: By, only: Only) -> pd.DataFrame:
    """id, name, viewer_seconds, before (viewer_seconds of the window `before`), peak, peak_at, most watched first.

    peak: the most viewers at once in any bucket of `over`, and which one it was. NaN: not known.
    """
    asked = source(by, only)
    with reading(engine) as connection:
        now = _watched(connection, over, by, asked)
        then = _watched(connection, before, by, asked).rename(columns={"viewer_seconds": "before"})
        highest = _peaks(connection, over, by, asked)
    found = now.merge(then, on=_KEYS, how="outer").merge(highest, on=_KEYS, how="left")
    found = found.sort_values(["viewer_seconds", "before", "name"], ascending=[False, False, True], kind="stable")
    columns = [*_KEYS, "viewer_seconds", "before", "peak", "peak_at"]
    return found[columns].reset_index(drop=True)


def _watched(connection: Connection, over: Steps, by: By, asked: Source) -> pd.DataFrame:
    values = f"sum({asked.viewer_seconds})::float8 AS viewer_seconds"
    query = text(select(asked, by, over.level, values, "NULL", None))
    found = frame(connection, query, parameters(over, asked.only, None), numbers=("viewer_seconds",))
    found = found.sort_values(["viewer_seconds", "name"], ascending=[False, True], kind="stable")
    return found[[*_KEYS, "viewer_seconds"]].reset_index(drop=True)


def _sums(connection: Connection, over: Steps, by: By, asked: Source, ids: list[int] | None = None) -> pd.DataFrame:
    """id, name, at of each step; value: sum of its buckets' viewers, buckets: of how many."""
    inner = select(asked, by, over.level, f"sum({asked.viewers})::float8 AS viewers", "t.at", ids)
    query = (
        "SELECT id, name, date_bin(make_interval(secs => :step), at, :start) AS at, sum(viewers) AS value,"
        f" count(viewers)::float8 AS buckets FROM ({inner}) told WHERE viewers IS NOT NULL GROUP BY 1, 2, 3"
        " ORDER BY 1, 2, 3"
    )
    bound = parameters(over, asked.only, ids)
    return frame(connection, text(query), bound, times=("at",), numbers=("value", "buckets"))


def _peaks(connection: Connection, over: Steps, by: By, asked: Source) -> pd.DataFrame:
    inner = select(asked, by, over.level, f"sum({asked.viewers})::float8 AS peak", "t.at", None)
    query = (
        f"SELECT DISTINCT ON (id, name) id, name, at AS peak_at, peak FROM ({inner}) told"
        " WHERE peak IS NOT NULL ORDER BY id, name, peak DESC, at"
    )
    bound = parameters(over, asked.only, None)
    return frame(connection, text(query), bound, times=("peak_at",), numbers=("peak",))
