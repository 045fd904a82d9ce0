"""`python -m db migrate | new-key | revision`: the schema and the key of the database."""

from __future__ import annotations

import argparse
import sys

from cdn.settings import Settings, SettingsError, settings
from db import engine as engines
from db import migrate, secrets


def main() -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m db", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the database to this program's schema")
    commands.add_parser("revision", help="show which schema the database has and which is wanted")
    commands.add_parser("new-key", help="print a new SECRET_KEY")
    arguments = parser.parse_args()
    if arguments.command == "new-key":
        print(secrets.new_key())
        return 0
    try:
        return _with_database(arguments.command, settings())
    except (SettingsError, engines.Unavailable, migrate.WrongRevision) as error:
        print(error, file=sys.stderr)
        return 1


def _with_database(command: str, config: Settings) -> int:
    url = config.database_url_direct.get_secret_value() or config.database_url.get_secret_value()
    if not url:
        raise SettingsError("DATABASE_URL is not set; make run and make demo bring a database of their own")
    engine = engines.create(url, pool_size=1, wait=config.database_wait)
    engines.wait_until_up(engine, wait=config.database_wait)
    before = migrate.revision(engine)
    if command == "migrate":
        migrate.require_known(before)
        migrate.upgrade(url)
        print(f"The database at {engines.where(engine)} is at revision {migrate.newest()} (was {before or 'empty'}).")
    else:
        print(f"The database at {engines.where(engine)} is at revision {before or 'none'}, want {migrate.newest()}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
