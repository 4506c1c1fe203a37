"""What the import contracts cannot say: rooms stay small, kernels have one door, nothing is left lying about."""

from __future__ import annotations

import ast
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import netlake
from netlake import protocols, tables

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "netlake"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = sorted([*MODULES, *(ROOT / "tests").rglob("*.py")])
KERNELS = PACKAGE / "kernels" / "__init__.py"

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60

# split, so that this file does not find itself
UNFINISHED = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error"]))
STRANGE = re.compile(
    "|".join(["/wo" + "rk/", "/ho" + "me/", "/ro" + "ot/", r"\bpy" + r"pi\.(?!org)", "artif" + "actory"]), re.IGNORECASE
)

# tables that the pipeline fills with facts about packets and captures, not from a message's bytes
FILLED = {"packet", "interface", "packet_comment", "name_resolution"}


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def called(path: Path) -> str:
    """How a file is called in a report."""
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    """Every module that a file imports, anywhere in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def committed() -> list[Path]:
    """Every text file of the project that git knows, or that lies there where git does not."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return SOURCES
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and ".pcap" not in path.name]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, however deep."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_a_module_is_no_larger_than_a_reader_can_hold() -> None:
    lengths = {called(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_a_function_fits_a_screen() -> None:
    lengths = {
        f"{called(path)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in SOURCES
        for node in functions(path)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_a_module_a_class_and_a_public_function_say_what_they_are() -> None:
    assert [name for path in MODULES for name in undocumented(path)] == []


def undocumented(path: Path) -> Iterator[str]:
    """What of a file lacks a sentence: itself, its classes and functions, their methods."""
    if not ast.get_docstring(tree(path)):
        yield called(path)
    outer = [node for node in tree(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    inner = [node for one in outer if isinstance(one, ast.ClassDef) for node in one.body]
    for node in [*outer, *inner]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not (
            node.name.startswith("_") or ast.get_docstring(node)
        ):
            yield f"{called(path)}:{node.lineno} {node.name}"


def test_kernels_have_one_door() -> None:
    """A jitted function that does not come through `kernel` would read outside its arrays unchecked."""
    others = [path for path in MODULES if path != KERNELS]
    found = [(called(path), name) for path in others for name in imported(path)]
    assert [(path, name) for path, name in found if name.split(".")[0] in ("numba", "llvmlite")] == []
    assert [
        called(path) for path in others if re.search(r"import_module\(.numba", path.read_text(encoding="utf-8"))
    ] == []


def test_the_door_checks_bounds() -> None:
    """There is one place that compiles, and nothing turns its checks off."""
    calls = [node for node in ast.walk(tree(KERNELS)) if isinstance(node, ast.Call)]
    jitted = [node for node in calls if ast.unparse(node.func).endswith(("njit", ".jit", "vectorize", "cfunc"))]
    assert jitted
    text = KERNELS.read_text(encoding="utf-8")
    assert '"boundscheck": True' in text
    assert all("**options" in ast.unparse(node) for node in jitted)
    assert not re.search(r"boundscheck\W+(False|None)", text)


def test_kernels_live_in_their_package() -> None:
    outside = [path for path in MODULES if KERNELS.parent not in path.parents]
    jitted = [
        f"{called(path)}: {node.name}"
        for path in outside
        for node in functions(path)
        if any("kernel" in ast.unparse(one) for one in node.decorator_list)
    ]
    assert jitted == []


def lines(paths: list[Path], pattern: re.Pattern[str]) -> list[str]:
    """Every line that a pattern finds."""
    return [
        f"{called(path)}:{number} {line.strip()[:100]}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_nothing_is_left_open() -> None:
    assert lines(SOURCES, UNFINISHED) == []


def test_the_project_speaks_of_itself_alone() -> None:
    assert lines(committed(), STRANGE) == []


def homes() -> list[str]:
    """Every file or package directly under protocols/."""
    return [found.name for found in pkgutil.iter_modules(protocols.__path__)]


@pytest.mark.parametrize("home", homes())
def test_a_protocol_declares_tables_and_each_has_cases(home: str) -> None:
    name = f"netlake.protocols.{home}"
    declared = [
        entry.table for entry in tables.entries().values() if f"{entry.module.__name__}.".startswith(f"{name}.")
    ]
    assert declared, f"{name} declares no TABLES"
    without = [
        table.name
        for table in declared
        if table.name not in FILLED and not (ROOT / "tests" / "protocols" / f"{table.name}.toml").is_file()
    ]
    assert without == []


def test_public_names_are_there_and_cost_nothing_until_used() -> None:
    assert sorted(netlake.__all__) == netlake.__all__
    for name in netlake.__all__:
        assert getattr(netlake, name) is not None
    code = (
        "import sys, netlake; print([m for m in ('numpy', 'pyarrow', 'duckdb', 'polars', 'numba') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"
