"""Servers as they are set up: added, changed, paused, retired, and tried before they are."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from actions import change_server as changing
from actions.add_server import add_server
from actions.change_server import pause_server, retire_server
from actions.server_form import KEEP
from actions.try_connection import FIND_OUT, try_connection
from cdn.clock import utc_now
from cdn.errors import Unknown
from cdn.model import AuthMethod, PollError
from cdn.settings import settings
from db import engine as engines
from db import fleet
from db.fleet import Stored
from web.api.auth import Admin
from web.api.fleet import fleet_row
from web.api.inputs import Id, IfMatch, version_of
from web.api.problem import CHANGES, CHANGES_ONE, ONE, Problem, responses
from web.api.shapes_fleet import NewServer, ServerChanges, ServerSettings, Trial, Tried
from web.api.wire import etag_of

router = APIRouter(tags=["set-up"])
_ETAG = {"headers": {"ETag": {"description": "For If-Match.", "schema": {"type": "string"}}}}
_LOCATION = {"headers": {"Location": {"description": "Where it is.", "schema": {"type": "string"}}}}


def _key() -> str:
    return settings().secret_key.get_secret_value()


@router.post("/servers", status_code=201, responses={**CHANGES, **responses(409), 201: _LOCATION})
def add(by: Admin, server: NewServer, response: Response) -> ServerSettings:
    """Add a server. Collectors poll it within seconds."""
    fields = server.model_dump(mode="json", exclude_unset=True)
    server_id = add_server(engines.shared(), fields, key=_key(), by=by.actor)
    response.headers["location"] = f"servers/{server_id}"
    return _shown(server_id, response)


@router.post("/servers/test", responses=CHANGES)
def test(by: Admin, trial: Trial) -> Tried:
    """Ask what is behind an address, before it becomes a server. Nothing is stored."""
    return _try(trial.model_dump(mode="json", exclude_none=True), by, None)


@router.post("/servers/{server_id}/test", responses=CHANGES_ONE)
def test_one(by: Admin, server_id: Id) -> Tried:
    """Ask a server once, out of turn, with what is stored of it. Nothing is stored."""
    return _try(_fields(_stored(server_id)), by, server_id)


def _try(fields: dict[str, Any], by: Admin, server_id: int | None) -> Tried:
    fields = {"kind": FIND_OUT, **fields}
    try:
        found = try_connection(engines.shared(), fields, settings=settings(), by=by.actor, server_id=server_id)
    except PollError as error:
        nothing = dict.fromkeys(("kind", "url", "software", "streams", "response_seconds", "certificate_expires"))
        return Tried(works=False, reason=error.reason, detail=error.detail, notes=[], **nothing)
    return Tried(
        works=True,
        reason=None,
        detail=None,
        kind=found.kind,
        url=found.url,
        software=found.reading.software,
        streams=found.streams,
        notes=list(found.reading.notes),
        response_seconds=found.timing.total,
        certificate_expires=found.certificate_expires,
    )


@router.get("/servers/{server_id}/settings", responses={**ONE, 200: _ETAG})
def show(_by: Admin, server_id: Id, response: Response) -> ServerSettings:
    """A server as it is set up. Its ETag is what If-Match takes."""
    return _shown(server_id, response)


@router.patch("/servers/{server_id}", responses={**CHANGES_ONE, **responses(409, 412, 428), 200: _ETAG})
def change(
    by: Admin, server_id: Id, changes: ServerChanges, response: Response, if_match: IfMatch = None
) -> ServerSettings:
    """Change what is given and leave the rest. Needs If-Match, or `version` in the body.

    412: it is not what If-Match names any more; 409: it is not of that `version`, or somebody was faster just now.
    """
    stored = _stored(server_id)
    version = version_of(if_match, changes.version, stored.version)
    wanted = changes.model_dump(mode="json", exclude_unset=True, exclude={"version"})
    fields = _merged(stored, wanted)
    changing.change_server(engines.shared(), server_id, version, fields, key=_key(), by=by.actor)
    return _shown(server_id, response)


@router.post("/servers/{server_id}/pause", responses={**CHANGES_ONE, **responses(409), 200: _ETAG})
def pause(by: Admin, server_id: Id, response: Response) -> ServerSettings:
    """Stop polling a server. Its history stays."""
    pause_server(engines.shared(), server_id, paused=True, by=by.actor)
    return _shown(server_id, response)


@router.post("/servers/{server_id}/resume", responses={**CHANGES_ONE, **responses(409), 200: _ETAG})
def resume(by: Admin, server_id: Id, response: Response) -> ServerSettings:
    """Poll a paused server again, within seconds."""
    pause_server(engines.shared(), server_id, paused=False, by=by.actor)
    return _shown(server_id, response)


@router.delete("/servers/{server_id}", status_code=204, responses={**CHANGES_ONE, **responses(409, 412)})
def retire(by: Admin, server_id: Id, if_match: IfMatch = None) -> None:
    """Take a server out of the fleet for good. Its history and name stay, and the name may be used again."""
    if if_match is not None:
        version_of(if_match, None, _stored(server_id).version)
    retire_server(engines.shared(), server_id, by=by.actor, now=utc_now())


def _stored(server_id: int) -> Stored:
    """A server's settings. Raises Problem 404."""
    for _ in range(3):
        found = fleet.stored(engines.shared(), fleet_row(server_id)["name"])
        if found is not None and found.id == server_id:
            return found
    raise Unknown  # it gets another name again and again


