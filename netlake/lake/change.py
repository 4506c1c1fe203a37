"""The snapshot that a write session adds: its number, new ids, and its changes in DuckLake's notation.

A Change reads the newest snapshot when the session begins; the session is the only writer, so its number and ids are
free. The operations write rows that begin or end at `id`, and `note` each change; `finish` writes the snapshot itself.
Nothing of it is visible before the session commits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from netlake.lake.database import Session
from netlake.lake.layout import now


class Change:
    """The next snapshot, within a write session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        last = session.row(
            "SELECT snapshot_id, schema_version, next_catalog_id, next_file_id FROM ducklake_snapshot "
            "ORDER BY snapshot_id DESC LIMIT 1"
        )
        assert last is not None  # noqa: S101 - a catalog is created with snapshot 0
        self.id: int = last[0] + 1
        self.schema_version: int = last[1]
        self._next_catalog: int = last[2]
        self._next_file: int = last[3]
        self._before = self.schema_version
        self._done: dict[str, None] = {}

    def catalog_id(self) -> int:
        """A new id for a table or a partitioning."""
        self._next_catalog += 1
        return self._next_catalog - 1

    def file_id(self) -> int:
        """A new id for a data file."""
        self._next_file += 1
        return self._next_file - 1

    def note(self, what: str) -> None:
        """Record a change in DuckLake's notation: `inserted_into_table:7`."""
        self._done[what] = None

    def new_schema(self, table: int) -> None:
        """Record that the columns of `table` change with this snapshot; other engines cache schemas by this version."""
        if self.schema_version == self._before:
            self.schema_version += 1
        self.session.insert("ducklake_schema_versions", [(self.id, self.schema_version, table)])

    def finish(self, author: str, message: str, extra: Mapping[str, Any]) -> None:
        """Write the snapshot with its author, message and JSON."""
        row = (self.id, now(), self.schema_version, self._next_catalog, self._next_file)
        self.session.insert("ducklake_snapshot", [row])
        notes = json.dumps(extra, ensure_ascii=False)
        self.session.insert("ducklake_snapshot_changes", [(self.id, ",".join(self._done), author, message, notes)])
