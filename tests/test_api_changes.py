"""Changes by REST: servers and accounts, by whoever was first, with every fault by its field, and no secret told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from cryptography.fernet import Fernet
from fastapi.testclient import TestClient
from sqlalchemy import Engine

import web.api.pullers
import web.api.setup
from cdn.clock import utc_now
from cdn.settings import load
from db import fleet
from tests.asking import NOBODY, SIGNED_IN, client, token

KEY = Fernet.generate_key().decode()
SECRET = "swordfish-of-the-tests"
SERVER = {"name": "edge-1", "kind": "srs", "url": "http://192.0.2.1:1985", "role": "edge"}
PASSWORD = "a-long-pass-word-1"


@pytest.fixture
def api(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    config = load(secret_key=KEY)
    for module in (web.api.setup, web.api.pullers):
        monkeypatch.setattr(module, "settings", lambda: config)
    made = client(engine, monkeypatch)
    made.headers.update(SIGNED_IN)
    return made


def added(api: TestClient, **more: Any) -> dict[str, Any]:
    answer = api.post("/servers", json={**SERVER, **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_server_is_added_and_shown_as_it_was_entered(api: TestClient) -> None:
    added(api, name="origin-1", role="origin")
    entered = {
        "region": "West",
        "provider": "Hall",
        "capacity": 10**10,
        "tags": ["sport", "news"],
        "interval": 30,
        "verify_tls": False,
        "origins": ["origin-1"],
        "addresses": ["192.0.2.0/28"],
    }
    answer = api.post("/servers", json={**SERVER, **entered})
    made = answer.json()
    assert {name: made[name] for name in entered} == entered
    assert (made["auth"], made["has_secret"], made["paused"]) == ("none", False, False)
    assert answer.headers["location"] == f"servers/{made['id']}"
    assert api.get(f"/servers/{made['id']}/settings").json() == made
    assert api.get(f"/servers/{made['id']}").json()["state"] == "waiting"


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"name": ""}, {"body.name"}),
        ({"name": None, "url": None}, {"body.name", "body.url"}),
        ({"kind": "apache"}, {"body.kind"}),
        ({"url": "ftp://192.0.2.1"}, {"body.url"}),
        ({"url": "http://me:pass@192.0.2.1"}, {"body.url"}),
        ({"url": "http://169.254.169.254/latest"}, {"body.url"}),  # never asked, so never entered
        ({"kind": "nginx"}, {"body.url"}),  # its status page is missing
        ({"capacity": 5}, {"body.capacity"}),
        ({"capacity": "10 Gbit/s"}, {"body.capacity"}),
        ({"capacity": True}, {"body.capacity"}),
        ({"interval": 0.5}, {"body.interval"}),
        ({"tags": "a,b"}, {"body.tags"}),
        ({"verify_tls": "no"}, {"body.verify_tls"}),
        ({"origins": ["nobody"]}, {"body.origins"}),
        ({"addresses": ["here"]}, {"body.addresses"}),
        ({"user": "me"}, {"body.password"}),
        ({"user": "me", "password": "x", "token": "y"}, {"body.token"}),
        ({"nmae": "edge-2"}, {"body.nmae"}),
        ({"id": 5, "paused": True}, {"body.id", "body.paused"}),
        ({"name": "edge-\x00"}, {"body.name"}),
        ({"region": "\x1b[31m", "provider": "x" * 81}, {"body.provider"}),
    ],
)
def test_every_fault_of_a_server_is_told_by_its_field(
    api: TestClient, change: dict[str, Any], fields: set[str]
) -> None:
    answer = api.post("/servers", json={**SERVER, **change})
    assert (answer.status_code, set(answer.json()["faults"])) == (422, fields)
    assert api.get("/servers").json() == []
    server = added(api)
    if change.get("kind") != "nginx":
        changed = api.patch(f"/servers/{server['id']}", json=change, headers={"If-Match": "*"})
        assert (changed.status_code, set(changed.json()["faults"])) == (422, fields)
    assert api.get(f"/servers/{server['id']}/settings").json() == server


@pytest.mark.parametrize(
    ("content", "status"), [("{", 400), ("", 422), ("[]", 422), ('"x"', 422), ("null", 422), (b"\xff\xfe", 400)]
)
def test_what_is_no_json_object_is_refused(api: TestClient, content: str | bytes, status: int) -> None:
    answer = api.post("/servers", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_only_what_is_given_changes(api: TestClient) -> None:
    server = added(api, region="West", tags=["a"], interval=30)
    path = f"/servers/{server['id']}"
    changed = api.patch(path, json={"region": "East", "interval": None}, headers={"If-Match": '"1"'}).json()
    assert changed == {**server, "region": "East", "interval": None, "version": changed["version"]}
    (entry, _) = api.get("/audit?text=edge-1").json()
    assert (entry["before"], entry["after"]) == (
        {"region": "West", "interval_seconds": 30},
        {"region": "East", "interval_seconds": None},
    )


def test_who_was_slower_is_told_and_changes_nothing(api: TestClient) -> None:
    server = added(api)
    path = f"/servers/{server['id']}"
    etag = api.get(f"{path}/settings").headers["etag"]
    first = api.patch(path, json={"region": "East"}, headers={"If-Match": etag})
    assert first.status_code == 200
    second = api.patch(path, json={"region": "West"}, headers={"If-Match": etag})
    assert (second.status_code, second.json()["title"]) == (412, "Somebody else changed it meanwhile")
    old = api.patch(path, json={"region": "West", "version": server["version"]})
    assert old.status_code == 409
    assert api.patch(path, json={"region": "West"}).status_code == 428
    assert api.patch(path, json={"region": "West"}, headers={"If-Match": "1"}).status_code == 412
    assert api.delete(path, headers={"If-Match": etag}).status_code == 412
    assert api.get(f"{path}/settings").json()["region"] == "East"
    # The answer of a change is what the next one is made from.
    third = api.patch(path, json={"region": "West"}, headers={"If-Match": first.headers["etag"]})
    assert third.json()["region"] == "West"
    assert api.patch(path, json={"tags": ["x"], "version": third.json()["version"]}).status_code == 200


def test_two_names_cannot_be_the_same(api: TestClient) -> None:
    added(api)
    other = added(api, name="edge-2")
    assert list(api.post("/servers", json=SERVER).json()["faults"]) == ["body.name"]
    answer = api.patch(f"/servers/{other['id']}", json={"name": "edge-1"}, headers={"If-Match": "*"})
    assert (answer.status_code, list(answer.json()["faults"])) == (422, ["body.name"])


def secret_of(engine: Engine, server_id: int) -> tuple[str, str]:
    found = fleet.credentials_of(engine, server_id, KEY).credentials
    return found.user, found.secret


def test_a_secret_stays_until_another_is_given_and_is_never_told(api: TestClient, engine: Engine) -> None:
    answer = api.post("/servers", json={**SERVER, "user": "me", "password": SECRET})
    server = answer.json()
    path, any_version = f"/servers/{server['id']}", {"If-Match": "*"}
    assert (server["auth"], server["user"], server["has_secret"]) == ("basic", "me", True)
    told = [answer.text]

    def change(**changes: Any) -> int:
        answer = api.patch(path, json=changes, headers=any_version)
        told.append(answer.text)
        return int(answer.status_code)

    assert change(region="East") == 200
    assert secret_of(engine, server["id"]) == ("me", SECRET)
    assert change(user="you") == 200
    assert secret_of(engine, server["id"]) == ("you", SECRET)
    # It was entered for this address and goes to no other.
    assert change(url="http://192.0.2.66:1985") == 422
    assert change(url="http://192.0.2.66:1985", password=SECRET + "2") == 200
    assert secret_of(engine, server["id"]) == ("you", SECRET + "2")
    assert change(token=SECRET + "3") == 200
    assert secret_of(engine, server["id"]) == ("", SECRET + "3")
    assert change(token=None) == 200
    assert api.get(f"{path}/settings").json()["auth"] == "none"
    assert change(user="me", password=SECRET) == 200
    assert change(user=None) == 200
    assert api.get(f"{path}/settings").json()["has_secret"] is False
    for read in ("/servers", path, f"{path}/settings", f"{path}/working", "/audit", "/openapi.json"):
        told.append(api.get(read).text)
    told += [api.post("/servers", json={**SERVER, "name": 5, "password": SECRET}).text]
    told += [
        api.post("/servers", content=f'{{"password": "{SECRET}', headers={"Content-Type": "application/json"}).text
    ]
    assert all(SECRET not in each and KEY not in each for each in told)


def test_without_a_key_no_secret_is_stored_and_that_is_said(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    api = client(engine, monkeypatch)
    answer = api.post("/servers", json={**SERVER, "user": "me", "password": SECRET}, headers=SIGNED_IN)
    assert (answer.status_code, "SECRET_KEY" in answer.json()["detail"]) == (409, True)
    assert SECRET not in answer.text


def test_a_server_is_paused_resumed_and_retired(api: TestClient) -> None:
    server = added(api)
    path = f"/servers/{server['id']}"
    assert api.post(f"{path}/pause").json()["paused"] is True
    assert api.get(path).json()["state"] == "paused"
    assert api.post(f"{path}/resume").json()["paused"] is False
    etag = api.get(f"{path}/settings").headers["etag"]
    gone = api.delete(path, headers={"If-Match": etag})
    assert (gone.status_code, gone.content) == (204, b"")
    for method, sub in (("GET", ""), ("GET", "/settings"), ("DELETE", ""), ("POST", "/pause"), ("GET", "/history")):
        assert api.request(method, path + sub).status_code == 404
    assert api.patch(path, json={}, headers={"If-Match": "*"}).status_code == 404
    assert added(api)["id"] != server["id"]


class Answering(BaseHTTPRequestHandler):
    """An NGINX that tells its status to whoever knows the password."""

    def do_GET(self) -> None:
        known = self.headers.get("authorization") == "Basic bWU6c3dvcmRmaXNoLW9mLXRoZS10ZXN0cw=="
        self.send_response(200 if known else 401)
        self.end_headers()
        if known:
            self.wfile.write(
                b"Active connections: 2 \nserver accepts handled requests\n 10 10 20 \n"
                b"Reading: 0 Writing: 1 Waiting: 1 \n"
            )

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def nginx() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/stub_status"
    server.shutdown()
    server.server_close()


def test_a_connection_is_tried_before_and_after_it_is_entered(api: TestClient, nginx: str) -> None:
    good = api.post("/servers/test", json={"url": nginx, "user": "me", "password": SECRET}).json()
    assert (good["works"], good["kind"], good["url"], good["reason"]) == (True, "nginx", nginx, None)
    bad = api.post("/servers/test", json={"url": nginx, "user": "me", "password": "no"}).json()
    assert (bad["works"], bad["reason"], bad["kind"]) == (False, "unauthorized", None)
    assert api.post("/servers/test", json={"url": NOBODY}).json()["reason"] == "refused"
    server = added(api, kind="nginx", url=nginx, user="me", password=SECRET)
    stored = api.post(f"/servers/{server['id']}/test")
    assert (stored.json()["works"], SECRET in stored.text) == (True, False)
    assert api.post("/servers/999/test").status_code == 404
    assert list(api.post("/servers/test", json={"url": "http://[::1"}).json()["faults"]) == ["body.url"]


def test_who_is_connected_is_asked_of_the_server_itself(api: TestClient, engine: Engine, nginx: str) -> None:
    silent = added(api, url=NOBODY)
    answer = api.get(f"/servers/{silent['id']}/clients", headers=token(engine, "operate"))
    assert (answer.status_code, answer.json()["title"]) == (502, "The server did not answer as it should")
    lists_nobody = added(api, name="edge-2", kind="nginx", url=nginx, user="me", password=SECRET)
    assert api.get(f"/servers/{lists_nobody['id']}/clients").status_code == 404


@pytest.fixture
def puller(api: TestClient, engine: Engine) -> str:
    origin = added(api, name="origin-1", role="origin")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO puller (server_id, address, streams, connections, first_at, at, tried_at, kind, url, told)"
            " VALUES (%s, '192.0.2.77', 4, 4, now(), now(), now(), 'srs', 'http://192.0.2.77:1985', 'SRS')",
            (origin["id"],),
        )
    return "192.0.2.77"


def test_an_address_that_pulls_is_adopted(api: TestClient, puller: str) -> None:
    (found,) = api.get("/pullers").json()
    assert (found["address"], found["origins"], found["streams"], found["kind"]) == (puller, ["origin-1"], 4, "srs")
    made = api.post(f"/pullers/{puller}/adopt")
    assert (made.status_code, made.json()) == (201, {"name": "edge-192-0-2-77"})
    assert [each["url"] for each in api.get("/servers?role=edge").json()] == ["http://192.0.2.77:1985"]
    assert api.post("/pullers/192.0.2.78/adopt").status_code == 404


def test_an_address_that_is_none_of_ours_is_dismissed(api: TestClient, puller: str) -> None:
    assert api.post(f"/pullers/{puller}/dismiss").status_code == 204
    assert api.get("/pullers").json() == []
    assert api.post("/pullers/192.0.2.78/dismiss").status_code == 404
    assert api.post("/pullers/fe80::1%25eth0/dismiss").status_code == 422


def test_accounts_are_added_changed_and_sent_away(api: TestClient) -> None:
    assert list(api.post("/users", json={"name": "mia", "role": "viewer", "password": PASSWORD}).json()["faults"]) == [
        "body.role"  # the first one is an admin
    ]
    root = api.post("/users", json={"name": "root", "role": "admin", "password": PASSWORD})
    assert (root.status_code, root.headers["location"]) == (201, f"users/{root.json()['id']}")
    mia = api.post("/users", json={"name": "mia", "role": "viewer", "password": PASSWORD})
    path = f"/users/{mia.json()['id']}"
    assert [each["name"] for each in api.get("/users").json()] == ["mia", "root"]
    assert api.get(path).json() == mia.json()
    changed = api.patch(path, json={"role": "operator"}, headers={"If-Match": mia.headers["etag"]})
    assert changed.json()["role"] == "operator"
    assert api.patch(path, json={"disabled": True}, headers={"If-Match": mia.headers["etag"]}).status_code == 412
    assert api.patch(path, json={"disabled": True, "version": 1}).status_code == 409
    assert api.patch(path, json={"disabled": True}).status_code == 428
    off = api.patch(path, json={"disabled": True}, headers={"If-Match": changed.headers["etag"]})
    assert off.json()["disabled_at"] is not None
    assert api.put(f"{path}/password", json={"password": PASSWORD + "2"}).status_code == 204
    assert api.delete(f"{path}/sessions").json() == {"sessions": 0}
    last = api.patch(f"/users/{root.json()['id']}", json={"role": "viewer"}, headers={"If-Match": "*"})
    assert (last.status_code, list(last.json()["faults"])) == (422, ["body.role"])
    for method, sub, body in (
        ("GET", "", None),
        ("PUT", "/password", {"password": PASSWORD}),
        ("DELETE", "/sessions", None),
    ):
        assert api.request(method, f"/users/999{sub}", json=body).status_code == 404
    trail = api.get("/audit?limit=1000").text
    assert PASSWORD not in trail
    assert "argon2" not in trail + api.get("/users").text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "admin", "password": PASSWORD}, "body.name"),
        ({"name": "\x1b", "role": "admin", "password": PASSWORD}, "body.name"),
        ({"name": "x", "role": "boss", "password": PASSWORD}, "body.role"),
        ({"name": "x", "role": "admin", "password": "short"}, "body.password"),
        ({"name": "x", "role": "admin", "password": "aaaaaaaaaaaa"}, "body.password"),
        ({"name": "x", "role": "admin", "password": PASSWORD, "must_change": False}, "body.must_change"),
    ],
)
def test_what_is_wrong_with_an_account_is_named(api: TestClient, body: dict[str, Any], field: str) -> None:
    answer = api.post("/users", json=body)
    assert (answer.status_code, list(answer.json()["faults"])) == (422, [field])
    assert PASSWORD not in answer.text
    assert api.get("/users").json() == []


def test_the_trail_is_searched_by_words_and_time(api: TestClient) -> None:
    added(api)
    added(api, name="100%_sure")
    now = utc_now().isoformat().replace("+00:00", "Z")
    found = [each["subject"] for each in api.get("/audit").json()]
    assert found == ["100%_sure", "edge-1"]
    assert [each["subject"] for each in api.get("/audit", params={"text": "%_"}).json()] == ["100%_sure"]
    assert api.get("/audit", params={"since": now}).json() == []
    assert len(api.get("/audit", params={"until": now}).json()) == 2
    assert api.get("/audit?since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z").status_code == 200
    for odd in ("0505-02-20T16:47:11-16:37", "0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59"):
        assert api.get(f"/audit?since={odd}&until={odd}").json() == []
    for wrong, field in (
        ("since=1", "query.since"),
        ("until=2026-01-01T00:00:00", "query.until"),
        ("text=%00", "query.text"),
    ):
        assert list(api.get(f"/audit?{wrong}").json()["faults"]) == [field]
