"""A lake of another contract is refused until its captures are decoded again."""

from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import small
from small import on_disk, rows

from netlake.errors import LakeError
from netlake.lake import CONTRACT, Catalog

A, B, C = (small.identity(number) for number in (10, 20, 30))
# column `code` of WIRE under the older contract: another name and type for the same id
OLDER = dataclasses.replace(
    small.WIRE,
    columns=(dataclasses.replace(small.WIRE.columns[0], name="number", kind="u16"), *small.WIRE.columns[1:]),
)


def edit(catalog: Catalog, *statements: str) -> None:
    with sqlite3.connect(catalog.folder / "catalog.sqlite") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def make_older(catalog: Catalog) -> None:
    """As netlake 0.1.0 left it: without a contract, and without the table of owners."""
    edit(
        catalog,
        "DELETE FROM netlake_metadata WHERE key = 'contract'",
        "UPDATE netlake_metadata SET value = '1' WHERE key = 'layout'",
        "DROP TABLE netlake_owner",
    )


@pytest.fixture
def older(catalog: Catalog) -> Catalog:
    """A lake of contract 1 with two captures, opened in spite of it."""
    for capture in (A, B):
        wire = [{("number" if name == "code" else name): value for name, value in row.items()}
                for row in small.wire_rows(capture, 6)]  # fmt: skip
        tables = [(OLDER, wire), *small.tables_of(capture, 6)[1:]]
        catalog.commit(small.facts(capture), small.write(catalog, capture, tables))
    make_older(catalog)
    return Catalog(catalog.folder, older=True)


def names(catalog: Catalog, at: int | None = None) -> list[str]:
    return [column.name for column in catalog.columns("wire", at)]


def test_new_lake_has_the_present_contract(catalog: Catalog) -> None:
    small.put(catalog, A)
    assert not catalog.older_contract
    assert catalog.outdated() == []
    catalog.begin_refresh()  # nothing to do
    assert len(rows(catalog, "wire")) == 20


@pytest.mark.parametrize("options", [{}, {"readonly": True}, {"create": True}])
def test_older_lake_is_refused(older: Catalog, options: dict[str, bool]) -> None:
    with pytest.raises(LakeError) as error:
        Catalog(older.folder, **options)
    assert str(error.value) == (
        f"The lake {older.folder} has contract 1 and this netlake reads contract {CONTRACT}, which names columns"
        f" differently; run `netlake capture --refresh --lake {older.folder}` to decode its captures again."
    )


def test_newer_lake_is_refused(catalog: Catalog) -> None:
    edit(catalog, "UPDATE netlake_metadata SET value = value + 1 WHERE key = 'contract'")
    for options in ({}, {"older": True}):
        with pytest.raises(LakeError, match="use a newer netlake"):
            Catalog(catalog.folder, **options)


def test_open_catalog_refuses_to_write_when_the_contract_changed(catalog: Catalog) -> None:
    make_older(catalog)
    with pytest.raises(LakeError, match="has contract 1"):
        small.put(catalog, A)
    assert on_disk(catalog) == set()


def test_refresh_creates_the_tables_anew(older: Catalog) -> None:
    assert [entry.facts.capture for entry in older.outdated()] == [A, B]
    before = rows(older, "wire")
    older.begin_refresh()
    assert older.tables() == {}
    for capture in (A, B):
        assert small.put(older, capture, 8, replace=True).status == "replaced"
    assert older.outdated() == []
    older.finish_refresh()
    catalog = Catalog(older.folder)
    assert names(catalog) == [column.name for column in small.WIRE.all_columns]
    assert names(catalog, at=2) == [column.name for column in OLDER.all_columns]
    assert [row["code"] for row in rows(catalog, "wire")] == [*range(8)] * 2
    assert rows(catalog, "wire", at=2) == before
    assert catalog.validate(deep=True) == []
    small.derive(catalog, "a", 1)
    assert catalog.owners("label") == {"a": "1"}


