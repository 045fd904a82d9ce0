"""Made-up polls for tests: a server whose counters the test moves by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cdn.model import Poll, Reading, Reason, StreamReading, Timing

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def moment(seconds: float) -> datetime:
    """`seconds` after the tests' start of time."""
    return START + timedelta(seconds=seconds)


@dataclass
class FakeServer:
    """A server with one counter pair and streams. `seconds` is true time since START."""

    server_id: int = 1
    interval: float = 15.0
    seconds: float = 0.0
    process: int = 1
    started: float = -3600.0
    egress: int = 1_000_000
    ingress: int = 10
    has_clock: bool = True
    stepped_at: float = 0.0
    streams: dict[str, int] = field(default_factory=dict)
    incarnations: dict[str, int] = field(default_factory=dict)
    viewers: float | None = 7.0

    def grow(self, seconds: float, egress: int, ingress: int = 0) -> None:
        """Let time pass and bytes flow; the counters step now."""
        self.seconds += seconds
        self.egress += egress
        self.ingress += ingress
        self.stepped_at = self.seconds
        for url in self.streams:
            self.streams[url] += egress // len(self.streams)

    def wait(self, seconds: float) -> None:
        """Let time pass without new figures."""
        self.seconds += seconds

    def restart(self) -> None:
        """A new process: counters begin anew, streams are new ones."""
        self.process += 1
        self.started = self.seconds
        self.egress = self.ingress = 0
        for url in self.streams:
            self.streams[url] = 0
            self.incarnations[url] = self.incarnations.get(url, 0) + 1

    def reading(self) -> Reading:
        """What the server answers now."""
        epoch = START.timestamp()
        return Reading(
            process=str(self.process) if self.has_clock else None,
            clock=epoch + self.stepped_at if self.has_clock else None,
            uptime=(self.stepped_at - self.started) or None if self.has_clock else None,
            counters={"egress_bytes": self.egress, "ingress_bytes": self.ingress},
            gauges={} if self.viewers is None else {"viewers": self.viewers, "live_streams": float(len(self.streams))},
            streams=tuple(self._stream(url) for url in self.streams),
            software="SRS 6.0.157",
        )

    def _stream(self, url: str) -> StreamReading:
        return StreamReading(
            url=url,
            vhost="",
            app="live",
            name=url.rpartition("/")[2],
            incarnation=f"{self.process}-{self.incarnations.get(url, 0)}",
            publishing=True,
            publisher="p1",
            viewers=3,
            counters={"egress_bytes": self.streams[url], "ingress_bytes": 0, "frames": 0},
        )

    def poll(self, since: datetime | None = None) -> Poll:
        """A good poll now."""
        return Poll(
            self.server_id, moment(self.seconds), self.interval, Timing(0.001, 0.002, 0.003), self.reading(), since
        )

    def failed(self, reason: Reason = Reason.REFUSED) -> Poll:
        """A failed poll now."""
        return Poll(self.server_id, moment(self.seconds), self.interval, Timing(), None, None, reason, "refused")
