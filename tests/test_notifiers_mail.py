"""Mail: what SendGrid and mail servers are given, and how they are trusted."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import Envelope

from alerts.message import Told, written
from alerts.notifiers import Permanent, Temporary
from alerts.notifiers.sendgrid import SendGrid
from alerts.notifiers.smtp import Smtp
from cdn.settings import SettingsError, load
from tests.hostile import certificate
from tests.tellers import Api, api, mailbox
from tests.test_message import DOWN
from tests.test_notifiers import SECRET, settings

TO = "maya@example.com"
HOSTILE = replace(
    DOWN,
    id="9>\r\nX: y",
    headline="a\r\nBcc: eve@example.com\r\n\r\nhello",
    brand='TV", <eve@example.com>\r\nX: y',
    thread="4",
)


def given(played: Api, told: Told = DOWN, **fields: object) -> dict[str, Any]:
    """What SendGrid is asked for `told`."""
    SendGrid(settings(sendgrid_url=played.url, **fields)).send(TO, written(told), told)
    body: dict[str, Any] = json.loads(played.asked[-1].body)
    return body


def parsed(envelope: Envelope) -> EmailMessage:
    assert isinstance(envelope.content, bytes)
    return message_from_bytes(envelope.content, EmailMessage, policy=policy.default)


def test_sendgrid_is_asked_with_the_key_and_told_the_outbox_row() -> None:
    with api(headers={"X-Message-Id": "sg-1"}) as played:
        sent = SendGrid(settings(sendgrid_url=played.url)).send(TO, written(DOWN), DOWN)
        body = json.loads(played.asked[0].body)
    assert sent.reference == "sg-1"
    assert played.asked[0].path == "/v3/mail/send"
    assert played.asked[0].headers["Authorization"] == f"Bearer SG.{SECRET}"
    assert body["personalizations"] == [{"to": [{"email": TO}]}]
    assert body["from"] == {"email": "alerts@example.com", "name": "CDN monitor"}
    assert [each["type"] for each in body["content"]] == ["text/plain", "text/html"]
    assert body["custom_args"] == {"outbox_id": "7"}
    assert body["headers"]["Message-ID"] == "<7@example.com>"
    assert body["headers"]["List-Unsubscribe"] == "<https://monitor.example/contacts>"
    assert body["tracking_settings"]["click_tracking"] == {"enable": False, "enable_text": False}
    assert "mail_settings" not in body


def test_tries_of_one_notification_carry_the_same_message_id_and_incidents_thread() -> None:
    with api() as played:
        first, again = given(played, replace(DOWN, thread="4")), given(played, replace(DOWN, thread="4"))
        other = given(played, replace(DOWN, id="8", thread="4", change=""))
    assert first == again
    assert other["headers"]["Message-ID"] != first["headers"]["Message-ID"]
    assert other["headers"]["References"] == first["headers"]["References"] == "<incident-4@example.com>"
    assert other["headers"]["List-Unsubscribe"] == "<mailto:alerts@example.com?subject=unsubscribe>"


def test_in_the_sandbox_sendgrid_delivers_nothing() -> None:
    with api(code=200) as played:
        assert given(played, mail_sandbox=True)["mail_settings"] == {"sandbox_mode": {"enable": True}}


def test_too_much_mail_waits_as_long_as_sendgrid_says() -> None:
    with api(code=429, headers={"Retry-After": "17"}) as played, pytest.raises(Temporary) as caught:
        given(played)
    assert caught.value.retry_after == 17


def test_sendgrids_own_words_are_told_without_the_key() -> None:
    body = json.dumps({"errors": [{"message": f"The key SG.{SECRET} may not"}]}).encode()
    with api(code=403, body=body) as played, pytest.raises(Permanent) as caught:
        given(played)
    assert "gave 403, want 202: SENDGRID_API_KEY may not send mail" in caught.value.words
    assert "The key *** may not" in caught.value.words


def test_no_name_adds_a_header() -> None:
    with api() as played:
        asked = given(played, HOSTILE)
    assert "\n" not in asked["subject"] + asked["from"]["name"] + "".join(asked["headers"].values())
    with mailbox() as box:
        smtp(box.port, "smtp+plain").send(TO, written(HOSTILE), HOSTILE)
    mail = parsed(box.got[0])
    assert (mail["Bcc"], mail["X"]) == (None, None)
    assert mail["From"].addresses[0].addr_spec == "alerts@example.com"
    assert box.got[0].rcpt_tos == [TO]


def smtp(port: int, scheme: str, user: str = "", trust: ssl.SSLContext | None = None) -> Smtp:
    return Smtp(settings(smtp_url=f"{scheme}://{user}127.0.0.1:{port}"), trust)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A mail server's side, and who believes its certificate."""
    server, file, _ = certificate(tmp_path)
    return server, ssl.create_default_context(cafile=str(file))


