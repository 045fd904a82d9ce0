"""Shapes of the history of metrics."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from db.quantities import Across, Source
from db.query_sql import Group, Level

EXAMPLE: dict[str, Any] = {
    "metric": "system_cpu",
    "label": "Processor, whole machine",
    "unit": "ratio",
    "across": "mean",
    "group": "region",
    "window": "90d",
    "since": "2026-08-01T00:00:00Z",
    "until": "2026-10-30T00:00:00Z",
    "step_seconds": 43_200,
    "source": "polls",
    "level": "1h",
    "bucket_seconds": 3_600,
    "seen": 0.998,
    "kept_since": "2025-11-01T00:00:00Z",
    "at": ["2026-08-01T00:00:00Z", "2026-08-01T12:00:00Z"],
    "series": [
        {"name": "West", "server_id": None, "values": [0.31, None], "least": [0.02, None], "most": [0.97, None]}
    ],
    "series_left_out": 0,
}


class MetricShape(BaseModel):
    """Something that /metrics/query can be asked for."""

    name: str
    label: str
    unit: str = Field(description="Of its figures: bit/s, 1/s, count, ratio, bytes, seconds, load.")
    source: Source = Field(description="minutes: kept so for days, steps of 1 min or more; polls: steps of 15 s.")
    across: Across = Field(description="How servers become one figure.")
    has_extremes: bool = Field(description="Whether `extremes=true` tells its least and most of each step.")


class Series(BaseModel):
    """The figures of one group, one a step. null: nobody knows, never 0."""

    name: str = Field(description="Of the server, role, region, provider or kind; empty for the total.")
    server_id: int | None
    values: list[float | None]
    least: list[float | None] | None = Field(None, description="Of each step, where `extremes` asked for it.")
    most: list[float | None] | None = Field(None, description="Of each step, where `extremes` asked for it.")


class History(BaseModel):
    """The history of a metric. `at`: when each step begins; a step is whole, `since` to `until`."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    metric: str
    label: str
    unit: str
    across: Across
    group: Group
    window: str | None = Field(description="null where `since` was given.")
    since: datetime
    until: datetime = Field(description="The end of the last whole step.")
    step_seconds: int
    source: Source
    level: Level = Field(
        description="What was read: every poll, or points of a minute (1m), five minutes (5m), an hour (1h) or a day."
    )
    bucket_seconds: int | None = Field(description="How long what was read is; null of polls.")
    seen: float | None = Field(
        description="Share of the servers' time that was watched, as far as it is rolled up; null: of nothing."
    )
    kept_since: datetime = Field(description="What is older is not kept at this level.")
    at: list[datetime]
    series: list[Series] = Field(description="Those with the largest mean first.")
    series_left_out: int = Field(description="Smaller ones, beyond `most`.")
