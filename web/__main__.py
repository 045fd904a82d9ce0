"""`python -m web user | token`: accounts and tokens, on the machine that has the database's address."""

from __future__ import annotations

import argparse
import getpass
import secrets
import sys
from datetime import timedelta

from actions import tokens, users
from cdn.clock import utc_now
from cdn.errors import Changed, Forbidden, Unknown
from cdn.model import Actor, Invalid
from cdn.roles import SCOPES
from cdn.settings import SettingsError, settings
from db import access, migrate
from db import engine as engines
from db.engine import Engine, Unavailable
from db.frame import records

ROLES = ("viewer", "operator", "admin")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    asked = _parser().parse_args(arguments)
    try:
        config = settings()
        engine = engines.shared()
        engines.wait_until_up(engine, wait=config.database_wait)
        migrate.require_newest(engine)
        asked.run(engine, asked)
    except Invalid as error:
        print("\n".join(f"{field}: {fault}" for field, fault in error.faults.items()), file=sys.stderr)
        return 1
    except Changed:
        print("Somebody else changed this account at the same moment; run it again.", file=sys.stderr)
        return 1
    except (SettingsError, Unavailable, migrate.WrongRevision, Forbidden, Unknown) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m web", description=__doc__)
    nouns = parser.add_subparsers(required=True, metavar="user | token")
    user = nouns.add_parser("user", help="accounts of people").add_subparsers(required=True, metavar="COMMAND")
    add = user.add_parser("add", help="add an account; asks for its password, or reads it from standard input")
    add.add_argument("name")
    add.add_argument("--role", choices=ROLES, default="viewer")
    add.set_defaults(run=add_user)
    user.add_parser("list", help="show all accounts").set_defaults(run=list_users)
    password = user.add_parser("password", help="give somebody another password; all their sessions end")
    password.add_argument("name")
    password.set_defaults(run=set_password)
    disable = user.add_parser("disable", help="keep somebody out from now on")
    disable.add_argument("name")
    disable.set_defaults(run=disable_user)
    token = nouns.add_parser("token", help="tokens of programs").add_subparsers(required=True, metavar="COMMAND")
    make = token.add_parser("add", help="make a token and print it, once")
    make.add_argument("name")
    make.add_argument("--scope", choices=tuple(SCOPES), default="read")
    make.add_argument("--days", type=int, metavar="N", help="how long it works; without it for ever")
    make.set_defaults(run=add_token)
    return parser


def add_user(engine: Engine, asked: argparse.Namespace) -> None:
    """Add an account with a password that was typed, or one that is made up and told."""
    password, made_up = _password()
    users.add_user(engine, asked.name, asked.role, password, by=_by(), must_change=made_up)
    print(f"{asked.name} may come in as {asked.role}.")
    if made_up:
        print(f"Password for the first time: {password}")


def list_users(engine: Engine, _: argparse.Namespace) -> None:
    """One account a line."""
    found = records(access.users(engine, utc_now()))
    if not found:
        print("Nobody has an account: on this machine everybody is an admin.")
    for row in found:
        seen = f"{row['signed_in_at']:%Y-%m-%d %H:%M} UTC" if row["signed_in_at"] else "never"
        disabled = ", disabled" if row["disabled_at"] else ""
        print(f"{row['name']}\t{row['role']}{disabled}\tlast sign-in {seen}")


def set_password(engine: Engine, asked: argparse.Namespace) -> None:
    """Another password, which has to be changed at the next sign-in."""
    user_id, _ = _account(engine, asked.name)
    password, made_up = _password()
    users.set_password(engine, user_id, password, by=_by())
    print(f"{asked.name} has another password, and chooses one of their own at the next sign-in.")
    if made_up:
        print(f"Password until then: {password}")


def disable_user(engine: Engine, asked: argparse.Namespace) -> None:
    """Keep somebody out."""
    user_id, version = _account(engine, asked.name)
    users.change_user(engine, user_id, version, {"disabled": True}, by=_by(), now=utc_now())
    print(f"{asked.name} cannot come in any more; open pages close within seconds.")


def add_token(engine: Engine, asked: argparse.Namespace) -> None:
    """A token of nobody in particular."""
    now = utc_now()
    ends = now + timedelta(days=asked.days) if asked.days is not None else None
    made = tokens.make_token(engine, asked.name, asked.scope, ends, by=_by(), user_id=None, now=now)
    print(made.secret)


def _by() -> Actor:
    """Whoever has the database's address may do everything; the trail names the user of the machine."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = "somebody"
    return Actor(f"{name} on the command line", "admin", "local")


def _password() -> tuple[str, bool]:
    """The password typed twice, or the first line of standard input; made up (True) where that is empty."""
    if not sys.stdin.isatty():
        typed = sys.stdin.readline().rstrip("\r\n")
        return (typed, False) if typed else (secrets.token_urlsafe(12), True)
    typed = getpass.getpass("Password (empty: make one up): ")
    if not typed:
        return secrets.token_urlsafe(12), True
    if getpass.getpass("The same again: ") != typed:
        raise Invalid({"password": "it was not the same the second time"})
    return typed, False


def _account(engine: Engine, name: str) -> tuple[int, int]:
    for row in records(access.users(engine, utc_now())):
        if str(row["name"]).lower() == name.strip().lower():
            return int(row["id"]), int(row["version"])
    raise Unknown(f"Nobody is called {name}; python -m web user list shows all accounts.")


if __name__ == "__main__":
    sys.exit(main())
