"""What strangers and broken servers send: stream names meant to hurt, and answers that are none. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from demo.lineup import SD, Channel

# A publisher picks any name. "\udcff" stands for the byte ff, which is not UTF-8: SRS passes bytes through.
NAMES = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert('x')>",
    "javascript:alert(1)",
    "=HYPERLINK(\"http://attacker.example\",\"click\")",
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "'; DROP TABLE server; --",
    "' OR '1'='1",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "%s%s%n%d",
    "..%2f..%2fetc%2fpasswd",
    "../../../etc/passwd",
    "line\nbreak ERROR forged log line",
    "carriage\r\nreturn",
    "\x1b[2J\x1b[31mred",
    "tab\tand\x00nul",
    "\u202egnp.exe",
    "zero\u200bwidth",
    "пример-канал",
    "قناة",
    "频道一",
    "📺" * 20,
    "not-utf8-\udcff\udcfe",
    "[link](javascript:alert(1))",
    "**bold** `code` # heading",
    "&lt;already&amp;escaped&gt;",
    "name with spaces ",
    "",
    ".",
    "NaN",
    "null",
    "__proto__",
    "x" * 4_000,
)  # fmt: skip


def channels(count: int, home: str) -> tuple[Channel, ...]:
    """`count` streams a stranger publishes into an origin: nobody watches, every name wants to do harm."""
    plain = Channel("", "__defaultVhost__", "live", home, replace(SD, bitrate=200_000), 0.0, 0.0)
    return tuple(
        replace(plain, name=NAMES[index] if index < len(NAMES) else f"{NAMES[index % len(NAMES)]}~{index}")
        for index in range(count)
    )


def _page(head: bytes, body: bytes, length: int | None = None) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


_OK = b"HTTP/1.1 200 OK\r\nConnection: Close\r\n"
_JSON = _OK + b"Content-Type: application/json\r\n"
# Where a counter begins, in the answers of all kinds.
_COUNTER = re.compile(rb'((?:_bytes|Bytes|sent|received|requests|total|accepted|generation)": ?|<bytes_\w+>|\n )(?=\d)')

# In turn, one for each request; each gets the good answer's body to spoil.
GARBAGE: tuple[Callable[[bytes], bytes], ...] = (
    lambda good: _page(_OK + b"Content-Type: text/html\r\n", b"<html><body><h1>It works!</h1></body></html>"),
    lambda good: _page(_JSON, good[: len(good) // 2]),
    lambda good: _page(_JSON, b""),
    lambda good: _page(_JSON, b"[]"),
    lambda good: _page(_JSON, b"null"),
    lambda good: _page(_JSON, good.replace(b'"code":0', b'"code":100')),
    lambda good: _page(_JSON, good, length=len(good) + 1_000),
    lambda good: _page(_JSON + b"Content-Encoding: gzip\r\n", good),
    lambda good: _page(_JSON, _COUNTER.sub(rb"\1-", good)),
    lambda good: _page(_JSON, _COUNTER.sub(rb"\g<1>9999999999999999999999999", good)),
    lambda good: _page(_JSON, _COUNTER.sub(rb'\1NaN,"x":', good)),
    lambda good: _page(_JSON, _COUNTER.sub(rb'\1"many","x":', good)),
    lambda good: b"HTTP/1.1 500 Internal Server Error\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n",
    lambda good: b"HTTP/1.1 302 Found\r\nConnection: Close\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n",
    lambda good: bytes(range(256)) * 4,
)


def spoiled(good: bytes, turn: int) -> bytes:
    """The turn-th way to spoil a good answer's body: a whole HTTP answer, or what is left of one."""
    bad = GARBAGE[turn % len(GARBAGE)](good)
    # Not every way spoils every answer: then half of it has to do.
    return _page(_JSON, good[: len(good) // 2]) if bad == _page(_JSON, good) else bad
