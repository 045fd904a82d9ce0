"""Long lists in pages: each begins after the last row of the one before, so nothing that comes or goes shifts it."""

from __future__ import annotations

import pandas as pd
from sqlalchemy import Engine, text

from db.engine import reading
from db.frame import frame

_STREAMS = text(
    "SELECT server.id AS server_id, server.name AS server, stream.id AS stream_id, stream.url,"
    " channel.id AS channel_id, channel.vhost, channel.app, channel.name, status.publishing AND poll.up AS publishing,"
    " status.viewers::float8 AS viewers,"
    " status.egress_bytes::float8 * 8 / nullif(status.counted_seconds, 0) AS egress_bps,"
    " status.ingress_bytes::float8 * 8 / nullif(status.counted_seconds, 0) AS ingress_bps,"
    " status.video, status.audio, status.width, status.height, status.at"
    " FROM stream_status status JOIN stream ON stream.id = status.stream_id"
    " JOIN channel ON channel.id = stream.channel_id JOIN server ON server.id = status.server_id"
    " JOIN server_status poll ON poll.server_id = server.id"
    " WHERE status.gone_at IS NULL AND server.retired_at IS NULL"
    " AND (server.name, stream.id) > (:after_server, :after_stream)"
    " AND (CAST(:server AS bigint) IS NULL OR server.id = :server)"
    " AND (CAST(:publishing AS boolean) IS NULL OR (status.publishing AND poll.up) = :publishing)"
    " ORDER BY server.name, stream.id LIMIT :most"
)


def streams(
    engine: Engine,
    *,
    after: tuple[str, int] = ("", 0),
    most: int,
    server_id: int | None = None,
    publishing: bool | None = None,
) -> pd.DataFrame:
    """Streams that servers list, by server and age, after the server and stream_id of `after`.

    server_id, server, stream_id, url, channel_id, vhost, app, name, publishing, viewers, egress_bps, ingress_bps,
    video, audio, width, height, at.
    """
    parameters = {
        "after_server": after[0],
        "after_stream": after[1],
        "server": server_id,
        "publishing": publishing,
        "most": most,
    }
    with reading(engine) as connection:
        return frame(connection, _STREAMS, parameters, times=("at",), numbers=("viewers", "egress_bps", "ingress_bps"))
