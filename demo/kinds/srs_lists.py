"""The lists of SRS: vhosts, streams and clients, whole or one by its id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import lru_cache

from demo.crowd import Viewer
from demo.lineup import Encoding
from demo.machine import Machine
from demo.process import PLAYER_RECEIVED, Client, Counted, SrsProcess, Stream

ID_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# The part of an edge's and of an origin's people who play RTMP; the others play HTTP-FLV.
RTMP_SHARE = {"edge": 40, "origin": 128}  # of 256
FLV_RECEIVED = 148


@lru_cache(maxsize=65_536)
def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _counted(counted: Counted) -> str:
    return (
        f'"send_bytes":{counted.sent},"recv_bytes":{counted.received},'
        f'"kbps":{{"recv_30s":{counted.kbps_received},"send_30s":{counted.kbps_sent}}}'
    )


def _vhost(machine: Machine, process: SrsProcess, name: str) -> str:
    vhost = process.vhosts[name]
    own = [stream for stream in process.listed if stream.vhost is vhost]
    hls = '{"enabled":true,"fragment":4.00}' if machine.server.is_home else '{"enabled":false}'
    return (
        f'{{"id":"{vhost.id}","name":{_text(name)},"enabled":true,"clients":{sum(one.clients for one in own)},'
        f'"streams":{len(own)},{_counted(vhost.counted)},"hls":{hls}}}'
    )


def _vhosts(machine: Machine, process: SrsProcess, now: float, start: int, count: int) -> list[str]:
    ordered = sorted(process.vhosts.values(), key=lambda vhost: vhost.id)
    return [_vhost(machine, process, vhost.name) for vhost in ordered[start : start + count]]


def _one_vhost(machine: Machine, process: SrsProcess, now: float, wanted: str) -> str | None:
    return next((_vhost(machine, process, one.name) for one in process.vhosts.values() if one.id == wanted), None)


@lru_cache(maxsize=1_024)
def _media(encoding: Encoding) -> str:
    return (
        f'"video":{{"codec":"{encoding.codec}","profile":"{encoding.profile}","level":"{encoding.level}",'
        f'"width":{encoding.width},"height":{encoding.height}}},'
        '"audio":{"codec":"AAC","sample_rate":44100,"channel":2,"profile":"LC"}'
    )


def _stream(stream: Stream, now: float, live_ms: int) -> str:
    channel = stream.channel
    cid = f',"cid":"{stream.publisher}"' if stream.publisher else ""
    media = _media(stream.encoding) if stream.publishing else '"video":null,"audio":null'
    return (
        f'{{"id":"{stream.id}","name":{_text(stream.name)},"vhost":"{stream.vhost.id}","app":{_text(channel.app)},'
        f'"tcUrl":{_text(stream.tc_url)},"url":{_text(channel.url)},"live_ms":{live_ms},"clients":{stream.clients},'
        f'"frames":{stream.frames(now)},{_counted(stream.counted)},'
        f'"publish":{{"active":{"true" if stream.publishing else "false"}{cid}}},{media}}}'
    )


def _true_now(machine: Machine, now: float) -> float:
    return now - machine.effect.clock_shift


def _streams(machine: Machine, process: SrsProcess, now: float, start: int, count: int) -> list[str]:
    true_now, live_ms = _true_now(machine, now), int(now * 1_000)
    return [_stream(stream, true_now, live_ms) for stream in process.listed[start : start + count]]


def _one_stream(machine: Machine, process: SrsProcess, now: float, wanted: str) -> str | None:
    true_now, live_ms = _true_now(machine, now), int(now * 1_000)
    return next((_stream(one, true_now, live_ms) for one in process.listed if one.id == wanted), None)


def _viewer(machine: Machine, process: SrsProcess, stream: Stream, viewer: Viewer, kind: str) -> Client:
    """One of a stream's people as a client. kind: how they play, `people` of the crowd: RTMP or HTTP-FLV."""
    role = machine.server.role
    seed = f"{process.service} {stream.id} {kind} {viewer.number}".encode()
    digest = hashlib.blake2b(seed, digest_size=12).digest()
    if kind == "people":
        kind = "rtmp-play" if digest[11] < RTMP_SHARE[role] else "flv-play"
    # Homes sit behind their providers' NAT, those who watch on an origin have lines of their own.
    at_home, fixed = f"100.{64 + digest[8] % 64}.{digest[9]}.{digest[10]}", f"198.51.100.{1 + digest[9] % 254}"
    return Client(
        id="".join(ID_DIGITS[byte % 36] for byte in digest[:8]),
        ip=at_home if role == "edge" else fixed,
        type=kind,
        since=viewer.since,
        counted=Counted(
            sent=viewer.sent,
            received=viewer.acks + (FLV_RECEIVED if kind == "flv-play" else PLAYER_RECEIVED),
            kbps_sent=stream.viewer_kbps if viewer.there else 0,
        ),
    )


def _all_clients(machine: Machine, process: SrsProcess) -> Iterator[tuple[Client, Stream]]:
    for stream in process.listed:
        if stream.publisher_client:
            yield stream.publisher_client, stream
        for pull in stream.pulls.values():
            yield pull, stream
        for viewer in stream.people.everybody():
            yield _viewer(machine, process, stream, viewer, "people"), stream
        if stream.sessions:
            for viewer in stream.sessions.everybody():
                yield _viewer(machine, process, stream, viewer, "hls-play"), stream


SUFFIXES = {"flv-play": ".flv", "hls-play": ".m3u8"}


def _client(machine: Machine, client: Client, stream: Stream, now: float) -> str:
    channel, address = stream.channel, machine.server.address
    name = channel.name + SUFFIXES.get(client.type, "")
    scheme = "http" if client.type in SUFFIXES else "rtmp"
    publish = "true" if client.type.endswith("-publish") else "false"
    return (
        f'{{"id":"{client.id}","vhost":"{stream.vhost.id}","stream":"{stream.id}","ip":"{client.ip}","pageUrl":"",'
        f'"swfUrl":"","tcUrl":{_text(f"{scheme}://{address}/{channel.app}")},"url":{_text(channel.url)},'
        f'"name":{_text(name)},"type":"{client.type}","publish":{publish},'
        f'"alive":{max(0.0, now - client.since):.2f},{_counted(client.counted)}}}'
    )


def _roster(machine: Machine, process: SrsProcess) -> list[tuple[Client, Stream]]:
    """Everybody in the order of their ids, made when somebody asks; between two steps nobody comes or goes."""
    if process.roster is None or process.roster[0] != process.counted_at:
        ordered = sorted(_all_clients(machine, process), key=lambda pair: pair[0].id)
        process.roster = (process.counted_at, ordered)
    return process.roster[1]


def _clients(machine: Machine, process: SrsProcess, now: float, start: int, count: int) -> list[str]:
    true_now = _true_now(machine, now)
    return [_client(machine, *pair, true_now) for pair in _roster(machine, process)[start : start + count]]


def _one_client(machine: Machine, process: SrsProcess, now: float, wanted: str) -> str | None:
    found = (pair for pair in _roster(machine, process) if pair[0].id == wanted)
    return next((_client(machine, *pair, _true_now(machine, now)) for pair in found), None)


# Each takes the time the server believes it is.
ALL: dict[str, Callable[[Machine, SrsProcess, float, int, int], list[str]]] = {
    "vhosts": _vhosts,
    "streams": _streams,
    "clients": _clients,
}
ONE: dict[str, Callable[[Machine, SrsProcess, float, str], str | None]] = {
    "vhosts": _one_vhost,
    "streams": _one_stream,
    "clients": _one_client,
}
