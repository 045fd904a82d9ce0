"""Writing what polls saw, and reading back the state that the next poll is counted from.

The collector hands over finished rows; the columns here say in which order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from cdn.metrics import METRICS
from db.bulk import Row, copy, replace_all, upsert
from db.measurements import (
    STREAM_COUNTERS,
    event,
    publication,
    puller,
    sample,
    server_status,
    stream_sample,
    stream_status,
    traffic_1m,
)
from db.models import ServerOrigin, Stream
from db.rolled import outage

METRIC_COLUMNS = tuple(metric.name for metric in METRICS)
POLL_COLUMNS = ("up", "reason", "detail", "connect_seconds", "first_byte_seconds", "response_seconds")
SAMPLE_COLUMNS = (
    "server_id",
    "at",
    "since",
    "counted_seconds",
    "restarted",
    "estimated",
    *POLL_COLUMNS,
    *METRIC_COLUMNS,
)
STATUS_COLUMNS = (
    "server_id",
    "at",
    *POLL_COLUMNS,
    "good_at",
    "state_since",
    "failures",
    "software",
    "notes",
    "collector",
    "url",
    "address",
    "certificate_expires",
    "clock_difference",
    "counted_at",
    "process",
    "clock",
    "counters",
    "previous",
    "audited",
    "pulls",
    "streams_at",
    "counted_seconds",
    *METRIC_COLUMNS,
)
STREAM_STATUS_COLUMNS = (
    "server_id",
    "stream_id",
    "at",
    "gone_at",
    "incarnation",
    "publishing",
    "publisher",
    "viewers",
    "clients",
    "publishers",
    "pulls",
    "video",
    "audio",
    "width",
    "height",
    "egress_still_since",
    "ingress_still_since",
    "published_after",
    "published_by",
    "clock",
    *(f"{name}_total" for name in STREAM_COUNTERS),
    "counted_seconds",
    *STREAM_COUNTERS,
    "pending_since",
    "pending_seconds",
    *(f"pending_{name}" for name in STREAM_COUNTERS),
)
STREAM_SAMPLE_COLUMNS = (
    "server_id",
    "at",
    "stream_id",
    "since",
    "counted_seconds",
    "publishing",
    "viewers",
    *STREAM_COUNTERS,
)
TRAFFIC_COLUMNS = (
    "server_id",
    "at",
    "egress_bytes",
    "ingress_bytes",
    "viewer_seconds",
    "stream_seconds",
    "covered_seconds",
    "up_seconds",
    "counted_seconds",
    "internal_bytes",
    "origin_bytes",
)
PUBLICATION_COLUMNS = (
    "server_id",
    "stream_id",
    "began_by",
    "began_after",
    "ended_after",
    "ended_by",
    "end_reason",
    "publisher",
    "format",
)
OUTAGE_COLUMNS = ("server_id", "began_by", "began_after", "ended_after", "ended_by", "reason")
EVENT_COLUMNS = ("server_id", "at", "kind", "stream_id", "after", "before", "now")
PULLER_COLUMNS = ("server_id", "address", "streams", "connections", "connected_seconds", "first_at", "at")
# A minute is added to, never replaced; what a source does not count stays unknown.
_ADD_TRAFFIC = "(server_id, at) DO UPDATE SET " + ", ".join(
    f"{name} = CASE WHEN EXCLUDED.{name} IS NULL THEN traffic_1m.{name}"
    f" ELSE coalesce(traffic_1m.{name}, 0) + EXCLUDED.{name} END"
    for name in TRAFFIC_COLUMNS[2:]
)
_REPLACE_STATUS = replace_all(STATUS_COLUMNS, ("server_id",))
_REPLACE_STREAM_STATUS = replace_all(STREAM_STATUS_COLUMNS, ("server_id", "stream_id"))

_REPLACE_PUBLICATION = replace_all(PUBLICATION_COLUMNS, ("server_id", "stream_id", "began_by"))
# Its beginning and reason stay as they were stored; the one that ends it knows them as bounds alone.
_END_OUTAGE = (
    "(server_id, began_by) DO UPDATE SET ended_after = EXCLUDED.ended_after, ended_by = EXCLUDED.ended_by"
    " WHERE outage.ended_by IS NULL"
)
_SEE_PULLER = replace_all(tuple(name for name in PULLER_COLUMNS if name != "first_at"), ("server_id", "address"))

_LOCK_STATUS = text("SELECT server_id, at FROM server_status WHERE server_id = ANY(:ids) ORDER BY server_id FOR UPDATE")
_LOCK_NEW = text("SELECT pg_advisory_xact_lock(:space, :id)")
_NEW_SERVER_SPACE = 0x0CD2
_SEEN = (
    "unnest(CAST(:servers AS bigint[]), CAST(:urls AS text[]), CAST(:vhosts AS text[]), CAST(:apps AS text[]),"
    " CAST(:names AS text[])) AS seen(server_id, url, vhost, app, name)"
)
# In one order for everybody: two collectors that meet the same new names wait for each other, not across.
_NEW_CHANNELS = text(
    f"INSERT INTO channel (vhost, app, name) SELECT DISTINCT vhost, app, name FROM {_SEEN} ORDER BY 1, 2, 3"
    " ON CONFLICT DO NOTHING"
)
_NEW_STREAMS = text(
    "INSERT INTO stream (server_id, url, channel_id) SELECT seen.server_id, seen.url, channel.id"
    f" FROM {_SEEN} JOIN channel USING (vhost, app, name) ORDER BY 1, 2 ON CONFLICT DO NOTHING"
)
_STREAM_IDS = text(
    "SELECT stream.id, stream.server_id, stream.url FROM unnest(CAST(:servers AS bigint[]), CAST(:urls AS text[]))"
    " AS seen(server_id, url) JOIN stream USING (server_id, url)"
)
_OVERLAP = text(
    "SELECT EXISTS (SELECT FROM sample WHERE server_id = :server_id AND at >= :since AND at < :horizon"
    " AND (at = :at OR (since < :at AND at > :since)))"
)


def lock(connection: Connection, server_ids: Iterable[int]) -> dict[int, datetime]:
    """Lock the status of `server_ids` until the transaction ends; returns server → time of its newest poll.

    A server without status is locked by its number: two collectors that meet it first do so in turn.
    """
    ids = sorted(server_ids)
    found = {row.server_id: row.at for row in connection.execute(_LOCK_STATUS, {"ids": ids})}
    new = [each for each in ids if each not in found]
    for each in new:
        connection.execute(_LOCK_NEW, {"space": _NEW_SERVER_SPACE, "id": each})
    if new:
        found |= {row.server_id: row.at for row in connection.execute(_LOCK_STATUS, {"ids": new})}
    return found


def database_clock(connection: Connection) -> datetime:
    """The database's time now: the one clock all collectors share."""
    now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now


