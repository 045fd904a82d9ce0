"""What live pages and REST ask, answered from small tables: the newest polls and the last minutes.

Every function takes the engine and the time it is asked at, and returns a DataFrame: times are
datetime64[us, UTC], rates bit/s or 1/s, missing is NaN, NaT or None. Raises db.engine.Unavailable.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Engine, text

from cdn.health import BLIND_AFTER_INTERVALS, server_state
from cdn.metrics import COUNTERS, GAUGES, Metric, Unit
from cdn.units import BITS_PER_BYTE
from db.delivered import HOMES, TOTALS, split
from db.engine import reading
from db.frame import frame
from db.minutes import IS_ON_AIR

_GAUGES = tuple(metric.name for metric in GAUGES)


def rate_name(metric: Metric) -> str:
    """Column of a counter's rate: bytes as bit/s (egress_bytes → egress_bps), the rest per second."""
    if metric.unit is Unit.BYTES:
        return f"{metric.name.removesuffix('_bytes')}_bps"
    return f"{metric.name}_per_second"


RATES: tuple[str, ...] = tuple(rate_name(metric) for metric in COUNTERS)


def _rate_sql(metric: Metric, counted: str, total: str) -> str:
    factor = BITS_PER_BYTE if metric.unit is Unit.BYTES else 1
    return f"{total}::float8 * {factor} / nullif({counted}, 0)::float8 AS {rate_name(metric)}"


_FLEET = text(
    "SELECT server.id, server.name, server.kind, server.role, server.region, server.provider, server.url,"
    " server.tags, server.capacity_bps, server.paused, server.auth, server.version,"
    " coalesce(server.interval_seconds, :interval) AS interval,"
    " status.at, status.good_at, status.state_since, status.up, status.reason, status.detail, status.failures,"
    " status.certificate_expires, status.clock_difference,"
    " status.software, nullif(status.notes, '[]') AS notes,"
    " status.connect_seconds, status.first_byte_seconds, status.response_seconds, "
    + ", ".join(_rate_sql(each, "status.counted_seconds", f"status.{each.name}") for each in COUNTERS)
    + ", "
    + ", ".join(f"status.{name}" for name in _GAUGES)
    + " FROM server LEFT JOIN server_status status ON status.server_id = server.id"
    " WHERE server.retired_at IS NULL ORDER BY server.name"
)


def fleet(engine: Engine, now: datetime, interval: float) -> pd.DataFrame:
    """One row a server that is not retired, with its state and its newest figures (those of `good_at`).

    interval: seconds between polls of servers without an interval of their own. Columns: see `_FLEET`, and
    `state` (cdn.health.State), `fullness` (share of its room in use, 0..1).
    """
    with reading(engine) as connection:
        found = frame(
            connection,
            _FLEET,
            {"interval": interval},
            times=("at", "good_at", "state_since", "certificate_expires"),
            numbers=(
                "capacity_bps",
                "failures",
                "clock_difference",
                "connect_seconds",
                "first_byte_seconds",
                "response_seconds",
                *RATES,
                *_GAUGES,
            ),
        )
    found["notes"] = [notes or [] for notes in found["notes"]]
    found["fullness"] = _fullness(found)
    found["state"] = _states(found, now)
    return found


def _fullness(found: pd.DataFrame) -> pd.Series:
    """The fuller of link and processor: SRS runs on one core, so a busy core is as full as a busy link."""
    link = found["egress_bps"] / found["capacity_bps"]
    core = found["process_cpu"].where(found["kind"] == "srs")
    return pd.concat([link, core], axis=1).max(axis=1).astype("float64")


def _states(found: pd.DataFrame, now: datetime) -> list[str]:
    """cdn.health.State of each row."""
    columns = [found[name].astype("object") for name in ("paused", "up", "at", "interval", "fullness")]
    return [
        server_state(
            paused=bool(paused),
            up=None if pd.isna(at) else bool(up),
            at=None if pd.isna(at) else at.to_pydatetime(),
            interval=float(interval),
            now=now,
            fullness=None if pd.isna(fullness) else float(fullness),
        ).value
        for paused, up, at, interval, fullness in zip(*columns, strict=True)
    ]


