"""NGINX with the RTMP module: its XML statistics (`rtmp_stat all`).

- EVERY WORKER ANSWERS FOR ITSELF: its connections, its streams, its bytes. A kept connection would stay with one of
  them, so each question is asked over a new one, until the same worker answered twice and all that answered lately
  did so again: their answers are added up. Where one of them does not answer, nothing is counted this time.
- After a reload the new worker answers with nothing while the old one, never asked again, still serves its streams.
- `uptime` is the worker's, in whole seconds; there is no time of day, so the clock is unknown.
- A stream is created by the first client that names it and lives until the last has left, with or without a
  publisher. Recreated it counts from 0 under the same name and has no id. Its start, now - `time`, is known only
  to a second because `uptime` is, so it cannot be a key; its `age` is exact. So `incarnation` is the pid: a fallen
  counter, or an age below the time since it was last seen, says that it is a new one.
- The publisher is one of a stream's clients; it and `video`, `audio` are missing where only players wait.
- Servers of one configuration may have applications and streams of the same name: they are added up.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from xml.etree.ElementTree import Element

from cdn.model import ClientReading, Reading, Role, StreamReading, Target
from cdn.units import MAX_COUNTER
from collector.sources.answers import wrong
from collector.sources.script import Ask, Reply, Script, Source, Wanted
from collector.sources.xml_answers import xml_counter, xml_gauge, xml_root, xml_text
from collector.sources.zones import total

URL = "its url"
COUNTED = {"egress_bytes": "bytes_out", "ingress_bytes": "bytes_in", "accepted_connections": "naccepted"}
# Questions until all workers are believed to be met: which one answers is the kernel's choice.
ASKS, ASKS_A_WORKER = 6, 12
# Names as long as a url's text may be, with room for the slashes and the application.
_NAME = 200
_APP = 90


def read(target: Target, wanted: Wanted) -> Script:
    """One poll of the statistics, whose url is the target's url: as many answers as there are workers, and one more."""
    roots = yield from _workers(wanted.workers)
    missing = wanted.workers - roots.keys()
    if missing and missing != wanted.workers:
        return _partial(roots, len(wanted.workers | roots.keys()))
    parts = [_Part(pid, root) for pid, root in sorted(roots.items())]
    streams = _together(stream for part in parts for stream in part.streams)
    listed = any(part.listed for part in parts)
    gauges, notes = {}, []
    if listed:
        viewers = sum(stream.viewers for stream in streams) + sum(part.on_demand for part in parts)
        live = sum(stream.publishing for stream in streams)
        gauges = {"live_streams": float(live), "connections": float(viewers + live)}
        if target.role is Role.EDGE:
            gauges["viewers"] = float(viewers)
    else:
        notes.append("It lists no live applications: rtmp_stat all; shows them.")
    complete = len(streams) <= wanted.max_streams
    if not complete:
        notes.append(f"More than {wanted.max_streams:,} streams: the rest is not read.")
    clients = [client for part in parts for client in part.clients] if wanted.clients and listed else None
    return Reading(
        process="+".join(roots),
        clock=None,
        # Of one worker that began anew among others nobody knows what it grew: all count from here on then.
        uptime=max(part.uptime for part in parts),
        counters={name: total((part.counters[name] for part in parts), tag, URL) for name, tag in COUNTED.items()},
        gauges=gauges,
        streams=tuple(streams[: wanted.max_streams]) if listed else None,
        streams_complete=complete,
        software=_software(parts[0].root),
        notes=tuple(notes),
        workers=tuple(roots),
        clients=None if clients is None else tuple(clients[: wanted.max_clients]),
        clients_complete=clients is None or len(clients) <= wanted.max_clients,
    )


def _workers(known: frozenset[str]) -> Generator[Ask, Reply, dict[str, Element]]:
    """The newest answer of every worker that could be met, by its pid, in the order of their numbers."""
    roots: dict[str, Element] = {}
    for _ in range(ASKS + ASKS_A_WORKER * len(known)):
        root = xml_root((yield Ask("", fresh=True)).body, "rtmp", URL)
        pid = str(xml_counter(root, "pid", URL))
        again = pid in roots
        roots[pid] = root
        if again and known <= roots.keys():
            break
    return dict(sorted(roots.items()))


def _partial(roots: Mapping[str, Element], workers: int) -> Reading:
    """What is known where some of several workers did not answer: that it is up."""
    note = (
        f"Only {len(roots)} of its {workers} worker processes answered, each counts for itself:"
        " nothing is counted this time. With worker_processes 1; every answer is whole."
    )
    software = _software(next(iter(roots.values())))
    return Reading(None, None, None, {}, {}, software=software, notes=(note,), workers=tuple(roots))


