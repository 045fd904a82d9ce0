"""Rules as people write them: what is accepted, every fault at once, and how they are read back."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import amounts, checked, sentence
from alerts.amounts import Measure
from alerts.defaults import DEFAULTS
from alerts.rules import DIMENSIONS, Comparison, NoData, Rule, Scope, Severity, Subject, SubjectKind
from alerts.watched import DIMENSIONS_OF, KIND_WORDS, WATCHED
from cdn.metrics import METRICS
from cdn.model import Invalid

FULL = {"name": "Full", "watched": "load_against_capacity", "threshold": "90 %"}


def faults(**fields: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as found:
        checked.rule({**FULL, **fields})
    return found.value.faults


def test_what_is_left_out_is_what_is_usual_for_what_is_watched() -> None:
    rule = checked.rule(FULL)
    assert (rule.threshold, rule.clear, rule.comparison) == (0.9, 0.9, Comparison.ABOVE)
    assert (rule.over, rule.for_seconds, rule.keep_firing_seconds) == (60, 180, 120)
    assert (rule.severity, rule.no_data, rule.scope, rule.enabled) == (Severity.WARNING, NoData.KEEP, Scope(), True)


def test_everything_can_be_said() -> None:
    rule = checked.rule(
        {
            **FULL,
            "clear": "85 %",
            "over": "5 min",
            "for": 30,
            "keep_firing": "1 h",
            "retire": "2 d",
            "severity": "Critical",
            "scope": {"role": ["edge"], "region": "fra, ams"},
            "no_data": "breach",
            "message": "Call them.\nThen wait.",
            "runbook": "https://wiki.example/full",
            "enabled": "no",
        },
        id=7,
        version=3,
    )
    assert (rule.id, rule.version, rule.clear, rule.over, rule.for_seconds) == (7, 3, 0.85, 300, 30)
    assert (rule.keep_firing_seconds, rule.retire_seconds, rule.severity) == (3_600, 172_800, Severity.CRITICAL)
    assert (rule.scope, rule.no_data) == (Scope(role=("edge",), region=("fra", "ams")), NoData.BREACH)
    assert (rule.message, rule.runbook, rule.enabled) == ("Call them.\nThen wait.", "https://wiki.example/full", False)


FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"name": ""}, "name", "missing"),
    ({"name": "a\r\nBcc: b"}, "name", "on one line"),
    ({"name": "a\u202eb"}, "name", "printable"),
    ({"name": "x" * 81}, "name", "at most 80"),
    ({"watched": ""}, "watched", "missing"),
    ({"watched": "weather"}, "watched", "nothing that can be watched"),
    ({"watched": ["viewers"]}, "watched", "nothing that can be watched"),
    ({"colour": "red"}, "colour", "no such field"),
    ({"threshold": None}, "threshold", "missing"),
    ({"threshold": math.nan}, "threshold", "such as 90 %"),
    ({"threshold": "nan"}, "threshold", "such as 90 %"),
    ({"threshold": math.inf}, "threshold", "such as 90 %"),
    ({"threshold": 10**400}, "threshold", "such as 90 %"),
    ({"threshold": True}, "threshold", "such as 90 %"),
    ({"threshold": "5 Gbit/s"}, "threshold", "such as 90 %"),
    ({"clear": "95 %"}, "clear", "at most 90 %"),
    ({"comparison": "below", "clear": "85 %"}, "clear", "at least 90 %"),
    ({"comparison": "near"}, "comparison", "above or below"),
    ({"over": 1}, "over", "from 10 s to 1 d"),
    ({"for": -1}, "for", "from 0 s to 1 d"),
    ({"for": "2 weeks"}, "for", "such as 5 min"),
    ({"keep_firing": "2 d"}, "keep_firing", "from 0 s to 1 d"),
    ({"retire": 1}, "retire", "from 5 min to 90 d"),
    ({"severity": "terrible"}, "severity", "info, warning, critical"),
    ({"no_data": "clear"}, "no_data", "keep or breach"),
    ({"scope": "edges"}, "scope", "want labels"),
    ({"scope": {"country": ["de"]}}, "scope", "'country' is unknown"),
    ({"scope": {"role": ["middle"]}}, "scope", "origin or edge"),
    ({"scope": {"channel": ["news"]}}, "scope", "a server has no channel"),
    ({"scope": {"region": [7]}}, "scope", "region: want text"),
    ({"scope": {"region": ["x"] * 201}}, "scope", "at most 200"),
    ({"runbook": "javascript:alert(1)"}, "runbook", "begins with https://"),
    ({"runbook": "https://user:secret@wiki.example/"}, "runbook", "without user and password"),
    ({"runbook": "http://[broken"}, "runbook", "begins with https://"),
    ({"message": "x" * 501}, "message", "at most 500"),
    ({"message": "a\x00b"}, "message", "printable"),
    ({"enabled": "perhaps"}, "enabled", "neither yes nor no"),
    ({"denominator": "requests"}, "denominator", "only a metric of servers"),
    ({"watched": "requests", "threshold": 1, "denominator": "egress_bytes"}, "denominator", "different units"),
    ({"watched": "requests", "threshold": 1, "denominator": "requests"}, "denominator", "always 100 %"),
    ({"watched": "server_down"}, "threshold", "leave this empty"),
    ({"watched": "server_down", "threshold": None, "comparison": "below"}, "comparison", "leave this empty"),
    ({"watched": "clock_wrong", "threshold": 2, "over": 60}, "over", "no average"),
]


@pytest.mark.parametrize(("fields", "where", "words"), FAULTS)
def test_a_fault_is_said_where_it_is_and_nowhere_else(fields: dict[str, Any], where: str, words: str) -> None:
    found = faults(**fields)
    assert list(found) == [where]
    assert words in found[where]


def test_all_faults_are_said_at_once() -> None:
    assert set(faults(name="", threshold="x", **{"for": -1}, runbook="ftp://a")) == {
        *("name", "threshold", "for", "runbook")
    }


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(DIMENSIONS), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(checked.FIELDS), ANYTHING), st.sampled_from(sorted(WATCHED)))
def test_whatever_is_sent_is_a_rule_or_has_faults(fields: dict[str, Any], watched: str) -> None:
    made = rule_or_faults({"watched": watched, **fields})
    if not isinstance(made, Rule):
        assert made
        return
    assert checked.rule(checked.fields(made)) == made
    assert made.cleared(made.clear)
    assert not made.breached(made.clear)


def rule_or_faults(fields: dict[str, Any]) -> Rule | dict[str, str]:
    try:
        return checked.rule(fields)
    except Invalid as invalid:
        return invalid.faults


NUMBERS = st.floats(allow_nan=True) | st.floats(0, 1)


@given(st.sampled_from(sorted(WATCHED)), st.sampled_from(Comparison), NUMBERS, NUMBERS)
def test_an_accepted_alert_never_ends_where_it_is_still_bad(
    watched: str, comparison: Comparison, threshold: float, clear: float
) -> None:
    fields = {"threshold": threshold, "clear": clear, "comparison": comparison.value}
    made = rule_or_faults({"name": "One", "watched": watched, **(fields if WATCHED[watched].has_threshold else {})})
    if isinstance(made, Rule):
        assert math.isfinite(made.threshold)
        assert made.cleared(made.clear)
        assert not made.breached(made.clear)
    else:
        assert set(made) <= {"threshold", "clear"}


def test_every_metric_of_servers_can_be_watched_and_counters_as_rates() -> None:
    assert {metric.name for metric in METRICS} <= set(WATCHED)
    assert WATCHED["egress_bytes"].measure is Measure.BITS_PER_SECOND
    assert WATCHED["responses_5xx"].measure is Measure.PER_SECOND
    assert WATCHED["viewers"].bad is Comparison.BELOW
    assert set(DIMENSIONS_OF) == set(KIND_WORDS) == set(SubjectKind)


@pytest.mark.parametrize("watched", WATCHED.values(), ids=WATCHED)
def test_a_rule_for_anything_is_made_read_back_and_made_again(watched: Any) -> None:
    given_threshold = {"threshold": amounts.EXAMPLES[watched.measure]} if watched.has_threshold else {}
    rule = checked.rule({"name": "One", "watched": watched.name, **given_threshold})
    assert checked.rule(checked.fields(rule)) == rule
    assert watched.label in sentence.of(rule)
    limit = f"is {watched.bad.value} {amounts.EXAMPLES[watched.measure]}"
    assert (limit in sentence.of(rule)) is watched.has_threshold


@pytest.mark.parametrize("rule", DEFAULTS, ids=[rule.name for rule in DEFAULTS])
def test_a_rule_of_the_beginning_is_one_that_can_be_typed(rule: Any) -> None:
    assert checked.rule(checked.fields(rule)) == rule
    assert len({each.name for each in DEFAULTS}) == len(DEFAULTS)


SENTENCES: list[tuple[dict[str, Any], str]] = [
    (
        {"clear": 0.85, "scope": {"role": ["edge"], "region": ["fra", "ams"]}, "severity": "critical"},
        'Critical when "How full the link is" of an edge server in fra or ams, over 1 min, is above 90 % for 3 min; '
        "it ends at 85 % or less for 2 min. Without data everything stays as it is.",
    ),
    (
        {"watched": "server_down", "threshold": None, "scope": {"server": list("abcdef")}, "no_data": "breach"},
        "Warning when a server named a, b, c or 3 more is down for 1 min; it ends when that is over for 2 min. "
        "No data counts as just as bad.",
    ),
    (
        {
            "watched": "responses_5xx",
            "denominator": "requests",
            "threshold": 0.02,
            "severity": "info",
            "for": 0,
            "keep_firing": 0,
            "enabled": False,
        },
        'Note when "Answers 5xx (server errors) ÷ Requests" of a server, over 1 min, is above 2 %; it ends at 2 % or '
        "less. Without data everything stays as it is. It is stopped now.",
    ),
    (
        {"watched": "stream_bitrate", "threshold": "2 Mbit/s", "scope": {"role": ["origin"], "channel": ["live/news"]}},
        'Warning when "Bit rate of the stream" of a stream on an origin server of channel live/news, over 1 min, is '
        "below 2 Mbit/s for 1 min; it ends at 2 Mbit/s or more for 2 min. Without data everything stays as it is.",
    ),
]


@pytest.mark.parametrize(("fields", "wanted"), SENTENCES)
def test_a_rule_is_read_back_in_plain_words(fields: dict[str, Any], wanted: str) -> None:
    assert sentence.of(checked.rule({**FULL, **fields})) == wanted


@pytest.mark.parametrize(
    ("text", "measure", "wanted"),
    [
        *(("2 Gbit/s", Measure.BITS_PER_SECOND, 2e9), ("80,400 Mbit/s", Measure.BITS_PER_SECOND, 80.4e9)),
        *(("500", Measure.BITS_PER_SECOND, 500), ("90 %", Measure.RATIO, 0.9), ("0.9", Measure.RATIO, 0.9)),
        *(("14 d", Measure.SECONDS, 1_209_600), ("250 ms", Measure.SECONDS, 0.25), ("40 GB", Measure.BYTES, 40e9)),
        *(("6/h", Measure.PER_HOUR, 6), ("25 fps", Measure.FRAMES_PER_SECOND, 25), ("-3", Measure.COUNT, -3)),
    ],
)
def test_an_amount_is_read_in_the_unit_it_names(text: str, measure: Measure, wanted: float) -> None:
    assert amounts.read(text, measure) == pytest.approx(wanted)
    assert amounts.read(amounts.written(wanted, measure), measure) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [(0, "0 s"), (0.25, "250 ms"), (90, "90 s"), (300, "5 min"), (5_400, "1.5 h"), (129_600, "1.5 d"), (61, "61 s")],
)
def test_a_time_is_said_in_the_unit_that_makes_it_short(seconds: float, wanted: str) -> None:
    assert amounts.duration(seconds) == wanted


EDGE = Subject(SubjectKind.SERVER, "1", "edge-1", role="edge", region="fra", tags=("news", "4k"), server="edge-1")


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        (Scope(), True),
        (Scope(region=("fra",)), True),
        (Scope(region=("ams", "fra")), True),
        (Scope(region=("ams",)), False),
        (Scope(tag=("4k", "sport")), True),
        (Scope(region=("fra",), role=("origin",)), False),
        (Scope(provider=("transit",)), False),  # it has no provider
        (Scope(provider=("",)), False),
    ],
)
def test_a_scope_has_what_carries_one_of_its_labels_in_every_dimension(scope: Scope, wanted: bool) -> None:
    assert scope.has(EDGE) is wanted
