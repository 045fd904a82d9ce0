"""What the programs never do, whatever it would be good for: run text as code, or put a stranger's words into SQL."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cdn.settings import ROOT
from tests.test_imports import names, parsed, sources

# What runs what it reads, or hands it to a shell.
CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.spawnl", "pty.spawn"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell"),
    *("yaml.load", "yaml.unsafe_load", "yaml.full_load", "pandas.read_pickle", "pd.read_pickle"),
}
MODULES = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
RUN_SQL = {"text", "exec_driver_sql", "copy_expert", "literal_column", "DDL"}
# SQL that is put together when it is asked: where, and of what. Everything else is fixed when the module is loaded.
PUT_TOGETHER = {
    "db/annotations.py:within": "conditions that db/asked.py names for the fields of Only",
    "db/audience.py:_peaks": "tables and columns that db/asked.py names for members of By and Flow",
    "db/audience.py:_sums": "tables and columns that db/asked.py names for members of By and Flow",
    "db/audience.py:_watched": "tables and columns that db/asked.py names for members of By and Flow",
    "db/backfill.py:write": "names of our own tables and columns",
    "db/bill_intervals.py:by_server": "our own columns for a direction, and one of two conditions",
    "db/bill_intervals.py:each_percentile": "our own columns for a direction, and one of two conditions",
    "db/bill_intervals.py:servers": "our own columns for a direction, and one of two conditions",
    "db/bulk.py:copy": "names of our own tables and columns",
    "db/bulk.py:upsert": "names and types of our own columns, and a clause of db/samples.py",
    "db/engine.py:_limits": "a number of milliseconds",
    "db/history.py:_formed": "a table that db/asked.py names",
    "db/history.py:_ranked": "tables and columns that db/asked.py names for members of By and Flow",
    "db/history.py:_series": "tables and columns that db/asked.py names for members of By and Flow",
    "db/history.py:coverage": "tables and columns that db/asked.py names for members of By and Flow",
    "db/history.py:newest": "5m or 1h",
    "db/history.py:peaks": "tables and columns that db/asked.py names for members of By and Flow",
    "db/offload.py:by_channel": "tables and columns that db/asked.py names for members of By and Flow",
    "db/offload.py:by_edge": "tables and columns that db/asked.py names for members of By and Flow",
    "db/offload.py:over_time": "tables and columns that db/asked.py names for members of By and Flow",
    "db/partitions.py:_drop": "names of our own tables",
    "db/partitions.py:_make": "names of our own tables, and days",
    "db/query.py:_refuse_too_much": "conditions that db/asked.py names for the fields of Only",
    "db/query.py:extremes": "the catalogue of quantities, the members of Group and of Level",
    "db/query.py:history": "the catalogue of quantities, the members of Group and of Level",
    "db/responses.py:_responses": "one of two tables of ours",
    "db/retention.py:_measured": "the tables that are kept, and the key of each",
    "db/group_sql.py:_regroup": "our own tables: called when the module is loaded",
    "db/rollup_sql.py:upsert": "our own tables: called when the module is loaded",
}


def called(node: ast.Call) -> str:
    """The dotted name that is called; of something longer its last part: `.execute`."""
    if isinstance(node.func, ast.Name):
        return node.func.id
    if isinstance(node.func, ast.Attribute):
        before = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        return f"{before}.{node.func.attr}"
    return ""


def forbidden(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for name in names(node):
            if name.split(".")[0] in MODULES or name in CALLS:
                yield f"line {getattr(node, 'lineno', 0)} imports {name}"
        if not isinstance(node, ast.Call):
            continue
        if called(node) in CALLS:
            yield f"line {node.lineno} calls {called(node)}"
        for given in node.keywords:
            no = isinstance(given.value, ast.Constant) and given.value.value is False
            if given.arg in ("shell", "allow_pickle") and not no:
                yield f"line {node.lineno} gives {given.arg}"


def put_together(tree: ast.AST, function: str = "") -> Iterator[str]:
    """The functions that hand SQL to the database that was not there before they were called."""
    for node in ast.iter_child_nodes(tree):
        is_sql = isinstance(node, ast.Call) and called(node).split(".")[-1] in RUN_SQL
        if is_sql and function and isinstance(node, ast.Call) and node.args and not is_fixed(node.args[0]):
            yield function
        yield from put_together(node, node.name if isinstance(node, ast.FunctionDef) else function)


def is_fixed(sql: ast.expr) -> bool:
    """True for text of the source and for constants of the module, which are in capitals."""
    match sql:
        case ast.Constant():
            return True
        case ast.Name(id=name):
            return name.isupper()
        case ast.JoinedStr(values=parts):
            return all(is_fixed(part.value if isinstance(part, ast.FormattedValue) else part) for part in parts)
        case ast.BinOp(left=left, right=right):
            return is_fixed(left) and is_fixed(right)
    return False


def found(what: Callable[[ast.AST], Iterator[str]], files: list[Path]) -> list[str]:
    return sorted({f"{file.relative_to(ROOT).as_posix()}:{each}" for file in files for each in what(parsed(file))})


def test_nothing_runs_text_as_code_or_through_a_shell() -> None:
    assert found(forbidden, sources()) == []


@pytest.mark.parametrize(
    "code",
    [
        "eval(x)",
        "import pickle",
        "from marshal import loads",
        "from os import system",
        "import os\nos.system('ls')",
        "subprocess.run(x, shell=True)",
        "run(x, shell=wanted)",
        "yaml.load(x)",
        "np.load(x, allow_pickle=True)",
    ],
)
def test_the_search_for_them_finds_them(code: str) -> None:
    assert list(forbidden(ast.parse(code)))


def test_sql_that_is_put_together_at_run_time_is_made_of_our_own_words() -> None:
    """Only db speaks SQL (tests/test_imports.py), and nobody speaks to its migrations."""
    files = [file for file in (ROOT / "db").rglob("*.py") if "migrations" not in file.parts]
    assert found(put_together, files) == sorted(PUT_TOGETHER)


@pytest.mark.parametrize(
    "body",
    [
        "c.execute(text('SELECT ' + name))",
        "c.execute(text(f'SELECT {name}'))",
        "c.exec_driver_sql('SELECT %s' % name)",
        "c.execute(text('SELECT {}'.format(name)))",
        "c.execute(text(query))",
        "c.execute(sqlalchemy.text(name))",
    ],
)
def test_the_search_for_such_sql_finds_it(body: str) -> None:
    assert list(put_together(ast.parse(f"def ask(c, name):\n    {body}"))) == ["ask"]
    fixed = "def ask(c, name):\n    c.execute(text(f'SELECT {_COLUMNS} WHERE name = :name'), {'name': name})"
    assert list(put_together(ast.parse(fixed))) == []
