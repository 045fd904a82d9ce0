"""Contracts with carriers: as people write them down, and which servers each bills."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session, selectinload
from sqlalchemy.orm.attributes import flag_modified

from cdn.errors import Unknown
from db.bill import Direction, Terms
from db.engine import reachable, reading
from db.models import Contract, Server


@dataclass(frozen=True, slots=True)
class Draft:
    """A contract as someone wants it, validated by `actions.contracts`.

    servers: names; where there are none, those of `provider`. ends_on: its last day, None while none is agreed.
    """

    name: str
    provider: str
    servers: tuple[str, ...]
    direction: Direction
    percentile: float
    commit_bps: int
    price: Decimal
    overage_price: Decimal | None
    currency: str
    zone: str
    calibration: float
    starts_on: date
    ends_on: date | None = None

    @property
    def terms(self) -> Terms:
        """What it says of its price."""
        return Terms(self.direction, self.percentile, self.commit_bps, self.price, self.overage_price, self.calibration)


@dataclass(frozen=True, slots=True)
class Stored:
    """A contract as it is stored. server_ids: of those named in it; empty: it bills all of its provider."""

    id: int
    version: int
    draft: Draft
    server_ids: tuple[int, ...]
    retired_at: datetime | None = None


def contracts(engine: Engine) -> list[Stored]:
    """All contracts that are not retired, by name. Raises Unavailable."""
    query = select(Contract).where(Contract.retired_at.is_(None)).order_by(Contract.name, Contract.id)
    with reachable(engine), Session(engine) as session:
        return [_stored(each) for each in session.scalars(query.options(selectinload(Contract.servers)))]


def stored(engine: Engine, contract_id: int) -> Stored:
    """One contract, a retired one too: its bills can still be looked at. Raises Unknown."""
    with reachable(engine), Session(engine) as session:
        found = session.get(Contract, contract_id, options=[selectinload(Contract.servers)])
        if found is None:
            raise Unknown
        return _stored(found)


def _stored(found: Contract) -> Stored:
    servers = sorted(found.servers, key=lambda each: (each.name, each.id))
    draft = Draft(
        name=found.name,
        provider=found.provider,
        servers=tuple(each.name for each in servers),
        direction=Direction(found.direction),
        percentile=found.percentile,
        commit_bps=found.commit_bps,
        price=found.price,
        overage_price=found.overage_price,
        currency=found.currency,
        zone=found.zone,
        calibration=found.calibration,
        starts_on=found.starts_on,
        ends_on=found.ends_on,
    )
    return Stored(found.id, found.version, draft, tuple(each.id for each in servers), found.retired_at)


def by_name(session: Session, name: str) -> Contract | None:
    """The contract of that name that is not retired."""
    return session.scalar(select(Contract).where(Contract.name == name, Contract.retired_at.is_(None)))


def add(session: Session, draft: Draft) -> tuple[Contract, list[str]]:
    """Add a contract; also returns the names of servers that are not there."""
    contract = Contract()
    session.add(contract)
    return contract, apply(session, contract, draft)


def apply(session: Session, contract: Contract, draft: Draft) -> list[str]:
    """Make `contract` be as `draft` says; returns the names of servers that are not there.

    A retired server that it names already stays: its traffic was billed.
    """
    # Asked for before anything is changed: a change counts once.
    found = {each.name: each for each in (*contract.servers, *_named(session, draft.servers))}
    contract.name, contract.provider, contract.direction = draft.name, draft.provider, draft.direction.value
    contract.percentile, contract.commit_bps, contract.calibration = (
        draft.percentile,
        draft.commit_bps,
        draft.calibration,
    )
    contract.price, contract.overage_price, contract.currency = draft.price, draft.overage_price, draft.currency
    contract.zone, contract.starts_on, contract.ends_on = draft.zone, draft.starts_on, draft.ends_on
    contract.servers = [found[name] for name in draft.servers if name in found]
    # Also where only its servers changed: who edits from an older version is told.
    flag_modified(contract, "name")
    return [name for name in draft.servers if name not in found]


def _named(session: Session, names: Iterable[str]) -> Iterable[Server]:
    with session.no_autoflush:
        return session.scalars(select(Server).where(Server.name.in_(list(names)), Server.retired_at.is_(None))).all()


def described(contract: Contract) -> dict[str, Any]:
    """What a contract is like, as plain JSON, for the audit trail."""
    return {
        "name": contract.name,
        "provider": contract.provider,
        "servers": sorted(each.name for each in contract.servers),
        "direction": contract.direction,
        "percentile": contract.percentile,
        "commit_bps": contract.commit_bps,
        "price": format(Decimal(contract.price).normalize(), "f"),
        "overage_price": None
        if contract.overage_price is None
        else format(Decimal(contract.overage_price).normalize(), "f"),
        "currency": contract.currency,
        "zone": contract.zone,
        "calibration": contract.calibration,
        "starts_on": contract.starts_on.isoformat(),
        "ends_on": contract.ends_on.isoformat() if contract.ends_on else None,
    }


_PROVIDERS = text("SELECT DISTINCT provider FROM server WHERE provider <> '' ORDER BY 1")
_SERVERS = text("SELECT name FROM server WHERE retired_at IS NULL ORDER BY 1")


def providers(engine: Engine) -> list[str]:
    """Providers that servers have, retired ones too."""
    with reading(engine) as connection:
        return list(connection.scalars(_PROVIDERS))


def servers(engine: Engine) -> list[str]:
    """Names of servers that a contract can name."""
    with reading(engine) as connection:
        return list(connection.scalars(_SERVERS))
