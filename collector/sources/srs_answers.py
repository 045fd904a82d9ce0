"""What all answers of SRS have in common: the envelope, and lists that come in pages."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

from cdn.model import PollError, Reason
from collector.sources.answers import json_object, seen, wrong
from collector.sources.script import Ask, Reply

PAGE = 1_000


def envelope(reply: Reply, path: str) -> dict[str, Any]:
    """The answer, whose `code` is 0. Raises PollError: an error comes with HTTP 200 and another code."""
    answer = json_object(reply.body, path)
    code = answer.get("code")
    if isinstance(code, bool) or not isinstance(code, int):
        raise wrong(path, f"code is {seen(code)}, want 0; is this the API of an SRS server?")
    if code != 0:
        raise PollError(Reason.SERVER_ERROR, f"GET {path} gave code {code}, want 0")
    return answer


def pages(
    path: str, key: str, take: Callable[[Any, str], None], taken: Callable[[], int], most: int
) -> Generator[Ask, Reply, bool]:
    """Read a list page by page, until one is short or more than `most` are taken; returns whether it is whole."""
    start = 0
    while True:
        asked = f"{path}?start={start}&count={PAGE}"
        page = listed(envelope((yield Ask(asked)), asked), key, asked)
        before = taken()
        for row in page:
            take(row, asked)
        if len(page) >= PAGE and taken() == before:
            return False  # it ignores where to start: asked again it would say the same for ever
        start += PAGE
        if len(page) < PAGE or taken() > most:
            return taken() <= most


def listed(answer: Mapping[str, Any], key: str, path: str) -> list[Any]:
    """The list `answer[key]`. Raises PollError where it is missing: unknown paths answer with an index."""
    value = answer.get(key)
    if not isinstance(value, list):
        raise wrong(path, f"{key} is {seen(value)}, want a list; is this the API of an SRS server?")
    return value
