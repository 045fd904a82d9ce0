"""Contracts with carriers: add, change, retire."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from actions import contract_form
from actions.permission import require
from cdn.errors import Changed, Unknown
from cdn.model import Actor, Invalid
from db import audit, contracts
from db.engine import Engine, Session, editing
from db.models import Contract


def add_contract(engine: Engine, fields: Mapping[str, Any], *, by: Actor) -> int:
    """Add the contract that `fields` describe; returns its id.

    Raises Invalid with every fault by field, and Forbidden, Unavailable of cdn.errors.
    """
    require(by, "admin")
    draft = contract_form.read(fields)
    with editing(engine) as session:
        _refuse_taken(session, draft.name, None)
        contract, unknown = contracts.add(session, draft)
        _refuse_unknown(unknown)
        session.flush()
        audit.record(session, by, "contract.add", contract.name, after=contracts.described(contract))
        return contract.id


def change_contract(engine: Engine, contract_id: int, version: int, fields: Mapping[str, Any], *, by: Actor) -> None:
    """Make a contract be as `fields` say; `version` is the one they were made from.

    Bills of months gone by are formed anew from it. Raises Invalid with every fault by field, Changed where somebody
    else was faster, Unknown.
    """
    require(by, "admin")
    draft = contract_form.read(fields)
    with editing(engine) as session:
        contract = _current(session, contract_id)
        if contract.version != version:
            raise Changed
        _refuse_taken(session, draft.name, contract_id)
        before = contracts.described(contract)
        _refuse_unknown(contracts.apply(session, contract, draft))
        session.flush()
        audit.record(session, by, "contract.change", contract.name, before=before, after=contracts.described(contract))


def retire_contract(engine: Engine, contract_id: int, *, by: Actor, now: datetime) -> None:
    """Take a contract off the list. What it billed can still be looked at, and its name may be used again."""
    require(by, "admin")
    with editing(engine) as session:
        contract = _current(session, contract_id)
        contract.retired_at = now
        audit.record(session, by, "contract.retire", contract.name, before=contracts.described(contract))


def _refuse_taken(session: Session, name: str, own_id: int | None) -> None:
    other = contracts.by_name(session, name)
    if other is not None and other.id != own_id:
        raise Invalid({"name": f"there is a contract called {name} already"})


def _refuse_unknown(names: list[str]) -> None:
    if names:
        raise Invalid({"servers": f"there is no server called {', '.join(names)}"})


def _current(session: Session, contract_id: int) -> Contract:
    contract = session.get(Contract, contract_id)
    if contract is None or contract.retired_at is not None:
        raise Unknown
    return contract
