"""Make `.venv` and install the packages of a lock file into it: `python launch/install.py <lock> <stamp>`.

Only what has a hash in the lock file is installed, and only as wheels: no code of a package runs to install it.
Runs with the system's Python before anything is installed, so it imports the standard library alone.
pip's own settings (index, proxy, certificates: environment and pip.conf) count as always.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

VENV = Path(".venv")
# The lock file is complete, so nothing is looked up; a source archive would run its own code, and fetch more, to build.
SAFELY = ("--require-hashes", "--no-deps", "--only-binary=:all:")
LAST_LINES = 25
# Without a terminal a line every so often shows that it goes on.
QUIET_SECONDS = 10.0


class Progress:
    """What is said while pip works: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self) -> None:
        self.step = "starting"
        self._packages = 0
        self._begin = time.monotonic()
        self._terminal = sys.stdout.isatty()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)
        self._thread.start()

    def hear(self, line: str) -> None:
        """Take one line of pip's output."""
        words = line.split()
        if words[:1] == ["Collecting"] and len(words) > 1:
            self._packages += 1
            self.step = f"fetching {words[1]}"
        elif line.startswith("Installing collected packages"):
            self.step = f"installing {line.count(',') + 1} packages"

    def end(self) -> None:
        """Say nothing more."""
        self._done.set()
        self._thread.join()
        if self._terminal:
            print("\r\033[K", end="", flush=True)

    def _show(self) -> None:
        while not self._done.wait(0.2 if self._terminal else QUIET_SECONDS):
            text = f"  {time.monotonic() - self._begin:3.0f} s  {self._packages} packages, {self.step}"
            print(f"\r\033[K{text[:78]}" if self._terminal else text, end="" if self._terminal else "\n", flush=True)


def main(lock: str, stamp: str) -> int:
    """Install and leave `stamp` when all is there; returns the exit status."""
    python = VENV / "bin" / "python"
    if works(python):
        print(f"Bringing {VENV} up to date with {lock} …", flush=True)
    else:
        print("Setting up (first time only, about a minute) …", flush=True)
    progress = Progress()
    try:
        said = make_venv(python) or install(python, lock, progress)
    finally:
        progress.end()
    if said is not None:
        print(said, file=sys.stderr)
        print(f"\nThe packages of {lock} could not be installed; the reason is above.", file=sys.stderr)
        return 1
    Path(stamp).touch()
    print("Set up.", flush=True)
    return 0


def works(python: Path) -> bool:
    """True where the virtual environment is there and its Python starts."""
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def make_venv(python: Path) -> str | None:
    """Make the virtual environment where there is none; returns what went wrong."""
    if works(python):
        return None
    said = ""
    # Debian's Python has no pip to put inside unless python3-venv is installed; ours from outside does too.
    for options in (["--clear"], ["--clear", "--without-pip"]):
        made = subprocess.run(
            [sys.executable, "-m", "venv", *options, str(VENV)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if made.returncode == 0:
            return None
        said = made.stdout
    return said


def pip_command(python: Path) -> list[str]:
    """pip of the virtual environment where it has one, else the one of the Python that runs this."""
    inside = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False)
    if inside.returncode == 0:
        return [str(python), "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", str(python)]


def install(python: Path, lock: str, progress: Progress) -> str | None:
    """Install the packages into the virtual environment; returns the last lines of pip where it failed."""
    command = [*pip_command(python), "install", "--progress-bar=off", *SAFELY, "-r", lock]
    # Settings of the person's that make no sense inside a virtual environment.
    environment = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONUNBUFFERED": "1"}
    last: deque[str] = deque(maxlen=LAST_LINES)
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as pip:
        for line in pip.stdout or ():
            last.append(line)
            progress.hear(line)
    return "".join(last).rstrip() if pip.returncode else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
