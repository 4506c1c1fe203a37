"""Every table there is, found by walking protocols/, streams/ and profiles/: there is no list to add a new one to.

A module there declares `TABLES`; a family's package declares them in its modules. Outside tables come by the entry
point group `netlake.protocols`, each entry a module of the same shape.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from netlake import profiles, protocols, streams
from netlake.errors import SchemaError
from netlake.schema import Table

GROUP = "netlake.protocols"


@dataclass(frozen=True, slots=True)
class Entry:
    """A table and the module that declares it."""

    table: Table
    module: ModuleType

    def reader(self, verb: str) -> Any:
        """`verb_NAME` of the module, else `verb` where the module declares one table only; None if there is neither."""
        own = getattr(self.module, f"{verb}_{self.table.name}", None)
        if own is not None or len(self.module.TABLES) > 1:
            return own
        return getattr(self.module, verb, None)


def _modules() -> Iterator[ModuleType]:
    for package in (protocols, streams, profiles):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            yield importlib.import_module(found.name)
    for point in entry_points(group=GROUP):
        yield point.load()


@cache
def entries() -> dict[str, Entry]:
    """Every table by name."""
    result: dict[str, Entry] = {}
    for module in _modules():
        for table in getattr(module, "TABLES", ()):
            if table.name in result:
                other = result[table.name].module.__name__
                raise SchemaError(f"Table {table.name} is declared in {other} and in {module.__name__}; rename one.")
            result[table.name] = Entry(table, module)
    return dict(sorted(result.items()))


def table(name: str) -> Table:
    """The table called `name`; KeyError if there is none."""
    return entries()[name].table


def every() -> tuple[Table, ...]:
    """Every table, by name."""
    return tuple(entry.table for entry in entries().values())
