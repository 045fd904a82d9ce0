"""What was up and on air, as programs read it: by month or any window; and when channels are expected."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Query, Request, Response

from actions.schedule import set_schedule
from cdn import months
from cdn.clock import utc_now
from db import airtime, availability, responses
from db import engine as engines
from db.frame import records
from web.api import paging
from web.api.auth import Admin, Reader
from web.api.inputs import Id, Moment, OneChannel, OneServer
from web.api.paging import USUAL, Cursor, Limit
from web.api.problem import CHANGES_ONE, ONE, READS, Problem
from web.api.shapes_availability import (
    Airtime,
    Airtimes,
    Availability,
    ChannelSchedule,
    DropOut,
    Outage,
    ResponseTimes,
    ScheduleWanted,
    Uptime,
)

router = APIRouter(tags=["analytics"])
LONGEST = timedelta(days=93)


class Of(StrEnum):
    """Of what uptime is told."""

    TOTAL = "total"
    REGION = "region"
    SERVER = "server"


_KEYS = {Of.TOTAL: [], Of.REGION: ["region"], Of.SERVER: ["server_id", "server", "region"]}


class Window(NamedTuple):
    """The time that is asked about; and now."""

    start: datetime
    end: datetime
    now: datetime


def _window(
    month: Annotated[
        str | None, Query(max_length=10, description="A calendar month of `zone`.", examples=["2026-11"])
    ] = None,
    zone: Annotated[str, Query(max_length=80, description="On whose clock, like Europe/Berlin.")] = "UTC",
    since: Annotated[Moment | None, Query(description="Instead of a month: from when, with its zone.")] = None,
    until: Annotated[Moment | None, Query(description="With `since`: up to when; left out: now.")] = None,
) -> Window:
    """The month that goes on, if nothing is asked; at most 93 days. Starts and ends are whole five minutes."""
    now = utc_now()
    faults: dict[str, str] = {}
    if since is not None or until is not None:
        if month is not None:
            faults["query.month"] = "want a month, or since and until"
        start, end = since, min(until or now, now)
        if start is None or start >= end:
            faults["query.since"] = "want a time before until, and in the past"
        elif end - start > LONGEST:
            faults["query.since"] = f"want at most {LONGEST.days} days at once"
        if faults or start is None:
            raise Problem(422, "A parameter is wrong", faults=faults)
        return Window(availability.floor(start), availability.floor(end), now)
    try:
        chosen = months.zone_of(zone)
    except ValueError as error:
        raise Problem(422, "A parameter is wrong", faults={"query.zone": str(error)}) from None
    try:
        wanted = months.read(month) if month is not None else months.month_of(now, chosen)
    except ValueError as error:
        raise Problem(422, "A parameter is wrong", faults={"query.month": str(error)}) from None
    whole = months.span(wanted, chosen)
    if whole.start > now:
        raise Problem(422, "A parameter is wrong", faults={"query.month": "it has not begun yet"})
    return Window(whole.start, whole.end, now)


Asked = Annotated[Window, Depends(_window)]


@router.get("/analytics/availability", responses=READS)
def uptime(_by: Reader, asked: Asked, by: Annotated[Of, Query(description="Of what.")] = Of.TOTAL) -> Availability:
    """How much of the time servers were up, and for how long they were not.

    Shares are ranges: of time in which nobody looked nobody knows.
    """
    engine, keys = engines.shared(), _KEYS[by]
    rows = records(availability.uptime(engine, asked.start, asked.end, asked.now, keys))
    until = min(asked.end, availability.known_until(engine, asked.now))
    return Availability(since=asked.start, until=asked.end, known_until=until, rows=[_uptime(row, by) for row in rows])


def _uptime(row: dict[str, Any], by: Of) -> Uptime:
    renamed = {
        "name": {Of.TOTAL: "", Of.REGION: row.get("region"), Of.SERVER: row.get("server")}[by],
        "server_id": row.get("server_id"),
        "expected_seconds": row["expected"],
        "covered_seconds": row["covered"],
        "up_seconds": row["up"],
        "up_least": row["least"],
        "up_most": row["most"],
    }
    return Uptime(**{name: value for name, value in row.items() if name in Uptime.model_fields} | renamed)


@router.get("/analytics/airtime", responses=READS)
def on_air(_by: Reader, asked: Asked, channel_id: OneChannel = None) -> Airtimes:
    """How much of the time in which they were expected channels were on air, by app and name.

    The schedule of now is applied to all of it.
    """
    found = airtime.airtime(engines.shared(), [asked.start, asked.end], asked.now, channel_id)
    rows = records(airtime.told(found))
    return Airtimes(
        since=asked.start,
        until=asked.end,
        rows=[Airtime(**row, expected_seconds=row["expected"]) for row in rows],
    )


@router.get("/analytics/outages", responses={**READS, **paging.LINK})
def outages(
    _by: Reader,
    asked: Asked,
    request: Request,
    response: Response,
    server_id: OneServer = None,
    limit: Limit = USUAL,
    cursor: Cursor = None,
) -> list[Outage]:
    """Outages of servers that reach into this time, newest first."""
    after = None if cursor is None else paging.decode("outages", cursor, (int, int))
    only = [] if server_id is None else [server_id]
    found = records(availability.outages(engines.shared(), asked.start, asked.end, asked.now, only))
    shown, more = paging.page(found, lambda row: (paging.newest_first(row["began_by"]), row["server_id"]), after, limit)
    if more is not None:
        paging.point_on(request, response, paging.encode("outages", more))
    return [Outage(**row) for row in shown]


@router.get("/analytics/dropouts", responses={**READS, **paging.LINK})
def drop_outs(
    _by: Reader,
    asked: Asked,
    request: Request,
    response: Response,
    channel_id: OneChannel = None,
    limit: Limit = USUAL,
    cursor: Cursor = None,
) -> list[DropOut]:
    """Times off the air, while on air was expected, that began in this time; newest first."""
    after = None if cursor is None else paging.decode("dropouts", cursor, (int, int))
    found = records(airtime.drop_outs(engines.shared(), asked.start, asked.end, asked.now, channel_id))
    shown, more = paging.page(
        found, lambda row: (paging.newest_first(row["began_after"]), row["channel_id"]), after, limit
    )
    if more is not None:
        paging.point_on(request, response, paging.encode("dropouts", more))
    return [DropOut(**row) for row in shown]


@router.get("/analytics/response-times", responses=READS)
def response_times(_by: Reader, asked: Asked, server_id: OneServer = None) -> ResponseTimes:
    """How long answers took: the mean and the longest of each step, of all servers or of one."""
    engine = engines.shared()
    only = [] if server_id is None else [server_id]
    found = records(responses.response_times(engine, asked.start, asked.end, asked.now, only))
    return ResponseTimes(
        since=asked.start,
        until=asked.end,
        known_until=min(asked.end, availability.known_until(engine, asked.now)),
        step_seconds=responses.step_of(asked.start, asked.end),
        at=[row["at"] for row in found],
        mean=[row["mean"] for row in found],
        longest=[row["longest"] for row in found],
    )


@router.get("/channels/{channel_id}/schedule", responses=ONE)
def show_schedule(_by: Reader, channel_id: Id) -> ChannelSchedule:
    """When a channel is expected on air."""
    for row in records(airtime.plan(engines.shared(), channel_id)):
        return ChannelSchedule(**row)
    raise Problem(404, "There is no such channel", f"There is no channel {channel_id}; GET /channels tells them.")


@router.put("/channels/{channel_id}/schedule", responses=CHANGES_ONE)
def change_schedule(by: Admin, channel_id: Id, wanted: ScheduleWanted) -> ChannelSchedule:
    """Say when a channel is expected on air. Its history is judged anew by it."""
    set_schedule(engines.shared(), channel_id, wanted.schedule, wanted.zone, by=by.actor)
    return show_schedule(by, channel_id)
