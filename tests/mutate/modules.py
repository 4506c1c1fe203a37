"""Modules that are mutated, and what depends on each of them: modules to execute again, tables to check.

A mutated module is executed again in its own namespace, so that every module object stays the same; after it every
loaded module that imports it, as these have bound its names. Functions that others keep (readers in a dispatch table)
are thereby new everywhere.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path
from types import CodeType

from netlake import tables

MUTATED = ("netlake.protocols.", "netlake.layers.", "netlake.records.")
# below the protocols, but no readers of messages: these have tests of their own
OTHERS = {
    f"netlake.layers.{name}" for name in ("pools", "entropy", "quoted", "dialog", "dialog_walker", "spans", "streamed")
}
ROOT = Path(__file__).resolve().parents[2]


def source(name: str) -> str:
    """The text of a loaded module."""
    return path(name).read_text()


def path(name: str) -> Path:
    """The file of a loaded module."""
    return Path(str(sys.modules[name].__file__))


def relative(name: str) -> str:
    """The file of a loaded module, from the root of the project."""
    return path(name).relative_to(ROOT).as_posix()


@cache
def direct(name: str, package: str = "netlake.") -> frozenset[str]:
    """Modules of a package that a loaded module imports itself when it is executed."""
    found: set[str] = set()
    for node in ast.parse(source(name)).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset(one for one in found if one.startswith(package) and one in sys.modules)


@cache
def imports(name: str) -> frozenset[str]:
    """Modules of netlake that a loaded module imports, all the way down."""
    found: set[str] = set()
    waiting = set(direct(name))
    while waiting:
        one = waiting.pop()
        found.add(one)
        waiting |= direct(one) - found
    return frozenset(found - {name})


@cache
def loaded() -> tuple[str, ...]:
    """Loaded modules of netlake, each behind those that it imports."""
    names = [name for name, module in sys.modules.items() if name.startswith("netlake.") and module.__file__]
    return tuple(sorted(names, key=lambda name: (len(imports(name)), name)))


@cache
def code(name: str) -> CodeType:
    """The module as it is, compiled."""
    return compile(source(name), str(path(name)), "exec")


def helpers(name: str) -> list[str]:
    """Modules of tests that a loaded one imports, all the way down, each behind those that it imports."""
    found: list[str] = []
    for one in sorted(one for one in direct(name, "tests.") if sys.modules[one].__file__):
        found += [*(further for further in helpers(one) if further not in found), *(() if one in found else (one,))]
    return found


def mutable(checked: Collection[str]) -> list[str]:
    """Modules that the readers of the tables `checked` are made of, whose mutants their cases should notice."""
    readers = {tables.entries()[table].module.__name__ for table in checked}
    found = readers.union(*map(imports, readers))
    return sorted(name for name in found - OTHERS if name.startswith(MUTATED))


def users(name: str) -> list[str]:
    """Tables whose reader is in the module or imports it."""
    return [
        table
        for table, entry in tables.entries().items()
        if name == entry.module.__name__ or name in imports(entry.module.__name__)
    ]


def execute(name: str, mutated: CodeType) -> None:
    """Execute `mutated` as the module `name`, then what imports it, in this process."""
    exec(mutated, sys.modules[name].__dict__)  # noqa: S102 - it is the module's own code but for one change
    for other in loaded():
        # the list of tables imports none of them by name
        if name in imports(other) and other != tables.__name__:
            exec(code(other), sys.modules[other].__dict__)  # noqa: S102 - as it is
    for found in (tables.entries, tables.in_streams, tables.in_datagrams, tables.views):
        found.cache_clear()
