"""What one notification says, as data, and the same as a subject, plain text and an HTML e-mail. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cdn.plain_text import plain

State = Literal["firing", "resolved", "both", "test"]
Severity = Literal["info", "warning", "critical"]

MAX_LINE = 300
MAX_TEXT = 2_000
MAX_SUBJECT = 160
MAX_FACTS = 20
MAX_OTHERS = 10
BRAND_COLOUR = "#1d63d8"

_SEVERITY_WORDS = {"info": "note", "warning": "warning", "critical": "critical"}
_STATE_WORDS = {"firing": "Open problem", "resolved": "Over", "both": "Came and went", "test": "Test message"}
_SUBJECT_WORDS = {"firing": "FIRING", "resolved": "RESOLVED", "both": "FIRING AND RESOLVED", "test": "TEST"}
# glyph, text, ground: of each state, and of open problems by how bad they are.
_LOOKS = {
    "critical": ("✕", "#c1272f", "#fde7e8"),
    "warning": ("▲", "#8a5510", "#fff1d6"),
    "info": ("ℹ", "#1d57b8", "#e4eefd"),
    "resolved": ("●", "#0b7a55", "#e3f4ec"),
    "test": ("?", "#556273", "#f1f4f8"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One notification. Names in it come from strangers and are taken as they are; `written` makes them harmless.

    id: the outbox row's, the same at every try. thread: what messages of one incident share, "" for none.
    since, until: aware; shown in `zone` (an IANA name). channels, viewers, minutes: whom it touches, each None where
    nobody knows. others: headlines of further alerts told at once; more: how many besides those.
    link, acknowledge, change, runbook: http(s) urls, "" for none; change: where to change what one gets.
    """

    id: str
    state: State
    severity: Severity
    headline: str
    brand: str
    colour: str = BRAND_COLOUR
    sentence: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    zone: str = "UTC"
    channels: int | None = None
    viewers: int | None = None
    minutes: float | None = None
    what_to_do: str = ""
    runbook: str = ""
    link: str = ""
    acknowledge: str = ""
    change: str = ""
    why: str = ""
    others: tuple[str, ...] = ()
    more: int = 0
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """A notification in words: a subject of one line, plain text, and HTML that says the same."""

    subject: str
    text: str
    html: str


def written(told: Told) -> Written:
    """`told` in words."""
    said = _said(told)
    return Written(
        subject(told), _templates(False).get_template("message.txt").render(said).strip() + "\n", _html(said)
    )


def subject(told: Told) -> str:
    """One line: state and severity in brackets, then the headline."""
    severity = "" if told.state == "test" else f" {_SEVERITY_WORDS[told.severity]}"
    further = len(told.others) + told.more
    tail = f" and {further:,} more" if further else ""
    return f"[{_SUBJECT_WORDS[told.state]}{severity}] {one_line(told.headline, MAX_SUBJECT)}{tail}"


def web_link(url: str) -> str:
    """`url` where it is a plain http(s) address, else "": nothing else becomes a link."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return ""
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    return url if is_web and not re.search(r"[\s<>\"'\\]", url) and plain(url) == url else ""


def _html(said: dict[str, object]) -> str:
    return _templates(True).get_template("message.html").render(said)


def _said(told: Told) -> dict[str, object]:
    """Everything the templates show, as harmless lines."""
    look = told.severity if told.state == "firing" else "resolved" if told.state != "test" else "test"
    glyph, text, ground = _LOOKS[look]
    state = _STATE_WORDS[told.state]
    colour = told.colour if re.fullmatch(r"#[0-9a-fA-F]{6}", told.colour) else BRAND_COLOUR
    others = tuple(one_line(each) for each in told.others[:MAX_OTHERS])
    return {
        "state": state if told.state == "test" else f"{state} · {_SEVERITY_WORDS[told.severity]}",
        "glyph": glyph,
        "state_colour": text,
        "state_ground": ground,
        "headline": one_line(told.headline),
        "sentence": one_line(told.sentence, MAX_TEXT),
        "brand": one_line(told.brand),
        "colour": colour,
        "on_colour": _on(colour),
        "facts": _facts(told),
        "what_to_do": [one_line(each, MAX_TEXT) for each in told.what_to_do[:MAX_TEXT].splitlines() if each.strip()],
        "runbook": web_link(told.runbook),
        "link": web_link(told.link),
        "acknowledge": "" if told.state in ("resolved", "both") else web_link(told.acknowledge),
        "change": web_link(told.change),
        "why": one_line(told.why, MAX_TEXT),
        "others": others,
        "more": told.more + len(told.others) - len(others),
    }


def _facts(told: Told) -> list[tuple[str, str]]:
    """Since when, whom it touches, then what the notification brings along."""
    facts: list[tuple[str, str]] = []
    if told.since is not None:
        facts.append(("Since", _clock(told.since, told.zone)))
    if told.until is not None:
        lasted = f", after {duration((told.until - told.since).total_seconds())}" if told.since is not None else ""
        facts.append(("Until", _clock(told.until, told.zone) + lasted))
    if told.state != "test":
        facts.append(("Touches", _touches(told)))
    facts += [(one_line(label, 80), one_line(value)) for label, value in told.facts[:MAX_FACTS]]
    if len(told.facts) > MAX_FACTS:
        facts.append(("Further facts", f"{len(told.facts) - MAX_FACTS:,}, not shown here"))
    return facts


def _touches(told: Told) -> str:
    if told.channels is None and told.viewers is None and told.minutes is None:
        return "not known"
    parts = [_counted(told.channels, "channel"), _counted(told.viewers, "viewer")]
    if told.minutes is not None:
        parts.append(f"{told.minutes:,.0f} viewer minutes")
    return ", ".join(parts)


def _counted(count: int | None, noun: str) -> str:
    if count is None:
        return f"{noun}s not known"
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """A length of time as people say it: 4 s, 12 min, 2 h 10 min, 3 days."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{hours // 24} days"


def _clock(at: datetime, zone: str) -> str:
    """`24 Nov 2026, 20:52:04 (Europe/Berlin)`; a zone nobody knows is UTC, and says so."""
    try:
        there = ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        there, zone = ZoneInfo("UTC"), "UTC"
    local = at.astimezone(there)
    return f"{local.day} {local:%b %Y, %H:%M:%S} ({zone})"


def one_line(text: str, limit: int = MAX_LINE) -> str:
    """`text` as one line of at most `limit` characters without any that are not seen."""
    one = plain(" ".join(text.encode("utf-8", "replace").decode()[: 4 * limit].split()))
    return one if len(one) <= limit else f"{one[: limit - 1]}…"


def _on(colour: str) -> str:
    """White or the colour of text: whichever is read better on `colour`."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # Contrast with white and with #17202c, whose luminance is 0.014.
    return "#ffffff" if 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.064 else "#17202c"


@lru_cache(maxsize=2)
def _templates(html: bool) -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=html,  # noqa: S701  (plain text has nothing to escape)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
