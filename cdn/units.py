"""Base units, and what they are counted in.

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
