"""What people and collectors would have noted in a season: outages, publications, markers, contracts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from db.models import Annotation, Contract
from demo.fleet import Fleet
from demo.lineup import Channel, Encoding
from demo.raw_rows import INTERVAL
from demo.season import DEPLOYS, FINALS, Season
from demo.traffic import DAY, HOUR

Row = tuple[Any, ...]
BY = "demo"
# Provider, zone and currency, price per Mbit/s and month, price beyond what was agreed on, and that in Gbit/s.
CONTRACTS = (
    ("Nordlink", "Europe/Amsterdam", "EUR", "0.18", "0.26", 14),
    ("Lakeshore Transit", "America/New_York", "USD", "0.22", "0.31", 6),
)


def moment(at: float) -> datetime:
    """An epoch second as a time."""
    return datetime.fromtimestamp(at, UTC)


def outages(season: Season, servers: Mapping[str, int]) -> Iterator[Row]:
    """Rows of `outage`: server_id, began_by, began_after, ended_after, ended_by, reason."""
    for one in season.outages:
        if one.server in servers:
            began, ended = moment(one.begin), moment(one.end)
            poll = timedelta(seconds=INTERVAL)
            yield (
                servers[one.server],
                began + poll / 2,
                began - poll / 2,
                ended - poll / 2,
                ended + poll / 2,
                one.reason,
            )


def restarts(season: Season, servers: Mapping[str, int]) -> Iterator[Row]:
    """Rows of `event`: server_id, at, kind, stream_id, after, before, now."""
    for one in season.outages:
        if one.server in servers:
            at = moment(one.end + INTERVAL / 2)
            yield servers[one.server], at, "restart", 0, moment(one.begin - INTERVAL / 2), None, None


def publications(
    season: Season, fleet: Fleet, streams: Mapping[tuple[str, str], int], servers: Mapping[str, int], end: datetime
) -> Iterator[Row]:
    """Rows of `publication` at the homes, in the order of `db.samples.PUBLICATION_COLUMNS`; the last ends at `end`.

    streams: ids by server's name and url.
    """
    half = INTERVAL / 2
    for server in fleet.servers:
        for channel in server.channels if server.is_home and server.name in servers else ():
            began = season.begin
            for begin, until, restarted in _away(season, server.name, channel):
                reason = "restarted" if restarted else "stopped"
                last = moment(begin - half), moment(begin + half), reason
                yield _publication(servers[server.name], streams[server.name, channel.url], began, last, channel)
                began = until
            last = end - timedelta(seconds=INTERVAL), end, "restarted"
            yield _publication(servers[server.name], streams[server.name, channel.url], began, last, channel)


def _away(season: Season, home: str, channel: Channel) -> list[tuple[float, float, bool]]:
    spans = [(one.begin, one.end, False) for one in season.drop_outs if one.channel == channel.url]
    spans += [(one.begin, one.end, True) for one in season.outages if one.server == home]
    apart: list[tuple[float, float, bool]] = []
    for span in sorted(spans):
        if apart and span[0] <= apart[-1][1] + 2 * INTERVAL:
            apart[-1] = (apart[-1][0], max(apart[-1][1], span[1]), apart[-1][2] or span[2])
        else:
            apart.append(span)
    return apart


def _publication(
    server: int, stream: int, began: float, ended: tuple[datetime, datetime, str], channel: Channel
) -> Row:
    by, after = moment(began + INTERVAL / 2), moment(began - INTERVAL / 2)
    return server, stream, by, after, *ended, f"studio-{channel.name}", described(channel.encoding)


def described(encoding: Encoding) -> str:
    """The format of a stream in the words of `publication.format`."""
    return f"{encoding.width} × {encoding.height}, {encoding.codec} {encoding.profile}, AAC LC 44.1 kHz"


def markers(season: Season) -> list[Annotation]:
    """Markers on the time axis: deploys, finals, the longest outage."""
    found = [
        Annotation(
            at=moment(season.midnight(days) + 9.5 * HOUR), kind="deploy", words=f"SRS 6.0.{157 - number}", created_by=BY
        )
        for number, days in enumerate(reversed(DEPLOYS))
    ]
    found += [
        Annotation(
            at=moment(season.midnight(days) + begins * HOUR),
            until=moment(season.midnight(days) + ends * HOUR),
            kind="match",
            words=words,
            created_by=BY,
        )
        for words, (days, begins, ends, _) in zip(
            ("Cup quarter-final", "Cup semi-final", "Cup final"), FINALS, strict=True
        )
    ]
    if season.outages:
        worst = max(season.outages, key=lambda one: one.end - one.begin)
        words = f"{worst.server} was away for {(worst.end - worst.begin) / 60:.0f} minutes"
        incident = Annotation(
            at=moment(worst.begin), until=moment(worst.end), kind="incident", words=words, created_by=BY
        )
        found.append(incident)
    return [one for one in found if season.begin < one.at.timestamp() < season.end]


def contracts(season: Season, providers: Iterable[str]) -> list[Contract]:
    """Contracts with those carriers of the fleet that have one."""
    known = set(providers)
    begin = moment(season.begin - 300 * DAY).date().replace(day=1)
    return [
        Contract(
            name=f"{provider} transit",
            provider=provider,
            zone=zone,
            currency=currency,
            price=Decimal(price),
            overage_price=Decimal(more),
            commit_bps=gigabits * 10**9,
            starts_on=begin,
        )
        for provider, zone, currency, price, more, gigabits in CONTRACTS
        if provider in known
    ]
