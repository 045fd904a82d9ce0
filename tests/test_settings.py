"""The settings: documented completely, faults told all at once, secrets never shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from dotenv import dotenv_values

from cdn.settings import ROOT, Settings, SettingsError, environment, load, settings

SECRETS = {
    "DATABASE_URL": "postgresql://me:swordfish@host/db",
    "DATABASE_URL_DIRECT": "postgresql://me:swordfish@direct/db",
    "SECRET_KEY": Fernet.generate_key().decode(),
    "API_TOKEN": "swordfish-token",
    "SENDGRID_API_KEY": "SG.swordfish",
    "SMTP_URL": "smtp://me:swordfish@mail.example",
    "WEBHOOK_SECRET": "swordfish-webhooks",
}
ENTRY = re.compile(r"^#([A-Z0-9_]+)=", re.MULTILINE)


def example(tmp_path: Path) -> dict[str, str]:
    """`.env.example` with every line switched on, as a program would read it."""
    file = tmp_path / "switched-on"
    file.write_text(ENTRY.sub(r"\1=", (ROOT / ".env.example").read_text("utf-8")))
    return {name: value or "" for name, value in dotenv_values(file).items()}


def test_the_example_lists_exactly_the_settings_there_are(tmp_path: Path) -> None:
    assert list(example(tmp_path)) == [name.upper() for name in Settings.model_fields]


def test_the_example_says_what_each_setting_means() -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    for name, field in Settings.model_fields.items():
        assert f"# {field.description}\n#{name.upper()}=" in text


def test_the_example_shows_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    defaults = load()
    for name, value in example(tmp_path).items():
        monkeypatch.setenv(name, value)
    shown = load()
    assert shown.model_dump(exclude={"data_dir"}) == defaults.model_dump(exclude={"data_dir"})
    assert shown.data_dir.resolve() == defaults.data_dir


def test_without_any_setting_the_defaults_are_valid() -> None:
    assert load().web_port == 8501


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("WEB_PORT=9001\nPOLL_INTERVAL=30\n")
    monkeypatch.setenv("WEB_PORT", "9002")
    read = load(_env_file=file)
    assert (read.web_port, read.poll_interval) == (9002, 30)


def test_all_faults_come_in_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("WEB_PROT=8502\n")
    wrong = {
        "DATABASE_URL": "mysql://me@host/db",
        "SECRET_KEY": "short",
        "BRAND_COLOR": "blue",
        "BRAND_NAME": "",
        "POLL_INTERVAL": "0",
        "POLL_DEADLINE": "soon",
        "WEB_PORT": "70000",
        "LOG_LEVEL": "loud",
        "RETAIN_SAMPLES_DAYS": "1.5",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load(_env_file=file)
    told = {line.split(":")[0].strip() for line in str(caught.value).splitlines()[1:]}
    assert told == {*wrong, "WEB_PROT"}


@pytest.mark.parametrize("url", ["postgres://h/d", "postgresql://h/d", "postgresql+psycopg2://u@/d?host=/tmp/s"])
def test_the_usual_spellings_of_an_address_are_taken(url: str) -> None:
    assert load(database_url=url).database_url.get_secret_value() == url


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_in_the_representation(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for each, value in SECRETS.items():
        monkeypatch.setenv(each, value)
    read = load()
    shown = f"{read!r} {read} {read.model_dump()} {read.model_dump_json()}"
    assert SECRETS[name] not in shown
    assert "swordfish" not in shown


def test_a_secret_is_not_in_the_message_about_its_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://me:swordfish@host/db")
    monkeypatch.setenv("SECRET_KEY", "swordfish")
    monkeypatch.setenv("DATABASE_POOL_SIZE", "swordfish-is-no-number")
    with pytest.raises(SettingsError) as caught:
        load()
    assert "swordfish" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_settings_are_read_once_and_cannot_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.cache_clear()
    first = settings()
    monkeypatch.setenv("WEB_PORT", "9003")
    assert settings() is first
    with pytest.raises(ValueError, match="frozen"):
        setattr(first, "web_port", 1)  # noqa: B010  (an assignment is what mypy refuses)
    settings.cache_clear()


def test_a_child_gets_our_environment_with_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDN_TEST", "kept")
    assert environment(WEB_PORT="1")["CDN_TEST"] == "kept"
    assert environment(WEB_PORT="1")["WEB_PORT"] == "1"


@pytest.mark.parametrize("url", ["postgresql://u:s3cret@h:notaport/db", "postgresql://[::1/x", "mysql://u:s3cret@h/db"])
def test_a_database_address_that_cannot_be_read_is_a_fault_like_any_other(url: str) -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL: want postgresql://") as error:
        load(database_url=url)
    assert "s3cret" not in str(error.value)
