"""The frozen contract: every column of every table keeps its id for ever.

`schemas/NAME.json` is written by `netlake util generate` and committed. A column that is new in a declaration takes the
next free id; nothing else may change.

Nobody keeps a file for a table from outside, whose author moves its columns about and goes on with the same lake. So
the id of each of its columns is made from the column's dotted path alone (`by_path`): the same in every run and lake,
wherever the column stands. One that is renamed is another column; one that is retyped is refused by a lake that has it.
A NAME.json beside the plugin is followed where there is one (see `directories`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from netlake.errors import SchemaError
from netlake.schema import CONTEXT_IDS, Column, List, Struct, Table, context

FIRST_OWN_ID = 32
# ids made from paths: above all that are frozen and all that Protobuf keeps for itself, below its 2^29
FIRST_OUTSIDE_ID = 1 << 16
OUTSIDE_IDS = 1 << 28
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
    contract = frozen(table.name)
    return by_path(table) if contract is None else assign(table, contract)


def by_path(table: Table) -> dict[str, int]:
    """The field ids of a table that is frozen nowhere, each from its path. SchemaError where two paths have one id."""
    result = {column.name: CONTEXT_IDS[column.name] for column in context(table)}
    taken: dict[int, str] = {}
    for path, _ in paths(table.columns):
        digest = hashlib.blake2b(path.encode(), digest_size=4).digest()
        number = FIRST_OUTSIDE_ID + int.from_bytes(digest, "big") % OUTSIDE_IDS
        if path in result or number in taken:
            other = taken.get(number, path)
            raise SchemaError(f"Table {table.name}: columns {other} and {path} have one id; give one another name.")
        result[path], taken[number] = number, path
    return result


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
