"""Who polls what, when several collectors run: a rule every one of them computes alike, without talking. Pure.

Each server goes to the living collector with the highest score for it. When one comes or goes only its
own share moves. For a moment two may poll the same server, or none; both are harmless, because the
writer counts every byte once and the next poll covers the gap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence


def share(server_ids: Iterable[int], collectors: Sequence[str], me: str) -> set[int]:
    """The servers that `me` polls, of all `server_ids`, while `collectors` (me among them) are alive."""
    others = set(collectors) | {me}
    if len(others) == 1:
        return set(server_ids)
    return {each for each in server_ids if max(others, key=lambda name: (_score(each, name), name)) == me}


def phase(server_id: int, interval: float) -> float:
    """Seconds into its interval at which a server is polled: spread evenly over the fleet, the same after a restart."""
    golden = 0.6180339887498949  # successive multiples of it fill the interval evenly, however many there are
    return (server_id * golden % 1.0) * interval


def _score(server_id: int, collector: str) -> bytes:
    return hashlib.blake2b(f"{server_id}:{collector}".encode(), digest_size=8).digest()
