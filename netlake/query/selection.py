"""SQL with the tables that it needs beside those of the lake, such as packets that a filter found in the originals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Selection:
    """A statement or condition, and tables by name (`given` of netlake.query.connection.Connection.run)."""

    sql: str
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
