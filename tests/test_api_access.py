"""Who may use which route of the API: by token, by session, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from actions.add_server import add_server
from actions.tokens import make_token
from actions.users import add_user, change_user
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN, Actor
from db import access
from db import engine as engines
from db.access import Visitor
from tests.asking import NOBODY, SCOPES, SIGNED_IN, TOKEN, Gate, Operation, client, operations, token

SERVER = {"name": "edge-1", "kind": "srs", "url": NOBODY, "role": "edge"}
PASSWORD = "a-long-pass-word-1"


@pytest.fixture
def api(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    add_server(engine, SERVER, key="", by=LOCAL_ADMIN)
    return client(engine, monkeypatch)


def ask(api: TestClient, operation: Operation, headers: dict[str, str]) -> Any:
    more = {"If-Match": "*"} if operation.method == "PATCH" else {}
    return api.request(operation.method, operation.path, json=operation.body, headers={**headers, **more})


@pytest.mark.parametrize(
    ("name", "scope"), [("GET /servers", "read"), ("GET /servers/1/clients", "operate"), ("POST /servers", "admin")]
)
def test_whoever_is_refused_is_told_what_it_takes(api: TestClient, engine: Engine, name: str, scope: str) -> None:
    """That each route takes what it says is in test_matrix.py."""
    (operation,) = (each for each in operations() if each.name == name)
    answer = ask(api, operation, {})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    for less in SCOPES[: SCOPES.index(scope)]:
        answer = ask(api, operation, token(engine, less))
        assert (answer.status_code, answer.json()["title"]) == (403, f"The scope {scope} is needed")
        assert f'scope="{scope}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("how", ["revoked", "ended", "of somebody disabled", "one letter off", "in the query"])
def test_a_token_that_is_none_any_more_opens_nothing(api: TestClient, engine: Engine, how: str) -> None:
    now, path = utc_now(), "/servers"
    user = add_user(engine, "root", "admin", PASSWORD, by=LOCAL_ADMIN)
    mia = add_user(engine, "mia", "operator", PASSWORD, by=LOCAL_ADMIN)
    ends = now + timedelta(seconds=60) if how == "ended" else None
    by = Actor("mia", "operator")
    made = make_token(engine, "t", "operate", ends, by=by, user_id=mia, now=now)
    header = {"Authorization": f"Bearer {made.secret}"}
    assert api.get(path, headers=header).status_code == 200
    if how == "revoked":
        assert api.delete(f"/tokens/{made.id}", headers=SIGNED_IN).status_code == 204
    elif how == "ended":
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE api_token SET expires_at = now() - interval '1 second'")
    elif how == "of somebody disabled":
        change_user(engine, mia, 1, {"disabled": True}, by=Actor("root", "admin"), now=now)
    elif how == "one letter off":
        header = {"Authorization": f"Bearer {made.secret[:-1]}~"}
    else:
        header, path = {}, f"/servers?token={made.secret}&access_token={made.secret}"
    answer = api.get(path, headers=header)
    assert answer.status_code == 401
    assert made.secret not in answer.text
    assert user != mia


def test_a_token_can_do_no_more_than_its_owner(api: TestClient, engine: Engine) -> None:
    add_user(engine, "root", "admin", PASSWORD, by=LOCAL_ADMIN)
    mia = add_user(engine, "mia", "admin", PASSWORD, by=LOCAL_ADMIN)
    header = token(engine, "admin", user_id=mia)
    assert api.get("/users", headers=header).status_code == 200
    change_user(engine, mia, 1, {"role": "viewer"}, by=Actor("root", "admin"), now=utc_now())
    assert api.get("/users", headers=header).status_code == 403
    assert api.get("/servers", headers=header).status_code == 200


def test_a_token_shows_its_secret_once_and_its_use(api: TestClient) -> None:
    body = {"name": "wall", "scope": "read", "expires_at": "2040-01-01T00:00:00Z"}
    made = api.post("/tokens", json=body, headers=SIGNED_IN)
    assert made.status_code == 201
    secret = made.json()["secret"]
    header = {"Authorization": f"Bearer {secret}"}
    assert api.get("/summary", headers=header).status_code == 200
    assert api.get("/tokens", headers=header).json() == []  # of nobody: only admins see it
    (listed,) = api.get("/tokens", headers=SIGNED_IN).json()
    assert (listed["name"], listed["scope"], listed["hint"]) == ("wall", "read", secret[:10])
    assert listed["last_used_at"] is not None
    assert secret not in str(listed)
    assert api.delete(f"/tokens/{listed['id']}", headers=SIGNED_IN).status_code == 204
    assert api.get("/summary", headers=header).status_code == 401
    assert api.delete("/tokens/999", headers=SIGNED_IN).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "read"}, "body.name"),
        ({"name": "", "scope": "read"}, "body.name"),
        ({"name": "a\x07b", "scope": "read"}, "body.name"),
        ({"name": "t", "scope": "all"}, "body.scope"),
        ({"name": "t", "scope": "read", "expires_at": "2001-01-01T00:00:00Z"}, "body.expires_at"),
        ({"name": "t", "scope": "read", "expires_at": 4_000_000_000}, "body.expires_at"),
        ({"name": "t", "scope": "read", "for": "ever"}, "body.for"),
        ([], "body"),
    ],
)
def test_what_is_wrong_with_a_token_is_named(api: TestClient, body: Any, field: str) -> None:
    answer = api.post("/tokens", json=body, headers=SIGNED_IN)
    assert (answer.status_code, list(answer.json()["faults"])) == (422, [field])


def session(role: str, user_id: int = 7, via: str = "password", **more: Any) -> Gate:
    return Gate(Visitor(user_id, "mia", role, via, **more))


def test_whoever_is_signed_in_may_read(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    api = client(engine, monkeypatch, session("viewer"))
    assert api.get("/servers").status_code == 200
    assert api.get("/users").json()["title"] == "The scope admin is needed"
    assert api.get("/servers", headers={"Authorization": "Bearer wrong"}).status_code == 401


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 403),
        ("null", 403),
        ("http://evil.example", 403),
        ("http://testserver.evil.example", 403),
        ("http://testserver:81", 403),
        ("http://evil.example/http://testserver", 403),
        ("http://testserver", 201),
        ("https://monitor.example", 201),  # PUBLIC_URL
    ],
)
def test_a_session_changes_things_only_from_our_own_pages(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, origin: str | None, status: int
) -> None:
    api = client(engine, monkeypatch, session("admin"), public_url="https://monitor.example/cdn")
    headers = {} if origin is None else {"Origin": origin}
    assert api.post("/servers", json=SERVER, headers=headers).status_code == status
    assert len(api.get("/servers").json()) == (status == 201)


def test_a_token_needs_no_origin_whoever_is_signed_in(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    api = client(engine, monkeypatch, session("viewer"))
    assert api.post("/servers", json=SERVER, headers=SIGNED_IN).status_code == 201


def test_people_make_and_revoke_their_own_tokens_and_nobody_elses(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    mia = add_user(engine, "root", "admin", PASSWORD, by=LOCAL_ADMIN)
    others = make_token(engine, "o", "read", None, by=LOCAL_ADMIN, user_id=None, now=utc_now())
    api = client(engine, monkeypatch, session("viewer", mia))
    api.headers["Origin"] = "http://testserver"
    made = api.post("/tokens", json={"name": "mine", "scope": "read"})
    assert made.status_code == 201
    assert [each["owner"] for each in api.get("/tokens").json()] == ["root"]
    assert api.post("/tokens", json={"name": "mine", "scope": "operate"}).status_code == 403
    assert api.delete(f"/tokens/{others.id}").status_code == 403
    assert api.delete(f"/tokens/{made.json()['id']}").status_code == 204


def test_who_must_choose_another_password_does_nothing_before(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    api = client(engine, monkeypatch, session("admin", must_change=True))
    assert api.get("/servers").status_code == 403


def test_while_nobody_has_an_account_the_api_still_wants_a_token(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = client(engine, monkeypatch, Gate(Visitor(None, "local", "admin", "local")))
    assert access.is_open(engine)
    assert api.get("/servers").status_code == 401


def test_an_absent_database_does_not_keep_the_set_token_out(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    api = client(engine, monkeypatch)
    away = engines.create("postgresql://u:s3cret@127.0.0.1:1/none", wait=1)
    monkeypatch.setattr(engines, "shared", lambda: away)
    assert api.get("/metrics", headers=SIGNED_IN).status_code == 200
    stored = api.get("/metrics", headers={"Authorization": "Bearer cdn_unknown-now"})
    assert (stored.status_code, stored.json()["title"]) == (503, "The database is away")


def test_requests_are_limited_and_said_so(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    api = client(engine, monkeypatch, api_rate_per_minute=3)
    left = [api.get("/metrics", headers=SIGNED_IN).headers for _ in range(3)]
    assert [each["ratelimit"].split(";")[1] for each in left] == ["r=2", "r=1", "r=0"]
    assert left[0]["ratelimit-policy"] == '"minute";q=3;w=60'
    refused = api.get("/metrics", headers=SIGNED_IN)
    assert (refused.status_code, refused.json()["title"]) == (429, "Too many requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    # Others have a limit of their own.
    assert api.get("/metrics", headers=token(engine, "read")).status_code == 200
    assert [api.get("/openapi.json").status_code for _ in range(3)] == [200] * 3
    assert [api.get("/readyz").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert api.get("/healthz").status_code == 200


def test_wrong_tokens_are_limited_sooner_and_lock_nobody_out(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    api = client(engine, monkeypatch, api_rate_per_minute=50)
    wrong = [api.get("/metrics", headers={"Authorization": f"Bearer cdn_{n}"}).status_code for n in range(7)]
    assert wrong == [401] * 5 + [429] * 2
    assert api.get("/metrics", headers=SIGNED_IN).status_code == 200
    unlimited = client(engine, monkeypatch, api_rate_per_minute=0)
    assert {unlimited.get("/metrics").status_code for _ in range(9)} == {401}


def test_bodies_and_queries_that_are_too_large_are_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    api = client(engine, monkeypatch, api_max_body_bytes=1_000)
    body = '{"name": "' + "x" * 2_000 + '"}'
    told = api.post("/servers", content=body, headers={**SIGNED_IN, "Content-Type": "application/json"})
    assert (told.status_code, told.headers["content-type"]) == (413, "application/problem+json")
    parts = iter([body[:1_500].encode(), body[1_500:].encode()])
    counted = api.post("/servers", content=parts, headers={**SIGNED_IN, "Content-Type": "application/json"})
    assert (counted.status_code, counted.headers["content-type"]) == (413, "application/problem+json")
    assert api.get(f"/servers?text={'x' * 9_000}", headers=SIGNED_IN).status_code == 414


def test_other_sites_read_nothing_unless_they_are_named(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"Origin": "https://board.example", "Access-Control-Request-Method": "GET"}
    shut = client(engine, monkeypatch)
    assert "access-control-allow-origin" not in shut.get("/servers", headers={**SIGNED_IN, **asked}).headers
    assert shut.options("/servers", headers=asked).status_code == 405
    named = client(engine, monkeypatch, api_cors_origins="https://board.example, https://wall.example")
    before = named.options("/servers", headers={**asked, "Access-Control-Request-Headers": "authorization"})
    assert (before.status_code, before.headers["access-control-allow-origin"]) == (200, "https://board.example")
    answer = named.get("/servers", headers={**SIGNED_IN, "Origin": "https://board.example"})
    assert answer.headers["access-control-allow-origin"] == "https://board.example"
    assert "access-control-allow-credentials" not in answer.headers
    # What is refused can be read, too: else nobody sees why.
    assert "access-control-allow-origin" in named.get("/servers", headers={"Origin": "https://board.example"}).headers
    stranger = named.get("/servers", headers={**SIGNED_IN, "Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in stranger.headers


def test_the_trail_says_who_did_it_by_which_token_and_from_where(api: TestClient, engine: Engine) -> None:
    made = api.post("/servers", json={**SERVER, "name": "edge-2"}, headers=token(engine, "admin")).json()
    api.post(f"/servers/{made['id']}/pause", headers=SIGNED_IN)
    newest, before = api.get("/audit?text=edge-2", headers=SIGNED_IN).json()
    assert (newest["action"], newest["actor"], newest["via"]) == ("server.pause", "token API_TOKEN", "token")
    assert (before["action"], before["actor"], before["address"]) == ("server.add", "token test admin", "testclient")
    assert TOKEN not in str(newest)
