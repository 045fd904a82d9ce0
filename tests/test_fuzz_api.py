"""Whatever is asked of the REST API with a valid token: an answer as openapi.json says, and never a fault of ours."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import Engine
from starlette.applications import Starlette

import web.api
import web.api.auth
from actions.add_server import add_server
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN, Kind, Role
from cdn.settings import load
from collector.writer import Writer
from db import engine as engines
from tests.mutations import NAMES
from tests.readings import START, FakeServer

TOKEN = "t0ken-of-the-tests"
SIGNED_IN = {"Authorization": f"Bearer {TOKEN}"}
# Each of some tens of operations, in both modes.
EXAMPLES = 15
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def watched(server_id: int, engine: Engine) -> None:
    """A server with streams of every name there is, polled for some minutes until now."""
    server = FakeServer(server_id)
    server.streams = {f"/live/{number}{clean(name)}": 0 for number, name in enumerate(NAMES)}
    writer = Writer(engine, "c")
    for _ in range(7):
        poll = server.poll()
        writer.write([replace(poll, at=poll.at - START + utc_now() - timedelta(seconds=120))])
        server.grow(15, 30_000_000)
        if server.seconds == 45:
            server.restart()
    failed = server.failed()
    writer.write([replace(failed, at=failed.at - START + utc_now() - timedelta(seconds=119), detail=clean(NAMES[-4]))])


def clean(name: str) -> str:
    """A name as sources pass it on."""
    return name[:200].replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def fields(number: int, name: str) -> dict[str, Any]:
    """A server with such a name as a form takes it, of every kind and role in turn."""
    shown = "".join(char for char in name if char.isprintable()).strip()[:30]
    kind, role = list(Kind)[number % len(Kind)], list(Role)[number % 2]
    named = {"name": f"{number} {shown}", "region": shown, "tags": [f"t{shown}".replace(",", "")]}
    return {**named, "kind": kind.value, "role": role.value, "url": "http://10.0.0.1/x"}


@pytest.fixture
def app(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Starlette:
    config = load(api_token=TOKEN, api_rate_per_minute=0)
    monkeypatch.setattr(engines, "shared", lambda: engine)
    monkeypatch.setattr(web.api.auth, "settings", lambda: config)
    for number, name in enumerate(NAMES):
        server_id = add_server(engine, fields(number, name), key="", by=LOCAL_ADMIN)
        if number < 4:
            watched(server_id, engine)
    return Starlette(routes=[web.api.mounted("/api/v1")])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_as_the_description_says_and_never_a_fault_of_ours(
    app: Starlette, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", app, headers=SIGNED_IN)
    told: Counter[tuple[str, int]] = Counter()
    faults: dict[str, str] = {}
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    for operation in operations:
        ask(operation, mode, told, faults)
    assert not faults, "\n".join(faults.values())
    asked = {operation.path for operation in operations if mode is GenerationMode.POSITIVE or operation.query.items}
    assert {path for path, _ in told} >= asked
    statuses = {status for _, status in told}
    assert statuses >= ({200, 404} if mode is GenerationMode.POSITIVE else {422}), told
    # A server that is asked for us may be away: 502, if the description says so. Among what may be wrong is the token.
    assert 500 not in statuses, told
    assert not statuses & ({401, 503} if mode is GenerationMode.POSITIVE else {503}), told


def ask(operation: Any, mode: GenerationMode, told: Counter[tuple[str, int]], faults: dict[str, str]) -> None:
    cases = operation.as_strategy(generation_mode=mode)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def judge(case: Any) -> None:
        try:
            response = case.call(headers=SIGNED_IN)
        except Exception as error:
            # What would be a status of 500.
            faults.setdefault(f"{operation.path}: {type(error).__name__}", f"{case.as_curl_command()}\n{error}"[:700])
            return
        told[operation.path, response.status_code] += 1
        try:
            case.validate_response(response, checks=CHECKS, headers=SIGNED_IN)
        except FailureGroup as group:
            # All operations are asked before any is blamed; of each the first request that shows it.
            for fault in group.exceptions:
                words = f"{operation.path} {response.status_code}: {type(fault).__name__}"
                faults.setdefault(words, f"{case.method} {response.request.url}\n{fault}"[:700])

    # Nothing can be wrong about a request without parameters.
    with suppress(Unsatisfiable):
        judge()
