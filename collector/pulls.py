"""Which clients of a server are own servers that pull from it, and how many bytes went to them. Pure.

Bytes to own servers are estimated at every poll, from what each stream sent and the share of its players that are own
servers, and settled at every list of clients, whose own counters are exact. So they belong to the same seconds as the
traffic they are part of, and add up to what the pulls' counters grew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from cdn.model import ClientReading
from collector.own import Own, parse_address

# How a puller connects, by the word its origin has for it. Everybody else who plays is a viewer.
PULLS = frozenset({"rtmp-play", "player"})
# Addresses told of one origin: a fleet that nobody entered yet is found, an audience is not stored.
MOST_STRANGERS = 50


@dataclass(frozen=True, slots=True)
class Stranger:
    """An address that pulls from a server and belongs to none of ours. streams: how many different ones."""

    address: str
    streams: int
    connections: int
    connected: float | None


@dataclass(frozen=True, slots=True)
class Clients:
    """A list of clients, told apart. pulls, publishers: how many by stream. links: pulling servers, where sure.

    sent: bytes of each own pull so far by client; None where the source does not count them.
    """

    pulls: Mapping[str, int]
    publishers: Mapping[str, int]
    links: frozenset[int]
    sent: Mapping[str, int] | None
    strangers: tuple[Stranger, ...]


@dataclass(frozen=True, slots=True)
class PullState:
    """What is known of the pulls at the newest list: bytes of each, and what was estimated since.

    owed: what earlier estimates were short of (or, below 0, too much) and that was not made up for yet.
    """

    process: str | None
    listed_at: datetime
    sent: Mapping[str, int] = field(default_factory=dict)
    estimated: int = 0
    owed: int = 0


def told_apart(clients: Iterable[ClientReading], own: Own, server_id: int) -> Clients:
    """Who is who among the clients of `server_id`. A pull is at most one of each own server and stream."""
    pulls, publishers = Counter[str](), Counter[str]()
    taken: set[tuple[int, str]] = set()
    links: set[int] = set()
    sent: dict[str, int] = {}
    counted = True
    strange: dict[str, list[ClientReading]] = {}
    # The pull is there before the viewers who cause it.
    for client in sorted(clients, key=lambda each: (-(each.connected or 0.0), each.id)):
        if client.publishing:
            publishers[client.url] += 1
            continue
        if client.kind not in PULLS:
            continue
        owners = own.owners(client.address, server_id)
        if not owners:
            if (parsed := parse_address(client.address)) is not None:
                strange.setdefault(str(parsed), []).append(client)
            continue
        owner = next((each for each in sorted(owners) if (each, client.url) not in taken), None)
        if owner is None:
            continue  # a viewer on the same machine
        taken.add((owner, client.url))
        pulls[client.url] += 1
        if len(owners) == 1:
            links.add(owner)
        if client.sent is None:
            counted = False
        else:
            sent[client.id] = client.sent
    return Clients(pulls, publishers, frozenset(links), sent if counted else None, _strangers(strange))


def _strangers(found: Mapping[str, list[ClientReading]]) -> tuple[Stranger, ...]:
    rows = [
        Stranger(
            address,
            len({client.url for client in clients}),
            len(clients),
            max((client.connected for client in clients if client.connected is not None), default=None),
        )
        for address, clients in found.items()
    ]
    rows.sort(key=lambda row: (-row.streams, -row.connections, row.address))
    return tuple(rows[:MOST_STRANGERS])


def account(
    before: PullState | None, estimate: int, listed: Clients | None, process: str | None, at: datetime
) -> tuple[int | None, PullState | None]:
    """Bytes that went to own servers since the poll before, and the state for the next one.

    estimate: of this poll alone; listed: the clients, where this poll brought them whole. None: nobody ever told.
    """
    if before is None:
        return (None, None) if listed is None else (estimate, PullState(process, at, listed.sent or {}))
    if before.process != process:
        # Counters and clients began anew: what a pull sent is all of this process, and so is what is estimated.
        before = PullState(process, before.listed_at)
    state = replace(before, estimated=before.estimated + estimate)
    owed = before.owed
    if listed is not None:
        owed += _settled(state, listed)
        state = PullState(process, at, listed.sent or {})
    given = max(0, estimate + owed)
    return given, replace(state, owed=estimate + owed - given)


def _settled(state: PullState, listed: Clients) -> int:
    """How far the estimates since the last list are off what the pulls' own counters say."""
    if listed.sent is None:
        return 0
    grown = sum(count - _former(state.sent.get(name, 0), count) for name, count in listed.sent.items())
    off = grown - state.estimated
    # Of a pull that ended meanwhile nobody knows the last bytes: there the estimate stands.
    return off if state.sent.keys() <= listed.sent.keys() else max(0, off)


def _former(before: int, now: int) -> int:
    return before if before <= now else 0
