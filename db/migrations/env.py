"""How Alembic runs here: one transaction under a lock, partitions left out of comparisons."""

from __future__ import annotations

import re
from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

import db.measurements
import db.rolled  # noqa: F401
from db.engine import address
from db.migrate import lock_statement
from db.models import Base

PARTITION = re.compile(r"_p\d{8}$")


def wanted(_object: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:
    """False for the daily partitions: they are made and dropped by retention, not by migrations."""
    if kind == "table" and name is not None:
        return PARTITION.search(name) is None
    return True


def _lock_measurements(connection: Connection) -> None:
    """Take the collector's tables in the order its writer takes them, so that neither ends in a deadlock."""
    for table in ("server_status", "sample", "stream_status", "stream_sample", "traffic_1m"):
        if connection.scalar(text("SELECT to_regclass(:table)"), {"table": table}) is not None:
            connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))


def run() -> None:
    """Migrate online. Waits up to a minute for a lock that another migration or a reader holds."""
    engine = create_engine(
        address(context.config.attributes["url"]), poolclass=NullPool, connect_args={"connect_timeout": 30}
    )
    with engine.begin() as connection:
        connection.execute(text(lock_statement()))
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        _lock_measurements(connection)
        context.configure(
            connection=connection, target_metadata=Base.metadata, include_object=wanted, compare_server_default=True
        )
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()


run()
