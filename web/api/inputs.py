"""What may be asked with: ids, times, words, and the version that a change was made from."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Header, Path, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, StringConstraints

from cdn.model import Kind, Role
from web.api.problem import Problem

LARGEST_ID = 2**63 - 1
_VERSION = re.compile(r'"(\d{1,18})(?:\.[0-9a-f]+)?"')


def _time(value: Any) -> Any:
    if not isinstance(value, str) or "T" not in value.upper():
        raise ValueError("want a time with its zone, like 2026-03-01T12:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    """Zones reach further here than in the database, and at both ends of time none is left to go to."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if value.year == 1 else datetime.max.replace(tzinfo=UTC)


def _yes_or_no(value: Any) -> Any:
    if isinstance(value, str) and value not in ("true", "false"):
        raise ValueError("want true or false")
    return value


# Only as RFC 3339 writes it: pydantic would also take seconds since 1970, and days without a time.
Moment = Annotated[AwareDatetime, BeforeValidator(_time), AfterValidator(_in_utc)]
YesNo = Annotated[bool, BeforeValidator(_yes_or_no)]
# What PostgreSQL can hold and people can see.
Words = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]

Id = Annotated[int, Path(ge=1, le=LARGEST_ID, examples=[1])]
OneServer = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Only on this server.")]
OneChannel = Annotated[int | None, Query(ge=1, le=LARGEST_ID, description="Only of this channel.")]
OfRole = Annotated[Role | None, Query(description="Only those of this role.")]
OfKind = Annotated[Kind | None, Query(description="Only those of this kind.")]
OfRegion = Annotated[Words | None, Query(description="Only those in this region.")]
OfProvider = Annotated[Words | None, Query(description="Only those of this provider.")]
IfMatch = Annotated[
    str | None,
    Header(
        max_length=200,
        description="The ETag of what is changed, or its version in quotes; * for whatever it is now.",
        examples=["*"],
    ),
]


def version_of(if_match: str | None, told: int | None, current: int) -> int:
    """The version that a change was made from. told: `version` in the body.

    Raises Problem 412 where If-Match names another one than `current`, 428 where nothing says what is changed.
    """
    if if_match is None:
        if told is None:
            raise Problem(428, "Say what you change", "Send If-Match with its ETag, or `version` in the body.")
        return told
    if if_match.strip() == "*":
        return current
    named = [int(version) for version in _VERSION.findall(if_match)]
    if current not in named:
        raise Problem(
            412, "Somebody else changed it meanwhile", f"It is version {current} now: read it again, and change that."
        )
    return current
