"""A test's database is as new, whatever the tests before it did to theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from actions.annotations import add_annotation
from cdn.model import LOCAL_ADMIN
from db import engine as engines
from db import partitions
from db.embedded import Cluster
from tests.conftest import TEMPLATE
from tests.databases import Databases
from tests.everybody import content, fill_it


@pytest.fixture
def fresh(cluster: Cluster) -> Iterator[Databases]:
    """Databases of which none was used yet."""
    with closing(Databases(cluster, TEMPLATE)) as made:
        yield made


@contextmanager
def used(cluster: Cluster, fresh: Databases) -> Iterator[Engine]:
    with fresh.one() as name:
        engine = engines.create(cluster.url(name))
        yield engine
        engine.dispose()


def number(engine: Engine) -> int:
    """That of the database: it stays when the name changes."""
    with engine.connect() as connection:
        return int(connection.scalar(text("SELECT oid FROM pg_database WHERE datname = current_database()")) or 0)


def test_one_that_was_written_to_is_used_again_with_nothing_in_it(cluster: Cluster, fresh: Databases) -> None:
    with used(cluster, fresh) as engine:
        first, empty = number(engine), content(engine)
        ids = fill_it(engine)
        partitions.ensure(engine, "sample", [datetime(2026, 11, 1, tzinfo=UTC).date()])
        assert content(engine) != empty
    with used(cluster, fresh) as engine:
        assert number(engine) == first
        assert content(engine) == empty
        assert partitions.existing(engine, "sample") == {}
        assert fill_it(engine) == ids  # numbers begin anew


@pytest.mark.parametrize(
    "done",
    [
        "ALTER TABLE server ADD COLUMN more integer",
        "ALTER TABLE server DROP COLUMN tags",
        "ALTER TABLE server ALTER COLUMN provider DROP NOT NULL",
        "ALTER TABLE server SET (fillfactor = 50)",
        "ALTER TABLE annotation ALTER COLUMN words SET DEFAULT 'x'",
        "CREATE TABLE more (id integer)",
        "CREATE INDEX ON server (provider)",
        "DROP TABLE annotation CASCADE",
        "CREATE SCHEMA more",
        "CREATE FUNCTION more() RETURNS integer LANGUAGE sql RETURN 1",
        "UPDATE alembic_version SET version_num = '0001'",
        "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET work_mem = 64'; END $$",
        "INSERT INTO annotation (at, words, created_by) SELECT now(), repeat('x', 999), '' FROM generate_series(1, 99)",
        "ANALYZE",
    ],
)
def test_one_that_is_another_than_the_template_is_not_used_again(cluster: Cluster, fresh: Databases, done: str) -> None:
    with used(cluster, fresh) as engine:
        first = number(engine)
        with engine.begin() as connection:
            connection.exec_driver_sql(done)
    with used(cluster, fresh) as engine:
        assert number(engine) != first


def test_what_a_test_left_running_reaches_no_other_test(cluster: Cluster, fresh: Databases) -> None:
    with fresh.one() as name:
        left = engines.create(cluster.url(name), wait=1)
        add_annotation(left, {"at": datetime(2026, 11, 2, tzinfo=UTC), "words": "deploy"}, by=LOCAL_ADMIN)
    with used(cluster, fresh) as engine:
        with pytest.raises(Exception, match="does not exist"):
            add_annotation(left, {"at": datetime(2026, 11, 2, tzinfo=UTC), "words": "deploy"}, by=LOCAL_ADMIN)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM annotation")) == 0
    left.dispose()
