"""What is installed: named where it is used, pinned with everything that comes along, and compared by hash."""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distributions, packages_distributions, requires
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cdn.settings import ROOT
from launch import install
from tests.test_imports import MAY_IMPORT, names, parsed, sources
from tests.vulnerabilities import judge, judge_end

SHORT = {"requirements.txt": "requirements.lock", "requirements-dev.txt": "requirements-dev.lock"}
OURS = {*MAY_IMPORT, "tests", "benchmarks"}
# Put into every virtual environment by Python itself.
PYTHONS_OWN = {"pip", "setuptools", "wheel"}
PINNED = re.compile(r"^([\w.-]+)==([\w.]+)(?: ; ([^\\]+?))?(?: \\)?$", re.MULTILINE)


@dataclass(frozen=True)
class Locked:
    """One package of a lock file: its marker says on which Pythons and platforms it is needed."""

    version: str
    marker: str
    hashes: frozenset[str]

    @property
    def is_needed(self) -> bool:
        return not self.marker or Marker(self.marker).evaluate()


@cache
def locked(file: str) -> dict[str, Locked]:
    text = (ROOT / file).read_text()
    found = list(PINNED.finditer(text))
    ends = [*(each.start() for each in found[1:]), len(text)]
    return {
        each[1]: Locked(
            each[2], each[3] or "", frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})\b", text[each.end() : end]))
        )
        for each, end in zip(found, ends, strict=True)
    }


def named(file: str) -> dict[str, tuple[str, str]]:
    """name → (version, the comment behind it) of the lines of a short list itself."""
    lines = [line for line in (ROOT / file).read_text().splitlines() if line and not line.startswith(("#", "-r"))]
    pins = [(line.partition("#")[0].strip().split("=="), line.partition("#")[2].strip()) for line in lines]
    return {canonicalize_name(name): (version, comment) for (name, version), comment in pins}


def imported(files: Iterator[Path]) -> set[str]:
    """The packages, by the names they are installed under, whose modules `files` import."""
    modules = {name.split(".")[0] for file in files for node in ast.walk(parsed(file)) for name in names(node)}
    strangers = modules - OURS - sys.stdlib_module_names
    packages = packages_distributions()
    return {canonicalize_name(packages[each][0]) for each in strangers}


def by_programs() -> set[str]:
    return imported(iter(sources()))


def by_tests() -> set[str]:
    return imported(file for folder in ("tests", "benchmarks") for file in (ROOT / folder).rglob("*.py"))


def test_everything_that_is_imported_is_named() -> None:
    assert by_programs() - named("requirements.txt").keys() == set()
    assert by_tests() - named("requirements.txt").keys() - named("requirements-dev.txt").keys() == set()


def test_everything_that_is_named_is_imported_or_says_why() -> None:
    for file, used in (("requirements.txt", by_programs()), ("requirements-dev.txt", by_tests())):
        unexplained = {
            name
            for name, (_, comment) in named(file).items()
            if (name in used) == comment.startswith("not imported")  # said of what is, or not said of what is not
        }
        assert unexplained == set(), file


@pytest.mark.parametrize("short", SHORT)
def test_the_lock_has_everything_that_is_named_in_that_version(short: str) -> None:
    lock = locked(SHORT[short])
    assert {name: version for name, (version, _) in named(short).items()}.items() <= {
        name: each.version for name, each in lock.items()
    }.items(), "run: make lock"


@pytest.mark.parametrize("lock", SHORT.values())
def test_everything_locked_has_a_hash(lock: str) -> None:
    pinned = [line for line in (ROOT / lock).read_text().splitlines() if line and not line.startswith((" ", "#"))]
    assert len(pinned) == len(locked(lock)) > 60
    assert [name for name, each in locked(lock).items() if not each.hashes] == []


@pytest.mark.parametrize("lock", SHORT.values())
def test_a_lock_says_nothing_of_the_machine_it_was_made_on(lock: str) -> None:
    assert re.findall(r".*(?:://|--(?!hash=sha256:)| /|\\\w).*", (ROOT / lock).read_text()) == []


def test_tests_run_with_what_the_programs_run_with() -> None:
    assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items(), "run: make lock"


def test_the_lock_is_complete() -> None:
    """Nothing is looked up when it is installed, so what a package needs has to be there."""
    lock = locked("requirements-dev.lock")
    missing = [
        f"{name} needs {need}"
        for name, each in lock.items()
        if each.is_needed
        for need in map(Requirement, requires(name) or [])
        if need.marker is None or need.marker.evaluate({"extra": ""})
        if not (found := lock.get(canonicalize_name(need.name))) or not need.specifier.contains(found.version, True)
    ]
    assert missing == []


