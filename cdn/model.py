"""The nouns: server, poll, reading, sample, stream, actor. Plain data, no behaviour beyond its own words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What software answers at a server's url. One line here, one file in `collector/sources/`."""

    SRS = "srs"
    NGINX = "nginx"
    NGINX_VTS = "nginx_vts"
    NGINX_RTMP = "nginx_rtmp"
    NGINX_PLUS = "nginx_plus"
    ANGIE = "angie"


KIND_LABELS: dict[Kind, str] = {
    Kind.SRS: "SRS",
    Kind.NGINX: "NGINX",
    Kind.NGINX_VTS: "NGINX with VTS",
    Kind.NGINX_RTMP: "NGINX with RTMP",
    Kind.NGINX_PLUS: "NGINX Plus",
    Kind.ANGIE: "Angie",
}


class Role(StrEnum):
    """Where a server stands: origins take the publishers' streams, edges deliver to viewers."""

    ORIGIN = "origin"
    EDGE = "edge"


class AuthMethod(StrEnum):
    """How we sign in to a polled server."""

    NONE = "none"
    BASIC = "basic"
    BEARER = "bearer"


class Reason(StrEnum):
    """Why a poll brought nothing. Machine-readable, stored with the sample; the words are REASON_WORDS."""

    NAME_UNKNOWN = "name_unknown"
    ADDRESS_REFUSED = "address_refused"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    CUT_OFF = "cut_off"
    TLS = "tls"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    REDIRECTED = "redirected"
    HTTP_STATUS = "http_status"
    TOO_LARGE = "too_large"
    WRONG_BODY = "wrong_body"
    SERVER_ERROR = "server_error"
    NOT_READY = "not_ready"
    STATS_OFF = "stats_off"
    NO_CREDENTIALS = "no_credentials"


REASON_WORDS: dict[Reason, str] = {
    Reason.NAME_UNKNOWN: "its name is unknown (DNS)",
    Reason.ADDRESS_REFUSED: "its address is one we do not connect to",
    Reason.REFUSED: "it refuses the connection",
    Reason.UNREACHABLE: "there is no way to it",
    Reason.TIMED_OUT: "it does not answer in time",
    Reason.CUT_OFF: "it breaks off its answer",
    Reason.TLS: "its certificate or encryption does not work",
    Reason.UNAUTHORIZED: "it wants a password",
    Reason.FORBIDDEN: "it does not let us in",
    Reason.REDIRECTED: "it sends us elsewhere",
    Reason.HTTP_STATUS: "it answers with an error",
    Reason.TOO_LARGE: "its answer is too large",
    Reason.WRONG_BODY: "its answer is not what was expected",
    Reason.SERVER_ERROR: "it reports an error of its own",
    Reason.NOT_READY: "it is not ready yet",
    Reason.STATS_OFF: "its statistics are switched off",
    Reason.NO_CREDENTIALS: "its stored password cannot be read with this key",
}


class PollError(Exception):
    """A poll that brought nothing: a Reason, and one sentence of what was tried, seen and wanted.

    The sentence never holds a credential; it may hold text the server chose, so escape it on screen.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to sign in to a server. `secret` is the password or token and never appears in `repr`."""

    method: AuthMethod = AuthMethod.NONE
    user: str = ""
    secret: str = field(default="", repr=False)


NO_CREDENTIALS = Credentials()


@dataclass(frozen=True, slots=True)
class Target:
    """What a poll needs to know of a server. `interval` in seconds; `version` counts its changes."""

    id: int
    name: str
    kind: Kind
    url: str
    role: Role
    interval: float
    verify_tls: bool = True
    credentials: Credentials = NO_CREDENTIALS
    # The stored secret could not be read: polling without it would only lock the account.
    unreadable_secret: bool = False
    version: int = 1


