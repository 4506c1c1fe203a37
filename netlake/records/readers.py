"""Chooses the reader of each table, and keeps decoding when a reader raises an exception.

Which reader: the table's columnar hook `read`; without one its hook `parse`, called for each message; without either
the fixed header that the declaration describes.

Exceptions: readers of netlake are tested with arbitrary bytes, but those of plugins may not be, and one message must
not end the decoding of a capture. So no exception leaves a reader, and a result that is invalid counts as one
(netlake.records.checks):
- Rows that were being read have the fault `reader_failed`, which the quality report counts. After an exception in
  `parse` the row has the columns yielded before it; after one in `read` all messages of that call have only context
  columns; after one in `fill_from_flow` they have the columns that were read before.
- The first exception of each table is kept in `Failures`, with its file and line, for the quality report. The line of
  an invalid result is that of the hook's definition.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np

from netlake import tables
from netlake.layers.evidence import Candidates
from netlake.layers.parsed import by_message
from netlake.layers.pools import new_pools
from netlake.layers.read import fixed
from netlake.packets import HEADER, Columns, Mask, Messages, Tiny
from netlake.records.checks import Checks, InvalidResult
from netlake.schema.faults import CUT, READER_FAILED

Reader = Callable[[Messages], tuple[Messages, Columns]]
Columnar = Callable[[Messages], Columns | tuple[Messages, Columns]]
Filler = Callable[[Messages, Columns, Tiny], Columns]


class Failures:
    """The first exception that the reader of each table raised, as text: `by_table`."""

    def __init__(self) -> None:
        self.by_table: dict[str, str] = {}

    def note(self, table: str, error: Exception, hook: Callable[..., Any] | None = None) -> None:
        """Record that a hook of `table` raised `error`, and in which line; for InvalidResult the line of `hook`."""
        step = traceback.extract_tb(error.__traceback__)[-1]
        file, line = step.filename, step.lineno
        code = getattr(hook, "__code__", None)
        if isinstance(error, InvalidResult) and code is not None:
            file, line = code.co_filename, code.co_firstlineno
        self.by_table.setdefault(table, f"{type(error).__name__}: {error} ({file}, line {line})")


def reader(entry: tables.Entry, failures: Failures, *, entropy: bool, memory: Any = None) -> Reader:
    """The function that turns the messages of a table into columns; with `entropy`, column `entropy` is among them.

    `memory` is what the table's hook `memory` returned, None for a new one.
    """
    table, checks = entry.table, Checks(entry.table, outside=entry.outside)
    read, parse = entry.hooks.read, entry.hooks.parse
    if memory is None and entry.hooks.memory is not None:
        memory = entry.hooks.memory()
    if read is None and parse is not None:
        # _columnar is needed too: a yielded value of the wrong type raises only when the array is built
        failed = partial(failures.note, table.name)
        by_parse = partial(by_message, table, parse, failed=failed, memory=memory)
        return partial(_columnar, by_parse, checks, partial(failures.note, table.name, hook=parse))
    columnar = read or partial(fixed, table)
    if read is not None and entry.hooks.memory is not None:
        columnar = partial(read, memory=memory)
    if entropy and entry.hooks.entropy is not None:
        columnar = partial(_with_entropy, columnar, entry.hooks.entropy)
    return partial(_columnar, columnar, checks, partial(failures.note, table.name, hook=read))


def filler(entry: tables.Entry, hook: Callable[[Messages, Columns, Tiny], None], failures: Failures) -> Filler:
    """The function that returns columns with those that `hook`, a `fill_from_flow`, adds.

    If the hook raises, or adds invalid columns, the result are the columns that were given, and all messages have the
    fault `reader_failed`.
    """
    checks = Checks(entry.table, outside=entry.outside)
    failed = partial(failures.note, entry.table.name, hook=hook)

    def filled(kept: Messages, columns: Columns, shifts: Tiny) -> Columns:
        found = dict(columns)
        try:
            hook(checks.given(kept), found, shifts)
            return checks.checked(found, kept)
        except Exception as error:  # noqa: BLE001 - any exception; decoding continues
            failed(error)
            kept.flag(np.ones(len(kept), np.bool_), READER_FAILED)
            return columns

    return filled


class Trials:
    """Whether messages are of a table, by its probe and by its reader, whatever tables are written.

    What a trial reads is discarded: it has pools of its own, and its failures are not reported.
    """

    def __init__(self) -> None:
        self.readers: dict[str, Reader] = {}
        self.pools: dict[str, Any] = {}

    def takes(self, name: str, messages: Messages) -> Mask:
        """The messages that the probe of table `name` takes, if it has one, each without evidence of others."""
        hooks = tables.entries()[name].hooks
        mask = np.zeros(len(messages), np.bool_)
        if hooks.probe is not None:
            with suppress(Exception):  # the classifier reports what a probe raises
                index = np.flatnonzero(hooks.probe(messages))
                taken: Any = True
                if hooks.evidence is not None and len(index):
                    alone = Candidates(messages.take(index), index, np.zeros(0, HEADER))
                    alone.ends = (index, index)  # each in a flow of its own
                    taken = hooks.evidence().judge(alone).taken
                mask[index] = taken
        return mask

    def reads(self, name: str, messages: Messages) -> Mask:
        """The messages that the reader of table `name` reads without a fault other than `cut`."""
        if name not in self.readers:
            self.readers[name] = reader(tables.entries()[name], Failures(), entropy=False)
        if not self.pools or any(pool.full for pool in self.pools.values()):
            self.pools = new_pools()
        given = messages.take(np.arange(len(messages)))
        given.row, given.fault, given.pools = np.arange(len(messages), dtype=np.int32), given.fault * 0, self.pools
        given.context = None
        kept, _ = self.readers[name](given)
        result = np.zeros(len(messages), np.bool_)
        result[kept.row] = True
        result[kept.row[(kept.fault != 0) & (kept.fault != CUT)]] = False
        return result


def _columnar(
    read: Columnar, checks: Checks, failed: Callable[[Exception], None], messages: Messages
) -> tuple[Messages, Columns]:
    """The result of `read`, with one message for each row.

    If `read` raises, or its result is invalid, all rows have the fault `reader_failed`.
    """
    try:
        given = checks.given(messages)
        return checks.result(read(given), given, messages)
    except Exception as error:  # noqa: BLE001 - any exception; decoding continues
        failed(error)
        kept = messages.take(np.arange(len(messages)))
        kept.flag(np.ones(len(kept), np.bool_), READER_FAILED)
        return kept, {}


def _with_entropy(
    read: Columnar, entropy: Callable[[Messages, Columns], Any], messages: Messages
) -> tuple[Messages, Columns]:
    """The result of `read` with column `entropy`; an exception of the hook `entropy` is one of the reader."""
    found = read(messages)
    kept, columns = found if isinstance(found, tuple) else (messages, found)
    columns["entropy"] = entropy(kept, columns)
    return kept, columns
