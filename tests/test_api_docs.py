"""The API tells of itself: a complete OpenAPI document, pages that load nothing of others, examples that work."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine

import web.api
from actions.add_server import add_server
from actions.users import add_user
from cdn.model import LOCAL_ADMIN
from tests.asking import NOBODY, TOKEN, Gate, client
from web.api import docs, examples
from web.routes import routes

FOREIGN = re.compile(r"""(?:src|href|url|fetch|import)\s*[=(]\s*["']?(?:https?:)?//""")


@pytest.fixture
def api(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    return client(engine, monkeypatch)


def described() -> dict[str, Any]:
    return web.api.app.openapi()


def test_every_route_says_what_it_does_what_it_takes_and_how_it_fails() -> None:
    for path, methods in described()["paths"].items():
        for method, route in methods.items():
            name = f"{method} {path}"
            assert len(route["description"]) > 8, name
            assert route["tags"], name
            good = [status for status in route["responses"] if status.startswith("2")]
            assert len(good) == 1, name
            if route.get("security"):
                assert {"401", "403", "422", "429", "503"} <= set(route["responses"]), name
            for status, answer in route["responses"].items():
                if not status.startswith("2"):
                    assert set(answer["content"]) == {"application/problem+json"}, f"{name} {status}"
            for parameter in route.get("parameters", ()):
                told = parameter.get("description") or parameter["in"] == "path"
                assert told, f"{name}: {parameter['name']} says nothing of itself"


def test_every_reference_leads_somewhere_and_every_body_has_an_example() -> None:
    document = described()
    shapes = document["components"]["schemas"]
    used = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert used == set(shapes)
    for methods in document["paths"].values():
        for route in methods.values():
            if "requestBody" in route:
                shape = route["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                assert shapes[shape]["examples"]
                assert shapes[shape]["additionalProperties"] is False


def test_signing_in_is_described_with_its_scopes() -> None:
    scheme = described()["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert all(scope in scheme["description"] for scope in ("read", "operate", "admin"))


def test_the_document_says_where_it_is_mounted(api: TestClient) -> None:
    mounted = TestClient(_Below(web.api.app, "/cdn/api/v1"))
    assert mounted.get("/cdn/api/v1/openapi.json").json()["servers"] == [{"url": "/cdn/api/v1"}]
    assert "/api/v1" in {getattr(route, "path", "") for route in routes()}


class _Below:
    """Mounts an application below a path, as web.routes does below a base path."""

    def __init__(self, app: Any, path: str) -> None:
        from starlette.routing import Mount, Router

        self.app = Router([Mount(path, app=app) if app is not web.api.app else web.api.mounted(path)])

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


@pytest.mark.parametrize("page", ["/docs", "/examples"])
def test_a_page_loads_nothing_of_another_host(api: TestClient, page: str) -> None:
    answer = api.get(page)
    assert answer.status_code == 200
    assert FOREIGN.findall(answer.text) == []
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy
    own = re.findall(r'(?:src|href)="([^"#]+)"', answer.text)
    assert own
    for address in own:
        assert api.get(f"/{address}").status_code == 200, address
    assert not re.search(r"<script(?! src)|\son\w+=|style=", answer.text)


@pytest.mark.parametrize("name", ["start.js", "copy.js", "look.css", "swagger-ui.js", "swagger-ui.css"])
def test_the_files_of_the_pages_come_from_here(api: TestClient, name: str) -> None:
    packed = api.get(f"/docs/{name}")
    bare = api.get(f"/docs/{name}", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == bare.content
    assert len(bare.content) > 400
    if not name.startswith("swagger"):
        assert FOREIGN.findall(bare.text) == []


@pytest.mark.parametrize("name", ["docs.html", "..%2f__init__.py", "%2e%2e/docs.py", "redoc.standalone.js"])
def test_no_other_file_is_sent(api: TestClient, name: str) -> None:
    assert api.get(f"/docs/{name}").status_code == 404


def test_the_documentation_asks_no_validator() -> None:
    assert "validatorUrl: null" in (docs.PAGES / "start.js").read_text()


def test_the_name_of_the_product_and_the_host_are_escaped(api: TestClient) -> None:
    answer = api.get("/examples", headers={"Host": "x';alert(1)//<script>"})
    assert "<script>alert" not in answer.text
    assert "//<script>" not in answer.text


def commands() -> list[examples.Example]:
    return list(examples.examples(described()))


def test_there_is_an_example_of_every_route() -> None:
    paths = described()["paths"]
    assert [(each.path, each.method.lower()) for each in commands()] == [
        (path, method) for path, methods in paths.items() for method in methods
    ]


@pytest.mark.parametrize("example", commands(), ids=lambda each: f"{each.method} {each.path}")
def test_an_example_works_as_it_is_copied(api: TestClient, engine: Engine, example: examples.Example) -> None:
    add_server(engine, {"name": "e", "kind": "srs", "url": NOBODY, "role": "edge"}, key="", by=LOCAL_ADMIN)
    add_user(engine, "root", "admin", "a-long-pass-word-1", by=LOCAL_ADMIN)
    add_user(engine, "boss", "admin", "a-long-pass-word-1", by=LOCAL_ADMIN)
    words = shlex.split(example.command.replace("$TOKEN", TOKEN).replace("$MONITOR", "http://testserver"))
    assert words[:2] == ["curl", "-sS"]
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    given = [words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H"]
    body = words[words.index("-d") + 1] if "-d" in words else None
    if body is not None and example.path == "/servers/test":
        body = json.dumps({**json.loads(body), "url": NOBODY})
    answer = api.request(method, words[-1], headers=dict(given), content=body)
    # What it is about may not be there; how it asks is right.
    missing = example.path.startswith(("/annotations/", "/channels/", "/contracts/", "/pullers/", "/tokens/"))
    wanted = {404} if missing else {200, 201, 204, 404 if example.path.endswith("/clients") else 200}
    if example.path.endswith("/clients"):
        wanted = {502}
    assert answer.status_code in wanted, answer.text


def test_recipes_are_proper_shell() -> None:
    for recipe in examples.RECIPES:
        assert subprocess.run(["/bin/sh", "-n"], input=recipe.command, text=True, check=False).returncode == 0
        assert "$TOKEN" in recipe.command


def test_the_pages_say_how_to_come_in(api: TestClient) -> None:
    text = api.get("/examples").text
    assert "export MONITOR=http://testserver" in text
    assert "Authorization: Bearer $TOKEN" in text
    assert TOKEN not in text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/servers", "GET, POST"),
        ("PUT", "/servers/1", "DELETE, GET, PATCH"),
        ("POST", "/healthz", "GET"),
        ("TRACE", "/users/1/password", "PUT"),
    ],
)
def test_a_method_that_is_not_offered_is_told_which_are(api: TestClient, method: str, path: str, allowed: str) -> None:
    for app, prefix in ((web.api.app, ""), (_Below(web.api.app, "/api/v1"), "/api/v1")):
        answer = TestClient(app).request(method, f"{prefix}{path}")
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/servers/%0A", "/pullers/%0A/adopt", "/%0A", "/servers/1%0A", "/%0D%0Ax"])
def test_a_path_with_line_breaks_does_not_slip_past_the_api(api: TestClient, path: str) -> None:
    answer = TestClient(_Below(web.api.app, "/api/v1")).delete(f"/api/v1{path}")
    assert answer.status_code in (401, 404, 405)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_slash_too_many_leads_nowhere_else(api: TestClient) -> None:
    answer = api.get("/servers/", headers={"Host": "evil.example"}, follow_redirects=False)
    assert answer.status_code == 404


def test_a_fault_of_ours_tells_nothing_of_the_inside(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    api = client(engine, monkeypatch, Gate(None))

    def broken(*_: object) -> None:
        raise RuntimeError("inside-secret")

    monkeypatch.setattr("db.live.fleet", broken)
    answer = api.get("/servers", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "inside-secret" not in answer.text
    assert "inside-secret" in caplog.text
    assert TOKEN not in caplog.text
