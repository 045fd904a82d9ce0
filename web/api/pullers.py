"""Addresses that pull from servers of ours and are none of them: add them, or say that they are none."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import AfterValidator, IPvAnyAddress

from actions.adopt_puller import adopt_puller, dismiss_puller
from cdn.clock import utc_now
from cdn.settings import settings
from db import engine as engines
from db import pullers as stored
from db.frame import records
from web.api.auth import Admin, Reader
from web.api.problem import CHANGES_ONE, READS, responses
from web.api.shapes_fleet import Adopted, Puller

router = APIRouter(prefix="/pullers", tags=["pullers"])


def _without_zone(address: IPvAnyAddress) -> IPvAnyAddress:
    if "%" in str(address):
        raise ValueError("want an address without a zone")
    return address


Address = Annotated[IPvAnyAddress, AfterValidator(_without_zone), Path(examples=["192.0.2.7"])]


@router.get("", responses=READS)
def pullers(_by: Reader) -> list[Puller]:
    """Addresses that pull now and are not monitored, those that answer as a server first."""
    return [Puller(**row) for row in records(stored.pullers(engines.shared(), utc_now()))]


@router.post("/{address}/adopt", status_code=201, responses={**CHANGES_ONE, **responses(409)})
def adopt(by: Admin, address: Address) -> Adopted:
    """Add the server that answers there, with the origins it pulls from."""
    key = settings().secret_key.get_secret_value()
    name = adopt_puller(engines.shared(), str(address), now=utc_now(), key=key, by=by.actor)
    return Adopted(name=name)


@router.post("/{address}/dismiss", status_code=204, responses=CHANGES_ONE)
def dismiss(by: Admin, address: Address) -> None:
    """Never ask again whether this address is one of our servers."""
    dismiss_puller(engines.shared(), str(address), now=utc_now(), by=by.actor)
