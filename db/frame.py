"""SQL answers as pandas frames with settled types: UTC times, floats with NaN, never a surprise of dtype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Connection, TextClause


def records(found: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as plain values, with None where a value is unknown."""
    plain = found.astype("object").where(found.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def frame(
    connection: Connection,
    query: TextClause,
    parameters: Mapping[str, Any],
    *,
    times: Sequence[str] = (),
    numbers: Sequence[str] = (),
    wholes: Sequence[str] = (),
) -> pd.DataFrame:
    """The rows of `query`. Columns in `times` become datetime64[us, UTC], those in `numbers` float64 (NaN: unknown),
    those in `wholes` Int64, exact beyond 2^53 (NA: unknown)."""
    result = connection.execute(query, parameters)
    rows, columns = result.fetchall(), list(result.keys())
    found = pd.DataFrame.from_records(rows, columns=columns)
    for name in wholes:
        # From the rows: the frame has made floats of a column in which something is unknown.
        place = columns.index(name)
        found[name] = pd.Series([row[place] for row in rows], index=found.index, dtype="Int64")
    for name in times:
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]")
    for name in numbers:
        found[name] = found[name].astype("float64")
    return found
