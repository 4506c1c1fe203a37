"""Every table, found by walking protocols/, streams/ and flows/: no list of them is kept.

A module there declares `TABLES`; a family's package declares them in its modules. Outside tables are modules of the
same shape: installed ones come by the entry point group `netlake.protocols`, single files by `load`.

Decided here:
- What comes from outside must keep the rules of declarations (netlake.schema.rules), or it is refused with a sentence
  that names it; a broken one is never passed over in silence.
- The columns of an outside table have ids in the order of their declaration, so it grows at its end. A folder `schemas`
  beside its module may hold its frozen contract, NAME.json, which then gives the ids. A lake that knows a column by
  another id refuses the rows and says so (netlake.lake.evolve).
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.abc import Loader
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from netlake import flows, protocols, streams
from netlake.errors import SchemaError
from netlake.hooks import Hooks, hooks_of, mistakes
from netlake.schema import Table, contract

GROUP = "netlake.protocols"
# modules of single files by their path, in the order in which they were loaded
_LOADED: dict[Path, ModuleType] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """A table, the module that declares it and its hooks; `outside` marks a table of a plugin."""

    table: Table
    module: ModuleType
    hooks: Hooks
    outside: bool = False


def _modules() -> Iterator[ModuleType]:
    for package in (protocols, streams, flows):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            yield importlib.import_module(found.name)


def _outside() -> Iterator[tuple[str, ModuleType]]:
    """Modules from outside, each with what to call it."""
    for point in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        what = f"The plugin {point.name} of {point.dist.name if point.dist else point.value}"
        yield what, _imported(what, point.load)
    for path, module in _LOADED.items():
        yield f"The plugin {path}", module


def _imported(what: str, load: Callable[[], Any]) -> ModuleType:
    """The module that `load` gives; SchemaError with the place of the mistake if it fails."""
    try:
        module = load()
    except (Exception, SystemExit) as error:
        steps = traceback.extract_tb(error.__traceback__)
        where = f" ({steps[-1].filename}, line {steps[-1].lineno})" if steps else ""
        if isinstance(error, SyntaxError):
            where = f" (line {error.lineno})"
        said = error.msg if isinstance(error, SyntaxError) else error
        sentence = f"{what} cannot be loaded: {type(error).__name__}: {said}{where}; mend it or leave it out."
        raise SchemaError(sentence) from error
    if not isinstance(module, ModuleType) or not getattr(module, "TABLES", ()):
        raise SchemaError(f"{what} declares no TABLES; see docs/adding-a-protocol.md.")
    return module


def _executed(loader: Loader, module: ModuleType) -> ModuleType:
    loader.exec_module(module)
    return module


def load(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Load outside tables from files, for as long as the process lives; a file that is loaded already is left alone.

    SchemaError says what is wrong with one; none of its tables are then there.
    """
    for given in paths:
        path = Path(given).resolve()
        if path in _LOADED:
            continue
        what = f"The plugin {given}"
        if not path.is_file():
            raise SchemaError(f"{what} is not there; give the path of a Python file.")
        name = f"netlake_plugin_{path.stem}_{len(_LOADED)}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise SchemaError(f"{what} is no Python file; its name must end in .py.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            _imported(what, partial(_executed, spec.loader, module))
            _LOADED[path] = module
            entries.cache_clear()
            entries()
        except SchemaError:
            _LOADED.pop(path, None)
            sys.modules.pop(name, None)
            entries.cache_clear()
            raise
        if (folder := path.parent / "schemas").is_dir() and folder not in contract.directories:
            contract.directories.append(folder)
            contract.frozen.cache_clear()


def _checked(what: str, module: ModuleType, known: Iterable[str]) -> None:
    """SchemaError for an outside module whose declarations break a rule."""
    from netlake.schema import rules

    for table in module.TABLES:
        if not isinstance(table, Table):
            raise SchemaError(f"{what}: {table!r} among its TABLES is no Table.")
        if table.name in known:
            raise SchemaError(f"{what}: there is a table {table.name} already; give its own another name.")
    problems = [problem for table in module.TABLES for problem in rules.broken(table)]
    if problems:
        raise SchemaError(f"{what} breaks the rules of declarations: {'; '.join(problems)}.")
    if wrong := list(mistakes(module)):
        raise SchemaError(f"{what} cannot be used: {'; '.join(wrong)}.")


@cache
def entries() -> dict[str, Entry]:
    """Every table by name."""
    result: dict[str, Entry] = {}
    for module in _modules():
        for table in getattr(module, "TABLES", ()):
            if table.name in result:
                other = result[table.name].module.__name__
                raise SchemaError(f"Table {table.name} is declared in {other} and in {module.__name__}; rename one.")
            result[table.name] = Entry(table, module, hooks_of(module, table))
    for what, module in _outside():
        _checked(what, module, result)
        for table in module.TABLES:
            result[table.name] = Entry(table, module, hooks_of(module, table), outside=True)
    return dict(sorted(result.items()))


def table(name: str) -> Table:
    """The table called `name`; KeyError if there is none."""
    return entries()[name].table


def every() -> tuple[Table, ...]:
    """Every table, by name."""
    return tuple(entry.table for entry in entries().values())
