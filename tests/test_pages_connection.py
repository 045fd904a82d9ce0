"""The form of the fleet: testing a connection, and passwords, which are stored but never shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import Engine

import db.engine
import pages.parts.server_form as server_form
from actions.add_server import add_server
from actions.server_form import KEEP
from cdn.model import LOCAL_ADMIN, AuthMethod, Credentials, Kind, PollError, Reason
from cdn.settings import load
from collector.detect import Found
from tests.fleet_form import EDGE, FOUND, KEY, Form, answering, names, secret_of, stored
from ui import frames


@pytest.fixture(autouse=True)
def _ours(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The pages use this test's database and key, and remember nothing of other tests."""
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    monkeypatch.setattr(server_form, "settings", lambda: load(secret_key=KEY))
    frames.forget()
    yield
    frames.forget()


def test_find_out_needs_a_test_first(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    form = Form()
    form.type(url="http://10.0.0.9", name="edge-9")
    form.press("save")
    assert "test the connection to find out, or choose the kind yourself" in form.text
    assert names(engine) == []
    answering(monkeypatch, lambda fields: FOUND)
    form.press("test")
    assert "It answers: nginx 1.28.0, in 31 ms" in form.text
    assert "requests, connections" in form.text
    assert "&lt;b&gt;note&lt;/b&gt;" in form.markup
    assert "Found athttp://10.0.0.9/nginx_status" in form.text
    form.press("save")
    draft = stored(engine, "edge-9").draft
    assert (draft.kind, draft.url) == (Kind.NGINX, "http://10.0.0.9/nginx_status")


def test_what_a_test_found_is_not_taken_for_another_address(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, lambda fields: FOUND)
    form = Form()
    form.type(url="http://10.0.0.9", name="edge-9")
    form.press("test")
    form.type(url="http://10.0.0.8")
    form.press("save")
    assert "test the connection to find out" in form.text
    assert names(engine) == []


def test_a_test_that_fails_tells_the_plain_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fields: Mapping[str, Any]) -> Found:
        raise PollError(Reason.UNAUTHORIZED, "GET /<script> gave 401, want 200")

    answering(monkeypatch, refuse)
    form = Form()
    form.type(url="http://10.0.0.9", name="edge-9")
    form.press("test")
    assert "It does not work: it wants a password" in form.text
    assert "GET /&lt;script&gt; gave 401" in form.markup


def test_a_test_judges_the_address_alone() -> None:
    form = Form()
    form.type(url="10.0.0.9", name="")
    form.press("test")
    assert form.faults == ["want an address that begins with http:// or https://"]


def test_a_stored_password_stays_when_it_is_left_empty_and_is_never_sent(engine: Engine) -> None:
    server_id = add_server(engine, {**EDGE, "user": "monitor", "password": "s3cret"}, key=KEY, by=LOCAL_ADMIN)
    form = Form("edge-1")
    assert (form.value("user"), form.value("password")) == ("monitor", "")
    assert "s3cret" not in form.markup
    form.type(capacity="2 Gbit/s")
    form.press("save")
    assert form.told == [r"edge\-1 is changed"]
    assert stored(engine).draft.capacity_bps == 2_000_000_000
    assert secret_of(engine, server_id) == Credentials(AuthMethod.BASIC, "monitor", "s3cret")


def test_a_test_of_a_stored_server_uses_its_stored_password(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    add_server(engine, {**EDGE, "user": "monitor", "password": "s3cret"}, key=KEY, by=LOCAL_ADMIN)
    asked: list[Mapping[str, Any]] = []

    def note(fields: Mapping[str, Any]) -> Found:
        asked.append(fields)
        return FOUND

    answering(monkeypatch, note)
    Form("edge-1").press("test")
    assert asked[0]["password"] is KEEP


def test_a_new_password_replaces_the_stored_one(engine: Engine) -> None:
    server_id = add_server(engine, {**EDGE, "user": "monitor", "password": "s3cret"}, key=KEY, by=LOCAL_ADMIN)
    form = Form("edge-1")
    form.type(password="other")
    form.press("save")
    assert secret_of(engine, server_id).secret == "other"


def test_another_way_to_sign_in_forgets_the_password(engine: Engine) -> None:
    server_id = add_server(engine, {**EDGE, "user": "monitor", "password": "s3cret"}, key=KEY, by=LOCAL_ADMIN)
    form = Form("edge-1")
    form.sign_in(AuthMethod.NONE)
    form.press("save")
    assert secret_of(engine, server_id) == Credentials()


def test_a_password_without_a_key_is_refused_in_words(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_form, "settings", lambda: load(secret_key=""))
    form = Form()
    form.type(url="http://10.0.0.1:1985", name="edge-1")
    form.choose(kind="srs")
    form.sign_in(AuthMethod.BEARER)
    form.type(token="t0ken")
    form.press("save")
    assert "The password cannot be stored" in form.text
    assert "SECRET_KEY is not set" in form.text
    assert names(engine) == []
