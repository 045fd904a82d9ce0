"""A rule as somebody typed it, made into a Rule, or all its faults at once. Pages, files and REST share it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum, StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

from alerts import amounts
from alerts.amounts import Measure, written
from alerts.rules import DIMENSIONS, EVERYTHING, Comparison, NoData, Rule, Scope, Severity
from alerts.watched import DIMENSIONS_OF, KIND_WORDS, WATCHED, Watched, measure_of
from cdn.model import Invalid, Role
from cdn.plain_text import plain
from cdn.units import DAY, HOUR

FIELDS = (
    *("name", "watched", "denominator", "over", "comparison", "threshold", "clear", "for", "keep_firing", "retire"),
    *("severity", "scope", "no_data", "message", "runbook", "enabled"),
)
LONGEST_NAME, LONGEST_MESSAGE, LONGEST_URL, LABELS = 80, 500, 500, 200
LONGEST_OVER, LONGEST_WAIT, LONGEST_RETIRE = HOUR * 24, HOUR * 24, DAY * 90
SHORTEST_OVER, SHORTEST_RETIRE = 10, 300
T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)
_WORDS: dict[str, bool] = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def rule(fields: Mapping[str, object], *, id: int = 0, version: int = 1) -> Rule:
    """The Rule that `fields` (of FIELDS) describe. Raises Invalid with every fault, by field.

    Empty values count as left out, and are then what is usual for what is watched. threshold, clear: base units, or
    text like "2 Gbit/s" or "90 %"; times: seconds, or text like "5 min"; scope: dimension → labels, a list or text with
    commas. What is so or not ("server_down") takes no threshold.
    """
    faults = {name: f"there is no such field; there are {', '.join(FIELDS)}" for name in fields if name not in FIELDS}
    given = {name: value for name, value in fields.items() if name in FIELDS and value not in (None, "", [], (), {})}
    faults |= {name: "it is missing" for name in ("name", "watched") if name not in given}

    def take(name: str, check: Callable[[object], T], default: T) -> T:
        if name not in given:
            return default
        try:
            return check(given[name])
        except ValueError as fault:
            faults[name] = str(fault)
            return default

    watched = take("watched", _watched, None)
    usual = watched or WATCHED["server_down"]
    denominator = take("denominator", lambda value: _denominator(value, watched), None)
    comparison = take("comparison", lambda value: _choice(value, Comparison), usual.bad)
    measure = measure_of(usual.name, denominator)
    # A fault of what is watched says nothing of the amounts, and is no reason to find fault with them.
    certain = watched is not None and not {"denominator", "comparison"} & faults.keys()
    threshold, clear = 0.5, 0.5
    if certain and measure is Measure.YES:
        faults |= {
            name: f"it {usual.label} or not; leave this empty" for name in ("threshold", "clear") if name in given
        }
        if comparison is not usual.bad:
            faults["comparison"] = f"it {usual.label} or not; leave this empty"
    elif certain:
        if "threshold" not in given:
            faults["threshold"] = f"it is missing; want an amount such as {amounts.EXAMPLES[measure]}"
        threshold = take("threshold", lambda value: amounts.read(value, measure), 0.0)
        clear = take("clear", lambda value: _clear(value, threshold, measure, comparison), threshold)
    made = Rule(
        id=id,
        version=version,
        name=take("name", lambda value: _text(value, LONGEST_NAME), ""),
        watched=usual.name,
        threshold=threshold,
        clear=clear if "threshold" not in faults else threshold,
        comparison=comparison,
        denominator=denominator,
        over=take("over", lambda value: _over(value, watched), usual.over),
        for_seconds=take("for", lambda value: _seconds(value, 0, LONGEST_WAIT), usual.for_seconds),
        keep_firing_seconds=take(
            *("keep_firing", lambda value: _seconds(value, 0, LONGEST_WAIT), usual.keep_firing_seconds)
        ),
        retire_seconds=take("retire", lambda value: _seconds(value, SHORTEST_RETIRE, LONGEST_RETIRE), float(DAY)),
        severity=take("severity", _severity, Severity.WARNING),
        scope=take("scope", lambda value: _scope(value, watched), EVERYTHING),
        no_data=take("no_data", lambda value: _choice(value, NoData), NoData.KEEP),
        message=take("message", _message, ""),
        runbook=take("runbook", _url, ""),
        enabled=take("enabled", _yes, True),
    )
    if faults:
        raise Invalid(faults)
    return made


def fields(made: Rule) -> dict[str, object]:
    """The fields that make this rule again, in base units; for files, REST and the audit trail."""
    with_threshold = measure_of(made.watched, made.denominator) is not Measure.YES
    return {
        "name": made.name,
        "watched": made.watched,
        "denominator": made.denominator,
        "over": made.over if WATCHED[made.watched].over else None,
        "comparison": made.comparison.value,
        "threshold": made.threshold if with_threshold else None,
        "clear": made.clear if with_threshold else None,
        "for": made.for_seconds,
        "keep_firing": made.keep_firing_seconds,
        "retire": made.retire_seconds,
        "severity": made.severity.word,
        "scope": {dimension: list(labels) for dimension, labels in made.scope.asked().items()},
        "no_data": made.no_data.value,
        "message": made.message,
        "runbook": made.runbook,
        "enabled": made.enabled,
    }


def _shown(value: object) -> str:
    return repr(plain(str(value)[:40]))


def _watched(value: object) -> Watched:
    found = WATCHED.get(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{_shown(value)} is nothing that can be watched; want one of {', '.join(WATCHED)}")
    return found


def _denominator(value: object, watched: Watched | None) -> str:
    found = _watched(value)
    if watched is not None and not (watched.metric and found.metric):
        raise ValueError("only a metric of servers can be divided, and only by another")
    if watched is not None and found.measure is not watched.measure:
        raise ValueError(f'"{watched.label}" and "{found.label}" are counted in different units')
    if watched is not None and found.name == watched.name:
        raise ValueError("divided by itself it is always 100 %")
    return found.name


def _choice(value: object, choices: type[E]) -> E:
    try:
        return choices(str(value).strip().lower())
    except ValueError:
        raise ValueError(f"{_shown(value)} is unknown; want {' or '.join(choices)}") from None


def _severity(value: object) -> Severity:
    if isinstance(value, IntEnum) and isinstance(value, Severity):
        return value
    found = [each for each in Severity if each.word == str(value).strip().lower()]
    if not found:
        raise ValueError(f"{_shown(value)} is unknown; want {', '.join(each.word for each in Severity)}")
    return found[0]


def _clear(value: object, threshold: float, measure: Measure, comparison: Comparison) -> float:
    clear = amounts.read(value, measure)
    above = comparison is Comparison.ABOVE
    if clear > threshold if above else clear < threshold:
        side = "at most" if above else "at least"
        raise ValueError(f"want {side} {written(threshold, measure)}: it could not end where it is still bad")
    return clear


def _seconds(value: object, least: float, most: float) -> float:
    seconds = amounts.read(value, Measure.SECONDS)
    if not least <= seconds <= most:
        raise ValueError(f"want a time from {amounts.duration(least)} to {amounts.duration(most)}")
    return seconds


def _over(value: object, watched: Watched | None) -> float:
    if watched is not None and not watched.over:
        raise ValueError("this is no average; leave this empty")
    return _seconds(value, SHORTEST_OVER, LONGEST_OVER)


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("want text")
    text = value.strip()
    if len(text) > limit or not text.isprintable() or plain(text) != text:
        raise ValueError(f"want at most {limit} printable characters, on one line")
    return text


def _message(value: object) -> str:
    """Lines may be broken; nothing else that is not seen may be in it."""
    if not isinstance(value, str) or len(value.strip()) > LONGEST_MESSAGE:
        raise ValueError(f"want text of at most {LONGEST_MESSAGE} characters")
    lines = value.strip().replace("\r\n", "\n").split("\n")
    if not all(line.isprintable() and plain(line) == line for line in lines):
        raise ValueError("want printable characters")
    return "\n".join(lines)


def _url(value: object) -> str:
    wanted = "want an address that begins with https:// or http://"
    text = _text(value, LONGEST_URL)
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or " " in text:
        raise ValueError(wanted)
    if parts.username is not None or parts.password is not None:
        raise ValueError("want an address without user and password: everybody who is told can read it")
    return text


def _yes(value: object) -> bool:
    if isinstance(value, bool):
        return value
    try:
        return _WORDS[str(value).strip().lower()]
    except KeyError:
        raise ValueError(f"{_shown(value)} is neither yes nor no") from None


def _scope(value: object, watched: Watched | None) -> Scope:
    if not isinstance(value, Mapping):
        raise ValueError(f"want labels for some of {', '.join(DIMENSIONS)}")
    unknown = [name for name in value if name not in DIMENSIONS]
    if unknown:
        raise ValueError(f"{_shown(unknown[0])} is unknown; want some of {', '.join(DIMENSIONS)}")
    labels = {str(name): _labels(name, given) for name, given in value.items() if given not in (None, "", [], ())}
    lacking = [] if watched is None else [name for name in labels if name not in DIMENSIONS_OF[watched.kind]]
    if lacking and watched is not None:
        raise ValueError(f"a {KIND_WORDS[watched.kind]} has no {lacking[0]}, so this would never be about anything")
    roles = [label for label in labels.get("role", ()) if label not in set(Role)]
    if roles:
        raise ValueError(f"{_shown(roles[0])} is no role; want {' or '.join(Role)}")
    return Scope(**labels)


def _labels(dimension: str, value: object) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or len(parts) > LABELS:
        raise ValueError(f"{dimension}: want a list of at most {LABELS}")
    try:
        return tuple(dict.fromkeys(_text(part, 200) for part in parts))
    except ValueError as fault:
        raise ValueError(f"{dimension}: {fault}") from None
