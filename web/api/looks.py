"""One server looked into: its history, its streams, who is connected, and how its figures are made."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query

from actions.list_clients import list_clients
from cdn.clock import utc_now
from cdn.settings import settings
from db import engine as engines
from db import server as stored
from db import working
from db.frame import records
from web.api.auth import Operator, Reader
from web.api.fleet import fleet_row
from web.api.inputs import Id
from web.api.problem import ONE, responses
from web.api.shapes_looks import (
    Change,
    Connection,
    Connections,
    HistoryCore,
    HistoryStep,
    ServerStream,
    ServerWorking,
    Working,
)

router = APIRouter(prefix="/servers/{server_id}", tags=["one server"], responses=ONE)


class Window(StrEnum):
    """How far back."""

    HOUR = "1h"
    SIX_HOURS = "6h"
    DAY = "24h"


@router.get("/history", response_model=list[HistoryStep])
def history(
    _by: Reader, server_id: Id, window: Annotated[Window, Query(description="How far back.")] = Window.HOUR
) -> list[HistoryCore]:
    """A server's history in at most 240 even steps. Steps that nobody polled are null: a gap stays a gap."""
    fleet_row(server_id)
    found = stored.server_history(engines.shared(), utc_now(), server_id, window.value)
    return [HistoryStep(**row) for row in records(found)]


@router.get("/changes")
def changes(_by: Reader, server_id: Id) -> list[Change]:
    """The newest 200 changes of a server's state within 24 hours, newest first."""
    fleet_row(server_id)
    return [Change(**row) for row in records(stored.state_changes(engines.shared(), utc_now(), server_id))]


@router.get("/streams")
def streams(_by: Reader, server_id: Id) -> list[ServerStream]:
    """The streams on a server, on air first, then busiest; also those that went within an hour."""
    fleet_row(server_id)
    return [ServerStream(**row) for row in records(stored.server_streams(engines.shared(), utc_now(), server_id))]


@router.get("/clients", responses=responses(502))
def clients(by: Operator, server_id: Id) -> Connections:
    """Who is connected: asked of the server itself, once and now. 404 also where its kind lists nobody."""
    fleet_row(server_id)
    found = list_clients(engines.shared(), server_id, settings=settings(), by=by.actor)
    listed = None
    if found.clients is not None:
        listed = [
            Connection(
                id=each.id,
                url=each.url,
                address=each.address,
                kind=each.kind,
                publishing=each.publishing,
                is_own=each.id in found.own,
                sent_bytes=each.sent,
                received_bytes=each.received,
                connected_seconds=each.connected,
            )
            for each in found.clients
        ]
    return Connections(clients=listed, complete=found.complete, settled=found.settled, notes=list(found.notes))


@router.get("/working")
def show_working(_by: Reader, server_id: Id) -> ServerWorking:
    """How a server's newest figures were made: of each counter the two readings, and the time between."""
    fleet_row(server_id)
    polled = records(working.coverage(engines.shared(), utc_now(), server_id))[0]
    counters = [Working(**row) for row in records(working.readings(engines.shared(), server_id))]
    return ServerWorking(**polled, counters=counters)
