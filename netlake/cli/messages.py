"""Writes the rows of a file of protobuf messages in any format; no SQL runs, so no guarded process is needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from netlake import tables
from netlake.cli import rows
from netlake.errors import OptionError
from netlake.query import names, output
from netlake.query.output import Style
from netlake.schema import arrow
from netlake.sinks import protobuf


def write(path: Path, out: Path | None, lake: Path, selection: Mapping[str, Any], *, style: Mapping[str, Any]) -> int:
    """Write the rows of `path` that `selection` (select, limit) asks for to `out` or stdout; return the exit code."""
    terminal = rows.check_terminal(style["format"], out)
    head, batches = protobuf.read(path)
    schema = arrow.schema(tables.table(head.table))
    for name in selection["select"]:
        if name not in schema.names:
            raise OptionError(f"--select: {names.unknown('column', name, schema.names, f' in table {head.table}')}")
    chosen = list(selection["select"]) or schema.names
    width = shutil.get_terminal_size().columns if terminal else 0
    with rows.target(out, lake) as file:
        fields = pa.schema([schema.field(name) for name in chosen])
        writer = output.writer(style["format"], file, fields, Style(style["raw"], width, head.table))
        for batch in _first(batches, selection["limit"]):
            writer.write(batch.select(chosen))
        writer.close()
        file.flush()
    return 0


def _first(batches: Iterator[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    """The batches, cut after `limit` rows."""
    for batch in batches:
        if limit is None:
            yield batch
        elif limit:
            yield batch[:limit]
            limit -= min(limit, batch.num_rows)
        else:
            return
