"""Certificates of TLS servers: which we trust, when they end, and what a server showed that we do not trust."""

from __future__ import annotations

import ssl
import time
import warnings
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from requests.utils import DEFAULT_CA_BUNDLE_PATH

# A server that fails verification fails at every poll. A handshake more each time would double what it costs, on
# both sides, to tell a date that stays the same.
LOOK_SECONDS = 60.0
_MAX_LOOKS = 4_096


@dataclass(frozen=True, slots=True)
class Certificate:
    """From when to when a certificate is valid."""

    begins: datetime
    ends: datetime

    def fault(self, now: datetime) -> str | None:
        """In words that it is not valid at `now`; None where it is. Dates are UTC."""
        if now > self.ends:
            return f"it ended on {self.ends.date().isoformat()}"
        if now < self.begins:
            return f"it is not valid before {self.begins.date().isoformat()}"
        return None


class Looks:
    """What servers showed whose certificate was not trusted: each is looked at once a minute at most.

    A look that saw nothing counts too: a server that hangs in it must not take twice its time at every poll.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[Hashable, tuple[float, Certificate | None]] = {}

    def certificate(self, key: Hashable, look: Callable[[], Certificate | None]) -> Certificate | None:
        """What `look` sees, or saw for this `key` within the last minute."""
        now = self._clock()
        at, certificate = self._seen.get(key, (None, None))
        if at is None or now - at >= LOOK_SECONDS:
            certificate = look()
            if len(self._seen) >= _MAX_LOOKS:
                self._seen.clear()
            self._seen[key] = now, certificate
        return certificate


def read(der: bytes | None) -> Certificate | None:
    """What a certificate in DER says, None where it cannot be read."""
    if der is None:
        return None
    try:
        made = x509.load_der_x509_certificate(der)
        return Certificate(made.not_valid_before_utc, made.not_valid_after_utc)
    except Exception:
        # Anything may stand in a certificate nobody vouches for, and no poll fails for a date.
        return None


def expiry(sock: ssl.SSLSocket) -> datetime | None:
    """When the certificate of the server that `sock` is connected to ends; None where it cannot be read."""
    verified = sock.getpeercert()
    if verified:
        ends = verified.get("notAfter")
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if isinstance(ends, str) else None
    certificate = read(sock.getpeercert(binary_form=True))
    return certificate.ends if certificate else None


def certified() -> ssl.SSLContext:
    """TLS with servers whose certificate the system's authorities, or certifi's, vouch for."""
    context = ssl.create_default_context()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def uncertified() -> ssl.SSLContext:
    """TLS with servers whoever they are."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ignore_warnings() -> None:
    """Let `read` say nothing of odd certificates it reads all the same."""
    warnings.filterwarnings("ignore", category=CryptographyDeprecationWarning, module=r"collector\.certificates")
