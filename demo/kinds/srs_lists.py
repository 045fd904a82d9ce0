"""The lists of SRS: vhosts, streams and clients, whole or one by its id."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice

from demo.lineup import Encoding
from demo.machine import Machine
from demo.process import PLAYER_RECEIVED, Client, Counted, SrsProcess, Stream

ID_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# How long a viewer stays, and the part of them that plays RTMP; the others play HTTP-FLV.
STAYS = 2_400.0
RTMP_SHARE = 40  # of 256


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
    hls = '{"enabled":true,"fragment":4.00}' if machine.server.role == "origin" else '{"enabled":false}'
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
        f'"video":{{"codec":"H264","profile":"{encoding.profile}","level":"{encoding.level}",'
        f'"width":{encoding.width},"height":{encoding.height}}},'
        '"audio":{"codec":"AAC","sample_rate":44100,"channel":2,"profile":"LC"}'
    )


def _stream(stream: Stream, now: float, live_ms: int) -> str:
    channel = stream.channel
    cid = f',"cid":"{stream.publisher}"' if stream.publisher else ""
    media = _media(channel.encoding) if stream.publishing else '"video":null,"audio":null'
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


def _viewer(stream: Stream, process: SrsProcess, place: int, now: float) -> Client:
    """Who sits in a place of a stream's audience: nobody is remembered, each stays a while and another follows."""
    seed = f"{process.service} {stream.id} {place}".encode()
    offset = int.from_bytes(hashlib.blake2b(seed, digest_size=2).digest(), "big") / 65_536 * STAYS
    turn, stayed = divmod(now - process.started + offset, STAYS)
    stayed = min(stayed, now - process.started)
    digest = hashlib.blake2b(b"%s %d" % (seed, turn), digest_size=12).digest()
    kind = "rtmp-play" if digest[11] < RTMP_SHARE else "flv-play"
    counted_for = max(0.0, stayed - (now - process.counted_at))
    rate = stream.channel.encoding.bitrate
    return Client(
        id="".join(ID_DIGITS[byte % 36] for byte in digest[:8]),
        ip=f"100.{64 + digest[8] % 64}.{digest[9]}.{digest[10]}",
        type=kind,
        since=now - stayed,
        counted=Counted(
            sent=int(rate / 8 * counted_for),
            received=PLAYER_RECEIVED if kind == "rtmp-play" else 148,
            kbps_sent=rate // 1_000 if counted_for >= 30 and stream.moving else 0,
        ),
    )


def _all_clients(process: SrsProcess, now: float) -> Iterator[tuple[Client, Stream]]:
    for stream in process.listed:
        if stream.publisher_client:
            yield stream.publisher_client, stream
        for pull in stream.pulls.values():
            yield pull, stream
        for place in range(stream.viewers):
            yield _viewer(stream, process, place, now), stream


def _client(machine: Machine, client: Client, stream: Stream, now: float) -> str:
    channel, address = stream.channel, machine.server.address
    name = f"{channel.name}.flv" if client.type == "flv-play" else channel.name
    scheme = "http" if client.type == "flv-play" else "rtmp"
    return (
        f'{{"id":"{client.id}","vhost":"{stream.vhost.id}","stream":"{stream.id}","ip":"{client.ip}","pageUrl":"",'
        f'"swfUrl":"","tcUrl":{_text(f"{scheme}://{address}/{channel.app}")},"url":{_text(channel.url)},'
        f'"name":{_text(name)},"type":"{client.type}","publish":{"true" if client.type == "fmle-publish" else "false"},'
        f'"alive":{max(0.0, now - client.since):.2f},{_counted(client.counted)}}}'
    )


def _clients(machine: Machine, process: SrsProcess, now: float, start: int, count: int) -> list[str]:
    true_now = _true_now(machine, now)
    ordered = sorted(_all_clients(process, true_now), key=lambda pair: pair[0].id)
    return [_client(machine, *pair, true_now) for pair in islice(ordered, start, start + count)]


def _one_client(machine: Machine, process: SrsProcess, now: float, wanted: str) -> str | None:
    true_now = _true_now(machine, now)
    found = (pair for pair in _all_clients(process, true_now) if pair[0].id == wanted)
    return next((_client(machine, *pair, true_now) for pair in found), None)


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
