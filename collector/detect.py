"""Ask a server once, out of turn: what it is (with or without knowing its kind), or who is connected to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from cdn.model import ClientReading, Kind, PollError, Reading, Reason, Target, Timing
from cdn.settings import Settings
from collector.fetch import Fetcher
from collector.own import known
from collector.poll import limits, reply
from collector.pulls import told_apart
from collector.sources import SOURCES
from collector.sources.script import Source, Wanted, run
from db.fleet import Place

# Whatever path or kind is tried, these are the same: looking further would only annoy the server.
FINAL = frozenset(
    {
        Reason.NAME_UNKNOWN,
        Reason.ADDRESS_REFUSED,
        Reason.REFUSED,
        Reason.UNREACHABLE,
        Reason.TIMED_OUT,
        Reason.TLS,
        Reason.UNAUTHORIZED,
    }
)


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answers: its kind, the url to poll, and what its first answer says.

    certificate_expires: when its TLS certificate ends, where it has one.
    """

    kind: Kind
    url: str
    reading: Reading
    timing: Timing
    reports: frozenset[str]
    certificate_expires: datetime | None

    @property
    def streams(self) -> int | None:
        """Streams it lists; None where its kind has none."""
        return None if self.reading.streams is None else len(self.reading.streams)


def detect(target: Target, kind: Kind | None, settings: Settings) -> Found:
    """Ask `target` as `kind`, or as every kind where None, on its url and on the kinds' usual paths.

    Raises PollError: of the one attempt, or one whose sentence lists what was tried and seen.
    """
    fetcher = Fetcher(limits(settings))
    wanted = Wanted(settings.max_streams_per_server)
    try:
        if kind is not None:
            return _try(fetcher, replace(target, kind=kind), SOURCES[kind], wanted)
        return _find(fetcher, target, SOURCES, wanted)
    finally:
        fetcher.close()


def _find(fetcher: Fetcher, target: Target, sources: Mapping[Kind, Source], wanted: Wanted) -> Found:
    tried: list[str] = []
    for kind, source in sources.items():
        for url in _urls(target.url, source):
            try:
                return _try(fetcher, replace(target, kind=kind, url=url), source, wanted)
            except PollError as error:
                if error.reason in FINAL:
                    raise
                tried.append(f"{source.label} at {url}: {error.detail}")
    raise PollError(Reason.WRONG_BODY, "Nothing we know answers there. Tried " + "; ".join(tried))


@dataclass(frozen=True, slots=True)
class Connected:
    """Everybody connected to a server. own: ids of those that are servers of ours and pull.

    clients: None where it did not list them; `notes` then say why. complete: False where there are more than were read.
    settled: False while not every own server's address is known, so that one may pass for a player.
    """

    clients: tuple[ClientReading, ...] | None
    own: frozenset[str]
    complete: bool
    settled: bool
    notes: tuple[str, ...]


def list_clients(target: Target, settings: Settings, servers: Iterable[Place] = ()) -> Connected:
    """Ask `target`, of a kind that lists its clients, who is connected. servers: ours, to be recognised.

    Raises PollError.
    """
    fetcher = Fetcher(limits(settings))
    wanted = Wanted(settings.max_streams_per_server, clients=True, max_clients=settings.max_clients_per_server)
    try:
        reading = _try(fetcher, target, SOURCES[target.kind], wanted).reading
    finally:
        fetcher.close()
    own = known(servers)
    # Who pulls is the same whatever was sent, and only pulls whose bytes are counted are told one by one.
    counted = [replace(client, sent=client.sent or 0) for client in reading.clients or ()]
    pulls = told_apart(counted, own, target.id).sent or {}
    return Connected(reading.clients, frozenset(pulls), reading.clients_complete, own.settled, reading.notes)


def needs_path(kind: Kind) -> bool:
    """Whether the url of such a server must name a page."""
    return SOURCES[kind].needs_path


def usual_path(kind: Kind) -> str:
    """The page such a server is usually asked for."""
    return SOURCES[kind].identify[0]


def _urls(url: str, source: Source) -> list[str]:
    """Where to look for a source: a url with a path is meant as it stands, a bare one is tried on the usual paths."""
    if urlsplit(url).path or not source.needs_path:
        return [url]
    return [f"{url}{path}" for path in source.identify]


def _try(fetcher: Fetcher, target: Target, source: Source, wanted: Wanted) -> Found:
    with fetcher.begin(target) as exchange:
        reading = run(source.read(target, wanted), lambda ask: reply(exchange, ask))
        expires = exchange.certificate_expires
        return Found(target.kind, target.url, reading, exchange.timing, source.reports, expires)
