"""Recorded answers of real servers, as a script's replies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from cdn.model import Kind, Reading, Role, Target
from collector.sources import SOURCES
from collector.sources.script import Ask, Reply, Wanted, run

FIXTURES = Path(__file__).parent / "fixtures"


def target(kind: Kind = Kind.SRS, role: Role = Role.EDGE, url: str = "http://127.0.0.1:1985") -> Target:
    """A server of that kind and role."""
    return Target(1, "edge-1", kind, url, role, 15.0)


def srs(summaries: bytes, streams: bytes, role: Role = Role.EDGE, most: int = 2_000) -> Reading:
    """The reading of an SRS server that answers so."""

    def answer(ask: Ask) -> Reply:
        return Reply(summaries if ask.path == "/api/v1/summaries" else streams)

    return run(SOURCES[Kind.SRS].read(target(role=role), Wanted(most)), answer)


def recorded(name: str, role: Role = Role.EDGE) -> Reading:
    """The reading of the recorded SRS answers `fixtures/<name>summaries.json` and `…streams.json`."""
    return srs((FIXTURES / f"{name}summaries.json").read_bytes(), (FIXTURES / f"{name}streams.json").read_bytes(), role)


def nginx(body: bytes, server: str = "nginx/1.22.1") -> Reading:
    """The reading of an NGINX status page."""
    return run(SOURCES[Kind.NGINX].read(target(Kind.NGINX), Wanted(1)), lambda _: Reply(body, server))


def changed(name: str, *path: str | int, value: Any) -> bytes:
    """A recorded JSON answer in which one value is replaced (deleted where `value` is `...`)."""
    document = orjson.loads((FIXTURES / name).read_bytes())
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return orjson.dumps(document)
