"""SRS counts on: what is published into it, its copies of others' streams, and who pulls and plays them."""

from __future__ import annotations

from collections.abc import Iterator

from demo.conditions import Conditions
from demo.crowd import Crowd
from demo.lineup import Channel
from demo.machine import Machine
from demo.process import (
    PLAYER_RECEIVED,
    PUBLISHER_SENT,
    Client,
    Counted,
    SrsProcess,
    Stream,
    random_id,
)
from demo.steps.watching import audience, close, fitting

# Without a publisher players give up after this and ask again: SRS then makes the stream anew.
PLAYERS_PATIENCE = 30.0
RTMP_PORT = 1935
# HLS sessions are listed for about twice the length of a playlist after the last request.
HLS_STAYS, HLS_LINGERS = 300.0, 48.0
HLS_SHARE = 3  # one in so many of an origin's viewers


def step(machine: Machine, process: SrsProcess, conditions: Conditions, at: float) -> None:
    """Count on to `at`."""
    before, seconds = process.counted.sent, at - process.counted_at
    work = _published if machine.server.is_home else _copied
    moved = list(work(machine, process, conditions, at))
    total = sum(media * (stream.clients - (stream.publisher_client is not None)) for stream, media, _ in moved)
    share = fitting(machine, total * 8 / seconds) if seconds > 0 else 1.0
    viewers = 0
    for stream, media, pulling in moved:
        sent = media if share == 1.0 else int(media * share)
        _count(machine, process, stream, sent, pulling, at)
        if not pulling and not stream.viewers and not stream.publishing and not stream.publisher_client:
            process.close(stream)
        viewers += stream.viewers
    clients = sum(len(stream.pulls) for stream in process.listed) + viewers
    sent_now = process.counted.sent - before
    memory = 20_000 + 600 * len(process.listed) + 60 * clients
    close(process, at, sent_now * 8 / seconds if seconds > 0 else process.egress, viewers, memory)
    process.close_blocks(at)


# A stream, the media that went through it since the last step, and the servers that pull it from here.
Moved = tuple[Stream, int, list[Machine]]


def _copied(machine: Machine, process: SrsProcess, conditions: Conditions, at: float) -> Iterator[Moved]:
    """The copies of an edge or of a tier in between."""
    name = machine.server.name
    for channel, watching in audience(machine, conditions, at):
        if channel.through == name:
            yield from _handed_on(machine, process, conditions, channel, at)
            continue
        pulling = machine.pullers(channel) if machine.edges else []
        stream = process.streams.get(channel.url)
        if not watching and not pulling:
            if stream:
                process.close(stream)
            continue
        if stream is None:
            stream = _copy(machine, process, conditions, channel, at)
        position = channel.position(at)
        trouble = conditions.of_channel(name, channel)
        stream.moving = not trouble.frozen and conditions.arrives(machine, channel, at)
        media = int((position - stream.position) * trouble.bitrate) if stream.moving else 0
        stream.position, stream.encoding = position, conditions.encoding(channel)
        _seat(process, stream, watching, at)
        yield stream, media, pulling


def _copy(machine: Machine, process: SrsProcess, conditions: Conditions, channel: Channel, at: float) -> Stream:
    """A copy of a channel, named by its first player: an HTTP-FLV player makes it `news.flv`."""
    address = machine.server.address
    if machine.server.role == "edge" and process.rng.random() < 0.3:
        name, tc_url = f"{channel.name}.flv", f"http://{address}/{channel.app}"
    else:
        name, tc_url = channel.name, f"rtmp://{address}:{RTMP_PORT}/{channel.app}"
    encoding = conditions.encoding(channel)
    stream = process.open(channel, name=name, tc_url=tc_url, encoding=encoding, at=at, publishing=True)
    # A copy says active as long as anybody plays it, and shows a player's id as the publisher's.
    stream.publisher = random_id(process.rng, 8)
    return stream


def _handed_on(
    machine: Machine, process: SrsProcess, conditions: Conditions, channel: Channel, at: float
) -> Iterator[Moved]:
    """A channel that is published into an edge: not active there, with the publisher among its clients."""
    stream = process.streams.get(channel.url)
    live = conditions.on_air(channel, at)
    number = conditions.publications[channel.url]
    if stream and (not live or stream.publication != number):
        process.close(stream)
        stream = None
    if not live:
        return
    if stream is None:
        stream = _opened(machine, process, conditions, channel, at)
        stream.publication = number
        client = Client(random_id(process.rng, 8), f"100.64.{process.rng.randrange(256)}.7", "fmle-publish", at)
        _welcome(process, stream, client)
    assert stream.publisher_client is not None
    position = channel.position(at)
    media = int((position - stream.position) * conditions.of_channel(machine.server.name, channel).bitrate)
    stream.position = position
    stream.publisher_client.counted.add(0, media)
    process.count(stream, 0, media)
    yield stream, 0, []


