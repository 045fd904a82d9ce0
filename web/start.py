"""What has to be so before the web program listens: an account, where others than this machine can reach it."""

from __future__ import annotations

from actions import users
from cdn.errors import NoKey, WrongKey
from cdn.model import Actor, Invalid
from cdn.settings import Settings, SettingsError
from db import access, keys, migrate
from db import engine as engines
from db.engine import Engine, Unavailable
from web.proxies import is_loopback

ENVIRONMENT = Actor("environment", "admin", "local")


class Refused(Exception):
    """The program may not start like this; the message says what to set."""


def prepare(config: Settings, address: str | None) -> None:
    """Make the account of ADMIN_USER, and see whether it is safe to listen on `address` (None: on every one).

    Raises Refused or SettingsError with what to do.
    """
    reachable = not is_here(address)
    engine = engines.shared()
    require_readable(engine, config)
    if not config.admin_user and not reachable:
        return
    try:
        engines.wait_until_up(engine, wait=config.database_wait)
        migrate.require_newest(engine)
        if config.admin_user:
            add_admin(engine, config)
        if reachable and not config.oidc_issuer and access.is_open(engine):
            raise Refused(
                f"Nobody has an account yet, so everybody who reaches {address or 'this machine'} would be an admin. "
                "Either set ADMIN_USER and ADMIN_PASSWORD, or run python -m web user add NAME --role admin, "
                "or listen on this machine only: STREAMLIT_SERVER_ADDRESS=127.0.0.1"
            )
    except (Unavailable, migrate.WrongRevision) as error:
        raise Refused(f"Nobody knows who may come in: {error}") from None


def require_readable(engine: Engine, config: Settings) -> None:
    """Refuse a key that does not read the stored passwords. A database that is away, or has another schema, does not
    tell: pages and REST say so themselves."""
    try:
        migrate.require_newest(engine)
        keys.require_readable(engine, config.secret_key.get_secret_value())
    except (NoKey, WrongKey) as error:
        raise Refused(str(error)) from None
    except (Unavailable, migrate.WrongRevision):
        return


def add_admin(engine: Engine, config: Settings) -> None:
    """Make the account of ADMIN_USER where there is none of that name; one that is there stays as it is."""
    with engines.editing(engine) as session:
        if access.user(session, config.admin_user.strip()) is not None:
            return
    password = config.admin_password.get_secret_value()
    if not password:
        raise Refused("ADMIN_USER is set and has no account yet: set ADMIN_PASSWORD, too")
    try:
        users.add_user(engine, config.admin_user, "admin", password, by=ENVIRONMENT, must_change=False)
    except Invalid as error:
        names = {"name": "ADMIN_USER", "password": "ADMIN_PASSWORD"}
        faults = "; ".join(f"{names.get(field, field)}: {fault}" for field, fault in error.faults.items())
        if "already" not in faults:  # another process of ours was faster
            raise Refused(f"The account of ADMIN_USER cannot be made: {faults}") from None


def is_here(address: str | None) -> bool:
    """Whether only this machine reaches what listens on `address`."""
    return bool(address) and (address == "localhost" or is_loopback(str(address)))


__all__ = ["Refused", "SettingsError", "is_here", "prepare"]
