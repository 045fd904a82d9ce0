"""Wrong passwords of late, by what they slow down, and browsers that an account was signed in with before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select, text

from db.models import Guess

# How long a browser is known that somebody signed in with.
KNOWN = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Limit:
    """What is slowed down: from the `free`-th wrong password on by `first`, then twice as long each time."""

    subject: str
    free: int
    first: timedelta
    longest: timedelta

    def wait(self, failures: int) -> timedelta:
        """How long nobody may try again after so many wrong passwords."""
        if failures < self.free:
            return timedelta(0)
        doubled: int = 2 ** min(failures - self.free, 20)
        return min(self.first * doubled, self.longest)


_LOCKED = text(
    "INSERT INTO guess (subject, failures, at) VALUES (:subject, 0, :now)"
    " ON CONFLICT (subject) DO UPDATE SET subject = excluded.subject RETURNING failures, at, blocked_until"
)
_COUNTED = text("UPDATE guess SET failures = :failures, at = :now, blocked_until = :until WHERE subject = :subject")
_GIVEN_BACK = text(
    "UPDATE guess SET failures = greatest(failures - 1, 0),"
    " blocked_until = CASE WHEN at = :at THEN NULL ELSE blocked_until END WHERE subject = :subject"
)


def count(connection: Connection, limits: list[Limit], now: datetime, forget: timedelta) -> datetime | None:
    """Count a try as a wrong one before anybody knows whether it is; returns until when it has to wait instead.

    Counted first, because of tries at the same moment each would otherwise see that there were none. A failure more
    than `forget` after the last is the first. `given_back` undoes it.
    """
    found: list[tuple[Limit, int, datetime | None]] = []
    for limit in limits:
        row = connection.execute(_LOCKED, {"subject": limit.subject, "now": now}).one()
        found.append((limit, 0 if now - row.at > forget else row.failures, row.blocked_until))
    blocked = [until for _, _, until in found if until is not None and until > now]
    if blocked:
        return max(blocked)
    for limit, failures, _ in found:
        wait = limit.wait(failures + 1)
        until = now + wait if wait else None
        connection.execute(_COUNTED, {"subject": limit.subject, "failures": failures + 1, "now": now, "until": until})
    return None


def failures(connection: Connection, subject: str, now: datetime, forget: timedelta) -> int:
    """Wrong passwords of late."""
    query = select(Guess.failures).where(Guess.subject == subject, Guess.at >= now - forget)
    return connection.scalar(query) or 0


def given_back(connection: Connection, limits: list[Limit], at: datetime) -> None:
    """The try counted at `at` was right: forget the wrong ones of the first limit, and this one of the others."""
    connection.execute(delete(Guess).where(Guess.subject == limits[0].subject))
    for limit in limits[1:]:
        connection.execute(_GIVEN_BACK, {"subject": limit.subject, "at": at})


def know(connection: Connection, subject: str, now: datetime) -> None:
    """Remember a browser that somebody signed in with."""
    connection.execute(
        text(
            "INSERT INTO guess (subject, failures, at) VALUES (:subject, 0, :now)"
            " ON CONFLICT (subject) DO UPDATE SET at = :now"
        ),
        {"subject": subject, "now": now},
    )


def is_known(connection: Connection, subject: str, now: datetime) -> bool:
    """Whether somebody signed in with this browser lately."""
    query = select(func.count()).select_from(Guess).where(Guess.subject == subject, Guess.at > now - KNOWN)
    return bool(connection.scalar(query))


def forget_old(connection: Connection, now: datetime) -> None:
    """Delete wrong passwords and browsers of long ago."""
    known = Guess.subject.startswith("known ")
    connection.execute(delete(Guess).where(~known, Guess.at < now - timedelta(days=1)))
    connection.execute(delete(Guess).where(known, Guess.at < now - KNOWN))
