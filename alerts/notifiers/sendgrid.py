"""Mail by SendGrid's HTTP API, version 3."""

from __future__ import annotations

import logging
import socket
import ssl
from http.client import HTTPException
from typing import Any
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, build_opener

from python_http_client import Client
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Mail

from alerts.message import Told, Written, one_line
from alerts.notifiers import mail
from alerts.notifiers.outcome import Permanent, Sent, Temporary, place, quoted, retry_after, within
from cdn.settings import Settings

fault = mail.fault

# It tells every header, the key among them, to whoever wants debug lines.
logging.getLogger("python_http_client").setLevel(logging.ERROR)

_HINTS = {
    400: "it did not like the request",
    401: "it does not know SENDGRID_API_KEY",
    403: "SENDGRID_API_KEY may not send mail, or MAIL_FROM is no verified sender",
    413: "the mail is too large",
    429: "too much mail at once",
}


class _NoRedirects(HTTPRedirectHandler):
    """The key goes to SENDGRID_URL and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none: the answer is then an error with its code."""


class _Client(Client):  # type: ignore[misc]  # the library has no types
    """The library's client, but without redirects."""

    def _build_client(self, name: str | None = None) -> _Client:
        path = [*self._url_path, name] if name else self._url_path
        return _Client(self.host, self.request_headers, self._version, path, self.append_slash, self.timeout)

    def _make_request(self, opener: Any, request: Any, timeout: float | None = None) -> Any:
        del opener
        return super()._make_request(build_opener(_NoRedirects), request, timeout)


class SendGrid:
    """Sends one mail a call. The outbox row's id travels along, so that events about the mail name it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._key = settings.sendgrid_api_key.get_secret_value()
        # A key is three parts; what quotes one may quote half of it.
        self._secrets = (self._key, *(each for each in self._key.split(".") if len(each) > 7))
        self._what = f"Mail by SendGrid at {place(settings.sendgrid_url)}"

    def send(self, address: str, written: Written, told: Told) -> Sent:
        """Hand one mail over: 202 means taken, not delivered."""
        if not self._key or not self._settings.mail_from:
            missing = "SENDGRID_API_KEY" if not self._key else "MAIL_FROM"
            raise Permanent(f"{self._what}: {missing} is not set")
        if mail.fault(address) is not None:
            raise Permanent(f"{self._what}: the address it should go to is none of mail")
        return within(self._settings.tell_timeout, self._what, lambda: self._send(self._body(address, written, told)))

    def _body(self, address: str, written: Written, told: Told) -> dict[str, Any]:
        message = Mail(
            from_email=(self._settings.mail_from, one_line(told.brand)),
            to_emails=address,
            subject=written.subject,
            plain_text_content=written.text,
            html_content=written.html,
        )
        body: dict[str, Any] = message.get()
        body["custom_args"] = {"outbox_id": told.id}
        body["headers"] = mail.headers(told, self._settings.mail_from)
        # Their links must stay ours: a rewritten one of these signs somebody in, or acknowledges.
        body["tracking_settings"] = {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
        }
        if self._settings.mail_sandbox:
            body["mail_settings"] = {"sandbox_mode": {"enable": True}}
        return body

    def _send(self, body: dict[str, Any]) -> Sent:
        api = SendGridAPIClient(self._key, host=self._settings.sendgrid_url)
        timeout = self._settings.tell_timeout
        api.client = _Client(self._settings.sendgrid_url, api._default_headers, version=3, timeout=timeout)
        try:
            answer = api.send(body)
        except HTTPError as error:
            raise self._failed(error) from None
        except TimeoutError:
            raise Temporary(f"{self._what}: no answer within {timeout:g} s") from None
        except (OSError, HTTPException, ValueError) as error:
            raise Temporary(f"{self._what}: {_cause(error)}") from None
        if answer.status_code not in (200, 202):
            raise Temporary(f"{self._what} gave {answer.status_code}, want 202")
        return Sent(quoted(answer.headers.get("X-Message-Id") or ""))

    def _failed(self, error: HTTPError) -> Temporary | Permanent:
        code = int(error.status_code)
        hint = _HINTS.get(code, "")
        said = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else str(error.body)
        words = f"{self._what} gave {code}, want 202"
        words += f": {hint}" if hint else ""
        words += f"; it said {quoted(said, *self._secrets)}" if said.strip() else ""
        if code >= 500 or code in (408, 429):
            return Temporary(words, retry_after(error.headers.get("Retry-After")))
        return Permanent(words)


def _cause(error: BaseException) -> str:
    """What went wrong in the network, without addresses that may hold a credential."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, TimeoutError):
        return "no answer in time"
    if isinstance(reason, socket.gaierror):
        return "its name has no address"
    if isinstance(reason, ssl.SSLError):
        return f"its certificate or TLS is not accepted ({reason.reason or 'no reason given'})"
    if isinstance(reason, OSError):
        return reason.strerror or type(reason).__name__
    return f"the answer was no HTTP ({type(reason).__name__})"
