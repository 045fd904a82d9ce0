"""Databases for tests: each test has one of its own, as new; those of tests before it are emptied and used again.

To make a database takes ten times as long as to empty one. What was emptied is compared with the template, and is
dropped where anything in its structure is not as there: a test may do to its database what it likes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count

import psycopg2
from psycopg2.extensions import connection as Connection

from db.embedded import Cluster

# Sessions of a test end at once, but not at the same moment as they are told to.
END_SECONDS = 5.0
# After so many tests a database is dropped: what they made and dropped again is still in its catalogues.
USES = 60
# Of a table that is emptied row by row; where there is a larger one a new database is quicker.
MOST_BYTES = 8 * 8_192

# Everything that a test can change besides rows. In a copy of the template each line of a catalogue is by the same
# transaction as there until somebody changes it, and has its object number.
_CATALOGUES = (
    *("pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_inherits", "pg_trigger", "pg_proc", "pg_type"),
    *("pg_namespace", "pg_extension", "pg_sequence", "pg_statistic_ext", "pg_policy", "alembic_version"),
)
_STRUCTURE = " UNION ALL ".join(
    [
        "SELECT string_agg(concat_ws(' ', oid, relname, relkind, relpersistence, reloptions, relacl, reltuples < 0),"
        " '|' ORDER BY oid) FROM pg_class WHERE oid >= 16384 AND relkind NOT IN ('i', 'I', 't')",
        "SELECT string_agg(setconfig::text, '|') FROM pg_db_role_setting JOIN pg_database ON pg_database.oid ="
        " setdatabase WHERE datname = current_database()",
        *(f"SELECT concat_ws(' ', count(*), sum(xmin::text::bigint)) FROM {name}" for name in _CATALOGUES),
    ]
)
# Partitions are made as they are needed; the template has none.
_PARTITIONS = """
SELECT 'DROP TABLE ' || string_agg(oid::regclass::text, ', ') FROM pg_class
WHERE relispartition AND relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
# A table that was never written to has no page. A number is used up also by a row that was refused.
_EMPTIED = """
SELECT string_agg(line, '; ') FROM (
  SELECT 'DELETE FROM ' || oid::regclass FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
      AND pg_relation_size(oid) > 0
  UNION ALL SELECT format('SELECT setval(%L, %s, false)', sequencename, start_value) FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL
) AS lines(line)
"""
_LARGEST = """
SELECT max(pg_relation_size(oid)) FROM pg_class
WHERE relkind = 'r' AND NOT relispartition AND relnamespace = 'public'::regnamespace
"""


_numbers = count(1)


def execute(cluster: Cluster, statement: str) -> None:
    """A statement for the whole cluster."""
    with closing(_connected(cluster, "postgres")) as connection:
        _asked(connection, statement)


@contextmanager
def unmigrated(cluster: Cluster) -> Iterator[str]:
    """The name of a database with nothing in it, for as long as the block runs."""
    name = f"test_{next(_numbers)}"
    execute(cluster, f"CREATE DATABASE {name}")
    yield name
    execute(cluster, f"DROP DATABASE {name} WITH (FORCE)")


class Databases:
    """The databases of `cluster` that are like its database `template`."""

    def __init__(self, cluster: Cluster, template: str) -> None:
        self._cluster = cluster
        self._template = template
        self._empty: list[tuple[str, int]] = []
        self._administrator = _connected(cluster, "postgres")
        with closing(_connected(cluster, template)) as connection:
            self._structure = _lines(connection, _STRUCTURE)

    def close(self) -> None:
        """End the own session: the databases go with their cluster."""
        self._administrator.close()

    @contextmanager
    def one(self) -> Iterator[str]:
        """The name of a database like the template. No other had that name: what a test left running harms none."""
        name, uses = f"test_{next(_numbers)}", 1
        if self._empty:
            used, before = self._empty.pop()
            uses += before
            self._do(f"ALTER DATABASE {used} RENAME TO {name}")
        else:
            # A copy of files: the other way writes everything twice.
            self._do(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy")
        yield name
        if uses < USES and self._emptied(name):
            self._empty.append((name, uses))
        else:
            self._do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _emptied(self, name: str) -> bool:
        """Make the database as new; False where that takes more than to empty it."""
        try:
            self._end_sessions(name)
            with closing(_connected(self._cluster, name)) as connection:
                if int(str(_asked(connection, _LARGEST))) > MOST_BYTES:
                    return False
                _asked(connection, "SET session_replication_role = replica")  # in whatever order
                for question in (_PARTITIONS, _EMPTIED):
                    if order := _asked(connection, question):
                        _asked(connection, str(order))
                same = _lines(connection, _STRUCTURE) == self._structure
            self._end_sessions(name)
        except psycopg2.Error:
            return False
        return same

    def _end_sessions(self, name: str) -> None:
        """Return once nobody is connected; PostgreSQL itself would look every 100 ms only."""
        question = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'"
        until = time.monotonic() + END_SECONDS
        while _asked(self._administrator, question):
            if time.monotonic() > until:
                raise psycopg2.OperationalError(f"somebody stays connected to {name}")
            time.sleep(0.001)

    def _do(self, statement: str) -> None:
        _asked(self._administrator, statement)


def _connected(cluster: Cluster, database: str) -> Connection:
    connection = psycopg2.connect(cluster.url(database).replace("+psycopg2", "", 1))
    connection.autocommit = True
    return connection


def _asked(connection: Connection, statement: str) -> object:
    """The one value that a statement answers; None where it answers none."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def _lines(connection: Connection, question: str) -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return [row[0] for row in cursor.fetchall()]
