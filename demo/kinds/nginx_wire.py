"""What NGINX and its relatives have in common on the wire: heads of answers, pages of errors, sign-in."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

from demo.kinds.access import allowed
from demo.machine import Machine
from demo.server import Token
from demo.wire import Answer, Request

NOT_CACHED = "Expires: Thu, 01 Jan 1970 00:00:01 GMT\r\nCache-Control: no-cache\r\n"


def software(machine: Machine) -> str:
    """What the Server header says."""
    name = "Angie" if machine.server.kind == "angie" else "nginx"
    return f"{name}/{machine.server.release}"


def page(title: str, server: str) -> str:
    """A page of an error as NGINX writes it."""
    head = f"<head><title>{title}</title></head>\r\n"
    if server.startswith("Angie"):
        head = f"<title>{title}</title>\r\n<style>html{{color-scheme:light dark;}}</style>\r\n</head>\r\n"
    return (
        f"<html>\r\n{head}<body>\r\n<center><h1>{title}</h1></center>\r\n"
        f"<hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
    )


def reply(
    machine: Machine,
    request: Request,
    now: float,
    content_type: str,
    body: str,
    *,
    status: str = "200 OK",
    more: str = "",
) -> Answer:
    """An answer; more: further lines of its head. now: what the server believes it is."""
    close, payload = request.wants_close, body.encode("utf-8", "surrogateescape")
    head = (
        f"HTTP/1.1 {status}\r\nServer: {software(machine)}\r\nDate: {formatdate(now, usegmt=True)}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(payload)}\r\n"
        f"Connection: {'close' if close else 'keep-alive'}\r\n{more}\r\n"
    )
    return Answer(head.encode("latin-1") + (b"" if request.method == "HEAD" else payload), keep=not close)


def missing(machine: Machine, request: Request, now: float) -> Answer:
    """404 as for any file that is not there."""
    title = "404 Not Found"
    return reply(machine, request, now, "text/html", page(title, software(machine)), status=title)


def refusal(machine: Machine, request: Request, now: float, realm: str) -> Answer | None:
    """401 where the request does not say who asks; NGINX and Angie title it differently."""
    if allowed(machine, request):
        return None
    title = "401 Unauthorized" if machine.server.kind == "angie" else "401 Authorization Required"
    scheme = "Bearer" if isinstance(machine.server.auth, Token) else "Basic"
    challenge = f'WWW-Authenticate: {scheme} realm="{realm}"\r\n'
    body = page(title, software(machine))
    return reply(machine, request, now, "text/html", body, status="401 Unauthorized", more=challenge)


def compact(value: Any) -> str:
    """JSON without a blank."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
