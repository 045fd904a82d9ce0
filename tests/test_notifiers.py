"""One contract for every way to tell somebody: taken, failed for now, failed for good, no credential in any words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from threading import BoundedSemaphore, Event

import pytest

from alerts.message import written
from alerts.notifiers import NOTIFIERS, Notifier, Permanent, Temporary, address_fault, outcome
from alerts.notifiers.outcome import MAX_HANGING, place, quoted, retry_after, within
from cdn.settings import Settings, load
from tests.tellers import api, mailbox
from tests.test_message import DOWN

SECRET = "swordfish-0123456789"
PATIENCE = 0.4
ADDRESSES = {
    "log": "night shift",
    "sendgrid": "maya@example.com",
    "smtp": "maya@example.com",
    "webhook": f"https://hooks.example/{SECRET}",
    "apprise": f"gotify://push.example/{SECRET}",
}
# What ends how: of HTTP answers, and of a mail server's.
OVER_HTTP = ("apprise", "sendgrid", "webhook")
FOR_NOW = [*product(OVER_HTTP, ("429", "500", "503")), ("smtp", "451 greylisted")]
FOR_GOOD = [*product(OVER_HTTP, ("400", "401", "403", "413")), ("smtp", "550 no such mailbox")]
WAYS = sorted(NOTIFIERS)


@dataclass
class Way:
    """A notifier whose other side is played, and the address to send to."""

    notifier: Notifier
    address: str


def settings(**fields: object) -> Settings:
    told = {"mail_from": "alerts@example.com", "tell_timeout": 5.0, "webhook_allow": "127.0.0.0/8"}
    secrets = {"sendgrid_api_key": f"SG.{SECRET}", "webhook_secret": SECRET}
    return load(**{**told, **secrets, **fields})


@contextmanager
def way(kind: str, answer: str = "", **fields: object) -> Iterator[Way]:
    """`kind` over a server of ours that answers so: an HTTP code, a mail server's line, "hang"; empty: it takes it."""
    if kind == "log":
        yield Way(NOTIFIERS[kind](settings(**fields)), ADDRESSES[kind])
    elif kind == "smtp":
        with mailbox(answer or "250 OK") as box:
            url = f"smtp+plain://127.0.0.1:{box.port}"
            yield Way(NOTIFIERS[kind](settings(smtp_url=url, **fields)), ADDRESSES[kind])
    else:
        taken = "202" if kind == "sendgrid" else "200"
        said = f"no, {SECRET}".encode()
        with api(code=int(answer or taken) if answer != "hang" else 0, body=said, hangs=answer == "hang") as played:
            address = {
                "sendgrid": ADDRESSES["sendgrid"],
                "webhook": f"{played.url}/{SECRET}?key={SECRET}",
                "apprise": f"gotify://127.0.0.1:{played.port}/{SECRET}",
            }[kind]
            yield Way(NOTIFIERS[kind](settings(sendgrid_url=played.url, **fields)), address)


def failure(each: Way) -> Temporary | Permanent:
    with pytest.raises((Temporary, Permanent)) as caught:
        each.notifier.send(each.address, written(DOWN), DOWN)
    error = caught.value
    assert isinstance(error, (Temporary, Permanent))
    assert caught.value.__cause__ is None
    return error


@pytest.fixture(autouse=True)
def nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    # By now `caplog.text` is that of the clearing up.
    assert SECRET not in " ".join(record.getMessage() for record in caplog.get_records("call"))


@pytest.mark.parametrize("kind", WAYS)
def test_a_notification_that_is_taken_is_sent(kind: str) -> None:
    with way(kind) as each:
        assert isinstance(each.notifier.send(each.address, written(DOWN), DOWN).reference, str)


@pytest.mark.parametrize(("kind", "answer"), FOR_NOW)
def test_what_may_pass_is_tried_again(kind: str, answer: str) -> None:
    with way(kind, answer) as each:
        error = failure(each)
    assert isinstance(error, Temporary)
    assert answer.split()[0] in error.words
    assert SECRET not in f"{error} {error.words} {error!r}"


@pytest.mark.parametrize(("kind", "answer"), FOR_GOOD)
def test_what_does_not_pass_is_not_tried_again(kind: str, answer: str) -> None:
    with way(kind, answer) as each:
        error = failure(each)
    assert isinstance(error, Permanent)
    assert answer.split()[0] in error.words
    assert SECRET not in f"{error} {error.words} {error!r}"


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_who_does_not_answer_is_given_up_and_tried_again(kind: str) -> None:
    with way(kind, "hang", tell_timeout=PATIENCE) as each:
        error = failure(each)
    assert isinstance(error, Temporary)
    assert f"no answer within {PATIENCE:g} s" in error.words


@pytest.mark.parametrize("kind", ["sendgrid", "smtp", "webhook", "apprise"])
def test_nobody_at_the_other_side_is_a_failure_for_now(kind: str) -> None:
    with way(kind) as each:
        pass
    assert isinstance(failure(each), Temporary)


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_redirect_is_not_followed(kind: str) -> None:
    with api(code=200) as elsewhere, api(code=302, headers={"Location": elsewhere.url}) as played:
        address = {
            "sendgrid": ADDRESSES["sendgrid"],
            "webhook": f"{played.url}/x",
            "apprise": f"gotify://127.0.0.1:{played.port}/{SECRET}",
        }[kind]
        error = failure(Way(NOTIFIERS[kind](settings(sendgrid_url=played.url)), address))
        assert elsewhere.asked == []
    assert isinstance(error, Permanent)
    assert "302" in error.words


