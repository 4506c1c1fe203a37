"""CSV and npz files: the features as plain columns, and the class.

- CSV (RFC 4180, UTF-8): one file for each split; a null is an empty field; the last column is `label`, the class.
- npz: one file for each split: `X` (rows x features, float32), `y` (int64, number of the class, -1 without one),
  `row_id` (int64), `feature_names`, `class_names`, `omitted` (features that are not numbers), and for imputed sets
  `mask` (rows x features). A null is NaN. Load it with `numpy.load(path, allow_pickle=False)`.

Both are written a batch at a time: memory does not grow with the number of rows. Numbers above 2^24 lose digits in
float32; Parquet and CSV keep them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from netlake.label.dataset.output import Output
from netlake.label.dataset.work import literal, quoted

# a zip archive has times of its members; this is its earliest, and that of members which are opened by name
EPOCH = (1980, 1, 1, 0, 0, 0)
# floats hardly shrink further at higher levels, which take several times as long
LEVEL = 1
_FORMAT: Any = np.lib.format


def csv(folder: Path, output: Output) -> None:
    """Write csv/SPLIT.csv for each split that has a class."""
    frame = output.frame
    chosen = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in output.flat.items())
    cases = " ".join(f"WHEN {number} THEN {literal(name)}" for number, name in enumerate(frame.classes))
    (folder / "csv").mkdir()
    for split in frame.splits:
        rows = frame.work.batches(
            f"SELECT {chosen}, CASE target {cases} END AS label FROM {frame.relation} WHERE _split = {literal(split)}"
        )
        writer = None
        for batch in rows:
            if writer is None:
                writer = pyarrow.csv.CSVWriter(folder / "csv" / f"{split}.csv", batch.schema)
            writer.write_batch(batch)
        if writer is not None:
            writer.close()


def npz(folder: Path, output: Output) -> None:
    """Write npz/SPLIT.npz for each split, also those without a class."""
    (folder / "npz").mkdir()
    for split in (*output.frame.splits, *output.frame.others):
        if rows := output.frame.count(split):
            _npz(folder / "npz" / f"{split}.npz", output, split, rows)


def _npz(path: Path, output: Output, split: str, rows: int) -> None:
    frame, names = output.frame, output.numeric
    where = f"WHERE _split = {literal(split)}"
    matrix = ", ".join(f"({output.flat[name]})::FLOAT AS {quoted(name)}" for name in names)
    single = {
        "feature_names": np.array(names, np.str_),
        "class_names": np.array(frame.classes, np.str_),
        "omitted": np.array([name for name in output.flat if name not in names], np.str_),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        if names:
            blocks = frame.work.batches(f"SELECT {matrix} FROM {frame.relation} {where}")
            _member(archive, "X", np.dtype(np.float32), (rows, len(names)), map(_float_rows, blocks))
        for name, column in (("y", "target"), ("row_id", "row_id")):
            blocks = frame.work.batches(f"SELECT {column} FROM {frame.relation} {where}")
            _member(archive, name, np.dtype(np.int64), (rows,), (batch.column(0).to_numpy() for batch in blocks))
        if output.masks:
            flags = ", ".join(f"{output.masks.get(name, 'false')} AS {quoted(name)}" for name in names)
            blocks = frame.work.batches(f"SELECT {flags} FROM work.final {where}")
            _member(archive, "mask", np.dtype(np.bool_), (rows, len(names)), map(_bool_rows, blocks))
        for name, array in single.items():
            _member(archive, name, array.dtype, array.shape, iter([array]))


def _member(
    archive: zipfile.ZipFile,
    name: str,
    kind: np.dtype[Any],
    shape: tuple[int, ...],
    blocks: Iterator[npt.NDArray[Any]],
) -> None:
    """Write one array whose rows are in `blocks`."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        header = {"descr": _FORMAT.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
        _FORMAT.write_array_header_2_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block, kind).tobytes())


def _rows(batch: pa.RecordBatch, one: Callable[[pa.Array], npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.stack([one(column) for column in batch.columns], axis=1)


def _float_rows(batch: pa.RecordBatch) -> npt.NDArray[Any]:
    return _rows(batch, lambda column: column.to_numpy(zero_copy_only=False))


def _bool_rows(batch: pa.RecordBatch) -> npt.NDArray[Any]:
    return _rows(batch, lambda column: pc.fill_null(column, fill_value=False).to_numpy(zero_copy_only=False))
