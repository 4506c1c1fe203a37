"""Chooses the reader of each table, and keeps decoding when a reader raises an exception.

Which reader: the table's columnar hook `read`; without one its hook `parse`, called for each message; without either
the fixed header that the declaration describes.

Exceptions: readers of netlake are tested with arbitrary bytes, but those of plugins may not be, and one message must
not end the decoding of a capture. So no exception leaves a reader:
- Rows that were being read have the fault `reader_failed`, which the quality report counts. After an exception in
  `parse` the row has the columns yielded before it; after one in `read` all messages of that call have only context
  columns.
- The first exception of each table is kept in `Failures`, with its file and line, for the quality report.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from netlake import tables
from netlake.layers.parsed import by_message
from netlake.layers.read import fixed
from netlake.packets import Columns, Messages
from netlake.schema.faults import READER_FAILED

Reader = Callable[[Messages], tuple[Messages, Columns]]
Columnar = Callable[[Messages], Columns | tuple[Messages, Columns]]


class Failures:
    """The first exception that the reader of each table raised, as text: `by_table`."""

    def __init__(self) -> None:
        self.by_table: dict[str, str] = {}

    def note(self, table: str, error: Exception) -> None:
        """Record that the reader of `table` raised `error`, and in which line."""
        step = traceback.extract_tb(error.__traceback__)[-1]
        self.by_table.setdefault(table, f"{type(error).__name__}: {error} ({step.filename}, line {step.lineno})")


def reader(entry: tables.Entry, failures: Failures, *, entropy: bool) -> Reader:
    """The function that turns the messages of a table into columns; with `entropy`, column `entropy` is among them."""
    table = entry.table
    read, parse = entry.hooks.read, entry.hooks.parse
    if read is None and parse is not None:
        # _columnar is needed too: a yielded value of the wrong type raises only when the array is built
        failed = partial(failures.note, table.name)
        return partial(_columnar, partial(by_message, table, parse, failed=failed), table.name, failures)
    columnar = read or partial(fixed, table)
    if entropy and entry.hooks.entropy is not None:
        columnar = partial(_with_entropy, columnar, entry.hooks.entropy)
    return partial(_columnar, columnar, table.name, failures)


def _columnar(read: Columnar, name: str, failures: Failures, messages: Messages) -> tuple[Messages, Columns]:
    """The result of `read`, with one message for each row; if it raises, all rows have the fault `reader_failed`."""
    try:
        columns = read(messages)
    except Exception as error:  # noqa: BLE001 - any exception; decoding continues
        failures.note(name, error)
        kept = messages.take(np.arange(len(messages)))
        kept.flag(np.ones(len(kept), np.bool_), READER_FAILED)
        return kept, {}
    return columns if isinstance(columns, tuple) else (messages, columns)


def _with_entropy(
    read: Columnar, entropy: Callable[[Messages, Columns], Any], messages: Messages
) -> tuple[Messages, Columns]:
    """The result of `read` with column `entropy`; an exception of the hook `entropy` is one of the reader."""
    found = read(messages)
    kept, columns = found if isinstance(found, tuple) else (messages, found)
    columns["entropy"] = entropy(kept, columns)
    return kept, columns
