"""SRS 5 and 6: `/api/v1/summaries`, `/api/v1/streams/` and, where wanted, `/api/v1/clients/`.

Pitfalls of the API that are handled here: an error comes with HTTP 200 and `code` ≠ 0; unknown paths
answer `code` 0 and an index, so the expected key must be there; lists come in pages of 10 unless asked
otherwise, in an order that shifts; byte counters step every 3 s together with `srs_sample_time`, which
is therefore their clock, also for the streams.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

from cdn.model import PollError, Reading, Reason, Role, StreamReading, Target
from cdn.units import KIBIBYTE
from collector.sources.answers import counter, member, optional_gauge, seen, text, wrong
from collector.sources.script import Ask, Reply, Script, Source, Wanted
from collector.sources.srs_answers import envelope, pages
from collector.sources.srs_clients import about, less_publishers, read_clients

SUMMARIES = "/api/v1/summaries"
STREAMS = "/api/v1/streams/"
# With `stats { enabled off; }` the uptime is an epoch number instead of seconds since the start.
STATS_OFF_UPTIME = 1_000_000_000

_SYSTEM_GAUGES = {  # key in the answer → (metric, highest credible value)
    "cpu_percent": ("system_cpu", 1.0),  # fractions in spite of their name
    "mem_ram_percent": ("system_memory", 1.0),
    "mem_swap_percent": ("system_swap", 1.0),
    "disk_busy_percent": ("disk_busy", 1.0),
    "load_1m": ("load_1m", 1e6),
    "load_5m": ("load_5m", 1e6),
    "load_15m": ("load_15m", 1e6),
    "cpus": ("processors", 1e5),
    "conn_srs": ("connections", 1e9),
}


def read(target: Target, wanted: Wanted) -> Script:
    """One poll: the summaries, then as many pages of streams as there are, then those of clients where wanted."""
    head = envelope((yield Ask(SUMMARIES)), SUMMARIES)
    data = member(head, "data", SUMMARIES)
    _require_ready(data)
    own, system = member(data, "self", SUMMARIES), member(data, "system", SUMMARIES)
    clock = counter(system, "srs_sample_time", SUMMARIES) / 1000
    gauges, notes = _gauges(own, system)

    listed = yield from _streams(target.role, wanted.max_streams)
    if not listed.complete:
        notes.append(f"More than {wanted.max_streams:,} streams: the rest is not read.")
    streams, clients, clients_complete = listed.streams, None, True
    of_clients: list[str] = []
    if wanted.clients:
        try:
            clients, clients_complete = yield from read_clients(listed.urls, wanted.max_clients)
        except PollError as error:
            # Summaries and streams are worth having without them.
            of_clients.append(f"Its clients could not be read, so its viewers are not known: {error.detail}")
    if clients is not None:
        of_clients += about(clients, wanted.max_clients if not clients_complete else None)
        if clients_complete:
            streams = less_publishers(streams, clients)
    gauges["live_streams"] = float(sum(stream.publishing for stream in streams))
    if target.role is Role.EDGE:
        gauges["viewers"] = float(sum(stream.viewers for stream in streams))
    return Reading(
        process=_process(head),
        clock=clock,
        uptime=_uptime(data, own, clock),
        counters={
            "egress_bytes": counter(system, "srs_send_bytes", SUMMARIES),
            "ingress_bytes": counter(system, "srs_recv_bytes", SUMMARIES),
        },
        gauges=gauges,
        streams=streams,
        streams_complete=listed.complete,
        now=_now(data),
        software=f"SRS {text(own.get('version'), 40)}".strip(),
        notes=(*notes, *of_clients),
        clients=clients,
        clients_complete=clients_complete,
        client_notes=tuple(of_clients),
    )


class _Streams(NamedTuple):
    """A list of streams. urls: by their id of the moment. complete: False where there are more."""

    streams: tuple[StreamReading, ...]
    urls: Mapping[str, str]
    complete: bool


def _process(head: Mapping[str, Any]) -> str:
    """What changes with every process: text or numbers as they are, nothing that could be endless."""
    told = (head.get("service"), head.get("pid"))
    return text(":".join(f"{each}" if isinstance(each, str | int) else "None" for each in told), 120)


def _streams(role: Role, most: int) -> Generator[Ask, Reply, _Streams]:
    rows: dict[str, StreamReading] = {}
    urls: dict[str, str] = {}

    def take(row: Any, path: str) -> None:
        stream = _stream(row, role, path)
        urls[stream.incarnation] = stream.url
        # Pages shift while streams come and go: a stream seen twice is one, on air if either says so.
        if stream.url not in rows or (stream.publishing and not rows[stream.url].publishing):
            rows[stream.url] = stream

    complete = yield from pages(STREAMS, "streams", take, lambda: len(rows), most)
    return _Streams(tuple(rows.values())[:most], urls, complete)


def _require_ready(data: Mapping[str, Any]) -> None:
    if data.get("ok") is True:
        return
    if data.get("ok") is not False:
        raise wrong(SUMMARIES, f"data.ok is {seen(data.get('ok'))}, want true")
    own = member(data, "self", SUMMARIES)
    uptime = own.get("srs_uptime")
    if isinstance(uptime, int) and uptime >= STATS_OFF_UPTIME:
        raise PollError(
            Reason.STATS_OFF, f"GET {SUMMARIES}: ok is false; switch on stats in the server's configuration"
        )
    raise PollError(Reason.NOT_READY, f"GET {SUMMARIES}: ok is false, want true; the server has no figures yet")


def _gauges(own: Mapping[str, Any], system: Mapping[str, Any]) -> tuple[dict[str, float], list[str]]:
    found: dict[str, float] = {}
    odd: list[str] = []

    def take(source: Mapping[str, Any], key: str, metric: str, highest: float, scale: float = 1.0) -> None:
        value = optional_gauge(source, key, highest)
        if value is not None:
            found[metric] = value * scale
        elif key in source:
            odd.append(f"{key} is {seen(source[key])}")

    for key, (metric, highest) in _SYSTEM_GAUGES.items():
        take(system, key, metric, highest)
    # A share of one core: several threads may pass 1, a thousand cores do not exist.
    take(own, "cpu_percent", "process_cpu", 1e3)
    take(own, "mem_kbyte", "process_memory_peak", 1e12, KIBIBYTE)
    take(own, "srs_uptime", "process_uptime", 1e9)
    return found, [f"Left out, not credible: {', '.join(odd)}."] if odd else []


def _uptime(data: Mapping[str, Any], own: Mapping[str, Any], clock: float) -> float | None:
    """Seconds the process had run when its byte counters were true.

    srs_uptime is that of `now_ms`, in whole seconds rounded down: half a second more is right on average.
    """
    now, running = optional_gauge(data, "now_ms"), optional_gauge(own, "srs_uptime", STATS_OFF_UPTIME)
    if now is None or running is None:
        return None
    uptime = clock - (now / 1000 - running - 0.5)
    return uptime if uptime > 0 else None


def _now(data: Mapping[str, Any]) -> float | None:
    now = optional_gauge(data, "now_ms")
    return None if now is None else now / 1000


def _stream(row: Any, role: Role, path: str) -> StreamReading:
    if not isinstance(row, dict):
        raise wrong(path, f"a stream is {seen(row)}, want an object")
    url = text(row.get("url"))
    if not url:
        raise wrong(path, f"a stream's url is {seen(row.get('url'))}, want text")
    publish = member(row, "publish", path)
    publishing = publish.get("active") is True
    clients = counter(row, "clients", path)
    # The publisher is one of an origin's clients. On an edge `active` only says that it pulls: players only.
    viewers = clients - 1 if publishing and role is Role.ORIGIN and clients else clients
    vhost, app, name = split_url(url)
    video, audio = row.get("video"), row.get("audio")
    video = video if isinstance(video, dict) else {}
    audio = audio if isinstance(audio, dict) else {}
    width, height = optional_gauge(video, "width", 1e5), optional_gauge(video, "height", 1e5)
    return StreamReading(
        url=url,
        vhost=vhost,
        app=app,
        name=name,
        incarnation=text(row.get("id"), 80),
        publishing=publishing,
        publisher=text(publish.get("cid"), 80) or None,
        viewers=viewers,
        counters={
            "egress_bytes": counter(row, "send_bytes", path),
            "ingress_bytes": counter(row, "recv_bytes", path),
            "frames": counter(row, "frames", path),
        },
        video=_words(video.get("codec"), video.get("profile")),
        audio=_words(audio.get("codec"), audio.get("profile"), _kilohertz(audio)),
        width=None if width is None else int(width),
        height=None if height is None else int(height),
        clients=clients,
    )


def _words(*parts: object) -> str | None:
    return " ".join(filter(None, (text(part, 40) for part in parts))) or None


def _kilohertz(audio: Mapping[str, Any]) -> str:
    rate = optional_gauge(audio, "sample_rate", 1e6)
    return f"{rate / 1000:g} kHz" if rate else ""


def split_url(url: str) -> tuple[str, str, str]:
    """(vhost, app, name) of a stream's url: `/live/alpha` or, in a named vhost, `cdn.lab/live/gamma`.

    An app may have slashes of its own; the name is what follows the last one.
    """
    path, _, name = url.rpartition("/")
    vhost, _, app = path.partition("/")
    return vhost, app, name


SOURCE = Source(
    label="SRS",
    read=read,
    identify=("/api/v1/versions",),
    reports=frozenset(
        {
            "egress_bytes",
            "ingress_bytes",
            "viewers",
            "live_streams",
            "process_cpu",
            "process_memory_peak",
            "process_uptime",
        }
        | {metric for metric, _ in _SYSTEM_GAUGES.values()}
    ),
    streams=True,
    needs_path=False,
)
