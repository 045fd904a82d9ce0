"""The documents say what is true: what they name exists, and what they promise to be complete is."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine

from actions.import_servers import import_servers
from cdn import VERSION
from cdn.model import LOCAL_ADMIN
from cdn.settings import ROOT, Settings
from collector.sources import SOURCES
from db.secrets import new_key
from tests.test_imports import MAY_IMPORT

DOCUMENTS = ("README.md", "docs/ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
# Not of the repository: made by use, or the reader's own.
MADE_BY_USE = {".venv", ".env", "data", "servers.toml"}
FILES = (".py", ".js", ".md", ".toml", ".css", ".html")
CODE = re.compile(r"```.*?```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?<![\w./:<{-])[\w.-]+(?:/[\w.-]+)*/?")
TARGET = re.compile(r"\bmake ([a-z][a-z0-9]*)\b")
SETTING = re.compile(r"(?<![\w$])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?![\w])")
MODULE = re.compile(r"python -m ([a-z_]+(?:\.[a-z_]+)*)")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def marked(name: str) -> str:
    """What `name` marks as code, in the line and in blocks."""
    whole = text(name)
    return "\n".join([*CODE.findall(whole), *NAMED.findall(CODE.sub("", whole))])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    own = [link for link in LINK.findall(CODE.sub("", text(document))) if "://" not in link]
    assert [link for link in own if not (folder / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_are_named_exist(document: str) -> None:
    assert [path for path in paths(marked(document)) if not (ROOT / path).exists()] == []


def paths(code: str) -> set[str]:
    """What `code` names of the repository: files by their ending, everything else by the folder it begins with."""
    found = {path for path in PATH.findall(code) if path.split("/")[0] not in MADE_BY_USE}
    return {path for path in found if path.endswith(FILES) or ("/" in path and (ROOT / path.split("/")[0]).exists())}


def test_the_search_for_paths_finds_them() -> None:
    code = "cdn/no.py .ci/run web/api/: nowhere/no.py (README.md) python -m db /tmp/x/y.py data/z servers.toml a/b"
    assert paths(code) == {"cdn/no.py", ".ci/run", "web/api/", "nowhere/no.py", "README.md"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_make_targets_that_are_named_exist(document: str) -> None:
    targets = set(re.findall(r"^([a-z0-9]+):", text("Makefile"), re.MULTILINE))
    assert set(TARGET.findall(marked(document))) - targets == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_settings_that_are_named_exist(document: str) -> None:
    known = {name.upper() for name in Settings.model_fields}
    assert set(SETTING.findall(text(document))) - known - constants() == set()


def constants() -> set[str]:
    """Names in capitals that the code itself has at the top of a module."""
    found = set()
    for file in ROOT.glob("*/*.py"):
        found |= set(re.findall(r"^([A-Z][A-Z0-9_]+)\b", file.read_text("utf-8"), re.MULTILINE))
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_programs_that_are_named_exist(document: str) -> None:
    libraries = {"ruff", "pytest", "mypy"}
    named = {name.replace(".", "/") for name in MODULE.findall(marked(document)) if name not in libraries}
    assert [name for name in named if not runs(name)] == []


def runs(name: str) -> bool:
    return (ROOT / f"{name}.py").exists() or (ROOT / name / "__main__.py").exists()


def test_the_readme_fits_on_a_screen() -> None:
    assert len(text("README.md").splitlines()) <= 80


def test_the_readme_names_every_kind_of_server() -> None:
    """Nothing is promised that is not read, nothing is read in secret."""
    listed = re.search(r"^Kinds: (.+?)\n\n", text("README.md"), re.MULTILINE | re.DOTALL)
    assert listed is not None
    assert set(NAMED.findall(listed[1])) == {kind.value for kind in SOURCES}


def test_the_example_of_a_file_can_be_imported(engine: Engine) -> None:
    example = re.search(r"```toml\n(.+?)```", text("README.md"), re.DOTALL)
    assert example is not None
    assert import_servers(engine, example[1], key=new_key(), by=LOCAL_ADMIN).added == example[1].count("[[server]]")


def test_the_screenshot_is_of_a_size_to_be_loaded() -> None:
    shot = (ROOT / "docs/images/overview.png").read_bytes()
    assert shot[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(shot[16:20], "big"), int.from_bytes(shot[20:24], "big")) == (1440, 900)
    assert len(shot) <= 200_000


def test_the_table_of_imports_is_the_one_that_is_kept() -> None:
    section = text("docs/ARCHITECTURE.md").partition("| package |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([a-z]+) \| ([^|]+) \| ", section, re.MULTILINE)
    table = {package: set() if allowed == "–" else set(allowed.split(", ")) for package, allowed in rows}
    assert table == MAY_IMPORT


def test_the_budgets_are_those_that_are_kept() -> None:
    kept = {target: int(seconds) for seconds, target in re.findall(r"step (\d+) make (\w+)", text(".ci/run"))}
    told = re.findall(r"^\| `make (\w+)` \|.*\| (\d+) min \|$", text("docs/ARCHITECTURE.md"), re.MULTILINE)
    assert {target: int(minutes) * 60 for target, minutes in told} == kept


def test_the_changelog_begins_with_this_version() -> None:
    newest = re.search(r"^## \[(.+?)\]", text("CHANGELOG.md"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == VERSION
