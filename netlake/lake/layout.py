"""The tables of the catalog: those of DuckLake 1.0, column for column as the extension creates them, and our own.

- Tables with the prefix `netlake_` are ours; the extension ignores them. `netlake_capture` has the captures,
  `netlake_file` the writers and SHA-256 of each data file, `netlake_file_rows` whose rows those of a file with several
  writers are (see netlake.lake.shared), `netlake_owner` the owners of derived tables, `netlake_packets` digests of the
  first packets of each capture, `netlake_metadata` the layout, the contract and the program that created the lake.
- `_flag`, `_time` and `_uuid` are replaced by the database's types of them.
- Some of our indexes are on DuckLake's tables: without them, finding one table's statistics reads those of all tables.
"""

from __future__ import annotations

import datetime as dt
import uuid

from netlake.errors import LakeError
from netlake.lake.database import Session
from netlake.lake.facts import CONTRACT

DUCKLAKE = "1.0"
# 2: lakes of contract 2, which a netlake that knows contract 1 alone must not write; 3: with files of several captures,
# which it would end with all their rows. A lake gets layout 3 when it is first compacted.
LAYOUT, SHARED = "2", "3"
LAYOUTS = ("1", LAYOUT, SHARED)
# in netlake_file.capture, before the name of a derived table's owner
OWNER = "owner:"

TABLES = """
ducklake_metadata(key VARCHAR NOT NULL, value VARCHAR NOT NULL, scope VARCHAR, scope_id BIGINT)
ducklake_snapshot(snapshot_id BIGINT PRIMARY KEY, snapshot_time _time, schema_version BIGINT, next_catalog_id BIGINT, next_file_id BIGINT)
ducklake_snapshot_changes(snapshot_id BIGINT PRIMARY KEY, changes_made VARCHAR, author VARCHAR, commit_message VARCHAR, commit_extra_info VARCHAR)
ducklake_schema(schema_id BIGINT PRIMARY KEY, schema_uuid _uuid, begin_snapshot BIGINT, end_snapshot BIGINT, schema_name VARCHAR, path VARCHAR, path_is_relative _flag)
ducklake_table(table_id BIGINT, table_uuid _uuid, begin_snapshot BIGINT, end_snapshot BIGINT, schema_id BIGINT, table_name VARCHAR, path VARCHAR, path_is_relative _flag)
ducklake_view(view_id BIGINT, view_uuid _uuid, begin_snapshot BIGINT, end_snapshot BIGINT, schema_id BIGINT, view_name VARCHAR, dialect VARCHAR, sql VARCHAR, column_aliases VARCHAR)
ducklake_tag(object_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, key VARCHAR, value VARCHAR)
ducklake_column_tag(table_id BIGINT, column_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, key VARCHAR, value VARCHAR)
ducklake_data_file(data_file_id BIGINT PRIMARY KEY, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, file_order BIGINT, path VARCHAR, path_is_relative _flag, file_format VARCHAR, record_count BIGINT, file_size_bytes BIGINT, footer_size BIGINT, row_id_start BIGINT, partition_id BIGINT, encryption_key VARCHAR, mapping_id BIGINT, partial_max BIGINT)
ducklake_file_column_stats(data_file_id BIGINT, table_id BIGINT, column_id BIGINT, column_size_bytes BIGINT, value_count BIGINT, null_count BIGINT, min_value VARCHAR, max_value VARCHAR, contains_nan _flag, extra_stats VARCHAR)
ducklake_file_variant_stats(data_file_id BIGINT, table_id BIGINT, column_id BIGINT, variant_path VARCHAR, shredded_type VARCHAR, column_size_bytes BIGINT, value_count BIGINT, null_count BIGINT, min_value VARCHAR, max_value VARCHAR, contains_nan _flag, extra_stats VARCHAR)
ducklake_delete_file(delete_file_id BIGINT PRIMARY KEY, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, data_file_id BIGINT, path VARCHAR, path_is_relative _flag, format VARCHAR, delete_count BIGINT, file_size_bytes BIGINT, footer_size BIGINT, encryption_key VARCHAR, partial_max BIGINT)
ducklake_column(column_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, table_id BIGINT, column_order BIGINT, column_name VARCHAR, column_type VARCHAR, initial_default VARCHAR, default_value VARCHAR, nulls_allowed _flag, parent_column BIGINT, default_value_type VARCHAR, default_value_dialect VARCHAR)
ducklake_table_stats(table_id BIGINT, record_count BIGINT, next_row_id BIGINT, file_size_bytes BIGINT)
ducklake_table_column_stats(table_id BIGINT, column_id BIGINT, contains_null _flag, contains_nan _flag, min_value VARCHAR, max_value VARCHAR, extra_stats VARCHAR)
ducklake_partition_info(partition_id BIGINT, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT)
ducklake_partition_column(partition_id BIGINT, table_id BIGINT, partition_key_index BIGINT, column_id BIGINT, transform VARCHAR)
ducklake_file_partition_value(data_file_id BIGINT, table_id BIGINT, partition_key_index BIGINT, partition_value VARCHAR)
ducklake_files_scheduled_for_deletion(data_file_id BIGINT, path VARCHAR, path_is_relative _flag, schedule_start _time)
ducklake_inlined_data_tables(table_id BIGINT, table_name VARCHAR, schema_version BIGINT)
ducklake_column_mapping(mapping_id BIGINT, table_id BIGINT, type VARCHAR)
ducklake_name_mapping(mapping_id BIGINT, column_id BIGINT, source_name VARCHAR, target_field_id BIGINT, parent_column BIGINT, is_partition _flag)
ducklake_schema_versions(begin_snapshot BIGINT, schema_version BIGINT, table_id BIGINT)
ducklake_macro(schema_id BIGINT, macro_id BIGINT, macro_name VARCHAR, begin_snapshot BIGINT, end_snapshot BIGINT)
ducklake_macro_impl(macro_id BIGINT, impl_id BIGINT, dialect VARCHAR, sql VARCHAR, type VARCHAR)
ducklake_macro_parameters(macro_id BIGINT, impl_id BIGINT, column_id BIGINT, parameter_name VARCHAR, parameter_type VARCHAR, default_value VARCHAR, default_value_type VARCHAR)
ducklake_sort_info(sort_id BIGINT, table_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT)
ducklake_sort_expression(sort_id BIGINT, table_id BIGINT, sort_key_index BIGINT, expression VARCHAR, dialect VARCHAR, sort_direction VARCHAR, null_order VARCHAR)
netlake_metadata(key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL)
netlake_capture(capture VARCHAR NOT NULL, begin_snapshot BIGINT NOT NULL, end_snapshot BIGINT, kind VARCHAR NOT NULL, path VARCHAR NOT NULL, size BIGINT, sha256 VARCHAR, contract BIGINT NOT NULL, state VARCHAR NOT NULL, part BIGINT NOT NULL, packets BIGINT NOT NULL, begin_time VARCHAR, end_time VARCHAR, row_counts VARCHAR NOT NULL, report VARCHAR NOT NULL, version VARCHAR NOT NULL)
netlake_owner(table_id BIGINT NOT NULL, owner VARCHAR NOT NULL, version VARCHAR NOT NULL, begin_snapshot BIGINT NOT NULL, end_snapshot BIGINT)
netlake_packets(capture VARCHAR NOT NULL, packets BIGINT NOT NULL, digest VARCHAR NOT NULL, PRIMARY KEY (digest, capture))
netlake_file(data_file_id BIGINT NOT NULL, capture VARCHAR NOT NULL, sha256 VARCHAR NOT NULL, PRIMARY KEY (data_file_id, capture))
netlake_file_rows(data_file_id BIGINT NOT NULL, first_row BIGINT NOT NULL, row_count BIGINT NOT NULL, capture VARCHAR NOT NULL, PRIMARY KEY (data_file_id, first_row))
"""  # noqa: E501 - one table a line, as they are compared with the extension's

