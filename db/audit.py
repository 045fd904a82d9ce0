"""Who changed what: one row a change, written by the transaction that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Engine, func, text
from sqlalchemy.orm import Session

from cdn.model import Actor
from db.engine import reading
from db.frame import frame
from db.models import Audit

# Never written down, whatever a caller hands over.
SECRETS = frozenset({"password", "token", "secret", "auth_secret", "password_hash", "digest", "key"})


def record(
    session: Session,
    by: Actor,
    action: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Note a change in the transaction of `session`; where both sides are given only what differs is kept.

    action: noun.verb as server.change; subject: the name of what was changed. Values must be plain JSON.
    """
    old, new = _changes(before, after)
    session.add(
        Audit(
            at=func.clock_timestamp(),
            actor=by.name,
            via=by.via,
            address=by.address,
            action=action,
            subject=subject,
            before=old,
            after=new,
        )
    )


def _changes(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    old = None if before is None else {name: value for name, value in before.items() if name not in SECRETS}
    new = None if after is None else {name: value for name, value in after.items() if name not in SECRETS}
    if old is None or new is None:
        return old, new
    differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {name: old.get(name) for name in differing}, {name: new.get(name) for name in differing}


_TRAIL = text(
    "SELECT id, at, actor, via, address, action, subject, before, after FROM audit"
    " WHERE (CAST(:below AS bigint) IS NULL OR id < :below)"
    "  AND (CAST(:since AS timestamptz) IS NULL OR at >= :since)"
    "  AND (CAST(:until AS timestamptz) IS NULL OR at < :until)"
    "  AND (:wanted = '' OR concat_ws(' ', actor, action, subject, before::text, after::text)"
    "   ILIKE '%' || replace(replace(replace(:wanted, '\\', '\\\\'), '%', '\\%'), '_', '\\_') || '%')"
    " ORDER BY id DESC LIMIT :most"
)


def trail(
    engine: Engine,
    *,
    wanted: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    below: int | None = None,
    most: int = 100,
) -> pd.DataFrame:
    """Changes, newest first: id, at, actor, via, address, action, subject, before, after (only what differs).

    wanted: words to be found in any of it; below: only those before that id, to read on.
    """
    parameters = {"wanted": wanted.replace("\x00", ""), "since": since, "until": until, "below": below, "most": most}
    with reading(engine) as connection:
        return frame(connection, _TRAIL, parameters, times=("at",))
