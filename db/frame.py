"""SQL answers as pandas frames with settled types: UTC times, floats with NaN, never a surprise of dtype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
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
    names, rows = list(result.keys()), result.fetchall()
    columns = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(names, ())
    # Column by column with its dtype: pandas takes long to find out what it could be.
    return pd.DataFrame({name: _column(values, name, times, numbers, wholes) for name, values in columns.items()})


def _column(
    values: Sequence[Any], name: str, times: Sequence[str], numbers: Sequence[str], wholes: Sequence[str]
) -> Any:
    if name in wholes:
        return pd.array(list(values), dtype="Int64")
    if name in times:
        return pd.to_datetime(list(values), utc=True).astype("datetime64[us, UTC]")
    if name in numbers:
        return np.array(values, dtype=np.float64)
    return list(values)
