"""NGINX counts on: every 4 s a new playlist and a new segment of each channel, asked for by everybody who watches.

Bytes are counted when a request ends: a segment's at once, the moment it is there. What a cache does not hold it
fetches from the server behind it, which counts the same bytes at the same moment.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from demo.conditions import Conditions
from demo.http_process import CacheProcess, NginxProcess, Peer
from demo.lineup import Channel
from demo.machine import Machine
from demo.process import SrsProcess
from demo.steps.watching import close, fitting, wanted

SEGMENT = 4.0
PLAYLIST_BYTES = 420
# Heads of an answer and a request, the page of an error.
HEAD_BYTES, REQUEST_BYTES, UPSTREAM_REQUEST_BYTES, ERROR_BYTES = 350, 400, 134, 560
CONNECTIONS_PER_VIEWER = 1 / 60
WRITING_SHARE, READING_SHARE = 0.12, 0.002
STRANGERS = 900  # one request in so many is a robot's, for what is not there
HLS_PORT = 8080


class Wanted(NamedTuple):
    """What is asked for: a `playlist` or `segment` of a channel, the `number`-th, and its size in bytes."""

    channel: Channel
    kind: str
    number: int
    size: int


class Got(NamedTuple):
    """What came: a status code and bytes, heads included."""

    code: str
    size: int


def step(machine: Machine, process: NginxProcess, conditions: Conditions, at: float) -> None:
    """Count on to `at`."""
    since, factor = process.counted_at, None
    for channel in machine.server.channels:
        if channel.url not in machine.audiences:
            continue
        shift = channel.phase / (2 * math.pi) * SEGMENT
        first, last = math.floor((since - shift) / SEGMENT), math.floor((at - shift) / SEGMENT)
        if last <= first and channel.url in process.watching:
            continue
        if factor is None:
            factor = wanted(machine, conditions, at)
        before = process.watching.get(channel.url, 0)
        watching = machine.audiences[channel.url].viewers(factor, at)
        process.watching[channel.url] = watching
        process.accepted += max(0, watching - before)
        for number in range(first + 1, last + 1):
            _round(machine, process, conditions, channel, number, shift)
    viewers = sum(process.watching.values())
    process.accepted += viewers * CONNECTIONS_PER_VIEWER * (at - since)
    process.writing, process.reading = int(viewers * WRITING_SHARE), int(viewers * READING_SHARE)
    process.active = viewers
    if machine.audiences:
        close(process, at, min(sum(process.needed.values()), machine.server.capacity), viewers, 0)
    else:
        _close_shield(process, at)


def _close_shield(process: NginxProcess, at: float) -> None:
    """A shield's egress is what it sent over some seconds: single ones have one segment or none."""
    seconds = at - process.block_began
    if seconds >= 2 * SEGMENT:
        process.counted.close_block(seconds)
        process.block_began = at
    close(process, at, process.counted.kbps_sent * 1_000, 0, 0)


def _round(
    machine: Machine, process: NginxProcess, conditions: Conditions, channel: Channel, number: int, shift: float
) -> None:
    """Everybody who watches a channel asks for its playlist and, if there is one, the new segment."""
    watching = process.watching[channel.url]
    ends = number * SEGMENT + shift
    trouble = conditions.of_channel(machine.server.name, channel)
    media = int((channel.position(ends) - channel.position(ends - SEGMENT)) * trouble.bitrate)
    arrives = conditions.arrives(machine, channel, ends)
    process.needed[channel.url] = watching * channel.encoding.bitrate * trouble.bitrate if arrives else 0.0
    away = conditions.source(machine, channel).process is None or conditions.machine(channel.home).process is None
    asked = [Wanted(channel, "playlist", number, PLAYLIST_BYTES)]
    if arrives or away:
        asked.append(Wanted(channel, "segment", number, media))
    if not watching:
        return
    share = fitting(machine, sum(process.needed.values()))
    for one in asked:
        if isinstance(process, CacheProcess):
            answer(machine, process, conditions, one, watching, ends, share)
        else:
            # An NGINX without statistics of its cache: what it sends is what was asked for.
            got = fetch(machine, process, conditions, one, 1, ends)
            sent = watching * (int(one.size * share) + HEAD_BYTES if got.code == "200" else ERROR_BYTES)
            process.counted.add(sent, watching * REQUEST_BYTES)
            process.requests += watching


