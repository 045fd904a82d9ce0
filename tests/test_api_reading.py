"""Reading by REST: filters, pages of lists that change meanwhile, and not sending what is known already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import Engine, text

from actions.add_server import add_server
from actions.change_server import pause_server, retire_server
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN, Role
from collector.writer import Writer
from tests.asking import SIGNED_IN, client
from tests.scene import INTERVAL, Scene


@pytest.fixture
def api(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    made = client(engine, monkeypatch)
    made.headers.update(SIGNED_IN)
    return made


def add(engine: Engine, name: str, **more: Any) -> int:
    fields = {"name": name, "kind": "srs", "url": "http://192.0.2.1:1985", "role": "edge", **more}
    return add_server(engine, fields, key="", by=LOCAL_ADMIN)


def pages(api: TestClient, path: str, between: Callable[[], object] = lambda: None) -> Iterator[list[dict[str, Any]]]:
    """Every page of a list; `between` happens before each that follows."""
    url: str | None = path
    while url is not None:
        answer = api.get(url)
        assert answer.status_code == 200, answer.text
        yield answer.json()
        url = following(answer)
        between()


def following(answer: Response) -> str | None:
    link = answer.links.get("next")
    return None if link is None else str(answer.url.join(link["url"]))


def test_servers_are_filtered_by_what_they_are(api: TestClient, engine: Engine) -> None:
    add(engine, "edge-1", region="West", provider="Hall", tags="sport")
    add(engine, "edge-2", region="East", provider="Hall", tags="sport,news")
    paused = add(engine, "status-1", kind="nginx", url="http://192.0.2.2/stub_status", role="origin")
    pause_server(engine, paused, paused=True, by=LOCAL_ADMIN)

    def names(query: str) -> list[str]:
        return [each["name"] for each in api.get(f"/servers?{query}").json()]

    assert names("role=origin") == names("kind=nginx") == names("state=paused") == ["status-1"]
    assert names("region=West") == ["edge-1"]
    assert names("provider=Hall&state=waiting") == ["edge-1", "edge-2"]
    assert names("tag=news") == ["edge-2"]
    assert names("tag=new") == []
    assert names("text=EAST") == names("text=192.0.2.1&tag=news") == ["edge-2"]
    assert names("text=spor") == ["edge-1", "edge-2"]
    assert names("region=") == ["status-1"]


def test_pages_of_servers_show_each_once_whatever_happens_meanwhile(api: TestClient, engine: Engine) -> None:
    ids = {name: add(engine, name) for name in ("a", "b", "c", "d", "e", "F", "ä")}
    # Before, at and after the place where the next page begins.
    meanwhile = iter([("a", "aa"), ("c", "dd")])

    def change() -> None:
        for gone, new in islice(meanwhile, 1):
            retire_server(engine, ids[gone], by=LOCAL_ADMIN, now=utc_now())
            add(engine, new)

    seen = list(pages(api, "/servers?limit=3&role=edge", change))
    assert [[each["name"] for each in page] for page in seen] == [["F", "a", "b"], ["c", "d", "e"], ["ä"]]
    assert [each["name"] for each in api.get("/servers").json()] == ["F", "aa", "b", "d", "dd", "e", "ä"]


def test_a_short_list_has_no_next_page(api: TestClient, engine: Engine) -> None:
    add(engine, "a")
    add(engine, "b")
    assert "link" not in api.get("/servers?limit=2").headers
    assert following(api.get("/servers?limit=1&text=%26")) is None
    link = api.get("/servers?limit=1&region=&kind=srs").headers["link"]
    assert link.startswith("<?limit=1&region=&kind=srs&cursor=")
    assert link.endswith('>; rel="next"')


@pytest.fixture
def scene(engine: Engine) -> Scene:
    """An origin and an edge with six channels; each poll's publications and events share their time."""
    made = Scene(engine, at=utc_now() - timedelta(seconds=INTERVAL * 6))
    made.add("origin", Role.ORIGIN, "10.0.0.1")
    made.add("edge", Role.EDGE, "10.0.0.2")
    with engine.begin() as connection:
        ids = {"edge": made.ids["edge"], "origin": made.ids["origin"]}
        connection.execute(text("INSERT INTO server_origin VALUES (:edge, :origin)"), ids)
    writer = Writer(engine, "c")
    for number in range(4):
        made.wait()
        for channel in range(6):
            copy = made.copy("origin", f"/live/c{channel}")
            copy.publisher, copy.width = f"studio-{number // 2}", 1920 if number < 2 else 1280
            copy.ingress += 1_000_000
            made.copy("edge", copy.url).egress += 1_000_000
        made.process["origin"] = 1 + number // 3
        writer.write([made.poll(name) for name in made.ids])
    return made


@pytest.mark.parametrize("limit", [1, 2, 5, 7])
@pytest.mark.parametrize("path", ["/channels", "/streams", "/publications", "/events", "/audit"])
def test_pages_together_are_the_whole_list(
    api: TestClient, scene: Scene, engine: Engine, path: str, limit: int
) -> None:
    for number in range(4):
        add(engine, f"more-{number}")
    whole = api.get(f"{path}?limit=1000").json()
    assert len(whole) >= 4
    seen = list(pages(api, f"{path}?limit={limit}"))
    assert [each for page in seen for each in page] == whole
    assert {len(page) for page in seen[:-1]} <= {limit}
    assert 0 < len(seen[-1]) <= limit


