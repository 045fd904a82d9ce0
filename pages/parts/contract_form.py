"""The form that adds, changes or retires a contract; for admins."""

from __future__ import annotations

from typing import Any

import streamlit as st

from actions.contracts import add_contract, change_contract, retire_contract
from cdn import months
from cdn.clock import utc_now
from cdn.errors import Changed, Forbidden, Unavailable, Unknown
from cdn.model import Invalid
from pages.parts import shown_once
from pages.parts.fields import Fields
from ui import billing, frames, links
from ui.cards import card
from ui.frames import Contract
from ui.visitor import actor

_FAULTS = "contract-faults"
# Where the page finds the name of the contract to show next.
NEXT = "contract-next"


def contract_form(contract: Contract | None, zone: str) -> None:
    """Add a contract (None), or change `contract`. zone: what is proposed for a new one."""
    key = f"contract-{contract.id}-{contract.version}" if contract else f"contract-new-{shown_once.turn()}"
    fields = Fields(key, st.session_state.get(_FAULTS, {}).get(key, {}))
    with card("contract-form", f"Change {contract.draft.name}" if contract else "Add a contract"):
        entered = _fields(fields, contract, zone)
        with st.container(horizontal=True, key="contract-buttons", gap="small", vertical_alignment="center"):
            save = st.button("Save" if contract else "Add", type="primary", icon=":material/save:", key=f"save-{key}")
            retire = contract is not None and st.button("Retire", icon=":material/block:", key=f"retire-{key}")
            back = links.billing(contract=contract.draft.name if contract else "")
            st.html(links.link(back, "Cancel", "btn quiet"), width="content")
    if save:
        _save(contract, entered, key)
    elif retire and contract is not None:
        _retire(contract)


def _fields(fields: Fields, contract: Contract | None, zone: str) -> dict[str, Any]:
    draft = contract.draft if contract else None
    providers, servers = frames.bill_choices()
    left, right = st.columns(2, gap="medium")
    with left:
        entered: dict[str, Any] = {
            "name": fields.text("name", "Name", draft.name if draft else "", "Nordlink Frankfurt"),
            "provider": fields.known("provider", "Provider", providers, draft.provider if draft else ""),
            "servers": fields.several(
                "servers",
                "Only these servers (none: all of the provider)",
                sorted({*servers, *(draft.servers if draft else ())}),
                list(draft.servers) if draft else [],
            ),
            "direction": fields.choice(
                "direction",
                "What is billed",
                {each.value: words for each, words in billing.DIRECTIONS.items()},
                draft.direction.value if draft else "out",
            ),
            "percentile": fields.text("percentile", "Percentile", f"{draft.percentile:g}" if draft else "95"),
            "zone": fields.choice(
                "zone",
                "Time zone of its months",
                {each: each for each in months.zones()},
                draft.zone if draft else zone if zone in months.zones() else "UTC",
            ),
        }
    with right:
        entered |= {
            "commit": fields.text("commit", "Agreed rate", _commit(draft.commit_bps) if draft else "", "80 Gbit/s"),
            "price": fields.text(
                "price", "Price per Mbit/s and month", f"{draft.price.normalize():f}" if draft else "", "0.32"
            ),
            "overage_price": fields.text(
                "overage_price",
                "Price beyond the agreed rate (empty: the same)",
                f"{draft.overage_price.normalize():f}" if draft and draft.overage_price is not None else "",
            ),
            "currency": fields.text("currency", "Currency", draft.currency if draft else "EUR"),
            "calibration": fields.text(
                "calibration", "The carrier counts for each byte of ours", f"{draft.calibration:g}" if draft else "1"
            ),
            "starts_on": fields.text(
                "starts_on", "First day", draft.starts_on.isoformat() if draft else "", "2026-01-01"
            ),
            "ends_on": fields.text(
                "ends_on",
                "Last day (empty: none agreed)",
                draft.ends_on.isoformat() if draft and draft.ends_on else "",
            ),
        }
    return entered


def _commit(bps: int) -> str:
    """An agreed rate as one types it, exactly."""
    for unit, size in (("Gbit/s", 10**9), ("Mbit/s", 10**6), ("kbit/s", 10**3)):
        if bps and bps % size == 0:
            return f"{bps // size:,} {unit}"
    return f"{bps:,} bit/s" if bps else ""


def _save(contract: Contract | None, entered: dict[str, Any], key: str) -> None:
    try:
        if contract is None:
            add_contract(frames.engine(), entered, by=actor())
        else:
            change_contract(frames.engine(), contract.id, contract.version, entered, by=actor())
    except Invalid as error:
        st.session_state[_FAULTS] = {key: error.faults}
        st.rerun()
    except (Changed, Forbidden, Unavailable, Unknown) as error:
        shown_once.refused("The contract is as it was", _why(error))
    _done(f"{str(entered['name']).strip()} is {'changed' if contract else 'added'}", str(entered["name"]).strip())


def _retire(contract: Contract) -> None:
    try:
        retire_contract(frames.engine(), contract.id, by=actor(), now=utc_now())
    except (Changed, Forbidden, Unavailable, Unknown) as error:
        shown_once.refused("The contract is as it was", _why(error))
    _done(f"{contract.draft.name} is retired", "")


def _done(words: str, name: str) -> None:
    st.session_state.pop(_FAULTS, None)
    st.query_params.pop("edit", None)
    st.session_state[NEXT] = name
    frames.forget()
    shown_once.done(words, "Its months are worked out from it, those gone by, too." if name else "")


def _why(error: Changed | Forbidden | Unavailable | Unknown) -> str:
    if isinstance(error, Changed):
        return "Somebody else changed this contract meanwhile. Look at it again."
    return shown_once.why(error)
