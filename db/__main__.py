"""`python -m db migrate | revision | new-key | rotate-key | give-up-secrets`: the database's schema and keys."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cdn.errors import NoKey
from cdn.settings import Settings, SettingsError, settings
from db import embedded, keys, migrate, secrets
from db import engine as engines
from db.engine import Engine


def main() -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m db", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the database to this program's schema")
    commands.add_parser("revision", help="show which schema the database has and which is wanted")
    commands.add_parser("new-key", help="print a new SECRET_KEY")
    commands.add_parser("rotate-key", help="encrypt all stored passwords with SECRET_KEY, read with SECRET_KEYS_OLD")
    commands.add_parser("give-up-secrets", help="remove the stored passwords that no key can read")
    command = parser.parse_args().command
    if command == "new-key":
        print(secrets.new_key())
        return 0
    try:
        config = settings()
        if command in ("migrate", "revision"):
            _schema(command, config)
        else:
            _secrets(_rotate if command == "rotate-key" else _give_up, config)
    except (
        SettingsError,
        engines.Unavailable,
        migrate.WrongRevision,
        NoKey,
        keys.UnreadableSecrets,
        embedded.EmbeddedError,
    ) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _schema(command: str, config: Settings) -> None:
    url = _url(config)
    if not url:
        raise SettingsError("DATABASE_URL is not set; make run and make demo bring a database of their own")
    engine = _engine(url, config)
    before = migrate.revision(engine)
    if command == "revision":
        print(f"The database at {engines.where(engine)} is at revision {before or 'none'}, want {migrate.newest()}.")
        return
    migrate.require_known(before)
    migrate.upgrade(url)
    print(f"The database at {engines.where(engine)} is at revision {migrate.newest()} (was {before or 'empty'}).")
    # Who migrates need not know the key; who does is told at once that it is another.
    if key := config.secret_key.get_secret_value():
        keys.require_readable(engine, key)


def _secrets(work: Callable[[Engine, str], None], config: Settings) -> None:
    with _database(config) as url:
        engine = _engine(url, config)
        migrate.require_newest(engine)
        work(engine, config.secret_key.get_secret_value())
        engine.dispose()


def _rotate(engine: Engine, key: str) -> None:
    count = keys.rotate(engine, key)
    print(f"{count} stored passwords are encrypted with SECRET_KEY now.")
    print("Once every program runs with this SECRET_KEY, SECRET_KEYS_OLD may be removed, and the old key destroyed.")


def _give_up(engine: Engine, key: str) -> None:
    lost = keys.give_up(engine, key)
    print(f"{len(lost)} stored passwords that no key can read were removed.")
    for name in lost:
        print(f"  {name}: enter its password again")


@contextmanager
def _database(config: Settings) -> Iterator[str]:
    """The database's url; without DATABASE_URL that of `make run`, started for the moment."""
    url, folder = _url(config), config.data_dir.resolve() / "run"
    if url:
        yield url
    elif (folder / "postgresql").exists():
        with embedded.running(folder, run_as=config.embedded_user) as cluster:
            yield cluster.url()
    else:
        raise SettingsError(f"DATABASE_URL is not set, and {folder} holds no database of make run")


def _url(config: Settings) -> str:
    return config.database_url_direct.get_secret_value() or config.database_url.get_secret_value()


def _engine(url: str, config: Settings) -> Engine:
    engine = engines.create(url, pool_size=1, wait=config.database_wait)
    engines.wait_until_up(engine, wait=config.database_wait)
    return engine


if __name__ == "__main__":
    sys.exit(main())
