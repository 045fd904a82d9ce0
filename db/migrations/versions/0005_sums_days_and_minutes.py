"""Sums by role, region, provider, kind and tags; days of servers; minutes of the fleet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fleet_1m",
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("egress_bps", sa.Double(), nullable=True),
        sa.Column("ingress_bps", sa.Double(), nullable=True),
        sa.Column("delivered_bps", sa.Double(), nullable=True),
        sa.Column("internal_bps", sa.Double(), nullable=True),
        sa.Column("origin_offload", sa.Double(), nullable=True),
        sa.Column("viewers", sa.Double(), nullable=True),
        sa.Column("servers_up", sa.Double(), nullable=False),
        sa.Column("servers_seen", sa.Integer(), nullable=False),
        sa.Column("streams_on_air", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("dimension", "at", "name", name=op.f("pk_fleet_1m")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_table(
        "sum_1h",
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
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
        sa.PrimaryKeyConstraint("dimension", "at", "name", name=op.f("pk_sum_1h")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_table(
        "sum_5m",
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
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
        sa.PrimaryKeyConstraint("dimension", "at", "name", name=op.f("pk_sum_5m")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_table(
        "traffic_1d",
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
        sa.PrimaryKeyConstraint("server_id", "at", name=op.f("pk_traffic_1d")),
        postgresql_partition_by="RANGE (at)",
    )
    op.create_index(
        "ix_traffic_1d_at",
        "traffic_1d",
        ["at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 32, "autosummarize": "on"},
    )
    op.create_table(
        "regroup_due",
        sa.Column("group_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["server_group.id"], name=op.f("fk_regroup_due_group_id")),
        sa.PrimaryKeyConstraint("group_id", "month", name=op.f("pk_regroup_due")),
    )
    # The collector forms from these what is new here of the history there is.
    op.execute(
        "INSERT INTO regroup_due (group_id, month)"
        " SELECT DISTINCT group_id, date_trunc('month', at AT TIME ZONE 'UTC')::date FROM group_1h"
        " UNION SELECT id, date_trunc('month', now() AT TIME ZONE 'UTC')::date FROM server_group"
    )
    op.execute(
        "INSERT INTO rollup_due (seconds, server_id, at)"
        " SELECT DISTINCT 86400, server_id, date_trunc('day', at, 'UTC') FROM traffic_1h"
    )


def downgrade() -> None:
    op.drop_table("regroup_due")
    op.drop_index("ix_traffic_1d_at", table_name="traffic_1d")
    op.drop_table("traffic_1d")
    op.drop_table("sum_5m")
    op.drop_table("sum_1h")
    op.drop_table("fleet_1m")
