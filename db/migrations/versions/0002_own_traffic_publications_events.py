"""Traffic to own servers, publications, events, and addresses that pull."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("stream_id", sa.BigInteger(), nullable=False),
        sa.Column("after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("now", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("server_id", "at", "kind", "stream_id", name=op.f("pk_event")),
    )
    op.create_index("ix_event_at", "event", ["at"], unique=False)
    op.create_table(
        "publication",
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("stream_id", sa.BigInteger(), nullable=False),
        sa.Column("began_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.Text(), nullable=True),
        sa.Column("publisher", sa.Text(), nullable=True),
        sa.Column("format", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("server_id", "stream_id", "began_by", name=op.f("pk_publication")),
    )
    op.create_index("ix_publication_began_by", "publication", ["began_by"], unique=False)
    op.create_table(
        "puller",
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("streams", sa.Integer(), nullable=False),
        sa.Column("connections", sa.Integer(), nullable=False),
        sa.Column("connected_seconds", sa.Double(), nullable=True),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("dismissed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_puller_server_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("server_id", "address", name=op.f("pk_puller")),
    )
    op.add_column("sample", sa.Column("internal_bytes", sa.BigInteger(), nullable=True))
    op.add_column("server_status", sa.Column("address", sa.Text(), nullable=True))
    op.drop_column("server_status", "workers")
    op.add_column("server_status", sa.Column("previous", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("server_status", sa.Column("audited", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("server_status", sa.Column("pulls", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("server_status", sa.Column("internal_bytes", sa.BigInteger(), nullable=True))
    op.add_column("stream_status", sa.Column("clients", sa.BigInteger(), nullable=True))
    op.add_column("stream_status", sa.Column("publishers", sa.BigInteger(), nullable=True))
    op.add_column("stream_status", sa.Column("pulls", sa.BigInteger(), nullable=True))
    op.add_column("stream_status", sa.Column("egress_still_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("stream_status", sa.Column("ingress_still_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("stream_status", sa.Column("published_after", sa.DateTime(timezone=True), nullable=True))
    op.add_column("stream_status", sa.Column("published_by", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("stream_status", "viewers", existing_type=sa.BIGINT(), nullable=True)
    op.add_column("traffic_1m", sa.Column("internal_bytes", sa.BigInteger(), nullable=True))
    op.add_column("traffic_1m", sa.Column("origin_bytes", sa.BigInteger(), nullable=True))
    # What was stored as an origin's viewers were its clients, own servers included: nobody knows how many watched.
    origins = "server.role = 'origin'"
    op.execute(f"UPDATE server_status SET viewers = NULL FROM server WHERE server.id = server_id AND {origins}")
    op.execute(f"UPDATE stream_status SET viewers = NULL FROM server WHERE server.id = server_id AND {origins}")
    op.execute(f"UPDATE traffic_1m SET viewer_seconds = NULL FROM server WHERE server.id = server_id AND {origins}")


def downgrade() -> None:
    op.drop_column("traffic_1m", "origin_bytes")
    op.drop_column("traffic_1m", "internal_bytes")
    op.execute("UPDATE stream_status SET viewers = coalesce(clients, 0) WHERE viewers IS NULL")
    op.alter_column("stream_status", "viewers", existing_type=sa.BIGINT(), nullable=False)
    op.drop_column("stream_status", "published_by")
    op.drop_column("stream_status", "published_after")
    op.drop_column("stream_status", "ingress_still_since")
    op.drop_column("stream_status", "egress_still_since")
    op.drop_column("stream_status", "pulls")
    op.drop_column("stream_status", "publishers")
    op.drop_column("stream_status", "clients")
    op.drop_column("server_status", "internal_bytes")
    op.drop_column("server_status", "pulls")
    op.drop_column("server_status", "audited")
    op.drop_column("server_status", "previous")
    op.drop_column("server_status", "address")
    op.add_column(
        "server_status",
        sa.Column("workers", postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default="{}"),
    )
    op.alter_column("server_status", "workers", server_default=None)
    op.drop_column("sample", "internal_bytes")
    op.drop_table("puller")
    op.drop_index("ix_publication_began_by", table_name="publication")
    op.drop_table("publication")
    op.drop_index("ix_event_at", table_name="event")
    op.drop_table("event")