_FRESHNESS = text(
    "SELECT max(status.at) AS newest_at, coalesce(min(coalesce(server.interval_seconds, :interval)), :interval)::float8"
    " AS interval, count(*) AS servers, min(server.created_at) AS first_server_at,"
    " count(*) FILTER (WHERE status.at > :now"
    "  - make_interval(secs => :blind * coalesce(server.interval_seconds, :interval))) AS servers_fresh,"
    " (SELECT count(*) FROM collector WHERE stopped_at IS NULL"
    "  AND heartbeat_at > now() - make_interval(secs => :blind * :interval)) AS collectors_alive,"
    " (SELECT max(heartbeat_at) FROM collector) AS last_heartbeat,"
    " (SELECT name FROM collector ORDER BY heartbeat_at DESC LIMIT 1) AS last_collector,"
    " (SELECT started_at FROM collector ORDER BY heartbeat_at DESC LIMIT 1) AS collector_started_at,"
    " now() AS database_now"
    " FROM server LEFT JOIN server_status status ON status.server_id = server.id"
    " WHERE server.retired_at IS NULL AND NOT server.paused"
)


def freshness(engine: Engine, now: datetime, interval: float) -> pd.DataFrame:
    """One row: how fresh everything is. `silent`: servers should be polled, but for three intervals nobody did.

    newest_at: newest poll of any server; servers: how many should be polled; collectors_alive; last_heartbeat,
    last_collector, collector_started_at: of the collector heard last (NaT/None: there never was one).
    """
    with reading(engine) as connection:
        found = frame(
            connection,
            _FRESHNESS,
            {"interval": interval, "blind": BLIND_AFTER_INTERVALS, "now": now},
            times=("newest_at", "first_server_at", "last_heartbeat", "collector_started_at", "database_now"),
        )
    row = found.iloc[0]
    # Before the first poll the clock runs since there was something to poll.
    last = row["newest_at"] if not pd.isna(row["newest_at"]) else row["first_server_at"]
    overdue = (pd.Timestamp(now) - last).total_seconds() > BLIND_AFTER_INTERVALS * row["interval"]
    # Nobody asks any more, or no answer of any server is as new as it should be.
    unseen = row["collectors_alive"] == 0 or row["servers_fresh"] == 0
    found["silent"] = bool(row["servers"] and overdue and unseen)
    return found


_TRAFFIC = text(
    "SELECT at, name AS region, delivered_bps, internal_bps, viewers, servers_up, servers_seen AS servers_covered"
    " FROM fleet_1m WHERE dimension = 'region' AND at >= :start AND at < :end ORDER BY at, name"
)
WINDOWS: dict[str, timedelta] = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(hours=24)}


def traffic(engine: Engine, now: datetime, window: str) -> pd.DataFrame:
    """The minutes of `window` ("1h") by region; the minute that is still filling is left out.

    at, region, delivered_bps, internal_bps (to own servers), viewers, servers_up of servers_covered; see
    db/delivered.py. Minutes nobody saw have no row.
    """
    end = _minute(now)
    with reading(engine) as connection:
        return frame(
            connection,
            _TRAFFIC,
            {"start": end - WINDOWS[window], "end": end},
            times=("at",),
            numbers=("delivered_bps", "internal_bps", "viewers", "servers_up", "servers_covered"),
        )


