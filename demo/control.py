"""The remote control of the simulated CDN: its own truth, and its scenarios. JSON over HTTP on 127.0.0.1."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from demo.scenarios import SCENARIOS
from demo.truth import truth
from demo.wire import Answer, Request
from demo.world import World

HELP = {
    "GET /truth": "what was really sent and watched: by every server, by each channel, delivered in all",
    "GET /scenarios": "what can go wrong, and what is going wrong",
    "POST /scenarios/<name>?server=&channel=&seconds=": "let it go wrong; without a server, somewhere",
    "DELETE /scenarios": "let everything be well again",
}


def scenario_list(world: World, now: float) -> dict[str, Any]:
    """Every scenario there is, and those under way."""
    return {
        "scenarios": {
            one.name: {"what": one.summary, "happens_to": one.subject.value, "seconds": one.seconds}
            for one in SCENARIOS.values()
        },
        "active": [
            {
                "scenario": one.scenario.name,
                "server": one.server,
                "channel": one.channel,
                "since": one.since,
                "seconds_left": round(one.until - now, 1),
            }
            for one in world.conditions.active
        ],
    }


def answer(world: World, request: Request, now: float) -> Answer:
    """The answer to one request; world is to be brought to `now` before."""
    try:
        status, body = _body(world, request, now)
    except LookupError as error:
        status, body = "404 Not Found", {"error": str(error.args[0])}
    except ValueError as error:
        status, body = "400 Bad Request", {"error": str(error)}
    # Names of an attack may hold bytes that are no text: they are escaped here.
    payload = json.dumps(body, indent=1).encode("ascii") + b"\n"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
    return Answer(f"{head}Connection: close\r\n\r\n".encode("ascii") + payload)


def _body(world: World, request: Request, now: float) -> tuple[str, dict[str, Any]]:
    match (request.method, request.path.strip("/").split("/")):
        case ("GET", ["truth"]):
            return "200 OK", truth(world, now)
        case ("GET", ["scenarios"]):
            return "200 OK", scenario_list(world, now)
        case ("DELETE", ["scenarios"]):
            world.stop_scenarios(now)
            return "200 OK", scenario_list(world, now)
        case ("POST", ["scenarios", name]):
            wanted = request.parameters()
            unknown = wanted.keys() - {"server", "channel", "seconds"}
            if unknown:
                raise ValueError(f"no parameter {', '.join(sorted(unknown))}; there are server, channel, seconds")
            begun = world.begin(
                unquote(name),
                now=now,
                server=wanted.get("server"),
                channel=wanted.get("channel"),
                seconds=_seconds(wanted["seconds"]) if "seconds" in wanted else None,
            )
            return "200 OK", {
                "scenario": begun.scenario.name,
                "server": begun.server,
                "channel": begun.channel,
                "seconds": begun.until - begun.since,
            }
        case ("GET", [""]):
            return "200 OK", HELP
    raise LookupError(f"no {request.method} {request.path} here; GET / lists what there is")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 86_400:
        raise ValueError(f"seconds is {text!r}, want a number from 0 to 86400")
    return seconds
