"""Words of the pages at the door: what a role may do, how long something takes, which browser it is. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

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


def session(row: dict[str, Any], own: bytes, now: datetime) -> dict[str, Any]:
    """A session in words."""
    used = round((now - row["seen_at"]).total_seconds())
    return {
        "browser": _browser(row["agent"]),
        "address": row["address"] or "address not known",
        "used": "just now" if used < 120 else f"{duration(used)} ago",
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
