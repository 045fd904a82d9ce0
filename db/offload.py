"""How much of what viewers got did not have to come from the origins: by bytes, and by answers out of caches.

Ratios are sums over sums. Every function returns a DataFrame; NaN: not known. Raises Unavailable.
"""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
from sqlalchemy import Engine, text

from db.asked import By, Only, Source, source
from db.engine import reading
from db.frame import frame
from db.history import parameters
from db.quantities import ANSWERED, FROM_CACHE
from db.steps import Steps

# Copies are many: what channels took in is told of windows up to so long.
LONGEST_OF_CHANNELS = timedelta(days=7)
# Software that counts what it reads from an origin apart from what clients send it.
_CACHES = "('nginx_vts', 'nginx_plus', 'angie')"
# Of SRS what comes in is what clients send: what an edge pulls is in none of its counters.
_COUNTS_PULLS = "dims.kind <> 'srs'"
_TAKEN = (
    f"CASE WHEN dims.kind IN {_CACHES} THEN t.origin_bytes WHEN {_COUNTS_PULLS} THEN nullif(t.ingress_bytes, 0) END"
)
_STEP = "date_bin(make_interval(secs => :step), t.at, :start)"
_FROM_TO = "t.at >= :start AND t.at < :end"

FORMULAS = {
    "offload": "1 − what the first origins sent to own servers ÷ what was delivered to viewers",
    "edge": "1 − what edges took in ÷ what they sent",
    "channel": "1 − what edges took in of the channel ÷ what they sent of it",
    "hit_ratio": "answers out of the cache (hit, stale, updating, revalidated) ÷ all answers of caches",
}


def _taken(asked: Source) -> str:
    """SQL of what came in at an edge; of copies of channels nothing else is known than what came in of each."""
    return f"CASE WHEN {_COUNTS_PULLS} THEN nullif(t.ingress_bytes, 0) END" if asked.rows == "stream" else _TAKEN


def over_time(engine: Engine, over: Steps, only: Only) -> pd.DataFrame:
    """at, offload, hit_ratio of each step, and what they are made of.

    Of the fleet: sent (delivered bytes), taken (what left first origins for own servers), untold (what left one and
    nobody told apart: then offload is not known). Of some servers or channels: sent and taken of the edges among them.
    hits, answers: of the servers that cache.
    """
    with reading(engine) as connection:
        if only.is_of_servers or only.channels:
            asked = source(By.TOTAL, only, copies=bool(only.channels), alike=True)
            taken = _taken(asked)
            both = f"{taken} IS NOT NULL AND t.egress_bytes IS NOT NULL"
            query = (
                f"SELECT {_STEP} AS at, (sum(t.egress_bytes) FILTER (WHERE {both}))::float8 AS sent,"
                f" (sum({taken}) FILTER (WHERE {both}))::float8 AS taken, 0::float8 AS untold"
                f" FROM {asked.tables(over.level)}"
                f" WHERE {_FROM_TO} AND dims.role = 'edge'{asked.where()} GROUP BY 1 ORDER BY 1"
            )
        else:
            query = (
                f"SELECT {_STEP} AS at, sum(t.delivered_bytes)::float8 AS sent, sum(t.home_bytes)::float8 AS taken,"
                f" coalesce(sum(t.untold_bytes), 0)::float8 AS untold FROM sum_{over.level} t"
                f" WHERE t.dimension = 'total' AND {_FROM_TO} GROUP BY 1 ORDER BY 1"
            )
        numbers = ("sent", "taken", "untold")
        found = frame(connection, text(query), parameters(over, only, None), times=("at",), numbers=numbers)
        caches = frame(
            connection,
            text(f"SELECT {_STEP} AS at, {_cache_sums()} FROM {_caches(over, only)} GROUP BY 1"),
            parameters(over, only, None),
            times=("at",),
            numbers=("hits", "answers"),
        )
    found = found.merge(caches, on="at", how="outer").sort_values("at", kind="stable").reset_index(drop=True)
    return _ratios(found)


