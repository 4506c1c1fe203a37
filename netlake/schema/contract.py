"""The frozen contract: every column of every table keeps its id for ever.

`schemas/NAME.json` is written by `netlake util generate` and committed. A column that is new in a declaration takes the
next free id; nothing else may change. A table that has no file there (a plugin's, a test's) is numbered in the order of
its declaration, so an outside table that means to live long ships its own file (see `directories`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from netlake.errors import SchemaError
from netlake.schema import CONTEXT_IDS, Column, List, Struct, Table, context

FIRST_OWN_ID = 32
# beside the tables' files: the version and digest of all of them together
CONTRACT = "contract.json"
_PACKAGE = Path(__file__).resolve().parent.parent

# where NAME.json is looked for: in an installed package, in a source tree, and what plugins add
directories: list[Path] = [_PACKAGE / "_schemas", _PACKAGE.parent / "schemas"]


def paths(columns: tuple[Column, ...], prefix: str = "") -> Iterator[tuple[str, Column | None]]:
    """Every field of `columns` with its dotted path, parents first; a list's child is `element` (None if a scalar)."""
    for column in columns:
        path = prefix + column.name
        yield path, column
        kind = column.kind
        if isinstance(kind, List):
            yield path + ".element", None
            if isinstance(kind.element, Struct):
                yield from paths(kind.element.columns, path + ".element.")
        elif isinstance(kind, Struct):
            yield from paths(kind.columns, path + ".")


def type_name(column: Column | None, kind: object = None) -> str:
    """How the contract spells a column's type: `u16`, `list<text>`, `struct`."""
    kind = column.kind if column is not None else kind
    if isinstance(kind, List):
        return f"list<{type_name(None, kind.element)}>"
    return "struct" if isinstance(kind, Struct) else str(kind)


def _children(entry: dict[str, Any], prefix: str) -> Iterator[tuple[str, int]]:
    path = prefix + entry["name"]
    yield path, entry["id"]
    for child in entry.get("columns", ()):
        yield from _children(child, path + ".")


@cache
def frozen(name: str) -> dict[str, Any] | None:
    """The committed contract of table `name`, None if it has none."""
    for directory in directories:
        file = directory / f"{name}.json"
        if file.is_file():
            loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            return loaded
    return None


@cache
def version() -> int:
    """The version of the contract as a whole: it grows whenever the columns of any table do; 0 if none is frozen."""
    for directory in directories:
        file = directory / CONTRACT
        if file.is_file():
            return int(json.loads(file.read_text(encoding="utf-8"))["version"])
    return 0


@cache
def ids(table: Table) -> dict[str, int]:
    """The field id of every path of `table`, context included; new paths follow the frozen ones."""
    return assign(table, frozen(table.name))


def assign(table: Table, contract: dict[str, Any] | None) -> dict[str, int]:
    """The field ids of `table` under `contract` (the content of a NAME.json; None: not frozen yet)."""
    known = dict(pair for entry in contract["columns"] for pair in _children(entry, "")) if contract else {}
    result = {column.name: CONTEXT_IDS[column.name] for column in context(table)}
    following = max([FIRST_OWN_ID - 1, *known.values()]) + 1
    for path, _ in paths(table.columns):
        if path in result:
            raise SchemaError(f"Table {table.name}: column {path} stands twice; give one of them another name.")
        if path in known:
            result[path] = known[path]
        else:
            result[path] = following
            following += 1
    return result