@pytest.mark.parametrize(
    ("kind", "missing"),
    [("sendgrid", "sendgrid_api_key"), ("sendgrid", "mail_from"), ("smtp", "smtp_url"), ("webhook", "webhook_secret")],
)
def test_a_setting_that_is_missing_is_named(kind: str, missing: str) -> None:
    error = failure(Way(NOTIFIERS[kind](settings(**{missing: ""})), ADDRESSES[kind]))
    assert isinstance(error, Permanent)
    assert f"{missing.upper()} is not set" in error.words


@pytest.mark.parametrize("kind", ["webhook", "apprise"])
def test_own_networks_are_told_only_where_a_setting_has_them(kind: str) -> None:
    with way(kind, webhook_allow="") as each:
        error = failure(each)
    assert isinstance(error, Permanent)
    assert "WEBHOOK_ALLOW" in error.words
    with way(kind, poll_deny="127.0.0.0/8") as each:
        assert "POLL_DENY" in failure(each).words


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[::ffff:10.0.0.1]", "[::1]", "2130706433", "0x7f.1", "10.1.2.3", "[64:ff9b::a00:1]"]
)
def test_no_spelling_leads_into_an_own_network(host: str) -> None:
    error = failure(Way(NOTIFIERS["webhook"](settings(webhook_allow="192.0.2.0/24")), f"http://{host}/x"))
    assert isinstance(error, Permanent)
    assert "not sent to" in error.words


@pytest.mark.parametrize("kind", WAYS)
def test_a_right_address_has_no_fault(kind: str) -> None:
    assert address_fault(kind, ADDRESSES[kind]) is None


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        *(("smtp", each) for each in ("", "maya", "maya@", "a@b@example.com", "maya@example.com\nBcc: x@example.com")),
        *(
            ("sendgrid", each)
            for each in ("Maya <maya@example.com>", "mäya@example.com", "a@example.com,b@example.com")
        ),
        *(("log", each) for each in ("", " ", "a\nb", "x" * 81)),
        *(
            ("webhook", each)
            for each in ("hooks.example", "ftp://x/", "file:///etc/passwd", "http://u:p@x/", "http://x/#a")
        ),
        *(("webhook", each) for each in ("http://x/\r\nA: b", "http://[::1", "http://x/" + "y" * 2_000)),
        *(("apprise", each) for each in ("", "slack://x", "syslog://", "dbus://", "windows://", "file:///etc/passwd")),
        *(("apprise", each) for each in ("json://127.0.0.1/", "mailto://u:p@example.com", "http://example.com/")),
        ("apprise", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?template=/etc/passwd"),
        ("apprise", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?to=a&%74emplate=/etc/passwd"),
        ("apprise", f"gotify://push.example/{SECRET}?redirect=yes"),
        ("apprise", f"gotifys://push.example/{SECRET}?verify=no"),
        ("apprise", f"gotify://push.example/{SECRET}, syslog://"),
        ("pigeon", "home"),
    ],
)
def test_a_wrong_address_is_refused_before_anything_is_sent(kind: str, address: str) -> None:
    words = address_fault(kind, address)
    assert words
    assert SECRET not in words
    if kind in NOTIFIERS:
        assert isinstance(failure(Way(NOTIFIERS[kind](settings(smtp_url="smtp://127.0.0.1:9")), address)), Permanent)


def test_a_line_in_the_log_says_who_and_what(caplog: pytest.LogCaptureFixture) -> None:
    NOTIFIERS["log"](settings()).send("night shift", written(DOWN), DOWN)
    assert "tell night shift: [FIRING critical] edge-fra-1 is down" in caplog.text


def test_only_so_many_may_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome, "_hanging", BoundedSemaphore(MAX_HANGING))
    end = Event()
    for _ in range(MAX_HANGING):
        with pytest.raises(Temporary, match="no answer within"):
            within(0.001, "x", lambda: end.wait(20))
    with pytest.raises(Temporary, match="not tried"):
        within(5, "x", lambda: True)
    end.set()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("9" * 40, 86_400.0),
        (None, None),
        ("Wed, 21 Oct 2026", None),
        ("-1", None),
        ("²", None),
    ],
)
def test_retry_after_is_read_where_it_is_in_seconds(text: str | None, seconds: float | None) -> None:
    assert retry_after(text) == seconds


def test_what_the_other_side_said_is_one_short_line_without_secrets() -> None:
    assert quoted(f"no\r\n {SECRET} \x1b[31m", SECRET, "") == "no *** �[31m"
    assert len(quoted("x" * 9_000)) == 200
    assert place(f"https://u:{SECRET}@host.example:8443/{SECRET}?k={SECRET}") == "https://host.example:8443"
    assert place("http://[::1") == "an address that cannot be read"
