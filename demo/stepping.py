"""How a machine counts on: from its last step to epoch second `at`, whoever watches and whatever is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from demo.conditions import Conditions
from demo.lineup import Channel
from demo.machine import Machine
from demo.process import (
    PLAYER_RECEIVED,
    PUBLISHER_SENT,
    Client,
    Counted,
    NginxProcess,
    SrsProcess,
    Stream,
    random_id,
)
from demo.traffic import demand

# Without a publisher players give up after this and ask again: SRS then makes the stream anew.
PLAYERS_PATIENCE = 30.0
# What an HLS viewer does: a playlist and a segment every 4 s, a new connection once a minute.
REQUESTS_PER_VIEWER = 0.5
CONNECTIONS_PER_VIEWER = 1 / 60
WRITING_SHARE, READING_SHARE = 0.12, 0.002
RTMP_PORT = 1935


def step(machine: Machine, conditions: Conditions, at: float) -> None:
    """Count on to `at`, not before the last step. A machine without a process has nothing to count."""
    process = machine.process
    if isinstance(process, SrsProcess):
        if machine.server.role == "origin":
            _step_origin(machine, process, conditions, at)
        else:
            _step_srs_edge(machine, process, conditions, at)
        process.close_blocks(at)
    elif isinstance(process, NginxProcess):
        _step_nginx(machine, process, conditions, at)


def _audience(machine: Machine, conditions: Conditions, at: float) -> Iterator[tuple[Channel, int]]:
    """Each channel of an edge and how many want to watch it here."""
    region = machine.server.city.region
    wanted = demand(region.utc_offset, at) * conditions.crowding(region.name)
    wanted *= machine.effect.viewers * machine.returned(at)
    for channel in machine.server.channels:
        yield channel, machine.audiences[channel.url].viewers(wanted, at)


def _fitting(machine: Machine, wanted: int, seconds: float) -> float:
    """Share of the wanted bytes that the server's line can carry in that time."""
    most = machine.server.capacity / 8 * seconds
    return most / wanted if wanted > most else 1.0


def _close_step(process: SrsProcess | NginxProcess, at: float, sent_before: int, viewers: int, each: int) -> None:
    seconds = at - process.counted_at
    if seconds > 0:
        process.egress = (process.counted.sent - sent_before) * 8 / seconds
    process.counted_at = at
    process.viewers = viewers
    process.memory_peak = max(process.memory_peak, 18_000 + each * viewers)


def _step_srs_edge(machine: Machine, process: SrsProcess, conditions: Conditions, at: float) -> None:
    before, counts, viewers = process.counted.sent, [], 0
    for channel, watching in _audience(machine, conditions, at):
        stream = process.streams.get(channel.url)
        if not watching:
            if stream:
                process.close(stream)
            continue
        if stream is None:
            stream = _copy(machine, process, channel, at)
        position = channel.position(at)
        trouble = conditions.of_channel(machine.server.name, channel)
        stream.moving = not trouble.frozen and conditions.on_air(channel, at)
        media = int((position - stream.position) * trouble.bitrate) if stream.moving else 0
        joined = max(0, watching - stream.viewers)
        stream.position, stream.viewers = position, watching
        viewers += watching
        counts.append((stream, media * watching, joined * PLAYER_RECEIVED + watching))
    share = _fitting(machine, sum(sent for _, sent, _ in counts), at - process.counted_at)
    for stream, sent, received in counts:
        process.count(stream, sent if share == 1.0 else int(sent * share), received)
    _close_step(process, at, before, viewers, 60)


def _copy(machine: Machine, process: SrsProcess, channel: Channel, at: float) -> Stream:
    """A copy of a channel, named by its first player: an HTTP-FLV player makes it `news.flv`."""
    address = machine.server.address
    if process.rng.random() < 0.3:
        name, tc_url = f"{channel.name}.flv", f"http://{address}/{channel.app}"
    else:
        name, tc_url = channel.name, f"rtmp://{address}:{RTMP_PORT}/{channel.app}"
    stream = process.open(channel, name=name, tc_url=tc_url, at=at, publishing=True)
    # An edge says active as long as anybody watches, and shows a player's id as the publisher's.
    stream.publisher = random_id(process.rng, 8)
    return stream


