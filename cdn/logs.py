"""Log lines of every program: for people, or one JSON object a line. Hostile text stays on its line."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

# Characters that end a line, steer a terminal, turn the text around them, or are half of one.
_CONTROL = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (
        *(*range(32), *range(127, 160), 0x061C, 0x200E, 0x200F, 0x2028, 0x2029),
        *(*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)),
    )
}


def harmless(text: str) -> str:
    """`text` with every control character spelled out: no name can start a line of its own or colour a terminal."""
    return text.translate(_CONTROL)


class TextLines(logging.Formatter):
    """`21:04:05 warning message`; a traceback follows on lines of its own, indented: it may quote names, too."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as text."""
        clock = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        line = f"{clock} {record.levelname.lower():7} {harmless(record.getMessage())}"
        if not record.exc_info:
            return line
        return "\n    ".join([line, *map(harmless, self.formatException(record.exc_info).split("\n"))])


class JsonLines(logging.Formatter):
    """One JSON object a record: at, level, logger, message, the record's `fields`, and a traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """One record as JSON."""
        entry: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def configure(style: Literal["text", "json"], level: str) -> None:
    """Send all log records of `level` and above to standard output in `style`."""
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(JsonLines() if style == "json" else TextLines())
    logging.basicConfig(level=level.upper(), handlers=[lines], force=True)
    # Libraries tell their own story only where something is wrong.
    for name in ("apscheduler", "urllib3", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
