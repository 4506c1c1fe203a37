"""Publish the newest snapshot of a lake as Apache Iceberg tables, for Spark, Trino and others; no file is rewritten.

Theory of operation
- Iceberg finds columns by the field ids of the Parquet files, and so must the schema that is published. pyiceberg gives
  the columns of a new table ids of its own, and then reads other columns, or null, without an error. So the metadata of
  each table is written here, with the ids of the catalog, and registered (`register_table`).
- A table is published as a whole: one Iceberg snapshot with the files of the lake's snapshot, replaced by the next
  publication. Files stay where they are, under their absolute paths, until `expire` deletes them.
- The tables are not partitioned; readers prune files by the bounds of the columns, which are those of the catalog.
- Columns are optional, as older files lack later ones. A type that Iceberg lacks, or a default for older files, cannot
  be published, and the table is left out with a sentence.
"""

from __future__ import annotations

import datetime as dt
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netlake.errors import LakeError
from netlake.lake import remote
from netlake.lake.catalog import Catalog
from netlake.lake.facts import ColumnInfo, FileInfo, TableInfo

# of the tables, and the name of the catalog
NAMESPACE = "netlake"
CATALOG = "iceberg.sqlite"
# Iceberg's names of DuckLake's types
_TYPES = {
    "boolean": "boolean", "int8": "int", "int16": "int", "int32": "int", "int64": "long", "uint8": "int",
    "uint16": "int", "uint32": "long", "float32": "float", "float64": "double", "varchar": "string", "blob": "binary",
    "date": "date", "timestamp": "timestamp", "timestamptz": "timestamptz", "uuid": "uuid",
}  # fmt: skip
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")


@dataclass(slots=True)
class Published:
    """The tables in the Iceberg catalog with their number of rows, and a sentence for each that is not."""

    tables: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def publish(catalog: Catalog, folder: Path) -> Published:
    """Write the newest snapshot's tables to an Iceberg catalog in `folder`, created or replaced.

    LakeError without the extra netlake[iceberg].
    """
    try:
        from pyiceberg.catalog.sql import SqlCatalog
        from pyiceberg.exceptions import NoSuchTableError
    except ImportError as error:
        raise LakeError("Iceberg tables need the extra netlake[iceberg]: install it with pip.") from error
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    iceberg = SqlCatalog(NAMESPACE, uri=f"sqlite:///{folder / CATALOG}", warehouse=_uri(folder))
    try:
        iceberg.create_namespace_if_not_exists(NAMESPACE)
        at, result = catalog.snapshot(), Published()
        present = catalog.tables(at)
        for _, name in iceberg.list_tables(NAMESPACE):
            if name not in present:
                iceberg.drop_table((NAMESPACE, name))
        for name, table in present.items():
            try:
                _check(table)
                fields = [_field(column) for column in catalog.columns(name, at)]
                files = catalog.files(name, at)
            except LakeError as error:
                result.refused.append(f"Table {name} was not published: {error}")
                with suppress(NoSuchTableError):
                    iceberg.drop_table((NAMESPACE, _called(table)))
                continue
            _register(iceberg, folder, table, fields, files)
            result.tables[name] = sum(file.rows for file in files)
    finally:
        iceberg.engine.dispose()
    return result


def _called(table: TableInfo) -> str:
    return table.name if table.schema == "main" else f"{table.schema}.{table.name}"


def _check(table: TableInfo) -> None:
    """LakeError for a name, of another engine's table, that is no name of a folder."""
    if not re.fullmatch(r"[^./\\\x00][^/\\\x00]*", _called(table)):
        raise LakeError("its name cannot be that of a folder.")


def _uri(path: Path) -> str:
    """A path as Iceberg has it: readers do not decode percent signs."""
    return f"file://{path}"


def _field(column: ColumnInfo) -> dict[str, Any]:
    if column.default is not None:
        raise LakeError(f"column {column.name} has the default {column.default!r} for older files.")
    return {
        "id": column.id, "name": column.name, "required": False, "type": _type(column), "doc": column.doc or None,
    }  # fmt: skip


