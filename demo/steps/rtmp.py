"""nginx-rtmp counts on: each worker pulls the streams that are played through it."""

from __future__ import annotations

from demo.conditions import Conditions
from demo.lineup import Channel
from demo.machine import Machine
from demo.process import PLAYER_RECEIVED
from demo.rtmp_process import BANDWIDTH_BLOCK, RtmpProcess, RtmpStream, Worker
from demo.steps.watching import audience, close, fitting

HANDSHAKE_SENT = 409


def step(machine: Machine, process: RtmpProcess, conditions: Conditions, at: float) -> None:
    """Count on to `at`."""
    seconds, workers = at - process.counted_at, process.serving
    moved: list[tuple[Worker, RtmpStream, int]] = []
    viewers = 0
    for slot, (channel, watching) in enumerate(audience(machine, conditions, at)):
        worker = workers[slot % len(workers)]
        stream = worker.streams.get(channel.url)
        if not watching:
            worker.streams.pop(channel.url, None)
            continue
        if stream is None:
            stream = _pulled(machine, worker, conditions, channel, slot, at)
        media = _media(machine, stream, conditions, at)
        joined = stream.people.resize(watching, at)
        worker.accepted += joined
        worker.flow.received += joined * PLAYER_RECEIVED
        worker.flow.sent += joined * HANDSHAKE_SENT
        process.counted.add(joined * HANDSHAKE_SENT, joined * PLAYER_RECEIVED)
        viewers += watching
        moved.append((worker, stream, media))
    bits = sum(media * stream.people.size for _, stream, media in moved) * 8
    share = fitting(machine, bits / seconds) if seconds > 0 else 1.0
    for worker, stream, media in moved:
        # It reads what its origin sends; what does not fit on its own line is not sent on.
        sent = stream.people.send(media if share == 1.0 else int(media * share))
        for flow in (worker.flow, stream.flow):
            flow.received += media
            flow.sent += sent
        process.counted.add(sent, media)
    if at - process.block_began >= BANDWIDTH_BLOCK:
        for worker in (*process.workers, *process.retired):
            worker.close_block(at - process.block_began)
        process.block_began = at
    close(process, at, bits * share / seconds if seconds > 0 else process.egress, viewers, 0)


def _pulled(
    machine: Machine, worker: Worker, conditions: Conditions, channel: Channel, slot: int, at: float
) -> RtmpStream:
    address = conditions.source(machine, channel).server.address
    encoding, position = conditions.encoding(channel), channel.position(at)
    stream = RtmpStream(channel, encoding, slot, f"{address}/{channel.app}", at, position)
    worker.streams[channel.url] = stream
    return stream


def _media(machine: Machine, stream: RtmpStream, conditions: Conditions, at: float) -> int:
    """Bytes of the stream that came since the last step."""
    channel = stream.channel
    position, trouble = channel.position(at), conditions.of_channel(machine.server.name, channel)
    was_moving, stream.moving = stream.moving, not trouble.frozen and conditions.arrives(machine, channel, at)
    if stream.moving and not was_moving:
        stream.pull_since = at
    media = int((position - stream.position) * trouble.bitrate) if stream.moving else 0
    stream.position, stream.encoding = position, conditions.encoding(channel)
    return media
