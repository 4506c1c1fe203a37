"""What is generated and committed: schemas/ and proto/, and the refusal of anything but added columns.

    schemas/NAME.json      the frozen contract of a table: its columns with the ids that they keep for ever
    schemas/NAME.md        the page that a person reads
    schemas/README.md      all of them
    schemas/contract.json  version and digest of all contracts together
    proto/NAME.proto, proto/netlake.proto

Decided here:
- A column that was once frozen stays: it is not removed, renamed, retyped or renumbered, nor is `nullable` changed. Its
  kind may change where the same type is stored (a byte order that was read wrongly). A new column must allow null,
  since older files have none.
- The version grows by one when anything but sentences changed against the committed files.
- A table whose declaration is gone is an error too, unless the caller says that it never shipped (`forget`), which
  also lets a table that is still being designed begin afresh.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from netlake.errors import SchemaError
from netlake.schema import Column, Kind, List, Struct, Table, docs, proto, rules
from netlake.schema.contract import CONTRACT, assign, type_name
from netlake.schema.kinds import SCALARS

Entry = dict[str, Any]
# what of an entry is frozen, and what one says when it differs
_FROZEN = {
    "id": "has another id",
    "number": "has another Protobuf number",
    "nullable": "allows null otherwise than before",
}


def generate(root: Path, tables: Iterable[Table], *, check: bool = False, forget: Collection[str] = ()) -> list[Path]:
    """Write what is derived from `tables` under `root`; returns the files that changed (`check`: would change).

    `forget` names tables that never shipped: their frozen contracts do not count, and the files of those that are no
    longer declared are removed. SchemaError names the table and the column that may not be as they are declared.
    """
    found = sorted(tables, key=lambda table: table.name)
    if problems := [*rules.broken_together(found), *(problem for table in found for problem in rules.broken(table))]:
        raise SchemaError("These declarations break the rules: " + "; ".join(problems))
    committed = _committed(root, forget)
    contracts = {table.name: entry(table, committed.get(table.name)) for table in found}
    _refuse_removed(committed, contracts)
    for name, contract in contracts.items():
        _refuse_doubles(name, contract["columns"])
        if name in committed:
            _compare(name, committed[name]["columns"], contract["columns"], "")
    wanted = _render(root, found, contracts)
    gone = [file for name in forget if name not in contracts for file in _files(root, name) if file.exists()]
    changed = [file for file, text in wanted.items() if not file.exists() or file.read_text(encoding="utf-8") != text]
    if not check:
        for file in changed:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(wanted[file], encoding="utf-8")
        for file in gone:
            file.unlink()
    return sorted(changed + gone)


def _files(root: Path, name: str) -> list[Path]:
    return [root / "schemas" / f"{name}.json", root / "schemas" / f"{name}.md", root / "proto" / f"{name}.proto"]


def _committed(root: Path, forget: Collection[str]) -> dict[str, Entry]:
    files = sorted((root / "schemas").glob("*.json"))
    loaded = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files if file.name != CONTRACT}
    return {name: contract for name, contract in loaded.items() if name not in forget}


def _render(root: Path, tables: list[Table], contracts: dict[str, Entry]) -> dict[Path, str]:
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


def _whole(file: Path, contracts: dict[str, Entry]) -> Entry:
    """The content of contract.json: the committed version where nothing frozen changed, else the next."""
    old: Entry = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"version": 0, "digest": ""}
    new = digest(contracts)
    return {"version": old["version"] + (old["digest"] != new), "digest": new, "tables": sorted(contracts)}


def digest(contracts: dict[str, Entry]) -> str:
    """32 hexadecimal digits over everything in `contracts` but sentences and Wireshark's names."""
    bare = {
        name: [contract["key"], [_bare(column) for column in contract["columns"]]]
        for name, contract in contracts.items()
    }
    text = json.dumps(bare, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _bare(column: Entry) -> Entry:
    kept: Entry = {key: column[key] for key in ("id", "number", "name", "type", "nullable") if key in column}
    if "columns" in column:
        kept["columns"] = [_bare(child) for child in column["columns"]]
    return kept


def _json(content: Entry) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def entry(table: Table, contract: Entry | None = None) -> Entry:
    """The content of NAME.json; `contract` is what was committed of it, if anything was."""
    ids, numbers = assign(table, contract), proto.numbers(table, contract or {"columns": []})
    columns = [_column(column, column.name, ids, numbers, top=True) for column in table.all_columns]
    return {"name": table.name, "doc": table.doc, "spec": table.spec, "key": list(table.key), "columns": columns}


def _column(column: Column, path: str, ids: dict[str, int], numbers: dict[str, int], *, top: bool = False) -> Entry:
    made: Entry = {"id": ids[path]}
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


def _children(kind: Kind, path: str, ids: dict[str, int], numbers: dict[str, int]) -> Iterator[Entry]:
    if isinstance(kind, List):
        child = f"{path}.element"
        made: Entry = {"id": ids[child], "name": "element", "type": type_name(None, kind.element), "nullable": False}
        made |= {"doc": "One of them.", "wireshark": None}
        if nested := list(_children(kind.element, child, ids, numbers)):
            made["columns"] = nested
        yield made
    elif isinstance(kind, Struct):
        for column in kind.columns:
            yield _column(column, f"{path}.{column.name}", ids, numbers)


def _refuse_removed(committed: dict[str, Entry], contracts: dict[str, Entry]) -> None:
    for name in sorted(committed.keys() - contracts.keys()):
        raise SchemaError(
            f"Table {name} is frozen, but no longer declared; declare it again, or say that it never shipped"
            f" (--forget {name})."
        )


def _refuse_doubles(table: str, columns: list[Entry]) -> None:
    """Ids are one series a table, numbers one a message: two branches that both added a column may have met."""
    seen: dict[int, str] = {}
    for path, column in _flat(columns, ""):
        if column["id"] in seen:
            raise SchemaError(f"Table {table}: columns {seen[column['id']]} and {path} have one id, {column['id']}.")
        seen[column["id"]] = path
        children = [child["number"] for child in column.get("columns", []) if "number" in child]
        if len(set(children)) < len(children):
            raise SchemaError(f"Table {table}: two fields of {path} have one Protobuf number.")


def _flat(columns: list[Entry], prefix: str) -> Iterator[tuple[str, Entry]]:
    for column in columns:
        yield prefix + column["name"], column
        yield from _flat(column.get("columns", []), f"{prefix}{column['name']}.")


def _compare(table: str, old: list[Entry], new: list[Entry], prefix: str) -> None:
    """Refuse any difference but columns that are new and allow null."""
    declared = {column["name"]: column for column in new}
    for column in old:
        at = f"Table {table}: column {prefix}{column['name']}"
        now = declared.pop(column["name"], None)
        if now is None:
            raise SchemaError(f"{at} was removed or renamed; a frozen column stays: declare it again under that name.")
        if stored(now["type"]) != stored(column["type"]):
            raise SchemaError(
                f"{at} was retyped from {column['type']} to {now['type']}; add a column with another name."
            )
        for key, told in _FROZEN.items():
            if now.get(key) != column.get(key):
                raise SchemaError(f"{at} {told}: {column.get(key)} was frozen, {now.get(key)} is declared.")
        _compare(table, column.get("columns", []), now.get("columns", []), f"{prefix}{column['name']}.")
    for name, column in declared.items():
        if not column["nullable"] and not column["type"].startswith("list<"):
            raise SchemaError(
                f"Table {table}: column {prefix}{name} is new and must allow null, as older files have none."
            )


def stored(kind: str) -> tuple[str, ...]:
    """What is stored for a type as the contract spells it: two kinds with the same answer read each other's files."""
    if kind.startswith("list<"):
        return ("list", *stored(kind[5:-1]))
    scalar = SCALARS.get(kind)
    return (scalar.arrow, scalar.proto, scalar.lake) if scalar else (kind,)
