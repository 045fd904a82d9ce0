"""NGINX stub_status: connections and requests. It counts no bytes and knows no viewers: those stay unknown, not 0."""

from __future__ import annotations

import re

from cdn.model import Reading, Target
from cdn.units import MAX_COUNTER
from collector.sources.answers import begins, text, wrong
from collector.sources.script import Ask, Script, Source, Wanted

_PAGE = re.compile(
    rb"\s*Active connections:\s+(\d{1,20})\s+"
    rb"server accepts handled requests(?: request_time)?\s+(\d{1,20})\s+(\d{1,20})\s+(\d{1,20})(?:\s+\d{1,20})?\s+"
    rb"Reading:\s+(\d{1,20})\s+Writing:\s+(\d{1,20})\s+Waiting:\s+(\d{1,20})\s*"
)
URL = "its url"


def read(_target: Target, _wanted: Wanted) -> Script:
    """One poll of the status page, whose url is the target's url."""
    reply = yield Ask("")
    found = _PAGE.fullmatch(reply.body)
    if found is None:
        raise wrong(URL, f"want the stub_status page of NGINX (Active connections: …), it begins {begins(reply.body)}")
    active, accepts, handled, requests, reading, writing, waiting = (int(group) for group in found.groups())
    if max(active, accepts, handled, requests, reading, writing, waiting) > MAX_COUNTER or handled > accepts:
        raise wrong(URL, f"accepts {accepts}, handled {handled}, requests {requests} cannot be true")
    return Reading(
        # It tells neither its process nor its clock nor its uptime: a fallen counter is the only sign of a restart.
        process=None,
        clock=None,
        uptime=None,
        counters={"requests": requests, "accepted_connections": accepts, "dropped_connections": accepts - handled},
        gauges={
            "connections": float(active),
            "reading_connections": float(reading),
            "writing_connections": float(writing),
            "idle_connections": float(waiting),
        },
        software=_software(reply.server),
    )


def _software(server: str) -> str:
    """`nginx/1.22.1` as "NGINX 1.22.1"; "NGINX" where the version is hidden."""
    name, _, version = text(server, 60).partition("/")
    return f"NGINX {version}".strip() if name.lower() == "nginx" else "NGINX"


SOURCE = Source(
    label="NGINX",
    read=read,
    identify=("/nginx_status", "/stub_status", "/basic_status", "/status"),
    reports=frozenset(
        {
            "requests",
            "accepted_connections",
            "dropped_connections",
            "connections",
            "reading_connections",
            "writing_connections",
            "idle_connections",
        }
    ),
    streams=False,
    needs_path=True,
)
