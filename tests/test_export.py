"""Files of what is shown: right in any zone, readable, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from db import export
from db.export import Column

COLUMNS = (Column("at", "Time"), Column("name", "Server"), Column("egress_bps", "Sent", "bit/s"))


def frame(*names: str) -> pd.DataFrame:
    times = pd.date_range("2026-03-29T00:30:00Z", periods=len(names), freq="1h", unit="us")
    return pd.DataFrame({"at": times, "name": list(names), "egress_bps": [1.5, None, 3.0][: len(names)]})


def rows(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_times_are_told_in_utc_and_in_the_viewers_zone_also_where_the_clocks_change() -> None:
    found = rows(export.csv(frame("a", "b"), COLUMNS, "Europe/Berlin"))
    assert found[0] == ["Time (UTC)", "Time (Europe/Berlin)", "Server", "Sent (bit/s)"]
    assert [row[1] for row in found[1:]] == ["2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"]
    assert [row[-1] for row in found[1:]] == ["1.5", ""]


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =cmd|' /C calc'!A0", "＝1", "|x"])
def test_a_name_that_looks_like_a_formula_is_none(name: str) -> None:
    cell = rows(export.csv(frame(name), COLUMNS[1:2], "UTC"))[1][0]
    assert cell == f"'{name}"


@pytest.mark.parametrize("name", ['a"b', "a,b", "a\nb", "ünï 频道"])
def test_any_other_name_comes_out_as_it_went_in(name: str) -> None:
    cell = rows(export.csv(frame(name), COLUMNS[1:2], "UTC"))[1][0]
    assert cell == name


def test_parquet_keeps_numbers_times_and_names() -> None:
    data = pd.read_parquet(io.BytesIO(export.parquet(frame("=1", "b"), COLUMNS, "Asia/Kolkata")))
    assert list(data.columns) == ["Time (UTC)", "Time (Asia/Kolkata)", "Server", "Sent (bit/s)"]
    assert data["Server"].tolist() == ["=1", "b"]
    assert data["Time (Asia/Kolkata)"][0].isoformat() == "2026-03-29T06:00:00+05:30"
