"""Writes the rows of tables to a folder, one file for each table, as Parquet, CSV or JSON.

The files are written to a folder beside it, which gets its name when all are complete: the folder exists with every
file, or not at all. An existing folder must be empty.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from netlake.errors import OptionError
from netlake.query import output
from netlake.spelling import spelled

# format -> ending of the names of files
FORMS = {"parquet": ".parquet", "csv": ".csv", "json": ".json", "jsonl": ".jsonl"}


def check(folder: Path, form: str) -> None:
    """OptionError if `folder` cannot become one of files, or `form` is not in FORMS."""
    if form not in FORMS:
        raise OptionError(f"{form!r} is not a format of files of tables; use {', '.join(FORMS)}.")
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"{spelled(folder)} is a file; name a folder that does not exist.")
    if folder.is_dir() and any(folder.iterdir()):
        raise OptionError(f"The folder {spelled(folder)} is not empty; name one that does not exist.")
    if not folder.absolute().parent.is_dir():
        raise OptionError(f"{spelled(folder)}: the folder above it does not exist; create it first.")


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, which is renamed to it when the block ends without an error."""
    try:
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.absolute().parent))
    except OSError as error:
        raise OptionError(f"{spelled(folder)} cannot be written: {error.strerror}.") from error
    try:
        yield made
        made.chmod(0o777 & ~_umask())
        os.replace(made, folder)  # noqa: PTH105 - Path.replace refuses no more
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write(folder: Path, form: str, table: str, rows: pa.RecordBatchReader) -> None:
    """Write the rows of one table to its file in `folder`."""
    with (folder / f"{table}{FORMS[form]}").open("wb") as file:
        writer = output.writer(form, file, rows.schema, output.Style(table=table))
        for batch in rows:
            writer.write(batch)
        writer.close()
