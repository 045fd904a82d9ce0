"""What tests share: a real PostgreSQL, one database per test, and settings that no machine influences."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

import hypothesis
import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from actions import passwords
from cdn.settings import Settings
from db import embedded, migrate
from db import engine as engines
from tests.databases import Databases, execute, unmigrated
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

# A hash at full strength takes as long as a whole test, and most tests only want an account. `full_strength` brings
# the product's own back, and `test_sign_in.py` holds a program without this to it.
_STRONG = passwords._hasher
passwords._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def pytest_collection_finish() -> None:
    """Each drawing of a page would look through all installed packages for components; what it finds stays the same."""
    if "streamlit.testing.v1" in sys.modules:
        scanner = importlib.import_module("streamlit.components.v2.manifest_scanner")
        scanner.scan_component_manifests = cache(scanner.scan_component_manifests)  # type: ignore[attr-defined]


@pytest.fixture
def full_strength(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passwords are hashed as in production."""
    monkeypatch.setattr(passwords, "_hasher", _STRONG)
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


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
        # Tests connect thousands of times; who derives the password's key as often as usual waits for that alone.
        # What tests delete is not tidied up behind them: they would see plans and sizes that depend on the moment.
        password = make_url(running.url()).password
        execute(running, f"SET scram_iterations = 1; ALTER ROLE {embedded.NAME} PASSWORD '{password}'")
        execute(running, "ALTER SYSTEM SET autovacuum = off")
        execute(running, "SELECT pg_reload_conf()")
        execute(running, f"CREATE DATABASE {TEMPLATE}")
        migrate.upgrade(running.url(TEMPLATE))
        yield running


@pytest.fixture(scope="session")
def databases(cluster: embedded.Cluster) -> Iterator[Databases]:
    """Where migrated, empty databases come from, for a test or for a whole module."""
    with closing(Databases(cluster, TEMPLATE)) as made:
        yield made


@pytest.fixture
def database_url(cluster: embedded.Cluster, databases: Databases) -> Iterator[str]:
    """A migrated, empty database of this test's own."""
    with databases.one() as name:
        yield cluster.url(name)


@pytest.fixture
def empty_database_url(cluster: embedded.Cluster) -> Iterator[str]:
    """A database that no migration has seen."""
    with unmigrated(cluster) as name:
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
    with unmigrated(_cluster16) as name:
        yield _cluster16.url(name)


@pytest.fixture
def postgres15_url(_cluster15: embedded.Cluster) -> Iterator[str]:
    """An empty database on PostgreSQL 15, not migrated; skipped where Debian's package is missing."""
    with unmigrated(_cluster15) as name:
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
def pgbouncer(_pooler: Pooler, databases: Databases) -> Iterator[str]:
    """A migrated database of this test's own, behind PgBouncer in transaction mode with TLS and password.

    The database itself is called the same on `cluster`, for what has to go past the pooler.
    """
    with databases.one() as name:
        yield _pooler.url(name)
