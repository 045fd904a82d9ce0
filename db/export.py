"""A table as a file: CSV for spreadsheets, Parquet for programs. Pure.

Times come twice, in UTC and in the zone asked for; units stand in the header. What a spreadsheet would take for a
formula begins with an apostrophe in CSV: names come from strangers.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pandas as pd

# With these a spreadsheet takes a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file: `name` in the frame, and what stands in the header."""

    name: str
    label: str
    unit: str = ""

    @property
    def header(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def table(frame: pd.DataFrame, columns: Sequence[Column], zone: str) -> pd.DataFrame:
    """`frame` as it is exported: those columns in that order, each time in UTC and, where it differs, in `zone`."""
    made: dict[str, pd.Series] = {}
    for column in columns:
        values = frame[column.name]
        if isinstance(values.dtype, pd.DatetimeTZDtype):
            made[f"{column.label} (UTC)"] = values.dt.tz_convert("UTC")
            if zone != "UTC":
                made[f"{column.label} ({zone})"] = values.dt.tz_convert(ZoneInfo(zone))
        else:
            made[column.header] = values
    return pd.DataFrame(made, index=frame.index).reset_index(drop=True)


def csv(frame: pd.DataFrame, columns: Sequence[Column], zone: str) -> bytes:
    """UTF-8 with a mark at its beginning, so that spreadsheets read names right; times as ISO 8601."""
    exported = table(frame, columns, zone)
    for name in exported.columns:
        if isinstance(exported[name].dtype, pd.DatetimeTZDtype):
            exported[name] = exported[name].map(lambda at: "" if pd.isna(at) else at.isoformat())
        elif not pd.api.types.is_numeric_dtype(exported[name].dtype):
            exported[name] = exported[name].map(_harmless)
    text = exported.rename(columns=_harmless).to_csv(index=False, lineterminator="\r\n")
    return b"\xef\xbb\xbf" + text.encode()


def parquet(frame: pd.DataFrame, columns: Sequence[Column], zone: str) -> bytes:
    """Parquet; names as they are, for no program takes them for formulas."""
    out = io.BytesIO()
    table(frame, columns, zone).to_parquet(out, index=False)
    return out.getvalue()


def _harmless(value: object) -> object:
    if not isinstance(value, str) or not value.lstrip(" ").startswith(_FORMULA):
        return value
    return f"'{value}"