def test_what_is_installed_is_what_is_locked() -> None:
    lock = {name: each.version for name, each in locked("requirements-dev.lock").items() if each.is_needed}
    installed: dict[str, str] = {canonicalize_name(each.name): each.version for each in distributions()}
    assert {name: installed.get(name) for name in lock} == lock, "run: make .venv/development"
    assert installed.keys() - lock.keys() - PYTHONS_OWN == set(), "nobody locked these; run: make clean"


class Index(SimpleHTTPRequestHandler):
    """A package index of one package."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The one wheel of an index that pip asks; in the working folder there is an empty `.venv`."""
    folder = tmp_path / "index" / "inert"
    folder.mkdir(parents=True)
    wheel = folder / "inert-1.0-py3-none-any.whl"
    with ZipFile(wheel, "w") as archive:
        archive.writestr("inert.py", "")
        archive.writestr("inert-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: inert\nVersion: 1.0\n")
        archive.writestr("inert-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("inert-1.0.dist-info/RECORD", "")
    (folder / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')

    def answer(*given: object) -> Index:
        return Index(*given, directory=str(folder.parent))  # type: ignore[arg-type]

    with ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        for setting in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONSTRAINT"):
            monkeypatch.delenv(setting, raising=False)
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.chdir(tmp_path)
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], check=True)
        monkeypatch.setattr(
            install, "pip_command", lambda python: [sys.executable, "-m", "pip", "--python", str(python)]
        )
        yield wheel
        server.shutdown()


def installs(wheel: Path, hash_: str) -> bool:
    """Whether our installer takes `wheel` where the lock has `hash_` for it; a stamp is left only then."""
    Path("lock").write_text(f"inert==1.0{f' --hash=sha256:{hash_}' if hash_ else ''}\n")
    status = install.main("lock", "stamp")
    there = any(Path(".venv").rglob("inert.py"))
    assert there == Path("stamp").exists() == (status == 0)
    return there


def test_a_package_that_is_not_the_one_that_was_locked_is_not_installed(
    index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not installs(index, sha256(b"another").hexdigest())
    assert "do not match the hashes" in capsys.readouterr().err.lower().replace("\n", " ")
    assert not installs(index, "")
    assert installs(index, sha256(index.read_bytes()).hexdigest())


def test_no_code_of_a_package_runs_to_install_it(index: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    index.unlink()
    source = index.with_name("inert-1.0.tar.gz")
    files = {
        "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'build'\nbackend-path = ['.']\n",
        "build.py": f"open({str(ran)!r}, 'w').close()\n",
        "PKG-INFO": "Metadata-Version: 2.1\nName: inert\nVersion: 1.0\n",
    }
    with tarfile.open(source, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"inert-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    (source.parent / "index.html").write_text(f'<a href="{source.name}">{source.name}</a>')
    assert not installs(source, sha256(source.read_bytes()).hexdigest())
    assert not ran.exists()


def package(name: str, *fixes: list[str]) -> dict[str, object]:
    return {"name": name, "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": each} for each in fixes]}


def skipped(name: str) -> dict[str, object]:
    return {"name": name, "skip_reason": "Dependency not found"}


def test_a_vulnerability_that_a_newer_version_mends_fails() -> None:
    verdict = judge(json.dumps({"dependencies": [package("a", ["1.1"]), package("b"), skipped("c")]}))
    assert verdict.failed
    assert verdict.lines[0] == "a 1.0: CVE-1, mended in 1.1"
    assert verdict.lines[1] == "2 packages looked up, 1 known vulnerabilities"
    assert "c" in verdict.lines[2]


def test_a_vulnerability_that_nothing_mends_is_told() -> None:
    verdict = judge(json.dumps({"dependencies": [package("a", [])]}))
    assert not verdict.failed
    assert verdict.lines[0] == "a 1.0: CVE-1, not mended yet"


def test_a_service_that_knows_nothing_is_not_taken_for_good_news() -> None:
    verdict = judge(json.dumps({"dependencies": [skipped("a"), skipped("b")]}))
    assert not verdict.failed
    assert "out of reach" in verdict.lines[0]


def test_a_service_out_of_reach_is_told_apart_from_a_broken_lock() -> None:
    assert not judge_end("Traceback …\nrequests.exceptions.ProxyError: Unable to connect to proxy").failed
    broken = judge_end("ERROR:pip_audit._cli:requirement a does not contain a hash")
    assert broken.failed
    assert "does not contain a hash" in broken.lines[0]
