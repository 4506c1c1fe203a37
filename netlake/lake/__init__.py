"""The lake: Parquet files with a DuckLake 1.0 catalog, read and written with plain SQL.

    catalog = Catalog("lake", create=True)          the folder, or its catalog.sqlite; readonly=True never writes
    catalog.data                                    the folder for a ParquetSink: Path("lake/data")
    catalog.notice                                  None, or a sentence for the user: the lake was moved

    catalog.place(offer, replace=False)             before decoding files: their id, and the same capture if stored
    catalog.commit(facts, files, replace=False)     all tables of a capture in one transaction -> Outcome
    catalog.remove(capture) / catalog.purge(capture)   from the newest snapshot / from all, with its files -> Outcome
    catalog.capture(id) / catalog.captures()        Stored or None / all captures, in order of arrival

    catalog.replace_table(table, files, owner, version)   all rows of an owner in a derived table -> Outcome
    catalog.remove_rows(table, owner)               removes an owner and its rows from a derived table -> Outcome
    catalog.owners(table, at=None)                  {owner: version} of a derived table

    catalog.snapshot(at=None)                       id of a snapshot: None (newest), a number, or a time (UTC)
    catalog.snapshots()                             every SnapshotInfo
    catalog.tables(at=None)                         {name: TableInfo}
    catalog.columns(table, at=None)                 [ColumnInfo], nested, in order
    catalog.files(table, at=None, columns=None)     [FileInfo]; statistics of those column ids only, () for none

    catalog.collect_orphans(grace_seconds)          removes files that no snapshot names -> their paths
    catalog.expire(before)                          removes snapshots and their files -> (numbers, paths)
    catalog.validate(deep=False)                    [FileProblem]: missing, other size; deep: other SHA-256
    catalog.relocate()                              writes the folder's present path for other engines

    Catalog("lake", older=True)                     also a lake of an older contract, see netlake.lake.contract:
    catalog.outdated() / begin_refresh() / finish_refresh()

`commit` and `replace_table` take the files over and remove those that they do not keep, so a caller does not abort its
sink afterwards. A capture is identified by its content (see netlake.lake.identity): one that is in the lake is not
written again (`Outcome.status` is "unchanged").

The table `address` belongs to no capture, but each capture writes its own rows of it, so that removing a capture
removes no address of another: readers select DISTINCT.
A Catalog may be shared by threads and after a fork. Reading needs no lock: a snapshot never changes. Errors are
LakeError with one sentence.
"""

from __future__ import annotations

from netlake.lake.catalog import Catalog
from netlake.lake.facts import (
    CONTRACT,
    CaptureFacts,
    ColumnInfo,
    FileInfo,
    FileProblem,
    Outcome,
    Range,
    SnapshotInfo,
    Stored,
    TableInfo,
)

__all__ = [
    "CONTRACT",
    "CaptureFacts",
    "Catalog",
    "ColumnInfo",
    "FileInfo",
    "FileProblem",
    "Outcome",
    "Range",
    "SnapshotInfo",
    "Stored",
    "TableInfo",
]
