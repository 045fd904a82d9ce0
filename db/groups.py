"""Servers that are alike in role, region, provider, kind and tags: `group_5m` and `group_1h` keep their sums.

A server's whole history is in the group it would be in now. Where somebody changes what it is, the sums of its old
and its new group are formed again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, text

from db import partitions, rollup_sql
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
_TABLES = {"5m": ("traffic_5m", "group_5m"), "1h": ("traffic_1h", "group_1h")}


def keep(engine: Engine) -> int:
    """Put every server into its group; returns how many servers left one. Raises Unavailable.

    Does nothing while somebody else rolls up.
    """
    with reachable(engine), engine.begin() as connection:
        if not connection.scalar(rollup_sql.TRY_LOCK):
            return 0
        connection.execute(_NEW_GROUPS)
        connection.execute(_NEW_SERVERS)
        moved = connection.execute(_MOVED).all()
        if moved:
            _form_again(engine, connection, sorted({group for row in moved for group in (row.old, row.new)}))
    return len(moved)


def _form_again(engine: Engine, connection: Connection, changed: list[int]) -> None:
    for level, (source, target) in _TABLES.items():
        months = partitions.existing(engine, source).values()
        partitions.ensure(engine, target, months)
        for month in sorted(months):
            start = datetime.combine(month, datetime.min.time(), UTC)
            end = datetime.combine(partitions.next_day(source, month), datetime.min.time(), UTC)
            for statement in rollup_sql.REGROUP[level]:
                connection.execute(statement, {"groups": changed, "start": start, "end": end})
