"""Markers on the time axis: read, set, change, take away."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints

from actions import annotations as acting
from cdn.clock import utc_now
from db import annotations as stored
from db import engine as engines
from db.annotations import FIELDS, KINDS
from db.asked import Only
from db.frame import records
from web.api.auth import Operator, Reader
from web.api.inputs import LARGEST_ID, Id, IfMatch, Moment, OfRegion, OneChannel, OneServer, version_of
from web.api.problem import CHANGES, CHANGES_ONE, ONE, READS, Problem, responses
from web.api.wire import etag_of

router = APIRouter(prefix="/annotations", tags=["history"])
USUAL = timedelta(days=30)
_ETAG = {"headers": {"ETag": {"description": "For If-Match.", "schema": {"type": "string"}}}}
_LOCATION = {"headers": {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}}

MarkerKind = StrEnum("MarkerKind", {kind: kind for kind in KINDS})  # type: ignore[misc]
WordsOfMarker = Annotated[str, StringConstraints(min_length=1, max_length=acting.LONGEST_WORDS)]
RegionOfMarker = Annotated[str, StringConstraints(max_length=acting.LONGEST_REGION)]
Known = Annotated[StrictInt, Field(ge=1, le=LARGEST_ID)]


class Marker(BaseModel):
    """A marker. until: null, it is of a moment. region, server, channel: empty or null, it is about all of them."""

    id: int
    version: int = Field(description="Counts the changes.")
    at: datetime
    until: datetime | None
    kind: MarkerKind
    words: str
    region: str
    server_id: int | None
    server: str | None
    channel_id: int | None
    channel: str | None
    created_by: str
    created_at: datetime


class NewMarker(BaseModel):
    """A marker to set."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"at": "2026-03-01T12:00:00Z", "kind": "deploy", "words": "New player"}]},
    )

    at: Moment
    until: Moment | None = None
    kind: MarkerKind = MarkerKind("other")
    words: WordsOfMarker
    region: RegionOfMarker = ""
    server_id: Known | None = None
    channel_id: Known | None = None


class MarkerChanges(BaseModel):
    """What to change of a marker; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"words": "New player 2"}]})

    version: Annotated[StrictInt, Field(ge=1, le=2**62)] | None = Field(
        None, description="What the change was made from; instead of If-Match."
    )
    at: Moment | None = None
    until: Moment | None = None
    kind: MarkerKind | None = None
    words: WordsOfMarker | None = None
    region: RegionOfMarker | None = None
    server_id: Known | None = None
    channel_id: Known | None = None


@router.get("", responses=READS)
def every(
    _by: Reader,
    since: Annotated[Moment | None, Query(description="Left out: 30 days before `until`.")] = None,
    until: Annotated[Moment | None, Query(description="Left out: now.")] = None,
    region: OfRegion = None,
    server_id: OneServer = None,
    channel_id: OneChannel = None,
    limit: Annotated[int, Query(ge=1, le=1_000, description="So many at most.")] = 200,
) -> list[Marker]:
    """Markers that reach into a time, newest first: those about what is asked for, and those about everything."""
    end = until or utc_now()
    start = since or acting.EARLIEST + max(timedelta(), end - acting.EARLIEST - USUAL)
    only = Only(
        region=() if region is None else (region,),
        servers=() if server_id is None else (server_id,),
        channels=() if channel_id is None else (channel_id,),
    )
    found = stored.within(engines.shared(), start, end, only, most=limit)
    return [Marker(**row) for row in records(found)]


@router.get("/{annotation_id}", responses={**ONE, 200: _ETAG})
def annotation(_by: Reader, annotation_id: Id, response: Response) -> Marker:
    """One marker. Its ETag is what If-Match takes."""
    return _shown(annotation_id, response)


@router.post("", status_code=201, responses={**CHANGES, 201: _LOCATION})
def add(by: Operator, marker: NewMarker, response: Response) -> Marker:
    """Set a marker."""
    fields = {**marker.model_dump(), "kind": marker.kind.value}
    id_ = acting.add_annotation(engines.shared(), fields, by=by.actor)
    response.headers["location"] = f"annotations/{id_}"
    return _shown(id_, response)


@router.patch("/{annotation_id}", responses={**CHANGES_ONE, **responses(409, 412, 428), 200: _ETAG})
def change(
    by: Operator, annotation_id: Id, changes: MarkerChanges, response: Response, if_match: IfMatch = None
) -> Marker:
    """Change what is given and leave the rest. Needs If-Match, or `version` in the body."""
    row = _row(annotation_id)
    version = version_of(if_match, changes.version, row["version"])
    wanted = changes.model_dump(exclude_unset=True, exclude={"version"})
    if wanted.get("kind") is not None:
        wanted["kind"] = wanted["kind"].value
    fields = {name: row[name] for name in FIELDS} | wanted
    acting.change_annotation(engines.shared(), annotation_id, version, fields, by=by.actor)
    return _shown(annotation_id, response)


@router.delete("/{annotation_id}", status_code=204, responses={**CHANGES_ONE, **responses(409, 412)})
def remove(by: Operator, annotation_id: Id, if_match: IfMatch = None) -> None:
    """Take a marker away."""
    version = None if if_match is None else version_of(if_match, None, _row(annotation_id)["version"])
    acting.remove_annotation(engines.shared(), annotation_id, by=by.actor, version=version)


def _row(id: int) -> dict[str, Any]:
    for row in records(stored.annotation(engines.shared(), id)):
        return row
    raise Problem(404, "There is no such marker", "GET /annotations tells them.")


def _shown(id: int, response: Response) -> Marker:
    told = Marker(**_row(id))
    response.headers["etag"] = etag_of(told.model_dump_json().encode(), told.version)
    return told
