"""The HTTP API of SRS 5 and 6: its paths, envelope, redirects, sign-in and errors."""

from __future__ import annotations

from demo.kinds import srs_lists
from demo.kinds.access import allowed
from demo.kinds.srs_summaries import summaries
from demo.machine import Machine
from demo.process import SrsProcess
from demo.wire import Answer, Request

CODE_NAMES = {"5": "Bee", "6": "Hang"}
UNKNOWN_ID = '{"code":2048}'
LISTS = ("vhosts", "streams", "clients")
INDEX = (
    '"urls":{"versions":"the version of SRS","summaries":"the summary(pid, argv, pwd, cpu, mem) of SRS",'
    '"rusages":"the rusage of SRS","self_proc_stats":"the self process stats",'
    '"system_proc_stats":"the system process stats","meminfos":"the meminfo of system",'
    '"authors":"the license, copyright, authors and contributors","features":"the supported features of SRS",'
    '"requests":"the request itself, for http debug","vhosts":"manage all vhosts or specified vhost",'
    '"streams":"manage all streams or specified stream",'
    '"clients":"manage all clients or specified client, default query top 10 clients",'
    '"raw":"raw api for srs, support CUID srs for instance the config","clusters":"origin cluster server API",'
    '"perf":"System performance stat","tcmalloc":"tcmalloc api with params ?page=summary|api"},'
    '"tests":{"requests":"show the request info","errors":"always return an error 100",'
    '"redirects":"always redirect to /api/v1/test/errors",'
    '"[vhost]":"http vhost for http://error.srs.com:1985/api/v1/tests/errors"}}'
)
API_INDEX = '"urls":{"v1":"the api version 1.0"}}'
ROOT_INDEX = (
    '"urls":{"api":"the api root","rtc":{"v1":{"play":"Play stream","publish":"Publish stream",'
    '"nack":"Simulate the NACK"}}}}'
)


def answer(machine: Machine, request: Request, now: float) -> Answer:
    """What SRS answers. Every answer closes the connection; its own errors are `code`s with status 200."""
    software = f"SRS/{machine.server.release}({CODE_NAMES[machine.server.release[0]]})"
    if "/api/" in request.path:
        refusal = _refusal(machine, request, software)
        if refusal:
            return refusal
    shifted = now + machine.effect.clock_shift
    name = request.path.removeprefix("/api/v1/")
    if name in LISTS and name != request.path:
        return _redirect(request, software)
    body = _body(machine, request, shifted)
    if body is None:
        return _answer(software, "404 Not Found", "text/plain; charset=utf-8", b"Not Found")
    # Names are bytes to SRS: what was not UTF-8 when published is not UTF-8 here.
    return _answer(software, "200 OK", "application/json", body.encode("utf-8", "surrogateescape"))


def _answer(software: str, status: str, content_type: str, body: bytes) -> Answer:
    head = (
        f"HTTP/1.1 {status}\r\nConnection: Close\r\nContent-Length: {len(body)}\r\n"
        f"Content-Type: {content_type}\r\nServer: {software}\r\n\r\n"
    )
    return Answer(head.encode("ascii") + body)


def _redirect(request: Request, software: str) -> Answer:
    """The lists live at paths with a slash at their end."""
    location = f"{request.path}/" + (f"?{request.query}" if request.query else "")
    body = f"Redirect to {location}"
    head = (
        "HTTP/1.1 302 Found\r\nConnection: Close\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nLocation: {location}\r\nServer: {software}\r\n\r\n"
    )
    return Answer((head + body).encode("latin-1"))


def _refusal(machine: Machine, request: Request, software: str) -> Answer | None:
    """401 with an empty chunked body; another scheme than Basic is not even challenged."""
    given = request.basic_auth()
    if allowed(machine, request):
        return None
    foreign = given is None and "authorization" in request.headers
    challenge = "" if foreign else "WWW-Authenticate: Basic\r\n"
    head = (
        f"HTTP/1.1 401 Unauthorized\r\nConnection: Close\r\n{challenge}Server: {software}\r\n"
        "Transfer-Encoding: chunked\r\n\r\n"
    )
    return Answer(head.encode("ascii") + b"0\r\n\r\n")


def _body(machine: Machine, request: Request, now: float) -> str | None:
    process = machine.process
    assert isinstance(process, SrsProcess)
    envelope = (
        f'{{"code":0,"server":"{machine.server_id}","service":"{process.service}","pid":"{process.pid}",'
    )  # fmt: skip
    if not request.path.startswith("/api/v1/"):
        index = {"/": ROOT_INDEX, "/api/": API_INDEX, "/api": API_INDEX, "/api/v1": INDEX}.get(request.path)
        return index and envelope + index
    name, slash, wanted = request.path.removeprefix("/api/v1/").partition("/")
    if name == "summaries" and not slash:
        return envelope + summaries(machine, process, now)
    if name == "versions" and not slash:
        major, minor, revision = machine.server.release.split(".")
        return (
            f'{envelope}"data":{{"major":{major},"minor":{minor},"revision":{revision},'
            f'"version":"{machine.server.release}"}}}}'
        )
    if name not in LISTS:
        return envelope + INDEX
    if wanted:
        one = srs_lists.ONE[name](machine, process, now, wanted)
        return UNKNOWN_ID if one is None else f'{envelope}"{name[:-1]}":{one}}}'
    start, count = _page(request)
    entries = srs_lists.ALL[name](machine, process, now, start, count)
    return f'{envelope}"{name}":[{",".join(entries)}]}}'


def _page(request: Request) -> tuple[int, int]:
    """start and count as SRS understands them: never fewer than ten, and what is no number is nothing."""
    parameters = request.parameters() if request.query else {}
    numbers = []
    for name in ("start", "count"):
        text = parameters.get(name, "")
        digits = text[1:] if text.startswith("-") else text
        numbers.append(int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0)
    return max(0, numbers[0]), max(10, numbers[1])
