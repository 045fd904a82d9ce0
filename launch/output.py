"""One terminal for several programs: whole lines, each behind the name of who says it."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from typing import TextIO

# Cyan, magenta, blue, green, yellow: readable on light and dark terminals alike.
COLOURS = (36, 35, 34, 32, 33)
OWN_NAME = "launch"
# Text from children can hold names that strangers chose: no control characters reach the terminal.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Output:
    """Prints lines as `name │ text`. Colours only where asked for."""

    def __init__(self, names: list[str], *, colours: bool, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._width = max(len(name) for name in [OWN_NAME, *names])
        self._colours = dict(zip(names, COLOURS * len(names), strict=False)) if colours else {}

    def line(self, name: str, text: str) -> None:
        """Print one line of `name`; empty ones are left out. A terminal that has gone is no reason to end."""
        text = CONTROL.sub("", text).rstrip()
        if not text:
            return
        label = f"{name:<{self._width}} │"
        if name in self._colours:
            label = f"\x1b[{self._colours[name]}m{label}\x1b[0m"
        with suppress(OSError, ValueError):
            self._stream.write(f"{label} {text}\n")
            self._stream.flush()

    def say(self, text: str) -> None:
        """Print one line of our own."""
        self.line(OWN_NAME, text)
