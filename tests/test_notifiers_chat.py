"""Chats: what a service gets, and what a stranger's name cannot do there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from apprise import NotificationManager

from alerts.message import State, written
from alerts.notifiers import Permanent
from alerts.notifiers.apprise import OPTIONS, SERVICES, Chat, fault
from tests.tellers import api
from tests.test_message import DOWN
from tests.test_notifiers import SECRET, settings


def test_a_chat_gets_the_subject_and_the_text() -> None:
    with api(code=200) as played:
        Chat(settings()).send(f"gotify://127.0.0.1:{played.port}/{SECRET}", written(DOWN), DOWN)
    message = json.loads(played.asked[0].body)
    assert len(played.asked) == 1
    assert message["title"] == "[FIRING critical] edge-fra-1 is down"
    assert "Touches: 1 channel, 1,520 viewers" in message["message"]
    assert DOWN.link in message["message"]


@pytest.mark.parametrize("state", ["firing", "resolved", "both", "test"])
def test_every_state_can_be_told(state: State) -> None:
    told = replace(DOWN, state=state)
    with api(code=200) as played:
        Chat(settings()).send(f"gotify://127.0.0.1:{played.port}/{SECRET}", written(told), told)
    assert json.loads(played.asked[0].body)["title"] == written(told).subject


def test_no_name_calls_everybody_in_the_room() -> None:
    told = replace(DOWN, headline="@everyone <!channel> <https://bank.example|here>")
    with api(code=200) as played:
        Chat(settings()).send(f"gotify://127.0.0.1:{played.port}/{SECRET}", written(told), told)
    message = json.loads(played.asked[0].body)
    for text in (message["title"], message["message"]):
        assert "@everyone" not in text
        assert "<" not in text
        assert "everyone" in text


def test_what_is_too_long_for_a_service_is_cut_and_not_lost() -> None:
    told = replace(DOWN, facts=tuple((f"Fact {number}", "x" * 200) for number in range(20)))
    with api(code=200, body=b'{"success": true}') as played:
        Chat(settings()).send(f"rocket://{'a' * 17}/{'b' * 24}@127.0.0.1:{played.port}/#room", written(told), told)
    assert len(played.asked) == 1
    text = json.loads(played.asked[0].body)["text"]
    assert "edge-fra-1 is down" in text.replace("\\", "")
    assert len(text) <= 1_000 < len(written(told).text)


def test_each_service_that_is_offered_can_be_loaded_and_no_other() -> None:
    manager: Any = NotificationManager
    known = set(manager().schemas())
    assert set(SERVICES) - known == set()
    for scheme in sorted(known - set(SERVICES)):
        words = fault(f"{scheme}://me:{SECRET}@127.0.0.1/abcdefghij/klmnopqrst")
        assert words is not None, scheme
        assert words.startswith("want the address of a service"), scheme


@pytest.mark.parametrize("option", ["template", "redirect", "verify", "attach", "rto", ":x", "+x", "overflow", "store"])
def test_an_option_nobody_needs_is_refused(option: str) -> None:
    address = f"gotify://127.0.0.1/{SECRET}?priority=5&{option}=yes"
    assert option not in OPTIONS
    assert fault(address) is not None
    with pytest.raises(Permanent, match="behind the"):
        Chat(settings()).send(address, written(DOWN), DOWN)
