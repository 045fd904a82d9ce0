"""SQL answers as pandas frames with settled types: UTC times, floats with NaN, never a surprise of dtype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Connection, TextClause


def frame(
    connection: Connection,
    query: TextClause,
    parameters: Mapping[str, Any],
    *,
    times: Sequence[str] = (),
    numbers: Sequence[str] = (),
) -> pd.DataFrame:
    """The rows of `query`. Columns in `times` become datetime64[us, UTC], those in `numbers` float64 (NaN: unknown)."""
    result = connection.execute(query, parameters)
    found = pd.DataFrame.from_records(result.fetchall(), columns=list(result.keys()))
    for name in times:
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]")
    for name in numbers:
        found[name] = found[name].astype("float64")
    return found
