"""Errors of the API as RFC 9457 problem+json: what is wrong, where, and what was wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from db.engine import Unavailable

MEDIA_TYPE = "application/problem+json"


class ProblemBody(BaseModel):
    """The body of every error. `faults`: field → what was wanted."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    faults: dict[str, str] = {}


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


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemBody, "description": text, "content": {MEDIA_TYPE: {}}}
    for status, text in ((401, "No or wrong token"), (422, "A parameter is wrong"), (503, "The database is away"))
}


def _answer(problem: Problem) -> JSONResponse:
    return JSONResponse(problem.body.model_dump(), problem.body.status, headers=problem.headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem."""

    @app.exception_handler(Problem)
    async def _problem(_request: Request, error: Problem) -> JSONResponse:
        return _answer(error)

    @app.exception_handler(Unavailable)
    async def _unavailable(_request: Request, _error: Unavailable) -> JSONResponse:
        return _answer(Problem(503, "The database is away", "Try again in a moment.", headers={"Retry-After": "5"}))

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        faults = {".".join(str(part) for part in fault["loc"]): str(fault["msg"]) for fault in error.errors()}
        return _answer(Problem(422, "A parameter is wrong", faults=faults))

    @app.exception_handler(HTTPException)
    async def _http(_request: Request, error: HTTPException) -> JSONResponse:
        return _answer(Problem(error.status_code, str(error.detail), headers=error.headers))
