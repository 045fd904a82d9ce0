"""What is shown, as a file: a button that opens the choice of CSV or Parquet."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from db import export
from db.export import Column

_NO_FILE_NAME = re.compile(r"[^\w.-]+")


def offer(key: str, file_name: str, frame: pd.DataFrame, columns: Sequence[Column], zone: str) -> None:
    """A button that offers `frame` as files; they are made when one is asked for. file_name: without an ending."""
    name = _NO_FILE_NAME.sub("-", file_name).strip("-.") or "download"
    with st.popover("Download", icon=":material/download:", key=f"download-{key}"):
        st.download_button(
            "CSV, for spreadsheets",
            data=lambda: export.csv(frame, columns, zone),
            file_name=f"{name}.csv",
            mime="text/csv",
            on_click="ignore",
            key=f"csv-{key}",
        )
        st.download_button(
            "Parquet, for programs",
            data=lambda: export.parquet(frame, columns, zone),
            file_name=f"{name}.parquet",
            mime="application/vnd.apache.parquet",
            on_click="ignore",
            key=f"parquet-{key}",
        )
