"""`python -m alerts try`: one message by hand, and what the other side said of it."""

from __future__ import annotations

import json
import subprocess
import sys

from cdn.settings import ROOT, environment
from tests.tellers import api

KEY = "SG.a-secret-part.another-secret-part"


def tried(*words: str, **given: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "alerts", "try", *words]
    return subprocess.run(
        command, cwd=ROOT, env=environment(**given), capture_output=True, text=True, timeout=60, check=False
    )


def test_a_test_message_is_sent_and_says_what_it_is() -> None:
    with api(headers={"X-Message-Id": "sg-7"}) as played:
        found = tried(
            "sendgrid",
            "maya@example.com",
            SENDGRID_URL=played.url,
            SENDGRID_API_KEY=KEY,
            MAIL_FROM="alerts@example.com",
            BRAND_NAME="Channel Nine",
        )
        body = json.loads(played.asked[0].body)
    assert (found.returncode, found.stdout) == (0, "Sent, known there as sg-7.\n")
    assert body["subject"] == "[TEST] This is a test"
    assert body["from"] == {"email": "alerts@example.com", "name": "Channel Nine"}
    assert KEY not in found.stdout + found.stderr


def test_a_refusal_is_told_in_the_words_of_the_other_side_and_without_the_key() -> None:
    with api(code=401, body=f'{{"errors":[{{"message":"no such key {KEY}"}}]}}'.encode()) as played:
        given = {"SENDGRID_URL": played.url, "SENDGRID_API_KEY": KEY, "MAIL_FROM": "alerts@example.com"}
        found = tried("sendgrid", "maya@example.com", **given)
    assert found.returncode == 1
    assert found.stderr.startswith("Not sent: ")
    assert "gave 401" in found.stderr
    assert KEY not in found.stderr


def test_a_wrong_address_and_a_missing_setting_are_said_before_anything_is_sent() -> None:
    wrong = tried("smtp", "nobody")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith("Not tried: ")
    unset = tried("sendgrid", "maya@example.com", SENDGRID_API_KEY="", MAIL_FROM="")
    assert "SENDGRID_API_KEY is not set" in unset.stderr
