"""Webhooks: what is posted, and that who receives it can tell it is ours."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.message import written
from alerts.notifiers import Permanent, Temporary
from alerts.notifiers.webhook import Webhook
from tests.hostile import certificate
from tests.tellers import Api, Asked, api
from tests.test_message import DOWN, SINCE
from tests.test_notifiers import SECRET, settings


def is_ours(asked: Asked, secret: str) -> bool:
    """As a receiver would check: computed here anew from what came in."""
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", asked.headers["X-Signature"])
    assert found is not None
    mac = hmac.digest(secret.encode(), found[1].encode() + b"." + asked.body, hashlib.sha256)
    return hmac.compare_digest(mac.hex(), found[2])


def posted(played: Api, path: str = "/alerts?team=a") -> Asked:
    Webhook(settings(), clock=lambda: 1_800_000_000.9).send(f"{played.url}{path}", written(DOWN), DOWN)
    return played.asked[-1]


def test_a_receiver_can_check_the_signature() -> None:
    with api(code=200) as played:
        asked = posted(played)
    assert asked.path == "/alerts?team=a"
    assert asked.headers["X-Signature"].startswith("t=1800000000,v1=")
    assert is_ours(asked, SECRET)
    assert not is_ours(asked, f"{SECRET}x")
    assert not is_ours(replace(asked, body=asked.body + b" "), SECRET)
    later = asked.headers["X-Signature"].replace("t=1800000000", "t=1800000001")
    assert not is_ours(replace(asked, headers={"X-Signature": later}), SECRET)


def test_the_document_says_it_all_and_null_where_nobody_knows() -> None:
    with api(code=204) as played:
        asked = posted(played)
    document = json.loads(asked.body)
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.headers["X-Notification-Id"] == document["id"] == "7"
    assert (document["state"], document["severity"]) == ("firing", "critical")
    assert document["since"] == SINCE.isoformat()
    assert document["until"] is None
    assert document["touches"] == {"channels": 1, "viewers": 1520, "viewer_minutes": None}
    assert document["facts"] == [{"label": "What we saw", "value": "no answer within 5 s"}]
    assert document["text"] == written(DOWN).text
    assert "acknowledge" not in document


def test_only_a_certificate_that_is_believed_gets_the_document(tmp_path: Path) -> None:
    server, file, _ = certificate(tmp_path)
    trust = ssl.create_default_context(cafile=str(file))
    with api(code=200, tls=server) as played:
        Webhook(settings(), trust=trust).send(f"{played.url}/x", written(DOWN), DOWN)
        with pytest.raises(Temporary, match="certificate"):
            Webhook(settings()).send(f"{played.url}/y", written(DOWN), DOWN)
    assert [each.path for each in played.asked] == ["/x"]
    assert is_ours(played.asked[0], SECRET)


def test_who_is_busy_says_when_to_come_again() -> None:
    with api(code=503, headers={"Retry-After": "30"}) as played, pytest.raises(Temporary) as caught:
        posted(played)
    assert caught.value.retry_after == 30


def test_what_is_no_http_is_a_failure_for_now() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            line, _ = server.accept()
            with line:
                line.recv(65_536)
                line.sendall(b"220 mail.example ESMTP\r\n")

        threading.Thread(target=babble, daemon=True).start()
        with pytest.raises(Temporary, match="no HTTP"):
            Webhook(settings()).send(f"http://127.0.0.1:{server.getsockname()[1]}/", written(DOWN), DOWN)


def test_a_name_without_an_address_is_a_failure_for_now() -> None:
    with pytest.raises((Temporary, Permanent)) as caught:
        Webhook(settings()).send("https://nobody.invalid/x", written(DOWN), DOWN)
    assert isinstance(caught.value, Temporary)
    assert "nobody.invalid" in caught.value.words