def _published(machine: Machine, process: SrsProcess, conditions: Conditions, at: float) -> Iterator[Moved]:
    """What is published into an origin, by its studios or by strangers."""
    watched = {channel.url: watching for channel, watching in audience(machine, conditions, at)}
    for channel in (*machine.server.channels, *machine.attack):
        live, number = conditions.on_air(channel, at), conditions.publications[channel.url]
        pulling, watching = machine.pullers(channel), watched.get(channel.url, 0)
        stream = process.streams.get(channel.url)
        if stream and _over(stream, live, number, at):
            process.close(stream)
            stream = None
        if stream is None:
            if not live and not pulling and not watching:
                continue
            stream = _opened(machine, process, conditions, channel, at)
        if live and not stream.publishing:
            _publish(process, conditions, stream, number, at)
        elif not live and stream.publishing:
            _unpublish(stream, at)
        position = channel.position(at)
        bitrate = conditions.of_channel(machine.server.name, channel).bitrate
        media = int((position - stream.position) * bitrate) if stream.publishing else 0
        stream.position, stream.moving = position, stream.publishing
        if stream.publisher_client:
            stream.publisher_client.counted.add(0, media)
        process.count(stream, 0, media)
        machine.ledger.ingest[channel.url] += media
        _seat(process, stream, watching, at)
        yield stream, media, pulling
    if machine.attack and not machine.effect.hostile_streams:
        machine.attack = ()


def _over(stream: Stream, live: bool, number: int, at: float) -> bool:
    """True where a stream ends and, if anybody still wants it, a new one begins under its name."""
    if stream.silent_since is not None:
        return at - stream.silent_since >= PLAYERS_PATIENCE
    return live and stream.publishing and stream.publication != number


def _opened(machine: Machine, process: SrsProcess, conditions: Conditions, channel: Channel, at: float) -> Stream:
    return process.open(
        channel,
        name=channel.name,
        tc_url=f"rtmp://{machine.server.address}:{RTMP_PORT}/{channel.app}",
        encoding=conditions.encoding(channel),
        at=at,
        publishing=False,
    )


def _publish(process: SrsProcess, conditions: Conditions, stream: Stream, number: int, at: float) -> None:
    stream.publishing, stream.silent_since, stream.frames_since = True, None, at
    stream.publication, stream.encoding = number, conditions.encoding(stream.channel)
    stream.publisher = random_id(process.rng, 8)
    # Studios reach the origin over addresses of their own; what came through an edge comes from the edge.
    ip, kind = f"100.64.{process.rng.randrange(256)}.7", "fmle-publish"
    if stream.channel.through:
        ip, kind = conditions.machine(stream.channel.through).server.address, "flash-publish"
    _welcome(process, stream, Client(stream.publisher, ip, kind, at))


def _welcome(process: SrsProcess, stream: Stream, publisher: Client) -> None:
    stream.publisher_client = publisher
    publisher.counted.sent = PUBLISHER_SENT
    process.count(stream, PUBLISHER_SENT, 0)


def _unpublish(stream: Stream, at: float) -> None:
    stream.frames_before, stream.frames_since = stream.frames(at), None
    stream.publishing, stream.silent_since, stream.publisher_client = False, at, None


def _seat(process: SrsProcess, stream: Stream, watching: int, at: float) -> None:
    """Let people come and go, and count the handshakes of those who came."""
    # Only origins make HLS themselves.
    sessions = watching // HLS_SHARE if stream.publisher_client or stream.sessions else 0
    if sessions and stream.sessions is None:
        stream.sessions = Crowd(stay=HLS_STAYS, lingers=HLS_LINGERS)
    joined = stream.people.resize(watching - sessions, at)
    if stream.sessions is not None:
        joined += stream.sessions.resize(sessions, at)
    if joined:
        process.count(stream, 0, joined * PLAYER_RECEIVED)


def _count(
    machine: Machine, process: SrsProcess, stream: Stream, media: int, pulling: list[Machine], at: float
) -> None:
    """Send a stream's media to everybody who plays it and to every server that pulls it."""
    sent, received = stream.people.send(media), stream.people.size
    if stream.sessions is not None:
        sent += stream.sessions.send(media)
        received += stream.sessions.size
    pulls: dict[str, Client] = {}
    for edge in pulling:
        name = edge.server.name
        pull = stream.pulls.get(name)
        if pull is None:
            # Began within the interval: it counts from here on.
            pull = Client(random_id(process.rng, 8), edge.server.address, "rtmp-play", at, Counted(0, PLAYER_RECEIVED))
            received += PLAYER_RECEIVED
        else:
            pull.counted.add(media, 8)
            sent += media
            received += 8
            machine.sends_to(edge, media)
        pulls[name] = pull
    stream.pulls = pulls
    process.count(stream, sent, received)