def test_a_mail_server_gets_text_and_html() -> None:
    with mailbox() as box:
        sent = smtp(box.port, "smtp+plain").send(TO, written(DOWN), DOWN)
    mail = parsed(box.got[0])
    assert sent.reference == mail["Message-ID"] == "<7@example.com>"
    assert mail["Subject"] == written(DOWN).subject
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    parts = [part.get_content().replace("\r\n", "\n") for part in mail.iter_parts() if isinstance(part, EmailMessage)]
    assert parts[0].strip() == written(DOWN).text.strip()
    assert parts[1].strip() == written(DOWN).html.strip()


# The fake means its own AUTH outside STARTTLS; here it is within TLS.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_password_goes_over_an_encrypted_connection(scheme: str, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, trust = tls
    encrypted = {"smtp": {"starttls": server}, "smtps": {"tls": server}}[scheme]
    with mailbox(password=f"{SECRET}:/@", **encrypted) as box:  # type: ignore[arg-type]
        smtp(box.port, scheme, f"me:{SECRET}%3A%2F%40@", trust).send(TO, written(DOWN), DOWN)
        with pytest.raises(Permanent) as wrong:
            smtp(box.port, scheme, f"me:{SECRET}@", trust).send(TO, written(DOWN), DOWN)
        with pytest.raises(Temporary) as distrusted:
            smtp(box.port, scheme, f"me:{SECRET}@").send(TO, written(DOWN), DOWN)
    assert len(box.got) == 1
    assert "535" in wrong.value.words
    assert "certificate" in distrusted.value.words
    assert SECRET not in wrong.value.words + distrusted.value.words


def test_a_server_without_encryption_gets_no_password() -> None:
    with mailbox() as box, pytest.raises(Permanent, match="STARTTLS"):
        smtp(box.port, "smtp", f"me:{SECRET}@").send(TO, written(DOWN), DOWN)
    assert box.got == []


def test_a_mail_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = settings(smtp_url=f"smtp://127.0.0.1:{silent.getsockname()[1]}", tell_timeout=0.3)
        with pytest.raises(Temporary, match=r"no answer within 0\.3 s"):
            Smtp(config).send(TO, written(DOWN), DOWN)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("smtp_url", each) for each in (f"http://me:{SECRET}@host", f"smtp+plain://me:{SECRET}@host", "smtp://")),
        ("smtp_url", f"smtp://me:{SECRET}@host:port"),
        ("webhook_secret", "swordfish"),
        *(
            ("mail_from", each)
            for each in ("alerts", "Alerts <a@example.com>", "a@b@example.com", "a@example.com\nX: y")
        ),
        ("sendgrid_url", "ftp://x"),
        ("webhook_allow", "everywhere"),
    ],
)
def test_a_setting_of_no_use_is_refused_without_its_secret(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name.upper()) as caught:
        load(**{name: value})
    assert "swordfish" not in str(caught.value)
