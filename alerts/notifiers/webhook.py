"""A signed JSON document, posted to an address of somebody's own.

Header `X-Signature: t=<Unix seconds>,v1=<hex>`: HMAC-SHA256 with WEBHOOK_SECRET over `<t>.<body>`. Who receives it
compares in constant time and refuses a `t` that is long past. `id` is the same at every try of one notification.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import ssl
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from urllib.parse import SplitResult, urlsplit

from alerts.message import Told, Written, web_link
from alerts.notifiers.outcome import Permanent, Sent, Temporary, place, quoted, retry_after, within
from alerts.notifiers.reach import reachable
from cdn import VERSION, networks
from cdn.settings import Settings

MAX_ADDRESS = 2_000
MAX_ANSWER = 10_000


def fault(address: str) -> str | None:
    """Why `address` is none a webhook is posted to; None where it is one."""
    if len(address) > MAX_ADDRESS or not address.isascii() or not web_link(address):
        return "want an address like https://hooks.example/alerts"
    parts = urlsplit(address)
    if parts.username or parts.password:
        return "want an address without user and password: what is sent is signed with WEBHOOK_SECRET"
    return "want an address without a part behind #" if parts.fragment else None


class Webhook:
    """Posts one document a call."""

    def __init__(
        self, settings: Settings, clock: Callable[[], float] = time.time, trust: ssl.SSLContext | None = None
    ) -> None:
        """trust: whose certificates are believed; the machine's where it is None."""
        self._settings = settings
        self._clock = clock
        self._trust = trust
        self._secret = settings.webhook_secret.get_secret_value()

    def send(self, address: str, written: Written, told: Told) -> Sent:
        """Post `told`. Any 2xx means taken; redirects are not followed."""
        if not self._secret:
            raise Permanent("Webhook: WEBHOOK_SECRET is not set, and nothing is sent unsigned")
        wrong = fault(address)
        if wrong is not None:
            raise Permanent(f"Webhook: {wrong}")
        what = f"Webhook to {place(address)}"
        body = document(written, told)
        return within(self._settings.tell_timeout, what, lambda: self._send(what, urlsplit(address), body, told.id))

    def _send(self, what: str, parts: SplitResult, body: bytes, id_: str) -> Sent:
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        literal = networks.literal(host)
        addresses = reachable(what, str(literal or host), port, self._settings)
        try:
            return self._posted(what, parts, _connected(addresses, port, self._settings.tell_timeout), body, id_)
        except TimeoutError:
            raise Temporary(f"{what}: no answer within {self._settings.tell_timeout:g} s") from None
        except ssl.SSLError as error:
            reason = error.reason or "no reason given"
            raise Temporary(f"{what}: its certificate or TLS is not accepted ({reason})") from None
        except OSError as error:
            raise Temporary(f"{what}: {error.strerror or type(error).__name__}") from None
        except HTTPException as error:
            raise Temporary(f"{what}: the answer was no HTTP ({type(error).__name__})") from None

    def _posted(self, what: str, parts: SplitResult, sock: socket.socket, body: bytes, id_: str) -> Sent:
        """Post through `sock`, and close it."""
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=self._settings.tell_timeout)
        try:
            if parts.scheme == "https":
                context = self._trust or ssl.create_default_context()
                sock = context.wrap_socket(sock, server_hostname=parts.hostname)
            connection.sock = sock
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", path, body, self._headers(parts, body, id_))
            answer = connection.getresponse()
            said = answer.read(MAX_ANSWER).decode("utf-8", "replace")
        finally:
            sock.close()
        code = answer.status
        if 200 <= code < 300:
            return Sent(quoted(answer.headers.get("X-Request-Id") or ""))
        words = f"{what} gave {code}, want 200 to 299"
        if 300 <= code < 400:
            raise Permanent(f"{words}: it wants us elsewhere, and redirects are not followed")
        words += f"; it said {quoted(said, self._secret, parts.query, parts.path.strip('/'))}" if said.strip() else ""
        if code >= 500 or code in (408, 425, 429):
            raise Temporary(words, retry_after(answer.headers.get("Retry-After")))
        raise Permanent(words)

    def _headers(self, parts: SplitResult, body: bytes, id_: str) -> dict[str, str]:
        at = int(self._clock())
        return {
            "Host": parts.netloc,
            "Content-Type": "application/json",
            "User-Agent": f"cdn-monitor/{VERSION}",
            "X-Notification-Id": "".join(each for each in id_ if each.isascii() and each.isprintable())[:100],
            "X-Signature": f"t={at},v1={signature(self._secret, at, body)}",
        }


def _connected(addresses: tuple[str, ...], port: int, timeout: float) -> socket.socket:
    """A connection to the first of `addresses` that takes one: those looked at, not what the name leads to by now."""
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), timeout / len(addresses))
        except OSError:
            continue
    return socket.create_connection((addresses[-1], port), timeout)


def signature(secret: str, at: int, body: bytes) -> str:
    """HMAC-SHA256, as hex, over the time, a full stop and the body."""
    return hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()


def document(written: Written, told: Told) -> bytes:
    """The notification as JSON: times in ISO 8601, null where something is not known."""
    return json.dumps(
        {
            "id": told.id,
            "thread": told.thread or None,
            "state": told.state,
            "severity": told.severity,
            "subject": written.subject,
            "headline": told.headline,
            "sentence": told.sentence,
            "facts": [{"label": label, "value": value} for label, value in told.facts],
            "since": told.since.isoformat() if told.since else None,
            "until": told.until.isoformat() if told.until else None,
            "touches": {"channels": told.channels, "viewers": told.viewers, "viewer_minutes": told.minutes},
            "what_to_do": told.what_to_do,
            "runbook": web_link(told.runbook) or None,
            "link": web_link(told.link) or None,
            "others": list(told.others),
            "more": told.more,
            "text": written.text,
        }
    ).encode()
