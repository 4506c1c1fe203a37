"""Parquet files: zstd, row groups of 131,072 rows, shards of 2,097,152 rows, rows in the order of their numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from netlake.label.dataset.frame import LABEL_COLUMNS
from netlake.label.dataset.output import Output
from netlake.label.dataset.work import BATCH, literal, quoted

SHARD = 16 * BATCH

Written = dict[str, list[Path]]


def write(folder: Path, batches: Iterator[pa.RecordBatch], stem: str, metadata: Mapping[str, str]) -> list[Path]:
    """Write `batches` to FOLDER/STEM-00000.parquet and further shards; return the files, none without rows."""
    paths: list[Path] = []
    writer: pq.ParquetWriter | None = None
    count = 0
    try:
        for batch in batches:
            if writer is None or count == SHARD:
                if writer is not None:
                    writer.close()
                folder.mkdir(parents=True, exist_ok=True)
                paths.append(folder / f"{stem}-{len(paths):05d}.parquet")
                schema = batch.schema.with_metadata(dict(metadata))
                writer, count = pq.ParquetWriter(paths[-1], schema, compression="zstd"), 0
            writer.write_table(
                pa.Table.from_batches([batch]).replace_schema_metadata(dict(metadata)), row_group_size=BATCH
            )
            count += batch.num_rows
    finally:
        if writer is not None:
            writer.close()
    return paths


def data(folder: Path, output: Output) -> tuple[Written, Written, Written]:
    """Write features and labels, the columns kept apart, and masks, of each split; return the files by split."""
    frame = output.frame
    metadata = {"netlake.classes": json.dumps(frame.classes), "netlake.features": frame.options.features}
    features, apart, masks = Written(), Written(), Written()
    identity = [one.name for one in frame.apart]
    for split in (*frame.splits, *frame.others):
        columns = ["row_id", *(one.name for one in frame.features), *LABEL_COLUMNS]
        features[split] = write(folder / "data", frame.rows(split, columns), split, metadata)
        apart[split] = write(folder / "identity", frame.rows(split, ["row_id", *identity]), split, metadata)
        if output.masks:
            chosen = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in output.masks.items())
            # masks are of the values before they were imputed
            rows = frame.work.batches(f"SELECT row_id, {chosen} FROM work.final WHERE _split = {literal(split)}")
            masks[split] = write(folder / "masks", rows, split, metadata)
    return features, apart, masks


def tables(folder: Path, output: Output) -> None:
    """Write the assignment of every row to a split, and the edges of rows to rules of the truth."""
    work = output.frame.work
    rows = work.batches(
        'SELECT a.id AS row_id, a.split, g.grp AS "group", a.reason, k.capture, k.flow, k.first_packet, k.last_packet,'
        " c.state, c.class"
        " FROM work.assigned a JOIN work.key k USING (id) JOIN work.grouped g USING (id) JOIN work.classed c USING (id)"
        " ORDER BY a.id"
    )
    write(folder / "splits", rows, "splits", {})
    edges = work.batches(
        "SELECT id AS row_id, source, rule, state, label, category, attempted, priority, confidence, ambiguous,"
        " packets, fraction FROM work.hit ORDER BY ALL"
    )
    write(folder / "labels", edges, "labels", {})
