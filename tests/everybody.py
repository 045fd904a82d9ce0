"""Everybody there can be at the door of the whole web program, and a fleet that nobody of them may harm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

import web.api.auth
import web.routes
from actions.add_server import add_server
from actions.annotations import add_annotation
from actions.contracts import add_contract
from actions.tokens import make_token
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN
from cdn.roles import SCOPES
from cdn.settings import load
from db import access
from db import engine as engines
from db.engine import editing
from db.models import AppUser
from tests.asking import NOBODY
from web import visitors
from web.api.limits import windows
from web.visitors import Visitors

SITE = "http://monitor.example"
# From the least to the most that somebody may do; "" is nobody.
ROLES = ("", "viewer", "operator", "admin")
SERVER = {"name": "edge-1", "kind": "srs", "url": NOBODY, "role": "edge"}
_TABLES = text(
    "SELECT c.relname, pg_relation_size(c.oid)"
    " + (SELECT coalesce(sum(pg_relation_size(relid)), 0) FROM pg_partition_tree(c.oid)) > 0 AS written"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1"
)
# What looking alone writes: that it happened.
_USE = ("seen_at", "last_used_at")


def content(engine: Engine) -> dict[str, str]:
    """Every table's rows, by name; equal where nothing was changed."""
    without = "".join(f" - '{column}'" for column in _USE)
    with engine.connect() as connection:
        written = {row.relname: row.written for row in connection.execute(_TABLES)}
        # In one question: this is asked after everything that somebody tries.
        query = " UNION ALL ".join(
            f"SELECT '{name}' AS name, coalesce(md5(string_agg(row, '|' ORDER BY row)), '') AS rows"
            f" FROM (SELECT (to_jsonb(t){without})::text AS row FROM {name} t) AS {name}_rows"
            for name, some in written.items()
            if some
        )
        found = {row.name: str(row.rows) for row in connection.execute(text(query))}
    return {name: found.get(name, "") for name in written}


def people_it(engine: Engine) -> dict[str, int]:
    """Accounts: `target`, whom all want to change, and one of each role; their ids."""
    with editing(engine) as session:
        made = {
            name: AppUser(name=name, role=role, password_hash="none")
            for name, role in (("target", "operator"), *((role, role) for role in ROLES[1:]))
        }
        for account in made.values():
            session.add(account)
            session.flush()
        return {name: account.id for name, account in made.items()}


def fill_it(engine: Engine) -> dict[str, int]:
    """A fleet with one of everything that can be asked for by its id: each has the id 1. Returns ids of accounts."""
    ids = people_it(engine)
    add_server(engine, SERVER, key="", by=LOCAL_ADMIN)
    terms = {"name": "Nordlink", "provider": "Nordlink", "price": "1", "starts_on": "2026-01-01"}
    add_contract(engine, terms, by=LOCAL_ADMIN)
    marker = {"at": datetime(2026, 11, 2, tzinfo=UTC), "words": "deploy"}
    add_annotation(engine, marker, by=LOCAL_ADMIN)
    make_token(engine, "target's", "read", None, by=LOCAL_ADMIN, user_id=ids["target"], now=utc_now())
    with engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO channel (vhost, app, name) VALUES ('', 'live', 'news')")
        connection.exec_driver_sql(
            "INSERT INTO puller (server_id, address, streams, connections, first_at, at, tried_at, kind, url, told)"
            " VALUES (1, '192.0.2.7', 4, 4, now(), now(), now(), 'srs', 'http://192.0.2.7:1985', 'SRS')"
        )
    with editing(engine) as session:
        access.open_session(session, ids["target"], utc_now(), timedelta(days=1), "", "")
    return ids


@dataclass(frozen=True)
class Caller:
    """Somebody who asks. role: what they may do; headers: what proves who they are."""

    name: str
    role: str
    headers: dict[str, str]


def callers(engine: Engine, ids: dict[str, int]) -> list[Caller]:
    """All kinds of callers, those who may least first."""
    found = [
        Caller("nobody", "", {}),
        Caller("a made-up session", "", {"cookie": "cdn_session=made-up", "origin": SITE}),
        Caller("a made-up token", "", {"authorization": "Bearer cdn_made-up"}),
    ]
    now = utc_now()
    for role in ROLES[1:]:
        with editing(engine) as session:
            secret = access.open_session(session, ids[role], now, timedelta(days=1), "", "")
        found.append(Caller(f"a session of the {role}", role, {"cookie": f"cdn_session={secret}", "origin": SITE}))
        scope = next(scope for scope, acts_as in SCOPES.items() if acts_as == role)
        owners = {"of nobody": None, "of the admin": ids["admin"]}
        for whose, owner in owners.items():
            made = make_token(engine, scope, scope, None, by=LOCAL_ADMIN, user_id=owner, now=now)
            found.append(Caller(f"a token {scope} {whose}", role, {"authorization": f"Bearer {made.secret}"}))
        made = make_token(engine, "wide", "admin", None, by=LOCAL_ADMIN, user_id=ids[role], now=now)
        found.append(Caller(f"a token admin of the {role}", role, {"authorization": f"Bearer {made.secret}"}))
    return sorted(found, key=lambda each: ROLES.index(each.role))


def program(engine: Engine, patch: pytest.MonkeyPatch) -> Starlette:
    """The whole web program over `engine`, but for Streamlit: a page that says so stands at all its addresses."""
    config = load(api_rate_per_minute=0, api_token="")
    known = Visitors(lambda: engine, timedelta(hours=1))
    patch.setattr(engines, "shared", lambda: engine)
    patch.setattr(web.api.auth, "settings", lambda: config)
    for module in (web.routes, visitors):
        patch.setattr(module, "shared", lambda: known)
    windows.clear()
    page = Route("/{path:path}", lambda _: HTMLResponse("<head></head>inside"))
    return Starlette(routes=[*web.routes.routes(), page], middleware=web.routes.behind_the_gate())


def asking(app: Starlette) -> TestClient:
    """Somebody on another machine."""
    return TestClient(app, SITE, client=("192.0.2.9", 5000), follow_redirects=False, raise_server_exceptions=False)
