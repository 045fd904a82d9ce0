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


# How far something is, as a child says it: `43 % what it is at`.
PROGRESS = re.compile(r"(\d{1,3}) % (.{0,60})")
BAR = 24


class Output:
    """Prints lines as `name │ text`. Colours only where asked for.

    redraws: the stream is a terminal, on which a line can change; elsewhere progress is a line every tenth.
    """

    def __init__(self, names: list[str], *, colours: bool, redraws: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout
        self._redraws = redraws
        self._bar = ""
        self._tenth = -1
        self._width = max(len(name) for name in [OWN_NAME, *names])
        self._colours = dict(zip(names, COLOURS * len(names), strict=False)) if colours else {}

    def line(self, name: str, text: str) -> None:
        """Print one line of `name`; empty ones are left out. A terminal that has gone is no reason to end."""
        text = CONTROL.sub("", text).rstrip()
        if text:
            self._write(f"{self._cleared}{self._label(name)} {text}\n{self._bar}")

    def progress(self, name: str, text: str) -> None:
        """Show how far `name` is where it says so; anything else it says is a line like any other."""
        found = PROGRESS.fullmatch(CONTROL.sub("", text).rstrip())
        if found is None:
            self.line(name, text)
            return
        done, what = min(100, int(found[1])), found[2]
        full = round(done / 100 * BAR)
        shown = f"{'█' * full}{'░' * (BAR - full)} {done:3} %  {what}"
        if self._redraws:
            cleared = self._cleared
            self._bar = f"{self._label(name)} {shown}"
            self._write(f"{cleared}{self._bar}")
        elif done // 10 > self._tenth:
            self._tenth = done // 10
            self.line(name, shown)

    def end_progress(self) -> None:
        """Nothing is under way any more."""
        cleared, self._bar, self._tenth = self._cleared, "", -1
        self._write(cleared)

    @property
    def _cleared(self) -> str:
        """What takes the bar off the terminal, if there is one."""
        return "\r\x1b[K" if self._bar else ""

    def _label(self, name: str) -> str:
        label = f"{name:<{self._width}} │"
        return f"\x1b[{self._colours[name]}m{label}\x1b[0m" if name in self._colours else label

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()

    def say(self, text: str) -> None:
        """Print one line of our own."""
        self.line(OWN_NAME, text)
