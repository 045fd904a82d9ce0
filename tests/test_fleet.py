"""Servers are added, changed, paused, retired and imported: all or nothing, history kept, secrets never readable."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from actions.add_server import add_server
from actions.change_server import change_server, pause_server, retire_server
from actions.import_servers import Report, import_servers
from actions.server_form import KEEP
from actions.try_connection import try_connection
from cdn.errors import Changed, Forbidden, NoKey
from cdn.model import LOCAL_ADMIN, Actor, Invalid
from cdn.settings import load
from db import fleet, live
from db.engine import reading
from db.secrets import new_key

KEY = new_key()
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EDGE: dict[str, Any] = {"name": "edge-1", "kind": "srs", "url": "http://10.0.0.1:1985", "role": "edge"}
ORIGIN: dict[str, Any] = {"name": "origin-1", "kind": "srs", "url": "http://10.0.0.9:1985", "role": "origin"}
FILE = """
[[server]]
name = "origin-1"
kind = "srs"
url = "http://10.0.0.9:1985"
role = "origin"

[[server]]
name = "edge-1"
kind = "nginx"
url = "http://10.0.0.1/nginx_status"
role = "edge"
origins = ["origin-1"]
capacity = "10 Gbit/s"
user = "monitor"
password = "s3cret"
"""


def stored(engine: Engine) -> list[dict[str, Any]]:
    with engine.begin() as connection:
        return [dict(row) for row in connection.execute(text("SELECT * FROM server ORDER BY name")).mappings()]


def targets(engine: Engine, key: str = KEY) -> list[Any]:
    with reading(engine) as connection:
        return fleet.targets(connection, list(fleet.versions(connection)), 15.0, key)


def test_an_added_server_is_polled_with_its_credentials(engine: Engine) -> None:
    server_id = add_server(engine, {**EDGE, "user": "monitor", "password": "s3cret"}, key=KEY, by=LOCAL_ADMIN)
    (target,) = targets(engine)
    assert (target.id, target.name, target.interval, target.credentials.secret) == (server_id, "edge-1", 15.0, "s3cret")
    assert b"s3cret" not in bytes(stored(engine)[0]["auth_secret"])
    assert "s3cret" not in repr(target)


def test_a_secret_is_not_stored_without_a_key(engine: Engine) -> None:
    with pytest.raises(NoKey, match="SECRET_KEY"):
        add_server(engine, {**EDGE, "token": "t0ken"}, key="", by=LOCAL_ADMIN)
    assert stored(engine) == []


def test_a_secret_of_another_key_makes_the_target_say_so(engine: Engine) -> None:
    add_server(engine, {**EDGE, "token": "t0ken"}, key=KEY, by=LOCAL_ADMIN)
    for key in (new_key(), ""):
        (target,) = targets(engine, key)
        assert target.unreadable_secret
        assert target.credentials.secret == ""


def test_a_name_is_given_once_and_free_again_after_retiring(engine: Engine) -> None:
    first = add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    with pytest.raises(Invalid, match="already"):
        add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    retire_server(engine, first, by=LOCAL_ADMIN, now=NOW)
    second = add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    assert [row["id"] for row in stored(engine)] == [first, second]
    assert [target.id for target in targets(engine)] == [second]


def test_a_paused_server_is_shown_but_not_polled(engine: Engine) -> None:
    server_id = add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    pause_server(engine, server_id, paused=True, by=LOCAL_ADMIN)
    assert targets(engine) == []
    assert list(live.fleet(engine, NOW, 15.0)["state"]) == ["paused"]
    pause_server(engine, server_id, paused=False, by=LOCAL_ADMIN)
    assert len(targets(engine)) == 1


def test_every_change_is_noticed_by_its_version(engine: Engine) -> None:
    server_id = add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    with reading(engine) as connection:
        before = fleet.versions(connection)[server_id]
    change_server(engine, server_id, before, {**EDGE, "region": "East"}, key=KEY, by=LOCAL_ADMIN)
    with reading(engine) as connection:
        assert fleet.versions(connection)[server_id] > before
    with pytest.raises(Changed):
        change_server(engine, server_id, before, {**EDGE, "region": "West"}, key=KEY, by=LOCAL_ADMIN)
    assert stored(engine)[0]["region"] == "East"


def test_a_change_keeps_the_stored_secret_unless_a_new_one_is_given(engine: Engine) -> None:
    server_id = add_server(engine, {**EDGE, "user": "monitor", "password": "old"}, key=KEY, by=LOCAL_ADMIN)
    version = stored(engine)[0]["version"]
    change_server(engine, server_id, version, {**EDGE, "user": "monitor", "password": KEEP}, key="", by=LOCAL_ADMIN)
    assert targets(engine)[0].credentials.secret == "old"
    version = stored(engine)[0]["version"]
    change_server(engine, server_id, version, EDGE, key=KEY, by=LOCAL_ADMIN)
    assert stored(engine)[0]["auth_secret"] is None


def test_links_to_origins_are_kept_and_unknown_ones_refused(engine: Engine) -> None:
    add_server(engine, ORIGIN, key=KEY, by=LOCAL_ADMIN)
    add_server(engine, {**EDGE, "origins": ["origin-1"]}, key=KEY, by=LOCAL_ADMIN)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM server_origin")) == 1
    with pytest.raises(Invalid, match="origin-9"):
        add_server(engine, {**EDGE, "name": "edge-2", "origins": "origin-1, origin-9"}, key=KEY, by=LOCAL_ADMIN)
    assert len(stored(engine)) == 2


def test_only_an_admin_changes_the_fleet(engine: Engine) -> None:
    for role in ("viewer", "operator", "nobody"):
        somebody = Actor("somebody", role)
        with pytest.raises(Forbidden):
            add_server(engine, EDGE, key=KEY, by=somebody)
        with pytest.raises(Forbidden):
            import_servers(engine, FILE, key=KEY, by=somebody)
        with pytest.raises(Forbidden):
            retire_server(engine, 1, by=somebody, now=NOW)
    assert stored(engine) == []


def test_a_file_is_imported_and_again_without_a_change(engine: Engine) -> None:
    assert import_servers(engine, FILE, key=KEY, by=LOCAL_ADMIN) == Report(2, 0, 0)
    versions = [row["version"] for row in stored(engine)]
    assert import_servers(engine, FILE, key=KEY, by=LOCAL_ADMIN) == Report(0, 0, 2)
    assert [row["version"] for row in stored(engine)] == versions
    moved = FILE.replace("10.0.0.1", "10.0.0.2").replace("s3cret", "n3w")
    assert import_servers(engine, moved, key=KEY, by=LOCAL_ADMIN) == Report(0, 1, 1)
    assert {target.credentials.secret for target in targets(engine)} == {"", "n3w"}


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        ("[[server]", {"the file"}),
        ("", {"the file"}),
        ("server = 3", {"the file"}),
        ("servers = []\n" + FILE, {"the file: servers"}),
        (
            FILE.replace('role = "origin"', 'role = "middle"').replace('"10 Gbit/s"', '"lots"'),
            {"server 1, origin-1: role", "server 2, edge-1: capacity"},
        ),
        (
            FILE.replace('name = "edge-1"', 'name = "origin-1"'),
            {"server 2, origin-1: name", "server 2, origin-1: origins"},
        ),
        (FILE.replace('["origin-1"]', '["origin-7"]'), {"edge-1: origins"}),
    ],
)
def test_a_faulty_file_imports_nothing_and_tells_every_fault(engine: Engine, broken: str, expected: set[str]) -> None:
    with pytest.raises(Invalid) as error:
        import_servers(engine, broken, key=KEY, by=LOCAL_ADMIN)
    assert set(error.value.faults) == expected
    assert stored(engine) == []


def test_a_file_with_secrets_imports_nothing_without_a_key(engine: Engine) -> None:
    with pytest.raises(NoKey):
        import_servers(engine, FILE, key="", by=LOCAL_ADMIN)
    assert stored(engine) == []


def test_a_stored_secret_is_not_sent_to_another_place(engine: Engine) -> None:
    fields = {**EDGE, "user": "monitor", "password": "s3cret"}
    server_id = add_server(engine, fields, key=KEY, by=LOCAL_ADMIN)
    moved = {**fields, "url": "http://10.9.9.9:1985", "password": KEEP}
    version = stored(engine)[0]["version"]
    with pytest.raises(Invalid, match="enter it again"):
        change_server(engine, server_id, version, moved, key=KEY, by=LOCAL_ADMIN)
    with pytest.raises(Invalid, match="enter it again"):
        try_connection(engine, moved, settings=load(secret_key=KEY), by=LOCAL_ADMIN, server_id=server_id)
    assert stored(engine)[0]["url"] == EDGE["url"]


def test_a_change_of_the_links_alone_is_a_change(engine: Engine) -> None:
    for number in (1, 2):
        add_server(engine, {**ORIGIN, "name": f"origin-{number}"}, key=KEY, by=LOCAL_ADMIN)
    server_id = add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    version = stored(engine)[0]["version"]
    change_server(engine, server_id, version, {**EDGE, "origins": ["origin-1"]}, key=KEY, by=LOCAL_ADMIN)
    with pytest.raises(Changed):
        change_server(engine, server_id, version, {**EDGE, "origins": ["origin-2"]}, key=KEY, by=LOCAL_ADMIN)


def test_a_server_of_a_kind_we_do_not_know_does_not_keep_us_from_the_others(engine: Engine) -> None:
    add_server(engine, EDGE, key=KEY, by=LOCAL_ADMIN)
    add_server(engine, {**EDGE, "name": "edge-2"}, key=KEY, by=LOCAL_ADMIN)
    with engine.begin() as connection:
        connection.execute(text("UPDATE server SET kind = 'newer' WHERE name = 'edge-2'"))
    assert [target.name for target in targets(engine)] == ["edge-1"]
