"""Base units and the few conversions between them.

Inside (code, database, REST) only base units exist: bytes, bits per second, seconds, ratios 0..1.
They become Gbit/s, % and "3 min" on screen alone (`ui/numbers.py`). k is 1,000 everywhere: carriers
sell decimal bits.
"""

from __future__ import annotations

BITS_PER_BYTE = 8
KIBIBYTE = 1024
MINUTE = 60
HOUR = 3_600
DAY = 86_400
# What a PostgreSQL bigint holds; a counter beyond it is a broken answer, not traffic.
MAX_COUNTER = 2**63 - 1


def bits_per_second(count_bytes: float | None, seconds: float | None) -> float | None:
    """Rate of `count_bytes` over `seconds` in bit/s; None where nothing was counted.

    Zero seconds mean "no new value", which is not a rate of zero.
    """
    if count_bytes is None or not seconds:
        return None
    return count_bytes * BITS_PER_BYTE / seconds


def per_second(count: float | None, seconds: float | None) -> float | None:
    """Rate of `count` over `seconds` in 1/s; None where nothing was counted."""
    if count is None or not seconds:
        return None
    return count / seconds


def ratio(part: float | None, whole: float | None) -> float | None:
    """`part` of `whole` as 0..1; None where there is no whole: 0 of 0 is unknown, not 0 %."""
    if part is None or not whole:
        return None
    return part / whole
