"""What a notifier is, and how sending ends: sent, failed for now, or failed for good."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from alerts.message import Told, Written
from cdn.plain_text import plain

T = TypeVar("T")

# A send that hangs cannot be interrupted; those are left behind, but only so many.
MAX_HANGING = 32
_hanging = threading.BoundedSemaphore(MAX_HANGING)


@dataclass(frozen=True, slots=True)
class Sent:
    """The other side took it. reference: by what it knows the message, "" where it says none."""

    reference: str


class Temporary(Exception):
    """Not sent, and trying again may help. Words hold no credential; retry_after: seconds, where somebody says."""

    def __init__(self, words: str, retry_after: float | None = None) -> None:
        super().__init__(words)
        self.words = words
        self.retry_after = retry_after


class Permanent(Exception):
    """Not sent, and trying the same again does not help. Words hold no credential."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class Notifier(Protocol):
    """One way to tell somebody."""

    def send(self, address: str, written: Written, told: Told) -> Sent:
        """Hand one notification over. Raises Temporary or Permanent, nothing else.

        After a time-out nobody knows whether it went out: tries of one notification carry the same `told.id`.
        """
        ...


def within(seconds: float, what: str, act: Callable[[], T]) -> T:
    """What `act` returns or raises, if that takes no longer than `seconds`; Temporary about `what` otherwise.

    Libraries' time-outs hold per read, so a dripped answer never ends; that is why the whole is timed.
    """
    places = _hanging
    if not places.acquire(blocking=False):
        raise Temporary(f"{what}: not tried, {MAX_HANGING} others are still without an answer")
    returned: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            returned.append(act())
        except BaseException as error:
            raised.append(error)
        finally:
            places.release()

    thread = threading.Thread(target=run, name="tell", daemon=True)
    thread.start()
    thread.join(seconds)
    if returned:
        return returned[0]
    if raised:
        raise raised[0]
    raise Temporary(f"{what}: no answer within {seconds:g} s")


def retry_after(text: str | None) -> float | None:
    """The seconds of a Retry-After header, at most a day; None where it is none in seconds."""
    if text is None or not text.strip().isascii() or not text.strip().isdigit():
        return None
    return float(min(int(text.strip()[:9]), 86_400))


def quoted(text: str, *secrets: str, limit: int = 200) -> str:
    """What the other side said, as one harmless line without any of `secrets`."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    one = plain(" ".join(text[: 4 * limit].split()))
    return one if len(one) <= limit else f"{one[: limit - 1]}…"


def place(url: str) -> str:
    """Scheme, host and port of `url`: the rest may be a credential."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that cannot be read"
    return f"{parts.scheme}://{plain(parts.hostname or '')}{port}"
