"""Rules that the import contracts cannot express: sizes, docstrings, kernels, unfinished code, language."""

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
MOST_PARAMETERS = 14
# values in a returned tuple are known by their position only, and so are columns of a matrix behind a number
LONGEST_TUPLE = 4
MOST_LONG_TUPLES = 40
MOST_NUMBERED_SLOTS = 40

# split, so that the patterns do not match this file
UNFINISHED = re.compile("|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error"]))
FOREIGN = re.compile(
    "|".join(["/wo" + "rk/", "/ho" + "me/", "/ro" + "ot/", r"\bpy" + r"pi\.(?!org)", "artif" + "actory"]), re.IGNORECASE
)

# words that plain technical English does not need (see docs/contributing.md), and how many occurrences are allowed
ARCHAIC = re.compile(r"\b(stands|lies|told|tells|seldom|whoever)\b", re.IGNORECASE)
MOST_ARCHAIC = 40

# tables that the pipeline fills from packets and captures, without messages
FILLED = {"packet", "interface", "packet_comment", "packet_option", "name_resolution"}


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def called(path: Path) -> str:
    """The path of a file relative to the project."""
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    """All modules that a file imports, also inside functions."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def committed() -> list[Path]:
    """All text files of the project in git; without git, all Python files."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return SOURCES
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and ".pcap" not in path.name]


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions of a file, nested ones included."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_modules_have_at_most_400_lines() -> None:
    lengths = {called(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: length for name, length in lengths.items() if length > LONGEST_MODULE} == {}


def test_functions_have_at_most_60_lines() -> None:
    lengths = {
        f"{called(path)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in SOURCES
        for node in functions(path)
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_functions_have_at_most_14_parameters() -> None:
    counts = {
        f"{called(path)}:{node.lineno} {node.name}": len(
            [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        )
        for path in MODULES
        for node in functions(path)
    }
    assert {name: count for name, count in counts.items() if count > MOST_PARAMETERS} == {}


def test_long_tuples_are_rarely_returned() -> None:
    returned = [
        f"{called(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Return)
        for value in ([node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value])
        if isinstance(value, ast.Tuple) and len(value.elts) > LONGEST_TUPLE
    ]
    assert len(returned) <= MOST_LONG_TUPLES, returned


def test_kernels_use_records_instead_of_numbered_slots() -> None:
    """A slot is a constant number that is used as an index: `state[row, COUNT]`; a record has `state[row].count`."""
    slots = {f"{called(path)} {name}" for path in MODULES if KERNELS.parent in path.parents for name in indices(path)}
    assert len(slots) <= MOST_NUMBERED_SLOTS, sorted(slots)


def indices(path: Path) -> Iterator[str]:
    """Constants of modules (upper case, not of an enumeration) that a file uses as an index."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Subscript):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            names = [part for part in parts if isinstance(part, ast.Name | ast.Attribute)]
            yield from (
                text for part in names if re.fullmatch(r"([a-z_]+\.)?[A-Z][A-Z0-9_]+", text := ast.unparse(part))
            )


def test_modules_classes_and_public_functions_have_docstrings() -> None:
    assert [name for path in MODULES for name in undocumented(path)] == []


def undocumented(path: Path) -> Iterator[str]:
    """Names in a file without a docstring: the module, its classes and functions, their methods."""
    if not ast.get_docstring(tree(path)):
        yield called(path)
    outer = [node for node in tree(path).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    inner = [node for one in outer if isinstance(one, ast.ClassDef) for node in one.body]
    for node in [*outer, *inner]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not (
            node.name.startswith("_") or ast.get_docstring(node)
        ):
            yield f"{called(path)}:{node.lineno} {node.name}"


def test_numba_is_imported_in_one_module() -> None:
    """A function compiled without `kernel` would not check the bounds of arrays."""
    others = [path for path in MODULES if path != KERNELS]
    found = [(called(path), name) for path in others for name in imported(path)]
    assert [(path, name) for path, name in found if name.split(".")[0] in ("numba", "llvmlite")] == []
    assert [
        called(path) for path in others if re.search(r"import_module\(.numba", path.read_text(encoding="utf-8"))
    ] == []


def test_kernels_check_bounds() -> None:
    """The options of the only compiler call contain boundscheck, and nothing disables it."""
    calls = [node for node in ast.walk(tree(KERNELS)) if isinstance(node, ast.Call)]
    jitted = [node for node in calls if ast.unparse(node.func).endswith(("njit", ".jit", "vectorize", "cfunc"))]
    assert jitted
    text = KERNELS.read_text(encoding="utf-8")
    assert '"boundscheck": True' in text
    assert all("**options" in ast.unparse(node) for node in jitted)
    assert not re.search(r"boundscheck\W+(False|None)", text)


def test_kernels_are_in_their_package() -> None:
    outside = [path for path in MODULES if KERNELS.parent not in path.parents]
    jitted = [
        f"{called(path)}: {node.name}"
        for path in outside
        for node in functions(path)
        if any("kernel" in ast.unparse(one) for one in node.decorator_list)
    ]
    assert jitted == []


def lines(paths: list[Path], pattern: re.Pattern[str]) -> list[str]:
    """All lines that match a pattern."""
    return [
        f"{called(path)}:{number} {line.strip()[:100]}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def test_archaic_words_are_rare() -> None:
    """The language rules of docs/contributing.md, as far as a count of words can check them."""
    counts = {called(path): len(ARCHAIC.findall(path.read_text(encoding="utf-8"))) for path in prose()}
    assert sum(counts.values()) <= MOST_ARCHAIC, {name: count for name, count in counts.items() if count}


def prose() -> list[Path]:
    """The README, the documents, and all modules and queries of the package."""
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "netlake" / "queries").glob("*.sql")]
    return sorted([*documents, *MODULES])


def test_no_unfinished_code() -> None:
    assert lines(SOURCES, UNFINISHED) == []


def test_no_local_paths_or_hosts() -> None:
    assert lines(committed(), FOREIGN) == []


def protocol_modules() -> list[str]:
    """Names of all modules and packages in netlake.protocols."""
    return [found.name for found in pkgutil.iter_modules(protocols.__path__)]


@pytest.mark.parametrize("module", protocol_modules())
def test_protocol_declares_tables_with_cases(module: str) -> None:
    name = f"netlake.protocols.{module}"
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


def test_public_names_exist_and_are_imported_lazily() -> None:
    assert sorted(netlake.__all__) == netlake.__all__
    for name in netlake.__all__:
        assert getattr(netlake, name) is not None
    code = (
        "import sys, netlake; print([m for m in ('numpy', 'pyarrow', 'duckdb', 'polars', 'numba') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ran.stdout.strip() == "[]"
