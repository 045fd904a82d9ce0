"""Shapes of accounts, tokens and the audit trail. No secret is ever among them, but a token's when it is made."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints

from web.api.inputs import Moment

Named = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Password = Annotated[str, StringConstraints(min_length=10, max_length=200)]


class Scope(StrEnum):
    """What a token may do; each holds those before it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


class AccountRole(StrEnum):
    """What a person may do: look; act on what is going on; change the set-up."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Token(BaseModel):
    """A token of a program, without its secret."""

    id: int
    name: str
    hint: str = Field(description="How its secret begins.")
    scope: Scope
    owner: str | None = Field(description="Whose it is: it can do no more than that person. null: of nobody.")
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To within a minute.")
    revoked_at: datetime | None


class WantedToken(BaseModel):
    """A token to make."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "wall", "scope": "read"}]})

    name: Named
    scope: Scope
    expires_at: Moment | None = Field(None, description="null: it does not end by itself.")


class MadeToken(BaseModel):
    """A token that was made."""

    id: int
    secret: str = Field(description="Shown now, and never again.")


class User(BaseModel):
    """An account."""

    id: int
    name: str
    role: AccountRole
    version: int = Field(description="Counts the changes.")
    disabled_at: datetime | None
    created_at: datetime
    signed_in_at: datetime | None
    must_change: bool = Field(description="Has to choose another password first.")
    has_password: bool
    signs_in_elsewhere: bool
    sessions: int = Field(description="Sessions that are not over.")


class NewUser(BaseModel):
    """An account to add. Its person chooses another password at the first sign-in."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "mia", "role": "operator", "password": "choose-a-long-one-42"}]},
    )

    name: Named
    role: AccountRole
    password: Password


class UserChanges(BaseModel):
    """What to change of an account; what is left out stays. It takes effect within seconds."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "viewer"}]})

    version: Annotated[StrictInt, Field(ge=1, le=2**62)] | None = Field(
        None, description="What the change was made from; instead of If-Match."
    )
    role: AccountRole | None = None
    disabled: StrictBool | None = None


class NewPassword(BaseModel):
    """A password for somebody, to be changed at the next sign-in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"password": "choose-a-long-one-42"}]})

    password: Password


class Ended(BaseModel):
    """How many sessions ended."""

    sessions: int


class AuditEntry(BaseModel):
    """A change that somebody made."""

    id: int
    at: datetime
    actor: str
    via: str = Field(description="local, password, oidc or token.")
    address: str
    action: str = Field(description="noun.verb, as server.change.")
    subject: str
    before: dict[str, Any] | None = Field(description="What differs, as it was.")
    after: dict[str, Any] | None = Field(description="What differs, as it is since.")
