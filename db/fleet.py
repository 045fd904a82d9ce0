"""The fleet: servers as people edit them, and as collectors poll them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, RowMapping, select, text
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.orm.attributes import flag_modified

from cdn.errors import NoKey, Unknown, WrongKey
from cdn.model import NO_CREDENTIALS, AuthMethod, Credentials, Kind, Role, Target
from db import secrets
from db.engine import reachable
from db.models import Collector, Server, ServerAddress

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Draft:
    """A server as someone wants it. Validated by `actions.server_form`; secrets are plain here.

    interval None: the default. keep_secret: leave the stored password or token as it is.
    origins: names of servers it pulls from. addresses: networks in CIDR notation.
    """

    name: str
    kind: Kind
    url: str
    role: Role
    region: str = ""
    provider: str = ""
    capacity_bps: int | None = None
    tags: tuple[str, ...] = ()
    interval_seconds: float | None = None
    verify_tls: bool = True
    credentials: Credentials = NO_CREDENTIALS
    keep_secret: bool = False
    origins: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


def by_name(session: Session, name: str) -> Server | None:
    """The server of that name that is not retired."""
    query = select(Server).where(Server.name == name, Server.retired_at.is_(None))
    return session.scalar(query.options(selectinload(Server.origins), selectinload(Server.addresses)))


def names(session: Session) -> dict[str, Server]:
    """All servers that are not retired, by name."""
    query = select(Server).where(Server.retired_at.is_(None)).order_by(Server.name)
    options = (selectinload(Server.origins), selectinload(Server.addresses))
    return {server.name: server for server in session.scalars(query.options(*options))}


def add(session: Session, draft: Draft, key: str) -> Server:
    """Add a server. Raises secrets.NoKey where it has a secret and there is no key to encrypt it with."""
    server = Server()
    session.add(server)
    apply(session, server, draft, key)
    return server


def apply(session: Session, server: Server, draft: Draft, key: str) -> None:
    """Make `server` be as `draft` says. Counts as one change, which collectors notice."""
    server.name, server.kind, server.url, server.role = draft.name, draft.kind.value, draft.url, draft.role.value
    server.region, server.provider, server.capacity_bps = draft.region, draft.provider, draft.capacity_bps
    server.tags, server.interval_seconds, server.verify_tls = list(draft.tags), draft.interval_seconds, draft.verify_tls
    server.auth, server.auth_user = draft.credentials.method.value, draft.credentials.user
    if draft.credentials.method is AuthMethod.NONE:
        server.auth_secret = None
    elif not draft.keep_secret:
        server.auth_secret = secrets.encrypt(draft.credentials.secret, key)
    wanted = set(draft.addresses)
    server.addresses = [each for each in server.addresses if each.network in wanted]
    have = {each.network for each in server.addresses}
    server.addresses += [ServerAddress(network=network) for network in draft.addresses if network not in have]
    # Also where only satellites changed: who edits from an older version is told.
    flag_modified(server, "name")


def link(server: Server, origins: Iterable[str], known: Mapping[str, Server]) -> list[str]:
    """Say which of the `known` servers (by name) `server` pulls from; returns the names that none of them has.

    A change of the links is a change of the server: others who edit it are told.
    """
    wanted = list(dict.fromkeys(origins))
    linked = [known[name] for name in wanted if name in known]
    if {each.name for each in server.origins} != {each.name for each in linked}:
        server.origins = linked
        flag_modified(server, "name")
    return [name for name in wanted if name not in known]


def described(server: Server) -> dict[str, Any]:
    """What a server is like, as plain values without its secret, for the audit trail."""
    return {
        "name": server.name,
        "kind": server.kind,
        "url": server.url,
        "role": server.role,
        "region": server.region,
        "provider": server.provider,
        "capacity_bps": server.capacity_bps,
        "tags": list(server.tags),
        "interval_seconds": server.interval_seconds,
        "verify_tls": server.verify_tls,
        "auth": server.auth,
        "auth_user": server.auth_user,
        "origins": sorted(origin.name for origin in server.origins),
        "addresses": sorted(str(each.network) for each in server.addresses),
    }


@dataclass(frozen=True, slots=True)
class Stored:
    """A server as it is stored, for a form: everything but the secret itself."""

    id: int
    version: int
    draft: Draft
    paused: bool
    has_secret: bool


def stored(engine: Engine, name: str) -> Stored | None:
    """The server of that name that is not retired, without its secret."""
    if not name.isprintable():
        return None  # no server is called so, and PostgreSQL takes no NUL
    with reachable(engine), Session(engine) as session:
        server = by_name(session, name)
        if server is None:
            return None
        draft = Draft(
            name=server.name,
            kind=Kind(server.kind),
            url=server.url,
            role=Role(server.role),
            region=server.region,
            provider=server.provider,
            capacity_bps=server.capacity_bps,
            tags=tuple(server.tags),
            interval_seconds=server.interval_seconds,
            verify_tls=server.verify_tls,
            credentials=Credentials(AuthMethod(server.auth), server.auth_user),
            keep_secret=True,
            origins=tuple(origin.name for origin in server.origins),
            addresses=tuple(each.network for each in server.addresses),
        )
        return Stored(server.id, server.version, draft, server.paused, server.auth_secret is not None)


class Access(NamedTuple):
    """A server's url and its credentials in plain, and whether the stored secret could be read."""

    url: str
    credentials: Credentials
    readable: bool


