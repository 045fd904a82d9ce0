"""`python -m collector`: the daemon. `python -m collector import servers.toml`: servers from a file."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from actions.import_servers import import_servers
from cdn.errors import NoKey, WrongKey
from cdn.logs import configure
from cdn.model import LOCAL_ADMIN, Invalid
from cdn.settings import Settings, SettingsError, settings
from collector.daemon import Daemon
from collector.spool import SpoolTaken
from db import engine as engines
from db import keys, migrate
from db.engine import Engine

log = logging.getLogger("collector")


def main() -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m collector", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    reader = commands.add_parser("import", help="add or change the servers of a file, all or none")
    reader.add_argument("file", type=Path, help="a TOML file with [[server]] tables, or - for standard input")
    arguments = parser.parse_args()
    try:
        config = settings()
        configure(config.log_format, config.log_level)
        return _import(config, arguments.file) if arguments.command == "import" else _run(config)
    except (SettingsError, engines.Unavailable, migrate.WrongRevision, NoKey, WrongKey, SpoolTaken) as error:
        print(error, file=sys.stderr)
        return 1


def _engine(config: Settings) -> Engine:
    engine = engines.shared()
    engines.wait_until_up(engine, wait=config.database_wait)
    migrate.require_newest(engine)
    keys.require_readable(engine, config.secret_key.get_secret_value())
    return engine


def _run(config: Settings) -> int:
    engine = _engine(config)
    # Until here a signal simply ends us: nothing was seen yet.
    ended = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ended.set())
    daemon = Daemon(config, engine)
    daemon.start()
    ended.wait()
    daemon.stop()
    logging.shutdown()
    # A thread that hangs in a frozen database would keep the interpreter from ending; nothing is left to do.
    os._exit(0)


def _import(config: Settings, file: Path) -> int:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"{file} cannot be read: {error}", file=sys.stderr)
        return 1
    key = config.secret_key.get_secret_value()
    try:
        report = import_servers(_engine(config), text, key=key, by=LOCAL_ADMIN)
    except Invalid as error:
        print(f"Nothing was imported from {file}:", file=sys.stderr)
        for where, fault in error.faults.items():
            print(f"  {where}: {fault}", file=sys.stderr)
        return 1
    print(f"{report.added} servers added, {report.changed} changed, {report.unchanged} as they were.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
