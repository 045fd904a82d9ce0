"""Servers that are alike in role, region, provider, kind and tags: `group_5m` and `group_1h` keep their sums.

A server's whole history is in the group it would be in now. Where somebody changes what it is, the sums of its old
and its new group are formed again, and those of `sum_5m` and `sum_1h` with the names they count for.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine, text

from db import group_sql, partitions, rollup_sql
from db.engine import reachable

_LIKE = "role, region, provider, kind, tags"
_WANTED = (
    "wanted AS (SELECT id AS server_id, role, region, provider, kind,"
    " ARRAY(SELECT DISTINCT unnest(tags) ORDER BY 1) AS tags FROM server)"
)
_NEW_GROUPS = text(
    f"WITH {_WANTED} INSERT INTO server_group ({_LIKE}) SELECT {_LIKE} FROM wanted"
    f" EXCEPT SELECT {_LIKE} FROM server_group ON CONFLICT DO NOTHING"
)
_PLACED = (
    f"{_WANTED}, placed AS (SELECT wanted.server_id, found.id AS group_id"
    f" FROM wanted JOIN server_group found USING ({_LIKE}))"
)
_NEW_SERVERS = text(
    f"WITH {_PLACED} INSERT INTO server_in_group (server_id, group_id) SELECT * FROM placed ON CONFLICT DO NOTHING"
)
_MOVED = text(
    f"WITH {_PLACED} UPDATE server_in_group current SET group_id = placed.group_id FROM placed,"
    " server_in_group former WHERE current.server_id = placed.server_id AND former.server_id = current.server_id"
    " AND current.group_id <> placed.group_id RETURNING former.group_id AS old, placed.group_id AS new"
)
_FORM_AGAIN = text(
    "INSERT INTO regroup_due (group_id, month) SELECT id, month"
    " FROM unnest(CAST(:groups AS bigint[])) AS id, unnest(CAST(:months AS date[])) AS month ON CONFLICT DO NOTHING"
)
_NEWEST_DUE = text("SELECT max(month) FROM regroup_due")
_TAKE = text("DELETE FROM regroup_due WHERE month = :month RETURNING group_id")
_LEVELS = {"5m": "traffic_5m", "1h": "traffic_1h"}
_PATIENCE = text("SET LOCAL statement_timeout = '10min'")


def place(engine: Engine) -> None:
    """Put servers that are in no group into theirs. Raises Unavailable."""
    with reachable(engine), engine.begin() as connection:
        connection.execute(_NEW_GROUPS)
        connection.execute(_NEW_SERVERS)


def keep(engine: Engine) -> int:
    """Move servers that somebody changed to their new groups and form these groups' sums again, a month at a time, the
    newest first. Returns how many servers moved. Raises Unavailable.

    Does nothing while somebody rolls up. A run that is cut off is gone on with by the next.
    """
    place(engine)
    with reachable(engine), engine.begin() as connection:
        if not connection.scalar(rollup_sql.TRY_LOCK):
            return 0
        moved = connection.execute(_MOVED).all()
        if moved:
            changed = sorted({group for row in moved for group in (row.old, row.new)})
            months = {month for source in _LEVELS.values() for month in partitions.existing(engine, source).values()}
            connection.execute(_FORM_AGAIN, {"groups": changed, "months": sorted(months)})
    while _month_again(engine):
        pass
    return len(moved)


def _month_again(engine: Engine) -> bool:
    """Form the sums of the newest month that is due again; False where none is, or somebody rolls up."""
    with reachable(engine), engine.begin() as connection:
        month = connection.scalar(_NEWEST_DUE)
        if month is None or not connection.scalar(rollup_sql.TRY_LOCK):
            return False
        changed = list(connection.scalars(_TAKE, {"month": month}))
        names = connection.execute(group_sql.NAMES, {"groups": changed}).all()
        for statement in (_PATIENCE, rollup_sql.ROOM, rollup_sql.HASHED):
            connection.execute(statement)
        for level, source in _LEVELS.items():
            asked = {
                "groups": changed,
                "dimensions": [row.dimension for row in names],
                "names": [row.name for row in names],
                "start": datetime.combine(month, datetime.min.time(), UTC),
                "end": datetime.combine(partitions.next_day(source, month), datetime.min.time(), UTC),
            }
            for target in (f"group_{level}", f"sum_{level}"):
                partitions.ensure(engine, target, [month])
            for statement in group_sql.REGROUP[level]:
                connection.execute(statement, asked)
    return True