_FRESH = "status.at > :now - make_interval(secs => :blind * coalesce(server.interval_seconds, :interval))"
_NOW = text(
    "WITH "
    + split(
        "SELECT CAST(:now AS timestamptz) AS at, status.server_id, status.egress_bytes, status.internal_bytes,"
        " status.origin_bytes, status.counted_seconds FROM server_status status JOIN server"
        f" ON server.id = status.server_id WHERE status.up AND {_FRESH}"
        " AND server.retired_at IS NULL AND NOT server.paused"
    )
    + f" SELECT {TOTALS},"
    " count(*) FILTER (WHERE role = 'edge' AND egress_bps IS NULL) AS edges_without_traffic,"
    " count(*) FILTER (WHERE role = 'origin' AND egress_bps IS NOT NULL AND internal_bps IS NULL) AS origins_not_told"
    " FROM split"
)
_SERVERS_NOW = text(
    "SELECT sum(status.viewers) FILTER (WHERE status.up) AS viewers,"
    " count(*) FILTER (WHERE status.up) AS servers_up, count(*) AS servers_total,"
    " count(*) FILTER (WHERE server.role = 'edge') AS edges"
    f" FROM server LEFT JOIN server_status status ON status.server_id = server.id AND {_FRESH}"
    " WHERE server.retired_at IS NULL AND NOT server.paused"
)
_ON_AIR_NOW = text(
    f"WITH {HOMES}, fresh AS MATERIALIZED (SELECT server.id, server.id IN (SELECT server_id FROM home) AS is_home,"
    "  CAST(:now AS timestamptz)"
    "  - make_interval(secs => :blind * coalesce(server.interval_seconds, :interval)) AS since"
    "  FROM server JOIN server_status poll ON poll.server_id = server.id"
    "  WHERE poll.up AND server.retired_at IS NULL AND NOT server.paused),"
    " channel AS (SELECT stream.channel_id, bool_or(fresh.is_home) AS has_home,"
    "  bool_or(fresh.is_home AND status.publishing) AS at_home,"
    "  bool_or(status.publishing AND coalesce(status.egress_bytes, 0) + coalesce(status.ingress_bytes, 0) > 0)"
    "   AS moving"
    "  FROM stream_status status JOIN fresh ON fresh.id = status.server_id JOIN stream ON stream.id = status.stream_id"
    "  WHERE status.gone_at IS NULL AND status.at > fresh.since GROUP BY stream.channel_id)"
    f" SELECT count(*) FILTER (WHERE {IS_ON_AIR}) AS streams_on_air FROM channel"
)
_AT_MINUTE = text(
    "SELECT delivered_bps, internal_bps, origin_offload, viewers, servers_up, servers_seen AS servers_total,"
    " streams_on_air FROM fleet_1m WHERE dimension = 'total' AND at = :minute"
)


def summary(engine: Engine, now: datetime, interval: float) -> pd.DataFrame:
    """The fleet in a few figures, now and an hour ago (index "now", "hour_ago"); NaN where nobody knows.

    delivered_bps, internal_bps, origin_offload: see db/delivered.py; viewers: people, own servers left out;
    streams_on_air: channels published somewhere; servers_up of servers_total; of the sums left out are
    edges_without_traffic of `edges`, which count no bytes, and origins_not_told, whose viewers and own servers
    nobody told apart.
    """
    ago = now - timedelta(hours=1)
    parameters = {"now": now, "interval": interval, "blind": BLIND_AFTER_INTERVALS}
    with reading(engine) as connection:
        current = dict(connection.execute(_NOW, parameters).mappings().one())
        current |= dict(connection.execute(_SERVERS_NOW, parameters).mappings().one())
        current |= dict(connection.execute(_ON_AIR_NOW, parameters).mappings().one())
        minute = connection.execute(_AT_MINUTE, {"minute": _minute(ago)}).mappings().first()
    before = dict(minute or {})
    return pd.DataFrame([current, before], index=["now", "hour_ago"]).astype("float64")


_STREAMS = text(
    "SELECT server.id AS server_id, server.name AS server, stream.url, channel.vhost, channel.app, channel.name,"
    " status.publishing AND poll.up AS publishing, status.viewers::float8 AS viewers,"
    " status.clients::float8 AS clients, status.pulls::float8 AS pulls,"
    " status.egress_bytes::float8 * 8 / nullif(status.counted_seconds, 0) AS egress_bps,"
    " status.ingress_bytes::float8 * 8 / nullif(status.counted_seconds, 0) AS ingress_bps,"
    " status.video, status.audio, status.width, status.height, status.at"
    " FROM stream_status status JOIN stream ON stream.id = status.stream_id"
    " JOIN channel ON channel.id = stream.channel_id JOIN server ON server.id = status.server_id"
    " JOIN server_status poll ON poll.server_id = server.id"
    " WHERE status.gone_at IS NULL AND server.retired_at IS NULL ORDER BY server.name, stream.url"
)


def streams(engine: Engine) -> pd.DataFrame:
    """Every stream that a server lists: whose, url and its parts, publishing, viewers, rates, format, at."""
    with reading(engine) as connection:
        return frame(
            connection,
            _STREAMS,
            {},
            times=("at",),
            numbers=("viewers", "clients", "pulls", "egress_bps", "ingress_bps"),
        )


def _minute(moment: datetime) -> datetime:
    """The minute `moment` is in."""
    return moment.replace(second=0, microsecond=0)
