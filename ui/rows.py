"""The rows of a frame, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd


def each(found: pd.DataFrame) -> Iterator[Any]:
    """Each row, its values by the names of their columns."""
    return iter(found.itertuples())
