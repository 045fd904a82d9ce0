"""The fleet as it is now: in a few figures, by server, by stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from cdn.clock import utc_now
from cdn.health import State
from cdn.settings import settings
from db import engine as engines
from db import listed, live, working
from db.frame import records
from web.api import paging
from web.api.auth import Reader
from web.api.inputs import Id, OfKind, OfProvider, OfRegion, OfRole, OneServer, Words, YesNo
from web.api.paging import USUAL, Cursor, Limit
from web.api.problem import ONE, READS, Problem
from web.api.shapes import Figures, Freshness, Server, ServerCore, Stream, Summary
from web.api.shapes_fleet import Collector
from web.api.wire import etag_of

router = APIRouter(tags=["fleet"])
# What a search for words looks at.
_TEXT = ("name", "region", "provider", "url", "kind", "role")


@router.get("/summary", responses=READS)
def summary(_by: Reader, response: Response) -> Summary:
    """The fleet in a few figures, now and an hour ago."""
    engine, now, interval = engines.shared(), utc_now(), settings().poll_interval
    figures = live.summary(engine, now, interval)
    current, before = records(figures)
    fresh = records(live.freshness(engine, now, interval))[0]
    states = live.fleet(engine, now, interval)["state"].value_counts()
    told = Summary(
        at=now,
        now=Figures(**current),
        hour_ago=Figures(**before),
        edges_without_traffic=int(current["edges_without_traffic"] or 0),
        origins_not_told=int(current["origins_not_told"] or 0),
        states={State(str(name)): int(count) for name, count in states.items()},
        freshness=Freshness(**fresh),
    )
    # Another time alone is no other answer.
    response.headers["etag"] = etag_of(told.model_dump_json(exclude={"at"}).encode())
    return told


@router.get("/servers", response_model=list[Server], responses={**READS, **paging.LINK})
def servers(
    _by: Reader,
    request: Request,
    response: Response,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    role: OfRole = None,
    region: OfRegion = None,
    provider: OfProvider = None,
    kind: OfKind = None,
    tag: Annotated[Words | None, Query(description="Only those with this tag.")] = None,
    text: Annotated[Words | None, Query(description="Only those with these words in what they are called.")] = None,
    limit: Limit = USUAL,
    cursor: Cursor = None,
) -> list[ServerCore]:
    """Servers that are not retired, by name, with their state and newest figures."""
    after = None if cursor is None else paging.decode("servers", cursor, (str, int))
    wanted = {"state": state, "role": role, "region": region, "provider": provider, "kind": kind}
    found = records(live.fleet(engines.shared(), utc_now(), settings().poll_interval))
    rows = [
        row
        for row in found
        if all(value is None or row[name] == str(value) for name, value in wanted.items())
        and (tag is None or tag in row["tags"])
        and (text is None or _holds(row, text))
    ]
    shown, more = paging.page(rows, lambda row: (row["name"], row["id"]), after, limit)
    if more is not None:
        paging.point_on(request, response, paging.encode("servers", more))
    return [Server(**row) for row in shown]


def _holds(row: dict[str, Any], text: str) -> bool:
    looked_at: Iterable[str] = (*(str(row[name]) for name in _TEXT), *row["tags"])
    return any(text.casefold() in each.casefold() for each in looked_at)


@router.get("/servers/{server_id}", response_model=Server, responses=ONE)
def server(_by: Reader, server_id: Id) -> ServerCore:
    """One server, with its state and newest figures."""
    return Server(**fleet_row(server_id))


def fleet_row(server_id: int) -> dict[str, Any]:
    """The row of db.live.fleet of one server. Raises Problem 404."""
    found = live.fleet(engines.shared(), utc_now(), settings().poll_interval)
    for row in records(found[found["id"] == server_id]):
        return row
    raise Problem(404, "There is no such server", f"No server has the id {server_id}; GET /servers lists them.")


@router.get("/streams", responses={**READS, **paging.LINK})
def streams(
    _by: Reader,
    request: Request,
    response: Response,
    server_id: OneServer = None,
    on_air: Annotated[YesNo | None, Query(description="Only those on air, or only those not.")] = None,
    limit: Limit = USUAL,
    cursor: Cursor = None,
) -> list[Stream]:
    """All streams that servers list now, by server."""
    after = ("", 0) if cursor is None else paging.decode("streams", cursor, (str, int))
    found = records(
        listed.streams(
            engines.shared(),
            after=(after[0], after[1]),
            most=limit + 1,
            server_id=server_id,
            publishing=on_air,
        )
    )
    if len(found) > limit:
        last = found[limit - 1]
        paging.point_on(request, response, paging.encode("streams", (last["server"], last["stream_id"])))
    return [Stream(**row) for row in found[:limit]]


@router.get("/collectors", responses=READS)
def collectors(_by: Reader) -> list[Collector]:
    """The newest 50 collectors, and their last signs of life."""
    return [Collector(**row) for row in records(working.collectors(engines.shared()))]
