"""The lake: Parquet files under a DuckLake 1.0 catalog, read and written with plain SQL.

    catalog = Catalog("lake", create=True)          the folder, or its catalog.sqlite; readonly=True never writes
    catalog.data                                    where a ParquetSink writes: Path("lake/data")
    catalog.notice                                  None, or the sentence to show: the lake was moved

    catalog.find(capture, contract, sha256=None)    before decoding: None, or the Outcome "it stands already"
    catalog.commit(facts, files, replace=False)     all tables of a capture in one transaction -> Outcome
    catalog.remove(capture)                         -> Outcome
    catalog.capture(id) / catalog.captures()        Standing, or None / all that stand, in order of arrival

    catalog.snapshot(at=None)                       id of a snapshot: None (now), a number, or a time (UTC)
    catalog.snapshots()                             every SnapshotInfo
    catalog.tables(at=None)                         {name: TableInfo}
    catalog.columns(table, at=None)                 [ColumnInfo], nested, in order
    catalog.files(table, at=None, columns=None)     [FileInfo]; statistics of those column ids only, () for none

    catalog.collect_orphans(grace_seconds)          removes files that no snapshot knows -> their paths
    catalog.validate(deep=False)                    [Problem]: missing, other size; deep: other sha256
    catalog.relocate()                              writes the folder's present place for other engines

`commit` takes the files over: those that it does not keep it removes, so nobody aborts a sink after calling it.
Captures are told apart by id and sha256: what stands is not written twice (`Outcome.status` is "standing").

The table `address` belongs to no capture, yet each capture writes its own rows of it, so that removing one takes no
address from another: readers take DISTINCT.
Every operation opens its own connection, so a Catalog may be shared by threads and survives a fork. Reading needs no
lock: what a snapshot holds never changes. All text that is raised is a LakeError of one sentence.
"""

from __future__ import annotations

from netlake.lake.catalog import Catalog
from netlake.lake.facts import (
    CaptureFacts,
    ColumnInfo,
    FileInfo,
    Outcome,
    Problem,
    Range,
    SnapshotInfo,
    Standing,
    TableInfo,
)

__all__ = [
    "CaptureFacts",
    "Catalog",
    "ColumnInfo",
    "FileInfo",
    "Outcome",
    "Problem",
    "Range",
    "SnapshotInfo",
    "Standing",
    "TableInfo",
]
