"""The frozen contract: it is written, kept and extended; other changes are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from netlake.errors import OptionError, SchemaError
from netlake.schema import Column, List, Struct, Table
from netlake.schema.freeze import generate


def column(name: str, kind: object = "u16", **more: object) -> Column:
    return Column(name, kind, f"The {name}.", why="a test", **more)  # type: ignore[arg-type]


A, B, C, D = (column(name) for name in "abcd")
ITEMS = column("items", List(Struct((A, column("inner", Struct((B,)))))))
TABLE = Table("frozen_test", "One row.", "RFC 1", (), (A, B, ITEMS))


def with_columns(*columns: Column) -> Table:
    return replace(TABLE, columns=columns)


def read(root: Path, name: str = "frozen_test") -> dict:
    return json.loads((root / "schemas" / f"{name}.json").read_text())


def ids(root: Path) -> dict[str, int]:
    return {entry["name"]: entry["id"] for entry in read(root)["columns"]}


def test_generate_writes_contract_and_pages(tmp_path: Path) -> None:
    changed = generate(tmp_path, [TABLE])
    assert [str(path.relative_to(tmp_path)) for path in changed] == [
        "proto/frozen_test.proto",
        "proto/netlake.proto",
        "schemas/README.md",
        "schemas/contract.json",
        "schemas/frozen_test.json",
        "schemas/frozen_test.md",
    ]
    contract = read(tmp_path)
    assert {key: contract[key] for key in ("name", "doc", "spec", "key")} == {
        "name": "frozen_test",
        "doc": "One row.",
        "spec": "RFC 1",
        "key": ["capture", "packet", "place"],
    }
    assert contract["columns"][0]["id"] == 1
    own = contract["columns"][-3:]
    assert own[0] == {"id": 32, "name": "a", "type": "u16", "nullable": True, "doc": "The a.", "wireshark": None}
    element = own[2]["columns"][0]
    assert (own[2]["type"], own[2]["nullable"], element["name"], element["type"]) == (
        "list<struct>",
        False,
        "element",
        "struct",
    )
    assert [(child["number"], child["name"]) for child in element["columns"]] == [(1, "a"), (2, "inner")]
    assert read(tmp_path, "contract")["version"] == 1


def test_second_run_changes_nothing(tmp_path: Path) -> None:
    generate(tmp_path, [TABLE])
    assert generate(tmp_path, [TABLE]) == []
    assert generate(tmp_path, [TABLE], check=True) == []


def test_check_writes_nothing(tmp_path: Path) -> None:
    assert generate(tmp_path, [TABLE], check=True)
    assert list(tmp_path.iterdir()) == []


def test_added_column_gets_next_id_at_any_position(tmp_path: Path) -> None:
    generate(tmp_path, [TABLE])
    before = ids(tmp_path)
    generate(tmp_path, [with_columns(C, B, A, ITEMS, D)])
    after = ids(tmp_path)
    assert {name: after[name] for name in before} == before
    highest = 38  # a, b, items, its element, and the three fields below it
    assert (after["c"], after["d"]) == (highest + 1, highest + 2)
    assert read(tmp_path, "contract")["version"] == 2


def test_added_struct_field_keeps_other_numbers(tmp_path: Path) -> None:
    generate(tmp_path, [TABLE])
    generate(tmp_path, [with_columns(A, B, column("items", List(Struct((C, *ITEMS.kind.element.columns)))))])
    fields = read(tmp_path)["columns"][-1]["columns"][0]["columns"]
    assert {field["name"]: field["number"] for field in fields} == {"c": 3, "a": 1, "inner": 2}


def test_doc_may_change(tmp_path: Path) -> None:
    generate(tmp_path, [TABLE])
    changed = generate(tmp_path, [with_columns(replace(A, doc="Better."), B, ITEMS)])
    assert {path.name for path in changed} == {"frozen_test.json", "frozen_test.md", "frozen_test.proto"}
    assert read(tmp_path, "contract")["version"] == 1


def test_kind_with_same_stored_type_may_change(tmp_path: Path) -> None:
    generate(tmp_path, [TABLE])
    generate(tmp_path, [with_columns(column("a", "u16le"), B, ITEMS)])
    assert read(tmp_path, "contract")["version"] == 2


REFUSED = [
    ([B, ITEMS], "Table frozen_test: column a was removed or renamed"),
    ([C, B, ITEMS], "Table frozen_test: column a was removed or renamed"),
    ([column("a", "u32"), B, ITEMS], "Table frozen_test: column a was retyped from u16 to u32"),
    ([column("a", List("u16")), B, ITEMS], "column a was retyped from u16 to list<u16>"),
    ([A, B, column("items", List("u16"))], "column items was retyped from list<struct> to list<u16>"),
    ([column("a", null=False), B, ITEMS], "column a differs in whether it allows null"),
    ([A, B, ITEMS, column("c", null=False)], "column c is new and must allow null"),
    ([A, B, column("items", List(Struct((A,))))], "column items.element.inner was removed"),
    (
        [A, B, column("items", List(Struct((column("a", "text"), column("inner", Struct((B,)))))))],
        "column items.element.a was retyped from u16 to text",
    ),
]


@pytest.mark.parametrize(("columns", "message"), REFUSED)
def test_other_changes_are_refused(tmp_path: Path, columns: list[Column], message: str) -> None:
    generate(tmp_path, [TABLE])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(SchemaError) as error:
        generate(tmp_path, [with_columns(*columns)])
    assert message in str(error.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def edit(root: Path, change: object) -> None:
    contract = read(root)
    change(contract["columns"])  # type: ignore[operator]
    (root / "schemas" / "frozen_test.json").write_text(json.dumps(contract))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda columns: columns[0].update(id=9), "column day has another id: 9 was frozen, 1 is declared"),
        (lambda columns: columns[-2].update(id=32), "columns a and b have the same id, 32"),
        (
            lambda columns: columns[-1]["columns"][0]["columns"][1].update(number=1),
            "items.element have the same Protobuf number",
        ),
    ],
)
def test_duplicate_and_changed_numbers_are_refused(tmp_path: Path, change: object, message: str) -> None:
    generate(tmp_path, [TABLE])
    edit(tmp_path, change)
    with pytest.raises(SchemaError, match="Table frozen_test") as error:
        generate(tmp_path, [TABLE])
    assert message in str(error.value)


def test_context_columns_may_be_added_not_removed(tmp_path: Path) -> None:
    generate(tmp_path, [replace(TABLE, context="network")])
    generate(tmp_path, [replace(TABLE, context="transport")])
    with pytest.raises(SchemaError, match="column last_packet was removed"):
        generate(tmp_path, [replace(TABLE, context="network")])


def test_removed_table_needs_forget(tmp_path: Path) -> None:
    other = replace(TABLE, name="other")
    generate(tmp_path, [TABLE, other])
    with pytest.raises(SchemaError, match="Table other has a contract but no declaration"):
        generate(tmp_path, [TABLE])
    changed = generate(tmp_path, [TABLE], forget=["other"])
    assert list(tmp_path.rglob("other*")) == []
    assert tmp_path / "schemas" / "other.json" in changed
    assert "other" not in (tmp_path / "proto" / "netlake.proto").read_text()


def test_forget_renumbers_columns(tmp_path: Path) -> None:
    generate(tmp_path, [TABLE])
    generate(tmp_path, [with_columns(C)], forget=["frozen_test"])
    assert ids(tmp_path)["c"] == 32


def test_removed_column_keeps_its_ids_and_names_reserved(tmp_path: Path) -> None:
    generate(tmp_path, [TABLE])
    generate(tmp_path, [with_columns(A, C)], remove=["frozen_test.b", "frozen_test.items"])
    removed = read(tmp_path)["removed"]
    assert removed["b"] == 33
    assert removed.keys() == {"b", *(path for path in removed if path.startswith("items"))}
    assert ids(tmp_path)["c"] == max(removed.values()) + 1
    text = (tmp_path / "proto" / "frozen_test.proto").read_text()
    assert f"  reserved 33, {removed['items']};" in text
    assert '  reserved "b", "items";' in text
    assert generate(tmp_path, [with_columns(A, C)], check=True) == []
    generate(tmp_path, [with_columns(A, C, D)])
    assert read(tmp_path)["removed"] == removed
    assert ids(tmp_path)["d"] == max(removed.values()) + 2


def test_name_of_removed_column_is_not_used_again(tmp_path: Path) -> None:
    generate(tmp_path, [TABLE])
    generate(tmp_path, [with_columns(A, ITEMS)], remove=["frozen_test.b"])
    with pytest.raises(SchemaError, match="the name of the removed column b is reserved"):
        generate(tmp_path, [TABLE])


@pytest.mark.parametrize("name", ["frozen_test.z", "other.b", "frozen_test", "frozen_test.items.element.a"])
def test_only_frozen_top_level_columns_are_removed(tmp_path: Path, name: str) -> None:
    generate(tmp_path, [TABLE])
    with pytest.raises(OptionError, match="the contract has no such column"):
        generate(tmp_path, [TABLE], remove=[name])


def test_declared_column_is_not_removed(tmp_path: Path) -> None:
    generate(tmp_path, [TABLE])
    with pytest.raises(SchemaError, match="the name of the removed column b is reserved"):
        generate(tmp_path, [TABLE], remove=["frozen_test.b"])


def test_invalid_declaration_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="frozen_test: a has no description"):
        generate(tmp_path, [with_columns(replace(A, doc="None"))])
    assert list(tmp_path.iterdir()) == []
