"""Names as text that stays where it is put. They come from strangers, wherever they are shown."""

from __future__ import annotations

import re

# Control characters, those that turn the direction of the text around them, and those of no width that are in no word.
_UNSEEN = dict.fromkeys(
    (
        *(*range(32), *range(127, 160), 0x061C, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0xFEFF),
        *(*range(0x202A, 0x202F), *range(0x2060, 0x2065), *range(0x2066, 0x206A)),
    ),
    "�",
)
# Marks over and under a letter: no language stacks more than a few, and a tower of them covers the lines around it.
_MARK = r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_TOWER = re.compile(f"({_MARK}{{4}}){_MARK}+")


def plain(value: object) -> str:
    """`value` as text without characters that are not seen, turn the text around them or cover it."""
    text = str(value).translate(_UNSEEN)
    return text if text.isascii() else _TOWER.sub(r"\1", text)