def answer(
    machine: Machine,
    process: CacheProcess,
    conditions: Conditions,
    asked: Wanted,
    requests: int,
    at: float,
    share: float = 1.0,
    request_bytes: int = REQUEST_BYTES,
) -> Got:
    """Answer `requests` for one object out of the cache; returns what each of them got."""
    effect, key = machine.effect, (asked.channel.url, asked.kind)
    refused = int(requests * effect.failing)
    lost = 0
    if machine.server.role == "edge":
        lost, process.strangers = divmod(process.strangers + requests, STRANGERS)
    _note(process, asked.kind, "503", refused, request_bytes, ERROR_BYTES)
    _note(process, asked.kind, "404", lost, request_bytes, ERROR_BYTES)
    requests -= refused
    held = process.stored.get(key)
    misses = min(requests, max(int(requests * effect.missed), 0 if held == asked.number else 1))
    got = fetch(machine, process, conditions, asked, misses, at) if misses else Got("200", asked.size)
    size = int(asked.size * share) + HEAD_BYTES
    if got.code == "200":
        process.stored[key] = asked.number
        process.written += misses * asked.size
        fetched = "expired" if held is not None and asked.kind == "playlist" else "miss"
        waiting = min(requests - misses, 1) if misses and asked.kind == "playlist" else 0
        _states(process, {fetched: misses, "updating": waiting, "hit": requests - misses - waiting}, size)
        _note(process, asked.kind, "200", requests, request_bytes, size)
        return Got("200", size)
    if asked.kind == "playlist" and held is not None:
        # The origin is away: the old playlist is better than none.
        updating = min(requests, 1)
        _states(process, {"updating": updating, "stale": requests - updating}, size)
        _note(process, asked.kind, "200", requests, request_bytes, size)
        return Got("200", size)
    _states(process, {"miss": requests}, ERROR_BYTES)
    _note(process, asked.kind, "502", requests, request_bytes, ERROR_BYTES)
    return Got("502", ERROR_BYTES)


def fetch(machine: Machine, process: NginxProcess, conditions: Conditions, asked: Wanted, times: int, at: float) -> Got:
    """Read an object from the server behind this one, `times` over; returns what came each time."""
    source = conditions.source(machine, asked.channel)
    if source.process is None:
        return Got("502", 0)
    if isinstance(source.process, CacheProcess):
        got = answer(source, source.process, conditions, asked, times, at, request_bytes=UPSTREAM_REQUEST_BYTES)
    else:
        # `hls_ctx off`: SRS counts nothing of it.
        got = Got("200", asked.size + HEAD_BYTES)
        source.ledger.uncounted += got.size * times
    source.sends_to(machine, got.size * times)
    if isinstance(process, CacheProcess):
        port = HLS_PORT if isinstance(source.process, SrsProcess) else source.server.port
        name = f"{source.server.address}:{port}"
        peer = process.peers.setdefault(name, Peer())
        peer.add(got.code, times, got.size * times, times * UPSTREAM_REQUEST_BYTES, times)
        peer.selected = at
    return got


def _states(process: CacheProcess, counts: dict[str, int], size: int) -> None:
    for state, count in counts.items():
        process.states[state].responses += count
        process.states[state].bytes += count * size


def _note(process: CacheProcess, kind: str, code: str, requests: int, request_bytes: int, size: int) -> None:
    """Count requests and their bytes wherever they are counted."""
    if requests:
        received, sent = requests * request_bytes, requests * size
        for tally in (process.zone, process.locations[kind]):
            tally.add(code, requests, received, sent, requests // 20)
        process.counted.add(sent, received)
        process.requests += requests