def credentials_of(engine: Engine, server_id: int, key: str) -> Access:
    """How to reach a server, for a poll out of turn. Raises Unknown."""
    with reachable(engine), Session(engine) as session:
        server = session.get(Server, server_id)
        if server is None:
            raise Unknown
        return Access(server.url, *stored_credentials(server.auth, server.auth_user, server.auth_secret, key))


_OWN = text(
    "SELECT server.id, server.url, server.role = 'origin' AS is_origin, coalesce(status.address, '') AS address,"
    " server.paused OR status.server_id IS NOT NULL AS asked,"
    " array(SELECT network::text FROM server_address WHERE server_id = server.id) AS networks"
    " FROM server LEFT JOIN server_status status ON status.server_id = server.id WHERE server.retired_at IS NULL"
)
_LINKS = text(
    "SELECT server_id, origin_id FROM server_origin JOIN server puller ON puller.id = server_id"
    " JOIN server origin ON origin.id = origin_id WHERE puller.retired_at IS NULL AND origin.retired_at IS NULL"
)


class Place(NamedTuple):
    """Where a server stands, and what it is known by: its networks in CIDR, its url, and where it was reached last.

    asked: False where it is still to be polled for the first time.
    """

    id: int
    is_origin: bool
    pulls_from_own: bool
    networks: tuple[str, ...]
    address: str
    url: str = ""
    asked: bool = True


def own_servers(connection: Connection) -> tuple[list[Place], list[tuple[int, int]]]:
    """Every server that is not retired, and which pulls from which: (puller, origin)."""
    links = [(row.server_id, row.origin_id) for row in connection.execute(_LINKS)]
    pulling = {server for server, _ in links}
    places = [
        Place(row.id, row.is_origin, row.id in pulling, tuple(row.networks), row.address, row.url, row.asked)
        for row in connection.execute(_OWN)
    ]
    return places, links


def versions(connection: Connection) -> dict[int, int]:
    """Every server to poll: id → number of its last change. Cheap: asked every few seconds."""
    rows = connection.execute(select(Server.id, Server.version).where(Server.retired_at.is_(None), ~Server.paused))
    return {row.id: row.version for row in rows}


def targets(connection: Connection, ids: Sequence[int], default_interval: float, key: str) -> list[Target]:
    """The servers of `ids` as a poll needs them. A secret that cannot be read makes the target say so."""
    if not ids:
        return []
    rows = connection.execute(select(Server.__table__).where(Server.id.in_(ids))).mappings()
    return [_target(row, default_interval, key) for row in rows if _is_known(row)]


def _is_known(row: RowMapping) -> bool:
    """False for a kind that only a newer program knows: it must not keep us from the other servers."""
    known = row["kind"] in {kind.value for kind in Kind}
    if not known:
        log.warning("%s is of the kind %s, which this program does not know: not polled", row["name"], row["kind"])
    return known


def _target(row: RowMapping, default_interval: float, key: str) -> Target:
    credentials, readable = stored_credentials(row["auth"], row["auth_user"], row["auth_secret"], key)
    return Target(
        id=row["id"],
        name=row["name"],
        kind=Kind(row["kind"]),
        url=row["url"],
        role=Role(row["role"]),
        interval=row["interval_seconds"] or default_interval,
        verify_tls=row["verify_tls"],
        credentials=credentials,
        unreadable_secret=not readable,
        version=row["version"],
    )


def stored_credentials(method: str, user: str, ciphertext: bytes | None, key: str) -> tuple[Credentials, bool]:
    """Stored credentials in plain, and whether their secret could be read with `key`."""
    try:
        secret = secrets.decrypt(bytes(ciphertext), key) if ciphertext is not None else ""
    except (NoKey, WrongKey):
        return Credentials(AuthMethod(method), user), False
    return Credentials(AuthMethod(method), user, secret), True


_HEARTBEAT = text(
    "INSERT INTO collector (name, version, started_at, heartbeat_at, servers, polls, late_polls, spooled_polls)"
    " VALUES (:name, :version, :started_at, now(), :servers, :polls, :late_polls, :spooled_polls)"
    " ON CONFLICT (name) DO UPDATE SET version = EXCLUDED.version, started_at = EXCLUDED.started_at,"
    " heartbeat_at = EXCLUDED.heartbeat_at, stopped_at = NULL, servers = EXCLUDED.servers,"
    " polls = EXCLUDED.polls, late_polls = EXCLUDED.late_polls, spooled_polls = EXCLUDED.spooled_polls"
)


@dataclass(frozen=True, slots=True)
class Sign:
    """A collector's sign of life: since it started, polls made, begun late, and kept on disk for want of a database."""

    name: str
    version: str
    started_at: datetime
    servers: int
    polls: int
    late_polls: int
    spooled_polls: int


def heartbeat(connection: Connection, sign: Sign, alive_seconds: float) -> list[str]:
    """Store a sign of life; returns the names of all collectors alive, this one included.

    Alive is judged by the database's clock alone: the collectors' own may differ.
    """
    connection.execute(_HEARTBEAT, {name: getattr(sign, name) for name in Sign.__slots__})
    query = text(
        "SELECT name FROM collector WHERE stopped_at IS NULL"
        " AND heartbeat_at > now() - make_interval(secs => :alive) ORDER BY name"
    )
    return [row.name for row in connection.execute(query, {"alive": alive_seconds})]


def say_goodbye(engine: Engine, name: str, now: datetime) -> None:
    """Note that a collector stopped on purpose, so that the others take over at once."""
    with reachable(engine), Session(engine) as session, session.begin():
        row = session.get(Collector, name)
        if row is not None:
            row.stopped_at = now
