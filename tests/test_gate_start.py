"""Before the program listens, and from the command line: accounts, and no way in by mistake."""

from __future__ import annotations

import io
from typing import Any

import pytest
from sqlalchemy import Engine

from actions.sign_in import Arrival, WrongPassword, sign_in
from actions.users import add_user
from cdn.clock import utc_now
from cdn.model import LOCAL_ADMIN
from cdn.settings import SettingsError, load
from db import access
from db import engine as engines
from db.frame import records
from web import __main__ as command
from web.start import Refused, is_here, prepare

PASSWORD = "seven green boats"


@pytest.fixture(autouse=True)
def _shared(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "shared", lambda: engine)
    monkeypatch.setattr(command, "settings", lambda: load())


def people(engine: Engine) -> list[tuple[str, str, bool]]:
    return [(row["name"], row["role"], bool(row["must_change"])) for row in records(access.users(engine, utc_now()))]


def enters(engine: Engine, name: str, password: str) -> bool:
    try:
        sign_in(engine, name, password, Arrival(utc_now(), engines_lasting()))
    except WrongPassword:
        return False
    return True


def engines_lasting() -> Any:
    from datetime import timedelta

    return timedelta(days=1)


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_on_this_machine_nobody_needs_an_account(engine: Engine, address: str) -> None:
    prepare(load(), address)
    assert people(engine) == []


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "192.0.2.7", "monitor.example"])
def test_where_others_reach_it_it_does_not_start_without_an_account_and_says_what_to_set(
    engine: Engine, address: str | None
) -> None:
    with pytest.raises(Refused) as refusal:
        prepare(load(), address)
    for word in ("ADMIN_USER", "ADMIN_PASSWORD", "python -m web user add NAME --role admin"):
        assert word in str(refusal.value)
    add_user(engine, "ada", "admin", PASSWORD, by=LOCAL_ADMIN)
    prepare(load(), address)


def test_with_a_provider_it_starts_without_an_account() -> None:
    prepare(load(oidc_issuer="https://id.example"), "0.0.0.0")


def test_the_environment_makes_the_first_admin_and_never_changes_one(engine: Engine) -> None:
    prepare(load(admin_user="ada", admin_password=PASSWORD), "0.0.0.0")
    assert people(engine) == [("ada", "admin", False)]
    prepare(load(admin_user="ADA", admin_password="another password"), "0.0.0.0")
    assert enters(engine, "ada", PASSWORD)
    assert not enters(engine, "ada", "another password")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"admin_user": "ada"}, "set ADMIN_PASSWORD, too"),
        ({"admin_user": "ada", "admin_password": "short"}, "ADMIN_PASSWORD: want 10 to 200 characters"),
        ({"admin_user": "a\x1bda", "admin_password": PASSWORD}, "ADMIN_USER: want"),
    ],
)
def test_an_account_of_the_environment_that_cannot_be_made_is_told(settings: dict[str, str], words: str) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        prepare(load(**settings), "127.0.0.1")
    assert PASSWORD not in str(refusal.value)


def test_without_its_schema_or_its_database_it_does_not_start_for_others(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "shared", lambda: engines.create(empty_database_url))
    with pytest.raises(Refused, match="migrate"):
        prepare(load(), "0.0.0.0")

    def missing() -> Engine:
        raise SettingsError("DATABASE_URL is not set")

    monkeypatch.setattr(engines, "shared", missing)
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        prepare(load(), "0.0.0.0")


def test_every_address_is_others_unless_it_is_surely_ours() -> None:
    assert not any(is_here(each) for each in (None, "", "0.0.0.0", "::", "localhost.evil.example", "10.0.0.1"))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, typed: str = "") -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    return command.main(list(arguments))


def test_an_account_is_added_by_command_with_the_password_on_standard_input(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "user", "add", "ada", "--role", "admin", typed=f"{PASSWORD}\n") == 0
    assert people(engine) == [("ada", "admin", False)]
    assert enters(engine, "ada", PASSWORD)
    assert PASSWORD not in capsys.readouterr().out


def test_a_password_that_nobody_types_is_made_up_and_has_to_be_changed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "user", "add", "ada", "--role", "admin") == 0
    told = capsys.readouterr().out
    assert people(engine) == [("ada", "admin", True)]
    assert enters(engine, "ada", told.split("first time: ")[1].strip())


def test_accounts_are_listed_disabled_and_given_another_password_by_command(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "user", "list") == 0
    assert "Nobody has an account" in capsys.readouterr().out
    run(monkeypatch, "user", "add", "ada", "--role", "admin", typed=PASSWORD)
    run(monkeypatch, "user", "add", "bo", typed=PASSWORD)
    assert run(monkeypatch, "user", "password", "BO", typed="nine blue boats") == 0
    assert enters(engine, "bo", "nine blue boats")
    assert run(monkeypatch, "user", "disable", "bo") == 0
    assert not enters(engine, "bo", "nine blue boats")
    run(monkeypatch, "user", "list")
    assert "bo\tviewer, disabled" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("user", "add", "vi"), "role: there is no admin yet"),
        (("user", "add", "ada", "--role", "admin"), "password: want 10"),
        (("user", "password", "nobody"), "Nobody is called nobody"),
        (("token", "add", ""), "name: want"),
        (("token", "add", "t", "--days", "-1"), "expires_at: want"),
    ],
)
def test_what_cannot_be_done_by_command_is_told_with_an_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    typed = "short" if "admin" in arguments else PASSWORD
    assert run(monkeypatch, *arguments, typed=typed) == 1
    assert words in capsys.readouterr().err


def test_a_token_is_made_by_command_and_printed_alone(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "token", "add", "grafana", "--scope", "operate", "--days", "30") == 0
    visitor = access.bearer(engine, capsys.readouterr().out.strip(), utc_now())
    assert visitor
    assert (visitor.name, visitor.role) == ("token grafana", "operator")
