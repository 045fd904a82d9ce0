"""The rules that a new installation begins with: few, and each worth getting up for or looking at."""

from __future__ import annotations

from alerts import checked
from alerts.rules import Rule

_GIVEN: tuple[dict[str, object], ...] = (
    {"name": "Origin down", "watched": "server_down", "scope": {"role": ["origin"]}, "for": 30, "severity": "critical"},
    {"name": "Edge down", "watched": "server_down", "scope": {"role": ["edge"]}, "severity": "critical"},
    {"name": "No data from a server", "watched": "no_data", "severity": "warning"},
    {"name": "Collector silent", "watched": "collector_silent", "severity": "critical"},
    {"name": "Channel off air", "watched": "channel_off_air", "severity": "critical"},
    {"name": "Picture stands still", "watched": "copy_frozen", "severity": "critical"},
    {"name": "Publisher keeps reconnecting", "watched": "publisher_starts", "threshold": 6, "clear": 3},
    {"name": "Link nearly full", "watched": "load_against_capacity", "threshold": 0.9, "clear": 0.85},
    {
        "name": "Link full",
        "watched": "load_against_capacity",
        "threshold": 0.97,
        "clear": 0.93,
        "for": 60,
        "severity": "critical",
    },
    {"name": "Processor nearly full", "watched": "system_cpu", "threshold": 0.9, "clear": 0.8},
    {"name": "Memory nearly full", "watched": "system_memory", "threshold": 0.95, "clear": 0.9},
    {"name": "Slow answers", "watched": "response_time", "threshold": 2, "clear": 1},
    {"name": "Server errors", "watched": "error_ratio", "threshold": 0.02, "clear": 0.01, "for": 120},
    {"name": "Cache hardly helps", "watched": "cache_hit_ratio", "threshold": 0.7, "clear": 0.8},
    {"name": "Certificate expires", "watched": "certificate_left", "threshold": "14 d", "clear": "14 d"},
    {"name": "Certificate expires soon", "watched": "certificate_left", "threshold": "3 d", "severity": "critical"},
    {"name": "Free peak time nearly used up", "watched": "burst_left", "threshold": "6 h"},
    {"name": "Clock wrong", "watched": "clock_wrong", "threshold": 2, "clear": 1, "severity": "info"},
)
DEFAULTS: tuple[Rule, ...] = tuple(checked.rule(fields) for fields in _GIVEN)
