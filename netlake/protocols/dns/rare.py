"""Record data that the kernel does not write: in Python, record by record, each distinct data of a batch once.

The size of text and fields per message has the limit of the kernel (kernels/dns_text.py); both together may use twice
that limit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netlake.kernels import dns as k
from netlake.kernels import dns_text as t
from netlake.packets import Malformed, Messages, Short
from netlake.protocols.dns.found import Field, Records, Writer
from netlake.protocols.dns.names import NameCursor
from netlake.protocols.dns.rdata import Data, layout, present, unknown
from netlake.schema import faults

# rows of `texts` that this module writes, T_DATA to T_STATE
FIRST, LAST = t.T_DATA, t.T_STATE
# index of each column of Data in these rows
SPANS = {"target": t.T_TARGET - FIRST, "address": t.T_ADDRESS - FIRST}
NUMBERS = {"preference": t.T_PREFERENCE - FIRST, "weight": t.T_WEIGHT - FIRST, "port": t.T_PORT - FIRST}
NOTHING = [-1] * (LAST - FIRST)
TOO_LARGE = [*NOTHING, faults.TOO_LARGE]


@dataclass(slots=True)
class _Written:
    """Result for one record: its rows of `texts`, its fields, and its share of the message's size limit."""

    rows: list[int]
    fields: list[Field]
    cost: int


def write_rare(messages: Messages, result: Records, writer: Writer) -> None:
    """Write the data of the records that the kernel did not write; data that it could not read as unknown data."""
    left = np.flatnonzero(result.texts[t.T_STATE])
    if not len(left):
        return
    # records repeat often: the result is reused for records with the same data
    memory: dict[tuple[int, bytes], _Written] = {}
    columns: list[list[int]] = []
    message, room, base, data = -1, 0, 0, b""
    states = result.texts[t.T_STATE, left].tolist()
    for record, state, row in zip(left.tolist(), states, result.records[:, left].T.tolist(), strict=True):
        if row[k.R_MESSAGE] != message:
            message = row[k.R_MESSAGE]
            base = int(messages.start[message])
            data = messages.data[base : messages.end[message]].tobytes()
            room = t.TEXT_BASE + t.TEXT_FACTOR * len(data)
        if state == faults.TOO_LARGE or room < 0:
            columns.append(TOO_LARGE)
            continue
        cursor = NameCursor(data, row[k.R_DATA] - base, row[k.R_END] - base)
        written = _written(row, state, cursor, writer, memory)
        room -= written.cost
        if room < 0:
            columns.append(TOO_LARGE)
            continue
        columns.append(written.rows)
        writer.fields += [(record, *field) for field in written.fields]
    result.texts[FIRST : LAST + 1, left] = np.array(columns, np.int64).T


def _written(
    row: list[int], state: int, cursor: NameCursor, writer: Writer, memory: dict[tuple[int, bytes], _Written]
) -> _Written:
    """Result for the data at the cursor, from `memory` if the same data was written before."""
    kind = row[k.R_TYPE]
    data = cursor.data[cursor.at : cursor.end]
    typed = state == t.RARE and layout(kind) and not (kind == t.A and row[k.R_CLASS] == t.CHAOS)
    # keys below 0: data written as unknown data, of any type
    key = (kind if typed else min(-state, 0) - 1, data)
    known = memory.get(key)
    if known is None:
        shown, fault = _understood(kind, cursor, data) if typed else (Data(unknown(data)), max(state, 0))
        known = _write(shown, fault, writer)
        if not cursor.pointed:
            memory[key] = known
    return known


def _understood(kind: int, cursor: NameCursor, data: bytes) -> tuple[Data, int]:
    """The data at the cursor and its fault; unknown data if it does not fit the layout of its type."""
    try:
        return present(kind, cursor), 0
    except Short:
        return Data(unknown(data)), faults.BAD_LENGTH
    except Malformed as error:
        return Data(unknown(data)), faults.CODES[error.fault]


def _write(shown: Data, fault: int, writer: Writer) -> _Written:
    rows = [*NOTHING, fault]
    rows[:2] = writer.span(shown.text)
    for name, value in shown.columns.items():
        if name in SPANS:
            rows[SPANS[name] : SPANS[name] + 2] = writer.span(str(value))
        else:
            rows[NUMBERS[name]] = int(value)
    cost = len(shown.text) + sum(t.FIELD_COST + len(text or "") for _, _, text in shown.fields)
    return _Written(rows, [writer.field(*field) for field in shown.fields], cost)
