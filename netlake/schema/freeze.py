"""Generates schemas/ and proto/ from the declarations, and rejects changes that break the frozen contract.

    schemas/NAME.json      the contract of a table: its columns with their frozen ids
    schemas/NAME.md        the reference page of a table
    schemas/README.md      the list of tables
    schemas/contract.json  version and digest of all contracts together
    proto/NAME.proto, proto/netlake.proto

Method: a contract is computed from each declaration (`entry`), with the ids of the committed contract for known
columns, and compared with the committed one (`_compare`). Files are written only if no rule is broken.

Rules:
- A frozen column is not removed, renamed, retyped or renumbered, and its `nullable` does not change, because old files
  and readers depend on it. Its kind may change if the stored type is the same (to correct a byte order). A new column
  must allow null, because older files do not have it.
- `remove` names columns that are no longer declared, the only exception: before 1.0, where a column was a mistake. The
  contract keeps their ids and names under `removed`, and no column gets one of them again, because old files have them.
- The version grows by one if the committed contracts change in anything but descriptions.
- A contract without a declaration is an error, unless `forget` names the table. `forget` is for tables that were never
  released; it also renumbers the columns of a table that is still being designed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from netlake.errors import OptionError, SchemaError
from netlake.schema import Column, Kind, List, Struct, Table, docs, proto, rules
from netlake.schema.contract import CONTRACT, assign, type_name
from netlake.schema.kinds import SCALARS

# the JSON object of a contract, or of a column in it
Frozen = dict[str, Any]
# frozen keys of a column -> message if they differ
_FROZEN = {
    "id": "has another id",
    "number": "has another Protobuf number",
    "nullable": "differs in whether it allows null",
}


def generate(
    root: Path,
    tables: Iterable[Table],
    *,
    check: bool = False,
    forget: Collection[str] = (),
    remove: Collection[str] = (),
) -> list[Path]:
    """Write schemas/ and proto/ of `tables` below `root`; return the files that changed (`check`: would change).

    `forget` names unreleased tables: their contracts are ignored, and the files of those that are not declared are
    removed. `remove` names columns, as TABLE.COLUMN, that are frozen and not declared any more. Raises SchemaError,
    with table and column, if a declaration breaks a rule or the contract, OptionError for a name that has no contract.
    """
    found = sorted(tables, key=lambda table: table.name)
    if problems := [*rules.broken_together(found), *(problem for table in found for problem in rules.broken(table))]:
        raise SchemaError("These declarations break the rules: " + "; ".join(problems))
    for name in forget:
        if not _files(root, name)[0].exists():
            raise OptionError(f"--forget {name}: there is no contract of this table.")
    committed = _committed(root, forget)
    for name in remove:
        _remove(committed, name)
    contracts = {table.name: content(table, committed.get(table.name)) for table in found}
    _refuse_removed(committed, contracts)
    for name, contract in contracts.items():
        _refuse_duplicates(name, contract["columns"])
        if name in committed:
            _compare(name, committed[name]["columns"], contract["columns"], "")
    wanted = _render(root, found, contracts)
    removed = [file for name in forget if name not in contracts for file in _files(root, name) if file.exists()]
    changed = [file for file, text in wanted.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    if not check:
        for file in changed:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(wanted[file], encoding="utf-8")
        for file in removed:
            file.unlink()
    return sorted(changed + removed)


def _files(root: Path, name: str) -> list[Path]:
    return [root / "schemas" / f"{name}.json", root / "schemas" / f"{name}.md", root / "proto" / f"{name}.proto"]


def _committed(root: Path, forget: Collection[str]) -> dict[str, Frozen]:
    files = sorted((root / "schemas").glob("*.json"))
    loaded = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files if file.name != CONTRACT}
    return {name: contract for name, contract in loaded.items() if name not in forget}


def _remove(committed: dict[str, Frozen], name: str) -> None:
    """Move a column of a committed contract to its removed ones, with everything nested in it."""
    table, _, column = name.partition(".")
    columns = committed.get(table, {}).get("columns", [])
    found = next((entry for entry in columns if entry["name"] == column), None)
    if found is None:
        raise OptionError(f"--remove {name}: the contract has no such column; write TABLE.COLUMN, not a nested column.")
    columns.remove(found)
    committed[table].setdefault("removed", {}).update((path, entry["id"]) for path, entry in _flat([found], ""))


def _render(root: Path, tables: list[Table], contracts: dict[str, Frozen]) -> dict[Path, str]:
    wanted: dict[Path, str] = {}
    for table in tables:
        contract = contracts[table.name]
        texts = (_json(contract), docs.page(table), proto.text(table, contract))
        wanted.update(zip(_files(root, table.name), texts, strict=True))
    wanted[root / "schemas" / "README.md"] = docs.index(tables)
    wanted[root / "proto" / proto.INDEX] = proto.index_text(tables)
    file = root / "schemas" / CONTRACT
    wanted[file] = _json(_whole(file, contracts))
    return wanted


def _whole(file: Path, contracts: dict[str, Frozen]) -> Frozen:
    """The content of contract.json: the committed version if nothing frozen changed, else the next."""
    old: Frozen = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"version": 0, "digest": ""}
    new = digest(contracts)
    return {"version": old["version"] + (old["digest"] != new), "digest": new, "tables": sorted(contracts)}


def digest(contracts: dict[str, Frozen]) -> str:
    """The digest of `contracts` without descriptions and Wireshark names, 32 hexadecimal digits."""
    bare = {
        name: [contract["key"], [_bare(column) for column in contract["columns"]]]
        for name, contract in contracts.items()
    }
    text = json.dumps(bare, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _bare(column: Frozen) -> Frozen:
    kept: Frozen = {key: column[key] for key in ("id", "number", "name", "type", "nullable") if key in column}
    if "columns" in column:
        kept["columns"] = [_bare(child) for child in column["columns"]]
    return kept


def _json(value: Frozen) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def content(table: Table, contract: Frozen | None = None) -> Frozen:
    """The content of NAME.json for `table`; `contract` is the committed content, None if there is none."""
    ids, numbers = assign(table, contract), proto.numbers(table, contract or {"columns": []})
    columns = [_column(column, column.name, ids, numbers, top=True) for column in table.all_columns]
    made = {"name": table.name, "doc": table.doc, "spec": table.spec, "key": list(table.key), "columns": columns}
    removed = (contract or {}).get("removed")
    return made | {"removed": removed} if removed else made


def _column(column: Column, path: str, ids: dict[str, int], numbers: dict[str, int], *, top: bool = False) -> Frozen:
    made: Frozen = {"id": ids[path]}
    if not top:
        made["number"] = numbers[path]
    made |= {
        "name": column.name,
        "type": type_name(column),
        "nullable": column.null and not isinstance(column.kind, List),
    }
    made |= {"doc": column.doc, "wireshark": column.wireshark}
    if children := list(_children(column.kind, path, ids, numbers)):
        made["columns"] = children
    return made


def _children(kind: Kind, path: str, ids: dict[str, int], numbers: dict[str, int]) -> Iterator[Frozen]:
    if isinstance(kind, List):
        child = f"{path}.element"
        made: Frozen = {"id": ids[child], "name": "element", "type": type_name(None, kind.element), "nullable": False}
        made |= {"doc": "One element.", "wireshark": None}
        if nested := list(_children(kind.element, child, ids, numbers)):
            made["columns"] = nested
        yield made
    elif isinstance(kind, Struct):
        for column in kind.columns:
            yield _column(column, f"{path}.{column.name}", ids, numbers)


def _refuse_removed(committed: dict[str, Frozen], contracts: dict[str, Frozen]) -> None:
    for name in sorted(committed.keys() - contracts.keys()):
        raise SchemaError(
            f"Table {name} has a contract but no declaration: declare it again, or, if it was never released, use"
            f" --forget {name}."
        )


def _refuse_duplicates(table: str, columns: list[Frozen]) -> None:
    """Refuse duplicate ids in a table and numbers in a message, which merging two branches can cause."""
    seen: dict[int, str] = {}
    for path, column in _flat(columns, ""):
        if column["id"] in seen:
            raise SchemaError(
                f"Table {table}: columns {seen[column['id']]} and {path} have the same id, {column['id']}."
            )
        seen[column["id"]] = path
        children = [child["number"] for child in column.get("columns", []) if "number" in child]
        if len(set(children)) < len(children):
            raise SchemaError(f"Table {table}: two fields of {path} have the same Protobuf number.")


def _flat(columns: list[Frozen], prefix: str) -> Iterator[tuple[str, Frozen]]:
    for column in columns:
        yield prefix + column["name"], column
        yield from _flat(column.get("columns", []), f"{prefix}{column['name']}.")


def _compare(table: str, old: list[Frozen], new: list[Frozen], prefix: str) -> None:
    """Raise SchemaError for any difference except new columns that allow null."""
    declared = {column["name"]: column for column in new}
    for column in old:
        at = f"Table {table}: column {prefix}{column['name']}"
        now = declared.pop(column["name"], None)
        if now is None:
            raise SchemaError(f"{at} was removed or renamed; declare it again under that name, as frozen columns stay.")
        if stored(now["type"]) != stored(column["type"]):
            raise SchemaError(
                f"{at} was retyped from {column['type']} to {now['type']}; add a column with another name."
            )
        for key, message in _FROZEN.items():
            if now.get(key) != column.get(key):
                raise SchemaError(f"{at} {message}: {column.get(key)} was frozen, {now.get(key)} is declared.")
        _compare(table, column.get("columns", []), now.get("columns", []), f"{prefix}{column['name']}.")
    for name, column in declared.items():
        if not column["nullable"] and not column["type"].startswith("list<"):
            raise SchemaError(
                f"Table {table}: column {prefix}{name} is new and must allow null, as older files do not have it."
            )


def stored(kind: str) -> tuple[str, ...]:
    """The stored types of a contract type; kinds with the same stored types read each other's files."""
    if kind.startswith("list<"):
        return ("list", *stored(kind[5:-1]))
    scalar = SCALARS.get(kind)
    return (scalar.arrow, scalar.proto, scalar.lake) if scalar else (kind,)
