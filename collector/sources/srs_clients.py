"""SRS's list of clients: publishers, viewers, and servers of ours that pull."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from dataclasses import replace
from typing import Any

from cdn.model import ClientReading, StreamReading
from collector.sources.answers import counter, optional_gauge, seen, text, wrong
from collector.sources.script import Ask, Reply
from collector.sources.srs_answers import pages

CLIENTS = "/api/v1/clients/"
CLIENT_TYPES = frozenset(
    f"{protocol}-{what}"
    for protocol in ("fmle", "flash", "haivision", "rtmp", "flv", "hls", "rtc", "srt")
    for what in ("publish", "play")
)


def read_clients(urls: Mapping[str, str], most: int) -> Generator[Ask, Reply, tuple[tuple[ClientReading, ...], bool]]:
    """The clients, each once, and whether that is all of them."""
    rows: dict[str, ClientReading] = {}

    def take(row: Any, path: str) -> None:
        client = _client(row, urls, path)
        rows[client.id] = client

    complete = yield from pages(CLIENTS, "clients", take, lambda: len(rows), most)
    return tuple(rows.values())[:most], complete


def about(clients: tuple[ClientReading, ...], read: int | None) -> list[str]:
    """What has to be said of a list of clients. read: where it was cut, after so many."""
    unknown = Counter(client.kind or "none" for client in clients if client.kind not in CLIENT_TYPES)
    notes = []
    if unknown:
        names = ", ".join(sorted(unknown)[:5])
        notes.append(f"{sum(unknown.values()):,} clients of types we do not know count as viewers: {names}.")
    if read is not None:
        notes.append(f"More than {read:,} clients: the rest is not read, so its viewers are not known.")
    return notes


def less_publishers(
    streams: tuple[StreamReading, ...], clients: tuple[ClientReading, ...]
) -> tuple[StreamReading, ...]:
    """The streams with their viewers as the list of clients tells them: all of them but the publishers."""
    publishers = Counter(client.url for client in clients if client.publishing)
    return tuple(replace(stream, viewers=max(0, (stream.clients or 0) - publishers[stream.url])) for stream in streams)


def _client(row: Any, urls: Mapping[str, str], path: str) -> ClientReading:
    """One row of the list; urls: of the streams by their id of the moment."""
    if not isinstance(row, dict):
        raise wrong(path, f"a client is {seen(row)}, want an object")
    name = text(row.get("id"), 80)
    if not name:
        raise wrong(path, f"a client's id is {seen(row.get('id'))}, want text")
    return ClientReading(
        id=name,
        url=urls.get(text(row.get("stream"), 80)) or text(row.get("url")),
        address=text(row.get("ip"), 80),
        kind=text(row.get("type"), 40),
        publishing=row.get("publish") is True,
        sent=counter(row, "send_bytes", path),
        received=counter(row, "recv_bytes", path),
        connected=optional_gauge(row, "alive", 1e9),
    )
