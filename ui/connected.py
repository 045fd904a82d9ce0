"""Who is connected to a server: its clients by stream, and the largest connections. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from cdn.model import ClientReading
from ui import numbers, tables
from ui.html import Html, fill

STREAMS_SHOWN = 30
LARGEST = 20
STREAM_COLUMNS = (
    tables.Column("Stream"),
    tables.Column("Players", number=True),
    tables.Column("From addresses", number=True),
    tables.Column("Own servers", number=True),
    tables.Column("Publishers", number=True),
)
CLIENT_COLUMNS = (
    tables.Column("Address"),
    tables.Column("Who"),
    tables.Column("Stream"),
    tables.Column("Connected as"),
    tables.Column("For", number=True),
    tables.Column("Sent to it", number=True),
    tables.Column("Received", number=True),
)


def summary(clients: Collection[ClientReading], own: Collection[str]) -> str:
    """ "1 publisher, 2 own servers, 211 players from 198 addresses". own: ids of own servers."""
    players = [client for client in clients if is_player(client, own)]
    publishers = sum(client.publishing for client in clients)
    parts = [
        numbers.many(publishers, "publisher"),
        numbers.many(len(clients) - publishers - len(players), "own server"),
        numbers.many(len(players), "player"),
    ]
    addresses = numbers.many(len({client.address for client in players}), "address", "addresses")
    return f"{', '.join(parts)} from {addresses}" if players else ", ".join(parts)


def is_player(client: ClientReading, own: Collection[str]) -> bool:
    """Neither a publisher nor one of ours."""
    return not client.publishing and client.id not in own


def stream_rows(clients: Iterable[ClientReading], own: Collection[str]) -> list[tables.Row]:
    """A row a stream, those with most players first."""
    streams: defaultdict[str, list[ClientReading]] = defaultdict(list)
    for client in clients:
        streams[client.url].append(client)
    ordered = sorted(streams.items(), key=lambda item: (-sum(is_player(each, own) for each in item[1]), item[0]))
    return [tables.Row(_stream_cells(url, found, own)) for url, found in ordered]


def _stream_cells(url: str, clients: list[ClientReading], own: Collection[str]) -> list[object]:
    players = [client for client in clients if is_player(client, own)]
    return [
        url or tables.unknown("the server names no stream"),
        numbers.count(len(players)),
        numbers.count(len({client.address for client in players})),
        numbers.count(sum(client.id in own for client in clients)),
        numbers.count(sum(client.publishing for client in clients)),
    ]


def largest(clients: Iterable[ClientReading], own: Collection[str]) -> Iterator[tables.Row]:
    """The LARGEST connections as rows: most bytes first, then longest connected where nobody counts them."""

    def size(client: ClientReading) -> tuple[int, float]:
        return (client.sent or 0) + (client.received or 0), client.connected or 0.0

    for client in sorted(clients, key=size, reverse=True)[:LARGEST]:
        yield tables.Row(
            [
                client.address or tables.unknown("the server tells no address"),
                _who(client, own),
                client.url or tables.unknown("the server names no stream"),
                client.kind or tables.unknown("the server tells no type"),
                numbers.age(client.connected),
                _bytes(client.sent),
                _bytes(client.received),
            ]
        )


def _who(client: ClientReading, own: Collection[str]) -> str:
    return "Publisher" if client.publishing else "Own server" if client.id in own else "Player"


def _bytes(count: Any) -> Html:
    if count is None:
        return tables.unknown("not counted one by one here")
    return fill("{volume}", volume=numbers.volume(count))
