"""Reads messages one by one with a protocol's hook `parse`, and returns rows and columns.

Rules of `parse(cursor)`:
- It is a generator of (column, value); a column that it does not yield is null.
- It needs no length checks. The cursor raises Short at the end of the message, Malformed reports a violation of the
  specification; both set the row's fault, and columns yielded before are kept.
- A list is yielded before it is filled, so that elements read before such an end are kept.
- Yielding NEXT ends a row and starts another one from the same message. Yielding NO_ROW ends the message without the
  row since the last NEXT.
- Addresses and text may be bytes (netlake.layers.yielded).
- Messages are read in the order of the capture. A table with the hook `memory` reads `cursor.memory`, one object for
  the whole capture, and the addresses `cursor.sender` and `cursor.receiver`: what is remembered of one host must not
  be used for another.

One message costs some microseconds in Python. `each` reads only some messages of a batch this way, after a fixed header
that was read by column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from netlake.layers.yielded import yielded_columns
from netlake.packets import Columns, Cursor, Ints, Malformed, Mask, Messages, Short
from netlake.schema import Table, faults

Parser = Callable[[Cursor], Iterator[tuple[str, Any]]]
Failed = Callable[[Exception], None]


class Origin(NamedTuple):
    """Where a message is in the capture: the context of its row (netlake.records.context), with addresses as text."""

    number: int
    ts: int
    untimed: bool
    last: int
    flow: int
    from_originator: bool
    sender: str | None
    receiver: str | None
    source_port: int
    destination_port: int


# yielded as column name: ends the row and starts the next
NEXT = ""
# yielded as column name: ends the message; values since the last NEXT make no row
NO_ROW = "-"


def several(rows: Iterable[Iterator[tuple[str, Any]]]) -> Iterator[tuple[str, Any]]:
    """What `parse` yields for a message with a row for each of `rows`, or without rows if there are none."""
    empty = True
    for row in rows:
        if not empty:
            yield NEXT, None
        empty = False
        yield from row
    if empty:
        yield NO_ROW, None


def by_message(
    table: Table, parse: Parser, messages: Messages, failed: Failed | None = None, memory: Any = None
) -> tuple[Messages, Columns]:
    """The columns that `parse` yields, with the messages taken once for each row; `failed` as for `rows`.

    `memory` is the result of the table's hook `memory`, if it has one.
    """
    found: list[dict[str, Any]] = []
    index: list[int] = []
    marks: list[int] = []
    every = cursors(messages) if memory is None else _remembering(messages, memory)
    for position, cursor in enumerate(every):
        for fields, fault in rows(parse, cursor, failed):
            found.append(fields)
            index.append(position)
            marks.append(fault)
    kept = messages.take(np.array(index, np.intp))
    codes = np.array(marks, np.int8)
    kept.fault = np.where(kept.fault == 0, codes, kept.fault)
    _number_places(kept, messages, np.array(index, np.intp))
    return kept, yielded_columns(table, found, kept)


def each(table: Table, parse: Parser, messages: Messages, among: Mask, at: int | Ints = 0) -> Columns:
    """The columns that `parse` yields for the messages of the mask `among`, read from offset `at`; null for others.

    For the variable part after a fixed header. Faults are set in `messages`. `parse` must yield exactly one row for
    each message.
    """
    nothing: dict[str, Any] = {}
    found = [nothing] * len(messages)
    index = np.flatnonzero(among)
    offsets = np.broadcast_to(at, len(messages))[index].tolist()
    for position, cursor, offset in zip(index.tolist(), cursors(messages.take(index)), offsets, strict=True):
        cursor.at = offset
        fields, fault = rows(parse, cursor)[0]
        found[position] = fields
        if fault:
            messages.flag(np.array([position], np.intp), fault)
    return yielded_columns(table, found, messages)


def cursors(messages: Messages) -> Iterator[Cursor]:
    """A cursor for each message."""
    columns = (messages.hint, messages.missing, messages.source_port, messages.destination_port)
    for data, hint, missing, source, destination in zip(messages, *(array.tolist() for array in columns), strict=True):
        yield Cursor(data, 0, -1, hint, None, missing, source, destination)


def _remembering(messages: Messages, memory: Any) -> Iterator[Cursor]:
    """A cursor for each message, with `memory`, its addresses and origin; without a context these are unknown."""
    for cursor, origin in zip(cursors(messages), _origins(messages), strict=True):
        cursor.memory, cursor.origin = memory, origin
        cursor.sender, cursor.receiver = (None, None) if origin is None else (origin.sender, origin.receiver)
        yield cursor


def _origins(messages: Messages) -> Iterable[Origin | None]:
    """The origin of each message; None without a context."""
    context, count = messages.context, len(messages)
    if context is None:
        return [None] * count
    ends = [
        [None] * count if codes is None else messages.pools["ip"].text(codes).to_pylist()
        for codes in (context.src, context.dst)
    ]
    last = context.number if context.last is None else context.last
    known = (context.number, context.ts, context.untimed, last, context.flow, context.from_originator)
    columns = [[0] * count if column is None else column.tolist() for column in known]
    ports = (messages.source_port.tolist(), messages.destination_port.tolist())
    return map(Origin, *columns, *ends, *ports)


def rows(parse: Parser, cursor: Cursor, failed: Failed | None = None) -> list[tuple[dict[str, Any], int]]:
    """The rows of one message, each with its fault code; columns yielded before an early end are kept.

    Any other exception of `parse` is passed to `failed` and sets the fault `reader_failed`; without `failed` it is
    raised.
    """
    done: list[tuple[dict[str, Any], int]] = []
    fields: dict[str, Any] = {}
    fault = None
    try:
        for name, value in parse(cursor):
            if name and name != NO_ROW:
                fields[name] = value
            elif name == NEXT:
                done.append((fields, faults.CODES[cursor.faults[0]] if cursor.faults else 0))
                fields = {}
                cursor.faults.clear()
            else:
                return done
    except Short:
        fault = "cut" if cursor.missing > 0 else "short_header"
    except Malformed as found:
        fault = found.fault
    except Exception as error:
        if failed is None:
            raise
        failed(error)
        fault = "reader_failed"
    if cursor.faults:
        fault = cursor.faults[0]
    done.append((fields, faults.CODES[fault] if fault else 0))
    return done


def _number_places(kept: Messages, messages: Messages, index: npt.NDArray[np.intp]) -> None:
    """Renumber `place` in each packet if a message has several rows or none."""
    if np.array_equal(index, np.arange(len(messages))):
        return
    first = dict(zip(messages.row[::-1].tolist(), messages.place[::-1].tolist(), strict=True))
    row, place = kept.row, kept.place
    for position in range(len(index)):
        follows = position > 0 and row[position] == row[position - 1]
        place[position] = place[position - 1] + 1 if follows else first[int(row[position])]