def _type(column: ColumnInfo) -> Any:
    """The type of a column in Iceberg's JSON; LakeError for one that Iceberg lacks."""
    if column.type == "list":
        (element,) = column.children
        return {
            "type": "list", "element-id": element.id, "element": _type(element), "element-required": False,
        }  # fmt: skip
    if column.type == "struct":
        return {"type": "struct", "fields": [_field(child) for child in column.children]}
    if found := _DECIMAL.fullmatch(column.type):
        return f"decimal({found[1]}, {found[2]})"
    if column.type not in _TYPES:
        raise LakeError(f"Iceberg has no type for column {column.name}, which is {column.type}.")
    return _TYPES[column.type]


def _ids(fields: list[dict[str, Any]]) -> Iterator[int]:
    """All ids of fields, nested ones too."""
    for one in fields:
        yield one["id"]
        kind = one["type"]
        while isinstance(kind, dict) and kind["type"] == "list":
            yield kind["element-id"]
            kind = kind["element"]
        if isinstance(kind, dict):
            yield from _ids(kind["fields"])


def _register(
    iceberg: Any, folder: Path, table: TableInfo, fields: list[dict[str, Any]], files: list[FileInfo]
) -> None:
    """Write the metadata of a table, register it in place of the former one, and append its files."""
    from pyiceberg.serializers import ToOutputFile
    from pyiceberg.table.metadata import TableMetadataV2

    name = _called(table)
    place = folder / name
    (place / "metadata").mkdir(parents=True, exist_ok=True)
    former = list((place / "metadata").iterdir())
    metadata = TableMetadataV2.model_validate(
        {
            "format-version": 2,
            "table-uuid": str(uuid.uuid4()),
            "location": _uri(place),
            "last-sequence-number": 0,
            "last-updated-ms": round(time.time() * 1000),
            "last-column-id": max(_ids(fields)),
            "schemas": [{"type": "struct", "schema-id": 0, "fields": fields}],
            "current-schema-id": 0,
            "partition-specs": [{"spec-id": 0, "fields": []}],
            "default-spec-id": 0,
            "last-partition-id": 999,
            "sort-orders": [{"order-id": 0, "fields": []}],
            "default-sort-order-id": 0,
            "properties": {"comment": table.doc} if table.doc else {},
        }
    )
    path = _uri(place / "metadata" / f"00000-{metadata.table_uuid}.metadata.json")
    ToOutputFile.table_metadata(metadata, iceberg._load_file_io(location=path).new_output(path))  # noqa: SLF001
    from pyiceberg.exceptions import NoSuchTableError

    with suppress(NoSuchTableError):
        iceberg.drop_table((NAMESPACE, name))
    registered = iceberg.register_table((NAMESPACE, name), path)
    if files:
        with registered.transaction() as change, change.update_snapshot().fast_append() as append:
            for file in files:
                append.append_data_file(_data_file(file, registered.schema()))
    for one in former:
        one.unlink()


def _data_file(file: FileInfo, schema: Any) -> Any:
    """A file as Iceberg's manifests have it, with the counts and bounds of the catalog."""
    from pyiceberg.conversions import to_bytes
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.typedef import Record

    types = {one.field_id: one.field_type for one in schema.fields if one.field_type.is_primitive}
    known = {number: found for number, found in file.stats.items() if number in types}
    values = {number: found.values for number, found in known.items() if found.values is not None}
    nulls = {number: found.nulls for number, found in known.items() if found.nulls is not None}
    ranged = {
        number: found for number, found in known.items() if found.least is not None and not found.nan
    }  # fmt: skip
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=file.path if remote.is_remote(file.path) else _uri(Path(file.path)),
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=file.rows,
        file_size_in_bytes=file.size,
        column_sizes={},
        value_counts={number: count + nulls[number] for number, count in values.items() if number in nulls},
        null_value_counts=nulls,
        nan_value_counts={},
        lower_bounds={number: to_bytes(types[number], _plain(found.least)) for number, found in ranged.items()},
        upper_bounds={number: to_bytes(types[number], _plain(found.greatest)) for number, found in ranged.items()},
        key_metadata=None,
        split_offsets=None,
        equality_ids=None,
        sort_order_id=None,
        spec_id=0,
    )


def _plain(value: Any) -> Any:
    """A bound as pyiceberg converts it: times and days as numbers since 1970."""
    if isinstance(value, dt.datetime):
        return (value - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    return (value - dt.date(1970, 1, 1)).days if isinstance(value, dt.date) else value