def _shown(server_id: int, response: Response) -> ServerSettings:
    stored = _stored(server_id)
    draft = stored.draft
    told = ServerSettings(
        id=stored.id,
        version=stored.version,
        name=draft.name,
        kind=draft.kind,
        url=draft.url,
        role=draft.role,
        region=draft.region,
        provider=draft.provider,
        capacity=draft.capacity_bps,
        tags=list(draft.tags),
        interval=draft.interval_seconds,
        verify_tls=draft.verify_tls,
        auth=draft.credentials.method,
        user=draft.credentials.user,
        has_secret=stored.has_secret,
        origins=list(draft.origins),
        addresses=[str(each) for each in draft.addresses],
        paused=stored.paused,
    )
    response.headers["etag"] = etag_of(told.model_dump_json().encode(), stored.version)
    return told


def _fields(stored: Stored) -> dict[str, Any]:
    """A stored server as the fields of actions.server_form, its secret kept."""
    draft = stored.draft
    fields: dict[str, Any] = {
        "name": draft.name,
        "kind": draft.kind.value,
        "url": draft.url,
        "role": draft.role.value,
        "region": draft.region,
        "provider": draft.provider,
        "capacity": draft.capacity_bps,
        "tags": list(draft.tags),
        "interval": draft.interval_seconds,
        "verify_tls": draft.verify_tls,
        "origins": list(draft.origins),
        "addresses": [str(each) for each in draft.addresses],
    }
    if draft.credentials.method is AuthMethod.BASIC:
        fields |= {"user": draft.credentials.user, "password": KEEP}
    elif draft.credentials.method is AuthMethod.BEARER:
        fields |= {"token": KEEP}
    return fields


def _merged(stored: Stored, changes: dict[str, Any]) -> dict[str, Any]:
    """The stored fields with `changes`. Another way to sign in leaves nothing of the one before."""
    required = [name for name in ("name", "kind", "url", "role") if name in changes and changes[name] is None]
    if required:
        raise Problem(422, "A field is wrong", faults={f"body.{name}": "want a value" for name in required})
    fields = _fields(stored)
    if changes.get("token") is not None:
        fields = {name: value for name, value in fields.items() if name not in ("user", "password")}
    elif changes.get("user") is not None or changes.get("password") is not None:
        fields.pop("token", None)
    elif "user" in changes:
        fields = {name: value for name, value in fields.items() if name not in ("user", "password", "token")}
    return {**fields, **changes}
