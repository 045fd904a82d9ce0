"""nginx-rtmp 1.1.4: its XML statistics. The workers answer in turn, each for itself; booleans are empty elements."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from demo.kinds.nginx_wire import missing, refusal, reply
from demo.lineup import Encoding
from demo.machine import Machine
from demo.rtmp_process import RtmpProcess, RtmpStream, Worker
from demo.wire import Answer, Request

RTMP_RELEASE, BUILT = "1.1.4", "Feb 13 2023 11:56:56"
AUDIO_BITS = 128_000
COMPATIBILITY = {"Main": 64, "High": 0}
PLAYER, RELAY = "LNX 9,0,124,2", "ngx-local-relay"
# Ids of connections are counted up by all workers together: each stream takes every so many-th one.
STRIDE = 4_096


def answer(machine: Machine, request: Request, now: float) -> Answer:
    """What the worker whose turn it is answers."""
    process = machine.process
    assert isinstance(process, RtmpProcess)
    if request.path != machine.server.path:
        return missing(machine, request, now)
    refused = refusal(machine, request, now, "rtmp statistics")
    if refused:
        return refused
    worker = process.workers[process.turn % len(process.workers)]
    process.turn += 1
    body = "".join(f"{line}\r\n" for line in _lines(machine, worker, process.counted_at, now))
    return reply(machine, request, now, "text/xml", body, more="Cache-Control: no-store\r\n")


def _lines(machine: Machine, worker: Worker, counted_at: float, now: float) -> Iterator[str]:
    flow = worker.flow
    yield '<?xml version="1.0" encoding="utf-8" ?>'
    yield "<rtmp>"
    yield f"<nginx_version>{machine.server.release}</nginx_version>"
    yield f"<nginx_rtmp_version>{RTMP_RELEASE}</nginx_rtmp_version>"
    yield f"<built>{BUILT}</built>"
    yield f"<pid>{worker.pid}</pid>"
    yield f"<uptime>{int(now - worker.started)}</uptime>"
    yield f"<naccepted>{worker.accepted}</naccepted>"
    yield f"<bw_in>{flow.bits_in}</bw_in>"
    yield f"<bytes_in>{flow.received}</bytes_in>"
    yield f"<bw_out>{flow.bits_out}</bw_out>"
    yield f"<bytes_out>{flow.sent}</bytes_out>"
    yield "<server>"
    yield from _application("live", list(worker.streams.values()), counted_at, now)
    yield from _application("backup", [], counted_at, now)
    yield "</server>"
    yield "</rtmp>"


def _application(name: str, streams: list[RtmpStream], counted_at: float, now: float) -> Iterator[str]:
    yield "<application>"
    yield f"<name>{name}</name>"
    yield "<live>"
    for stream in streams:
        yield from _stream(stream, counted_at, now)
    yield f"<nclients>{sum(map(_clients, streams))}</nclients>"
    yield "</live>"
    yield "</application>"


def _clients(stream: RtmpStream) -> int:
    """Clients as the module counts them: the connection to the origin publishes here, and is one."""
    return stream.people.size + stream.moving


def _stream(stream: RtmpStream, counted_at: float, now: float) -> Iterator[str]:
    flow = stream.flow
    audio = min(AUDIO_BITS, flow.bits_in)
    yield "<stream>"
    yield f"<name>{escape(stream.channel.name)}</name>"
    yield f"<time>{int((now - stream.since) * 1_000)}</time><bw_in>{flow.bits_in}</bw_in>"
    yield f"<bytes_in>{flow.received}</bytes_in>"
    yield f"<bw_out>{flow.bits_out}</bw_out>"
    yield f"<bytes_out>{flow.sent}</bytes_out>"
    yield f"<bw_audio>{audio}</bw_audio>"
    yield f"<bw_video>{flow.bits_in - audio}</bw_video>"
    timestamp = int((counted_at - stream.since) * 1_000)
    for viewer in stream.people.everybody():
        number = 3 + stream.slot + viewer.number * STRIDE
        active = "<active/>" if stream.moving else ""
        yield _client(number, _address(number), now - viewer.since, PLAYER, timestamp, active)
    if stream.moving:
        yield _client(
            2 + stream.slot, stream.source, now - stream.pull_since, RELAY, timestamp, "<publishing/><active/>"
        )
        yield _meta(stream.encoding)
    yield f"<nclients>{_clients(stream)}</nclients>"
    if stream.moving:
        yield "<publishing/>"
        yield "<active/>"
    yield "</stream>"


def _client(number: int, address: str, connected: float, flash: str, timestamp: int, flags: str) -> str:
    return (
        f"<client><id>{number}</id><address>{address}</address><time>{int(connected * 1_000)}</time>"
        f"<flashver>{flash}</flashver><dropped>0</dropped><avsync>{number % 41 - 20}</avsync>"
        f"<timestamp>{timestamp}</timestamp>{flags}</client>"
    )


def _address(number: int) -> str:
    """Homes sit behind their providers' NAT."""
    mixed = number * 2_654_435_761 & 0xFFFFFFFF
    return f"100.{64 + (mixed >> 24) % 64}.{mixed >> 16 & 255}.{1 + (mixed >> 8) % 254}"


def _meta(encoding: Encoding) -> str:
    return (
        f"<meta><video><width>{encoding.width}</width><height>{encoding.height}</height>"
        f"<frame_rate>{encoding.fps}</frame_rate><codec>{encoding.codec}</codec><profile>{encoding.profile}</profile>"
        f"<compat>{COMPATIBILITY.get(encoding.profile, 0)}</compat><level>{encoding.level}</level></video>"
        "<audio><codec>AAC</codec><profile>LC</profile><channels>2</channels><sample_rate>44100</sample_rate></audio>"
        "</meta>"
    )
