"""What is delivered: the traffic of all servers less what went to own servers, over any number of tiers. SQL parts.

- An SRS or nginx-rtmp origin sees its own edges among its clients: `internal_bytes`, told apart by the collector.
- A caching NGINX or Angie reads over HTTP: it counts itself what it read (`origin_bytes`). That is part of the traffic
  of its own origin only where that origin counts HTTP, too. SRS leaves HLS behind a cache out of its counters.
- An origin of which nobody told own servers and viewers apart is left out, and said: its clients are mostly edges.
- Origin offload is the share of what is delivered that did not have to leave the first origins, those that publishers
  send to: 1 - (their traffic to own servers ÷ delivered).
"""

from __future__ import annotations

# Kinds whose traffic holds what own servers read from them over HTTP.
_COUNTS_HTTP = "('nginx_vts', 'nginx_plus', 'angie')"

# origin servers that pull from nobody of ours: publishers send to them
HOMES = (
    "home AS (SELECT server.id AS server_id FROM server WHERE server.role = 'origin' AND server.retired_at IS NULL"
    " AND NOT EXISTS (SELECT FROM server_origin link JOIN server origin ON origin.id = link.origin_id"
    "  WHERE link.server_id = server.id AND origin.retired_at IS NULL))"
)


def split(rows: str) -> str:
    """CTEs that end in `split`: one row per row of `rows`, told apart.

    rows: a query of (at, server_id, up, egress_bytes, internal_bytes, origin_bytes, counted_seconds).
    Columns of `split`: at, server_id, region, role, egress_bps, internal_bps and delivered_bps (null: not known),
    is_home, from_home_bps (what left a first origin for own servers).
    """
    return (
        f"polled AS ({rows}), {HOMES},"
        " reads_http AS (SELECT link.server_id, count(*) AS origins FROM server_origin link"
        f"  JOIN server origin ON origin.id = link.origin_id AND origin.kind IN {_COUNTS_HTTP}"
        "  WHERE origin.retired_at IS NULL GROUP BY link.server_id),"
        " read_by_own AS (SELECT polled.at, link.origin_id AS server_id,"
        "  sum(polled.origin_bytes::float8 * 8 / nullif(polled.counted_seconds, 0) / reads_http.origins) AS bps"
        "  FROM polled JOIN reads_http ON reads_http.server_id = polled.server_id"
        "  JOIN server_origin link ON link.server_id = polled.server_id"
        f"  JOIN server origin ON origin.id = link.origin_id AND origin.kind IN {_COUNTS_HTTP}"
        "  WHERE polled.origin_bytes IS NOT NULL GROUP BY 1, 2),"
        " reads_home AS (SELECT DISTINCT link.server_id FROM server_origin link JOIN home ON home.server_id"
        "  = link.origin_id),"
        " told AS (SELECT polled.at, polled.server_id, server.region, server.role,"
        "  polled.egress_bytes::float8 * 8 / nullif(polled.counted_seconds, 0) AS egress_bps,"
        "  CASE WHEN polled.internal_bytes IS NULL AND read_by_own.bps IS NULL THEN NULL ELSE"
        "   coalesce(polled.internal_bytes::float8 * 8 / nullif(polled.counted_seconds, 0), 0)"
        "   + coalesce(read_by_own.bps, 0) END AS internal_bps,"
        "  home.server_id IS NOT NULL AS is_home,"
        "  CASE WHEN home.server_id IS NOT NULL"
        "   THEN polled.internal_bytes::float8 * 8 / nullif(polled.counted_seconds, 0) END AS pulled_bps,"
        "  CASE WHEN reads_home.server_id IS NOT NULL"
        "   THEN polled.origin_bytes::float8 * 8 / nullif(polled.counted_seconds, 0) END AS read_bps"
        "  FROM polled JOIN server ON server.id = polled.server_id"
        "  LEFT JOIN home ON home.server_id = polled.server_id"
        "  LEFT JOIN reads_home ON reads_home.server_id = polled.server_id"
        "  LEFT JOIN read_by_own ON read_by_own.server_id = polled.server_id AND read_by_own.at = polled.at),"
        " split AS (SELECT at, server_id, region, role, egress_bps, internal_bps, is_home,"
        "  CASE WHEN role = 'edge' OR internal_bps IS NOT NULL THEN egress_bps - coalesce(internal_bps, 0) END"
        "   AS delivered_bps,"
        "  CASE WHEN pulled_bps IS NOT NULL OR read_bps IS NOT NULL"
        "   THEN coalesce(pulled_bps, 0) + coalesce(read_bps, 0) END AS from_home_bps FROM told)"
    )


# Without any first origin that is told apart nobody knows what leaves them.
OFFLOAD = (
    "CASE WHEN sum(split.delivered_bps) > 0"
    " AND NOT bool_or(split.is_home AND split.egress_bps IS NOT NULL AND split.internal_bps IS NULL)"
    " THEN 1 - sum(split.from_home_bps) / sum(split.delivered_bps) END"
)
TOTALS = (
    f"sum(split.delivered_bps) AS delivered_bps, sum(split.internal_bps) AS internal_bps, {OFFLOAD} AS origin_offload"
)


def _told(summed: str) -> str:
    """Where own servers and viewers were told apart in some minutes of a step, the others say nothing of the two."""
    return (
        f"CASE WHEN count(internal_bytes) = 0 THEN {summed} ELSE {summed} FILTER (WHERE internal_bytes IS NOT NULL) END"
    )


# Rows for `split`: every server's steps of :step seconds between :start and :end.
MINUTES_IN_STEPS = (
    "SELECT date_bin(make_interval(secs => :step), traffic_1m.at, :start) AS at, traffic_1m.server_id,"
    f" ({_told('sum(egress_bytes)')})::bigint AS egress_bytes, sum(internal_bytes)::bigint AS internal_bytes,"
    f" ({_told('sum(origin_bytes)')})::bigint AS origin_bytes,"
    f" {_told('sum(CASE WHEN egress_bytes IS NOT NULL THEN counted_seconds END)')} AS counted_seconds"
    " FROM traffic_1m WHERE traffic_1m.at >= :start AND traffic_1m.at < :end GROUP BY 1, 2"
)
