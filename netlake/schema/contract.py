"""Field ids of columns, frozen by the contracts: a column keeps its id in all versions.

- A table of netlake has a contract, `schemas/NAME.json`, written by `netlake util generate` and committed. Its columns
  have the ids of the contract; a new column gets the next free id (`assign`).
- A table of a plugin has no contract, and its author may reorder columns while the lake stays in use. The id of each
  column is therefore a hash of its dotted path (`by_path`): the same in every run and lake, at any position. A renamed
  column is a new column; a lake rejects a column whose type changed.
- A plugin may provide a NAME.json beside its file; then the rules of a contract apply (see `directories`).
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
# ids made from paths are above the frozen ids and Protobuf's reserved numbers, and below Protobuf's limit 2^29
FIRST_OUTSIDE_ID = 1 << 16
OUTSIDE_IDS = 1 << 28
# file with the version and digest of all contracts together
CONTRACT = "contract.json"
_PACKAGE = Path(__file__).resolve().parent.parent

# folders searched for NAME.json: the installed package, the source tree, and folders that plugins add
directories: list[Path] = [_PACKAGE / "_schemas", _PACKAGE.parent / "schemas"]


def paths(columns: tuple[Column, ...], prefix: str = "") -> Iterator[tuple[str, Column | None]]:
    """(dotted path, column) of every field of `columns`, parents first; a list's child is `element`, with None."""
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
    """A column's type as text of the contract: `u16`, `list<text>`, `struct`."""
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
    """The version of all contracts together, which grows when columns are added to any table; 0 without contracts."""
    for directory in directories:
        file = directory / CONTRACT
        if file.is_file():
            return int(json.loads(file.read_text(encoding="utf-8"))["version"])
    return 0


@cache
def ids(table: Table) -> dict[str, int]:
    """The field id of every path of `table`, context included; new paths get ids after the frozen ones."""
    contract = frozen(table.name)
    return by_path(table) if contract is None else assign(table, contract)


def by_path(table: Table) -> dict[str, int]:
    """The field ids of a table without a contract, hashes of the paths. SchemaError if two paths get the same id."""
    result = {column.name: CONTEXT_IDS[column.name] for column in context(table)}
    taken: dict[int, str] = {}
    for path, _ in paths(table.columns):
        digest = hashlib.blake2b(path.encode(), digest_size=4).digest()
        number = FIRST_OUTSIDE_ID + int.from_bytes(digest, "big") % OUTSIDE_IDS
        if path in result or number in taken:
            other = taken.get(number, path)
            raise SchemaError(f"Table {table.name}: columns {other} and {path} have the same id; rename one of them.")
        result[path], taken[number] = number, path
    return result


def assign(table: Table, contract: dict[str, Any] | None) -> dict[str, int]:
    """The field ids of `table` under `contract`, the content of a NAME.json (None: no contract yet).

    The ids and names of removed columns stay reserved.
    """
    known = dict(pair for entry in contract["columns"] for pair in _children(entry, "")) if contract else {}
    result = {column.name: CONTEXT_IDS[column.name] for column in context(table)}
    removed: dict[str, int] = contract.get("removed", {}) if contract else {}
    following = max([FIRST_OWN_ID - 1, *known.values(), *removed.values()]) + 1
    for path, _ in paths(table.columns):
        if path in result:
            raise SchemaError(f"Table {table.name}: two columns are named {path}; rename one of them.")
        if path in removed:
            raise SchemaError(f"Table {table.name}: the name of the removed column {path} is reserved; use another.")
        if path in known:
            result[path] = known[path]
        else:
            result[path] = following
            following += 1
    return result
