"""The requests a target is polled with: their URL, their credentials, and what of that may be shown."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import requests

from cdn.model import AuthMethod, Credentials, PollError, Reason, Target

_MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready to be sent, as often as its target stays the same.

    verified: whether to verify the server's certificate. shown: the URL without any secret.
    """

    target: Target = field(repr=False)
    request: requests.PreparedRequest
    verified: bool
    shown: str


def prepare(target: Target, path: str) -> Prepared:
    """The request for `path` of `target`. Raises PollError where none can be made."""
    shown = target.name
    try:
        parts = urlsplit(target.url)
        netloc = parts.netloc.rpartition("@")[2]
        shown = _shown(parts, netloc, path)
        if target.unreadable_secret:
            raise PollError(
                Reason.NO_CREDENTIALS,
                f"GET {shown} was not sent: its stored password cannot be read with SECRET_KEY; enter it again",
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PollError(
                Reason.ADDRESS_REFUSED, f"GET {shown} was not sent: want an address that begins http:// or https://"
            )
        headers = _headers(target.credentials)
        # Checked here, for the libraries would quote the secret in their error.
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            what = "holds characters that cannot be sent"
            raise PollError(Reason.NO_CREDENTIALS, f"GET {shown} was not sent: its password or token {what}")
        url = f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}{path}" if path else _bare(parts, netloc)
        request = requests.Request("GET", url, headers=headers).prepare()
    except ValueError:
        raise PollError(Reason.ADDRESS_REFUSED, f"GET {shown} was not sent: its address is not a URL") from None
    return Prepared(target, request, parts.scheme == "https" and target.verify_tls, shown)


def _bare(parts: SplitResult, netloc: str) -> str:
    return parts._replace(netloc=netloc, fragment="").geturl()


def _shown(parts: SplitResult, netloc: str, path: str) -> str:
    """The URL as errors tell it: without its user, and without its query, which may hold a token."""
    text = f"{parts.scheme}://{netloc}{parts.path.rstrip('/') if path else parts.path}{path}"
    return "".join(char if char.isprintable() else "?" for char in text[:_MAX_SHOWN])


def _headers(credentials: Credentials) -> dict[str, str]:
    headers = {"User-Agent": "cdn-monitor", "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}
    if credentials.method is AuthMethod.BASIC:
        pair = f"{credentials.user}:{credentials.secret}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    elif credentials.method is AuthMethod.BEARER:
        headers["Authorization"] = f"Bearer {credentials.secret}"
    return headers