INDEXES = (
    "UNIQUE INDEX netlake_capture_id ON netlake_capture(capture) WHERE end_snapshot IS NULL",
    "UNIQUE INDEX netlake_capture_sha256 ON netlake_capture(sha256) WHERE end_snapshot IS NULL",
    "INDEX netlake_file_capture ON netlake_file(capture)",
    "INDEX netlake_data_file ON ducklake_data_file(table_id)",
    "INDEX netlake_file_stats ON ducklake_file_column_stats(table_id, column_id, data_file_id)",
    "INDEX netlake_file_partition ON ducklake_file_partition_value(table_id)",
    "INDEX netlake_column ON ducklake_column(table_id)",
    "INDEX netlake_column_tag ON ducklake_column_tag(table_id, column_id)",
    "INDEX netlake_table_stats ON ducklake_table_stats(table_id)",
    "INDEX netlake_column_stats ON ducklake_table_column_stats(table_id, column_id)",
)


def now() -> str:
    """The current time as the catalog writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")


def exists(session: Session) -> bool:
    """Whether the database contains a catalog; LakeError if it is not ours or has an unknown layout."""
    names = session.tables()
    if not names:
        return False
    if "netlake_metadata" not in names:
        raise LakeError(
            "The database is not a netlake catalog; name the folder of a lake, or an empty folder to create one."
        )
    _check(session, "netlake_metadata WHERE key = 'layout'", LAYOUTS, "layout")
    _check(session, "ducklake_metadata WHERE key = 'version' AND scope IS NULL", (DUCKLAKE,), "DuckLake version")
    return True


def _check(session: Session, where: str, known: tuple[str, ...], what: str) -> None:
    found = session.row(f"SELECT value FROM {where}")  # noqa: S608 - our own words
    version = found[0] if found else "none"
    if version not in known:
        raise LakeError(f"The lake has {what} {version} and this netlake reads {known[-1]} only: use a newer netlake.")


def create(session: Session, data: str, version: str) -> None:
    """Create an empty catalog whose files are under `data`, an absolute path that ends in a slash."""
    for line in TABLES.strip().splitlines():
        session.create(line)
    for line in INDEXES:
        session.run(f"CREATE {line}")
    settings = {
        "version": DUCKLAKE,
        "created_by": f"netlake {version}",
        "data_path": data,
        "encrypted": "false",
        "data_inlining_row_limit": "0",
    }
    session.insert("ducklake_metadata", [(key, value, None, None) for key, value in settings.items()])
    session.insert("ducklake_snapshot", [(0, now(), 0, 1, 0)])
    session.insert("ducklake_snapshot_changes", [(0, 'created_schema:"main"', None, None, None)])
    session.insert("ducklake_schema", [(0, str(uuid.uuid4()), 0, None, "main", "", True)])
    session.insert("netlake_metadata", [("layout", LAYOUT), ("version", version), ("contract", str(CONTRACT))])


def complete(session: Session) -> None:
    """Create those of our own tables that an older netlake did not create."""
    present = session.tables()
    for line in TABLES.strip().splitlines():
        name = line.partition("(")[0]
        if name.startswith("netlake_") and name not in present:
            session.create(line)


def raise_to(session: Session, layout: str) -> None:
    """Record a layout that older programs refuse; a later one stays."""
    row = session.row("SELECT value FROM netlake_metadata WHERE key = 'layout'")
    if row is None or row[0] < layout:
        session.run("DELETE FROM netlake_metadata WHERE key = 'layout'")
        session.insert("netlake_metadata", [("layout", layout)])
