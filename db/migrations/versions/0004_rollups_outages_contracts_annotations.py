"""Roll-ups by five minutes and hours, outages, contracts, annotations, when channels are expected on air."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "channel_1h",
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=False),
        sa.Column("viewers", sa.Double(), nullable=True),
        sa.Column("viewers_max", sa.Double(), nullable=True),
        sa.Column("viewer_seconds", sa.Double(), nullable=True),
        sa.Column("publishing_seconds", sa.REAL(), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "at", name=op.f("pk_channel_1h")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        "ix_channel_1h_at",
        "channel_1h",
        ["at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )
    op.create_table(
        "channel_5m",
        sa.Column("channel_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=False),
        sa.Column("viewers", sa.Double(), nullable=True),
        sa.Column("viewers_max", sa.Double(), nullable=True),
        sa.Column("viewer_seconds", sa.Double(), nullable=True),
        sa.Column("publishing_seconds", sa.REAL(), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "at", name=op.f("pk_channel_5m")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        "ix_channel_5m_at",
        "channel_5m",
        ["at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )
    op.create_table(
        "contract",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), server_default="", nullable=False),
        sa.Column("direction", sa.Text(), server_default="out", nullable=False),
        sa.Column("percentile", sa.Float(), server_default=sa.text("95"), nullable=False),
        sa.Column("commit_bps", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("price", sa.Numeric(precision=14, scale=6), server_default=sa.text("0"), nullable=False),
        sa.Column("overage_price", sa.Numeric(precision=14, scale=6), nullable=True),
        sa.Column("currency", sa.Text(), server_default="EUR", nullable=False),
        sa.Column("zone", sa.Text(), server_default="UTC", nullable=False),
        sa.Column("calibration", sa.Float(), server_default=sa.text("1"), nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint(
            "direction in ('out', 'in', 'larger_sample', 'larger_direction')", name=op.f("ck_contract_direction")
        ),
        sa.CheckConstraint("commit_bps >= 0 and price >= 0 and calibration > 0", name=op.f("ck_contract_amounts")),
        sa.CheckConstraint("percentile > 0 and percentile <= 100", name=op.f("ck_contract_percentile")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract")),
    )
    op.create_index(
        "uq_contract_name", "contract", ["name"], unique=True, postgresql_where=sa.text("retired_at IS NULL")
    )
    op.create_table(
        "group_1h",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("servers", sa.Integer(), nullable=False),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("ingress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("internal_bytes", sa.BigInteger(), nullable=True),
        sa.Column("origin_bytes", sa.BigInteger(), nullable=True),
        sa.Column("delivered_bytes", sa.BigInteger(), nullable=True),
        sa.Column("home_bytes", sa.BigInteger(), nullable=True),
        sa.Column("untold_bytes", sa.BigInteger(), nullable=True),
        sa.Column("viewers", sa.Double(), nullable=True),
        sa.Column("streams", sa.Double(), nullable=True),
        sa.Column("viewer_seconds", sa.Double(), nullable=True),
        sa.Column("covered_seconds", sa.Double(), nullable=False),
        sa.Column("up_seconds", sa.Double(), nullable=False),
        sa.Column("counted_seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("at", "group_id", name=op.f("pk_group_1h")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_table(
        "group_5m",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("group_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("servers", sa.Integer(), nullable=False),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("ingress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("internal_bytes", sa.BigInteger(), nullable=True),
        sa.Column("origin_bytes", sa.BigInteger(), nullable=True),
        sa.Column("delivered_bytes", sa.BigInteger(), nullable=True),
        sa.Column("home_bytes", sa.BigInteger(), nullable=True),
        sa.Column("untold_bytes", sa.BigInteger(), nullable=True),
        sa.Column("viewers", sa.Double(), nullable=True),
        sa.Column("streams", sa.Double(), nullable=True),
        sa.Column("viewer_seconds", sa.Double(), nullable=True),
        sa.Column("covered_seconds", sa.Double(), nullable=False),
        sa.Column("up_seconds", sa.Double(), nullable=False),
        sa.Column("counted_seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("at", "group_id", name=op.f("pk_group_5m")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_table(
        "outage",
        sa.Column("server_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("began_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_after", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("server_id", "began_by", name=op.f("pk_outage")),
    )
    op.create_index("ix_outage_began_by", "outage", ["began_by"], unique=False)
    # What goes on already has begun: else it would be told only once it is over.
    op.execute(
        "INSERT INTO outage (server_id, began_by, began_after, reason)"
        " SELECT server_id, state_since, good_at, reason FROM server_status WHERE NOT up"
    )
    op.create_table(
        "rollup_due",
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_rollup_due_seconds", "rollup_due", ["seconds", "at"], unique=False)
    op.create_table(
        "server_1h",
        sa.Column("server_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("covered_seconds", sa.REAL(), nullable=False),
        sa.Column("up_seconds", sa.REAL(), nullable=False),
        sa.Column("counted_seconds", sa.REAL(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=True),
        sa.Column("accepted_connections", sa.BigInteger(), nullable=True),
        sa.Column("dropped_connections", sa.BigInteger(), nullable=True),
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
        sa.Column("connect_seconds", sa.REAL(), nullable=True),
        sa.Column("connect_seconds_min", sa.REAL(), nullable=True),
        sa.Column("connect_seconds_max", sa.REAL(), nullable=True),
        sa.Column("connect_seconds_known", sa.REAL(), nullable=True),
        sa.Column("first_byte_seconds", sa.REAL(), nullable=True),
        sa.Column("first_byte_seconds_min", sa.REAL(), nullable=True),
        sa.Column("first_byte_seconds_max", sa.REAL(), nullable=True),
        sa.Column("first_byte_seconds_known", sa.REAL(), nullable=True),
        sa.Column("response_seconds", sa.REAL(), nullable=True),
        sa.Column("response_seconds_min", sa.REAL(), nullable=True),
        sa.Column("response_seconds_max", sa.REAL(), nullable=True),
        sa.Column("response_seconds_known", sa.REAL(), nullable=True),
        sa.Column("viewers", sa.REAL(), nullable=True),
        sa.Column("viewers_min", sa.REAL(), nullable=True),
        sa.Column("viewers_max", sa.REAL(), nullable=True),
        sa.Column("viewers_known", sa.REAL(), nullable=True),
        sa.Column("live_streams", sa.REAL(), nullable=True),
        sa.Column("live_streams_min", sa.REAL(), nullable=True),
        sa.Column("live_streams_max", sa.REAL(), nullable=True),
        sa.Column("live_streams_known", sa.REAL(), nullable=True),
        sa.Column("connections", sa.REAL(), nullable=True),
        sa.Column("connections_min", sa.REAL(), nullable=True),
        sa.Column("connections_max", sa.REAL(), nullable=True),
        sa.Column("connections_known", sa.REAL(), nullable=True),
        sa.Column("idle_connections", sa.REAL(), nullable=True),
        sa.Column("idle_connections_min", sa.REAL(), nullable=True),
        sa.Column("idle_connections_max", sa.REAL(), nullable=True),
        sa.Column("idle_connections_known", sa.REAL(), nullable=True),
        sa.Column("reading_connections", sa.REAL(), nullable=True),
        sa.Column("reading_connections_min", sa.REAL(), nullable=True),
        sa.Column("reading_connections_max", sa.REAL(), nullable=True),
        sa.Column("reading_connections_known", sa.REAL(), nullable=True),
        sa.Column("writing_connections", sa.REAL(), nullable=True),
        sa.Column("writing_connections_min", sa.REAL(), nullable=True),
        sa.Column("writing_connections_max", sa.REAL(), nullable=True),
        sa.Column("writing_connections_known", sa.REAL(), nullable=True),
        sa.Column("cache_bytes", sa.REAL(), nullable=True),
        sa.Column("cache_bytes_min", sa.REAL(), nullable=True),
        sa.Column("cache_bytes_max", sa.REAL(), nullable=True),
        sa.Column("cache_bytes_known", sa.REAL(), nullable=True),
        sa.Column("origins_down", sa.REAL(), nullable=True),
        sa.Column("origins_down_min", sa.REAL(), nullable=True),
        sa.Column("origins_down_max", sa.REAL(), nullable=True),
        sa.Column("origins_down_known", sa.REAL(), nullable=True),
        sa.Column("process_cpu", sa.REAL(), nullable=True),
        sa.Column("process_cpu_min", sa.REAL(), nullable=True),
        sa.Column("process_cpu_max", sa.REAL(), nullable=True),
        sa.Column("process_cpu_known", sa.REAL(), nullable=True),
        sa.Column("system_cpu", sa.REAL(), nullable=True),
        sa.Column("system_cpu_min", sa.REAL(), nullable=True),
        sa.Column("system_cpu_max", sa.REAL(), nullable=True),
        sa.Column("system_cpu_known", sa.REAL(), nullable=True),
        sa.Column("process_memory_peak", sa.REAL(), nullable=True),
        sa.Column("process_memory_peak_min", sa.REAL(), nullable=True),
        sa.Column("process_memory_peak_max", sa.REAL(), nullable=True),
        sa.Column("process_memory_peak_known", sa.REAL(), nullable=True),
        sa.Column("system_memory", sa.REAL(), nullable=True),
        sa.Column("system_memory_min", sa.REAL(), nullable=True),
        sa.Column("system_memory_max", sa.REAL(), nullable=True),
        sa.Column("system_memory_known", sa.REAL(), nullable=True),
        sa.Column("system_swap", sa.REAL(), nullable=True),
        sa.Column("system_swap_min", sa.REAL(), nullable=True),
        sa.Column("system_swap_max", sa.REAL(), nullable=True),
        sa.Column("system_swap_known", sa.REAL(), nullable=True),
        sa.Column("disk_busy", sa.REAL(), nullable=True),
        sa.Column("disk_busy_min", sa.REAL(), nullable=True),
        sa.Column("disk_busy_max", sa.REAL(), nullable=True),
        sa.Column("disk_busy_known", sa.REAL(), nullable=True),
        sa.Column("load_1m", sa.REAL(), nullable=True),
        sa.Column("load_1m_min", sa.REAL(), nullable=True),
        sa.Column("load_1m_max", sa.REAL(), nullable=True),
        sa.Column("load_1m_known", sa.REAL(), nullable=True),
        sa.Column("load_5m", sa.REAL(), nullable=True),
        sa.Column("load_5m_min", sa.REAL(), nullable=True),
        sa.Column("load_5m_max", sa.REAL(), nullable=True),
        sa.Column("load_5m_known", sa.REAL(), nullable=True),
        sa.Column("load_15m", sa.REAL(), nullable=True),
        sa.Column("load_15m_min", sa.REAL(), nullable=True),
        sa.Column("load_15m_max", sa.REAL(), nullable=True),
        sa.Column("load_15m_known", sa.REAL(), nullable=True),
        sa.Column("processors", sa.REAL(), nullable=True),
        sa.Column("processors_min", sa.REAL(), nullable=True),
        sa.Column("processors_max", sa.REAL(), nullable=True),
        sa.Column("processors_known", sa.REAL(), nullable=True),
        sa.Column("process_uptime", sa.REAL(), nullable=True),
        sa.Column("process_uptime_min", sa.REAL(), nullable=True),
        sa.Column("process_uptime_max", sa.REAL(), nullable=True),
        sa.Column("process_uptime_known", sa.REAL(), nullable=True),
        sa.PrimaryKeyConstraint("server_id", "at", name=op.f("pk_server_1h")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        "ix_server_1h_at",
        "server_1h",
        ["at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )
    op.create_table(
        "server_5m",
        sa.Column("server_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("covered_seconds", sa.REAL(), nullable=False),
        sa.Column("up_seconds", sa.REAL(), nullable=False),
        sa.Column("counted_seconds", sa.REAL(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=True),
        sa.Column("accepted_connections", sa.BigInteger(), nullable=True),
        sa.Column("dropped_connections", sa.BigInteger(), nullable=True),
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
        sa.Column("connect_seconds", sa.REAL(), nullable=True),
        sa.Column("connect_seconds_min", sa.REAL(), nullable=True),
        sa.Column("connect_seconds_max", sa.REAL(), nullable=True),
        sa.Column("connect_seconds_known", sa.REAL(), nullable=True),
        sa.Column("first_byte_seconds", sa.REAL(), nullable=True),
        sa.Column("first_byte_seconds_min", sa.REAL(), nullable=True),
        sa.Column("first_byte_seconds_max", sa.REAL(), nullable=True),
        sa.Column("first_byte_seconds_known", sa.REAL(), nullable=True),
        sa.Column("response_seconds", sa.REAL(), nullable=True),
        sa.Column("response_seconds_min", sa.REAL(), nullable=True),
        sa.Column("response_seconds_max", sa.REAL(), nullable=True),
        sa.Column("response_seconds_known", sa.REAL(), nullable=True),
        sa.Column("viewers", sa.REAL(), nullable=True),
        sa.Column("viewers_min", sa.REAL(), nullable=True),
        sa.Column("viewers_max", sa.REAL(), nullable=True),
        sa.Column("viewers_known", sa.REAL(), nullable=True),
        sa.Column("live_streams", sa.REAL(), nullable=True),
        sa.Column("live_streams_min", sa.REAL(), nullable=True),
        sa.Column("live_streams_max", sa.REAL(), nullable=True),
        sa.Column("live_streams_known", sa.REAL(), nullable=True),
        sa.Column("connections", sa.REAL(), nullable=True),
        sa.Column("connections_min", sa.REAL(), nullable=True),
        sa.Column("connections_max", sa.REAL(), nullable=True),
        sa.Column("connections_known", sa.REAL(), nullable=True),
        sa.Column("idle_connections", sa.REAL(), nullable=True),
        sa.Column("idle_connections_min", sa.REAL(), nullable=True),
        sa.Column("idle_connections_max", sa.REAL(), nullable=True),
        sa.Column("idle_connections_known", sa.REAL(), nullable=True),
        sa.Column("reading_connections", sa.REAL(), nullable=True),
        sa.Column("reading_connections_min", sa.REAL(), nullable=True),
        sa.Column("reading_connections_max", sa.REAL(), nullable=True),
        sa.Column("reading_connections_known", sa.REAL(), nullable=True),
        sa.Column("writing_connections", sa.REAL(), nullable=True),
        sa.Column("writing_connections_min", sa.REAL(), nullable=True),
        sa.Column("writing_connections_max", sa.REAL(), nullable=True),
        sa.Column("writing_connections_known", sa.REAL(), nullable=True),
        sa.Column("cache_bytes", sa.REAL(), nullable=True),
        sa.Column("cache_bytes_min", sa.REAL(), nullable=True),
        sa.Column("cache_bytes_max", sa.REAL(), nullable=True),
        sa.Column("cache_bytes_known", sa.REAL(), nullable=True),
        sa.Column("origins_down", sa.REAL(), nullable=True),
        sa.Column("origins_down_min", sa.REAL(), nullable=True),
        sa.Column("origins_down_max", sa.REAL(), nullable=True),
        sa.Column("origins_down_known", sa.REAL(), nullable=True),
        sa.Column("process_cpu", sa.REAL(), nullable=True),
        sa.Column("process_cpu_min", sa.REAL(), nullable=True),
        sa.Column("process_cpu_max", sa.REAL(), nullable=True),
        sa.Column("process_cpu_known", sa.REAL(), nullable=True),
        sa.Column("system_cpu", sa.REAL(), nullable=True),
        sa.Column("system_cpu_min", sa.REAL(), nullable=True),
        sa.Column("system_cpu_max", sa.REAL(), nullable=True),
        sa.Column("system_cpu_known", sa.REAL(), nullable=True),
        sa.Column("process_memory_peak", sa.REAL(), nullable=True),
        sa.Column("process_memory_peak_min", sa.REAL(), nullable=True),
        sa.Column("process_memory_peak_max", sa.REAL(), nullable=True),
        sa.Column("process_memory_peak_known", sa.REAL(), nullable=True),
        sa.Column("system_memory", sa.REAL(), nullable=True),
        sa.Column("system_memory_min", sa.REAL(), nullable=True),
        sa.Column("system_memory_max", sa.REAL(), nullable=True),
        sa.Column("system_memory_known", sa.REAL(), nullable=True),
        sa.Column("system_swap", sa.REAL(), nullable=True),
        sa.Column("system_swap_min", sa.REAL(), nullable=True),
        sa.Column("system_swap_max", sa.REAL(), nullable=True),
        sa.Column("system_swap_known", sa.REAL(), nullable=True),
        sa.Column("disk_busy", sa.REAL(), nullable=True),
        sa.Column("disk_busy_min", sa.REAL(), nullable=True),
        sa.Column("disk_busy_max", sa.REAL(), nullable=True),
        sa.Column("disk_busy_known", sa.REAL(), nullable=True),
        sa.Column("load_1m", sa.REAL(), nullable=True),
        sa.Column("load_1m_min", sa.REAL(), nullable=True),
        sa.Column("load_1m_max", sa.REAL(), nullable=True),
        sa.Column("load_1m_known", sa.REAL(), nullable=True),
        sa.Column("load_5m", sa.REAL(), nullable=True),
        sa.Column("load_5m_min", sa.REAL(), nullable=True),
        sa.Column("load_5m_max", sa.REAL(), nullable=True),
        sa.Column("load_5m_known", sa.REAL(), nullable=True),
        sa.Column("load_15m", sa.REAL(), nullable=True),
        sa.Column("load_15m_min", sa.REAL(), nullable=True),
        sa.Column("load_15m_max", sa.REAL(), nullable=True),
        sa.Column("load_15m_known", sa.REAL(), nullable=True),
        sa.Column("processors", sa.REAL(), nullable=True),
        sa.Column("processors_min", sa.REAL(), nullable=True),
        sa.Column("processors_max", sa.REAL(), nullable=True),
        sa.Column("processors_known", sa.REAL(), nullable=True),
        sa.Column("process_uptime", sa.REAL(), nullable=True),
        sa.Column("process_uptime_min", sa.REAL(), nullable=True),
        sa.Column("process_uptime_max", sa.REAL(), nullable=True),
        sa.Column("process_uptime_known", sa.REAL(), nullable=True),
        sa.PrimaryKeyConstraint("server_id", "at", name=op.f("pk_server_5m")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        "ix_server_5m_at",
        "server_5m",
        ["at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )
    op.create_table(
        "kept",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_kept")),
    )
    op.create_table(
        "server_group",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tags", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_server_group")),
        sa.UniqueConstraint(
            "role", "region", "provider", "kind", "tags", name=op.f("uq_server_group_role_region_provider_kind_tags")
        ),
    )
    op.create_table(
        "stream_1h",
        sa.Column("server_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=False),
        sa.Column("ingress_bytes", sa.BigInteger(), nullable=False),
        sa.Column("counted_seconds", sa.REAL(), nullable=False),
        sa.Column("publishing_seconds", sa.REAL(), nullable=False),
        sa.Column("viewers", sa.REAL(), nullable=True),
        sa.Column("viewers_max", sa.Integer(), nullable=True),
        sa.Column("viewers_known", sa.REAL(), nullable=False),
        sa.PrimaryKeyConstraint("server_id", "stream_id", "at", name=op.f("pk_stream_1h")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        "ix_stream_1h_at",
        "stream_1h",
        ["at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )
    op.create_table(
        "stream_5m",
        sa.Column("server_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stream_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=False),
        sa.Column("ingress_bytes", sa.BigInteger(), nullable=False),
        sa.Column("counted_seconds", sa.REAL(), nullable=False),
        sa.Column("publishing_seconds", sa.REAL(), nullable=False),
        sa.Column("viewers", sa.REAL(), nullable=True),
        sa.Column("viewers_max", sa.Integer(), nullable=True),
        sa.Column("viewers_known", sa.REAL(), nullable=False),
        sa.PrimaryKeyConstraint("server_id", "stream_id", "at", name=op.f("pk_stream_5m")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        "ix_stream_5m_at",
        "stream_5m",
        ["at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )
    op.create_table(
        "traffic_1h",
        sa.Column("server_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("ingress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("internal_bytes", sa.BigInteger(), nullable=True),
        sa.Column("origin_bytes", sa.BigInteger(), nullable=True),
        sa.Column("delivered_bytes", sa.BigInteger(), nullable=True),
        sa.Column("home_bytes", sa.BigInteger(), nullable=True),
        sa.Column("untold_bytes", sa.BigInteger(), nullable=True),
        sa.Column("viewer_seconds", sa.Double(), nullable=True),
        sa.Column("stream_seconds", sa.Double(), nullable=True),
        sa.Column("covered_seconds", sa.REAL(), nullable=False),
        sa.Column("up_seconds", sa.REAL(), nullable=False),
        sa.Column("counted_seconds", sa.REAL(), nullable=False),
        sa.PrimaryKeyConstraint("server_id", "at", name=op.f("pk_traffic_1h")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        "ix_traffic_1h_at",
        "traffic_1h",
        ["at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )
    op.create_table(
        "traffic_5m",
        sa.Column("server_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("egress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("ingress_bytes", sa.BigInteger(), nullable=True),
        sa.Column("internal_bytes", sa.BigInteger(), nullable=True),
        sa.Column("origin_bytes", sa.BigInteger(), nullable=True),
        sa.Column("delivered_bytes", sa.BigInteger(), nullable=True),
        sa.Column("home_bytes", sa.BigInteger(), nullable=True),
        sa.Column("untold_bytes", sa.BigInteger(), nullable=True),
        sa.Column("viewer_seconds", sa.Double(), nullable=True),
        sa.Column("stream_seconds", sa.Double(), nullable=True),
        sa.Column("covered_seconds", sa.REAL(), nullable=False),
        sa.Column("up_seconds", sa.REAL(), nullable=False),
        sa.Column("counted_seconds", sa.REAL(), nullable=False),
        sa.PrimaryKeyConstraint("server_id", "at", name=op.f("pk_traffic_5m")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        "ix_traffic_5m_at",
        "traffic_5m",
        ["at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )
    op.create_table(
        "annotation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kind", sa.Text(), server_default="other", nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), server_default="", nullable=False),
        sa.Column("server_id", sa.BigInteger(), nullable=True),
        sa.Column("channel_id", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.CheckConstraint("kind in ('deploy', 'match', 'incident', 'other')", name=op.f("ck_annotation_kind")),
        sa.CheckConstraint("until is null or until >= at", name=op.f("ck_annotation_until")),
        sa.ForeignKeyConstraint(
            ["channel_id"], ["channel.id"], name=op.f("fk_annotation_channel_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["server_id"], ["server.id"], name=op.f("fk_annotation_server_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotation")),
    )
    op.create_index("ix_annotation_at", "annotation", ["at"], unique=False)
    op.create_table(
        "contract_server",
        sa.Column("contract_id", sa.BigInteger(), nullable=False),
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contract.id"], name=op.f("fk_contract_server_contract_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["server_id"], ["server.id"], name=op.f("fk_contract_server_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contract_id", "server_id", name=op.f("pk_contract_server")),
    )
    op.create_index(op.f("ix_contract_server_server_id"), "contract_server", ["server_id"], unique=False)
    op.create_table(
        "server_in_group",
        sa.Column("server_id", sa.BigInteger(), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["server_group.id"], name=op.f("fk_server_in_group_group_id")),
        sa.ForeignKeyConstraint(
            ["server_id"], ["server.id"], name=op.f("fk_server_in_group_server_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("server_id", name=op.f("pk_server_in_group")),
    )
    op.create_index(op.f("ix_server_in_group_group_id"), "server_in_group", ["group_id"], unique=False)
    op.add_column("channel", sa.Column("schedule", sa.Text(), server_default="", nullable=False))
    op.add_column("channel", sa.Column("zone", sa.Text(), server_default="UTC", nullable=False))


def downgrade() -> None:
    op.drop_table("kept")
    op.drop_column("channel", "zone")
    op.drop_column("channel", "schedule")
    op.drop_index(op.f("ix_server_in_group_group_id"), table_name="server_in_group")
    op.drop_table("server_in_group")
    op.drop_index(op.f("ix_contract_server_server_id"), table_name="contract_server")
    op.drop_table("contract_server")
    op.drop_index("ix_annotation_at", table_name="annotation")
    op.drop_table("annotation")
    op.drop_index("ix_traffic_5m_at", table_name="traffic_5m")
    op.drop_table("traffic_5m")
    op.drop_index("ix_traffic_1h_at", table_name="traffic_1h")
    op.drop_table("traffic_1h")
    op.drop_index("ix_stream_5m_at", table_name="stream_5m")
    op.drop_table("stream_5m")
    op.drop_index("ix_stream_1h_at", table_name="stream_1h")
    op.drop_table("stream_1h")
    op.drop_table("server_group")
    op.drop_index("ix_server_5m_at", table_name="server_5m")
    op.drop_table("server_5m")
    op.drop_index("ix_server_1h_at", table_name="server_1h")
    op.drop_table("server_1h")
    op.drop_index("ix_rollup_due_seconds", table_name="rollup_due")
    op.drop_table("rollup_due")
    op.drop_index("ix_outage_began_by", table_name="outage")
    op.drop_table("outage")
    op.drop_table("group_5m")
    op.drop_table("group_1h")
    op.drop_index("uq_contract_name", table_name="contract")
    op.drop_table("contract")
    op.drop_index("ix_channel_5m_at", table_name="channel_5m")
    op.drop_table("channel_5m")
    op.drop_index("ix_channel_1h_at", table_name="channel_1h")
    op.drop_table("channel_1h")
