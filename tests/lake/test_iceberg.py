"""Iceberg tables of a lake, read back by pyiceberg and compared by value."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small
from extension import plain

import netlake
from netlake import cli
from netlake.lake import Catalog
from netlake.lake.compact import Wanted
from netlake.schema import Column

pyiceberg = pytest.importorskip("pyiceberg")
from pyiceberg.catalog.sql import SqlCatalog  # noqa: E402 - after the check of its package

from netlake.lake import iceberg  # noqa: E402 - as above

# of pyiceberg and what it imports
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
DEMO = Path(__file__).resolve().parents[1] / "captures" / "demo.pcapng"
A, B, C = (small.identity(number) for number in (10, 20, 30))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Any]:
    """Another program's catalog of what was published in tmp_path/iceberg."""
    folder = tmp_path / "iceberg"
    folder.mkdir()
    opened = SqlCatalog(iceberg.NAMESPACE, uri=f"sqlite:///{folder / iceberg.CATALOG}", warehouse=folder.as_uri())
    yield opened
    opened.engine.dispose()


def read(reader: Any, name: str, **scan: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = reader.load_table((iceberg.NAMESPACE, name)).scan(**scan).to_arrow().to_pylist()
    return found


def texts(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(str(plain(row)) for row in rows)


def check(catalog: Catalog, reader: Any, names: Any = None) -> None:
    """Every column of every table has the values that the lake has."""
    for name in names or catalog.tables():
        columns = [column.name for column in catalog.columns(name)]
        expected = [{column: row.get(column) for column in columns} for row in small.rows(catalog, name)]
        found = read(reader, name)
        assert texts(found) == texts(expected), name
        assert not found or list(found[0]) == columns
        table = reader.load_table((iceberg.NAMESPACE, name))
        assert {one.name: one.field_id for one in table.schema().fields} == {
            column.name: column.id for column in catalog.columns(name)
        }


def test_every_value_of_a_decoded_capture(tmp_path: Path, reader: Any, capfd: Any) -> None:
    netlake.capture([DEMO], tmp_path / "lake")
    code = cli.main(["util", "publish", "--iceberg", str(tmp_path / "iceberg"), "--lake", str(tmp_path / "lake")])
    out = capfd.readouterr().out
    assert code == 0
    catalog = Catalog(tmp_path / "lake")
    assert f"{len(catalog.tables())} tables" in out
    assert len(catalog.tables()) > 10
    check(catalog, reader)


def test_gaps_in_ids_and_added_columns(catalog: Catalog, reader: Any, tmp_path: Path) -> None:
    """A wrong id would read another column of the same type, or null."""
    small.put(catalog, A, 20)
    wide = dataclasses.replace(small.WIRE, columns=(*small.WIRE.columns, Column("later", "u16", "Later.", why="test")))
    rows = [row | {"later": row["packet"]} for row in small.wire_rows(B, 6)]
    catalog.commit(small.facts(B), small.write(catalog, B, [(wide, rows)]))
    ids = [column.id for column in catalog.columns("wire")]
    assert ids != list(range(1, len(ids) + 1))
    assert iceberg.publish(catalog, tmp_path / "iceberg").refused == []
    check(catalog, reader)
    assert len(read(reader, "wire", row_filter="later > 3")) == 3


def test_publishing_again_follows_the_lake(catalog: Catalog, reader: Any, tmp_path: Path) -> None:
    for capture, count in ((A, 20), (B, 25), (C, 5)):
        small.put(catalog, capture, count)
        assert iceberg.publish(catalog, tmp_path / "iceberg").tables["wire"] == len(small.rows(catalog, "wire"))
        check(catalog, reader)
    catalog.compact(Wanted())
    catalog.remove(B)
    iceberg.publish(catalog, tmp_path / "iceberg")
    check(catalog, reader)
    for name in small.TABLES:
        assert len(reader.load_table((iceberg.NAMESPACE, name.name)).metadata.snapshots) == 1


def test_filters_read_only_files_that_can_match(catalog: Catalog, reader: Any, tmp_path: Path) -> None:
    small.put(catalog, A, 20)
    small.put(catalog, B, 25)
    iceberg.publish(catalog, tmp_path / "iceberg")
    table = reader.load_table((iceberg.NAMESPACE, "wire"))
    for condition, files in {
        f"capture = '{A}'": 2, "packet > 20": 1, "src_ip = '9.9.9.9'": 0, "ts < '2024-03-01T23:59:52+00:00'": 2,
        "day = '2024-03-02'": 2, "packet > 0": 4,
    }.items():  # fmt: skip
        assert len(list(table.scan(row_filter=condition).plan_files())) == files, condition


def test_types_that_iceberg_lacks_are_reported(catalog: Catalog, reader: Any, tmp_path: Path) -> None:
    small.put(catalog, A, 3)
    number = catalog.tables()["link"].id
    with catalog._write() as session:
        session.run(
            "UPDATE ducklake_column SET column_type = 'uint128' WHERE table_id = ? AND column_name = 'mac'", (number,)
        )
    (sentence,) = iceberg.publish(catalog, tmp_path / "iceberg").refused
    assert sentence == "Table link was not published: Iceberg has no type for column mac, which is uint128."
    check(catalog, reader, ["wire", "address"])


def test_without_the_extra(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.setitem(sys.modules, "pyiceberg.catalog.sql", None)
    assert cli.main(["util", "publish", "--iceberg", str(tmp_path / "x"), "--lake", str(catalog.folder)]) == 1
    assert "netlake[iceberg]" in capfd.readouterr().err
    assert not (tmp_path / "x").exists()