def _step_origin(machine: Machine, process: SrsProcess, conditions: Conditions, at: float) -> None:
    before = process.counted.sent
    for channel in (*machine.server.channels, *machine.attack):
        live = conditions.on_air(channel, at)
        pulling = [edge for edge in machine.edges if _has_copy(edge, channel)]
        stream = process.streams.get(channel.url)
        if stream and stream.silent_since is not None and at - stream.silent_since >= PLAYERS_PATIENCE:
            process.close(stream)
            stream = None
        if stream is None:
            if not live and not pulling:
                continue
            address = machine.server.address
            stream = process.open(
                channel,
                name=channel.name,
                tc_url=f"rtmp://{address}:{RTMP_PORT}/{channel.app}",
                at=at,
                publishing=False,
            )
        if live != stream.publishing:
            _publish(machine, process, stream, at) if live else _unpublish(stream, at)
        _step_published(process, stream, pulling, conditions.of_channel(machine.server.name, channel).bitrate, at)
        if not live and not pulling:
            process.close(stream)
    if machine.attack and not machine.effect.hostile_streams:
        machine.attack = ()
    _close_step(process, at, before, 0, 0)
    pulls = sum(len(stream.pulls) for stream in process.listed)
    process.memory_peak = max(process.memory_peak, 20_000 + 1_200 * len(process.listed) + 90 * pulls)


def _has_copy(edge: Machine, channel: Channel) -> bool:
    return isinstance(edge.process, SrsProcess) and channel.url in edge.process.streams


def _publish(machine: Machine, process: SrsProcess, stream: Stream, at: float) -> None:
    stream.publishing, stream.silent_since, stream.frames_since = True, None, at
    stream.publisher = random_id(process.rng, 8)
    # Studios reach the origin over addresses of their own.
    client = Client(stream.publisher, f"100.64.{process.rng.randrange(256)}.7", "fmle-publish", at)
    stream.publisher_client = client
    client.counted.sent = PUBLISHER_SENT
    process.count(stream, PUBLISHER_SENT, 0)


def _unpublish(stream: Stream, at: float) -> None:
    stream.frames_before, stream.frames_since = stream.frames(at), None
    stream.publishing, stream.silent_since, stream.publisher_client = False, at, None


def _step_published(process: SrsProcess, stream: Stream, edges: list[Machine], bitrate: float, at: float) -> None:
    """Count what the publisher sent in and what each edge pulled out."""
    position = stream.channel.position(at)
    media = int((position - stream.position) * bitrate) if stream.publishing else 0
    stream.position, stream.moving = position, stream.publishing
    sent, received = 0, media
    if stream.publisher_client:
        stream.publisher_client.counted.add(0, media)
    pulls = {edge.server.name: stream.pulls.get(edge.server.name) for edge in edges}
    stream.pulls = {}
    for edge in edges:
        pull = pulls[edge.server.name]
        if pull is None:
            # Began within the interval: it counts from here on.
            pull = Client(random_id(process.rng, 8), edge.server.address, "rtmp-play", at, Counted(0, PLAYER_RECEIVED))
            received += PLAYER_RECEIVED
        else:
            pull.counted.add(media, 8)
            sent += media
            received += 8
        stream.pulls[edge.server.name] = pull
    process.count(stream, sent, received)


def _step_nginx(machine: Machine, process: NginxProcess, conditions: Conditions, at: float) -> None:
    seconds, before = at - process.counted_at, process.counted.sent
    wanted = viewers = 0
    for channel, watching in _audience(machine, conditions, at):
        trouble = conditions.of_channel(machine.server.name, channel)
        viewers += watching
        if not trouble.frozen and conditions.on_air(channel, at):
            media = channel.position(at) - channel.position(process.counted_at)
            wanted += int(media * trouble.bitrate) * watching
    share = _fitting(machine, wanted, seconds)
    process.counted.add(int(wanted * share), int(viewers * REQUESTS_PER_VIEWER * seconds * 400))
    process.requests += viewers * REQUESTS_PER_VIEWER * seconds
    process.accepted += viewers * CONNECTIONS_PER_VIEWER * seconds
    process.writing = int(viewers * WRITING_SHARE)
    process.reading = int(viewers * READING_SHARE)
    process.active = viewers
    _close_step(process, at, before, viewers, 8)
