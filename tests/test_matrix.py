"""Nobody gets more than their role: everybody × every route × every page, and what they are kept from stays as it is.

What each takes is said once, here: a route or page that is new and takes something else has to be named.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from starlette.routing import Mount, Route
from streamlit.testing.v1 import AppTest

import web.api
import web.routes
from cdn.roles import SCOPES
from cdn.settings import ROOT
from tests.asking import NOBODY, PATH, Operation, operations
from tests.everybody import ROLES, SERVER, asking, callers, content, fill_it, program
from tests.test_pages import first_line, markup
from ui import frames
from web.gate import FREE

PREFIX = "/api/v1"
# Who looks may read; who changes anything is an admin. What is otherwise, by method and path; "" is for everybody.
OTHERWISE = {
    "GET /healthz": "",
    "GET /readyz": "",
    "GET /users": "admin",
    "GET /users/{user_id}": "admin",
    "GET /audit": "admin",
    # Names the user that the monitor signs in with.
    "GET /servers/{server_id}/settings": "admin",
    # Asks the polled server, and tells addresses of viewers.
    "GET /servers/{server_id}/clients": "operator",
    # To note what is going on is to act on it.
    "POST /annotations": "operator",
    "PATCH /annotations/{annotation_id}": "operator",
    "DELETE /annotations/{annotation_id}": "operator",
}
# What people may do for themselves; a token that makes tokens would outlive its own end.
OWN_BY_SESSION = {"POST /tokens": "viewer"}
# Pages that everybody who is signed in may not see, by file.
PAGES_FOR = {"pages/admin/fleet.py": "admin", "pages/admin/access.py": "admin"}


def rest() -> list[str]:
    """Every method and path of the API, in its description or not."""
    found: list[str] = []
    for route in web.api.app.routes:
        assert isinstance(route, Route | APIRoute), f"who may use {route}?"
        found += [f"{method} {route.path}" for method in sorted(route.methods or ())]
    return found


def takes(name: str) -> str:
    """The least role that a method and path of the API takes."""
    return OTHERWISE.get(name, "viewer" if name.startswith(("GET ", "HEAD ")) else "admin")


def described(name: str) -> Operation | None:
    """The same with a path and a body that can be sent; None where the description does not name it."""
    method, _, path = name.partition(" ")
    for key, value in PATH.items():
        path = path.replace(f"{{{key}}}", value)
    return next((each for each in operations() if (each.method, each.path.partition("?")[0]) == (method, path)), None)


@pytest.fixture
def client(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    with asking(program(engine, monkeypatch)) as made:
        yield made


def ask(client: TestClient, name: str, headers: dict[str, str]) -> Any:
    method, _, path = name.partition(" ")
    told = described(name)
    body = told.body if told else None
    path = told.path if told else path.replace("{name}", "x.js")
    more = {"if-match": "*"} if method in ("PATCH", "DELETE") else {}
    return client.request(method, f"{PREFIX}{path}", json=body, headers={**headers, **more})


@pytest.mark.parametrize("name", rest())
def test_a_route_is_for_its_role_and_those_above_and_changes_nothing_for_others(
    client: TestClient, engine: Engine, name: str
) -> None:
    everybody = callers(engine, fill_it(engine))
    before = content(engine)
    for caller in everybody:
        by_session = "cookie" in caller.headers
        least = OWN_BY_SESSION.get(name, takes(name)) if by_session else takes(name)
        answer = ask(client, name, caller.headers)
        told = f"{name} by {caller.name}: {answer.status_code} {answer.text[:200]}"
        if ROLES.index(caller.role) < ROLES.index(least):
            assert answer.status_code == (403 if caller.role else 401), told
            assert content(engine) == before, told
            continue
        if not least and caller.role == "" and caller.name == "a made-up token":
            continue  # where nobody is asked who they are, what they say of it does not matter
        assert answer.status_code not in (401, 403, 429), told
        assert answer.status_code < 500 or answer.status_code in (502, 503), told
        if name.startswith(("GET ", "HEAD ")):
            assert content(engine) == before, f"{told}: looking changed something"
        before = content(engine)


@pytest.mark.parametrize("name", [name for name in rest() if not name.startswith(("GET ", "HEAD "))])
def test_what_others_are_kept_from_would_have_changed_something(client: TestClient, engine: Engine, name: str) -> None:
    """Without this the matrix might ask for what nobody can do."""
    admin = next(each for each in callers(engine, fill_it(engine)) if each.name == "a session of the admin")
    before = content(engine)
    if name.endswith("/resume"):
        ask(client, name.replace("resume", "pause"), admin.headers)
        before = content(engine)
    answer = ask(client, name, admin.headers)
    if name.endswith("/test"):  # asks a server that is not there, and stores nothing
        assert answer.json()["reason"] == "refused"
        return
    assert answer.status_code < 300, answer.text
    assert content(engine) != before


def test_the_description_of_the_api_says_of_each_route_what_it_takes() -> None:
    told = {f"{each.method} {each.path.partition('?')[0]}": each.scope for each in operations()}
    for name in rest():
        operation = described(name)
        if operation is not None:
            scope = told[f"{operation.method} {operation.path.partition('?')[0]}"]
            assert (SCOPES[scope] if scope else "") == takes(name), name
    assert set(OTHERWISE) | set(OWN_BY_SESSION) <= set(rest()), "a route that is named here is gone"


def besides() -> list[str]:
    """Every method and path that the web program answers itself, besides the API."""
    found: list[str] = []
    for route in web.routes.routes():
        if isinstance(route, Mount):
            assert route.path == PREFIX
            continue
        assert isinstance(route, Route)
        path = route.path.replace("{size:int}", "192")
        found += [f"{method} {path}" for method in sorted(route.methods or ())]
    return found


@pytest.mark.parametrize(
    "name", [*besides(), "GET /", "GET /_stcore/stream", "GET /_stcore/metrics", "PUT /x", "GET /x"]
)
def test_besides_the_api_everything_is_for_whoever_is_signed_in(client: TestClient, engine: Engine, name: str) -> None:
    everybody = callers(engine, fill_it(engine))
    method, _, path = name.partition(" ")
    before = content(engine)
    for caller in everybody:
        answer = client.request(method, path, headers={"origin": "http://monitor.example", **caller.headers})
        told = f"{name} by {caller.name}: {answer.status_code}"
        by_token = "authorization" in caller.headers
        if path in FREE:
            assert answer.status_code not in (401,), told
        elif not caller.role or (by_token and path != "/metrics"):
            assert answer.status_code == 401, told
            assert "inside" not in answer.text
        elif method == "POST":
            # Forms of ours, and this is none.
            assert answer.status_code == 403, told
        else:
            assert answer.status_code not in (401, 403), told
        assert content(engine) == before, told


# Read, not imported: imported it is the server, over the machine's own database.
DASHBOARD = ast.parse((ROOT / "dashboard.py").read_text(encoding="utf-8"))


def pages() -> dict[str, str]:
    """The file of every page in the navigation of the dashboard → its title."""
    found: dict[str, str] = {}
    for node in ast.walk(DASHBOARD):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Page":
            titles = [word.value for word in node.keywords if word.arg == "title"]
            assert isinstance(node.args[0], ast.Constant)
            assert isinstance(titles[0], ast.Constant)
            found[str(node.args[0].value)] = str(titles[0].value)
    return found


def test_every_page_there_is_is_in_the_navigation() -> None:
    files = {str(each.relative_to(ROOT)) for each in ROOT.glob("pages/*/*.py") if each.parent.name != "parts"}
    assert {each for each in files if not each.endswith("__init__.py")} == set(pages())
    (needs,) = (
        ast.literal_eval(node.value)
        for node in DASHBOARD.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NEEDS"
    )
    assert {pages()[page]: role for page, role in PAGES_FOR.items()} == needs


@pytest.mark.parametrize("role", [*ROLES, "nonsense"])
@pytest.mark.parametrize("page", pages())
def test_a_page_is_drawn_for_its_role_and_those_above(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, page: str, role: str
) -> None:
    monkeypatch.setattr("db.engine.shared", lambda: engine)
    fill_it(engine)
    frames.forget()
    before = content(engine)
    app = AppTest.from_file(ROOT / "dashboard.py", default_timeout=30)
    told = {"cdn_name": "mia", "cdn_role": role, "cdn_via": "password" if role else "", "cdn_id": "1"}
    app.user = {**told, "cdn_address": "", "cdn_session": "x"}
    app.switch_page(page)
    app.run()
    frames.forget()
    assert not app.exception, app.exception[0].message
    refused = "is for admins" in first_line(app)
    rank = ROLES.index(role) if role in ROLES else 0
    assert refused == (rank < ROLES.index(PAGES_FOR.get(page, "viewer")))
    if refused:
        assert [*app.button, *app.text_input, *app.selectbox, *app.get("file_uploader")] == []
        assert SERVER["name"] not in markup(app)
        assert NOBODY not in markup(app)
    assert content(engine) == before


@pytest.mark.parametrize("page", pages())
def test_a_page_is_answered_to_nobody_who_is_not_signed_in(client: TestClient, engine: Engine, page: str) -> None:
    fill_it(engine)
    path = "/" + page.rpartition("/")[2].removesuffix(".py")
    for cookie in ("", "cdn_session=made-up"):
        answer = client.get(path, headers={"accept": "text/html", **({"cookie": cookie} if cookie else {})})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?next=%2F{path[1:]}")
