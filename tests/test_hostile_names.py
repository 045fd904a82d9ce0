"""Hostile names through everything that shows, sends or writes them.

Pages, routes and addresses are found, not listed: a new one is among them. What sends names in yet another way
(an e-mail, a file) gets its line in WAYS_OUT.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

import db.engine
import web.api
from cdn.logs import JsonLines, TextLines
from cdn.settings import ROOT, load
from db import audit, embedded, working
from db import engine as engines
from db.frame import records
from tests import asking, behind
from tests.databases import Databases
from tests.hostile_fleet import LOUD, Hostile, hostile, passed_on, typed
from tests.hostile_names import NAMES, STRANGER, Seen, control, read_by_plotly, strings
from tests.hostile_pages import ASKED, PAGES, faults, figures, words
from ui import frames
from ui.html import plain
from web import metrics
from web.gate import Gate
from web.headers import Guarded
from web.routes import routes

TYPED = typed()
# What an address asks for so that all of a page is drawn, where it is not all at once.
WHOLE: dict[str, tuple[dict[str, str], ...]] = {
    "pages/live/overview.py": ({"servers": "all"},),
    "pages/live/channels.py": ({"channels": "all"},),
    "pages/admin/access.py": ({"view": "Tokens"}, {"view": "Changes"}),
}


@pytest.fixture(scope="module")
def fleet(cluster: embedded.Cluster, databases: Databases) -> Iterator[Hostile]:
    """The fleet, made once: no test here changes it."""
    with databases.one() as name:
        engine = engines.create(cluster.url(name))
        with hostile(engine) as made:
            yield made
        engine.dispose()


@pytest.fixture(scope="module", autouse=True)
def _nothing_read() -> Iterator[None]:
    """What a page read of the fleet is as good for the next one: each draws it anew."""
    frames.forget()
    yield
    frames.forget()


@pytest.fixture(autouse=True)
def _shared(fleet: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db.engine, "shared", lambda: fleet.engine)


@pytest.fixture
def of_its_own(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pages are over an empty database."""
    monkeypatch.setattr(db.engine, "shared", lambda: engine)
    frames.forget()
    yield
    frames.forget()


def opened(page: str, by: str = "ada", **query: str) -> AppTest:
    """The page as an admin called `by` sees it; nothing in it may have come out of a name but text."""
    app = AppTest.from_file(ROOT / "dashboard.py", default_timeout=30)
    told = {"cdn_name": by, "cdn_role": "admin", "cdn_via": "password", "cdn_id": "1"}
    app.user = {**told, "cdn_address": "192.0.2.7", "cdn_session": "x"}
    app.query_params.update(query)
    app.switch_page(page)
    return judged(app)


