"""Words of the pages at the door: what a role may do, how long something takes, which browser or token it is. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cdn.roles import SCOPES

MAY = {
    "viewer": "look at everything",
    "operator": "look at everything and act on what is going on",
    "admin": "do everything",
}
HOW = {"password": "with your password", "oidc": "from elsewhere", "local": "on this machine, where nobody signs in"}


def duration(seconds: int) -> str:
    """ "30 s", "12 minutes", "3 days"."""
    if seconds < 90:
        return f"{seconds} s"
    if seconds < 5_400:
        return f"{round(seconds / 60)} minutes"
    hours = round(seconds / 3_600)
    return f"{hours} hours" if hours < 72 else f"{round(hours / 24)} days"


def ago(at: datetime, now: datetime) -> str:
    """ "just now", "12 minutes ago"."""
    seconds = round((now - at).total_seconds())
    return "just now" if seconds < 120 else f"{duration(seconds)} ago"


def token(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    """A token in words; works: whether it opens anything still."""
    ends, revoked, used = row["expires_at"], row["revoked_at"], row["last_used_at"]
    ended = ends is not None and ends <= now
    if revoked is not None:
        until = f"revoked {_day(revoked)}"
    elif ends is None:
        until = "does not end"
    else:
        until = f"{'ended' if ended else 'ends'} {_day(ends)}"
    return {
        "id": row["id"],
        "name": row["name"],
        "hint": row["hint"],
        "may": MAY[SCOPES[row["scope"]]],
        "made": _day(row["created_at"]),
        "used": "never used" if used is None else f"last used {ago(used, now)}",
        "until": until,
        "works": revoked is None and not ended,
    }


def _day(at: datetime) -> str:
    return at.strftime("%-d %b %Y")


def session(row: dict[str, Any], own: bytes, now: datetime) -> dict[str, Any]:
    """A session in words."""
    return {
        "browser": _browser(row["agent"]),
        "address": row["address"] or "address not known",
        "used": ago(row["seen_at"], now),
        "since": row["created_at"].strftime("%-d %b %H:%M UTC"),
        "here": bytes(row["digest"]) == own,
    }


def _browser(agent: str) -> str:
    """What most people call it."""
    names = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
    systems = (
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "Mac"),
        ("Linux", "Linux"),
    )
    name = next((word for mark, word in names if mark in agent), "A browser")
    system = next((word for mark, word in systems if mark in agent), "")
    return f"{name} on {system}" if system else name
