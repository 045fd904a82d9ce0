"""Servers, samples, streams, collectors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("vhost", sa.Text(), server_default="", nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel")),
        sa.UniqueConstraint("vhost", "app", "name", name=op.f("uq_channel_vhost_app_name")),
    )
    op.create_table(
        "collector",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heartbeat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("servers", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("polls", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("late_polls", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("spooled_polls", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_collector")),
    )
    op.create_table(
        "sample",
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted_seconds", sa.Double(), nullable=True),
        sa.Column("restarted", sa.Boolean(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("up", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("connect_seconds", sa.Double(), nullable=True),
        sa.Column("first_byte_seconds", sa.Double(), nullable=True),
        sa.Column("response_seconds", sa.Double(), nullable=True),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("ingress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("requests", sa.BigInteger(), nullable=True),
        sa.Column("accepted_connections", sa.BigInteger(), nullable=True),
        sa.Column("dropped_connections", sa.BigInteger(), nullable=True),
        sa.Column("origin_bytes", sa.BigInteger(), nullable=True),
        sa.Column("responses_1xx", sa.BigInteger(), nullable=True),
        sa.Column("responses_2xx", sa.BigInteger(), nullable=True),
        sa.Column("responses_3xx", sa.BigInteger(), nullable=True),
        sa.Column("responses_4xx", sa.BigInteger(), nullable=True),
        sa.Column("responses_5xx", sa.BigInteger(), nullable=True),
        sa.Column("cache_hit", sa.BigInteger(), nullable=True),
        sa.Column("cache_miss", sa.BigInteger(), nullable=True),
        sa.Column("cache_bypass", sa.BigInteger(), nullable=True),
        sa.Column("cache_expired", sa.BigInteger(), nullable=True),
        sa.Column("cache_stale", sa.BigInteger(), nullable=True),
        sa.Column("cache_updating", sa.BigInteger(), nullable=True),
        sa.Column("cache_revalidated", sa.BigInteger(), nullable=True),
        sa.Column("cache_scarce", sa.BigInteger(), nullable=True),
        sa.Column("viewers", sa.Double(), nullable=True),
        sa.Column("live_streams", sa.Double(), nullable=True),
        sa.Column("connections", sa.Double(), nullable=True),
        sa.Column("idle_connections", sa.Double(), nullable=True),
        sa.Column("reading_connections", sa.Double(), nullable=True),
        sa.Column("writing_connections", sa.Double(), nullable=True),
        sa.Column("cache_bytes", sa.Double(), nullable=True),
        sa.Column("origins_down", sa.Double(), nullable=True),
        sa.Column("process_cpu", sa.Double(), nullable=True),
        sa.Column("system_cpu", sa.Double(), nullable=True),
        sa.Column("process_memory_peak", sa.Double(), nullable=True),
        sa.Column("system_memory", sa.Double(), nullable=True),
        sa.Column("system_swap", sa.Double(), nullable=True),
        sa.Column("disk_busy", sa.Double(), nullable=True),
        sa.Column("load_1m", sa.Double(), nullable=True),
        sa.Column("load_5m", sa.Double(), nullable=True),
        sa.Column("load_15m", sa.Double(), nullable=True),
        sa.Column("processors", sa.Double(), nullable=True),
        sa.Column("process_uptime", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("server_id", "at", name=op.f("pk_sample")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_table(
        "server",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), server_default="", nullable=False),
        sa.Column("provider", sa.Text(), server_default="", nullable=False),
        sa.Column("capacity_bps", sa.BigInteger(), nullable=True),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("interval_seconds", sa.Float(), nullable=True),
        sa.Column("verify_tls", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("auth", sa.Text(), server_default="none", nullable=False),
        sa.Column("auth_user", sa.Text(), server_default="", nullable=False),
        sa.Column("auth_secret", sa.LargeBinary(), nullable=True),
        sa.Column("paused", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("auth in ('none', 'basic', 'bearer')", name=op.f("ck_server_auth")),
        sa.CheckConstraint("role in ('origin', 'edge')", name=op.f("ck_server_role")),
        sa.CheckConstraint("capacity_bps is null or capacity_bps > 0", name=op.f("ck_server_capacity")),
        sa.CheckConstraint(
            "interval_seconds is null or interval_seconds between 1 and 3600", name=op.f("ck_server_interval")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server")),
    )
    op.create_index("uq_server_name", "server", ["name"], unique=True, postgresql_where=sa.text("retired_at IS NULL"))
    op.create_table(
        "stream_sample",
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stream_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counted_seconds", sa.Double(), nullable=False),
        sa.Column("publishing", sa.Boolean(), nullable=False),
        sa.Column("viewers", sa.BigInteger(), nullable=True),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=False),
        sa.Column("ingress_bytes", sa.BigInteger(), nullable=False),
        sa.Column("frames", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("server_id", "at", "stream_id", name=op.f("pk_stream_sample")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_stream_sample_at", "stream_sample", ["at"], unique=False, postgresql_using="brin")
    op.create_table(
        "traffic_1m",
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("ingress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("viewer_seconds", sa.Double(), nullable=True),
        sa.Column("stream_seconds", sa.Double(), nullable=True),
        sa.Column("covered_seconds", sa.Double(), nullable=False),
        sa.Column("up_seconds", sa.Double(), nullable=False),
        sa.Column("counted_seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("server_id", "at", name=op.f("pk_traffic_1m")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index("ix_traffic_1m_at", "traffic_1m", ["at"], unique=False)
    op.create_table(
        "server_address",
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("network", postgresql.CIDR(), nullable=False),
        sa.ForeignKeyConstraint(
            ["server_id"], ["server.id"], name=op.f("fk_server_address_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("server_id", "network", name=op.f("pk_server_address")),
    )
    op.create_table(
        "server_origin",
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("origin_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("server_id <> origin_id", name=op.f("ck_server_origin_not_itself")),
        sa.ForeignKeyConstraint(
            ["origin_id"], ["server.id"], name=op.f("fk_server_origin_origin_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["server_id"], ["server.id"], name=op.f("fk_server_origin_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("server_id", "origin_id", name=op.f("pk_server_origin")),
    )
    op.create_index(op.f("ix_server_origin_origin_id"), "server_origin", ["origin_id"], unique=False)
    op.create_table(
        "server_status",
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("good_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("up", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("connect_seconds", sa.Double(), nullable=True),
        sa.Column("first_byte_seconds", sa.Double(), nullable=True),
        sa.Column("response_seconds", sa.Double(), nullable=True),
        sa.Column("software", sa.Text(), nullable=True),
        sa.Column("notes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("collector", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("certificate_expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column("clock_difference", sa.Double(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("process", sa.Text(), nullable=True),
        sa.Column("clock", sa.Double(), nullable=True),
        sa.Column("counters", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("workers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("streams_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("counted_seconds", sa.Double(), nullable=True),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("ingress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("requests", sa.BigInteger(), nullable=True),
        sa.Column("accepted_connections", sa.BigInteger(), nullable=True),
        sa.Column("dropped_connections", sa.BigInteger(), nullable=True),
        sa.Column("origin_bytes", sa.BigInteger(), nullable=True),
        sa.Column("responses_1xx", sa.BigInteger(), nullable=True),
        sa.Column("responses_2xx", sa.BigInteger(), nullable=True),
        sa.Column("responses_3xx", sa.BigInteger(), nullable=True),
        sa.Column("responses_4xx", sa.BigInteger(), nullable=True),
        sa.Column("responses_5xx", sa.BigInteger(), nullable=True),
        sa.Column("cache_hit", sa.BigInteger(), nullable=True),
        sa.Column("cache_miss", sa.BigInteger(), nullable=True),
        sa.Column("cache_bypass", sa.BigInteger(), nullable=True),
        sa.Column("cache_expired", sa.BigInteger(), nullable=True),
        sa.Column("cache_stale", sa.BigInteger(), nullable=True),
        sa.Column("cache_updating", sa.BigInteger(), nullable=True),
        sa.Column("cache_revalidated", sa.BigInteger(), nullable=True),
        sa.Column("cache_scarce", sa.BigInteger(), nullable=True),
        sa.Column("viewers", sa.Double(), nullable=True),
        sa.Column("live_streams", sa.Double(), nullable=True),
        sa.Column("connections", sa.Double(), nullable=True),
        sa.Column("idle_connections", sa.Double(), nullable=True),
        sa.Column("reading_connections", sa.Double(), nullable=True),
        sa.Column("writing_connections", sa.Double(), nullable=True),
        sa.Column("cache_bytes", sa.Double(), nullable=True),
        sa.Column("origins_down", sa.Double(), nullable=True),
        sa.Column("process_cpu", sa.Double(), nullable=True),
        sa.Column("system_cpu", sa.Double(), nullable=True),
        sa.Column("process_memory_peak", sa.Double(), nullable=True),
        sa.Column("system_memory", sa.Double(), nullable=True),
        sa.Column("system_swap", sa.Double(), nullable=True),
        sa.Column("disk_busy", sa.Double(), nullable=True),
        sa.Column("load_1m", sa.Double(), nullable=True),
        sa.Column("load_5m", sa.Double(), nullable=True),
        sa.Column("load_15m", sa.Double(), nullable=True),
        sa.Column("processors", sa.Double(), nullable=True),
        sa.Column("process_uptime", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["server_id"], ["server.id"], name=op.f("fk_server_status_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("server_id", name=op.f("pk_server_status")),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_table(
        "stream",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["channel_id"], ["channel.id"], name=op.f("fk_stream_channel_id")),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_stream_server_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stream")),
        sa.UniqueConstraint("server_id", "url", name=op.f("uq_stream_server_id_url")),
    )
    op.create_index(op.f("ix_stream_channel_id"), "stream", ["channel_id"], unique=False)
    op.create_table(
        "stream_status",
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("stream_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("incarnation", sa.Text(), nullable=False),
        sa.Column("publishing", sa.Boolean(), nullable=False),
        sa.Column("publisher", sa.Text(), nullable=True),
        sa.Column("viewers", sa.BigInteger(), nullable=False),
        sa.Column("video", sa.Text(), nullable=True),
        sa.Column("audio", sa.Text(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("clock", sa.Double(), nullable=True),
        sa.Column("egress_bytes_total", sa.BigInteger(), nullable=True),
        sa.Column("ingress_bytes_total", sa.BigInteger(), nullable=True),
        sa.Column("frames_total", sa.BigInteger(), nullable=True),
        sa.Column("counted_seconds", sa.Double(), nullable=True),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("ingress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("frames", sa.BigInteger(), nullable=True),
        sa.Column("pending_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("pending_seconds", sa.Double(), nullable=False),
        sa.Column("pending_egress_bytes", sa.BigInteger(), nullable=False),
        sa.Column("pending_ingress_bytes", sa.BigInteger(), nullable=False),
        sa.Column("pending_frames", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["server_id"], ["server.id"], name=op.f("fk_stream_status_server_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["stream_id"], ["stream.id"], name=op.f("fk_stream_status_stream_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("server_id", "stream_id", name=op.f("pk_stream_status")),
        postgresql_with={"fillfactor": "70"},
    )


def downgrade() -> None:
    op.drop_table("stream_status")
    op.drop_index(op.f("ix_stream_channel_id"), table_name="stream")
    op.drop_table("stream")
    op.drop_table("server_status")
    op.drop_index(op.f("ix_server_origin_origin_id"), table_name="server_origin")
    op.drop_table("server_origin")
    op.drop_table("server_address")
    op.drop_index("ix_traffic_1m_at", table_name="traffic_1m")
    op.drop_table("traffic_1m")
    op.drop_index("ix_stream_sample_at", table_name="stream_sample", postgresql_using="brin")
    op.drop_table("stream_sample")
    op.drop_index("uq_server_name", table_name="server", postgresql_where=sa.text("retired_at IS NULL"))
    op.drop_table("server")
    op.drop_table("sample")
    op.drop_table("collector")
    op.drop_table("channel")
