"""Nouns that people edit, and those that identify what is measured. Measurements are in `measurements.py`."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, CIDR, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """All tables of the project share this metadata."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar = {str: Text, int: BigInteger, float: Float, datetime: DateTime(timezone=True)}


class Server(Base):
    """A thing to poll. Retired servers keep their row: history needs the name."""

    __tablename__ = "server"
    __table_args__ = (
        CheckConstraint("role in ('origin', 'edge')", name="role"),
        CheckConstraint("auth in ('none', 'basic', 'bearer')", name="auth"),
        CheckConstraint("interval_seconds is null or interval_seconds between 1 and 3600", name="interval"),
        CheckConstraint("capacity_bps is null or capacity_bps > 0", name="capacity"),
        # A retired server's name may be used again.
        Index("uq_server_name", "name", unique=True, postgresql_where=text("retired_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    url: Mapped[str]
    role: Mapped[str]
    region: Mapped[str] = mapped_column(server_default="")
    provider: Mapped[str] = mapped_column(server_default="")
    capacity_bps: Mapped[int | None]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    interval_seconds: Mapped[float | None]
    verify_tls: Mapped[bool] = mapped_column(server_default=text("true"))
    auth: Mapped[str] = mapped_column(server_default="none")
    auth_user: Mapped[str] = mapped_column(server_default="")
    auth_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    paused: Mapped[bool] = mapped_column(server_default=text("false"))
    retired_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # Counts the changes: collectors notice by it, and two people editing at once are told.
    version: Mapped[int] = mapped_column(server_default=text("1"))

    origins: Mapped[list[Server]] = relationship(
        secondary="server_origin",
        primaryjoin="Server.id == ServerOrigin.server_id",
        secondaryjoin="Server.id == ServerOrigin.origin_id",
        order_by="Server.name",
    )
    addresses: Mapped[list[ServerAddress]] = relationship(
        cascade="all, delete-orphan", order_by="ServerAddress.network"
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  (SQLAlchemy declares it on the instance)


class ServerOrigin(Base):
    """`server_id` pulls from `origin_id`."""

    __tablename__ = "server_origin"
    __table_args__ = (CheckConstraint("server_id <> origin_id", name="not_itself"),)

    server_id: Mapped[int] = mapped_column(ForeignKey("server.id", ondelete="CASCADE"), primary_key=True)
    origin_id: Mapped[int] = mapped_column(ForeignKey("server.id", ondelete="CASCADE"), primary_key=True, index=True)


class ServerAddress(Base):
    """A network a server connects from, by which its pulls are recognised on an origin."""

    __tablename__ = "server_address"

    server_id: Mapped[int] = mapped_column(ForeignKey("server.id", ondelete="CASCADE"), primary_key=True)
    network: Mapped[str] = mapped_column(CIDR, primary_key=True)


class Channel(Base):
    """An app/name (and vhost) across all servers.

    schedule: when it is expected on air, as `cdn.schedule` reads it, in the time zone `zone`; empty: always.
    """

    __tablename__ = "channel"
    __table_args__ = (UniqueConstraint("vhost", "app", "name"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    vhost: Mapped[str] = mapped_column(server_default="")
    app: Mapped[str]
    name: Mapped[str]
    schedule: Mapped[str] = mapped_column(server_default="")
    zone: Mapped[str] = mapped_column(server_default="UTC")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Stream(Base):
    """A stream on a server. The server's ids change with every process, so its url is the key."""

    __tablename__ = "stream"
    __table_args__ = (UniqueConstraint("server_id", "url"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id", ondelete="CASCADE"))
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"), index=True)
    url: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AppUser(Base):
    """A person who may come in. Disabled, never deleted: the audit trail needs the name."""

    __tablename__ = "app_user"
    __table_args__ = (
        CheckConstraint("role in ('viewer', 'operator', 'admin')", name="role"),
        Index("uq_app_user_name", text("lower(name)"), unique=True),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    # Argon2; null where the person signs in elsewhere.
    password_hash: Mapped[str | None]
    must_change: Mapped[bool] = mapped_column(server_default=text("false"))
    # Issuer and subject of OpenID Connect.
    oidc_subject: Mapped[str | None] = mapped_column(unique=True)
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    signed_in_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  (SQLAlchemy declares it on the instance)


class WebSession(Base):
    """One browser that is signed in. Its secret is only in the browser; here is its hash."""

    __tablename__ = "web_session"

    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(server_default="")
    agent: Mapped[str] = mapped_column(server_default="")


class ApiToken(Base):
    """What a program signs in with. `hint` is how the secret begins; of the rest only the hash is here."""

    __tablename__ = "api_token"
    __table_args__ = (CheckConstraint("scope in ('read', 'operate', 'admin')", name="scope"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    hint: Mapped[str]
    scope: Mapped[str]
    # Whose it is: it can do no more than that person, and nothing once the account is disabled. Null: of nobody.
    user_id: Mapped[int | None] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"), index=True)
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Guess(Base):
    """Wrong passwords of late, by what is slowed down: an account from an address, an address, an account."""

    __tablename__ = "guess"

    subject: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    at: Mapped[datetime]
    blocked_until: Mapped[datetime | None]


class Audit(Base):
    """Who changed what. `before` and `after` hold no secret."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at", "at"),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    via: Mapped[str]
    address: Mapped[str] = mapped_column(server_default="")
    action: Mapped[str]
    subject: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    after: Mapped[dict[str, Any] | None] = mapped_column(JSONB)


class Collector(Base):
    """A collector daemon and its last sign of life. `stopped_at` is set where it said goodbye."""

    __tablename__ = "collector"

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[str]
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
    servers: Mapped[int] = mapped_column(server_default=text("0"))
    polls: Mapped[int] = mapped_column(server_default=text("0"))
    late_polls: Mapped[int] = mapped_column(server_default=text("0"))
    spooled_polls: Mapped[int] = mapped_column(server_default=text("0"))


class Kept(Base):
    """For how many days a table of measurements is kept, as somebody agreed to."""

    __tablename__ = "kept"

    name: Mapped[str] = mapped_column(primary_key=True)
    days: Mapped[int] = mapped_column(Integer)


class Contract(Base):
    """What a carrier bills for: a percentile of five-minute averages in a calendar month of `zone`.

    Its servers are those named in `contract_server`; where there are none, those of `provider`.
    direction: out, in, larger_sample (the larger of both in each interval), larger_direction (each direction's
    percentile, then the larger). price is per Mbit/s and month, overage_price beyond commit_bps. calibration: what
    the carrier counts for each byte that we do.
    """

    __tablename__ = "contract"
    __table_args__ = (
        CheckConstraint("direction in ('out', 'in', 'larger_sample', 'larger_direction')", name="direction"),
        CheckConstraint("percentile > 0 and percentile <= 100", name="percentile"),
        CheckConstraint("commit_bps >= 0 and price >= 0 and calibration > 0", name="amounts"),
        Index("uq_contract_name", "name", unique=True, postgresql_where=text("retired_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str]
    provider: Mapped[str] = mapped_column(server_default="")
    direction: Mapped[str] = mapped_column(server_default="out")
    percentile: Mapped[float] = mapped_column(server_default=text("95"))
    commit_bps: Mapped[int] = mapped_column(server_default=text("0"))
    price: Mapped[Decimal] = mapped_column(Numeric(14, 6), server_default=text("0"))
    overage_price: Mapped[Decimal | None] = mapped_column(Numeric(14, 6))
    currency: Mapped[str] = mapped_column(server_default="EUR")
    zone: Mapped[str] = mapped_column(server_default="UTC")
    calibration: Mapped[float] = mapped_column(server_default=text("1"))
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    retired_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    version: Mapped[int] = mapped_column(server_default=text("1"))

    servers: Mapped[list[Server]] = relationship(secondary="contract_server", order_by="Server.name")

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  (SQLAlchemy declares it on the instance)


class ContractServer(Base):
    """A server whose traffic a contract bills."""

    __tablename__ = "contract_server"

    contract_id: Mapped[int] = mapped_column(ForeignKey("contract.id", ondelete="CASCADE"), primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("server.id", ondelete="CASCADE"), primary_key=True, index=True)


class Annotation(Base):
    """A marker on the time axis: at a moment, or until another. It is about everything unless it names something."""

    __tablename__ = "annotation"
    __table_args__ = (
        CheckConstraint("kind in ('deploy', 'match', 'incident', 'other')", name="kind"),
        CheckConstraint("until is null or until >= at", name="until"),
        Index("ix_annotation_at", "at"),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    at: Mapped[datetime]
    until: Mapped[datetime | None]
    kind: Mapped[str] = mapped_column(server_default="other")
    words: Mapped[str]
    region: Mapped[str] = mapped_column(server_default="")
    server_id: Mapped[int | None] = mapped_column(ForeignKey("server.id", ondelete="CASCADE"))
    channel_id: Mapped[int | None] = mapped_column(ForeignKey("channel.id", ondelete="CASCADE"))
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    version: Mapped[int] = mapped_column(server_default=text("1"))

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  (SQLAlchemy declares it on the instance)
