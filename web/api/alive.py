"""Whether the program lives, and whether it can do its work. For supervisors and load balancers: no token needed."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from db import engine as engines
from db import migrate
from web.api.auth import counted
from web.api.problem import Problem, responses
from web.api.shapes import Health

router = APIRouter(tags=["self"])


@router.get("/healthz")
def healthz() -> Health:
    """Whether the program lives."""
    return Health(status="ok")


@router.get("/readyz", responses=responses(429, 503), dependencies=[Depends(counted)])
def readyz() -> Health:
    """Whether the program can answer: its database is there and has the right schema."""
    try:
        migrate.require_newest(engines.shared())
    except migrate.WrongRevision as error:
        raise Problem(503, "The database has another schema", str(error)) from None
    return Health(status="ready")
