"""Derived tables: an owner replaces its rows as a whole, and touches nothing else."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import small
from small import on_disk, paths, rows

from netlake.errors import LakeError
from netlake.lake import Catalog
from netlake.lake.database import UncertainError
from netlake.schema import Column

A, B = (small.identity(number) for number in (10, 20))


def labels(catalog: Catalog, at: Any = None) -> list[tuple[str, int]]:
    return sorted({(row["writer"], row["edition"]) for row in rows(catalog, "label", at)})


def test_rows_of_an_owner_are_replaced_in_one_snapshot(catalog: Catalog) -> None:
    small.put(catalog, A)
    first = small.derive(catalog, "labeler", 1, 6)
    assert (first.status, first.capture, first.snapshot) == ("added", "labeler", 2)
    assert first.sentence == "6 rows of labeler (version 1) were added in label."
    second = small.derive(catalog, "labeler", 2, 4)
    assert (second.status, second.snapshot) == ("replaced", 3)
    assert labels(catalog) == [("labeler", 2)]
    assert len(rows(catalog, "label")) == 4
    assert len(rows(catalog, "label", at=2)) == 6
    assert (catalog.owners("label"), catalog.owners("label", at=2)) == ({"labeler": "2"}, {"labeler": "1"})
    assert catalog.snapshots()[-1].extra == {"owner": "labeler", "table": "label", "version": "2"}


def test_owners_of_one_table_are_independent(catalog: Catalog) -> None:
    small.derive(catalog, "a", 1)
    small.derive(catalog, "b", 7)
    small.derive(catalog, "a", 2)
    assert labels(catalog) == [("a", 2), ("b", 7)]
    assert catalog.owners("label") == {"a": "2", "b": "7"}
    small.derive(catalog, "a", 3, 0)
    assert labels(catalog) == [("b", 7)]
    assert catalog.owners("label") == {"a": "3", "b": "7"}


def test_captures_and_derived_rows_do_not_touch_each_other(catalog: Catalog) -> None:
    small.put(catalog, A)
    small.derive(catalog, "a", 1)
    before = {name: rows(catalog, name) for name in ("wire", "link", "address")}
    small.derive(catalog, "a", 2)
    assert {name: rows(catalog, name) for name in before} == before
    small.put(catalog, A, replace=True)
    small.put(catalog, B)
    catalog.remove(A)
    assert labels(catalog) == [("a", 2)]
    assert catalog.captures() == [catalog.capture(B)]


def test_owner_named_like_a_capture_is_another_writer(catalog: Catalog) -> None:
    small.put(catalog, A)
    small.derive(catalog, A, 1)
    catalog.remove(A)
    assert labels(catalog) == [(A, 1)]


def test_derived_table_grows_by_columns(catalog: Catalog) -> None:
    small.derive(catalog, "a", 1)
    more = Column("note", "text", "More.", why="test")
    grown = dataclasses.replace(small.LABEL, columns=(*small.LABEL.columns, more))
    small.derive(catalog, "b", 1, table=grown)
    assert [column.name for column in catalog.columns("label")] == ["writer", "edition", "flow", "note"]


@pytest.mark.parametrize("stored", [True, False])
def test_table_that_captures_write_is_refused(catalog: Catalog, *, stored: bool) -> None:
    """By its rows in the lake, and by its declaration if there are none."""
    if stored:
        small.put(catalog, A)
    table = small.LINK if stored else small.ADDRESS
    before = on_disk(catalog)
    files = small.write(catalog, "labeler", [(table, small.tables_of(A, 3)[small.TABLES.index(table)][1])])
    with pytest.raises(LakeError, match=f"Table {table.name} is written by captures and cannot be replaced"):
        catalog.replace_table(table, files, "labeler", "1")
    assert on_disk(catalog) == before


def test_capture_that_writes_a_derived_table_is_refused(catalog: Catalog) -> None:
    small.derive(catalog, "a", 1)
    files = small.write(catalog, A, [(small.LABEL, [{"writer": "x", "edition": 0, "flow": 1}])])
    with pytest.raises(LakeError, match="Table label of this lake is derived, its rows belong to a"):
        catalog.commit(small.facts(A), files)
    assert on_disk(catalog) == paths(catalog)


@pytest.mark.parametrize("owner", ["", "two words", "../up", "x" * 65])
def test_owner_without_a_proper_name_is_refused(catalog: Catalog, owner: str) -> None:
    with pytest.raises(LakeError, match="cannot own rows"):
        catalog.replace_table(small.LABEL, [], owner, "1")


def test_file_of_another_table_is_refused(catalog: Catalog) -> None:
    other = dataclasses.replace(small.LABEL, name="truth")
    files = small.write(catalog, "a", [(other, [{"writer": "a", "edition": 1, "flow": 1}])])
    with pytest.raises(LakeError, match="is a file of table truth, not of label"):
        catalog.replace_table(small.LABEL, files, "a", "1")
    assert on_disk(catalog) == set()


def test_commit_in_doubt_keeps_files_that_the_catalog_names(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def doubtful(connection: Any, _: Any) -> None:
        connection.execute("COMMIT")
        raise UncertainError("The disk failed.")

    monkeypatch.setattr("netlake.lake.database._commit", doubtful)
    small.derive(catalog, "a", 1)
    assert labels(catalog) == [("a", 1)]


def test_readonly_catalog_refuses_to_replace(catalog: Catalog) -> None:
    with pytest.raises(LakeError, match="for reading only"):
        Catalog(catalog.folder, readonly=True).replace_table(small.LABEL, [], "a", "1")


def test_owner_is_removed_with_its_rows(catalog: Catalog) -> None:
    small.put(catalog, A)
    small.derive(catalog, "a", 1, 3)
    small.derive(catalog, "b", 5, 2)
    before = {name: rows(catalog, name) for name in ("wire", "link", "address")}
    gone = catalog.remove_rows("label", "a")
    assert (gone.status, gone.capture, gone.snapshot) == ("removed", "a", 4)
    assert gone.sentence.startswith("3 rows of a were removed from label; earlier snapshots still contain them")
    assert (labels(catalog), catalog.owners("label")) == ([("b", 5)], {"b": "5"})
    assert (labels(catalog, 3), catalog.owners("label", at=3)) == ([("a", 1), ("b", 5)], {"a": "1", "b": "5"})
    assert {name: rows(catalog, name) for name in before} == before
    assert small.derive(catalog, "a", 2).status == "added"
    assert labels(catalog) == [("a", 2), ("b", 5)]


def test_owner_without_rows_is_removed(catalog: Catalog) -> None:
    small.derive(catalog, "a", 1, 0)
    catalog.remove_rows("label", "a")
    assert catalog.owners("label") == {}


@pytest.mark.parametrize(("table", "owner", "sentence"), [
    ("label", "x", "Table label has no rows of 'x'; its owners are: a."),
    ("wire", "a", "Table wire has no rows of 'a'; its owners are: none."),
    ("absent", "a", "has no table absent"),
])  # fmt: skip
def test_unknown_owner_is_not_removed(catalog: Catalog, table: str, owner: str, sentence: str) -> None:
    small.put(catalog, A)
    small.derive(catalog, "a", 1)
    with pytest.raises(LakeError, match=sentence):
        catalog.remove_rows(table, owner)
    assert catalog.snapshot() == 2
    assert labels(catalog) == [("a", 1)]


def test_extension_reads_a_derived_table(catalog: Catalog, ask: Any) -> None:
    small.put(catalog, A, 3)
    small.derive(catalog, "a", 1, 4)
    small.derive(catalog, "b", 5, 2)
    small.derive(catalog, "a", 2, 3)
    query = "SELECT writer, edition, flow FROM lake.label {} ORDER BY ALL"
    now, before = ask(catalog.folder, query.format(""), query.format("AT (VERSION => 3)"))
    assert now == [["a", 2, 0], ["a", 2, 1], ["a", 2, 2], ["b", 5, 0], ["b", 5, 1]]
    assert before == [["a", 1, flow] for flow in range(4)] + [["b", 5, flow] for flow in range(2)]
