"""What went wrong with a request, as a reason and one sentence: what was tried, seen and wanted."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import requests
import urllib3

from cdn.model import PollError, Reason
from collector.attempt import Attempt
from collector.certificates import Certificate


def unreached(attempt: Attempt, ip: str, port: int, error: OSError) -> PollError:
    """The PollError for a TCP connection that did not come about."""
    if attempt.terms.switch.cut:
        return attempt.shutting_down()
    if isinstance(error, TimeoutError):
        return attempt.timed_out(f"got no connection to {ip} within {attempt.limits.connect_timeout:g} s")
    if isinstance(error, ConnectionRefusedError):
        what = f"was refused by {ip} port {port}; is the server running, is the port right?"
        return attempt.fail(Reason.REFUSED, what)
    return attempt.fail(Reason.UNREACHABLE, f"found no way to {ip}: {error.strerror or error}")


def broken(attempt: Attempt, error: OSError) -> PollError:
    """The PollError for a connection that failed with `error` after it stood."""
    if attempt.terms.switch.cut:
        return attempt.shutting_down()
    if isinstance(error, ssl.SSLError):
        what = (error.reason or str(error.strerror)).replace("_", " ").lower()
        return attempt.fail(Reason.TLS, f"failed in TLS: {what}; does the server speak https on this port?")
    what = error.strerror or type(error).__name__
    return attempt.fail(Reason.CUT_OFF, f"was cut off after {attempt.received:,} bytes: {what.lower()}")


def distrusted(attempt: Attempt, error: ssl.SSLCertVerificationError, shown: Certificate | None) -> PollError:
    """The PollError for a server whose certificate was not trusted; `shown` is that certificate, where it is known."""
    if attempt.terms.switch.cut:
        return attempt.shutting_down()
    what = f"does not trust the server's certificate: {error.verify_message.rstrip('.')}"
    fault = shown and shown.fault(datetime.now(UTC))
    return attempt.fail(Reason.TLS, f"{what}; {fault}" if fault else what)


def not_ok(status: int, location: str, attempt: Attempt) -> PollError:
    """The PollError for an answer with a status other than 200."""
    if status == 401:
        return attempt.fail(Reason.UNAUTHORIZED, "gave 401, want 200; check the server's user and password")
    if status == 403:
        return attempt.fail(Reason.FORBIDDEN, "gave 403, want 200; does the server let this machine in?")
    if 300 <= status < 400:
        to = _host(location)
        return attempt.fail(Reason.REDIRECTED, f"gave {status} to {to}, want 200; redirects are not followed")
    return attempt.fail(Reason.HTTP_STATUS, f"gave {status}, want 200")


def _host(location: str) -> str:
    """Where a redirect leads, as far as it is told: its host, never what else a URL may carry."""
    try:
        host = urlsplit(location).hostname
    except ValueError:
        host = location
    return quoted(host) if host else "another path of the same server"


def quoted(text: str) -> str:
    """The beginning of a text the server chose, harmless in a message."""
    return ascii(text[:60])


def explain(error: BaseException, attempt: Attempt) -> PollError:
    """The PollError for what http.client, urllib3 or requests made of a bad answer."""
    for cause in _causes(error):
        if isinstance(cause, TimeoutError):
            return attempt.timed_out(f"could not be sent within {attempt.limits.connect_timeout:g} s")
        if isinstance(cause, ssl.SSLError | ConnectionError) and not isinstance(cause, http.client.RemoteDisconnected):
            return broken(attempt, cause)
        if told := _malformed(cause):
            return attempt.fail(*told)
    return attempt.fail(Reason.CUT_OFF, f"was cut off after {attempt.received:,} bytes: the answer is malformed")


def _malformed(cause: BaseException) -> tuple[Reason, str] | None:
    """What is wrong with an answer that http.client or urllib3 refused with `cause`."""
    match cause:
        case http.client.RemoteDisconnected():
            return Reason.CUT_OFF, "got no answer: the server closed the connection"
        case http.client.BadStatusLine() | http.client.UnknownProtocol():
            begins = quoted(str(cause.args[0]) if cause.args else "")
            return Reason.WRONG_BODY, f"got an answer that is not HTTP, it begins {begins}"
        case http.client.IncompleteRead():
            return Reason.CUT_OFF, "was cut off: the answer is shorter than announced"
        case http.client.LineTooLong():
            return Reason.TOO_LARGE, "gave a header line of more than 65,536 bytes"
        case urllib3.exceptions.DecodeError():
            return Reason.WRONG_BODY, "got an answer that does not decompress"
        case urllib3.exceptions.InvalidHeader() | requests.exceptions.InvalidHeader():
            return Reason.WRONG_BODY, "got an answer with contradicting lengths"
        case http.client.HTTPException() if "headers" in str(cause):
            return Reason.TOO_LARGE, "gave more than 100 headers"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, and what it was made from."""
    seen: list[BaseException] = []
    inner: BaseException | None = error
    while inner is not None and inner not in seen:
        yield inner
        seen.append(inner)
        inner = inner.__cause__ or inner.__context__
