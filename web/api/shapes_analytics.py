"""Shapes of what /analytics answers. Rates bit/s, ratios 0..1, times UTC; null is "not known", never 0."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from db.asked import By, Flow


class Window(BaseModel):
    """The time that was answered, and how fine it is known."""

    since: datetime
    until: datetime = Field(description="The end of the last whole bucket that is rolled up, or what was asked.")
    bucket_seconds: int = Field(description="How fine the figures are that were read: 300 or 3600.")


class SteppedWindow(Window):
    """A time in even steps; `at`: when each begins. The last one may be shorter."""

    step_seconds: int
    at: list[datetime]


class TrafficSeries(BaseModel):
    """One group. bytes: in the window; before_bytes: in the one compared with."""

    id: int | None = Field(description="Of the server or channel; null of other groups.")
    name: str
    is_rest: bool = Field(description="Everything that is no series of its own: so all series add up to the total.")
    bytes: int | None
    before_bytes: int | None
    bps: list[float | None] = Field(description="Bytes of each step x 8 / its seconds.")


class TrafficAnswer(SteppedWindow):
    """Bandwidth over time, the largest first."""

    flow: Flow
    by: By
    seen: float | None = Field(description="Share of the servers' time that was watched.")
    before_since: datetime
    before_until: datetime
    series: list[TrafficSeries]


class Peak(BaseModel):
    """The largest rate of a group, the mean of a bucket, and when that bucket began."""

    id: int | None
    name: str
    at: datetime
    bps: float


class PeaksAnswer(Window):
    """Peaks, the largest first."""

    flow: Flow
    by: By
    peaks: list[Peak]


class BusyHour(BaseModel):
    """An hour of the week: the mean of all such hours, the busiest of them, and how many are known."""

    weekday: int = Field(description="0 is Monday.")
    hour: int
    mean_bps: float
    peak_bps: float
    hours: int


class BusiestAnswer(Window):
    """The hours of the week of a time zone."""

    flow: Flow
    zone: str
    hours: list[BusyHour]


class ViewerSeries(BaseModel):
    """Viewers at once of one group: the mean of each step."""

    id: int | None
    name: str
    is_rest: bool
    viewers: list[float | None]


class Watched(BaseModel):
    """How long a group was watched; before_viewer_seconds: in the window compared with."""

    id: int | None
    name: str
    viewer_seconds: float | None
    before_viewer_seconds: float | None
    peak: float | None = Field(description="The most viewers at once, the mean of a bucket.")
    peak_at: datetime | None


class AudienceAnswer(SteppedWindow):
    """Viewers over time and the ranking by how long was watched."""

    by: By
    before_since: datetime
    before_until: datetime
    series: list[ViewerSeries]
    ranking: list[Watched]


class EdgeOffload(BaseModel):
    """An edge: bytes sent and taken in, 1 - taken / sent, and its answers out of the cache over all of them."""

    id: int
    name: str
    region: str
    sent: float | None
    taken: float | None
    offload: float | None
    hit_ratio: float | None


class ChannelOffload(BaseModel):
    """A channel, over its copies on edges that tell what they took in of it."""

    id: int
    name: str
    sent: float | None
    taken: float | None
    offload: float | None


class OffloadAnswer(SteppedWindow):
    """How much the origins were spared, by bytes and by answers out of caches."""

    offload: list[float | None]
    hit_ratio: list[float | None]
    edges: list[EdgeOffload]
    channels: list[ChannelOffload] = Field(description="Empty for windows longer than 7 days.")
    formulas: dict[str, str]