@dataclass(frozen=True, slots=True)
class StreamReading:
    """One stream in one answer. `url` is its durable key; `incarnation` changes when it is recreated.

    counters: egress_bytes, ingress_bytes, frames (cumulative). `viewers` excludes the publisher, as far as the
    streams alone tell; `clients` are all of them, publishers and own servers that pull included (None: not told).
    age: seconds since it was created; None where the source does not tell.
    """

    url: str
    vhost: str
    app: str
    name: str
    incarnation: str
    publishing: bool
    publisher: str | None
    viewers: int
    counters: Mapping[str, int]
    video: str | None = None
    audio: str | None = None
    width: int | None = None
    height: int | None = None
    age: float | None = None
    clients: int | None = None


@dataclass(frozen=True, slots=True)
class ClientReading:
    """One connection to a server: a publisher, a viewer, or a server of ours that pulls.

    url: of the stream. kind: as the source calls it. sent, received: bytes so far, None where not told.
    connected: seconds since it came, None where not told.
    """

    id: str
    url: str
    address: str
    kind: str
    publishing: bool
    sent: int | None = None
    received: int | None = None
    connected: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one poll saw, as the source counts it. Counters are cumulative, nothing is derived yet.

    process: changes with every process of the server (None where the source does not tell).
    clock:   seconds since the epoch at which the counters were true, by the source's own clock; None
             where it has none.
    uptime:  seconds the process had run at `clock`; None where unknown.
    now:     the server's own clock when it answered, seconds since the epoch; None where it does not tell.
    workers: the worker processes that answered, where each answers for itself alone.
    streams: None where the source has none or was not asked; an empty tuple is "no streams".
    streams_complete: False where some were left out, so that a missing one is not "gone".
    clients: None where the source has none or was not asked; `clients_complete` as for streams.
    client_notes: those of `notes` that tell of the list of clients; they hold until it is asked for again.
    """

    process: str | None
    clock: float | None
    uptime: float | None
    counters: Mapping[str, int]
    gauges: Mapping[str, float]
    streams: tuple[StreamReading, ...] | None = None
    streams_complete: bool = True
    software: str | None = None
    notes: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    now: float | None = None
    clients: tuple[ClientReading, ...] | None = None
    clients_complete: bool = True
    client_notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds a poll took: until connected (TLS included), until the first byte, until all was read."""

    connect: float | None = None
    first_byte: float | None = None
    total: float | None = None


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll of one server, good or bad. It never fails, it reports.

    since:   when this collector polled the server before (None the first time).
    reading: None exactly where `reason` says why.
    certificate_expires: when the server's TLS certificate ends, where it has one.
    url:     what was asked; behind another url other counters go on.
    address: the IP address that was connected to; None where there was no connection.
    """

    server_id: int
    at: datetime
    interval: float
    timing: Timing
    reading: Reading | None
    since: datetime | None = None
    reason: Reason | None = None
    detail: str | None = None
    url: str = ""
    certificate_expires: datetime | None = None
    address: str | None = None

    @property
    def clock_difference(self) -> float | None:
        """Seconds the server's clock is ahead of ours, to within its response time; None where it does not tell."""
        if self.reading is None or self.reading.now is None:
            return None
        return self.reading.now - self.at.timestamp()

    @property
    def up(self) -> bool:
        """True where the server answered as it should."""
        return self.reading is not None


class PublicationEnd(StrEnum):
    """Why a publication ended, as far as polls can tell."""

    STOPPED = "stopped"  # its publisher left
    RECONNECTED = "reconnected"  # another connection publishes it now; both were seen at neighbouring polls
    RESTARTED = "restarted"  # its server's process was replaced


class EventKind(StrEnum):
    """Something that happened once, to a server or to a stream on it."""

    RESTART = "restart"
    VERSION = "version"  # other software than before
    FORMAT = "format"  # codec, profile, resolution or sample rate of a stream


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something. Until accounts exist everybody is `local`, an admin.

    role: viewer, operator or admin. via: how they came in (local, password, oidc, token). address: from where.
    """

    name: str
    role: str
    via: str = "local"
    address: str = ""


LOCAL_ADMIN = Actor("local", "admin")


class Invalid(Exception):
    """Input that cannot be accepted: field → what was wanted. Shown under the field, in files and REST alike."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {fault}" for name, fault in faults.items()))
        self.faults = dict(faults)
