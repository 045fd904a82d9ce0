"""Keys come and go: what is stored is read with old ones, encrypted anew with one command, and never shown."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Engine, text

import db.__main__ as commands
from actions.add_server import add_server
from actions.change_server import change_server, retire_server
from actions.server_form import KEEP
from cdn.clock import utc_now
from cdn.errors import NoKey
from cdn.model import LOCAL_ADMIN, PollError, Reason, Target
from cdn.settings import Settings, load
from collector.request import prepare
from db import embedded, fleet, keys, migrate, secrets
from db import engine as engines
from db.engine import reading

OLD, NEW, OTHER = (secrets.new_key() for _ in range(3))
SECRET = "s3cret-of-edge"
Use = Callable[..., Settings]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Lets this program's settings be these from now on."""

    def set_to(**values: object) -> Settings:
        config = load(**values)
        monkeypatch.setattr(secrets, "settings", lambda: config)
        monkeypatch.setattr(commands, "settings", lambda: config)
        return config

    return set_to


@pytest.fixture
def run(
    use: Use, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Runs a command with these settings on this test's database; returns its status and all it printed."""

    def command(name: str, **values: object) -> tuple[int, str]:
        use(**{"database_url": database_url, **values})
        monkeypatch.setattr(sys, "argv", ["db", name])
        status = commands.main()
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return command


def add(engine: Engine, name: str, key: str = OLD, **fields: Any) -> int:
    given = fields or {"user": "monitor", "password": SECRET}
    server = {"name": name, "kind": "srs", "url": "http://10.0.0.1:1985", "role": "edge", **given}
    return add_server(engine, server, key=key, by=LOCAL_ADMIN)


def rows(engine: Engine) -> dict[str, tuple[int, bytes | None]]:
    """Of every server, by name, its version and its ciphertext."""
    with engine.begin() as connection:
        found = connection.execute(text("SELECT name, version, auth_secret FROM server"))
        return {row.name: (row.version, None if row.auth_secret is None else bytes(row.auth_secret)) for row in found}


def target(engine: Engine, key: str) -> Target:
    with reading(engine) as connection:
        (found,) = fleet.targets(connection, list(fleet.versions(connection)), 15.0, key)
    return found


def test_programs_read_with_old_keys_and_write_with_the_new_one(engine: Engine, use: Use) -> None:
    add(engine, "edge-1")
    use(secret_key=NEW, secret_keys_old=f"{OTHER}, {OLD}")
    assert target(engine, NEW).credentials.secret == SECRET
    keys.require_readable(engine, NEW)
    ciphertext = secrets.encrypt("n3w", NEW)
    assert Fernet(NEW).decrypt(ciphertext) == b"n3w"
    with pytest.raises(InvalidToken):
        Fernet(OLD).decrypt(ciphertext)


def test_rotating_encrypts_all_anew_so_that_the_old_key_may_go(
    engine: Engine, run: Callable[..., tuple[int, str]], use: Use
) -> None:
    for number in range(3):
        add(engine, f"edge-{number}")
    add(engine, "edge-3", token="t0ken")
    add(engine, "edge-new", NEW)
    add(engine, "open", user=None)
    before = rows(engine)
    status, told = run("rotate-key", secret_key=NEW, secret_keys_old=OLD)
    assert status == 0
    assert told.startswith("5 stored passwords are encrypted with SECRET_KEY now.")
    assert "SECRET_KEYS_OLD may be removed" in told
    after = rows(engine)
    assert after["open"] == before["open"]
    for name in ("edge-0", "edge-1", "edge-2", "edge-new"):
        assert Fernet(NEW).decrypt(after[name][1] or b"") == SECRET.encode()
    assert Fernet(NEW).decrypt(after["edge-3"][1] or b"") == b"t0ken"
    use(secret_key=NEW)
    keys.require_readable(engine, NEW)


def test_rotating_disturbs_nobody_who_edits_a_server(engine: Engine, use: Use) -> None:
    server_id = add(engine, "edge-1")
    version, _ = rows(engine)["edge-1"]
    use(secret_key=NEW, secret_keys_old=OLD)
    keys.rotate(engine, NEW)
    assert rows(engine)["edge-1"][0] == version
    fields = {"name": "edge-1", "kind": "srs", "url": "http://10.0.0.1:1985", "role": "edge", "region": "West"}
    kept = {**fields, "user": "monitor", "password": KEEP}
    change_server(engine, server_id, version, kept, key=NEW, by=LOCAL_ADMIN)
    use(secret_key=NEW)
    assert target(engine, NEW).credentials.secret == SECRET


def test_rotating_waits_for_who_saves_a_server_and_keeps_the_password_just_entered(engine: Engine, use: Use) -> None:
    add(engine, "edge-1")
    use(secret_key=NEW, secret_keys_old=OLD)
    rotated: list[int] = []
    with engine.begin() as connection:
        fresh = secrets.encrypt("just-entered", OLD)
        connection.execute(text("UPDATE server SET auth_secret = :fresh"), {"fresh": fresh})
        thread = threading.Thread(target=lambda: rotated.append(keys.rotate(engine, NEW)))
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(20)
    assert rotated == [1]
    assert Fernet(NEW).decrypt(rows(engine)["edge-1"][1] or b"") == b"just-entered"


def test_rotating_changes_nothing_where_one_password_cannot_be_read(
    engine: Engine, run: Callable[..., tuple[int, str]]
) -> None:
    add(engine, "edge-1")
    add(engine, "edge-2", OTHER)
    before = rows(engine)
    status, told = run("rotate-key", secret_key=NEW, secret_keys_old=OLD)
    assert status == 1
    assert told.startswith("1 of 2 stored passwords can be read with neither SECRET_KEY nor SECRET_KEYS_OLD")
    assert "edge-2" in told
    assert rows(engine) == before


def test_rotating_without_a_key_is_refused(engine: Engine, run: Callable[..., tuple[int, str]], use: Use) -> None:
    add(engine, "edge-1")
    before = rows(engine)
    status, told = run("rotate-key", secret_keys_old=OLD)
    assert (status, rows(engine)) == (1, before)
    assert "SECRET_KEY is not set" in told
    with pytest.raises(NoKey):
        keys.rotate(engine, "")


def test_what_a_retired_server_leaves_behind_stands_in_nobodys_way(engine: Engine, use: Use) -> None:
    retire_server(engine, add(engine, "gone", OTHER), by=LOCAL_ADMIN, now=utc_now())
    retire_server(engine, add(engine, "gone-too"), by=LOCAL_ADMIN, now=utc_now())
    use(secret_key=NEW, secret_keys_old=OLD)
    keys.require_readable(engine, NEW)
    before = rows(engine)
    assert keys.rotate(engine, NEW) == 1
    assert rows(engine)["gone"] == before["gone"]
    assert Fernet(NEW).decrypt(rows(engine)["gone-too"][1] or b"") == SECRET.encode()


@pytest.mark.parametrize("key", [NEW, ""], ids=["another key", "no key"])
def test_a_start_is_refused_where_passwords_cannot_be_read_and_says_the_ways_out(
    engine: Engine, use: Use, key: str
) -> None:
    for number in range(7):
        add(engine, f"edge-{number}")
    use(secret_key=key)
    with pytest.raises(keys.UnreadableSecrets) as caught:
        keys.require_readable(engine, key)
    told = str(caught.value)
    assert told.startswith("7 of 7 stored passwords")
    assert ("which is not set" in told) is (key == "")
    assert "edge-4 and others" in told
    assert "edge-5" not in told
    for way in ("Set SECRET_KEY", "add that key to SECRET_KEYS_OLD", "python -m db give-up-secrets"):
        assert way in told


def test_without_stored_passwords_no_key_is_needed(engine: Engine, use: Use) -> None:
    use()
    add(engine, "edge-1", user=None)
    keys.require_readable(engine, "")


def test_migrating_with_another_key_says_so_and_without_any_does_not(
    engine: Engine, run: Callable[..., tuple[int, str]]
) -> None:
    add(engine, "edge-1")
    assert run("migrate")[0] == 0
    assert run("migrate", secret_key=OLD)[0] == 0
    assert run("migrate", secret_key=NEW, secret_keys_old=OLD)[0] == 0
    status, told = run("migrate", secret_key=NEW)
    assert (status, "1 of 1 stored passwords" in told) == (1, True)


def test_given_up_passwords_open_the_way_and_their_servers_are_not_asked_without_one(
    engine: Engine, run: Callable[..., tuple[int, str]]
) -> None:
    add(engine, "edge-1", OTHER)
    server_id = add(engine, "edge-2", NEW)
    kept = rows(engine)["edge-2"]
    status, told = run("give-up-secrets", secret_key=NEW)
    assert (status, told) == (
        0,
        "1 stored passwords that no key can read were removed.\n  edge-1: enter its password again\n",
    )
    assert rows(engine)["edge-2"] == kept
    keys.require_readable(engine, NEW)
    assert run("rotate-key", secret_key=NEW)[1].startswith("1 stored")
    retire_server(engine, server_id, by=LOCAL_ADMIN, now=utc_now())
    lost = target(engine, NEW)
    assert (lost.unreadable_secret, lost.credentials.user) == (True, "monitor")
    with pytest.raises(PollError, match="enter it again") as caught:
        prepare(lost, "")
    assert caught.value.reason is Reason.NO_CREDENTIALS


def test_neither_keys_nor_passwords_are_ever_told(
    engine: Engine, run: Callable[..., tuple[int, str]], use: Use, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    add(engine, "edge-1")
    add(engine, "edge-2", OTHER)
    told = [run(name, secret_key=NEW, secret_keys_old=OLD)[1] for name in ("rotate-key", "migrate", "give-up-secrets")]
    told += [run("rotate-key", secret_key=NEW, secret_keys_old=OLD)[1], caplog.text]
    told.append(repr(load(secret_key=NEW, secret_keys_old=f"{OLD},{OTHER}")))
    with reading(engine) as connection:
        told += map(repr, keys._stored(connection, NEW))
    for hidden in (OLD, NEW, OTHER, SECRET):
        assert all(hidden not in each for each in told)


def test_a_database_with_another_schema_is_left_alone(
    engine: Engine, run: Callable[..., tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    add(engine, "edge-1")
    before = rows(engine)
    monkeypatch.setattr(migrate, "newest", lambda: "0099")
    status, told = run("rotate-key", secret_key=NEW, secret_keys_old=OLD)
    assert (status, rows(engine)) == (1, before)
    assert "python -m db migrate" in told


def test_the_database_of_make_run_is_started_for_the_moment(
    use: Use, run: Callable[..., tuple[int, str]], cluster: embedded.Cluster, open_folder: Any
) -> None:
    folder = open_folder / "kept"
    with embedded.running(folder / "run", durable=False) as own:
        migrate.upgrade(own.url())
        engine = engines.create(own.url())
        add(engine, "edge-1")
        engine.dispose()
        status, told = run("rotate-key", database_url="", data_dir=folder, secret_key=NEW, secret_keys_old=OLD)
        assert (status, "in use by another running program" in told) == (1, True)
    status, told = run("rotate-key", database_url="", data_dir=folder, secret_key=NEW, secret_keys_old=OLD)
    assert (status, told.startswith("1 stored passwords")) == (0, True)
    assert run("rotate-key", database_url="", data_dir=folder / "none", secret_key=NEW)[0] == 1
