"""Channels: the same vhost, app and name on every server that carries it; its publications, and what happened to it.

Every function returns a DataFrame as those of `db.live` do.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Engine, text

from cdn.health import BLIND_AFTER_INTERVALS, ChannelState, CopyState
from db.delivered import HOMES
from db.engine import reading
from db.frame import frame

# Counters of streams step every few seconds; a copy that stands still for less may only look so.
STILL_SECONDS = 10.0
# Channels that nobody lists any more are shown as gone for so long.
GONE_HOURS = 24
FRAMES_SECONDS = 180

_COPIES = (
    f"WITH {HOMES}, copy AS (SELECT stream.channel_id, stream.id AS stream_id, server.id AS server_id,"
    " server.name AS server, server.role, server.region, home.server_id IS NOT NULL AS is_home,"
    " poll.up AND NOT server.paused AND poll.at > :now"
    "  - make_interval(secs => :blind * coalesce(server.interval_seconds, :interval)) AS is_seen,"
    " status.at, status.gone_at, status.publishing, status.viewers, status.clients, status.pulls,"
    " status.video, status.audio, status.width, status.height, status.published_after, status.published_by,"
    " CASE WHEN status.at - status.egress_still_since >= make_interval(secs => :still)"
    "  THEN status.egress_still_since END AS egress_still_since,"
    " CASE WHEN status.at - status.ingress_still_since >= make_interval(secs => :still)"
    "  THEN status.ingress_still_since END AS ingress_still_since,"
    " status.egress_bytes::float8 * 8 / nullif(status.counted_seconds, 0) AS egress_bps,"
    " status.ingress_bytes::float8 * 8 / nullif(status.counted_seconds, 0) AS ingress_bps"
    " FROM stream_status status JOIN stream ON stream.id = status.stream_id"
    " JOIN server ON server.id = status.server_id JOIN server_status poll ON poll.server_id = server.id"
    " LEFT JOIN home ON home.server_id = server.id"
    " WHERE server.retired_at IS NULL AND stream.url <> 'overflow'"
    " AND (status.gone_at IS NULL OR status.gone_at > :gone)),"
    " air AS (SELECT channel_id, bool_or(is_home) AS has_home,"
    "  bool_or(is_home AND is_seen AND publishing) AS published,"
    "  bool_or(is_home AND is_seen AND publishing AND ingress_still_since IS NULL) AS coming_in,"
    "  bool_or(NOT is_home AND is_seen AND publishing AND egress_still_since IS NULL AND egress_bps > 0) AS moving,"
    "  bool_or(is_home AND is_seen) AS home_seen, bool_or(is_seen) AS seen, bool_and(gone_at IS NOT NULL) AS gone"
    "  FROM copy GROUP BY channel_id),"
    " judged AS (SELECT copy.*, CASE"
    f"  WHEN NOT is_seen THEN '{CopyState.UNKNOWN}'"
    f"  WHEN gone_at IS NOT NULL THEN '{CopyState.GONE}'"
    f"  WHEN is_home AND publishing AND ingress_still_since IS NOT NULL THEN '{CopyState.STALLED}'"
    f"  WHEN is_home AND publishing THEN '{CopyState.ON_AIR}'"
    f"  WHEN is_home OR NOT publishing THEN '{CopyState.WAITING}'"
    # An edge says "active" long after its source is gone: then it waits, and is not at fault.
    f"  WHEN has_home AND home_seen AND NOT published THEN '{CopyState.WAITING}'"
    f"  WHEN egress_still_since IS NOT NULL AND coalesce(clients, viewers, 0) > 0"
    f"   AND NOT (home_seen AND NOT coming_in) THEN '{CopyState.FROZEN}'"
    f"  WHEN egress_still_since IS NOT NULL THEN '{CopyState.WAITING}'"
    f"  ELSE '{CopyState.ON_AIR}' END AS state"
    "  FROM copy JOIN air USING (channel_id))"
)
_FRAME_RATE = (
    " LEFT JOIN LATERAL (SELECT sum(frames)::float8 / nullif(sum(counted_seconds), 0) AS frame_rate"
    "  FROM stream_sample sample WHERE sample.server_id = {copy}.server_id AND sample.stream_id = {copy}.stream_id"
    "  AND sample.at > :recent HAVING sum(frames) > 0) minute ON true"
)
_CHANNELS = text(
    _COPIES + ", told AS (SELECT channel_id, sum(viewers) FILTER (WHERE is_seen)::float8 AS viewers,"
    f" count(*) FILTER (WHERE NOT is_home AND state IN ('{CopyState.ON_AIR}', '{CopyState.FROZEN}')) AS copies,"
    f" count(*) FILTER (WHERE state = '{CopyState.FROZEN}') AS copies_frozen,"
    f" sum(viewers) FILTER (WHERE state = '{CopyState.FROZEN}')::float8 AS viewers_frozen,"
    " count(*) FILTER (WHERE NOT is_seen) AS copies_unknown,"
    f" min(egress_still_since) FILTER (WHERE state = '{CopyState.FROZEN}') AS frozen_since,"
    " max(at) AS at, max(gone_at) AS gone_at FROM judged GROUP BY channel_id),"
    # The copy that tells most of it: the home that is on air, else any home, else the busiest edge.
    " best AS (SELECT DISTINCT ON (channel_id) * FROM judged"
    "  ORDER BY channel_id, is_home DESC, publishing DESC, is_seen DESC, egress_bps DESC NULLS LAST, server_id)"
    " SELECT channel.id, channel.vhost, channel.app, channel.name, best.server AS origin, best.is_home,"
    " air.has_home, air.home_seen, air.published, air.coming_in, air.moving, air.seen, air.gone,"
    " told.viewers, told.copies, told.copies_frozen, told.copies_unknown, told.viewers_frozen, told.frozen_since,"
    " best.ingress_bps AS ingest_bps, best.ingress_still_since AS stalled_since, minute.frame_rate,"
    " best.video, best.audio, best.width, best.height, best.published_after, best.published_by,"
    " ended.ended_after, ended.ended_by, told.at, told.gone_at"
    " FROM told JOIN air USING (channel_id) JOIN best USING (channel_id) JOIN channel ON channel.id = channel_id"
    + _FRAME_RATE.format(copy="best")
    + " LEFT JOIN LATERAL (SELECT ended_after, ended_by FROM publication WHERE publication.server_id = best.server_id"
    "  AND publication.stream_id = best.stream_id AND ended_by IS NOT NULL ORDER BY began_by DESC LIMIT 1) ended"
    "  ON NOT best.publishing"
    " ORDER BY channel.app, channel.name, channel.vhost, channel.id"
)
_TIMES = (
    *("frozen_since", "stalled_since", "published_after", "published_by", "ended_after", "ended_by", "at", "gone_at"),
)
_FLAGS = ["is_home", "has_home", "home_seen", "published", "coming_in", "moving", "seen", "gone"]


def channels(engine: Engine, now: datetime, interval: float) -> pd.DataFrame:
    """One row a channel that a server lists, or listed within a day.

    id, vhost, app, name; state (cdn.health.ChannelState); origin: where it is published (the server that tells most
    where no first origin lists it, `is_home` False); viewers: people on all servers, NaN where nobody tells;
    copies: servers that carry it on, copies_frozen of them standing still since `frozen_since` before viewers_frozen,
    copies_unknown: listed it last, but do not answer now; ingest_bps, frame_rate (mean of three minutes), video, audio,
    width, height: as it comes in (ingest_bps is NaN where no first origin lists it); stalled_since: nothing comes in
    although somebody publishes; published_after, published_by: between these its publication began; ended_after,
    ended_by: between these the last one ended, where none goes on; at: newest look; gone_at.
    """
    with reading(engine) as connection:
        found = frame(
            connection,
            _CHANNELS,
            _parameters(now, interval),
            times=_TIMES,
            numbers=(
                "viewers",
                "copies",
                "copies_frozen",
                "copies_unknown",
                "viewers_frozen",
                "ingest_bps",
                "frame_rate",
                "width",
                "height",
            ),
        )
    found[_FLAGS] = found[_FLAGS].eq(True)
    found["ingest_bps"] = found["ingest_bps"].where(found["is_home"])
    found["state"] = [_state(row) for row in found[[*_FLAGS, "copies_frozen"]].to_dict("records")]
    return found.drop(columns=["has_home", "home_seen", "published", "coming_in", "moving", "seen", "gone"])


def _parameters(now: datetime, interval: float) -> dict[str, object]:
    return {
        "now": now,
        "interval": interval,
        "blind": BLIND_AFTER_INTERVALS,
        "still": STILL_SECONDS,
        "gone": now - timedelta(hours=GONE_HOURS),
        "recent": now - timedelta(seconds=FRAMES_SECONDS),
    }


def _state(row: dict[Any, Any]) -> str:
    if row["gone"]:
        return ChannelState.GONE.value
    if not row["seen"] or (row["has_home"] and not row["home_seen"] and not row["moving"]):
        return ChannelState.UNKNOWN.value
    if row["published"] and not row["coming_in"]:
        return ChannelState.STALLED.value
    if row["has_home"] and row["home_seen"] and not row["published"]:
        return ChannelState.OFF_AIR.value
    if row["copies_frozen"] > 0:
        return ChannelState.FROZEN.value
    return ChannelState.ON_AIR.value if row["published"] or row["moving"] else ChannelState.OFF_AIR.value


_OF_CHANNEL = text(
    _COPIES + " SELECT judged.server_id, judged.server, judged.role, judged.region, judged.is_home, judged.state,"
    " judged.viewers::float8 AS viewers, judged.clients::float8 AS clients, judged.pulls::float8 AS pulls,"
    " judged.egress_bps, judged.ingress_bps, minute.frame_rate, judged.video, judged.audio,"
    " judged.width::float8 AS width, judged.height::float8 AS height, judged.egress_still_since,"
    " judged.ingress_still_since, judged.published_after, judged.published_by, judged.at, judged.gone_at FROM judged"
    + _FRAME_RATE.format(copy="judged")
    + " WHERE judged.channel_id = :channel ORDER BY judged.is_home DESC, judged.role DESC, judged.server"
)


def copies(engine: Engine, now: datetime, interval: float, channel_id: int) -> pd.DataFrame:
    """Every server that carries a channel, first origins first: server_id, server, role, region, is_home, state
    (cdn.health.CopyState), viewers, clients, pulls, egress_bps, ingress_bps, frame_rate, video, audio, width, height,
    egress_still_since, ingress_still_since, published_after, published_by, at, gone_at."""
    with reading(engine) as connection:
        return frame(
            connection,
            _OF_CHANNEL,
            {**_parameters(now, interval), "channel": channel_id},
            times=("egress_still_since", "ingress_still_since", "published_after", "published_by", "at", "gone_at"),
            numbers=("viewers", "clients", "pulls", "egress_bps", "ingress_bps", "frame_rate", "width", "height"),
        )


_PUBLICATIONS = text(
    "SELECT publication.server_id, server.name AS server, stream.channel_id, channel.vhost, channel.app, channel.name,"
    " publication.began_after, publication.began_by, publication.ended_after, publication.ended_by,"
    " publication.end_reason, publication.publisher, publication.format,"
    " greatest(extract(epoch FROM publication.began_after - former.ended_by), 0)::float8 AS off_air_least,"
    " extract(epoch FROM publication.began_by - former.ended_after)::float8 AS off_air_most"
    " FROM publication JOIN stream ON stream.id = publication.stream_id JOIN channel ON channel.id = stream.channel_id"
    " JOIN server ON server.id = publication.server_id"
    " LEFT JOIN LATERAL (SELECT before.ended_after, before.ended_by FROM publication before"
    "  WHERE before.server_id = publication.server_id AND before.stream_id = publication.stream_id"
    "  AND before.began_by < publication.began_by ORDER BY before.began_by DESC LIMIT 1) former ON true"
    " WHERE publication.began_by <= :before"
    "  AND (publication.began_by > :since OR publication.ended_by > :since OR publication.ended_by IS NULL)"
    "  AND (CAST(:channel AS bigint) IS NULL OR stream.channel_id = :channel)"
    "  AND (CAST(:server AS bigint) IS NULL OR publication.server_id = :server)"
    " ORDER BY publication.began_by DESC, publication.server_id, stream.channel_id LIMIT :most"
)


def publications(
    engine: Engine,
    now: datetime,
    *,
    since: datetime,
    channel_id: int | None = None,
    server_id: int | None = None,
    most: int = 200,
) -> pd.DataFrame:
    """Publications that went on after `since`, newest first.

    server_id, server, channel_id, vhost, app, name; it began after began_after (NaT: nobody knows) and by began_by,
    ended after ended_after and by ended_by (NaT: it goes on), end_reason (cdn.model.PublicationEnd), publisher, format;
    off_air_least, off_air_most: seconds between the publication before and this one (NaN: none is known).
    """
    parameters = {"channel": channel_id, "server": server_id, "since": since, "before": now, "most": most}
    with reading(engine) as connection:
        return frame(
            connection,
            _PUBLICATIONS,
            parameters,
            times=("began_after", "began_by", "ended_after", "ended_by"),
            numbers=("off_air_least", "off_air_most"),
        )


_EVENTS = text(
    "SELECT event.at, event.after, event.kind, event.server_id, server.name AS server, stream.channel_id,"
    " channel.vhost, channel.app, channel.name, event.before, event.now"
    " FROM event JOIN server ON server.id = event.server_id"
    " LEFT JOIN stream ON stream.id = event.stream_id LEFT JOIN channel ON channel.id = stream.channel_id"
    " WHERE event.at > :since AND event.at <= :before"
    "  AND (CAST(:channel AS bigint) IS NULL OR stream.channel_id = :channel)"
    "  AND (CAST(:server AS bigint) IS NULL OR event.server_id = :server)"
    " ORDER BY event.at DESC, event.server_id, event.stream_id LIMIT :most"
)


def events(
    engine: Engine,
    now: datetime,
    *,
    since: datetime,
    channel_id: int | None = None,
    server_id: int | None = None,
    most: int = 200,
) -> pd.DataFrame:
    """What happened after `since`, newest first.

    at (seen then; not yet so at `after`), kind (cdn.model.EventKind), server_id, server, channel_id, vhost, app, name
    (of a stream; None for the server itself), before, now (in words).
    """
    parameters = {"channel": channel_id, "server": server_id, "since": since, "before": now, "most": most}
    with reading(engine) as connection:
        found = frame(connection, _EVENTS, parameters, times=("at", "after"))
    found["channel_id"] = found["channel_id"].astype("Int64")
    return found
