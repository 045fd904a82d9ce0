"""What the page of one server asks: its history, its streams, its changes of state. As `db.live`, of one server."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Engine, text

from cdn.metrics import COUNTERS, GAUGES
from cdn.units import BITS_PER_BYTE
from db.engine import reading
from db.frame import frame
from db.live import RATES, WINDOWS, rate_name

POINTS = 240
TIMINGS = ("connect_seconds", "first_byte_seconds", "response_seconds")
_GAUGES = tuple(metric.name for metric in GAUGES)

_HISTORY = text(
    "SELECT date_bin(make_interval(secs => :step), sample.at, :origin) AS at,"
    " sum(counted_seconds)::float8 AS counted_seconds, avg(CASE WHEN up THEN 1 ELSE 0 END)::float8 AS up_ratio,"
    " avg(connect_seconds) AS connect_seconds,"
    " avg(first_byte_seconds) AS first_byte_seconds, avg(response_seconds) AS response_seconds, "
    + ", ".join(
        f"sum({each.name})::float8 * {BITS_PER_BYTE if rate_name(each).endswith('_bps') else 1}"
        f" / nullif(sum(counted_seconds) FILTER (WHERE {each.name} IS NOT NULL), 0) AS {rate_name(each)}"
        for each in COUNTERS
    )
    + ", "
    + ", ".join(f"avg({name}) AS {name}" for name in _GAUGES)
    + " FROM sample WHERE server_id = :id AND sample.at > :start AND sample.at <= :end GROUP BY 1 ORDER BY 1"
)


def server_history(engine: Engine, now: datetime, server_id: int, window: str) -> pd.DataFrame:
    """Evenly stepped history of one server over `window` ("1h", "6h", "24h"), at most about 240 rows.

    Columns: at (start of the step), counted_seconds (NaN: nothing was counted), up_ratio, connect_seconds (NaN where a
    kept connection needed none), first_byte_seconds and response_seconds, one rate a counter (Σ increase ÷ Σ counted
    seconds), one mean a gauge. Steps nobody polled are rows of NaN: a gap stays a gap.
    """
    length = WINDOWS[window]
    step = max(length.total_seconds() / POINTS, 15.0)
    end = now
    with reading(engine) as connection:
        found = frame(
            connection,
            _HISTORY,
            {"step": step, "origin": end - length, "id": server_id, "start": end - length, "end": end},
            times=("at",),
            numbers=("counted_seconds", "up_ratio", *TIMINGS, *RATES, *_GAUGES),
        )
    steps = pd.date_range(end - length, periods=round(length.total_seconds() / step), freq=pd.Timedelta(seconds=step))
    grid = pd.DataFrame({"at": steps.as_unit("us")})
    return grid.merge(found, on="at", how="left")


_STREAMS = text(
    "SELECT stream.url, stream.channel_id, channel.vhost, channel.app, channel.name, status.publishing,"
    " status.viewers::float8 AS viewers, status.clients::float8 AS clients, status.pulls::float8 AS pulls,"
    " status.egress_still_since, status.ingress_still_since,"
    " status.egress_bytes::float8 * 8 / nullif(status.counted_seconds, 0) AS egress_bps,"
    " status.ingress_bytes::float8 * 8 / nullif(status.counted_seconds, 0) AS ingress_bps,"
    " minute.frame_rate, status.video, status.audio, status.width::float8 AS width, status.height::float8 AS height,"
    " status.at, status.gone_at, status.gone_at IS NOT NULL AS gone"
    " FROM stream_status status JOIN stream ON stream.id = status.stream_id"
    " JOIN channel ON channel.id = stream.channel_id"
    " LEFT JOIN LATERAL (SELECT sum(frames)::float8 / nullif(sum(counted_seconds), 0) AS frame_rate"
    "  FROM stream_sample sample WHERE sample.server_id = :id AND sample.stream_id = status.stream_id"
    "  AND sample.at > :recent HAVING sum(frames) > 0) minute ON true"
    " WHERE status.server_id = :id AND (status.gone_at IS NULL OR status.gone_at > :recent_gone)"
    " ORDER BY status.gone_at IS NOT NULL, NOT status.publishing, status.viewers DESC, stream.url"
)


def server_streams(engine: Engine, now: datetime, server_id: int) -> pd.DataFrame:
    """The streams on one server, on air first, then busiest; those gone for more than an hour are left out.

    clients are viewers, publishers and own servers (`pulls`); viewers is NaN where nobody told them apart.
    frame_rate is the mean of the last two minutes and NaN where the server counts no frames (every edge).
    """
    parameters = {
        "id": server_id,
        "recent": now - timedelta(minutes=3),
        "recent_gone": now - timedelta(hours=1),
    }
    with reading(engine) as connection:
        return frame(
            connection,
            _STREAMS,
            parameters,
            times=("at", "gone_at", "egress_still_since", "ingress_still_since"),
            numbers=("viewers", "clients", "pulls", "egress_bps", "ingress_bps", "frame_rate", "width", "height"),
        )


_CHANGES = text(
    "SELECT at, up, reason, detail, restarted, since FROM ("
    " SELECT at, up, reason, detail, restarted AND counted_seconds > 0 AS restarted, since,"
    "  lag(up) OVER poll AS before_up, lag(reason) OVER poll AS before_reason"
    " FROM sample WHERE server_id = :id AND at > :start AND at <= :end WINDOW poll AS (ORDER BY at)) polls"
    " WHERE before_up IS DISTINCT FROM up OR before_reason IS DISTINCT FROM reason OR restarted"
    " ORDER BY at DESC LIMIT 200"
)


def state_changes(engine: Engine, now: datetime, server_id: int) -> pd.DataFrame:
    """Changes of state of the last 24 hours, newest first: at, up, reason, detail, restarted, lasted_seconds.

    lasted_seconds: until the next change of up or reason, until now for the newest.
    """
    with reading(engine) as connection:
        found = frame(
            connection,
            _CHANGES,
            {"id": server_id, "start": now - timedelta(hours=24), "end": now},
            times=("at", "since"),
        )
    ends = found["at"].shift(1)
    if len(found):
        ends.iloc[0] = pd.Timestamp(now)
    found["lasted_seconds"] = (ends - found["at"]).dt.total_seconds().astype("float64")
    return found.drop(columns="since")