class _Part:
    """What one worker process says of itself."""

    def __init__(self, pid: str, root: Element) -> None:
        applications = root.findall("server/application")
        self.root = root
        # Of a difference of whole seconds 0 means half a second on average.
        self.uptime = max(float(xml_counter(root, "uptime", URL)), 0.5)
        self.counters = {name: xml_counter(root, tag, URL) for name, tag in COUNTED.items()}
        self.listed = any(application.find("live") is not None for application in applications)
        self.streams = _streams(applications, pid)
        self.clients = _clients(applications, pid)
        plays = (play for application in applications for play in application.findall("play"))
        self.on_demand = sum(xml_counter(play, "nclients", URL) for play in plays)


def _clients(applications: list[Element], pid: str) -> list[ClientReading]:
    """Everybody connected, as the streams list them. Their bytes are not counted one by one."""
    found = []
    for application in applications:
        app = xml_text(application, "name", _APP)
        for stream in application.iterfind("live/stream"):
            url = f"/{app}/{xml_text(stream, 'name', _NAME)}"
            for client in stream.iterfind("client"):
                publishing = client.find("publishing") is not None
                since = xml_gauge(client, "time", 1e13)
                found.append(
                    ClientReading(
                        id=f"{pid}:{xml_text(client, 'id', 40)}",
                        url=url,
                        address=xml_text(client, "address", 80),
                        kind="publisher" if publishing else "player",
                        publishing=publishing,
                        connected=None if since is None else since / 1000,
                    )
                )
    return found


def _streams(applications: list[Element], pid: str) -> list[StreamReading]:
    return [
        _stream(element, xml_text(application, "name", _APP), pid)
        for application in applications
        for element in application.iterfind("live/stream")
    ]


def _together(streams: Iterable[StreamReading]) -> list[StreamReading]:
    found: dict[str, StreamReading] = {}
    for stream in streams:
        twin = found.get(stream.url)
        found[stream.url] = stream if twin is None else _both(twin, stream)
    return [*found.values()]


def _stream(element: Element, app: str, pid: str) -> StreamReading:
    name = xml_text(element, "name", _NAME)
    clients = xml_counter(element, "nclients", URL)
    publishing = element.find("publishing") is not None
    video, audio = element.find("meta/video"), element.find("meta/audio")
    width, height = xml_gauge(video, "width", 1e5), xml_gauge(video, "height", 1e5)
    age = xml_gauge(element, "time", 1e13)
    return StreamReading(
        url=f"/{app}/{name}",
        vhost="",
        app=app,
        name=name,
        incarnation=pid,
        publishing=publishing,
        publisher=_publisher(element, pid),
        viewers=clients - 1 if publishing and clients else clients,
        counters={
            "egress_bytes": xml_counter(element, "bytes_out", URL),
            "ingress_bytes": xml_counter(element, "bytes_in", URL),
        },
        video=_codec(video),
        audio=_codec(audio),
        width=None if not width else int(width),
        height=None if not height else int(height),
        age=None if age is None else age / 1000,
        clients=clients,
    )


def _publisher(stream: Element, pid: str) -> str | None:
    """The publisher's connection: its number is counted up by all workers together and begins anew with the server."""
    for client in stream.iterfind("client"):
        if client.find("publishing") is not None and (number := xml_text(client, "id", 40)):
            return f"{pid}:{number}"
    return None


def _codec(media: Element | None) -> str | None:
    return " ".join(filter(None, (xml_text(media, "codec", 40), xml_text(media, "profile", 40)))) or None


def _both(one: StreamReading, other: StreamReading) -> StreamReading:
    """Two streams of one name: of two servers in one configuration, or on two workers."""
    first, second = (one, other) if one.publishing or not other.publishing else (other, one)
    counters = {name: value + second.counters[name] for name, value in first.counters.items()}
    clients = (first.clients or 0) + (second.clients or 0)
    if max(clients, *counters.values()) > MAX_COUNTER:
        raise wrong(URL, "the bytes or clients of streams of one name add up to more than 2^63 - 1")
    return replace(
        first,
        viewers=first.viewers + second.viewers,
        clients=clients,
        counters=counters,
    )


def _software(root: Element) -> str:
    nginx, rtmp = xml_text(root, "nginx_version", 40), xml_text(root, "nginx_rtmp_version", 40)
    return f"{f'NGINX {nginx}'.strip()} with RTMP {rtmp}".strip()


SOURCE = Source(
    label="NGINX with RTMP",
    read=read,
    identify=("/stat", "/rtmp_stat", "/stat.xml", "/rtmp"),
    reports=frozenset(
        {"egress_bytes", "ingress_bytes", "accepted_connections", "viewers", "live_streams", "connections"}
    ),
    streams=True,
    needs_path=True,
)
