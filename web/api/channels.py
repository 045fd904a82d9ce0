"""Channels, their publications and what happened to them, as programs read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from cdn.clock import utc_now
from cdn.health import ChannelState
from cdn.settings import settings
from db import channels as stored
from db import engine as engines
from db.frame import records
from web.api import paging
from web.api.auth import Reader
from web.api.inputs import Id, Moment, OneChannel, OneServer, Words
from web.api.paging import USUAL, Cursor, Key, Limit
from web.api.problem import ONE, READS, Problem
from web.api.shapes import Channel, ChannelCopy, ChannelWithCopies, Event, Publication

DEFAULT_HOURS = 24
Row = dict[str, Any]

Since = Annotated[
    Moment | None,
    Query(
        description="How far back, with its zone; without it the last 24 hours are told.",
        examples=["2026-03-01T12:00:00Z"],
    ),
]

router = APIRouter(tags=["channels"])


@router.get("/channels", responses={**READS, **paging.LINK})
def channels(
    _by: Reader,
    request: Request,
    response: Response,
    state: Annotated[ChannelState | None, Query(description="Only those in this state.")] = None,
    text: Annotated[Words | None, Query(description="Only those with these words in their name, app or vhost.")] = None,
    limit: Limit = USUAL,
    cursor: Cursor = None,
) -> list[Channel]:
    """Every channel that a server lists, or listed within a day, by app and name."""
    after = None if cursor is None else paging.decode("channels", cursor, (str, str, str, int))
    found = stored.channels(engines.shared(), utc_now(), settings().poll_interval)
    rows = [
        row
        for row in records(found)
        if (state is None or row["state"] == state.value)
        and (text is None or text.casefold() in f"{row['vhost']}/{row['app']}/{row['name']}".casefold())
    ]
    shown, more = paging.page(rows, lambda row: (row["app"], row["name"], row["vhost"], row["id"]), after, limit)
    if more is not None:
        paging.point_on(request, response, paging.encode("channels", more))
    return [Channel(**row) for row in shown]


@router.get("/channels/{channel_id}", responses=ONE)
def channel(_by: Reader, channel_id: Id) -> ChannelWithCopies:
    """One channel, and every server that carries it."""
    engine, now, interval = engines.shared(), utc_now(), settings().poll_interval
    found = stored.channels(engine, now, interval)
    for row in records(found[found["id"] == channel_id]):
        copies = [ChannelCopy(**copy) for copy in records(stored.copies(engine, now, interval, channel_id))]
        return ChannelWithCopies(**row, on_servers=copies)
    raise Problem(404, "There is no such channel", f"No server lists channel {channel_id}; GET /channels tells them.")


@router.get("/publications", responses={**READS, **paging.LINK})
def publications(
    _by: Reader,
    request: Request,
    response: Response,
    since: Since = None,
    channel_id: OneChannel = None,
    server_id: OneServer = None,
    limit: Limit = USUAL,
    cursor: Cursor = None,
) -> list[Publication]:
    """Publications that went on after `since`, newest first."""

    def read(before: datetime, start: datetime, most: int) -> list[Row]:
        return records(
            stored.publications(
                engines.shared(), before, since=start, channel_id=channel_id, server_id=server_id, most=most
            )
        )

    def key(row: Row) -> Key:
        began = paging.newest_first(row["began_by"])
        return began, row["server_id"], row["channel_id"], row["publisher"] or ""

    shown = _newest("publications", (int, int, int, str), read, key, since, limit, cursor, request, response)
    return [Publication(**row) for row in shown]


@router.get("/events", responses={**READS, **paging.LINK})
def events(
    _by: Reader,
    request: Request,
    response: Response,
    since: Since = None,
    channel_id: OneChannel = None,
    server_id: OneServer = None,
    limit: Limit = USUAL,
    cursor: Cursor = None,
) -> list[Event]:
    """What happened after `since`, newest first."""

    def read(before: datetime, start: datetime, most: int) -> list[Row]:
        return records(
            stored.events(engines.shared(), before, since=start, channel_id=channel_id, server_id=server_id, most=most)
        )

    def key(row: Row) -> Key:
        return paging.newest_first(row["at"]), row["server_id"], row["channel_id"] or 0, row["kind"]

    shown = _newest("events", (int, int, int, str), read, key, since, limit, cursor, request, response)
    return [Event(**row) for row in shown]


def _newest(
    name: str,
    kinds: tuple[type, ...],
    read: Callable[[datetime, datetime, int], list[Row]],
    key: Callable[[Row], Key],
    since: datetime | None,
    limit: int,
    cursor: str | None,
    request: Request,
    response: Response,
) -> list[Row]:
    """A page of what `read(before, since, so many)` brings newest first."""
    now = utc_now()
    start = now - timedelta(hours=DEFAULT_HOURS) if since is None else since
    after = None if cursor is None else paging.decode(name, cursor, kinds)
    before = now if after is None else min(paging.time_of(after[0]), now)
    shown, more = paging.page_of(lambda most: read(before, start, most), key, lambda row: key(row)[:2], after, limit)
    if more is not None:
        # Pages that follow are of the same time, however long somebody reads.
        fixed = {} if since is not None else {"since": start.isoformat()}
        paging.point_on(request, response, paging.encode(name, more), **fixed)
    return shown
