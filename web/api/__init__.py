"""The REST API, mounted at /api/v1: what programs read of the fleet. `app` is the whole of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query

from cdn import VERSION
from cdn.clock import utc_now
from cdn.health import State
from cdn.model import Role
from cdn.settings import settings
from db import engine as engines
from db import live, migrate
from db.frame import records
from web.api import channels
from web.api.auth import actor
from web.api.problem import RESPONSES, Problem, install
from web.api.shapes import Figures, Freshness, Health, Server, ServerCore, Stream, Summary

app = FastAPI(
    title="CDN monitor",
    version=VERSION,
    description="What the CDN monitor knows of the fleet. Times are UTC, rates bit/s, ratios 0..1.",
    docs_url=None,
    redoc_url=None,
)
install(app)
app.include_router(channels.router)
_PROTECTED: dict[str, Any] = {"dependencies": [Depends(actor)], "responses": RESPONSES}


@app.get("/summary", tags=["fleet"], **_PROTECTED)
def summary() -> Summary:
    """The fleet in a few figures, now and an hour ago."""
    engine, now, interval = engines.shared(), utc_now(), settings().poll_interval
    figures = live.summary(engine, now, interval)
    current, before = records(figures)
    fresh = records(live.freshness(engine, now, interval))[0]
    states = live.fleet(engine, now, interval)["state"].value_counts()
    return Summary(
        at=now,
        now=Figures(**current),
        hour_ago=Figures(**before),
        edges_without_traffic=int(current["edges_without_traffic"] or 0),
        origins_not_told=int(current["origins_not_told"] or 0),
        states={State(str(name)): int(count) for name, count in states.items()},
        freshness=Freshness(**fresh),
    )


@app.get("/servers", response_model=list[Server], tags=["fleet"], **_PROTECTED)
def servers(
    state: State | None = None,
    role: Role | None = None,
    region: Annotated[str | None, Query(max_length=80)] = None,
) -> list[ServerCore]:
    """All servers that are not retired, by name, with their state and newest figures."""
    found = live.fleet(engines.shared(), utc_now(), settings().poll_interval)
    for column, wanted in (("state", state), ("role", role), ("region", region)):
        if wanted is not None:
            found = found[found[column] == str(wanted)]
    return [Server(**row) for row in records(found)]


@app.get("/servers/{server_id}", response_model=Server, tags=["fleet"], **_PROTECTED)
def server(server_id: int) -> ServerCore:
    """One server."""
    found = live.fleet(engines.shared(), utc_now(), settings().poll_interval)
    for row in records(found[found["id"] == server_id]):
        return Server(**row)
    raise Problem(404, "There is no such server", f"No server has the id {server_id}; GET /servers lists them.")


@app.get("/streams", tags=["fleet"], **_PROTECTED)
def streams(
    server_id: int | None = None,
    on_air: Annotated[bool | None, Query(description="Only those on air, or only those not.")] = None,
) -> list[Stream]:
    """All streams that servers list now, by server and url."""
    found = live.streams(engines.shared())
    if server_id is not None:
        found = found[found["server_id"] == server_id]
    if on_air is not None:
        found = found[found["publishing"] == on_air]
    return [Stream(**row) for row in records(found)]


@app.get("/healthz", tags=["self"])
def healthz() -> Health:
    """Whether the program lives."""
    return Health(status="ok")


@app.get("/readyz", tags=["self"], responses={503: RESPONSES[503]})
def readyz() -> Health:
    """Whether the program can answer: its database is there and has the right schema."""
    try:
        migrate.require_newest(engines.shared())
    except migrate.WrongRevision as error:
        raise Problem(503, "The database has another schema", str(error)) from None
    return Health(status="ready")
