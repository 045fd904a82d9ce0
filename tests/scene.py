"""Several servers that know of each other, for tests: what each would answer, moved by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cdn.clock import utc_now
from cdn.model import ClientReading, Kind, Poll, Reading, Reason, Role, StreamReading, Timing
from collector.sources.srs import split_url
from db.fleet import Draft, add

INTERVAL = 15.0


@dataclass
class Copy:
    """A stream on a server. clients: all of them, publisher and own servers included."""

    url: str
    clients: int = 0
    egress: int = 0
    ingress: int = 0
    frames: int = 0
    publishing: bool = True
    publisher: str | None = None
    id: str = "s1"
    video: str | None = "H264 High"
    audio: str | None = "AAC LC 44.1 kHz"
    width: int | None = 1920
    height: int | None = 1080


@dataclass
class Scene:
    """The servers' ids by name, the time, and what each answers."""

    engine: Engine
    at: datetime = field(default_factory=lambda: utc_now() - timedelta(minutes=10))
    ids: dict[str, int] = field(default_factory=dict)
    copies: dict[str, dict[str, Copy]] = field(default_factory=dict)
    clients: dict[str, list[ClientReading] | None] = field(default_factory=dict)
    process: dict[str, int] = field(default_factory=dict)
    extra: dict[str, dict[str, int]] = field(default_factory=dict)
    address: dict[str, str] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)

    def add(self, name: str, role: Role, address: str, kind: Kind = Kind.SRS, *, networks: tuple[str, ...] = ()) -> int:
        """A server of the fleet; it is reached at `address`."""
        with Session(self.engine) as session, session.begin():
            server = add(
                session, Draft(name, kind, f"http://{address}:1985", role, region="West", addresses=networks), ""
            )
            session.flush()
            self.ids[name] = server.id
        self.copies[name], self.clients[name], self.process[name], self.address[name] = {}, None, 1, address
        self.extra[name], self.roles[name] = {}, role
        return self.ids[name]

    def copy(self, name: str, url: str = "/live/news") -> Copy:
        """The copy of a stream on a server, made where it is new."""
        return self.copies[name].setdefault(url, Copy(url))

    def wait(self, seconds: float = INTERVAL) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)

    def poll(self, name: str) -> Poll:
        """A good poll of a server now."""
        copies = self.copies[name].values()
        counters = {
            "egress_bytes": sum(copy.egress for copy in copies),
            "ingress_bytes": sum(copy.ingress for copy in copies),
            **self.extra[name],
        }
        streams = tuple(
            StreamReading(
                copy.url,
                *split_url(copy.url),
                incarnation=f"{self.process[name]}-{copy.id}",
                publishing=copy.publishing,
                publisher=copy.publisher,
                viewers=copy.clients,
                counters={"egress_bytes": copy.egress, "ingress_bytes": copy.ingress, "frames": copy.frames},
                video=copy.video,
                audio=copy.audio,
                width=copy.width,
                height=copy.height,
                clients=copy.clients,
            )
            for copy in copies
        )
        listed = self.clients[name]
        gauges = {"live_streams": float(sum(copy.publishing for copy in copies))}
        if self.roles[name] is Role.EDGE and copies:
            gauges["viewers"] = float(sum(copy.clients for copy in copies))
        reading = Reading(
            process=str(self.process[name]),
            clock=self.at.timestamp(),
            uptime=3600.0 if self.process[name] == 1 else 5.0,
            counters=counters,
            gauges=gauges,
            streams=streams,
            software="SRS 6.0.157",
            clients=None if listed is None else tuple(listed),
        )
        return Poll(self.ids[name], self.at, INTERVAL, Timing(0.001, 0.002, 0.003), reading, address=self.address[name])

    def failed(self, name: str) -> Poll:
        """A failed poll of a server now."""
        return Poll(self.ids[name], self.at, INTERVAL, Timing(), None, None, Reason.REFUSED, "refused")


def client(
    id: str,
    address: str,
    *,
    url: str = "/live/news",
    kind: str = "rtmp-play",
    sent: int | None = 0,
    connected: float = 60,
) -> ClientReading:
    """One client of an origin."""
    return ClientReading(id, url, address, kind, kind.endswith("publish"), sent, 0, connected)