def judged(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, app.exception[0].message
    assert faults(app) == []
    return app


def ids(fleet: Hostile, query: str) -> list[Any]:
    with fleet.engine.connect() as connection:
        return list(connection.execute(text(query)).scalars())


@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_all_names_as_text(page: str) -> None:
    for query in ({}, *WHOLE.get(page, ())):
        opened(page, **query)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("what", ["attribute", "address", "line", "markdown script"])
def test_every_page_takes_any_word_in_its_address(page: str, what: str) -> None:
    assert {"name", "id", "find", "person", "edit", "url", "view", "refresh", "working"} <= ASKED
    # As a browser sends it: what is no character becomes one.
    opened(page, **dict.fromkeys(ASKED, passed_on(NAMES[what])))


@pytest.mark.parametrize("what", TYPED)
def test_a_server_and_who_looks_are_called_as_they_were_typed(what: str) -> None:
    name = TYPED[what]
    assert plain(name) in words(opened("pages/live/server.py", by=name, name=name))


@pytest.mark.parametrize("what", ["script", "attribute", "markdown link", "shortcodes", "address", "marks on marks"])
def test_the_forms_of_a_server_and_an_account_have_their_names_as_they_were_typed(what: str) -> None:
    name = TYPED[what]
    assert name in {field.value for field in opened("pages/admin/fleet.py", edit=name).text_input}
    assert f"Change {plain(name)}" in words(opened("pages/admin/access.py", person=name))


def test_every_channel_is_called_as_its_servers_call_it(fleet: Hostile) -> None:
    shown = words(opened("pages/live/channels.py", channels="all"))
    stored = ids(fleet, "SELECT unnest(ARRAY[name, app]) FROM channel")
    assert len(set(stored)) > len(NAMES)
    for name in stored:
        assert plain(name) in shown


def test_every_list_holds_every_name(fleet: Hostile) -> None:
    overview, tokens = (
        words(opened(PAGES[PAGES.index("pages/live/overview.py")], servers="all")),
        words(opened("pages/admin/access.py", view="Tokens")),
    )
    people, system = words(opened("pages/admin/access.py")), words(opened("pages/admin/system.py"))
    assert [name for name in fleet.servers if plain(name) not in overview] == []
    assert [name for name in fleet.tokens if plain(name) not in tokens] == []
    assert [name for name in fleet.users if plain(name) not in people] == []
    collectors = [row["name"] for row in records(working.collectors(fleet.engine))]
    assert len(collectors) >= 50
    assert sum(plain(name) in system for name in collectors) >= 20  # it has rows for so many


@pytest.mark.parametrize("place", range(0, 120, 12))
def test_a_channel_and_a_stream_have_a_page_each_whatever_they_are_called(fleet: Hostile, place: int) -> None:
    for id in ids(fleet, f"SELECT id FROM channel ORDER BY id OFFSET {place} LIMIT 3"):
        opened("pages/live/channel.py", id=str(id))


def test_plotly_shows_the_regions_as_they_are_called() -> None:
    frames.forget()  # what was read when the fleet was new ends before its first whole minute
    (figure,) = figures(opened("pages/live/overview.py"))
    named = {read_by_plotly(trace["name"]) for trace in figure["data"]}
    assert named >= {plain(TYPED[what]) for what in LOUD}


def test_who_is_connected_is_shown_as_text(fleet: Hostile) -> None:
    origin = next(iter(fleet.servers))
    app = opened("pages/live/server.py", name=origin)
    next(button for button in app.button if button.label == "Ask who is connected").click()
    judged(app)
    shown = words(app)
    assert "asked at" in shown
    assert all(plain(NAMES[what]) in shown for what in ("svg", "frame", "markdown link", "terminal"))


@pytest.mark.parametrize("what", ["markdown link", "script", "line", "turned", "shortcodes", "emoji"])
def test_what_somebody_types_comes_back_as_text_whether_it_is_taken_or_not(of_its_own: None, what: str) -> None:
    for page, label, button in (
        ("pages/admin/fleet.py", "Name", "Add server"),
        ("pages/admin/access.py", "Name", "Add"),
    ):
        app = opened(page)
        next(field for field in app.text_input if field.label == label).input(NAMES[what])
        for field in app.text_input:
            if field.label == "Address":
                field.input("http://10.0.0.1:1985")
            elif "assword" in field.label:
                field.input("seven green boats")
        for choice in app.selectbox:
            if choice.label == "Kind":
                choice.set_value("srs")
        judged(app)
        next(each for each in app.button if each.label.startswith(button.split()[0])).click()
        judged(app)


SIGNED_IN = {"Authorization": f"Bearer {asking.TOKEN}"}
GET = [each for each in asking.operations() if each.method == "GET"]


@pytest.fixture
def api(fleet: Hostile, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    return asking.client(fleet.engine, monkeypatch, api_rate_per_minute=0)


def no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def strict(body: str) -> Any:
    """JSON as the narrowest reader takes it."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs)
        return dict(pairs)

    return json.loads(body, parse_constant=no_number, object_pairs_hook=once)


@pytest.mark.parametrize("operation", GET, ids=lambda each: each.name)
def test_every_route_sends_names_as_they_are(api: TestClient, fleet: Hostile, operation: asking.Operation) -> None:
    (channel,) = ids(fleet, "SELECT id FROM channel ORDER BY id LIMIT 1")
    answer = api.get(operation.path.replace("/channels/1", f"/channels/{channel}"), headers=SIGNED_IN)
    assert answer.status_code == 200, answer.text[:300]
    for name, value in answer.headers.items():
        assert not control(f"{name}{value}")
        assert value.isascii()
    if not answer.headers["content-type"].endswith("json"):
        assert not re.search(f"pwned|{STRANGER}", answer.text)
        return
    assert answer.headers["content-type"] == "application/json"
    answer.content.decode("utf-8", "strict")
    told = {value for _, value in strings(strict(answer.text))}
    escaped = {escape(name) for name in NAMES.values()} - set(NAMES.values())
    assert not [value for value in told if any(each in value for each in escaped)]


def listed(api: TestClient, path: str) -> list[Any]:
    found: list[Any] = strict(api.get(path, headers=SIGNED_IN).text)
    return found


def test_programs_read_the_same_names_as_were_given(api: TestClient, fleet: Hostile) -> None:
    servers = {row["name"]: row for row in listed(api, "/servers?limit=1000")}
    assert set(servers) == set(fleet.servers)
    assert {row["region"] for row in servers.values()} == {*TYPED.values()}
    assert {row["name"] for row in listed(api, "/users")} == set(fleet.users)
    assert {row["name"] for row in listed(api, "/tokens")} >= set(fleet.tokens)
    assert {row["name"] for row in listed(api, "/channels?limit=1000")} == set(ids(fleet, "SELECT name FROM channel"))
    for name in TYPED.values():
        (row,) = [row for row in servers.values() if row["name"] == name]
        assert row["provider"] == name


LONG = [
    (path, route)
    for path, methods in web.api.app.openapi()["paths"].items()
    for route in methods.values()
    if "Link" in route["responses"].get("200", {}).get("headers", {})
]


@pytest.mark.parametrize("path", [path for path, _ in LONG])
def test_the_pages_of_a_long_list_are_the_list(api: TestClient, path: str) -> None:
    whole = listed(api, f"{path}?limit=1000")
    assert len(whole) > 50
    found, query = [], "?limit=41"
    while query:
        answer = api.get(f"{path}{query}", headers=SIGNED_IN)
        found += strict(answer.text)
        link = answer.headers.get("link", "")
        leads = re.fullmatch(r'<(\?[\w=&%.+~-]+)>; rel="next"', link)
        assert bool(leads) == bool(link), link
        query = leads[1] if leads else ""
    # What goes on gets older between two questions.
    aging = dict.fromkeys(("age_seconds", "lasted_least", "lasted_most"))
    key: Callable[[Any], str] = lambda row: json.dumps({**row, **aging}, sort_keys=True)  # noqa: E731
    assert sorted(map(key, found)) == sorted(map(key, whole))


SAMPLE = re.compile(r'([a-z_:]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (-?[\d.e+-]+|NaN)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"')
ESCAPED = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


def exposed(body: str) -> list[dict[str, str]]:
    """The labels of every sample in Prometheus text, read as strictly as its format is written down."""
    found = []
    assert body.endswith("\n")
    for line in body[:-1].split("\n"):
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP|TYPE) [a-z_:]+ .+", line)
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, line
        labels = LABEL.findall(sample[2] or "")
        found.append({name: re.sub(r"\\.", lambda mark: ESCAPED[mark[0]], value) for name, value in labels})
    return found


def of_metrics(fleet: Hostile, patch: pytest.MonkeyPatch) -> None:
    app = TestClient(Starlette(routes=[Route("/metrics", metrics.send)]))
    patch.setattr(web.api.auth, "settings", lambda: load(api_token=asking.TOKEN, api_rate_per_minute=0))
    answer = app.get("/metrics", headers=SIGNED_IN)
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    named = {labels["collector"] for labels in exposed(answer.content.decode()) if "collector" in labels}
    assert named == {row["name"] for row in records(working.collectors(fleet.engine))}


def of_the_trail(fleet: Hostile, _patch: pytest.MonkeyPatch) -> None:
    rows = records(audit.trail(fleet.engine, most=1_000))
    assert {row["subject"] for row in rows} >= {*fleet.servers, *fleet.users, *fleet.tokens}
    assert {row["actor"] for row in rows} >= set(fleet.tokens)
    assert "seven green boats" not in json.dumps(rows, default=str)


def of_logs(fleet: Hostile, _patch: pytest.MonkeyPatch) -> None:
    told = [record.getMessage() for record in fleet.records]
    assert all(any(name in line for line in told) for name in TYPED.values())
    for record in [*fleet.records, *fallen()]:
        lines = TextLines().format(record).split("\n")
        # A traceback follows on lines of its own, which look like no others.
        assert all(line.startswith("    ") for line in lines[1:])
        assert len(lines) == 1 or record.exc_info
        assert not [mark for line in lines for mark in control(line)]
        line = JsonLines().format(record)
        assert line.isascii()
        assert not control(line)
        assert strict(line)["message"] == record.getMessage()


def fallen() -> Iterator[logging.LogRecord]:
    """Records of faults whose exceptions quote names."""
    for name in NAMES.values():
        try:
            raise ValueError(name)
        except ValueError as error:
            told = (type(error), error, error.__traceback__)
            yield logging.LogRecord("collector.poll", logging.ERROR, __file__, 1, "%s: %s", (name, "fell"), told)


# How names leave the program besides pages and REST. E-mails and files get a line here.
WAYS_OUT: dict[str, Callable[[Hostile, pytest.MonkeyPatch], None]] = {
    "metrics": of_metrics,
    "audit": of_the_trail,
    "logs": of_logs,
}


@pytest.mark.parametrize("way", WAYS_OUT)
def test_every_other_way_out_tells_names_and_nothing_more(
    fleet: Hostile, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    WAYS_OUT[way](fleet, monkeypatch)


@pytest.fixture
def door(fleet: Hostile, monkeypatch: pytest.MonkeyPatch) -> behind.Behind:
    made = behind.site(fleet.engine, monkeypatch)
    guarded = [Middleware(Guarded), Middleware(Gate, visitors=made.visitors, base="", public_url="")]
    made.app = Starlette(routes=routes(), middleware=guarded)
    return made


def document(answer: Any) -> Seen:
    """A plain page of ours, of which nothing came out of a name but text."""
    assert not any(control(value) for value in answer.headers.values())
    seen = Seen(answer.text, document=True)
    assert seen.wrong == []
    return seen


def paths() -> list[str]:
    """Every address of ours that is asked for with GET, but for REST, which has its own test."""
    return [each.path for each in routes() if isinstance(each, Route) and "GET" in (each.methods or ())]


@pytest.mark.parametrize("what", ["script", "single quotes", "jinja", "end of title", "header"])
def test_plain_pages_show_who_is_signed_in_as_text(door: behind.Behind, what: str) -> None:
    name = TYPED[what]
    with door.browser() as client:
        assert behind.sign_in(client, name).status_code == 303
        shown = document(client.get("/account", headers=behind.PAGE))
        assert name in shown.words
        for path in paths():
            answer = client.get(path.replace("{size:int}", "180"), headers=behind.PAGE, params={"next": name})
            assert answer.status_code < 500
            if answer.headers.get("content-type", "").startswith("text/html"):
                document(answer)


def test_the_sign_in_page_takes_any_word_and_leads_nowhere_else(door: behind.Behind) -> None:
    with door.browser() as client:
        for name in map(passed_on, NAMES.values()):
            page = client.get("/sign-in", params={"next": name, "out": name, "said": name}, headers=behind.PAGE)
            assert page.status_code < 400
            document(page)
            away = client.get("/page/" + re.sub("[\x00-\x20\x7f]", "", name)[:500], headers=behind.PAGE)
            assert away.status_code in (303, 400, 401, 404)
            assert not control(away.headers.get("location", ""))
            assert away.headers.get("location", "/").startswith("/sign-in")


def test_a_wrong_name_comes_back_in_the_form_as_text(door: behind.Behind) -> None:
    with door.browser() as client:
        for what in ("script", "attribute", "single quotes", "entities", "percent"):
            answer = behind.sign_in(client, f"{NAMES[what]} x", "wrong")
            assert NAMES[what] in "".join(document(answer).values)
