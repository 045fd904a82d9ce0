"""What tests share: a real PostgreSQL, one database per test, and settings that no machine influences."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import hypothesis
import psycopg2
import pytest
from sqlalchemy import Engine

from cdn.settings import Settings
from db import embedded, migrate
from db import engine as engines
from tests.pooler import Pooler, pooler_program

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
TEMPLATE = "migrated"

# The same examples every time: a failure is one for everybody.
hypothesis.settings.register_profile("steady", derandomize=True, deadline=None)
hypothesis.settings.load_profile("steady")

# Neither a developer's .env nor the environment decides what tests see.
Settings.model_config["env_file"] = None
for _name in [name for name in os.environ if name.lower() in Settings.model_fields]:
    del os.environ[_name]

_numbers = count(1)


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A temporary folder that every user may pass through: as root, PostgreSQL runs as somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="cdn-tests-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster(open_folder: Path) -> Iterator[embedded.Cluster]:
    """One embedded PostgreSQL for all tests of this process, with a migrated template database."""
    with embedded.running(open_folder / "newest", durable=False) as running:
        _execute(running, f"CREATE DATABASE {TEMPLATE}")
        migrate.upgrade(running.url(TEMPLATE))
        yield running


@pytest.fixture
def database_url(cluster: embedded.Cluster) -> Iterator[str]:
    """A migrated, empty database of this test's own."""
    with _database(cluster, TEMPLATE) as name:
        yield cluster.url(name)


@pytest.fixture
def empty_database_url(cluster: embedded.Cluster) -> Iterator[str]:
    """A database that no migration has seen."""
    with _database(cluster, "template1") as name:
        yield cluster.url(name)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The product's own engine on this test's database."""
    made = engines.create(database_url)
    yield made
    made.dispose()


@pytest.fixture(scope="session")
def _cluster16(open_folder: Path) -> Iterator[embedded.Cluster]:
    with embedded.running(open_folder / "16", major=16, durable=False) as running:
        yield running


@pytest.fixture(scope="session")
def _cluster15(open_folder: Path) -> Iterator[embedded.Cluster]:
    if not (DEBIAN_15 / "initdb").exists():
        pytest.skip(f"PostgreSQL 15 is not installed ({DEBIAN_15})")
    with embedded.running(open_folder / "15", major=15, durable=False, programs=DEBIAN_15) as running:
        yield running


@pytest.fixture
def postgres16_url(_cluster16: embedded.Cluster) -> Iterator[str]:
    """An empty database on PostgreSQL 16, not migrated."""
    with _database(_cluster16, "template1") as name:
        yield _cluster16.url(name)


@pytest.fixture
def postgres15_url(_cluster15: embedded.Cluster) -> Iterator[str]:
    """An empty database on PostgreSQL 15, not migrated; skipped where Debian's package is missing."""
    with _database(_cluster15, "template1") as name:
        yield _cluster15.url(name)


@pytest.fixture(scope="session")
def _pooler(cluster: embedded.Cluster, open_folder: Path) -> Iterator[Pooler]:
    program = pooler_program()
    if program is None:
        pytest.skip("pgbouncer is not installed")
    pooler = Pooler(program, cluster, open_folder / "pgbouncer", open_folder / "newest" / "postgresql")
    yield pooler
    pooler.stop()


@pytest.fixture
def pgbouncer(_pooler: Pooler, cluster: embedded.Cluster) -> Iterator[str]:
    """A migrated database of this test's own, behind PgBouncer in transaction mode with TLS and password.

    The database itself is called the same on `cluster`, for what has to go past the pooler.
    """
    with _database(cluster, TEMPLATE) as name:
        yield _pooler.url(name)


@contextmanager
def _database(cluster: embedded.Cluster, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _execute(cluster, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield name
    _execute(cluster, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(cluster: embedded.Cluster, statement: str) -> None:
    connection = psycopg2.connect(cluster.url("postgres").replace("+psycopg2", "", 1))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()
