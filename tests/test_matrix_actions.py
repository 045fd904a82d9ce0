"""Nobody gets more than their role: every role × everything there is to do, and what is refused changes nothing."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

import actions
from actions import passwords
from actions.add_server import add_server
from actions.adopt_puller import adopt_puller, dismiss_puller
from actions.annotations import add_annotation, change_annotation, remove_annotation
from actions.change_server import change_server, pause_server, retire_server
from actions.contracts import add_contract, change_contract, retire_contract
from actions.import_servers import import_servers
from actions.list_clients import list_clients
from actions.schedule import set_schedule
from actions.sign_in import sign_out
from actions.tokens import make_token, revoke_token
from actions.try_connection import try_connection
from actions.users import add_user, change_password, change_user, set_password, sign_out_everywhere
from cdn.clock import utc_now
from cdn.errors import Forbidden
from cdn.model import Actor, PollError
from cdn.settings import load
from db import access
from db.engine import editing
from db.models import AppUser
from tests.everybody import ROLES, SERVER, content, fill_it

PASSWORD, OTHER = "seven green boats", "nine blue boats"
MARKER = {"at": datetime(2026, 11, 1, tzinfo=UTC), "words": "cup final"}
TERMS = {"name": "Sudlink", "provider": "Sudlink", "price": "1", "starts_on": "2026-01-01"}
FILE = '[[server]]\nname = "edge-2"\nkind = "srs"\nurl = "http://192.0.2.2:1985"\nrole = "edge"\n'


@dataclass(frozen=True)
class Deed:
    """Something to do, and the least role it takes; "" is what everybody does to what is their own.

    stores: whether it changes what is stored, where it is done.
    """

    name: str
    takes: str
    do: Callable[[Engine, dict[str, int], Actor], object]
    stores: bool = True


def _change_own_password(engine: Engine, ids: dict[str, int], by: Actor) -> None:
    with editing(engine) as session:
        account = session.get(AppUser, ids["target"])
        assert account
        account.password_hash = passwords.hashed(PASSWORD)
    change_password(engine, ids["target"], PASSWORD, OTHER, by=by, keep="", now=utc_now())


def _leave(engine: Engine, ids: dict[str, int], by: Actor) -> None:
    with editing(engine) as session:
        secret = access.open_session(session, ids["target"], utc_now(), timedelta(days=1), "", "")
    sign_out(engine, secret, by)


def _token(scope: str) -> Callable[[Engine, dict[str, int], Actor], object]:
    return lambda engine, ids, by: make_token(engine, "t", scope, None, by=by, user_id=ids["target"], now=utc_now())


DEEDS = (
    Deed("add_server", "admin", lambda e, _, by: add_server(e, {**SERVER, "name": "edge-2"}, key="", by=by)),
    Deed("change_server", "admin", lambda e, _, by: change_server(e, 1, 1, {**SERVER, "name": "x"}, key="", by=by)),
    Deed("pause_server", "admin", lambda e, _, by: pause_server(e, 1, paused=True, by=by)),
    Deed("retire_server", "admin", lambda e, _, by: retire_server(e, 1, by=by, now=utc_now())),
    Deed("import_servers", "admin", lambda e, _, by: import_servers(e, FILE, key="", by=by)),
    Deed("adopt_puller", "admin", lambda e, _, by: adopt_puller(e, "192.0.2.7", now=utc_now(), key="", by=by)),
    Deed("dismiss_puller", "admin", lambda e, _, by: dismiss_puller(e, "192.0.2.7", now=utc_now(), by=by)),
    Deed("try_connection", "admin", lambda e, _, by: try_connection(e, SERVER, settings=load(), by=by), stores=False),
    Deed("list_clients", "operator", lambda e, _, by: list_clients(e, 1, settings=load(), by=by), stores=False),
    Deed("add_annotation", "operator", lambda e, _, by: add_annotation(e, MARKER, by=by)),
    Deed("change_annotation", "operator", lambda e, _, by: change_annotation(e, 1, 1, MARKER, by=by)),
    Deed("remove_annotation", "operator", lambda e, _, by: remove_annotation(e, 1, by=by)),
    Deed("add_contract", "admin", lambda e, _, by: add_contract(e, TERMS, by=by)),
    Deed("change_contract", "admin", lambda e, _, by: change_contract(e, 1, 1, TERMS, by=by)),
    Deed("retire_contract", "admin", lambda e, _, by: retire_contract(e, 1, by=by, now=utc_now())),
    Deed("set_schedule", "admin", lambda e, _, by: set_schedule(e, 1, "Mon-Fri 06:00-23:00", "UTC", by=by)),
    Deed("add_user", "admin", lambda e, _, by: add_user(e, "eve", "admin", PASSWORD, by=by)),
    Deed(
        "change_user",
        "admin",
        lambda e, ids, by: change_user(e, ids["target"], 1, {"role": "admin"}, by=by, now=utc_now()),
    ),
    Deed("set_password", "admin", lambda e, ids, by: set_password(e, ids["target"], OTHER, by=by)),
    Deed("sign_out_everywhere", "admin", lambda e, ids, by: sign_out_everywhere(e, ids["target"], by=by)),
    Deed(
        "sign_out_everywhere: oneself",
        "",
        lambda e, ids, by: sign_out_everywhere(e, ids["target"], by=by, own_id=ids["target"]),
    ),
    Deed("change_password", "", _change_own_password),
    Deed("sign_out", "", _leave),
    Deed("make_token: read", "viewer", _token("read")),
    Deed("make_token: operate", "operator", _token("operate")),
    Deed("make_token: admin", "admin", _token("admin")),
    Deed("revoke_token", "admin", lambda e, ids, by: revoke_token(e, 1, by=by, user_id=ids["viewer"], now=utc_now())),
    Deed(
        "revoke_token: one's own",
        "",
        lambda e, ids, by: revoke_token(e, 1, by=by, user_id=ids["target"], now=utc_now()),
    ),
)
# What somebody does who is nobody yet: it takes a password, or a provider's word.
BEFORE_THE_DOOR = {"sign_in", "sign_in_elsewhere", "tries_left"}


def offered() -> tuple[set[str], set[str]]:
    """Names of what can be done: by somebody (`by`), and by nobody in particular though the database is touched."""
    by_somebody, by_nobody = set(), set()
    for found in pkgutil.iter_modules(actions.__path__):
        module = importlib.import_module(f"actions.{found.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("_") or function.__module__ != module.__name__:
                continue
            parameters = inspect.signature(function).parameters
            if "by" in parameters and "engine" in parameters:
                by_somebody.add(name)
            elif "engine" in parameters:
                by_nobody.add(name)
    return by_somebody, by_nobody


def test_everything_there_is_to_do_is_in_the_matrix() -> None:
    by_somebody, by_nobody = offered()
    assert {deed.name.partition(":")[0] for deed in DEEDS} == by_somebody
    assert by_nobody == BEFORE_THE_DOOR


@pytest.mark.parametrize("role", [*ROLES, "nonsense"])
@pytest.mark.parametrize("deed", DEEDS, ids=lambda each: each.name)
def test_a_deed_takes_its_role_and_changes_nothing_for_others(engine: Engine, deed: Deed, role: str) -> None:
    ids = fill_it(engine)
    before = content(engine)
    rank = ROLES.index(role) if role in ROLES else 0
    by = Actor("mia", role, "password", "192.0.2.9")
    if rank < ROLES.index(deed.takes):
        with pytest.raises(Forbidden):
            deed.do(engine, ids, by)
        assert content(engine) == before
        return
    try:
        deed.do(engine, ids, by)
    except PollError:
        assert not deed.stores  # the server is not there
    after = content(engine)
    assert (after != before) == deed.stores
    # Whoever changes something is in the trail of changes.
    assert (after["audit"] != before["audit"]) == deed.stores
