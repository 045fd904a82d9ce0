"""NGINX with stub_status, as 1.22 answers it."""

from __future__ import annotations

from demo.http_process import NginxProcess
from demo.kinds.nginx_wire import missing, refusal, reply
from demo.machine import Machine
from demo.wire import Answer, Request

REALM = "nginx status"


def stub_status(process: NginxProcess) -> str:
    """The status page: three counters, and the connections of this moment, the asking one among them."""
    accepted, writing = int(process.accepted), process.writing + 1
    active = process.active + 1
    waiting = max(0, active - process.reading - writing)
    return (
        f"Active connections: {active} \nserver accepts handled requests\n"
        f" {accepted} {accepted} {process.requests} \n"
        f"Reading: {process.reading} Writing: {writing} Waiting: {waiting} \n"
    )


def answer(machine: Machine, request: Request, now: float) -> Answer:
    """What the server answers; the asking connection and request are counted too."""
    process = machine.process
    assert isinstance(process, NginxProcess)
    process.requests += 1
    process.accepted += request.first
    if request.path != machine.server.path:
        return missing(machine, request, now)
    refused = refusal(machine, request, now, REALM)
    return refused or reply(machine, request, now, "text/plain", stub_status(process))
