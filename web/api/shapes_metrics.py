"""Shapes of the history of metrics."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from db.quantities import Across, Source
from db.query import Group


class MetricShape(BaseModel):
    """Something that /metrics/query can be asked for."""

    name: str
    label: str
    unit: str = Field(description="Of its figures: bit/s, 1/s, count, ratio, bytes, seconds, load.")
    source: Source = Field(description="minutes: kept so for days, steps of 1 min or more; polls: steps of 15 s.")
    across: Across = Field(description="How servers become one figure.")


class Series(BaseModel):
    """The figures of one group, one a step. null: nobody knows, never 0."""

    name: str = Field(description="Of the server, role, region, provider or kind; empty for the total.")
    server_id: int | None
    values: list[float | None]


class History(BaseModel):
    """The history of a metric. `at`: when each step begins; a step is whole, `since` to `until`."""

    metric: str
    label: str
    unit: str
    across: Across
    group: Group
    window: str
    since: datetime
    until: datetime = Field(description="The end of the last whole step.")
    step_seconds: int
    source: Source
    kept_since: datetime = Field(description="What is older is not kept.")
    at: list[datetime]
    series: list[Series] = Field(description="Those with the largest mean first.")
    series_left_out: int = Field(description="Smaller ones, beyond `most`.")
