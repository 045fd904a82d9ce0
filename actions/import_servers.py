"""Add or change many servers from a TOML file: all of them, or none and every fault."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from actions import server_form
from actions.permission import require
from cdn.model import Actor, Invalid
from db import audit, fleet
from db.engine import Engine, editing
from db.fleet import Draft
from db.models import Server

MAX_SERVERS = 10_000


@dataclass(frozen=True, slots=True)
class Report:
    """How many servers were new, changed, and as they should be already."""

    added: int
    changed: int
    unchanged: int


def import_servers(engine: Engine, text: str, *, key: str, by: Actor) -> Report:
    """Import `text`: [[server]] tables with the fields of `server_form.FIELDS`. Servers are known by name.

    Servers that the file does not name stay as they are. Raises Invalid with every fault of the file
    (“server 3, edge-fra-1: url” → what was wanted), NoKey; then nothing was imported.
    """
    require(by, "admin")
    drafts = _drafts(text)
    with editing(engine) as session:
        existing = fleet.names(session)
        known = existing.keys() | {draft.name for draft in drafts}
        lost = {
            f"{draft.name}: origins": f"there is no server called {', '.join(unknown)}"
            for draft in drafts
            if (unknown := [name for name in draft.origins if name not in known])
        }
        if lost:
            raise Invalid(lost)
        kept = {draft.name: _as_stored(existing[draft.name], key) for draft in drafts if draft.name in existing}
        before = {name: fleet.described(existing[name]) for name in kept}
        for draft in drafts:
            if draft.name not in existing:
                existing[draft.name] = fleet.add(session, draft, key)
            elif kept[draft.name] != _comparable(draft):
                fleet.apply(session, existing[draft.name], draft, key)
        session.flush()
        for draft in drafts:
            fleet.link(existing[draft.name], draft.origins, existing)
            server = existing[draft.name]
            if draft.name not in kept:
                audit.record(session, by, "server.add", draft.name, after=fleet.described(server))
            elif kept[draft.name] != _comparable(draft):
                audit.record(
                    session, by, "server.change", draft.name, before=before[draft.name], after=fleet.described(server)
                )
    changed = sum(kept[draft.name] != _comparable(draft) for draft in drafts if draft.name in kept)
    return Report(len(drafts) - len(kept), changed, len(kept) - changed)


def _drafts(text: str) -> list[Draft]:
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        raise Invalid({"the file": f"it is not TOML: {error}"}) from None
    except RecursionError:
        raise Invalid({"the file": "it is nested too deeply"}) from None
    faults = {f"the file: {name}": "want only [[server]] tables" for name in document if name != "server"}
    tables = document.get("server", [])
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise Invalid({**faults, "the file": "want at least one [[server]] table"})
    if len(tables) > MAX_SERVERS:
        raise Invalid({**faults, "the file": f"want at most {MAX_SERVERS:,} servers, it has {len(tables):,}"})
    drafts = _each(tables, faults)
    if faults:
        raise Invalid(faults)
    return drafts


def _each(tables: Sequence[dict[str, Any]], faults: dict[str, str]) -> list[Draft]:
    drafts: list[Draft] = []
    seen: dict[str, int] = {}
    for number, table in enumerate(tables, start=1):
        name = table.get("name")
        label = f"server {number}, {name}" if isinstance(name, str) else f"server {number}"
        if isinstance(name, str) and name.strip() in seen:
            faults[f"{label}: name"] = f"server {seen[name.strip()]} has the same name"
        try:
            draft = server_form.read(table)
        except Invalid as error:
            faults.update({f"{label}: {field}": fault for field, fault in error.faults.items()})
            continue
        seen[draft.name] = number
        drafts.append(draft)
    return drafts


def _as_stored(server: Server, key: str) -> tuple[object, ...]:
    """What an import compares: a stored server in the form of `_comparable`."""
    secret, readable = fleet.stored_credentials(server.auth, server.auth_user, server.auth_secret, key)
    return (
        server.kind,
        server.url,
        server.role,
        server.region,
        server.provider,
        server.capacity_bps,
        tuple(server.tags),
        server.interval_seconds,
        server.verify_tls,
        secret if readable else None,
        tuple(sorted(origin.name for origin in server.origins)),
        tuple(sorted(each.network for each in server.addresses)),
    )


def _comparable(draft: Draft) -> tuple[object, ...]:
    return (
        draft.kind.value,
        draft.url,
        draft.role.value,
        draft.region,
        draft.provider,
        draft.capacity_bps,
        draft.tags,
        draft.interval_seconds,
        draft.verify_tls,
        draft.credentials,
        tuple(sorted(draft.origins)),
        tuple(sorted(draft.addresses)),
    )
