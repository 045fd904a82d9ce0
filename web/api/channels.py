"""Channels, their publications and what happened to them, as programs read them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AwareDatetime

from cdn.clock import utc_now
from cdn.health import ChannelState
from cdn.settings import settings
from db import channels as stored
from db import engine as engines
from db.frame import records
from web.api.auth import actor
from web.api.problem import RESPONSES, Problem
from web.api.shapes import Channel, ChannelCopy, ChannelWithCopies, Event, Publication

LARGEST_ID = 2**63 - 1
DEFAULT_HOURS = 24
MOST, USUAL = 1_000, 200

Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]
OneChannel = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Only of this channel.")]
OneServer = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Only on this server.")]
Since = Annotated[
    AwareDatetime | None, Query(description="How far back, with its zone; without it the last 24 hours are told.")
]
Limit = Annotated[int, Query(ge=1, le=MOST, description="So many at most, the newest.")]

router = APIRouter(tags=["channels"], dependencies=[Depends(actor)], responses=RESPONSES)


@router.get("/channels")
def channels(
    state: Annotated[ChannelState | None, Query(description="Only those in this state.")] = None,
) -> list[Channel]:
    """Every channel that a server lists, or listed within a day, by app and name."""
    found = stored.channels(engines.shared(), utc_now(), settings().poll_interval)
    if state is not None:
        found = found[found["state"] == state.value]
    return [Channel(**row) for row in records(found)]


@router.get("/channels/{channel_id}")
def channel(channel_id: Id) -> ChannelWithCopies:
    """One channel, and every server that carries it."""
    engine, now, interval = engines.shared(), utc_now(), settings().poll_interval
    found = stored.channels(engine, now, interval)
    for row in records(found[found["id"] == channel_id]):
        copies = [ChannelCopy(**copy) for copy in records(stored.copies(engine, now, interval, channel_id))]
        return ChannelWithCopies(**row, on_servers=copies)
    raise Problem(404, "There is no such channel", f"No server lists channel {channel_id}; GET /channels tells them.")


@router.get("/publications")
def publications(
    since: Since = None, channel_id: OneChannel = None, server_id: OneServer = None, limit: Limit = USUAL
) -> list[Publication]:
    """Publications that went on after `since`, newest first."""
    now = utc_now()
    found = stored.publications(
        engines.shared(), now, since=_since(since, now), channel_id=channel_id, server_id=server_id, most=limit
    )
    return [Publication(**row) for row in records(found)]


@router.get("/events")
def events(
    since: Since = None, channel_id: OneChannel = None, server_id: OneServer = None, limit: Limit = USUAL
) -> list[Event]:
    """What happened after `since`, newest first."""
    now = utc_now()
    found = stored.events(
        engines.shared(), now, since=_since(since, now), channel_id=channel_id, server_id=server_id, most=limit
    )
    return [Event(**row) for row in records(found)]


def _since(asked: datetime | None, now: datetime) -> datetime:
    return now - timedelta(hours=DEFAULT_HOURS) if asked is None else asked