def load_status(connection: Connection, server_ids: Sequence[int]) -> list[Mapping[str, Any]]:
    """The stored status rows of `server_ids`, all columns."""
    query = select(server_status).where(server_status.c.server_id.in_(bindparam("ids", expanding=True)))
    return [dict(row) for row in connection.execute(query, {"ids": list(server_ids)}).mappings()]


def load_stream_status(connection: Connection, server_ids: Sequence[int]) -> list[Mapping[str, Any]]:
    """The stored status rows of the streams of `server_ids`, all columns and the stream's `url`.

    Streams long gone are left out: there may be many, whoever may publish picks names.
    """
    query = (
        select(Stream.url, stream_status)
        .join(stream_status, (stream_status.c.stream_id == Stream.id) & (stream_status.c.server_id == Stream.server_id))
        .where(Stream.server_id.in_(bindparam("ids", expanding=True)))
        .where(stream_status.c.gone_at.is_(None) | (stream_status.c.gone_at > func.now() - text("interval '2 hours'")))
    )
    return [dict(row) for row in connection.execute(query, {"ids": list(server_ids)}).mappings()]


def stream_ids(
    connection: Connection, streams: Mapping[tuple[int, str], tuple[str, str, str]]
) -> dict[tuple[int, str], int]:
    """Ids of streams, made where they are new: (server id, url) → id, for (server id, url) → (vhost, app, name)."""
    if not streams:
        return {}
    keys = sorted(streams)
    # Arrays, not a list of tuples: a fleet's first poll brings tens of thousands.
    columns = {
        "servers": [server_id for server_id, _ in keys],
        "urls": [url for _, url in keys],
        "vhosts": [streams[key][0] for key in keys],
        "apps": [streams[key][1] for key in keys],
        "names": [streams[key][2] for key in keys],
    }
    connection.execute(_NEW_CHANNELS, columns)
    connection.execute(_NEW_STREAMS, columns)
    return {(row.server_id, row.url): row.id for row in connection.execute(_STREAM_IDS, columns)}


def write(
    connection: Connection,
    *,
    samples: Sequence[Row],
    statuses: Sequence[Row],
    streams: Sequence[Row],
    stream_samples: Sequence[Row],
    traffic: Sequence[Row],
    publications: Sequence[Row] = (),
    events: Sequence[Row] = (),
    outages: Sequence[Row] = (),
    pullers: Sequence[Row] = (),
) -> None:
    """Write one batch; at most one status row a server and one row a stream or publication. Commit is the caller's."""
    copy(connection, sample, SAMPLE_COLUMNS, samples)
    upsert(connection, server_status, STATUS_COLUMNS, statuses, _REPLACE_STATUS)
    upsert(connection, stream_status, STREAM_STATUS_COLUMNS, streams, _REPLACE_STREAM_STATUS)
    copy(connection, stream_sample, STREAM_SAMPLE_COLUMNS, stream_samples)
    upsert(connection, traffic_1m, TRAFFIC_COLUMNS, traffic, _ADD_TRAFFIC)
    upsert(connection, publication, PUBLICATION_COLUMNS, publications, _REPLACE_PUBLICATION)
    upsert(connection, event, EVENT_COLUMNS, events, "DO NOTHING")
    upsert(connection, outage, OUTAGE_COLUMNS, outages, _END_OUTAGE)
    upsert(connection, puller, PULLER_COLUMNS, pullers, _SEE_PULLER)


def link(connection: Connection, links: Iterable[tuple[int, int]]) -> None:
    """Store that servers pull from origins: (server, origin) pairs seen among an origin's clients.

    No change of the server that others who edit it would have to be told: it is what is so already.
    """
    rows = [{"server_id": server, "origin_id": origin} for server, origin in sorted(links)]
    if rows:
        connection.execute(insert(ServerOrigin).on_conflict_do_nothing(), rows)


def forget_gone_streams(connection: Connection, before: datetime) -> int:
    """Delete the status of streams gone since before `before`; returns how many. Their minutes stay."""
    result = connection.execute(delete(stream_status).where(stream_status.c.gone_at < before))
    return result.rowcount


def is_covered(connection: Connection, server_id: int, since: datetime, at: datetime, horizon: datetime) -> bool:
    """Whether a stored sample up to `horizon` covers a part of (since, at], or has that very `at`."""
    found = connection.scalar(_OVERLAP, {"server_id": server_id, "since": since, "at": at, "horizon": horizon})
    return bool(found)
