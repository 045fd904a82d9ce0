"""Channels, their publications and what happened to them, as programs read them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

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
# (the list's name, what reads it, its column of time, the rest of a row's key: a number and text) → its rows.
PageOf = Callable[[str, Callable[..., Any], str, Callable[[Row], Key]], list[Row]]

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


def _newest(
    request: Request,
    response: Response,
    since: Since = None,
    channel_id: OneChannel = None,
    server_id: OneServer = None,
    limit: Limit = USUAL,
    cursor: Cursor = None,
) -> PageOf:
    """The page that is asked for, of any list that is read newest first."""
    now = utc_now()
    start = now - timedelta(hours=DEFAULT_HOURS) if since is None else since

    def page(name: str, read: Callable[..., Any], at: str, rest: Callable[[Row], Key]) -> list[Row]:
        after = None if cursor is None else paging.decode(name, cursor, (int, int, int, str))
        before = now if after is None else min(paging.time_of(after[0]), now)

        def rows(most: int) -> list[Row]:
            engine = engines.shared()
            return records(read(engine, before, since=start, channel_id=channel_id, server_id=server_id, most=most))

        def key(row: Row) -> Key:
            return paging.newest_first(row[at]), row["server_id"], *rest(row)

        shown, more = paging.page_of(rows, key, lambda row: key(row)[:2], after, limit)
        if more is not None:
            # Pages that follow are of the same time, however long somebody reads.
            fixed = {} if since is not None else {"since": start.isoformat()}
            paging.point_on(request, response, paging.encode(name, more), **fixed)
        return shown

    return page


Newest = Annotated[PageOf, Depends(_newest)]


@router.get("/publications", responses={**READS, **paging.LINK})
def publications(_by: Reader, newest: Newest) -> list[Publication]:
    """Publications that went on after `since`, newest first."""
    shown = newest(
        "publications", stored.publications, "began_by", lambda row: (row["channel_id"], row["publisher"] or "")
    )
    return [Publication(**row) for row in shown]


@router.get("/events", responses={**READS, **paging.LINK})
def events(_by: Reader, newest: Newest) -> list[Event]:
    """What happened after `since`, newest first."""
    shown = newest("events", stored.events, "at", lambda row: (row["channel_id"] or 0, row["kind"]))
    return [Event(**row) for row in shown]
