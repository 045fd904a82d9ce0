"""The connection pool: any operator's URL, pre-ping, short statement limits, patience with a database that wakes up."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from cdn.errors import Changed, Unavailable
from cdn.model import Invalid
from cdn.settings import SettingsError, settings

__all__ = [
    "Connection",
    "Engine",
    "Rejected",
    "Session",
    "Unavailable",
    "address",
    "create",
    "editing",
    "plain",
    "reachable",
    "reading",
    "shared",
    "wait_until_up",
    "where",
]

# Errors that say "wrong address or password" do not get better by waiting.
HOPELESS = (
    "password authentication failed",
    "no password supplied",
    "does not exist",
    "could not translate host name",
    "no pg_hba.conf entry",
    "SSL is not enabled",
    "server does not support SSL",
    "certificate",
)


# A statement that the database would not take.
Rejected = DBAPIError


def address(url: str) -> URL:
    """`url` with the driver we use: SQLAlchemy 2.1 reads a bare postgresql:// as psycopg 3."""
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+psycopg2")


def create(url: str, *, pool_size: int = 5, wait: float = 30.0, statement_timeout: float = 30.0) -> Engine:
    """An engine for `url`. Nothing connects until it is used.

    wait: seconds one attempt to connect may take; a database that wakes from sleep needs several.
    statement_timeout: seconds a statement may take. It is set with SET LOCAL in each transaction: a
    session's SET would leak to other clients behind a transaction pooler, and startup options are
    refused by it.
    """
    engine = create_engine(
        address(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_recycle=1_800,
        pool_timeout=wait,
        connect_args={
            "connect_timeout": max(2, round(wait)),
            "application_name": "cdn-monitor",
            # A network that swallows everything is noticed within half a minute instead of hours.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        },
    )
    milliseconds = round(statement_timeout * 1000)

    @event.listens_for(engine, "begin")
    def _limits(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {milliseconds}")

    return engine


@lru_cache(maxsize=1)
def shared() -> Engine:
    """The engine of this process, made from its settings. Raises SettingsError without DATABASE_URL."""
    config = settings()
    url = config.database_url.get_secret_value()
    if not url:
        raise SettingsError("DATABASE_URL is not set; make run and make demo bring a database of their own")
    return create(
        url,
        pool_size=config.database_pool_size,
        wait=min(config.database_wait, 10.0),
        statement_timeout=config.statement_timeout,
    )


def wait_until_up(engine: Engine, *, wait: float) -> None:
    """Return once the database answers. Raises Unavailable after `wait` seconds, or at once where waiting is vain."""
    deadline = time.monotonic() + wait
    pause = 0.2
    while True:
        try:
            with engine.connect() as connection:
                connection.execute(text("SELECT 1"))
            return
        except OperationalError as error:
            words = plain(error)
            if time.monotonic() + pause > deadline or any(sign in words for sign in HOPELESS):
                raise Unavailable(f"the database at {where(engine)} does not answer: {words}") from None
            time.sleep(pause)
            pause = min(pause * 2, 3.0)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction for reading. Raises Unavailable where the database is away."""
    with reachable(engine), engine.begin() as connection:
        yield connection


@contextmanager
def editing(engine: Engine) -> Iterator[Session]:
    """A transaction that changes things people edit. Raises Unavailable, or Changed where another was faster."""
    try:
        with reachable(engine), Session(engine) as session, session.begin():
            yield session
    except StaleDataError:
        raise Changed from None
    except IntegrityError as error:
        # Two who add the same name at the same moment: the second is told like one who comes later.
        noun = next((noun for noun in ("server", "contract") if f"uq_{noun}_name" in str(error.orig)), None)
        if noun is None:
            raise
        raise Invalid({"name": f"somebody just added a {noun} of this name"}) from None


@contextmanager
def reachable(engine: Engine) -> Iterator[None]:
    """Turn "the database is away" into Unavailable; every other error passes as it is."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        if _is_our_fault(error):
            raise
        raise Unavailable(f"the database at {where(engine)} does not answer: {plain(error)}") from None
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        raise Unavailable(f"the database at {where(engine)} does not answer: {plain(error)}") from None


def _is_our_fault(error: DBAPIError) -> bool:
    """Whether a database that is there found a statement too large (SQLSTATE 54): it would do so for ever."""
    return str(getattr(error.orig, "pgcode", None) or "").startswith("54")


def where(engine: Engine) -> str:
    """Host, port and name of the database, without user and password."""
    url = engine.url
    host = url.host or url.query.get("host") or "local socket"
    return f"{host}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def plain(error: DBAPIError) -> str:
    """The driver's own words in one line."""
    return " ".join(str(error.orig).split())
