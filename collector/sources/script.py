"""What a source is made of: a script of asks and replies, free of I/O.

`read` is a generator: it yields an `Ask`, is sent the `Reply`, and returns the `Reading`. So a list that
comes in pages, or a path that depends on an earlier answer, is ordinary code, and a test drives it with
recorded answers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple
from urllib.parse import urlsplit

from cdn.model import PollError, Reading, Target


class Wanted(NamedTuple):
    """How much a poll is to bring: the most streams and clients to read, and whether clients at all.

    workers: worker processes that answered lately, each for itself: all of them are to be asked.
    """

    max_streams: int
    clients: bool = False
    max_clients: int = 10_000
    workers: frozenset[str] = frozenset()


class Ask(NamedTuple):
    """A path to GET: below the target's url, or the url itself where empty. fresh: over a new connection."""

    path: str
    fresh: bool = False


class Reply(NamedTuple):
    """What came back with status 200: the body, and the `Server` header."""

    body: bytes
    server: str = ""


Script = Generator[Ask, Reply, Reading]


class Source(NamedTuple):
    """A kind of server.

    read:       (target, how much) → Script. Raises PollError for an answer it cannot use.
    identify:   paths that this kind answers, most telling first: what detection tries on a bare url.
    reports:    names of the metrics it emits.
    streams:    whether it tells single streams apart.
    needs_path: whether a target's url must name its status page, because there is no usual place for it.
    """

    label: str
    read: Callable[[Target, Wanted], Script]
    identify: tuple[str, ...]
    reports: frozenset[str]
    streams: bool
    needs_path: bool


def page(target: Target, usual: str) -> str:
    """The path of a folder-like status page below the target's url: `usual` where the url is bare, else itself."""
    return "/" if urlsplit(target.url).path.strip("/") else usual


def run(script: Script, answer: Callable[[Ask], Reply]) -> Reading:
    """Drive `script`, answering each Ask by `answer`; returns its Reading.

    A PollError of `answer` is thrown into the script, which may do without that answer; else it passes through.
    """
    ask = next(script)
    while True:
        try:
            try:
                reply = answer(ask)
            except PollError as error:
                ask = script.throw(error)
            else:
                ask = script.send(reply)
        except StopIteration as end:
            reading: Reading = end.value
            return reading
