"""Sign in with a name and a password, or as somebody an OpenID provider vouches for; and sign out."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from actions import passwords
from cdn.errors import Forbidden
from cdn.model import Actor
from db import access, audit, guesses
from db.engine import Connection, Engine, Session, editing, reading
from db.guesses import Limit
from db.models import AppUser

FIRST_WAIT = timedelta(seconds=30)
# One account from one address, one address, one account: wrong passwords until somebody waits, and at most how long.
FREE_PAIR, LONGEST_PAIR_WAIT = 5, timedelta(minutes=15)
FREE_ADDRESS, LONGEST_ADDRESS_WAIT = 20, timedelta(minutes=5)
FREE_ACCOUNT, LONGEST_ACCOUNT_WAIT = 30, timedelta(seconds=30)
FORGET = timedelta(hours=1)


class WrongPassword(Exception):
    """Name or password is wrong; which of them nobody is told."""


class MustWait(Exception):
    """Too many wrong passwords: not before `until`."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


@dataclass(frozen=True, slots=True)
class Arrival:
    """How somebody comes in. device: a secret this browser got when it signed in before; lasting: the session's end."""

    now: datetime
    lasting: timedelta
    address: str = ""
    agent: str = ""
    device: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that began. secret, device: for the browser's cookies alone."""

    secret: str
    device: str
    name: str
    role: str
    must_change: bool


def sign_in(engine: Engine, name: str, password: str, arrival: Arrival) -> SignedIn:
    """Begin a session. Raises WrongPassword, MustWait, Unavailable.

    Waiting grows with each wrong password. It is counted by account and address, and more leniently by address and by
    account alone. A browser that signed in to the account before is counted by itself, and a first try from an address
    never waits for what others did to the account: so nobody can lock others out.
    """
    name, now = _typed(name), arrival.now
    with editing(engine) as session:
        connection = session.connection()
        limits = _limits(connection, name, arrival)
        until = guesses.count(connection, limits, now, FORGET)
        account = access.user(session, name)
        account_id = account.id if account else None
        stored = account.password_hash if account and account.disabled_at is None else None
    if until is not None:
        raise MustWait(until)
    if not passwords.is_right(stored, password):
        _note_refusal(engine, name if account_id is not None else "", arrival)
        raise WrongPassword
    with editing(engine) as session:
        account = session.get(AppUser, account_id)
        # Meanwhile disabled, or given another password.
        if account is None or account.disabled_at is not None or account.password_hash != stored:
            raise WrongPassword
        guesses.given_back(session.connection(), limits, now)
        if stored and passwords.is_outdated(stored):
            account.password_hash = passwords.hashed(password)
        return _begin(session, account, Actor(account.name, account.role, "password", arrival.address), arrival)


def sign_in_elsewhere(engine: Engine, subject: str, name: str, role: str, arrival: Arrival) -> SignedIn:
    """Begin a session for somebody an OpenID provider vouches for. subject: issuer and subject, which never change.

    An account is made at the first time; its role is what the provider says each time. Raises Forbidden with the
    reason where the account is disabled, or another one has the name already.
    """
    with editing(engine) as session:
        access.lock_accounts(session)
        account = access.user_elsewhere(session, subject)
        actor = Actor(name, role, "oidc", arrival.address)
        if account is None:
            if access.user(session, name) is not None:
                raise Forbidden(f"There is an account called {name} already. Ask an admin.")
            account = AppUser(name=name, role=role, oidc_subject=subject)
            session.add(account)
            session.flush()
            audit.record(session, actor, "user.add", name, after={"role": role, "via": "oidc"})
        if account.disabled_at is not None:
            raise Forbidden("This account is disabled. Ask an admin.")
        if account.role != role:
            audit.record(
                session, actor, "user.change", account.name, before={"role": account.role}, after={"role": role}
            )
            account.role = role
        return _begin(session, account, Actor(account.name, role, "oidc", arrival.address), arrival)


def sign_out(engine: Engine, secret: str, by: Actor) -> None:
    """End one session."""
    with editing(engine) as session:
        access.end_session(session, secret)
        audit.record(session, by, "session.end", by.name)


def tries_left(engine: Engine, name: str, arrival: Arrival) -> int:
    """Wrong passwords that are left to somebody until waiting begins; the same whether there is such an account."""
    name = _typed(name)
    with reading(engine) as connection:
        limit = _limits(connection, name, arrival)[0]
        return max(0, limit.free - guesses.failures(connection, limit.subject, arrival.now, FORGET))


def _begin(session: Session, account: AppUser, by: Actor, arrival: Arrival) -> SignedIn:
    account.signed_in_at = arrival.now
    connection = session.connection()
    device = arrival.device
    if not device or not guesses.is_known(connection, _known(account.name, device), arrival.now):
        # What was not made here is not taken: somebody else may know it.
        device = access.new_secret()
    guesses.know(connection, _known(account.name, device), arrival.now)
    guesses.forget_old(connection, arrival.now)
    secret = access.open_session(session, account.id, arrival.now, arrival.lasting, arrival.address, arrival.agent)
    audit.record(session, by, "session.begin", account.name)
    return SignedIn(secret, device, account.name, account.role, account.must_change)


def _typed(name: str) -> str:
    """A name as it was typed, without what no name has, and with its letters composed as in accounts."""
    return unicodedata.normalize("NFC", "".join(filter(str.isprintable, name[:1_000])).strip()[:200])


def _limits(connection: Connection, name: str, arrival: Arrival) -> list[Limit]:
    """What a try is counted by, in the order in which it is locked."""
    name = name.lower()
    if arrival.device and guesses.is_known(connection, _known(name, arrival.device), arrival.now):
        device = f"device {access.digest(arrival.device).hex()} {name}"
        return [Limit(device, FREE_PAIR, FIRST_WAIT, LONGEST_PAIR_WAIT)]
    network = network_of(arrival.address)
    pair = Limit(f"pair {network} {name}", FREE_PAIR, FIRST_WAIT, LONGEST_PAIR_WAIT)
    limits = [pair, Limit(f"address {network}", FREE_ADDRESS, FIRST_WAIT, LONGEST_ADDRESS_WAIT)]
    if guesses.failures(connection, pair.subject, arrival.now, FORGET):
        limits.append(Limit(f"account {name}", FREE_ACCOUNT, FIRST_WAIT, LONGEST_ACCOUNT_WAIT))
    return limits


def network_of(address: str) -> str:
    """Whom an address belongs to: an IPv6 customer has at least 2^64 of them."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:60]
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((int(found) >> 64 << 64, 64)))
    return str(found)


def _known(name: str, device: str) -> str:
    return f"known {access.digest(device).hex()} {name.lower()}"


def _note_refusal(engine: Engine, name: str, arrival: Arrival) -> None:
    """Only names there are: people type their password into the wrong field."""
    with editing(engine) as session:
        by = Actor(name or "somebody", "", "password", arrival.address)
        audit.record(session, by, "session.refuse", name or "an unknown name")