@pytest.mark.parametrize("path", ["/publications", "/events"])
def test_what_comes_in_meanwhile_does_not_shift_the_pages(
    api: TestClient, scene: Scene, engine: Engine, path: str
) -> None:
    whole = api.get(f"{path}?limit=1000").json()
    writer = Writer(engine, "d")

    def more() -> None:
        scene.wait(1)
        for channel in range(6):
            copy = scene.copy("origin", f"/live/c{channel}")
            copy.publisher, copy.width = f"studio-{scene.at.timestamp()}", (copy.width or 0) + 2
            copy.ingress += 1_000_000
        writer.write([scene.poll("origin")])

    seen = [each for page in pages(api, f"{path}?limit=4", more) for each in page]
    same = ("began_by", "publisher", "name") if path == "/publications" else ("at", "kind", "name")
    assert [[each[name] for name in same] for each in seen] == [[each[name] for name in same] for each in whole]
    assert len(api.get(f"{path}?limit=1000").json()) > len(whole)


@pytest.mark.parametrize("path", ["/servers", "/channels", "/streams", "/publications", "/events", "/audit"])
@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%00",
        "bnVsbA",  # null
        "W10",  # []
        "WyJzZXJ2ZXJzIl0",  # ["servers"]
        "WyJzZXJ2ZXJzIiwiXHUwMDAwIiwxXQ",  # ["servers", "\u0000", 1]
        "WyJzZXJ2ZXJzIiwiXHVkODAwIiwxXQ",  # ["servers", "\ud800", 1]
        "WyJhdWRpdCIsOTIyMzM3MjAzNjg1NDc3NTgwOF0",  # ["audit", 2**63]
        "WyJhdWRpdCIsdHJ1ZV0",  # ["audit", true]
        "WyJldmVudHMiLDkyMjMzNzIwMzY4NTQ3NzU4MDcsMSwxLCJ4Il0",  # ["events", 2**63 - 1, 1, 1, "x"]
        "W" * 1_000,
    ],
)
def test_what_is_no_cursor_of_the_list_is_refused(api: TestClient, path: str, cursor: str) -> None:
    answer = api.get(f"{path}?cursor={cursor}")
    assert (answer.status_code, list(answer.json()["faults"])) == (422, ["query.cursor"])


def test_what_is_known_already_is_not_sent_again(api: TestClient, engine: Engine) -> None:
    server_id = add(engine, "edge-1")
    paths = ("/servers", f"/servers/{server_id}", f"/servers/{server_id}/settings", "/summary", "/channels", "/audit")
    for path in (*paths, "/openapi.json"):
        first = api.get(path)
        again = api.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path
        assert again.headers["etag"] == first.headers["etag"]
        assert "content-type" not in again.headers
        known = f'"other", {first.headers["etag"].removeprefix("W/")}'
        assert api.get(path, headers={"If-None-Match": known}).status_code == 304
        assert api.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    assert api.get("/servers").headers["cache-control"] == "private, no-cache"


def test_what_changed_is_sent(api: TestClient, engine: Engine) -> None:
    server_id = add(engine, "edge-1")
    for path in ("/servers", f"/servers/{server_id}/settings", "/audit"):
        known = api.get(path).headers["etag"]
        pause_server(engine, server_id, paused=True, by=LOCAL_ADMIN)
        assert api.get(path, headers={"If-None-Match": known}).status_code == 200
        pause_server(engine, server_id, paused=False, by=LOCAL_ADMIN)
    version = api.get(f"/servers/{server_id}").json()["version"]
    assert api.get(f"/servers/{server_id}/settings").headers["etag"].startswith(f'"{version}.')


def test_an_error_is_never_not_modified(api: TestClient) -> None:
    assert api.get("/servers/1", headers={"If-None-Match": "*"}).status_code == 404
    assert api.get("/servers", headers={"If-None-Match": "*", "Authorization": "Bearer x"}).status_code == 401


def test_one_server_is_looked_into(api: TestClient, scene: Scene) -> None:
    path = f"/servers/{scene.ids['origin']}"
    steps = api.get(f"{path}/history").json()
    assert len(steps) == 240
    assert steps[0]["ingress_bps"] is None  # nobody polled then: null, not 0
    known = [each["ingress_bps"] for each in steps if each["ingress_bps"] is not None]
    assert known[0] == pytest.approx(6_000_000 * 8 / INTERVAL, rel=0.01)
    assert len(api.get(f"{path}/history?window=24h").json()) == 240
    assert list(api.get(f"{path}/history?window=1y").json()["faults"]) == ["query.window"]
    newest = api.get(f"{path}/changes").json()[0]
    assert (newest["up"], newest["restarted"]) == (True, True)
    assert {each["name"] for each in api.get(f"{path}/streams").json()} == {f"c{number}" for number in range(6)}
    working = api.get(f"{path}/working").json()
    assert (working["polls"], working["good"]) == (4, 4)
    ingress = next(each for each in working["counters"] if each["name"] == "ingress_bytes")
    assert (ingress["now"], ingress["before"], ingress["restarted"]) == (24_000_000, 18_000_000, True)


def test_collectors_are_listed_with_their_signs_of_life(api: TestClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO collector (name, version, started_at, heartbeat_at, servers, polls) VALUES"
            " ('fresh', '1', now(), now(), 3, 40),"
            " ('old', '1', now() - interval '1 day', now() - interval '1 day', 2, 9)"
        )
    found = [(each["name"], each["alive"], each["polls"]) for each in api.get("/collectors").json()]
    assert found == [("fresh", True, 40), ("old", False, 9)]
