"""A rule read back as plain sentences, so that whoever made it sees what it does. Pure."""

from __future__ import annotations

from alerts.amounts import Measure, duration, written
from alerts.rules import Comparison, NoData, Rule, Scope
from alerts.watched import KIND_WORDS, WATCHED, measure_of
from cdn.plain_text import plain

_SHOWN = 3


def of(rule: Rule) -> str:
    """What `rule` does, in words. Names in it come from people: escape it on screen."""
    return f"{_begins(rule)}; {_ends(rule)}. {_without_data(rule)}{'' if rule.enabled else ' It is stopped now.'}"


def _begins(rule: Rule) -> str:
    watched = WATCHED[rule.watched]
    about = _about(rule)
    lasting = f" for {duration(rule.for_seconds)}" if rule.for_seconds else ""
    measure = measure_of(rule.watched, rule.denominator)
    if measure is Measure.YES:
        return f"{rule.severity.label.capitalize()} when {about} {watched.label}{lasting}"
    average = f", over {duration(rule.over)}," if watched.over else ""
    name = watched.label if rule.denominator is None else f"{watched.label} ÷ {WATCHED[rule.denominator].label}"
    limit = f"is {rule.comparison.value} {written(rule.threshold, measure)}"
    return f'{rule.severity.label.capitalize()} when "{name}" of {about}{average} {limit}{lasting}'


def _ends(rule: Rule) -> str:
    measure = measure_of(rule.watched, rule.denominator)
    lasting = f" for {duration(rule.keep_firing_seconds)}" if rule.keep_firing_seconds else ""
    if measure is Measure.YES:
        return f"it ends when that is over{lasting}"
    side = "or less" if rule.comparison is Comparison.ABOVE else "or more"
    return f"it ends at {written(rule.clear, measure)} {side}{lasting}"


def _without_data(rule: Rule) -> str:
    if rule.no_data is NoData.BREACH:
        return "No data counts as just as bad."
    return "Without data everything stays as it is."


def _about(rule: Rule) -> str:
    """Whom it is about: "an edge server in fra", "a channel"."""
    kind = KIND_WORDS[WATCHED[rule.watched].kind]
    scope = rule.scope
    roles = _either([f"{plain(role)} server" for role in scope.role])
    if scope.role:
        kind = roles if kind == "server" else kind.replace("a server", _with_article(roles))
    return _with_article(kind) + _where(scope)


def _where(scope: Scope) -> str:
    parts = (
        ("in", scope.region),
        ("of", scope.provider),
        ("tagged", scope.tag),
        ("named", scope.server),
        ("of channel", scope.channel),
    )
    said = [f" {word} {_either([plain(label) for label in labels])}" for word, labels in parts if labels]
    return "".join(said)


def _either(words: list[str]) -> str:
    if len(words) > _SHOWN + 1:
        words = [*words[:_SHOWN], f"{len(words) - _SHOWN:,} more"]
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _with_article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"
