"""Measurement tables, generated from the catalogue of metrics: nobody keeps the same columns by hand twice.

All are keyed by `server_id` first, so that the schema can be spread over a cluster by server. `sample`,
`stream_sample` and `traffic_1m` are partitioned by day on `at` (`db/partitions.py` makes and drops them).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Double, ForeignKey, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cdn.metrics import METRICS, Metric
from db.models import Base

STREAM_COUNTERS = ("egress_bytes", "ingress_bytes", "frames")


def _time(name: str, *, primary_key: bool = False, nullable: bool = True) -> Column[object]:
    return Column(name, DateTime(timezone=True), primary_key=primary_key, nullable=nullable and not primary_key)


def metric_column(metric: Metric) -> Column[object]:
    """The nullable column of one metric: increases are exact integers, gauges floating point."""
    return Column(metric.name, BigInteger if metric.is_counter else Double, nullable=True)


def _server() -> Column[object]:
    return Column("server_id", BigInteger, ForeignKey("server.id", ondelete="CASCADE"), primary_key=True)


def _server_unchecked() -> Column[object]:
    """Servers are retired, never deleted: a foreign key would only cost a look-up a row, and a lock a partition."""
    return Column("server_id", BigInteger, primary_key=True)


def _poll_columns() -> list[Column[object]]:
    return [
        Column("up", Boolean, nullable=False),
        Column("reason", Text),
        Column("detail", Text),
        Column("connect_seconds", Double),
        Column("first_byte_seconds", Double),
        Column("response_seconds", Double),
    ]


# One poll. It covers (since, at] on the collector's clock; its increases grew over the
# `counted_seconds` before `at` on the source's clock (longer than at - since after a gap).
# `restarted`: counters began anew. `estimated`: the source could not say over how many seconds.
sample = Table(
    "sample",
    Base.metadata,
    _server_unchecked(),
    _time("at", primary_key=True),
    _time("since", nullable=False),
    Column("counted_seconds", Double),
    Column("restarted", Boolean, nullable=False),
    Column("estimated", Boolean, nullable=False),
    *_poll_columns(),
    *(metric_column(metric) for metric in METRICS),
    postgresql_partition_by="RANGE (at)",
)

# The newest poll of a server, and the raw counters that the next increase is counted from: `counters`, true
# at `counted_at`; those before them in `previous`. Since `audited` the increases of all samples add up to what the
# counters grew. `pulls`: own servers among its clients, and `notes` on the newest list of these.
# After a failed poll the metrics stay those of the last good one (`good_at`).
server_status = Table(
    "server_status",
    Base.metadata,
    _server(),
    _time("at", nullable=False),
    _time("good_at"),
    _time("state_since", nullable=False),
    Column("failures", Integer, nullable=False),
    *_poll_columns(),
    Column("software", Text),
    Column("notes", JSONB, nullable=False),
    Column("collector", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("address", Text),
    _time("certificate_expires"),
    Column("clock_difference", Double),
    _time("counted_at"),
    Column("process", Text),
    Column("clock", Double),
    Column("counters", JSONB, nullable=False),
    Column("previous", JSONB),
    Column("audited", JSONB),
    Column("pulls", JSONB),
    _time("streams_at"),
    Column("counted_seconds", Double),
    *(metric_column(metric) for metric in METRICS),
    postgresql_with={"fillfactor": "70"},
)

# The newest look at a stream, its raw counters, and what grew since its last row in stream_sample. `clients` are
# `viewers`, `publishers` and own servers that pull (`pulls`); null where nobody told them apart.
# `egress_still_since`, `ingress_still_since`: since when those bytes stand still.
# `published_after`, `published_by`: between these the publication began that is going on.
stream_status = Table(
    "stream_status",
    Base.metadata,
    _server(),
    Column("stream_id", BigInteger, ForeignKey("stream.id", ondelete="CASCADE"), primary_key=True),
    _time("at", nullable=False),
    _time("gone_at"),
    Column("incarnation", Text, nullable=False),
    Column("publishing", Boolean, nullable=False),
    Column("publisher", Text),
    Column("viewers", BigInteger),
    Column("clients", BigInteger),
    Column("publishers", BigInteger),
    Column("pulls", BigInteger),
    Column("video", Text),
    Column("audio", Text),
    Column("width", Integer),
    Column("height", Integer),
    _time("egress_still_since"),
    _time("ingress_still_since"),
    _time("published_after"),
    _time("published_by"),
    Column("clock", Double),
    *(Column(f"{name}_total", BigInteger) for name in STREAM_COUNTERS),
    Column("counted_seconds", Double),
    *(Column(name, BigInteger) for name in STREAM_COUNTERS),
    _time("pending_since", nullable=False),
    Column("pending_seconds", Double, nullable=False),
    *(Column(f"pending_{name}", BigInteger, nullable=False) for name in STREAM_COUNTERS),
    postgresql_with={"fillfactor": "70"},
)

# A stream's minute: increases over (since, at], gauges as last seen.
stream_sample = Table(
    "stream_sample",
    Base.metadata,
    _server_unchecked(),
    _time("at", primary_key=True),
    Column("stream_id", BigInteger, primary_key=True),
    _time("since", nullable=False),
    Column("counted_seconds", Double, nullable=False),
    Column("publishing", Boolean, nullable=False),
    Column("viewers", BigInteger),
    *(Column(name, BigInteger, nullable=False) for name in STREAM_COUNTERS),
    Index("ix_stream_sample_at", "at", postgresql_using="brin"),
    postgresql_partition_by="RANGE (at)",
)

# A server's minute, for live charts. Bytes are split over the minutes they grew in and add up exactly to
# the increases in `sample`; covered_seconds were polled, up_seconds of them good, counted_seconds have
# bytes (more than covered after a gap). Gauges are sums of value x seconds over up_seconds. internal_bytes are
# those of egress_bytes that went to own servers, null where nobody told them apart.
traffic_1m = Table(
    "traffic_1m",
    Base.metadata,
    _server_unchecked(),
    _time("at", primary_key=True),
    Column("egress_bytes", BigInteger),
    Column("ingress_bytes", BigInteger),
    Column("internal_bytes", BigInteger),
    Column("origin_bytes", BigInteger),
    Column("viewer_seconds", Double),
    Column("stream_seconds", Double),
    Column("covered_seconds", Double, nullable=False),
    Column("up_seconds", Double, nullable=False),
    Column("counted_seconds", Double, nullable=False),
    Index("ix_traffic_1m_at", "at"),
    postgresql_partition_by="RANGE (at)",
)

# One publish session of a stream, as its home origin saw it. It began after `began_after` (null: nobody knows) and by
# `began_by`, it ended after `ended_after` and by `ended_by` (null: it goes on). end_reason: cdn.model.PublicationEnd.
publication = Table(
    "publication",
    Base.metadata,
    _server_unchecked(),
    Column("stream_id", BigInteger, primary_key=True),
    _time("began_by", primary_key=True),
    _time("began_after"),
    _time("ended_after"),
    _time("ended_by"),
    Column("end_reason", Text),
    Column("publisher", Text),
    Column("format", Text),
    Index("ix_publication_began_by", "began_by"),
)

# Something that happened once, seen `at`, not yet so at `after`. stream_id 0: to the server itself.
# kind: cdn.model.EventKind; before, now: what changed, in words.
event = Table(
    "event",
    Base.metadata,
    _server_unchecked(),
    _time("at", primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("stream_id", BigInteger, primary_key=True),
    _time("after"),
    Column("before", Text),
    Column("now", Text),
    Index("ix_event_at", "at"),
)

# An address that pulls from a server and belongs to none of ours: perhaps a server nobody entered yet.
# kind, url, told: what answers there, once it was tried at `tried_at`. dismissed_at: somebody said it is none.
puller = Table(
    "puller",
    Base.metadata,
    _server(),
    Column("address", Text, primary_key=True),
    Column("streams", Integer, nullable=False),
    Column("connections", Integer, nullable=False),
    Column("connected_seconds", Double),
    _time("first_at", nullable=False),
    _time("at", nullable=False),
    _time("tried_at"),
    Column("kind", Text),
    Column("url", Text),
    Column("told", Text),
    _time("dismissed_at"),
)

BY_DAY: tuple[Table, ...] = (sample, stream_sample, traffic_1m)
