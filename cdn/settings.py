"""Every setting of every program, in one typed object. The only place that reads the environment.

Sources, later ones win: the defaults below, `.env` in the project folder, the environment.
All faults are told in one message (`SettingsError`). `.env.example` lists them all; a test compares.
"""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from cdn.networks import Network, networks

ROOT = Path(__file__).resolve().parent.parent

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Days = Annotated[int, Field(ge=1, le=3_660)]


class SettingsError(Exception):
    """The configuration cannot be used; the message names every fault at once."""


class Settings(BaseSettings):
    """See `.env.example` for what each one means. Names are case-insensitive in the environment."""

    model_config = SettingsConfigDict(env_file=ROOT / ".env", env_file_encoding="utf-8", extra="forbid", frozen=True)

    database_url: SecretStr = Field(
        SecretStr(""), description="PostgreSQL address. Empty: the embedded one under data/."
    )
    database_url_direct: SecretStr = Field(
        SecretStr(""),
        description="The same database without a pooler in between, for migrations (Neon: the host without -pooler).",
    )
    database_pool_size: int = Field(5, ge=1, le=200, description="Connections each program keeps.")
    database_wait: Seconds = Field(30.0, description="Seconds to wait for a database that is starting or waking up.")
    statement_timeout: Seconds = Field(30.0, description="Seconds one query may take.")
    data_dir: Path = Field(ROOT / "data", description="Where the embedded database, its key and spooled polls live.")
    embedded_user: str = Field(
        "", description="The ordinary user that runs the embedded database when started as root."
    )

    secret_key: SecretStr = Field(
        SecretStr(""), description="Fernet key that encrypts the servers' passwords: python -m db new-key."
    )
    secret_keys_old: SecretStr = Field(
        SecretStr(""),
        description="Keys used before, separated by commas: still read with, until python -m db rotate-key was run.",
    )
    api_token: SecretStr = Field(
        SecretStr(""), description="Bearer token of the REST API. Empty: the API refuses everybody."
    )

    api_rate_per_minute: int = Field(
        600,
        ge=0,
        le=1_000_000,
        description="Requests a minute of one token or person, or of one address without. 0: as many as they like.",
    )
    api_max_body_bytes: int = Field(1_000_000, ge=1_000, le=100_000_000, description="Largest body the API reads.")
    api_cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Other sites whose pages may read the API, like https://board.example, separated by commas.",
    )

    admin_user: str = Field(
        "", max_length=80, description="An admin's account to begin with; it is made at start where there is none."
    )
    admin_password: SecretStr = Field(SecretStr(""), description="The password of ADMIN_USER, at least 10 characters.")
    session_idle_minutes: int = Field(
        720, ge=1, le=525_600, description="Minutes without a look after which people sign in again."
    )
    session_days: Days = Field(7, description="Days after which people sign in again in any case.")
    public_url: str = Field(
        "", description="What people type to get here, like https://monitor.example/cdn. Empty: whatever they typed."
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        description="Networks of the proxies in front, separated by commas: X-Forwarded-For and -Proto are believed.",
    )

    oidc_issuer: str = Field(
        "", description="Address of the OpenID provider people sign in with. Empty: names and passwords alone."
    )
    oidc_client_id: str = Field("", description="What the provider calls this program.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="The secret the provider gave for it.")
    oidc_name: str = Field(
        "your company account", min_length=1, max_length=40, description="What people sign in with, on the button."
    )
    oidc_roles_claim: str = Field("groups", description="Where the provider says what somebody may do.")
    oidc_admins: str = Field("", description="Values of that claim that make an admin, separated by commas.")
    oidc_operators: str = Field("", description="Values that make an operator.")
    oidc_viewers: str = Field("", description="Values that make a viewer. Without any of them nobody comes in.")

    brand_name: str = Field("CDN monitor", min_length=1, max_length=40, description="Name on every page.")
    brand_color: str = Field("#1d63d8", description="Colour of the logo and of the browser's frame, as #rrggbb.")

    collector_name: str = Field("", max_length=80, description="Name of this collector. Empty: the machine's name.")
    poll_interval: float = Field(
        15.0, ge=1, le=3_600, description="Seconds between polls of a server that has no interval of its own."
    )
    poll_deadline: float = Field(
        5.0, gt=0, le=60, description="Seconds a whole poll may take, whatever the server does."
    )
    connect_timeout: float = Field(3.0, gt=0, le=60, description="Seconds to connect.")
    read_timeout: float = Field(4.0, gt=0, le=60, description="Seconds to wait for the next bytes.")
    poll_allow: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), description="Networks servers may be in, like 10.0.0.0/8, separated by commas. Empty: all but POLL_DENY."
    )
    poll_deny: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), description="Networks nothing is ever sent to, even where POLL_ALLOW has them."
    )
    max_answer_bytes: int = Field(
        8_000_000, ge=10_000, le=500_000_000, description="Largest answer read, after decompression."
    )
    poll_threads: int = Field(75, ge=1, le=1_000, description="Polls under way at once.")
    max_streams_per_server: int = Field(2_000, ge=1, le=100_000, description="Streams followed on one server.")
    clients_interval: float = Field(
        60.0, ge=5, le=3_600, description="Seconds between two lists of an origin's clients, by which pulls are known."
    )
    max_clients_per_server: int = Field(10_000, ge=100, le=1_000_000, description="Clients read of one server.")
    spool_bytes: int = Field(200_000_000, ge=0, description="Disk for polls that the database could not take yet.")

    tell_timeout: float = Field(10.0, gt=0, le=120, description="Seconds one notification may take to be handed over.")
    mail_from: str = Field(
        "", max_length=320, description="Address mail comes from, like alerts@example.com. Empty: no mail is sent."
    )
    sendgrid_api_key: SecretStr = Field(
        SecretStr(""), description="API key of SendGrid, with the right to send mail. Empty: none is sent that way."
    )
    sendgrid_url: str = Field(
        "https://api.sendgrid.com", description="Where SendGrid answers: in the EU https://api.eu.sendgrid.com."
    )
    mail_sandbox: bool = Field(False, description="SendGrid checks what it is given and delivers nothing: for trials.")
    smtp_url: SecretStr = Field(
        SecretStr(""),
        description="Mail server: smtp://user:password@host:587 (STARTTLS), smtps://, or smtp+plain:// without either.",
    )
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="Secret that webhooks are signed with, at least 16 characters. Empty: none is sent."
    )
    webhook_allow: Annotated[tuple[Network, ...], NoDecode] = Field(
        (),
        description="Own networks webhooks and chats may be in, like 10.0.0.0/8. Empty: public addresses alone.",
    )

    retain_samples_days: Days = Field(14, description="Days every poll is kept.")
    retain_stream_samples_days: Days = Field(3, description="Days the minutes of streams are kept.")
    retain_minutes_days: Days = Field(8, description="Days the minutes of servers are kept.")
    retain_five_minutes_days: Days = Field(
        400, description="Days the five minutes of servers are kept: bills need them."
    )
    retain_stream_five_minutes_days: Days = Field(
        62, description="Days the five minutes of streams and channels are kept."
    )
    retain_hours_days: Days = Field(1_826, description="Days the hours of servers and channels are kept.")
    retain_stream_hours_days: Days = Field(400, description="Days the hours of streams are kept.")

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much the programs tell.")
    log_format: Literal["text", "json"] = Field("text", description="Log lines for people (text) or machines (json).")
    web_port: int = Field(8501, ge=1, le=65_535, description="Port of the dashboard, on 127.0.0.1.")

    @field_validator("database_url", "database_url_direct")
    @classmethod
    def _postgresql(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text and not _is_postgresql(text):
            raise ValueError(
                "want postgresql://user:password@host:port/name, with : and / in the password as %3A and %2F"
            )
        return value

    @field_validator("brand_color")
    @classmethod
    def _colour(cls, value: str) -> str:
        digits = value.removeprefix("#")
        if len(value) != 7 or len(digits) != 6 or any(char not in "0123456789abcdefABCDEF" for char in digits):
            raise ValueError("want a colour like #1d63d8")
        return value.lower()

    @field_validator("poll_allow", "poll_deny", "trusted_proxies", "webhook_allow", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        return networks(value) if isinstance(value, str) else value

    @field_validator("api_cors_origins", mode="before")
    @classmethod
    def _origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        origins = tuple(filter(None, (part.strip().lower() for part in value.split(","))))
        if not all(_is_web_address(each) and not urlsplit(each).path for each in origins):
            raise ValueError("want origins like https://board.example, without a path")
        return origins

    @field_validator("public_url", "oidc_issuer", "sendgrid_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not _is_web_address(value):
            raise ValueError("want an address like https://monitor.example, without query or password")
        return value.rstrip("/")

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text and not _is_mail_server(text):
            raise ValueError(
                "want smtp://user:password@host:587 or smtps://…, with : / @ in the password as %3A %2F %40;"
                " smtp+plain://host:25 is not encrypted and takes no password"
            )
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < 16:
            raise ValueError("want at least 16 characters")
        return value

    @field_validator("mail_from")
    @classmethod
    def _bare_address(cls, value: str) -> str:
        name, at, domain = value.partition("@")
        odd = set(' \t\r\n<>,;"') & set(value)
        if value and (odd or not (name and at and domain) or "@" in domain or not value.isascii()):
            raise ValueError("want a bare address like alerts@example.com")
        return value

    @field_validator("secret_key")
    @classmethod
    def _fernet(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if text and not _is_fernet(text):
            raise ValueError("want 32 bytes in URL-safe base64: python -m db new-key")
        return value

    @field_validator("secret_keys_old")
    @classmethod
    def _all_fernet(cls, value: SecretStr) -> SecretStr:
        if not all(map(_is_fernet, _parts(value))):
            raise ValueError("want keys as of SECRET_KEY, separated by commas")
        return value

    @property
    def old_keys(self) -> tuple[str, ...]:
        """The keys of SECRET_KEYS_OLD."""
        return _parts(self.secret_keys_old)

    @property
    def collector(self) -> str:
        """Name of this collector: as set, else the machine's."""
        return self.collector_name or socket.gethostname()


def _parts(value: SecretStr) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, value.get_secret_value().split(","))))


def _is_fernet(key: str) -> bool:
    import base64

    try:
        return len(base64.urlsafe_b64decode(key)) == 32
    except ValueError:
        return False


def _is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.username)


def _is_mail_server(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme == "smtp+plain" and (parts.username or parts.password):
        return False
    bare = not (parts.query or parts.fragment or parts.path.strip("/"))
    return parts.scheme in ("smtp", "smtps", "smtp+plain") and bool(parts.hostname) and bare


def _is_postgresql(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("postgresql", "postgres", "postgresql+psycopg2")


def load(**overrides: object) -> Settings:
    """Read the settings afresh. Raises SettingsError with every fault, never with a secret's value."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{ROOT / '.env'} cannot be read as UTF-8 text: {error}") from None
    except ValidationError as error:
        lines = []
        for fault in error.errors(include_url=False, include_input=False):
            name = ".".join(str(part) for part in fault["loc"]).upper()
            text = fault["msg"].removeprefix("Value error, ")
            if fault["type"] == "extra_forbidden":
                text = "no setting has this name; .env.example lists them"
            lines.append(f"  {name}: {text}")
        raise SettingsError("The configuration cannot be used:\n" + "\n".join(lines)) from None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return load()


def environment(**changes: str) -> dict[str, str]:
    """The environment for a child process: ours with `changes`."""
    return {**os.environ, **changes}
