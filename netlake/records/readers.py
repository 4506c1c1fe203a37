"""How the messages of each table become columns, and what keeps one bad reader from losing a whole capture.

A reader never raises over what a message holds: our own are tested with any bytes, but nobody tests a plugin's before
it meets real traffic, and a capture may be evidence. What a reader raises is noted once for each table, with its place
in the code; the rows keep what was read of them and are marked `reader_failed`, which the quality report counts.
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
    """What readers raised: the first of each table as a sentence, in `said`."""

    def __init__(self) -> None:
        self.said: dict[str, str] = {}

    def note(self, table: str, error: Exception) -> None:
        """Remember that the reader of `table` raised `error`, and where."""
        step = traceback.extract_tb(error.__traceback__)[-1]
        self.said.setdefault(table, f"{type(error).__name__}: {error} ({step.filename}, line {step.lineno})")


def reader(entry: tables.Entry, failures: Failures, *, entropy: bool) -> Reader:
    """How the messages of a table become columns: its own columnar reader, its parser, or its fixed header."""
    table = entry.table
    read, parse = entry.hooks.read, entry.hooks.parse
    if read is None and parse is not None:
        # arrays of what a parser yielded may fail too: a value of another type than its column's
        failed = partial(failures.note, table.name)
        return partial(_columnar, partial(by_message, table, parse, failed=failed), table.name, failures)
    columnar = partial(_columnar, read or partial(fixed, table), table.name, failures)
    payload = entry.hooks.entropy if entropy else None
    return columnar if payload is None else partial(_with_entropy, columnar, payload)


def _columnar(read: Columnar, name: str, failures: Failures, messages: Messages) -> tuple[Messages, Columns]:
    """A columnar reader may keep, drop or multiply messages."""
    try:
        columns = read(messages)
    except Exception as error:  # noqa: BLE001 - whatever it is, the capture goes on
        failures.note(name, error)
        kept = messages.take(np.arange(len(messages)))
        kept.flag(np.ones(len(kept), np.bool_), READER_FAILED)
        return kept, {}
    return columns if isinstance(columns, tuple) else (messages, columns)


def _with_entropy(
    read: Reader, entropy: Callable[[Messages, Columns], Any], messages: Messages
) -> tuple[Messages, Columns]:
    kept, columns = read(messages)
    columns["entropy"] = entropy(kept, columns)
    return kept, columns