def test_interrupted_refresh_continues_with_the_captures_left(older: Catalog) -> None:
    older.begin_refresh()
    small.put(older, A, 8, replace=True)
    with pytest.raises(LakeError, match="Captures have not been decoded again yet: 1, the first is /captures/"):
        older.finish_refresh()
    with pytest.raises(LakeError, match="--refresh"):
        Catalog(older.folder)
    again = Catalog(older.folder, older=True)
    assert [entry.facts.capture for entry in again.outdated()] == [B]
    again.begin_refresh()
    assert len(rows(again, "wire")) == 8
    small.put(again, B, 8, replace=True)
    again.finish_refresh()
    assert len(rows(Catalog(older.folder), "wire")) == 16


def test_capture_without_original_can_be_removed_before_a_refresh(older: Catalog) -> None:
    older.remove(A)
    assert [entry.facts.capture for entry in older.outdated()] == [B]
    older.begin_refresh()
    older.remove(B)
    older.finish_refresh()
    assert Catalog(older.folder).captures() == []


def test_table_without_rows_of_captures_is_created_anew_too(older: Catalog) -> None:
    for capture in (A, B):
        older.remove(capture)
    older.begin_refresh()
    older.finish_refresh()
    catalog = Catalog(older.folder)
    small.put(catalog, C, 3)
    assert "code" in names(catalog)


def test_tables_of_other_engines_remain(older: Catalog, ask: Any) -> None:
    ask(older.folder, "CREATE TABLE lake.notes (text VARCHAR)", "INSERT INTO lake.notes VALUES ('kept')")
    older.begin_refresh()
    assert list(older.tables()) == ["notes"]
    assert ask(older.folder, "FROM lake.notes") == [[["kept"]]]


def test_rows_of_other_engines_in_our_tables_are_not_lost(older: Catalog, ask: Any) -> None:
    allow = "CALL lake.set_option('data_inlining_row_limit', 0)"
    ask(older.folder, allow, "INSERT INTO lake.address VALUES ('192.0.2.1', 4)")
    before = older.snapshot()
    with pytest.raises(LakeError, match=r"Table address has the file .* of another engine, whose rows a refresh would"):
        older.begin_refresh()
    assert older.snapshot() == before


def test_extension_reads_a_refreshed_lake(older: Catalog, ask: Any, tmp_path: Path) -> None:
    older.begin_refresh()
    for capture in (A, B):
        small.put(older, capture, 4, replace=True)
    older.finish_refresh()
    codes = "SELECT {} FROM lake.wire {} ORDER BY ALL"
    now, before = ask(older.folder, codes.format("code", ""), codes.format("number", "AT (VERSION => 2)"))
    assert now == [[i // 2] for i in range(8)]
    assert before == [[i // 2] for i in range(12)]
    ask(older.folder, "INSERT INTO lake.link (capture, packet, place) VALUES ('x', 1, 0)")
    assert len(rows(Catalog(older.folder), "link")) == 9


def test_refresh_refuses_to_lose_the_table_of_a_plugin(older: Catalog) -> None:
    known = {table for table, _ in small.tables_of(A, 6)[1:]}
    before = older.snapshot()
    with pytest.raises(LakeError, match=r"no declaration has.*: wire; name their plugins with --plugin"):
        older.begin_refresh({table.name for table in known})
    assert older.snapshot() == before


def test_older_program_refuses_a_refreshed_lake(older: Catalog) -> None:
    """A netlake of contract 1 reads layout 1 only."""
    assert layout_of(older) == "1"
    older.begin_refresh()
    for capture in (A, B):
        older.commit(small.facts(capture), small.write(older, capture, small.tables_of(capture, 6)), replace=True)
    older.finish_refresh()
    assert layout_of(older) == "2"


def layout_of(catalog: Catalog) -> str:
    with sqlite3.connect(catalog.folder / "catalog.sqlite") as connection:
        found = connection.execute("SELECT value FROM netlake_metadata WHERE key = 'layout'").fetchone()
    connection.close()
    return str(found[0])
