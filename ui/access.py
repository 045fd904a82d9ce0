"""What the page about access shows: people, tokens and changes, as read now and as rows."""

from __future__ import annotations

import json
from datetime import datetime, tzinfo
from typing import Any

import pandas as pd

import db.access
import db.audit
from cdn.clock import utc_now
from ui import frames, links, tables
from ui.headline import Headline, since
from ui.html import Html, code, fill, join
from ui.numbers import exact, many, missing
from ui.status import Look, chip

ROLES = {"viewer": "Viewer: looks", "operator": "Operator: acts on what is going on", "admin": "Admin: everything"}
SCOPES = {"read": "Read", "operate": "Read, and act on what is going on", "admin": "Everything"}
PEOPLE = (
    tables.Column("Name"),
    tables.Column("State"),
    tables.Column("Role"),
    tables.Column("Signs in with", phone=False),
    tables.Column("Last sign-in", number=True),
    tables.Column("Signed in now", number=True),
)
TOKENS = (
    tables.Column("Token"),
    tables.Column("State"),
    tables.Column("May"),
    tables.Column("Whose"),
    tables.Column("Last used", number=True),
    tables.Column("Ends", number=True),
)
CHANGES = (
    tables.Column("When"),
    tables.Column("What"),
    tables.Column("Who"),
    tables.Column("From where", phone=False),
    tables.Column("Before and after"),
)
# Changes shown at once.
PAGE = 50
VERBS = {
    "server.add": "added server",
    "server.change": "changed server",
    "server.retire": "retired server",
    "server.pause": "paused server",
    "server.resume": "went on asking server",
    "puller.dismiss": "is not ours:",
    "user.add": "added account",
    "user.change": "changed account",
    "user.password": "changed the password of",
    "token.make": "made token",
    "token.revoke": "revoked token",
    "session.begin": "signed in:",
    "session.end": "signed out:",
    "session.end_all": "signed out everywhere:",
    "session.refuse": "wrong password for",
}


def people() -> pd.DataFrame:
    """See db.access.users; never cached: who looks here wants to know what is so now."""
    return db.access.users(frames.engine(), utc_now())


def tokens() -> pd.DataFrame:
    """See db.access.tokens."""
    return db.access.tokens(frames.engine())


def trail(wanted: str, below: int | None = None) -> pd.DataFrame:
    """See db.audit.trail; one more than a page, so that one knows whether there is more."""
    return db.audit.trail(frames.engine(), wanted=wanted, below=below, most=PAGE + 1)


def headline(found: pd.DataFrame) -> Headline:
    """Who may come in, in one line. found: of `people`."""
    active = found[found["disabled_at"].isna()]
    if found.empty:
        below = fill("Whoever sits at this machine is an admin. Add an admin, and everybody has to sign in.")
        return Headline("warn", fill("Nobody has to sign in yet"), below, icon="lock_open")
    admins = int((active["role"] == "admin").sum())
    title = f"{many(len(active), 'person', 'people')} may come in, {many(admins, 'admin')} among them"
    return Headline("planned", fill("{title}", title=title), fill("A change takes effect within seconds."), icon="key")


def person_rows(found: pd.DataFrame, now: datetime, zone: tzinfo) -> list[tables.Row]:
    """One row a person; the name leads to what can be changed."""
    return [
        tables.Row(
            [
                links.link(links.person(str(row.name)), row.name),
                chip(_person_look(row)),
                str(row.role).capitalize(),
                _with(row),
                _ago(row.signed_in_at, now, zone, "never"),
                many(int(str(row.sessions)), "browser") if row.sessions else tables.unknown("not signed in"),
            ]
        )
        for row in found.itertuples()
    ]


def token_rows(found: pd.DataFrame, now: datetime, zone: tzinfo) -> list[tables.Row]:
    """One row a token."""
    return [
        tables.Row(
            [
                tables.under(row.name, f"{row.hint}…"),
                chip(token_look(row, now)),
                SCOPES.get(str(row.scope), str(row.scope)),
                row.owner if not missing(row.owner) else f"made by {row.created_by}",
                _ago(row.last_used_at, now, zone, "never"),
                exact(row.expires_at, zone) if not missing(row.expires_at) else "never",
            ]
        )
        for row in found.itertuples()
    ]


def change_rows(found: pd.DataFrame, now: datetime, zone: tzinfo) -> list[tables.Row]:
    """One row a change. found: of `trail`, without the one too many."""
    return [
        tables.Row(
            [
                _ago(row.at, now, zone, ""),
                fill("{verb} {subject}", verb=VERBS.get(str(row.action), str(row.action)), subject=row.subject),
                row.actor,
                tables.under(row.address or "this machine", row.via),
                changes(row.before, row.after),
            ]
        )
        for row in found.itertuples()
    ]


def changes(before: Any, after: Any) -> Html:
    """What differs: "role: viewer → operator"; of what was made or is gone the one side there is."""
    old = before if isinstance(before, dict) else {}
    new = after if isinstance(after, dict) else {}
    parts = [
        fill(
            '<span class="chg">{name}: {old}{arrow}{new}</span>',
            name=name,
            old=code(_plain(old[name])) if name in old else "",
            arrow=" → " if name in old and name in new else "",
            new=code(_plain(new[name])) if name in new else "",
        )
        for name in {**old, **new}
    ]
    return join(parts, " ") if parts else tables.unknown("nothing to compare")


def token_look(row: Any, now: datetime) -> Look:
    """Whether a token still opens anything."""
    if not missing(row.revoked_at):
        return Look("block", "Revoked", "nodata")
    if not missing(row.expires_at) and row.expires_at <= now:
        return Look("block", "Ended", "nodata")
    return Look("check_circle", "Works", "ok")


def _person_look(row: Any) -> Look:
    if not missing(row.disabled_at):
        return Look("block", "Disabled", "nodata")
    return (
        Look("warning", "Has to choose a password", "warn") if row.must_change else Look("check_circle", "Works", "ok")
    )


def _with(row: Any) -> str:
    ways = [word for word, on in (("password", row.has_password), ("company account", row.signs_in_elsewhere)) if on]
    return ", ".join(ways) or "nothing"


def _ago(at: Any, now: datetime, zone: tzinfo, never: str) -> object:
    return never if missing(at) else fill("{age} ago", age=since(at, now, zone))


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"{text[:120]}…" if len(text) > 120 else text
