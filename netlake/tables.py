"""Finds every table: those of netlake and those of plugins.

Where tables are:
- Every module of protocols/, streams/ and flows/ that declares `TABLES`; there is no list of modules. Those of derived/
  are not written by captures.
- Views over tables of several protocols are the files of sql/views; a folder in it is a schema of views.
- Plugins, which are modules of the same form: installed ones by the entry point group `netlake.protocols`, single files
  by `load` (option `--plugin`).

Rules for plugins:
- A plugin that cannot be imported, breaks a rule of declarations (netlake.schema.rules) or of dispatch keys
  (netlake.layers.steps), or declares a name that exists, raises SchemaError with its name and the reason. None is
  skipped without a message.
- A plugin's table has a context whose columns messages have (FROM_MESSAGES).
- Column ids of its tables derive from the names of the columns, so columns may be added and reordered. With a frozen
  contract, `NAME.json` in the folder of the module, the ids are those of the contract (netlake.schema.contract). A lake
  in which a column has another id or type rejects the rows (netlake.lake.evolve).
- Names of tables are unique: two modules of netlake that declare the same name raise SchemaError as well.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.abc import Loader
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from netlake import derived as computed
from netlake import flows, protocols, streams
from netlake.errors import SchemaError
from netlake.hooks import Hooks, hooks_of, mistakes
from netlake.layers.datagrams import Datagrams
from netlake.layers.streamed import Stream
from netlake.schema import CONTEXTS, Table, contract
from netlake.schema.views import View, read

GROUP = "netlake.protocols"
VIEWS = Path(__file__).resolve().parent / "sql" / "views"
# contexts whose columns messages have; rows of the others do not derive from messages
FROM_MESSAGES = ("record", "network", "transport", "stream", "packet")
# plugins loaded from files, in the order of loading
_LOADED: dict[Path, ModuleType] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """A table, the module that declares it, and its hooks; `outside` is True if the module is a plugin."""

    table: Table
    module: ModuleType
    hooks: Hooks
    outside: bool = False


def _modules(*packages: ModuleType) -> Iterator[ModuleType]:
    for package in packages:
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            yield importlib.import_module(found.name)


def _plugins() -> Iterator[tuple[str, ModuleType]]:
    """Every plugin, with its name for messages."""
    for point in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        what = f"The plugin {point.name} of {point.dist.name if point.dist else point.value}"
        yield what, _imported(what, point.load)
    for path, module in _LOADED.items():
        yield f"The plugin {path}", module


def _imported(what: str, load: Callable[[], Any]) -> ModuleType:
    """The module that `load` returns; SchemaError with file and line if it raises or declares no tables."""
    try:
        module = load()
    except (Exception, SystemExit) as error:
        steps = traceback.extract_tb(error.__traceback__)
        where = f" ({steps[-1].filename}, line {steps[-1].lineno})" if steps else ""
        if isinstance(error, SyntaxError):
            where = f" (line {error.lineno})"
        reason = error.msg if isinstance(error, SyntaxError) else error
        sentence = f"{what} cannot be loaded: {type(error).__name__}: {reason}{where}; correct it or do not load it."
        raise SchemaError(sentence) from error
    if not isinstance(module, ModuleType) or not getattr(module, "TABLES", ()):
        raise SchemaError(f"{what} declares no TABLES; see docs/adding-a-protocol.md.")
    return module


def _executed(loader: Loader, module: ModuleType) -> ModuleType:
    loader.exec_module(module)
    return module


def load(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Load plugins from files; they stay loaded until the process ends, and a file that is loaded already is skipped.

    Raises SchemaError for the first invalid one, none of whose tables are added.
    """
    for given in paths:
        path = Path(given).resolve()
        if path in _LOADED:
            continue
        what = f"The plugin {given}"
        if not path.is_file():
            raise SchemaError(f"{what} does not exist; give the path of a Python file.")
        name = f"netlake_plugin_{path.stem}_{len(_LOADED)}"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise SchemaError(f"{what} is not a Python file; its name must end in .py.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            _imported(what, partial(_executed, spec.loader, module))
            _LOADED[path] = module
            entries.cache_clear()
            in_streams.cache_clear()
            in_datagrams.cache_clear()
            views.cache_clear()
            entries()
        except SchemaError:
            _LOADED.pop(path, None)
            sys.modules.pop(name, None)
            entries.cache_clear()
            in_streams.cache_clear()
            in_datagrams.cache_clear()
            views.cache_clear()
            raise
        if (folder := path.parent / "schemas").is_dir() and folder not in contract.directories:
            contract.directories.append(folder)
            contract.frozen.cache_clear()


def _checked(what: str, module: ModuleType, known: Mapping[str, Table]) -> None:
    """Raises SchemaError if the declarations of a plugin break a rule, or do not go with the tables `known` before."""
    from netlake.layers import steps
    from netlake.schema import rules

    for table in module.TABLES:
        if not isinstance(table, Table):
            raise SchemaError(f"{what}: {table!r} in TABLES is not a Table.")
        if table.name in known or table.name in derived():
            raise SchemaError(f"{what}: table {table.name} exists already; rename the one of the plugin.")
        if table.name in steps.STEPS:
            raise SchemaError(f"{what}: {table.name} is the name of a header that netlake decodes; rename the table.")
        if table.context not in FROM_MESSAGES and table.context in CONTEXTS:
            raise SchemaError(
                f"{what}: table {table.name} has the context {table.context}, which rows of messages do not have; "
                f"use one of {', '.join(FROM_MESSAGES)}."
            )
    problems = [problem for table in module.TABLES for problem in rules.broken(table)]
    if problems:
        raise SchemaError(f"{what} breaks the rules of declarations: {'; '.join(problems)}.")
    if wrong := list(mistakes(module)):
        raise SchemaError(f"{what} cannot be used: {'; '.join(wrong)}.")
    try:
        steps.dispatch((*known.values(), *module.TABLES))
    except SchemaError as error:
        raise SchemaError(f"{what} cannot be used: {error}") from error


@cache
def entries() -> dict[str, Entry]:
    """Every table by name, sorted; SchemaError if a declaration is invalid."""
    result: dict[str, Entry] = {}
    for module in _modules(protocols, streams, flows):
        for table in getattr(module, "TABLES", ()):
            if table.name in result:
                other = result[table.name].module.__name__
                raise SchemaError(f"Table {table.name} is declared in {other} and in {module.__name__}; rename one.")
            result[table.name] = Entry(table, module, hooks_of(module, table))
    for what, module in _plugins():
        _checked(what, module, {name: entry.table for name, entry in result.items()})
        for table in module.TABLES:
            result[table.name] = Entry(table, module, hooks_of(module, table), outside=True)
    return dict(sorted(result.items()))


def table(name: str) -> Table:
    """The table with this name; KeyError if there is none."""
    return entries()[name].table


def every() -> tuple[Table, ...]:
    """Every table that captures write, sorted by name."""
    return tuple(entry.table for entry in entries().values())


@cache
def in_streams() -> dict[str, Stream]:
    """Every protocol in streams (netlake.layers.streamed) by name, sorted; SchemaError if a name occurs twice."""
    result: dict[str, Stream] = {}
    for module in dict.fromkeys(entry.module for entry in entries().values()):
        for stream in getattr(module, "STREAMS", ()):
            if stream.name in result:
                raise SchemaError(f"The stream {stream.name} of {module.__name__} exists already; rename one.")
            result[stream.name] = stream
    return dict(sorted(result.items()))


@cache
def in_datagrams() -> dict[str, Datagrams]:
    """Every reader of datagrams (netlake.layers.datagrams) by the table of its messages."""
    modules = dict.fromkeys(entry.module for entry in entries().values())
    declared = (one for module in modules for one in getattr(module, "IN_DATAGRAMS", ()))
    return {one.table: one for one in declared}


@cache
def schemas() -> tuple[str, ...]:
    """The schemas of views beside that of the tables, such as zeek; they are the folders of sql/views."""
    return tuple(sorted(path.name for path in VIEWS.iterdir() if path.is_dir()))


@cache
def views() -> dict[str, View]:
    """Every declared view by name; SchemaError for the name of a table or of another view."""
    result: dict[str, View] = {}
    modules = dict.fromkeys(entry.module for entry in entries().values())
    found = [(path.name, read(path)) for path in sorted(VIEWS.glob("*.sql"))]
    found += [
        (f"{schema}/{path.name}", read(path, schema))
        for schema in schemas()
        for path in sorted((VIEWS / schema).glob("*.sql"))
    ]
    found += [(module.__name__, view) for module in modules for view in getattr(module, "VIEWS", ())]
    for where, view in found:
        if view.name in result or view.name in entries() or view.name in derived():
            raise SchemaError(f"The view {view.name} of {where} has the name of another one; rename it.")
        result[view.name] = view
    return dict(sorted(result.items()))


def read_by(view: View) -> set[str]:
    """The tables that a declared view reads, also through other views."""
    below = [views()[name] for name in view.tables if name in views()]
    return {name for name in view.tables if name not in views()}.union(*map(read_by, below))


@cache
def derived() -> dict[str, Table]:
    """Every table that is computed from a lake, by name: see netlake.derived."""
    return {table.name: table for module in _modules(computed) for table in module.TABLES}


def declared() -> tuple[Table, ...]:
    """Every table: those that captures write, then the derived ones."""
    return (*every(), *derived().values())
