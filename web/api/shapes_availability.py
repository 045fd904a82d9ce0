"""Shapes of what was up and on air, of outages and drop-outs. Seconds, ratios 0..1; null is "not known"."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from cdn.model import PublicationEnd, Reason
from cdn.schedule import LONGEST


class Told(BaseModel):
    """The time that is answered for. known_until: what is younger is not rolled up yet, and left out."""

    since: datetime
    until: datetime
    known_until: datetime


class Uptime(BaseModel):
    """How much of its time a server, or all of a group, was up. name: of the server or region; of all it is empty."""

    server_id: int | None
    name: str
    expected_seconds: float = Field(description="In which the servers existed.")
    covered_seconds: float = Field(description="Of them those in which somebody looked.")
    up_seconds: float = Field(description="Of those the ones in which they answered.")
    up_ratio: float | None = Field(description="up ÷ covered.")
    up_least: float | None = Field(description="Of all time, as if it had been down whenever nobody looked.")
    up_most: float | None = Field(description="Of all time, as if it had been up whenever nobody looked.")
    outages: int = Field(description="That reach into this time.")
    down_least: float = Field(description="Seconds of outages in this time, from the first failed poll to the last.")
    down_most: float = Field(description="From the last good poll before to the first good one after.")
    longest_least: float | None = Field(description="Seconds of the longest outage, in all.")
    longest_most: float | None
    repaired: int = Field(description="Outages that ended in this time.")
    repair_least: float | None = Field(description="Their mean length in seconds.")
    repair_most: float | None


class Availability(Told):
    """Uptime of all servers together, of each region or of each server."""

    rows: list[Uptime]


class Airtime(BaseModel):
    """How much of the time in which it was expected a channel was on air."""

    channel_id: int
    vhost: str
    app: str
    name: str
    schedule: str = Field(description="Empty: always.")
    zone: str
    judged: bool = Field(description="False: nobody ever saw it published, so nothing is known.")
    expected_seconds: float
    off_least: float = Field(description="Seconds off air while expected.")
    off_most: float
    on_least: float | None = Field(description="Share of the expected time on air.")
    on_most: float | None


class Airtimes(BaseModel):
    """Channels on air where expected."""

    since: datetime
    until: datetime
    rows: list[Airtime]


class Outage(BaseModel):
    """A time in which a server did not answer; its ends lie between bounds."""

    server_id: int
    server: str
    region: str
    began_after: datetime | None = Field(description="Null: nobody knows.")
    began_by: datetime
    ended_after: datetime | None
    ended_by: datetime | None = Field(description="Null: it goes on, or its server was taken out.")
    goes_on: bool
    reason: Reason | None = Field(description="Why the first poll failed.")
    lasted_least: float
    lasted_most: float


class DropOut(BaseModel):
    """A time off the air while on air was expected; its ends lie between bounds."""

    channel_id: int
    vhost: str
    app: str
    name: str
    server: str | None = Field(description="Where it was published before.")
    began_after: datetime
    began_by: datetime
    ended_after: datetime | None
    ended_by: datetime | None
    goes_on: bool
    end_reason: PublicationEnd | None
    off_least: float = Field(description="Seconds off air while expected.")
    off_most: float


class ResponseTimes(Told):
    """How long answers took, in even steps."""

    step_seconds: int
    at: list[datetime]
    mean: list[float | None]
    longest: list[float | None]


class ScheduleWanted(BaseModel):
    """When a channel is expected on air."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"schedule": "Mon-Fri 06:00-23:00; Sat,Sun 10:00-02:00", "zone": "Europe/Berlin"}]
        },
    )

    schedule: Annotated[str, StringConstraints(max_length=LONGEST, pattern=r"^[^\x00]*$")] = Field(
        description='Empty: always; "never"; or days and hours.'
    )
    zone: Annotated[str, StringConstraints(max_length=80, pattern=r"^[^\x00]*$")] = Field(
        "UTC", description="On whose clock, like Europe/Berlin."
    )


class ChannelSchedule(BaseModel):
    """When a channel is expected on air, as it was written."""

    channel_id: int
    vhost: str
    app: str
    name: str
    schedule: str
    zone: str
