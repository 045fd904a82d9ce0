"""NGINX with stub_status, as 1.22 answers it."""

from __future__ import annotations

from email.utils import formatdate

from demo.machine import Machine
from demo.process import NginxProcess
from demo.wire import Answer, Request

REALM = "nginx status"


def _page(title: str, release: str) -> str:
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        f"<hr><center>nginx/{release}</center>\r\n</body>\r\n</html>\r\n"
    )


def _answer(
    request: Request, release: str, now: float, status: str, content_type: str, body: str, more: str = ""
) -> Answer:
    close = request.wants_close
    head = (
        f"HTTP/1.1 {status}\r\nServer: nginx/{release}\r\nDate: {formatdate(now, usegmt=True)}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        f"Connection: {'close' if close else 'keep-alive'}\r\n{more}\r\n"
    )
    return Answer((head + ("" if request.method == "HEAD" else body)).encode("latin-1"), keep=not close)


def stub_status(process: NginxProcess) -> str:
    """The status page: three counters, and the connections of this moment, the asking one among them."""
    accepted, writing = int(process.accepted), process.writing + 1
    active = process.active + 1
    waiting = max(0, active - process.reading - writing)
    return (
        f"Active connections: {active} \nserver accepts handled requests\n"
        f" {accepted} {accepted} {int(process.requests)} \n"
        f"Reading: {process.reading} Writing: {writing} Waiting: {waiting} \n"
    )


def answer(machine: Machine, request: Request, now: float) -> Answer:
    """What the server answers; the asking connection and request are counted too."""
    process, server = machine.process, machine.server
    assert isinstance(process, NginxProcess)
    process.requests += 1
    process.accepted += request.first
    if request.path != server.path:
        title = "404 Not Found"
        return _answer(request, server.release, now, title, "text/html", _page(title, server.release))
    auth = server.auth
    wanted = (auth.user, auth.password) if auth else None
    if machine.effect.locked or (wanted and request.basic_auth() != wanted):
        title, challenge = "401 Authorization Required", f'WWW-Authenticate: Basic realm="{REALM}"\r\n'
        page = _page(title, server.release)
        return _answer(request, server.release, now, "401 Unauthorized", "text/html", page, challenge)
    return _answer(request, server.release, now, "200 OK", "text/plain", stub_status(process))