def by_edge(engine: Engine, over: Steps, only: Only) -> pd.DataFrame:
    """id, name, region, sent, taken, offload, hits, answers, hit_ratio of every edge, the most sent first.

    offload: 1 - taken / sent, where the edge counts both. SRS does not count what it pulls.
    """
    asked = source(By.SERVER, only)
    query = (
        "SELECT dims.id, dims.name, dims.region, sum(t.egress_bytes)::float8 AS sent,"
        f" sum({_taken(asked)})::float8 AS taken FROM {asked.tables(over.level)}"
        f" WHERE {_FROM_TO} AND dims.role = 'edge'{asked.where()} GROUP BY 1, 2, 3"
    )
    answered = f"SELECT t.server_id AS id, {_cache_sums()} FROM {_caches(over, only)} GROUP BY 1"
    with reading(engine) as connection:
        bound = parameters(over, only, None)
        found = frame(connection, text(query), bound, numbers=("sent", "taken"))
        caches = frame(connection, text(answered), bound, numbers=("hits", "answers"))
    found = found.merge(caches, on="id", how="left").assign(untold=0.0)
    found = found.sort_values(["sent", "name"], ascending=[False, True], kind="stable").reset_index(drop=True)
    return _ratios(found)


def by_channel(engine: Engine, over: Steps, only: Only) -> pd.DataFrame:
    """id, name, sent, taken, offload of every channel: of its copies on edges that say what they took in of it.

    Empty for windows longer than LONGEST_OF_CHANNELS.
    """
    columns = ["id", "name", "sent", "taken", "offload"]
    if over.end - over.start > LONGEST_OF_CHANNELS:
        return pd.DataFrame(columns=columns)
    asked = source(By.CHANNEL, only, copies=True)
    id_, name = asked.key(By.CHANNEL)
    taken = _taken(asked)
    query = (
        f"SELECT {id_} AS id, {name} AS name, sum(t.egress_bytes) FILTER (WHERE {taken} > 0)::float8 AS sent,"
        f" sum({taken})::float8 AS taken FROM {asked.tables('1h')}"
        f" WHERE {_FROM_TO} AND dims.role = 'edge'{asked.where()} GROUP BY 1, 2"
    )
    with reading(engine) as connection:
        found = frame(connection, text(query), parameters(over, only, None), numbers=("sent", "taken"))
    found["offload"] = (1 - found["taken"] / found["sent"]).where((found["sent"] > 0) & (found["taken"] > 0))
    found = found.sort_values(["sent", "name"], ascending=[False, True], kind="stable")
    return found[columns].reset_index(drop=True)


def _cache_sums() -> str:
    """Answers out of the cache, and all of them, where a server tells its hits."""
    hits, every = (" + ".join(f"coalesce(t.cache_{each}, 0)" for each in names) for names in (FROM_CACHE, ANSWERED))
    return f"sum({hits})::float8 AS hits, sum({every})::float8 AS answers"


def _caches(over: Steps, only: Only) -> str:
    where = source(By.SERVER, Only(**{**only.fields(), "channels": ()})).where()
    return (
        f"server_{over.level} t JOIN server dims ON dims.id = t.server_id"
        f" WHERE t.server_id = ANY(ARRAY(SELECT id FROM server WHERE kind IN {_CACHES}))"
        f" AND {_FROM_TO} AND t.cache_hit IS NOT NULL{where}"
    )


def _ratios(found: pd.DataFrame) -> pd.DataFrame:
    is_known = (found["sent"] > 0) & found["taken"].notna() & ~(found["untold"] > 0)
    found["offload"] = (1 - found["taken"] / found["sent"]).where(is_known)
    found["hit_ratio"] = (found["hits"] / found["answers"]).where(found["answers"] > 0)
    return found
