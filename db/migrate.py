"""Schema migrations: to the newest revision under a lock, and the check every program makes at its start."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from db.engine import reachable

COMMAND = "python -m db migrate"
# One number for everybody: "the schema of the CDN monitor is being changed".
LOCK = 0x0CD2_0001


class WrongRevision(Exception):
    """The database's schema is not the one this program was written for; the message says the command."""


def config(url: str) -> Config:
    """Alembic's configuration for `url`, without an ini file."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    settings.attributes["url"] = url
    return settings


def newest() -> str:
    """The revision this program was written for."""
    head = ScriptDirectory.from_config(config("")).get_current_head()
    if head is None:
        raise WrongRevision("db/migrations/versions is empty")
    return head


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database at `url` to `revision`. Two at once wait for each other (`env.py` takes the lock)."""
    command.upgrade(config(url), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the database at `url` back to `revision`; what the newer schema held is lost."""
    command.downgrade(config(url), revision)


def revision(engine: Engine) -> str | None:
    """The revision the database is at; None where no migration ever ran."""
    with reachable(engine), engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_newest(engine: Engine) -> None:
    """Raise WrongRevision unless the database is at this program's revision."""
    have, want = revision(engine), newest()
    if have == want:
        return
    if have is None:
        raise WrongRevision(f"the database is empty, want revision {want}; run: {COMMAND}")
    require_known(have)
    raise WrongRevision(f"the database is at revision {have}, want {want}; run: {COMMAND}")


def require_known(have: str | None) -> None:
    """Raise WrongRevision where a newer program made the database's schema."""
    known = {script.revision for script in ScriptDirectory.from_config(config("")).walk_revisions()}
    if have is not None and have not in known:
        raise WrongRevision(
            f"the database is at revision {have}, which this program does not know (it was written for {newest()}); "
            "run the newer program that made it"
        )


def lock_statement() -> str:
    """SQL that waits for the migration lock until the transaction ends (works behind a transaction pooler too)."""
    return str(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
