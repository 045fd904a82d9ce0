"""Roll-up tables: what is kept of the measurements for years. `db/rollup.py` fills them, `db/partitions.py` keeps them.

`*_5m` is five minutes, `*_1h` an hour, `*_1d` a day, on the clock in UTC; `at` is when the bucket begins. Everything in
them is a sum, or a mean beside the seconds it was formed over, so that coarser steps are formed exactly.

- traffic: narrow, of every server: what charts and bills read. delivered_bytes: to viewers, null where nobody told own
  servers apart; home_bytes: what left a first origin for own servers, untold_bytes: what left one and was not told
  apart; viewer_seconds and stream_seconds over up_seconds, as in `traffic_1m`.
- server: the wide rest of the catalogue. Counters are increases over counted_seconds; of each gauge the time-weighted
  mean, the least, the most, and the seconds it was known.
- stream: of every copy of a channel; viewers: mean over viewer-known seconds; counted_seconds as in `stream_sample`.
- channel: over all servers; viewers: sum of the copies' means; egress_bytes: what edges sent of it.
- group: sums over the servers that are alike in role, region, provider, kind and tags, as they are now; viewers and
  streams: sums of the servers' means.
- sum: the same over all servers of a name in one dimension (DIMENSIONS); what is asked most is read from few rows.
- fleet_1m: what live pages show of each minute, in all and by LIVE_DIMENSIONS: rates, viewers, servers that answered
  (servers_up) of those looked at (servers_seen); of the whole also streams_on_air and origin_offload. `db/minutes.py`
  forms it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, REAL
from sqlalchemy.schema import Identity

from cdn.metrics import COUNTERS, GAUGES
from db.models import Base

FIVE_MINUTES, HOUR, DAY = 300, 3_600, 86_400
TOTAL = "total"
DIMENSIONS = (TOTAL, "role", "region", "provider", "kind", "tag")
LIVE_DIMENSIONS = (TOTAL, "role", "region", "provider", "kind")
NARROW_BYTES = ("egress_bytes", "ingress_bytes", "internal_bytes", "origin_bytes")
TOLD_BYTES = ("delivered_bytes", "home_bytes", "untold_bytes")
WATCHED_SECONDS = ("viewer_seconds", "stream_seconds", "covered_seconds", "up_seconds", "counted_seconds")
# What `server_*` has beyond `traffic_*`.
WIDE_COUNTERS: tuple[str, ...] = tuple(metric.name for metric in COUNTERS if metric.name not in NARROW_BYTES)
WIDE_GAUGES: tuple[str, ...] = (
    "connect_seconds",
    "first_byte_seconds",
    "response_seconds",
    *(metric.name for metric in GAUGES),
)


def _at(*, key: bool = True) -> Column[object]:
    return Column("at", DateTime(timezone=True), primary_key=key, nullable=False)


def _key(name: str) -> Column[object]:
    return Column(name, BigInteger, primary_key=True, autoincrement=False)


def _name(name: str) -> Column[object]:
    return Column(name, Text, primary_key=True)


def _by_time(table: str) -> Index:
    # Rows come in the order of time: a few kB say where a day is.
    return Index(
        f"ix_{table}_at", "at", postgresql_using="brin", postgresql_with={"pages_per_range": 32, "autosummarize": "on"}
    )


def _traffic(name: str) -> Table:
    return Table(
        name,
        Base.metadata,
        _key("server_id"),
        _at(),
        *(Column(each, BigInteger) for each in (*NARROW_BYTES, *TOLD_BYTES)),
        Column("viewer_seconds", Double),
        Column("stream_seconds", Double),
        *(Column(each, REAL, nullable=False) for each in WATCHED_SECONDS[2:]),
        _by_time(name),
        postgresql_partition_by="RANGE (at)",
    )


def gauge_columns(gauge: str) -> tuple[str, str, str, str]:
    """Columns of a gauge in `server_*`: its mean, least, most, and the seconds it was known."""
    return gauge, f"{gauge}_min", f"{gauge}_max", f"{gauge}_known"


def _wide(name: str) -> Table:
    return Table(
        name,
        Base.metadata,
        _key("server_id"),
        _at(),
        Column("covered_seconds", REAL, nullable=False),
        Column("up_seconds", REAL, nullable=False),
        Column("counted_seconds", REAL, nullable=False),
        *(Column(each, BigInteger) for each in WIDE_COUNTERS),
        *(Column(each, REAL) for gauge in WIDE_GAUGES for each in gauge_columns(gauge)),
        _by_time(name),
        postgresql_partition_by="RANGE (at)",
    )


def _stream(name: str) -> Table:
    return Table(
        name,
        Base.metadata,
        _key("server_id"),
        _key("stream_id"),
        _at(),
        Column("egress_bytes", BigInteger, nullable=False),
        Column("ingress_bytes", BigInteger, nullable=False),
        Column("counted_seconds", REAL, nullable=False),
        Column("publishing_seconds", REAL, nullable=False),
        Column("viewers", REAL),
        Column("viewers_max", Integer),
        Column("viewers_known", REAL, nullable=False),
        _by_time(name),
        postgresql_partition_by="RANGE (at)",
    )


def _channel(name: str) -> Table:
    return Table(
        name,
        Base.metadata,
        _key("channel_id"),
        _at(),
        Column("egress_bytes", BigInteger, nullable=False),
        Column("viewers", Double),
        Column("viewers_max", Double),
        Column("viewer_seconds", Double),
        Column("publishing_seconds", REAL, nullable=False),
        _by_time(name),
        postgresql_partition_by="RANGE (at)",
    )


def _summed(name: str, *keys: Column[object]) -> Table:
    return Table(
        name,
        Base.metadata,
        *keys,
        Column("servers", Integer, nullable=False),
        *(Column(each, BigInteger) for each in (*NARROW_BYTES, *TOLD_BYTES)),
        Column("viewers", Double),
        Column("streams", Double),
        Column("viewer_seconds", Double),
        *(Column(each, Double, nullable=False) for each in WATCHED_SECONDS[2:]),
        postgresql_partition_by="RANGE (at)",
    )


def _group(name: str) -> Table:
    return _summed(name, _at(), _key("group_id"))


def _sum(name: str) -> Table:
    return _summed(name, _name("dimension"), _at(), _name("name"))


traffic_5m, traffic_1h, traffic_1d = _traffic("traffic_5m"), _traffic("traffic_1h"), _traffic("traffic_1d")
server_5m, server_1h = _wide("server_5m"), _wide("server_1h")
stream_5m, stream_1h = _stream("stream_5m"), _stream("stream_1h")
channel_5m, channel_1h = _channel("channel_5m"), _channel("channel_1h")
group_5m, group_1h = _group("group_5m"), _group("group_1h")
sum_5m, sum_1h = _sum("sum_5m"), _sum("sum_1h")
fleet_1m = Table(
    "fleet_1m",
    Base.metadata,
    _name("dimension"),
    _at(),
    _name("name"),
    *(Column(each, Double) for each in ("egress_bps", "ingress_bps", "delivered_bps", "internal_bps")),
    Column("origin_offload", Double),
    Column("viewers", Double),
    Column("servers_up", Double, nullable=False),
    Column("servers_seen", Integer, nullable=False),
    Column("streams_on_air", Integer),
    postgresql_partition_by="RANGE (at)",
)

# Servers that are alike, whose sums are kept together; and which group a server's history is in.
server_group = Table(
    "server_group",
    Base.metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("role", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    UniqueConstraint("role", "region", "provider", "kind", "tags"),
)
server_in_group = Table(
    "server_in_group",
    Base.metadata,
    Column("server_id", BigInteger, ForeignKey("server.id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", BigInteger, ForeignKey("server_group.id"), nullable=False, index=True),
)
# Months whose sums of a group are to be formed again, as servers came to it or left it.
regroup_due = Table(
    "regroup_due",
    Base.metadata,
    Column("group_id", BigInteger, ForeignKey("server_group.id"), primary_key=True),
    Column("month", Date, primary_key=True),
)

# Buckets of `seconds` that changed and are not rolled up yet; of 60 s, of server 0: the fleet's minutes in the
# five that begin then. Rows are added by the transaction that changes what the bucket is made of, and never changed: so
# the one who takes them away has seen all that they stand for.
rollup_due = Table(
    "rollup_due",
    Base.metadata,
    Column("seconds", Integer, nullable=False),
    Column("server_id", BigInteger, nullable=False),
    _at(key=False),
    Index("ix_rollup_due_seconds", "seconds", "at"),
)

# A time in which a server did not answer, its ends as bounds: it began after `began_after` (null: nobody knows) and by
# `began_by`, it ended after `ended_after` and by `ended_by` (null: it goes on).
outage = Table(
    "outage",
    Base.metadata,
    _key("server_id"),
    Column("began_by", DateTime(timezone=True), primary_key=True),
    Column("began_after", DateTime(timezone=True)),
    Column("ended_after", DateTime(timezone=True)),
    Column("ended_by", DateTime(timezone=True)),
    Column("reason", Text),
    Index("ix_outage_began_by", "began_by"),
)

BY_DAY: tuple[Table, ...] = (stream_5m, fleet_1m)
BY_MONTH: tuple[Table, ...] = (
    traffic_5m,
    traffic_1h,
    traffic_1d,
    server_5m,
    server_1h,
    stream_1h,
    channel_5m,
    channel_1h,
    group_5m,
    group_1h,
    sum_5m,
    sum_1h,
)
