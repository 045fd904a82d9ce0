"""`python -m db migrate | revision | kept | shorten | new-key | rotate-key | give-up-secrets`."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cdn.clock import utc_now
from cdn.errors import NoKey
from cdn.settings import Settings, SettingsError, settings
from db import embedded, keys, migrate, partitions, retention, secrets
from db import engine as engines
from db.engine import Engine


def main() -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m db", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the database to this program's schema")
    commands.add_parser("revision", help="show which schema the database has and which is wanted")
    commands.add_parser("kept", help="show what is kept, its size, and what the settings cost")
    shorten = commands.add_parser("shorten", help="drop what shorter RETAIN_… settings no longer keep; asks first")
    shorten.add_argument("--yes", action="store_true", help="do not ask")
    commands.add_parser("new-key", help="print a new SECRET_KEY")
    commands.add_parser("rotate-key", help="encrypt all stored passwords with SECRET_KEY, read with SECRET_KEYS_OLD")
    commands.add_parser("give-up-secrets", help="remove the stored passwords that no key can read")
    asked = parser.parse_args()
    command = asked.command
    if command == "new-key":
        print(secrets.new_key())
        return 0
    try:
        config = settings()
        if command in ("migrate", "revision"):
            _schema(command, config)
        elif command == "kept":
            with _database(config) as url:
                _kept(_engine(url, config), config)
        elif command == "shorten":
            with _database(config) as url:
                return _shorten(_engine(url, config), config, sure=asked.yes)
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


def _kept(engine: Engine, config: Settings) -> None:
    migrate.require_newest(engine)
    rows = retention.usage(engine, config, utc_now())
    print(f"{'':<46}{'days':>6}{'size':>12}{'a row':>9}{'a server, day':>15}{'once full':>12}  setting")
    for row in rows.to_dict("records"):
        sizes = (row["bytes"], row["row_bytes"], row["server_day_bytes"], row["full_bytes"])
        size, a_row, a_day, full = (
            f"{_bytes(each):>{width}}" for each, width in zip(sizes, (12, 9, 15, 12), strict=True)
        )
        print(f"{row['words']:<46}{row['days']:>6}{size}{a_row}{a_day}{full}  {row['setting']}")
    print(
        f"{'together':<52}{_bytes(rows['bytes'].sum()):>12}{'':>24}{_bytes(rows['full_bytes'].sum(skipna=False)):>12}"
    )
    print("Sizes hold indexes. A server's day is one of the last 24 hours; of groups and channels it is one of them.")
    for each in retention.shorter(engine, config, utc_now()):
        words = retention.KEPT_BY[each.table][0]
        print(f"{words}: {each.agreed} days are kept, the setting is {each.wanted}; see shorten.")


def _shorten(engine: Engine, config: Settings, *, sure: bool) -> int:
    migrate.require_newest(engine)
    waiting = retention.shorter(engine, config, utc_now())
    if not waiting:
        print("No setting is shorter than what is kept.")
        return 0
    for each in waiting:
        parts = f"{len(each.partitions)} parts: {', '.join(each.partitions)}" if each.partitions else "nothing yet"
        print(f"{retention.KEPT_BY[each.table][0]}: {each.wanted} days instead of {each.agreed} would drop {parts}")
    if not sure and not _confirmed("Type yes to drop that for good: "):
        print("Nothing was changed.")
        return 1
    retention.agree(engine, config)
    report = partitions.maintain(engine, utc_now(), retention.kept_days(config))
    print(f"Dropped {len(report.dropped)} parts.")
    if report.postponed:
        print(f"{len(report.postponed)} are being read just now; the collector drops them within the hour.")
    return 0


def _confirmed(question: str) -> bool:
    try:
        return input(question).strip().lower() == "yes"
    except EOFError:  # nobody is there to answer
        print()
        return False


def _bytes(count: float) -> str:
    if math.isnan(count):
        return "–"
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 1_000:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1_000
    return f"{count:,.1f} TB"


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
