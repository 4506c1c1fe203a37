"""Removals from merged files while other processes change the same files, and that are interrupted late."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small

from netlake.lake import Catalog, shared
from netlake.lake.compact import Wanted
from netlake.lake.database import Session, SQLite
from netlake.lake.shared import Stored
from netlake.sinks import parquet_copy

A, B, C, D = (small.identity(number) for number in (10, 20, 30, 40))
ROWS = {A: 20, B: 25, C: 5}


@pytest.fixture
def merged(catalog: Catalog) -> Catalog:
    """Three captures in merged files."""
    for capture, count in ROWS.items():
        small.put(catalog, capture, count)
    catalog.compact(Wanted())
    return catalog


def between(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Do `work` after the first removal has written its files, before its transaction."""
    written = shared.Rewriter.write

    def write(self: shared.Rewriter, again: Sequence[Stored], captures: Collection[str]) -> None:
        written(self, again, captures)
        monkeypatch.setattr(shared.Rewriter, "write", written)
        work()

    monkeypatch.setattr(shared.Rewriter, "write", write)


@pytest.mark.parametrize("how", ["remove", "purge", "replace"])
def test_rows_purged_meanwhile_do_not_come_back(merged: Catalog, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    between(monkeypatch, lambda: Catalog(merged.folder).purge(A))
    if how == "replace":
        small.put(merged, B, 7, replace=True, contract=2)
    else:
        getattr(merged, how)(B)
    left = {C: 5, **({B: 7} if how == "replace" else {})}
    assert Counter(row["capture"] for row in small.rows(merged, "wire")) == left
    assert merged.validate(deep=True) == []


def test_interrupt_behind_the_commit_keeps_what_it_names(merged: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other files than the prepared ones are used, because another process merged them with those of a new capture."""

    def compacted() -> None:
        other = Catalog(merged.folder)
        small.put(other, D, 5)
        other.compact(Wanted())
        monkeypatch.setattr(SQLite, "write", late)

    committed = SQLite.write

    @contextmanager
    def late(self: SQLite, *, create: bool = False) -> Iterator[Session]:
        with committed(self, create=create) as session:
            yield session
        monkeypatch.setattr(SQLite, "write", committed)
        raise KeyboardInterrupt

    between(monkeypatch, compacted)
    with pytest.raises(KeyboardInterrupt):
        merged.remove(B)
    assert Counter(row["capture"] for row in small.rows(merged, "wire")) == {A: 20, C: 5, D: 5}
    assert merged.validate(deep=True) == []


def test_copies_have_no_statistics_that_leave_nan_out(tmp_path: Path) -> None:
    """DuckDB would skip the rows of NaN by them."""
    paths = [tmp_path / f"{number}.parquet" for number in range(2)]
    for path in paths:
        pq.write_table(pa.table({"x": [1.0, float("nan"), 2.0], "n": [1, 2, 3]}), path)
    made = parquet_copy.copy([(str(path), None) for path in paths], tmp_path, "copy", None)
    group = pq.ParquetFile(made.path).metadata.row_group(0)
    assert (group.column(0).is_stats_set, group.column(1).is_stats_set) == (False, True)
