"""Errors of the API as RFC 9457 problem+json: what is wrong, where, and what was wanted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from cdn.errors import Changed, Forbidden, NoKey, Unavailable, Unknown
from cdn.model import Invalid, PollError

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class ProblemBody(BaseModel):
    """The body of every error. `faults`: field → what was wanted."""

    type: str = "about:blank"
    title: str = Field(examples=["A parameter is wrong"])
    status: int = Field(examples=[422])
    detail: str = Field("", description="What to do about it.")
    faults: dict[str, str] = Field(
        {}, description="Where → what was wanted; as query.limit, path.server_id, body.url, header.if-match."
    )


class Problem(Exception):
    """An error the caller can do something about."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        faults: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.body = ProblemBody(title=title, status=status, detail=detail, faults=dict(faults or {}))
        self.headers = dict(headers or {})


_MEANINGS = {
    400: "The body is no JSON",
    401: "No or wrong token",
    403: "The token's scope does not allow it; the answer says which one does",
    404: "There is no such thing, or not any more",
    409: "Somebody else changed it meanwhile",
    412: "It is not what If-Match says any more: somebody else changed it",
    413: "The body is too large",
    414: "The query is too long",
    422: "A parameter or a field is wrong; `faults` names each",
    428: "Say by If-Match, or `version` in the body, what you change",
    429: "Too many requests; Retry-After says when again",
    502: "A polled server did not answer as it should",
    503: "The database is away",
}
_WAIT = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}
_WHO = {"WWW-Authenticate": {"description": "How to sign in: Bearer.", "schema": {"type": "string"}}}


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route may answer besides success, for its documentation."""
    return {status: _response(status) for status in statuses}


def _response(status: int) -> dict[str, Any]:
    body = {"type": "about:blank", "title": _MEANINGS[status].partition(";")[0], "status": status}
    described: dict[str, Any] = {
        "description": _MEANINGS[status],
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/ProblemBody"},
                "example": {**body, "detail": "", "faults": {}},
            }
        },
    }
    if status in (429, 503):
        described["headers"] = _WAIT
    if status == 401:
        described["headers"] = _WHO
    return described


READS = responses(401, 403, 414, 422, 429, 503)
ONE = responses(401, 403, 404, 414, 422, 429, 503)
CHANGES = responses(400, 401, 403, 413, 414, 422, 429, 503)
CHANGES_ONE = responses(400, 401, 403, 404, 413, 414, 422, 429, 503)


def faulty(error: Invalid, where: str = "body") -> Problem:
    """What is wrong with the fields of a body."""
    return Problem(422, "A field is wrong", faults={f"{where}.{name}": fault for name, fault in error.faults.items()})


def _answer(problem: Problem) -> JSONResponse:
    return JSONResponse(problem.body.model_dump(), problem.body.status, headers=problem.headers, media_type=MEDIA_TYPE)


_KEY = "Set SECRET_KEY in the environment of the web program: python -m db new-key makes one."
# What comes out of actions and the database → what is answered.
_RAISED: dict[type[Exception], Callable[[Any], Problem]] = {
    Problem: lambda problem: problem,
    Invalid: faulty,
    Unknown: lambda _: Problem(404, "There is no such thing", "It is not there, or not any more."),
    Changed: lambda _: Problem(409, "Somebody else changed it meanwhile", "Read it again, and change that."),
    NoKey: lambda _: Problem(409, "There is no key to encrypt secrets with", _KEY),
    Forbidden: lambda error: Problem(403, "This may not be done", str(error)),
    PollError: lambda error: Problem(502, "The server did not answer as it should", error.detail),
    Unavailable: lambda _: Problem(503, "The database is away", "Try again in a moment.", headers={"Retry-After": "5"}),
    RequestValidationError: lambda error: _validation(error),
}


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""

    async def _told(_request: Request, error: Exception) -> JSONResponse:
        return _answer(next(make(error) for raised, make in _RAISED.items() if isinstance(error, raised)))

    for raised in _RAISED:
        app.add_exception_handler(raised, _told)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(app, request.scope["path"], request.scope.get("root_path", "")))
        return _answer(Problem(error.status_code, str(error.detail), headers=headers))

    @app.exception_handler(Exception)
    async def _fault(request: Request, error: Exception) -> JSONResponse:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _answer(Problem(500, "This is a fault of ours", "The log of the web program tells more."))


def _validation(error: RequestValidationError) -> Problem:
    faults = {".".join(map(str, fault["loc"])): _plain(fault) for fault in error.errors()}
    if any(fault["type"] == "json_invalid" for fault in error.errors()):
        return Problem(400, "The body is no JSON", faults={"body": "; ".join(faults.values())})
    title = "A field is wrong" if any(name.startswith("body") for name in faults) else "A parameter is wrong"
    return Problem(422, title, faults=faults)


_WORDS = {"missing": "it is missing", "extra_forbidden": "there is no such field"}


def _plain(fault: Mapping[str, Any]) -> str:
    """What was wanted, without what was given: that may be a secret."""
    if fault["type"] == "json_invalid":
        return str(fault.get("ctx", {}).get("error", fault["msg"]))
    return _WORDS.get(fault["type"], str(fault["msg"]).removeprefix("Value error, "))


def _methods(app: FastAPI, path: str, root: str) -> list[str]:
    """What may be done with the thing at `path`."""
    local = path[len(root) :] if root and path.startswith(root) else path
    found: set[str] = set()
    for route in app.routes:
        pattern = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(local):
            found |= getattr(route, "methods", None) or set()
    return sorted(found)
