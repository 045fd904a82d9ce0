"""Mail by a mail server, encrypted unless SMTP_URL says otherwise."""

from __future__ import annotations

import smtplib
import ssl
from base64 import b64encode
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from functools import partial
from urllib.parse import unquote, urlsplit

from alerts.message import Told, Written, one_line
from alerts.notifiers import mail
from alerts.notifiers.outcome import Permanent, Sent, Temporary, place, quoted, within
from cdn.settings import Settings

fault = mail.fault

_PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": 25}


class Smtp:
    """Sends one mail a call, over a connection of its own."""

    def __init__(self, settings: Settings, trust: ssl.SSLContext | None = None) -> None:
        """trust: whose certificates are believed; the machine's where it is None."""
        self._settings = settings
        self._trust = trust
        self._url = settings.smtp_url.get_secret_value()
        self._what = f"Mail by {place(self._url)}"

    def send(self, address: str, written: Written, told: Told) -> Sent:
        """Hand one mail to the server."""
        if not self._url or not self._settings.mail_from:
            raise Permanent(f"Mail by SMTP: {'SMTP_URL' if not self._url else 'MAIL_FROM'} is not set")
        if mail.fault(address) is not None:
            raise Permanent(f"{self._what}: the address it should go to is none of mail")
        message = self._message(address, written, told)
        return within(self._settings.tell_timeout, self._what, lambda: self._send(address, message))

    def _message(self, address: str, written: Written, told: Told) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = written.subject
        message["From"] = Address(one_line(told.brand), addr_spec=self._settings.mail_from)
        message["To"] = address
        message["Date"] = formatdate(usegmt=True)
        for header, value in mail.headers(told, self._settings.mail_from).items():
            message[header] = value
        message.set_content(written.text)
        message.add_alternative(written.html, subtype="html")
        return message

    def _send(self, address: str, message: EmailMessage) -> Sent:
        secrets = self._secrets()
        try:
            with self._connected() as server:
                server.send_message(message, self._settings.mail_from, [address])
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            raise self._refused(code, said, secrets) from None
        except smtplib.SMTPResponseException as error:
            raise self._refused(error.smtp_code, error.smtp_error, secrets) from None
        except smtplib.SMTPNotSupportedError as error:
            raise Permanent(f"{self._what}: {quoted(str(error), *secrets)}") from None
        except TimeoutError:
            raise Temporary(f"{self._what}: no answer within {self._settings.tell_timeout:g} s") from None
        except ssl.SSLError as error:
            reason = error.reason or "no reason given"
            raise Temporary(f"{self._what}: its certificate or TLS is not accepted ({reason})") from None
        except smtplib.SMTPException as error:
            raise Temporary(f"{self._what}: {quoted(str(error), *secrets)}") from None
        except OSError as error:
            raise Temporary(f"{self._what}: {error.strerror or type(error).__name__}") from None
        return Sent(message["Message-ID"])

    def _connected(self) -> smtplib.SMTP:
        """A connection that is encrypted and signed in as SMTP_URL says. Closed where any of that fails."""
        parts = urlsplit(self._url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        context = self._trust or ssl.create_default_context()
        kind = partial(smtplib.SMTP_SSL, context=context) if parts.scheme == "smtps" else smtplib.SMTP
        server: smtplib.SMTP = kind(host, port, timeout=self._settings.tell_timeout)
        try:
            if parts.scheme == "smtp":
                # Raises where the server does not offer it: a password never goes out bare.
                server.starttls(context=context)
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
        except BaseException:
            server.close()
            raise
        return server

    def _refused(self, code: int, said: bytes | str, secrets: tuple[str, ...]) -> Temporary | Permanent:
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        words = f"{self._what} answered {code}: {quoted(text, *secrets)}"
        return Permanent(words) if 500 <= code < 600 else Temporary(words)

    def _secrets(self) -> tuple[str, ...]:
        """The password: as it stands in the url, as it is meant, and as it is sent."""
        parts = urlsplit(self._url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if not password:
            return ()
        sent = (b64encode(each.encode()).decode() for each in (password, f"\0{user}\0{password}"))
        return parts.password or "", password, *sent
