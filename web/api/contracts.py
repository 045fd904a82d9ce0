"""Contracts with carriers: list, add, change, retire; what a month costs; whether an invoice is right."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from actions.contracts import add_contract, change_contract, retire_contract
from cdn import months
from cdn.clock import utc_now
from cdn.months import Month
from db import billing, contracts, invoice
from db import engine as engines
from db.bill import Billed, Peak
from db.billing import LEFT_OUT, MonthBill
from db.contracts import Draft, Stored
from db.frame import records
from web.api.auth import Admin, Reader
from web.api.inputs import Id, IfMatch, YesNo, version_of
from web.api.problem import CHANGES, CHANGES_ONE, ONE, READS, Problem, responses
from web.api.shapes_contracts import (
    BilledValue,
    Contract,
    ContractChanges,
    ContractMonth,
    Expected,
    Explanation,
    FreePeak,
    Interval,
    InvoiceCheck,
    NearInterval,
    NewContract,
    ServerShare,
)
from web.api.wire import etag_of

router = APIRouter(prefix="/contracts", tags=["analytics"])
MOST_TIMES = 100
_SHARE = list(ServerShare.model_fields)
_ETAG = {"headers": {"ETag": {"description": "For If-Match.", "schema": {"type": "string"}}}}
_LOCATION = {"headers": {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}}
OfMonth = Annotated[
    str, Path(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="A month of the contract's zone.", examples=["2026-10"])
]


@router.get("", responses=READS)
def listed(_by: Reader) -> list[Contract]:
    """All contracts that are not retired, by name."""
    return [_plain(each) for each in contracts.contracts(engines.shared())]


@router.post("", status_code=201, responses={**CHANGES, **responses(409), 201: _LOCATION})
def add(by: Admin, contract: NewContract, response: Response) -> Contract:
    """Add a contract. It names a provider, or the servers that it bills."""
    contract_id = add_contract(engines.shared(), contract.model_dump(mode="json", exclude_none=True), by=by.actor)
    response.headers["location"] = f"contracts/{contract_id}"
    return _shown(contract_id, response)


@router.get("/{contract_id}", responses={**ONE, 200: _ETAG})
def show(_by: Reader, contract_id: Id, response: Response) -> Contract:
    """One contract, a retired one too. Its ETag is what If-Match takes."""
    return _shown(contract_id, response)


@router.patch("/{contract_id}", responses={**CHANGES_ONE, **responses(409, 412, 428), 200: _ETAG})
def change(
    by: Admin, contract_id: Id, changes: ContractChanges, response: Response, if_match: IfMatch = None
) -> Contract:
    """Change what is given and leave the rest. Needs If-Match, or `version` in the body.

    Bills of months gone by are worked out anew from it.
    """
    stored = contracts.stored(engines.shared(), contract_id)
    version = version_of(if_match, changes.version, stored.version)
    wanted = changes.model_dump(mode="json", exclude_unset=True, exclude={"version"})
    change_contract(engines.shared(), contract_id, version, {**_fields(stored.draft), **wanted}, by=by.actor)
    return _shown(contract_id, response)


@router.delete("/{contract_id}", status_code=204, responses={**CHANGES_ONE, **responses(409, 412)})
def retire(by: Admin, contract_id: Id, if_match: IfMatch = None) -> None:
    """Take a contract off the list. What it billed can still be read, and its name may be used again."""
    if if_match is not None:
        version_of(if_match, None, contracts.stored(engines.shared(), contract_id).version)
    retire_contract(engines.shared(), contract_id, by=by.actor, now=utc_now())


@router.get("/{contract_id}/months/{month}", responses=ONE)
def month(
    _by: Reader,
    contract_id: Id,
    month: OfMonth,
    values: Annotated[YesNo, Query(description="Whether to tell each five minutes, too.")] = False,
) -> ContractMonth:
    """What a month bills, so far or at its end: value, cost, free peak time, who sent it, where it will end."""
    stored = contracts.stored(engines.shared(), contract_id)
    found = billing.month(engines.shared(), stored, _month(month), utc_now())
    return _told(found, values=values)


@router.get("/{contract_id}/invoice-check", responses=ONE)
def check(
    _by: Reader,
    contract_id: Id,
    month: Annotated[
        str,
        Query(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="A month of the contract's zone.", examples=["2026-10"]),
    ],
    bps: Annotated[float, Query(ge=1, le=1e15, description="What the carrier billed, in bit/s.", examples=[81.2e9])],
) -> InvoiceCheck:
    """Which rules and which intervals explain what the carrier billed, where it is not what we work out."""
    stored = contracts.stored(engines.shared(), contract_id)
    found = invoice.check_invoice(engines.shared(), stored, _month(month), bps)
    return InvoiceCheck(
        invoiced_bps=found.invoiced_bps,
        ours_bps=found.ours_bps,
        off=found.off,
        agrees=found.agrees,
        factor=found.factor,
        is_overhead=found.is_overhead,
        explanations=[
            Explanation(
                words=list(each.words),
                bps=each.bps,
                off=each.off,
                explains=each.explains,
                at=list(each.at[:MOST_TIMES]),
            )
            for each in found.explanations
        ],
        nearest=[NearInterval(**row) for row in records(found.nearest)],
    )


def _month(written: str) -> Month:
    try:
        return months.read(written)
    except ValueError as fault:
        raise Problem(422, "A parameter is wrong", faults={"month": f"{fault}, from {months.FIRST_YEAR} on"}) from None


def _amount(value: Decimal) -> str:
    return format(value.normalize(), "f")


def _fields(draft: Draft) -> dict[str, Any]:
    """A stored contract as the fields of actions.contract_form."""
    return {
        "name": draft.name,
        "provider": draft.provider,
        "servers": list(draft.servers),
        "direction": draft.direction.value,
        "percentile": draft.percentile,
        "commit": draft.commit_bps,
        "price": _amount(draft.price),
        "overage_price": None if draft.overage_price is None else _amount(draft.overage_price),
        "currency": draft.currency,
        "zone": draft.zone,
        "calibration": draft.calibration,
        "starts_on": draft.starts_on,
        "ends_on": draft.ends_on,
    }


def _plain(stored: Stored) -> Contract:
    return Contract(id=stored.id, version=stored.version, retired_at=stored.retired_at, **_fields(stored.draft))


def _shown(contract_id: int, response: Response) -> Contract:
    told = _plain(contracts.stored(engines.shared(), contract_id))
    response.headers["etag"] = etag_of(told.model_dump_json().encode(), told.version)
    return told


def _told(found: MonthBill, *, values: bool) -> ContractMonth:
    ahead = found.projection
    return ContractMonth(
        contract_id=found.contract.id,
        month=str(found.month),
        start=found.over.start,
        end=found.over.end,
        until=found.until,
        is_over=found.is_over,
        share=float(found.share),
        intervals=found.over.intervals,
        missing=found.missing,
        coverage=found.coverage,
        billed=_value(found.billed),
        as_zero=_value(found.as_zero),
        cost=str(found.cost),
        currency=found.contract.draft.currency,
        peak=_peak(found.peak),
        peak_now=_peak(found.peak_now),
        expected=Expected(
            bps=ahead.bps,
            low_bps=ahead.low_bps,
            high_bps=ahead.high_bps,
            from_days=ahead.from_days,
            used_up_at=ahead.used_up_at,
            cost=str(found.expected_cost),
        )
        if ahead
        else None,
        servers=[
            ServerShare(**{**row, "cost": str(row["cost"])}) for row in records(found.servers.drop(columns="kind"))
        ],
        values=[Interval(**row) for row in records(found.intervals[list(Interval.model_fields)])] if values else None,
        note=LEFT_OUT,
    )


def _value(billed: Billed | None) -> BilledValue | None:
    if billed is None:
        return None
    return BilledValue(
        bps=billed.bps,
        rank=billed.rank,
        free=billed.free,
        known=billed.known,
        direction=billed.direction,
        at=list(billed.at[:MOST_TIMES]),
    )


def _peak(peak: Peak) -> FreePeak:
    return FreePeak(
        threshold_bps=peak.threshold_bps,
        allowed_seconds=peak.allowed.total_seconds(),
        used_seconds=peak.used.total_seconds(),
        left_seconds=peak.left.total_seconds(),
    )
