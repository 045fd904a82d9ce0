"""Who changed what. For admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from db import audit as stored
from db import engine as engines
from db.frame import records
from web.api import paging
from web.api.auth import Admin
from web.api.inputs import Moment, Words
from web.api.paging import USUAL, Cursor, Limit
from web.api.problem import READS
from web.api.shapes_access import AuditEntry

router = APIRouter(tags=["access"])


@router.get("/audit", responses={**READS, **paging.LINK})
def audit(
    _by: Admin,
    request: Request,
    response: Response,
    text: Annotated[Words | None, Query(description="Only changes with these words in them.")] = None,
    since: Annotated[Moment | None, Query(description="Not before this time, with its zone.")] = None,
    until: Annotated[Moment | None, Query(description="Before this time, with its zone.")] = None,
    limit: Limit = USUAL,
    cursor: Cursor = None,
) -> list[AuditEntry]:
    """Changes that people and programs made, newest first. No secret is among them."""
    below = None if cursor is None else paging.decode("audit", cursor, (int,))[0]
    found = records(
        stored.trail(engines.shared(), wanted=text or "", since=since, until=until, below=below, most=limit + 1)
    )
    if len(found) > limit:
        paging.point_on(request, response, paging.encode("audit", (found[limit - 1]["id"],)))
    return [AuditEntry(**row) for row in found[:limit]]
