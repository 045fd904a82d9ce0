"""Whether channels were on the air when they were expected, and when they dropped out. Out of publications.

A publication's ends are bounds, so what is known is two sets of moments: those in which somebody published for sure
(from the first look at it to the last), and those in which somebody may have. Off air is at least what is outside the
second and at most what is outside the first. Publications on several first origins are one: who takes over leaves no
gap. A channel of which no publication was ever seen is not judged.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd
from sqlalchemy import Engine, text

from cdn import schedule
from cdn.intervals import Interval, by_part, gaps, minus, part_of, seconds, union
from cdn.months import zone_of
from db.engine import reading
from db.frame import frame

# A publication seen in one look alone is a moment.
_MOMENT = timedelta(microseconds=1)
# How long after a window it is followed how a drop-out in it ended.
FOLLOWED = timedelta(days=7)

_CHANNELS = text(
    "SELECT channel.id AS channel_id, channel.vhost, channel.app, channel.name, channel.schedule, channel.zone,"
    " least(channel.created_at, first.at) AS since, first.at AS published_at FROM channel"
    # Of each stream by the key: else all publications there ever were would be looked through.
    " LEFT JOIN LATERAL (SELECT min(of.at) AS at FROM stream CROSS JOIN LATERAL (SELECT min(began_by) AS at"
    "   FROM publication WHERE server_id = stream.server_id AND stream_id = stream.id) of"
    "  WHERE stream.channel_id = channel.id) first ON true"
    " WHERE (CAST(:channel AS bigint) IS NULL OR channel.id = :channel)"
    " ORDER BY channel.app, channel.name, channel.vhost, channel.id"
)
# Those of a stream follow each other: of what began before a window the last one alone may reach into it.
_PUBLICATIONS = text(
    "WITH part AS (SELECT * FROM publication WHERE began_by > :start AND began_by <= :until"
    "  UNION ALL SELECT last.* FROM stream CROSS JOIN LATERAL (SELECT * FROM publication"
    "   WHERE server_id = stream.server_id AND stream_id = stream.id AND began_by <= :start"
    "   ORDER BY began_by DESC LIMIT 1) last"
    "   WHERE (last.ended_by IS NULL OR last.ended_by > :start)"
    "   AND (CAST(:channel AS bigint) IS NULL OR stream.channel_id = :channel))"
    " SELECT stream.channel_id, server.name AS server, publication.began_after, publication.began_by,"
    " publication.ended_after, publication.ended_by, publication.end_reason, least(status.at, :now) AS seen_at"
    " FROM part publication JOIN stream ON stream.id = publication.stream_id"
    " JOIN server ON server.id = publication.server_id"
    " LEFT JOIN stream_status status ON status.stream_id = publication.stream_id"
    "  AND status.server_id = publication.server_id AND status.publishing AND status.gone_at IS NULL"
    " WHERE CAST(:channel AS bigint) IS NULL OR stream.channel_id = :channel"
    " ORDER BY publication.began_by, publication.server_id"
)
_NAMES = ["channel_id", "vhost", "app", "name"]


@dataclass(frozen=True, slots=True)
class Aired:
    """One channel between two moments: when it was expected, for sure on the air, and perhaps; and its publications.

    until: how far publications were looked at.
    """

    channel: Any
    expected: list[Interval]
    sure: list[Interval]
    perhaps: list[Interval]
    publications: list[Any]
    until: datetime


def _aired(engine: Engine, start: datetime, end: datetime, now: datetime, channel_id: int | None) -> list[Aired]:
    """Every channel that existed by `end`, and when it was expected and on the air, a while before and beyond, too."""
    until = min(end + FOLLOWED, now)
    parameters = {"channel": channel_id, "start": start - FOLLOWED, "until": until, "now": now}
    with reading(engine) as connection:
        channels = connection.execute(_CHANNELS, parameters).all()
        found = connection.execute(_PUBLICATIONS, parameters).all()
    of_channel: dict[int, list[Any]] = {}
    for row in found:
        of_channel.setdefault(row.channel_id, []).append(row)
    return [_of(each, of_channel.get(each.channel_id, []), start, until) for each in channels if each.since < end]


def _of(channel: Any, publications: list[Any], start: datetime, until: datetime) -> Aired:
    try:
        plan, zone = schedule.parse(channel.schedule), zone_of(channel.zone)
    except ValueError:
        # Stored by somebody past us: then it is as if nothing were.
        plan, zone = schedule.ALWAYS, zone_of("UTC")
    expected: list[Interval] = []
    if channel.published_at is not None:
        # Before its first publication nobody knows whether anybody looked.
        begin = max(start - FOLLOWED, channel.published_at)
        expected = schedule.expected(plan, zone, begin, until)
    sure, perhaps = [], []
    for each in publications:
        first, last = each.began_by, each.ended_after or each.seen_at or each.began_by
        sure.append((first, max(last, first + _MOMENT)))
        perhaps.append((each.began_after or first, max(each.ended_by or until, last)))
    return Aired(channel, expected, union(sure), union(perhaps), publications, until)


_SCHEDULE = text("SELECT id AS channel_id, vhost, app, name, schedule, zone FROM channel WHERE id = :channel")


def plan(engine: Engine, channel_id: int) -> pd.DataFrame:
    """When a channel is expected, as it was written: channel_id, vhost, app, name, schedule, zone; empty: no such."""
    with reading(engine) as connection:
        return frame(connection, _SCHEDULE, {"channel": channel_id})


def airtime(engine: Engine, bounds: Sequence[datetime], now: datetime, channel_id: int | None = None) -> pd.DataFrame:
    """A row for each channel and part of time (from one of `bounds` to the next).

    channel_id, vhost, app, name, schedule, zone, part (0: the first), judged (False: no publication was ever seen),
    expected, off_least, off_most: seconds in which it was expected on air, and in which it then was not. Time to come
    is left out.
    """
    edges = [min(bound, now) for bound in bounds]
    rows: list[dict[str, Any]] = []
    for each in _aired(engine, edges[0], edges[-1], now, channel_id):
        inside = part_of(each.expected, edges[0], edges[-1])
        told = {name: getattr(each.channel, name) for name in (*_NAMES, "schedule", "zone")}
        judged = each.channel.published_at is not None
        whole = by_part(inside, edges)
        least, most = (by_part(minus(inside, on), edges) for on in (each.perhaps, each.sure))
        rows += [
            {**told, "judged": judged, "part": part, "expected": whole[part], "off_least": a, "off_most": b}
            for part, (a, b) in enumerate(zip(least, most, strict=True))
        ]
    columns = [*_NAMES, "schedule", "zone", "judged", "part", "expected", "off_least", "off_most"]
    return pd.DataFrame(rows, columns=columns)


def told(found: pd.DataFrame, by: Sequence[str] = (*_NAMES, "schedule", "zone", "judged")) -> pd.DataFrame:
    """Sums of `airtime` by columns (none: all in one row); on_least, on_most: the share of the expected time in which
    it was on air, NaN where it was not expected or is not judged."""
    seconds_of = ["expected", "off_least", "off_most"]
    if by:
        sums = found.groupby(list(by), as_index=False, sort=False)[seconds_of].sum()
    else:
        sums = pd.DataFrame([found[seconds_of].sum().astype("float64")])
    whole = sums["expected"].astype("float64").where(sums["expected"] > 0)
    sums["on_least"], sums["on_most"] = 1 - sums["off_most"] / whole, 1 - sums["off_least"] / whole
    return sums


DROP_OUTS = (
    *_NAMES,
    *("server", "began_after", "began_by", "ended_after", "ended_by", "end_reason", "goes_on", "off_least", "off_most"),
)


def drop_outs(
    engine: Engine, start: datetime, end: datetime, now: datetime, channel_id: int | None = None
) -> pd.DataFrame:
    """Times off the air, while on air was expected, that began in [start, end), newest first.

    channel_id, vhost, app, name, server (where it was published before), began_after, began_by, ended_after, ended_by
    (bounds; NaT: it goes on, or went on a week after `end`), end_reason (cdn.model.PublicationEnd), goes_on, off_least,
    off_most: seconds in which it was off the air while expected. A publisher who leaves when the schedule says so, as
    far as anybody saw, leaves none.
    """
    rows: list[dict[str, Any]] = []
    for each in _aired(engine, start, min(end, now), now, channel_id):
        ended = [row for row in each.publications if row.ended_by is not None and row.ended_after is not None]
        ended.sort(key=lambda row: row.ended_after)
        rows += [_dropped(each, ended, gap, off) for gap, off in _gaps(each, start, end)]
    found = pd.DataFrame(rows, columns=list(DROP_OUTS))
    for name in ("began_after", "began_by", "ended_after", "ended_by"):
        found[name] = pd.to_datetime(found[name], utc=True).astype("datetime64[us, UTC]")
    for name in ("off_least", "off_most"):
        found[name] = found[name].astype("float64")
    return found.sort_values(["began_after", "channel_id"], ascending=[False, True], ignore_index=True)


def _gaps(aired: Aired, start: datetime, end: datetime) -> list[tuple[Interval, tuple[float, float]]]:
    """Times between two that were surely on air, and from the last one on; with how long it was off for that."""
    if not aired.sure:
        return []
    between = [(former[1], later[0]) for former, later in pairwise(aired.sure)]
    # A publication that goes on is not over because nobody looked since.
    if aired.perhaps[-1][1] < aired.until:
        between.append((aired.sure[-1][1], aired.until))
    off = minus(aired.expected, aired.perhaps)
    found = []
    for gap in between:
        most = part_of(aired.expected, *gap)
        # Who does not come at the time of the schedule is missing from then on.
        if not most or not start <= most[0][0] < end:
            continue
        least = seconds(part_of(off, *gap))
        if least > 0 or most[0] == gap:
            found.append(((most[0][0], gap[1]), (least, seconds(most))))
    return found


def _dropped(aired: Aired, ended: list[Any], gap: Interval, off: tuple[float, float]) -> dict[str, Any]:
    """The row of a gap; ended: publications that are over, by when they were surely still on."""
    place = bisect_right(ended, gap[0], key=lambda row: row.ended_after)
    former = ended[place - 1] if place else None
    open_air = gaps(aired.perhaps, *gap)
    goes_on = gap[1] == aired.until
    return {
        **{name: getattr(aired.channel, name) for name in _NAMES},
        "server": None if former is None else former.server,
        "end_reason": None if former is None else former.end_reason,
        "began_after": gap[0],
        # Where another publication may have begun at once, it ended between the same looks.
        "began_by": open_air[0][0] if open_air else gap[1],
        "ended_after": None if goes_on else open_air[-1][1] if open_air else gap[0],
        "ended_by": None if goes_on else gap[1],
        "goes_on": goes_on,
        "off_least": off[0],
        "off_most": off[1],
    }
