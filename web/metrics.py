"""The monitor itself as Prometheus text at /metrics: does it poll, is it late, is its database there.

A bearer token of scope read is needed, as for REST; scrapers send it (`authorization: credentials`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from cdn import VERSION
from cdn.clock import utc_now
from cdn.errors import Unavailable
from cdn.health import State
from cdn.settings import settings
from db import engine as engines
from db import live, working
from db.engine import Engine
from db.frame import records
from web.api import auth, limits
from web.api.problem import MEDIA_TYPE, Problem

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its values by labels. A value nobody knows is left out."""

    name: str
    kind: str
    help: str
    values: Iterable[tuple[Mapping[str, str], float | None]]


async def send(request: Request) -> Response:
    """Answer a scrape."""
    return await run_in_threadpool(_answer, request)


def _answer(request: Request) -> Response:
    try:
        caller = auth.identify(request)
        limits.count(request, caller.key, auth.chosen().api_rate_per_minute)
        return PlainTextResponse(written(families(engines.shared(), utc_now())), media_type=CONTENT_TYPE)
    except Problem as problem:
        body = problem.body
        return JSONResponse(body.model_dump(), body.status, headers=problem.headers, media_type=MEDIA_TYPE)
    except Unavailable:
        # Whose token it is nobody can tell now.
        body = Problem(503, "The database is away", "Try again in a moment.").body
        return JSONResponse(body.model_dump(), 503, headers={"Retry-After": "5"}, media_type=MEDIA_TYPE)


def families(engine: Engine, now: datetime) -> Iterator[Family]:
    """All metrics. While the database is away only that it is."""
    yield Family("cdn_monitor_info", "gauge", "The version of the web program.", [({"version": VERSION}, 1)])
    try:
        told = [*_of_collectors(engine, now), *_of_servers(engine, now)]
    except Unavailable:
        yield Family("cdn_monitor_database_up", "gauge", "Whether the database answers.", [({}, 0)])
        return
    yield Family("cdn_monitor_database_up", "gauge", "Whether the database answers.", [({}, 1)])
    yield from told


def _of_collectors(engine: Engine, now: datetime) -> Iterator[Family]:
    rows = records(working.collectors(engine))

    def each(column: str) -> list[tuple[Mapping[str, str], float | None]]:
        return [({"collector": row["name"]}, float(row[column])) for row in rows]

    yield Family(
        "cdn_monitor_collectors_alive",
        "gauge",
        "Collectors with a sign of life in the last 15 s.",
        [({}, sum(bool(row["alive"]) for row in rows))],
    )
    yield Family("cdn_monitor_collector_up", "gauge", "Whether this collector is alive.", each("alive"))
    yield Family(
        "cdn_monitor_collector_heartbeat_age_seconds",
        "gauge",
        "Since its last sign of life.",
        [({"collector": row["name"]}, max((now - row["heartbeat_at"]).total_seconds(), 0)) for row in rows],
    )
    yield Family("cdn_monitor_collector_servers", "gauge", "Servers it polls.", each("servers"))
    yield Family("cdn_monitor_polls_total", "counter", "Polls since it started.", each("polls"))
    yield Family("cdn_monitor_late_polls_total", "counter", "Of these, polls that began late.", each("late_polls"))
    yield Family(
        "cdn_monitor_spooled_polls",
        "gauge",
        "Polls on its disk that the database has not got yet.",
        each("spooled_polls"),
    )


def _of_servers(engine: Engine, now: datetime) -> Iterator[Family]:
    interval = settings().poll_interval
    fresh = records(live.freshness(engine, now, interval))[0]
    counted = {
        str(name): int(count) for name, count in live.fleet(engine, now, interval)["state"].value_counts().items()
    }
    newest = fresh["newest_at"]
    yield Family(
        "cdn_monitor_servers",
        "gauge",
        "Servers by state.",
        [({"state": state.value}, counted.get(state.value, 0)) for state in State],
    )
    yield Family(
        "cdn_monitor_newest_poll_age_seconds",
        "gauge",
        "Since the newest poll of any server; absent before the first one.",
        [({}, None if newest is None else max((now - newest).total_seconds(), 0))],
    )
    yield Family(
        "cdn_monitor_silent",
        "gauge",
        "1 where servers should be polled and for three intervals nobody did.",
        [({}, float(fresh["silent"]))],
    )


def written(told: Iterable[Family]) -> str:
    """Families in the text format of Prometheus."""
    lines = []
    for family in told:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for labels, value in family.values:
            if value is not None:
                named = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
                lines.append(f"{family.name}{{{named}}} {value:.17g}" if named else f"{family.name} {value:.17g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
