"""What state a server is in, from its newest poll. One judgement, used by pages and REST alike. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

# A poll may be missed once without anybody worrying; after three intervals we are blind.
BLIND_AFTER_INTERVALS = 3
NEARLY_FULL = 0.9


class State(StrEnum):
    """State of a server, in the order in which people want to hear of it."""

    DOWN = "down"
    NO_DATA = "no_data"
    NEARLY_FULL = "nearly_full"
    WAITING = "waiting"  # added, not polled yet
    PAUSED = "paused"
    FINE = "fine"


def server_state(
    *,
    paused: bool,
    up: bool | None,
    at: datetime | None,
    interval: float,
    now: datetime,
    fullness: float | None = None,
) -> State:
    """State of one server.

    at: time of its newest poll (None: never polled); interval in seconds; fullness: share of its room
    (link or processor) in use as 0..1, None where unknown.
    """
    if paused:
        return State.PAUSED
    if at is None or up is None:
        return State.WAITING
    # A poll from the future says as little of now as an old one.
    if abs((now - at).total_seconds()) > BLIND_AFTER_INTERVALS * interval:
        return State.NO_DATA
    if not up:
        return State.DOWN
    if fullness is not None and fullness >= NEARLY_FULL:
        return State.NEARLY_FULL
    return State.FINE


class CopyState(StrEnum):
    """How one server's copy of a channel does, in the order in which people want to hear of it."""

    FROZEN = "frozen"  # its bytes stand still although somebody watches and the channel comes in
    STALLED = "stalled"  # a publisher is there, but nothing comes in
    UNKNOWN = "unknown"  # its server does not answer
    ON_AIR = "on_air"
    WAITING = "waiting"  # listed, but nothing is published, or nobody watches
    GONE = "gone"  # not listed any more


class ChannelState(StrEnum):
    """How a channel does, in the order in which people want to hear of it."""

    STALLED = "stalled"  # a publisher is there, but nothing comes in
    FROZEN = "frozen"  # on air, but on some servers it stands still
    OFF_AIR = "off_air"
    UNKNOWN = "unknown"  # where it is published does not answer
    ON_AIR = "on_air"
    GONE = "gone"
